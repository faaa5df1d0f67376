//! Processes, identities, limits.

use super::call::syscall;
use super::{Fd, Result};
use core::ffi::CStr;

/// `struct clone_args`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct CloneArgs {
    /// `CLONE_*`.
    pub flags: u64,
    /// Where the pidfd goes.
    pub pidfd: u64,
    /// Unused.
    pub child_tid: u64,
    /// Unused.
    pub parent_tid: u64,
    /// The signal at its end.
    pub exit_signal: u64,
    /// The lowest byte of its stack.
    pub stack: u64,
    /// The stack's length.
    pub stack_size: u64,
    /// Unused.
    pub tls: u64,
    /// Unused.
    pub set_tid: u64,
    /// Unused.
    pub set_tid_size: u64,
    /// With `CLONE_INTO_CGROUP`, the directory.
    pub cgroup: u64,
}

/// `clone3(2)` into a function with a stack of its own: returns the pid, and never returns in the child.
///
/// # Safety
/// `args` must give the child a stack that lives until it has executed another program or ended. With `CLONE_VM`, `child` may touch
/// nothing that another thread touches, and must keep to async-signal-safe calls.
pub unsafe fn clone3(args: &CloneArgs, child: extern "C" fn(*const u8) -> !, argument: *const u8) -> Result<i32> {
    let value: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: in the child rax is 0 and rsp the new stack: it goes straight into `child`, which does not return, so nothing of this
    // frame is touched there. In the parent only rax, rcx and r11 have changed.
    unsafe {
        core::arch::asm!(
            "syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r12", "call r13", "ud2", "2:",
            inlateout("rax") super::call::nr::CLONE3 => value, in("rdi") core::ptr::from_ref(args), in("rsi") size_of::<CloneArgs>(),
            in("r12") argument, in("r13") child, lateout("rcx") _, lateout("r11") _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: in the child x0 is 0 and sp the new stack: it goes straight into `child`, which does not return, so nothing of this
    // frame is touched there. In the parent only x0 has changed.
    unsafe {
        core::arch::asm!(
            "svc 0", "cbnz x0, 2f", "mov x29, xzr", "mov x0, x20", "blr x21", "brk 1", "2:",
            in("x8") super::call::nr::CLONE3, inlateout("x0") core::ptr::from_ref(args) => value, in("x1") size_of::<CloneArgs>(),
            in("x20") argument, in("x21") child, out("x30") _,
        );
    }
    super::call::finish(value).map(|pid| pid as i32)
}

/// What a [`fork_sibling`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// In the process that called: the new one's pid.
    Here(i32),
    /// In the new one.
    There,
}

/// `clone(2)` like `fork(2)`, the new process being a child of this one's parent.
pub fn fork_sibling(namespaces: u32) -> Result<Fork> {
    let flags = 0x8000 | u64::from(namespaces) | 17;
    // SAFETY: CLONE_PARENT | SIGCHLD without CLONE_VM: the memory is copied, and both go on with the same stack, each with its own.
    let pid = unsafe { syscall!(CLONE, flags, 0usize, 0usize, 0usize, 0usize) }?;
    Ok(if pid == 0 { Fork::There } else { Fork::Here(pid as i32) })
}

/// `execve(2)`; returns only on failure.
///
/// # Safety
/// `argv` and `envp` must be tables of pointers to NUL-terminated strings, each table ending with 0.
pub unsafe fn execve(path: &CStr, argv: *const usize, envp: *const usize) -> super::Errno {
    // SAFETY: the path ends with NUL, and the caller vouches for the tables.
    unsafe { syscall!(EXECVE, path, argv, envp) }.err().unwrap_or(super::Errno::EINVAL)
}

/// `execveat(2)` of an open file; returns only on failure.
///
/// # Safety
/// As for [`execve`].
pub unsafe fn execveat(fd: Fd, argv: *const *const u8, envp: *const *const u8) -> super::Errno {
    // SAFETY: the caller vouches for the tables.
    unsafe { syscall!(EXECVEAT, fd, c"", argv, envp, super::AT_EMPTY_PATH) }.err().unwrap_or(super::Errno::EINVAL)
}

/// `exit_group(2)`.
pub fn exit(code: i32) -> ! {
    // SAFETY: no memory is involved, and it does not return.
    let _ = unsafe { syscall!(EXIT_GROUP, code) };
    // A filter of the container's has refused even that.
    loop {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an instruction that ends the process, which is what is wanted.
        unsafe {
            core::arch::asm!("ud2")
        };
        #[cfg(target_arch = "aarch64")]
        // SAFETY: an instruction that ends the process, which is what is wanted.
        unsafe {
            core::arch::asm!("udf #0")
        };
    }
}

/// `unshare(2)`.
pub fn unshare(kind: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(UNSHARE, kind) }.map(drop)
}

/// `setns(2)`.
pub fn setns(fd: Fd, kind: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(SETNS, fd, kind) }.map(drop)
}

/// `setsid(2)`.
pub fn setsid() -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(SETSID) }.map(drop)
}

/// `setgroups(2)`; the bytes are `u32`s.
pub fn setgroups(gids: &[u8]) -> Result<()> {
    let count = gids.len().checked_div(4).unwrap_or(0);
    // SAFETY: the kernel reads `count` gids of four bytes each.
    unsafe { syscall!(SETGROUPS, count, gids.as_ptr()) }.map(drop)
}

/// `setresuid(2)`, all three alike.
pub fn setuid(uid: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(SETRESUID, uid, uid, uid) }.map(drop)
}

/// `setresgid(2)`, all three alike.
pub fn setgid(gid: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(SETRESGID, gid, gid, gid) }.map(drop)
}

/// `capset(2)` of this process.
pub fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    let low = |set: u64| set as u32;
    let high = |set: u64| (set >> 32) as u32;
    let header = [0x2008_0522u32, 0];
    let data = [low(effective), low(permitted), low(inheritable), high(effective), high(permitted), high(inheritable)];
    // SAFETY: version 3 of the header takes two `struct __user_cap_data_struct`, which these six words are.
    unsafe { syscall!(CAPSET, header.as_ptr(), data.as_ptr()) }.map(drop)
}

/// `prctl(2)` with numbers only.
pub fn prctl(option: u32, a: u64, b: u64) -> Result<()> {
    // SAFETY: the options this crate uses so take numbers.
    unsafe { syscall!(PRCTL, option, a, b, 0usize, 0usize) }.map(drop)
}

/// `prctl(PR_SET_NAME)`: what `ps` shows.
pub fn set_name(name: &CStr) -> Result<()> {
    // SAFETY: the name ends with NUL; the kernel reads at most 16 bytes of it.
    unsafe { syscall!(PRCTL, 15usize, name, 0usize, 0usize, 0usize) }.map(drop)
}

/// `prlimit(2)` of this process.
pub fn setrlimit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    // SAFETY: two words are a `struct rlimit64`, which lives across the call.
    unsafe { syscall!(PRLIMIT64, 0usize, resource, limit.as_ptr(), 0usize) }.map(drop)
}

/// `prlimit(2)` of another process, soft limit first.
pub fn prlimit(pid: i32, resource: u32, limits: [u64; 2]) -> Result<()> {
    // SAFETY: two words are a `struct rlimit64`, which lives across the call.
    unsafe { syscall!(PRLIMIT64, pid, resource, limits.as_ptr(), 0usize) }.map(drop)
}

/// `pidfd_open(2)`.
pub fn pidfd_open(pid: i32) -> Result<Fd> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(PIDFD_OPEN, pid, 0usize) }.map(|fd| fd as Fd)
}

/// `pidfd_getfd(2)`: another process's descriptor, here.
pub fn pidfd_getfd(pidfd: Fd, fd: Fd) -> Result<Fd> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(PIDFD_GETFD, pidfd, fd, 0usize) }.map(|fd| fd as Fd)
}

/// `personality(2)`.
pub fn personality(domain: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(PERSONALITY, domain) }.map(drop)
}

/// `sched_setattr(2)` of this process; the bytes are a `struct sched_attr`.
pub fn sched_setattr(attr: &[u8]) -> Result<()> {
    // SAFETY: the structure says its own size in its first word, which the plan's builder sets to the length.
    unsafe { syscall!(SCHED_SETATTR, 0usize, attr.as_ptr(), 0usize) }.map(drop)
}

/// `sched_setaffinity(2)` of this process.
pub fn sched_setaffinity(cpus: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as it is told.
    unsafe { syscall!(SCHED_SETAFFINITY, 0usize, cpus.len(), cpus.as_ptr()) }.map(drop)
}

/// `ioprio_set(2)` of this process.
pub fn ioprio_set(value: u32) -> Result<()> {
    // SAFETY: no memory is involved; 1 is IOPRIO_WHO_PROCESS.
    unsafe { syscall!(IOPRIO_SET, 1usize, 0usize, value) }.map(drop)
}

/// `set_mempolicy(2)`; the node mask may be empty.
pub fn set_mempolicy(mode: u32, nodes: &[u8]) -> Result<()> {
    let (mask, bits) =
        if nodes.is_empty() { (core::ptr::null(), 0) } else { (nodes.as_ptr(), nodes.len().saturating_mul(8).saturating_add(1)) };
    // SAFETY: the kernel reads `bits - 1` bits of the mask, which has that many.
    unsafe { syscall!(SET_MEMPOLICY, mode, mask, bits) }.map(drop)
}

/// `sethostname(2)`.
pub fn sethostname(name: &CStr) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as it is told.
    unsafe { syscall!(SETHOSTNAME, name, name.count_bytes()) }.map(drop)
}

/// `setdomainname(2)`.
pub fn setdomainname(name: &CStr) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as it is told.
    unsafe { syscall!(SETDOMAINNAME, name, name.count_bytes()) }.map(drop)
}

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING)`.
pub fn join_session_keyring(name: &CStr) -> Result<usize> {
    // SAFETY: the name ends with NUL; the kernel reads it.
    unsafe { syscall!(KEYCTL, 1usize, name) }
}

/// `keyctl(KEYCTL_SETPERM)`.
pub fn set_key_permissions(key: usize, permissions: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(KEYCTL, 5usize, key, permissions) }.map(drop)
}

/// `struct sock_fprog`.
#[repr(C)]
struct FilterProgram {
    len: u16,
    filter: *const u8,
}

/// `seccomp(SECCOMP_SET_MODE_FILTER)`; the bytes are `struct sock_filter`s. With the flag for it, the listener's descriptor.
pub fn seccomp(filter: &[u8], flags: u32) -> Result<usize> {
    let len = u16::try_from(filter.len().checked_div(8).unwrap_or(0)).map_err(|_| super::Errno::E2BIG)?;
    let program = FilterProgram { len, filter: filter.as_ptr() };
    // SAFETY: `program` lives across the call, and its filter has as many instructions of eight bytes as it says.
    unsafe { syscall!(SECCOMP, 1usize, flags, &raw const program) }
}

/// The signals that ask a program to end: SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGTERM, SIGSTKFLT. What the kernel raises for a fault is not
/// among them: it ends every process, and its name is worth keeping.
const ASKING: [usize; 6] = [1, 2, 3, 6, 15, 16];

/// `SA_RESTORER`: x86-64 delivers nothing without one. Ours is never come to, since [`end`] does not return.
const RESTORER: usize = 0x0400_0000;

/// Puts every signal back to its default, and lets all through. The first process of a pid namespace is deaf to what it does not handle, so
/// that those which ask it to end get a handler, until the exec takes it away.
pub fn reset_signals() {
    let default = [0usize; 4];
    let end = end as extern "C" fn(i32) -> ! as usize;
    let asked = [end, RESTORER, end, 0];
    for signal in 1usize..=64 {
        let action = if ASKING.contains(&signal) { &asked } else { &default };
        // SAFETY: four words are a `struct sigaction`, of zeros for SIG_DFL, or with a handler that may run at any moment, since all it does
        // is to end the process; SIGKILL and SIGSTOP answer EINVAL, as they should.
        let _ = unsafe { syscall!(RT_SIGACTION, signal, action.as_ptr(), 0usize, 8usize) };
    }
    // SAFETY: eight bytes are the kernel's `sigset_t`; 2 is SIG_SETMASK.
    let _ = unsafe { syscall!(RT_SIGPROCMASK, 2usize, default.as_ptr(), 0usize, 8usize) };
}

/// Ends as a shell tells of an end by this signal.
extern "C" fn end(signal: i32) -> ! {
    exit(signal.saturating_add(128))
}
