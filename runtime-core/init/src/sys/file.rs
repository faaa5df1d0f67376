//! Files and directories.

use super::call::syscall;
use super::{Errno, Fd, Result};
use core::ffi::CStr;

/// The current directory, for `*at` calls.
pub const AT_FDCWD: Fd = -100;
/// The file descriptor itself.
pub const AT_EMPTY_PATH: u32 = 0x1000;
/// Do not follow a last symbolic link.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// With the mounts below.
pub const AT_RECURSIVE: u32 = 0x8000;
/// Check with the effective ids.
pub const AT_EACCESS: u32 = 0x200;
/// `access(2)`: may it be executed.
pub const X_OK: u32 = 1;

/// `open(2)` flags. The directory and symlink bits differ by architecture.
#[allow(missing_docs)]
pub mod o {
    pub const RDONLY: u64 = 0;
    pub const WRONLY: u64 = 1;
    pub const RDWR: u64 = 2;
    pub const CREAT: u64 = 0o100;
    pub const EXCL: u64 = 0o200;
    pub const NOCTTY: u64 = 0o400;
    pub const CLOEXEC: u64 = 0o2_000_000;
    pub const PATH: u64 = 0o10_000_000;
    #[cfg(target_arch = "x86_64")]
    pub const DIRECTORY: u64 = 0o200_000;
    #[cfg(target_arch = "x86_64")]
    pub const NOFOLLOW: u64 = 0o400_000;
    #[cfg(target_arch = "aarch64")]
    pub const DIRECTORY: u64 = 0o40_000;
    #[cfg(target_arch = "aarch64")]
    pub const NOFOLLOW: u64 = 0o100_000;
}

/// `openat2(2)`: how a path may be walked.
#[allow(missing_docs)]
pub mod resolve {
    pub const NO_XDEV: u64 = 0x01;
    pub const NO_MAGICLINKS: u64 = 0x02;
    pub const NO_SYMLINKS: u64 = 0x04;
    pub const BENEATH: u64 = 0x08;
    pub const IN_ROOT: u64 = 0x10;
}

/// `struct open_how`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenHow {
    /// `O_*`.
    pub flags: u64,
    /// Permissions of what is made.
    pub mode: u64,
    /// `RESOLVE_*`.
    pub resolve: u64,
}

/// How often a walk is begun anew that a rename has crossed.
const WALKS: u32 = 4096;

/// `openat2(2)`; the descriptor is close-on-exec. Where a rename or a mount, anywhere on the machine, happens while the kernel goes up a
/// `..`, it cannot tell whether it is still below `dir`, and wants to be asked again.
pub fn openat2(dir: Fd, path: &CStr, how: OpenHow) -> Result<Fd> {
    let how = OpenHow { flags: how.flags | o::CLOEXEC, ..how };
    for _ in 1..WALKS {
        match openat2_once(dir, path, &how) {
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
    }
    openat2_once(dir, path, &how)
}

fn openat2_once(dir: Fd, path: &CStr, how: &OpenHow) -> Result<Fd> {
    // SAFETY: the path ends with NUL, and `how` lives across the call, its size given with it; the kernel reads both.
    unsafe { syscall!(OPENAT2, dir, path, core::ptr::from_ref(how), size_of::<OpenHow>()) }.map(|fd| fd as Fd)
}

/// `openat(2)`; the descriptor is close-on-exec.
pub fn openat(dir: Fd, path: &CStr, flags: u64) -> Result<Fd> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(OPENAT, dir, path, flags | o::CLOEXEC, 0usize) }.map(|fd| fd as Fd)
}

/// `close(2)`. The descriptor is gone even where it reports an error.
pub fn close(fd: Fd) {
    // SAFETY: no memory is involved.
    let _ = unsafe { syscall!(CLOSE, fd) };
}

/// `close_range(2)` of a descriptor and all above it.
pub fn close_from(first: Fd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(CLOSE_RANGE, first, u32::MAX, 0usize) }.map(drop)
}

/// `close_range(2)` with `CLOSE_RANGE_CLOEXEC`: they end with the next exec.
pub fn close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(CLOSE_RANGE, first, u32::MAX, 4usize) }.map(drop)
}

/// `dup3(2)`, or nothing where both are the same.
pub fn dup3(from: Fd, to: Fd, flags: u64) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(DUP3, from, to, flags) }.map(drop)
}

/// `fcntl(F_SETFD)`: let a descriptor live over an exec.
pub fn keep_open(fd: Fd) -> Result<()> {
    // SAFETY: no memory is involved; 2 is F_SETFD.
    unsafe { syscall!(FCNTL, fd, 2usize, 0usize) }.map(drop)
}

/// `fcntl(F_SETFD)`: a descriptor ends with the next exec.
pub fn close_on_exec(fd: Fd) -> Result<()> {
    // SAFETY: no memory is involved; 2 is F_SETFD, 1 is FD_CLOEXEC.
    unsafe { syscall!(FCNTL, fd, 2usize, 1usize) }.map(drop)
}

/// `fcntl(F_GETFD)`.
pub fn fd_flags(fd: Fd) -> Result<usize> {
    // SAFETY: no memory is involved; 1 is F_GETFD.
    unsafe { syscall!(FCNTL, fd, 1usize) }
}

/// `read(2)`.
pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length into it.
    unsafe { syscall!(READ, fd, buffer.as_mut_ptr(), buffer.len()) }
}

/// `write(2)`.
pub fn write(fd: Fd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads the bytes.
    unsafe { syscall!(WRITE, fd, bytes.as_ptr(), bytes.len()) }
}

/// `mkdirat(2)`.
pub fn mkdirat(dir: Fd, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(MKDIRAT, dir, path, mode) }.map(drop)
}

/// `mknodat(2)`.
pub fn mknodat(dir: Fd, path: &CStr, mode: u32, device: u64) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(MKNODAT, dir, path, mode, device) }.map(drop)
}

/// A device number as `mknod(2)` and `stat(2)` have it.
#[must_use]
pub fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12) | ((major & !0xfff) << 32)
}

/// `symlinkat(2)`.
pub fn symlinkat(target: &CStr, dir: Fd, path: &CStr) -> Result<()> {
    // SAFETY: both end with NUL; the kernel reads them.
    unsafe { syscall!(SYMLINKAT, target, dir, path) }.map(drop)
}

/// `readlinkat(2)`: how much of the buffer was filled.
pub fn readlinkat(dir: Fd, path: &CStr, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the path ends with NUL; the kernel writes at most the buffer's length.
    unsafe { syscall!(READLINKAT, dir, path, buffer.as_mut_ptr(), buffer.len()) }
}

/// `unlinkat(2)` of something that is no directory.
pub fn unlinkat(dir: Fd, path: &CStr) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(UNLINKAT, dir, path, 0usize) }.map(drop)
}

/// `fchownat(2)` of the file itself, not of what a link points to.
pub fn fchownat(dir: Fd, path: &CStr, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(FCHOWNAT, dir, path, uid, gid, AT_SYMLINK_NOFOLLOW) }.map(drop)
}

/// `fchown(2)`; `u32::MAX` leaves an id as it is.
pub fn fchown(fd: Fd, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(FCHOWN, fd, uid, gid) }.map(drop)
}

/// `fchmod(2)`.
pub fn fchmod(fd: Fd, mode: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(FCHMOD, fd, mode) }.map(drop)
}

/// `faccessat2(2)`, with the effective ids.
pub fn faccessat2(dir: Fd, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(FACCESSAT2, dir, path, mode, AT_EACCESS) }.map(drop)
}

/// What of `struct stat` is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The device a node stands for.
    pub rdev: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last access and last change, as seconds and nanoseconds.
    pub times: [(i64, i64); 2],
}

#[allow(missing_docs)]
impl Stat {
    pub const TYPE: u32 = 0o170_000;
    pub const DIRECTORY: u32 = 0o040_000;
    pub const REGULAR: u32 = 0o100_000;
    pub const LINK: u32 = 0o120_000;
    pub const CHARACTER: u32 = 0o020_000;

    /// The type.
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.mode & Self::TYPE
    }
}

/// `struct stat` as the kernel lays it out.
#[repr(C)]
#[derive(Default)]
#[cfg(target_arch = "x86_64")]
struct KernelStat {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    pad: u32,
    rdev: u64,
    size: u64,
    block_size: u64,
    blocks: u64,
    times: [i64; 4],
    rest: [u64; 5],
}

/// `struct stat` as the kernel lays it out.
#[repr(C)]
#[derive(Default)]
#[cfg(target_arch = "aarch64")]
struct KernelStat {
    dev: u64,
    ino: u64,
    mode: u32,
    nlink: u32,
    uid: u32,
    gid: u32,
    rdev: u64,
    pad: u64,
    size: u64,
    block_size: u64,
    blocks: u64,
    times: [i64; 4],
    rest: [u64; 3],
}

/// `newfstatat(2)`, not following a last link.
pub fn fstatat(dir: Fd, path: &CStr) -> Result<Stat> {
    let mut stat = KernelStat::default();
    // SAFETY: the path ends with NUL, and `stat` is as large as the kernel's.
    unsafe { syscall!(NEWFSTATAT, dir, path, &raw mut stat, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) }?;
    let [access_s, access_ns, change_s, change_ns] = stat.times;
    let times = [(access_s, access_ns), (change_s, change_ns)];
    Ok(Stat { mode: stat.mode, uid: stat.uid, gid: stat.gid, rdev: stat.rdev, size: stat.size, times })
}

/// `fstat(2)`.
pub fn fstat(fd: Fd) -> Result<Stat> {
    fstatat(fd, c"")
}

fn statfs_words(fd: Fd) -> Result<[u64; 16]> {
    let mut words = [0u64; 16];
    // SAFETY: `struct statfs` is 120 bytes on both architectures.
    unsafe { syscall!(FSTATFS, fd, words.as_mut_ptr()) }?;
    Ok(words)
}

/// `fstatfs(2)`: the file system's magic number.
pub fn fstatfs(fd: Fd) -> Result<u64> {
    statfs_words(fd)?.first().copied().ok_or(Errno::EINVAL)
}

/// `fstatfs(2)`: the mount's `ST_*` flags.
pub fn statfs_flags(fd: Fd) -> Result<u64> {
    statfs_words(fd)?.get(10).copied().ok_or(Errno::EINVAL)
}

/// `getdents64(2)`: how much of the buffer was filled.
pub fn getdents64(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length into it.
    unsafe { syscall!(GETDENTS64, fd, buffer.as_mut_ptr(), buffer.len()) }
}

/// `utimensat(2)` of the file itself, to the given (seconds, nanoseconds) of last access and change.
pub fn utimensat(dir: Fd, path: &CStr, times: [(i64, i64); 2]) -> Result<()> {
    // SAFETY: the path ends with NUL; two pairs of words are two `struct timespec`.
    unsafe { syscall!(UTIMENSAT, dir, path, times.as_ptr(), AT_SYMLINK_NOFOLLOW) }.map(drop)
}

/// `ioctl(2)` whose argument is a value, not a pointer.
pub fn ioctl_value(fd: Fd, request: u32, value: u64) -> Result<usize> {
    // SAFETY: the requests this crate makes so (TIOCSCTTY, TIOCGPTPEER) take a number.
    unsafe { syscall!(IOCTL, fd, request, value) }
}

/// `ioctl(2)` whose argument is a structure the kernel reads.
///
/// # Safety
/// `T` must be what the request takes.
pub unsafe fn ioctl_with<T>(fd: Fd, request: u32, argument: &T) -> Result<()> {
    // SAFETY: the caller vouches that the kernel reads no more than a `T`.
    unsafe { syscall!(IOCTL, fd, request, core::ptr::from_ref(argument)) }.map(drop)
}

/// `umask(2)`.
pub fn umask(mask: u32) -> u32 {
    // SAFETY: no memory is involved.
    unsafe { syscall!(UMASK, mask) }.unwrap_or(0) as u32
}

/// `chdir(2)`.
pub fn chdir(path: &CStr) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(CHDIR, path) }.map(drop)
}

/// `fchdir(2)`.
pub fn fchdir(fd: Fd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(FCHDIR, fd) }.map(drop)
}

/// `chroot(2)`.
pub fn chroot(path: &CStr) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(CHROOT, path) }.map(drop)
}

/// `getcwd(2)`: how much of the buffer was filled, NUL included.
pub fn getcwd(buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length into it.
    unsafe { syscall!(GETCWD, buffer.as_mut_ptr(), buffer.len()) }
}
