//! Which flags of `seccomp(2)` the kernel knows.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;

/// `SECCOMP_FILTER_FLAG_LOG`: Linux 4.14.
pub(crate) const LOG: u32 = 1 << 1;
/// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: Linux 4.17.
pub(crate) const SPEC_ALLOW: u32 = 1 << 2;
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`: `seccomp(2)` returns a descriptor for whoever answers the notifications. Linux 5.0.
pub(crate) const NEW_LISTENER: u32 = 1 << 3;
/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`: Linux 5.19.
pub(crate) const WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// Those of the above that the kernel knows.
pub(crate) fn flags() -> u32 {
    [LOG, SPEC_ALLOW, NEW_LISTENER, WAIT_KILLABLE_RECV].into_iter().filter(|&flag| knows(flag)).fold(0, |all, flag| all | flag)
}

fn knows(flag: u32) -> bool {
    // That one is only taken together with a listener.
    let asked = if flag == WAIT_KILLABLE_RECV { flag | NEW_LISTENER } else { flag };
    let no_program = std::ptr::null::<libc::sock_fprog>();
    // SAFETY: the flags are looked at first (EINVAL); then the program, which is not there (EFAULT): no filter can come of it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, asked, no_program) };
    Errno::result(result) == Err(Errno::EFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_and_loads_nothing() {
        assert!(!knows(1 << 31), "a flag there is not");
        assert_eq!(flags() & (LOG | SPEC_ALLOW), LOG | SPEC_ALLOW, "flags of every kernel that is supported");
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        assert!(status.contains("\nSeccomp_filters:\t0\n") || !status.contains("\nSeccomp:\t0\n"), "{status}");
    }
}
