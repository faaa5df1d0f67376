//! Crossing into the kernel: `syscall(2)` itself, its numbers, and errno by value.

use core::ffi::CStr;

/// An errno, by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

#[allow(missing_docs)]
impl Errno {
    pub const EPERM: Self = Self(1);
    pub const ENOENT: Self = Self(2);
    pub const EINTR: Self = Self(4);
    pub const E2BIG: Self = Self(7);
    pub const EAGAIN: Self = Self(11);
    pub const EACCES: Self = Self(13);
    pub const EBUSY: Self = Self(16);
    pub const EEXIST: Self = Self(17);
    pub const ENODEV: Self = Self(19);
    pub const ENOTDIR: Self = Self(20);
    pub const EISDIR: Self = Self(21);
    pub const EINVAL: Self = Self(22);
    pub const EROFS: Self = Self(30);
    pub const EDQUOT: Self = Self(122);
    pub const ENAMETOOLONG: Self = Self(36);
    pub const ENOSYS: Self = Self(38);
    pub const ELOOP: Self = Self(40);
    pub const EPROTO: Self = Self(71);
    pub const EOPNOTSUPP: Self = Self(95);
    /// `ETIMEDOUT`.
    pub const ETIMEDOUT: Self = Self(110);
}

/// The numbers, by architecture.
macro_rules! numbers {
    ($($name:ident $x86_64:literal $aarch64:literal,)*) => {
        /// Numbers of system calls.
        #[allow(missing_docs)]
        pub(super) mod nr {
            $(
                #[cfg(target_arch = "x86_64")]
                pub(crate) const $name: usize = $x86_64;
                #[cfg(target_arch = "aarch64")]
                pub(crate) const $name: usize = $aarch64;
            )*
        }
    };
}

numbers! {
    READ 0 63, WRITE 1 64, CLOSE 3 57, MMAP 9 222, RT_SIGACTION 13 134, RT_SIGPROCMASK 14 135, IOCTL 16 29,
    SOCKET 41 198, SENDMSG 46 211, CLONE 56 220, EXIT_GROUP 231 94, FCHDIR 81 50, CHDIR 80 49, FCHOWN 93 55, UMASK 95 166,
    GETCWD 79 17, SETSID 112 157, SETGROUPS 116 159, SETRESUID 117 147, SETRESGID 119 149, CAPSET 126 91, PERSONALITY 135 92,
    PRCTL 157 167, SETXATTR 188 5, CHROOT 161 51, MOUNT 165 40, UMOUNT2 166 39, SETHOSTNAME 170 161, SETDOMAINNAME 171 162, PIVOT_ROOT 155 41,
    SCHED_SETAFFINITY 203 122, GETDENTS64 217 61, KEYCTL 250 219, IOPRIO_SET 251 30, OPENAT 257 56, MKDIRAT 258 34, MKNODAT 259 33,
    FCHOWNAT 260 54, NEWFSTATAT 262 79, UNLINKAT 263 35, SYMLINKAT 266 36, READLINKAT 267 78, FCHMOD 91 52, UNSHARE 272 97,
    SET_MEMPOLICY 238 237, DUP3 292 24, PRLIMIT64 302 261, SETNS 308 268, SCHED_SETATTR 314 274, SECCOMP 317 277,
    EXECVEAT 322 281, FACCESSAT2 439 439, UTIMENSAT 280 88, OPEN_TREE 428 428, MOVE_MOUNT 429 429,
    FSOPEN 430 430, FSCONFIG 431 431, FSMOUNT 432 432, CLONE3 435 435, CLOSE_RANGE 436 436, OPENAT2 437 437, MOUNT_SETATTR 442 442,
    FCNTL 72 25, PIDFD_OPEN 434 434, PIDFD_GETFD 438 438, FSTATFS 138 44, EXECVE 59 221,
}

/// One argument of a system call.
pub(super) trait Arg {
    fn word(self) -> usize;
}

impl Arg for usize {
    fn word(self) -> usize {
        self
    }
}

impl Arg for u32 {
    fn word(self) -> usize {
        self as usize
    }
}

impl Arg for u64 {
    fn word(self) -> usize {
        self as usize
    }
}

impl Arg for i32 {
    fn word(self) -> usize {
        self as isize as usize
    }
}

impl Arg for &CStr {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

impl<T> Arg for *const T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Arg for *mut T {
    fn word(self) -> usize {
        self as usize
    }
}

/// `syscall(2)` with up to six arguments; the rest are 0.
macro_rules! syscall {
    ($nr:ident $(, $arg:expr)* $(,)?) => {
        $crate::sys::call::finish($crate::sys::call::enter($crate::sys::call::nr::$nr, $crate::sys::call::six([$($crate::sys::call::Arg::word($arg)),*])))
    };
}
pub(super) use syscall;

/// The arguments, filled up with zeros.
pub(super) fn six<const N: usize>(args: [usize; N]) -> [usize; 6] {
    let mut all = [0; 6];
    for (to, from) in all.iter_mut().zip(args) {
        *to = from;
    }
    all
}

/// What the kernel returned, as a result.
pub(super) fn finish(value: usize) -> super::Result<usize> {
    match value.cast_signed() {
        errno @ -4095..=-1 => Err(Errno((errno.wrapping_neg()) as i32)),
        _ => Ok(value),
    }
}

/// Enters the kernel.
///
/// # Safety
/// As the man page of the call says: pointers must be good for as long as the kernel uses them.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn enter(nr: usize, [a, b, c, d, e, f]: [usize; 6]) -> usize {
    let value;
    // SAFETY: the x86_64 convention: number and result in rax, arguments in these six, rcx and r11 lost. What the call itself does
    // to memory is the caller's to vouch for.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") nr => value, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    value
}

/// Enters the kernel.
///
/// # Safety
/// As the man page of the call says: pointers must be good for as long as the kernel uses them.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn enter(nr: usize, [a, b, c, d, e, f]: [usize; 6]) -> usize {
    let value;
    // SAFETY: the aarch64 convention: number in x8, arguments in x0 to x5, result in x0. What the call itself does to memory is the
    // caller's to vouch for.
    unsafe {
        core::arch::asm!("svc 0", in("x8") nr, inlateout("x0") a => value, in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack));
    }
    value
}
