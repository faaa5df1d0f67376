//! The calling thread's signals, read instead of suffered.

use crate::error::{Error, Result};
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};

/// The calling thread's signals, blocked until this is dropped, and meanwhile read by [`Attached`](super::Attached).
///
/// Made before the container is: a signal that comes in between is then kept for it. In a program of several threads the others must
/// block them too, or they take what is sent to the program.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    before: SigSet,
    /// The mask is the thread's, so this must be dropped on it.
    _thread: PhantomData<*const ()>,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Give it to the container's process.
    Forward(i32),
    /// The caller's terminal has another size.
    Resize,
    /// A child has ended.
    Child,
}

impl Signals {
    /// Blocks every signal that can be blocked.
    ///
    /// # Errors
    ///
    /// If there is no descriptor left.
    pub fn block() -> Result<Self> {
        let all = SigSet::all();
        let fd = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        let fd = fd.map_err(|errno| Error::call("signalfd", "all signals", errno))?;
        let before = all.thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let before = before.map_err(|errno| Error::call("sigprocmask", "all signals", errno))?;
        Ok(Self { fd, before, _thread: PhantomData })
    }

    /// The next signal that means something here, if one is waiting.
    pub(super) fn next(&self) -> Result<Option<Call>> {
        loop {
            let Some(info) = self.fd.read_signal().map_err(|errno| Error::call("read", "signalfd", errno))? else {
                return Ok(None);
            };
            if let Some(call) = meaning(i32::try_from(info.ssi_signo).unwrap_or_default(), info.ssi_pid) {
                return Ok(Some(call));
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

fn meaning(signal: i32, sender: u32) -> Option<Call> {
    match signal {
        libc::SIGCHLD => Some(Call::Child),
        libc::SIGWINCH => Some(Call::Resize),
        libc::SIGURG => None,
        // What we get for writing to somebody who has left is ours, not the container's.
        libc::SIGPIPE if sender == std::process::id() => None,
        other => Some(Call::Forward(other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use nix::sys::signal::Signal;

    #[test]
    fn signals_are_read_and_the_mask_put_back() {
        let before = SigSet::thread_get_mask().unwrap();
        let signals = Signals::block().unwrap();
        for signal in [Signal::SIGTERM, Signal::SIGWINCH, Signal::SIGURG, Signal::SIGPIPE, Signal::SIGUSR2] {
            pthread_kill(pthread_self(), signal).unwrap();
        }
        let mut calls: Vec<_> = std::iter::from_fn(|| signals.next().unwrap()).map(|call| format!("{call:?}")).collect();
        calls.sort();
        assert_eq!(calls, ["Forward(12)", "Forward(15)", "Resize"]);
        drop(signals);
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
