//! A process held by a descriptor, so that its number being reused cannot make us signal or await a stranger.
//!
//! Invariant: a [`Pidfd`] never comes to mean another process than the one it was opened for. `nix` has no `pidfd_*` calls,
//! and its `waitid` cannot name a real-time signal; hence the raw calls here.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl ExitStatus {
    /// What a shell reports: the code, or 128 + the signal's number.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// `pidfd_open(2)` and its relatives.
#[derive(Debug)]
pub(crate) struct Pidfd(OwnedFd);

impl Pidfd {
    /// Opens the process that has this number now; the caller knows, or checks afterwards, that it is the one meant.
    pub(crate) fn open(pid: i32) -> nix::Result<Self> {
        // SAFETY: the call takes two integers and touches no memory of ours.
        let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        let raw = RawFd::try_from(raw).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel has just made this descriptor for us, CLOEXEC, and nobody else knows its number.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    /// `pidfd_send_signal(2)`; signal 0 asks whether the process is there.
    pub(crate) fn signal(&self, signal: i32) -> nix::Result<()> {
        let info: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: a null `info` means "as kill(2) would fill it", so the kernel reads nothing of ours.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, info, 0) };
        Errno::result(sent).map(drop)
    }

    /// Waits for the end of a child of ours and reaps it.
    pub(crate) fn wait(&self) -> nix::Result<ExitStatus> {
        let id = libc::id_t::try_from(self.0.as_raw_fd()).map_err(|_| Errno::EBADF)?;
        loop {
            match wait_id(libc::P_PIDFD, id, libc::WEXITED) {
                Err(Errno::EINTR) => {}
                ended => return Ok(ended?.1),
            }
        }
    }
}

impl From<OwnedFd> for Pidfd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Reaps every child of ours that has ended, but not `kept`: orphans that a subreaper inherits.
pub(crate) fn reap_all_but(kept: i32) {
    while let Ok((pid, _)) = wait_id(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) {
        // `kept` would be found first for ever. Whoever awaits it ends soon, and the rest is then somebody else's.
        let Ok(id @ 1..) = libc::id_t::try_from(pid) else { return };
        if pid == kept || wait_id(libc::P_PID, id, libc::WEXITED | libc::WNOHANG).is_err() {
            return;
        }
    }
}

/// `waitid(2)`: whose end it is (0 for nobody's) and how it ended.
fn wait_id(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> nix::Result<(i32, ExitStatus)> {
    // SAFETY: all-zero bytes are a valid siginfo_t, a C struct of integers and pointers.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` lives across the call, and the kernel writes at most one siginfo_t to it.
    Errno::result(unsafe { libc::waitid(kind, id, &raw mut info, flags) })?;
    // SAFETY: waitid filled `info` for SIGCHLD, or left it zero; in both cases the two fields are plain integers.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let ended = if info.si_code == libc::CLD_EXITED { ExitStatus::Code(status) } else { ExitStatus::Signal(status) };
    Ok((pid, ended))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::zombie_processes)]
    use super::*;
    use std::process::{Child, Command};

    fn pidfd(child: &Child) -> Pidfd {
        Pidfd::open(i32::try_from(child.id()).unwrap()).unwrap()
    }

    #[test]
    fn an_exit_code_comes_home() {
        let child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        assert_eq!(pidfd(&child).wait(), Ok(ExitStatus::Code(7)));
    }

    #[test]
    fn a_real_time_signal_is_sent_and_named() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let pidfd = pidfd(&child);
        pidfd.signal(37).unwrap();
        let ended = pidfd.wait().unwrap();
        assert_eq!((ended, ended.code()), (ExitStatus::Signal(37), 165));
        assert_eq!(pidfd.signal(0), Err(Errno::ESRCH));
    }
}
