//! One loop over everything that can happen while a container's process runs in the foreground.

use super::relay::{End, Relay};
use super::signals::{Call, Signals};
use super::terminal::Raw;
use crate::error::{Error, Result};
use crate::pidfd::{ExitStatus, Pidfd, reap_all_but};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A container's process in the foreground of the caller.
#[derive(Debug)]
pub struct Attached {
    process: Pidfd,
    signals: Signals,
    relay: Option<Relay>,
    terminal: Option<Raw>,
    orphans_of: Option<i32>,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Signal,
    Ended,
    Ready(End),
}

impl Attached {
    /// A child of the caller, by its pidfd; signals are forwarded to it.
    #[must_use]
    pub fn new(process: OwnedFd, signals: Signals) -> Self {
        Self { process: process.into(), signals, relay: None, terminal: None, orphans_of: None }
    }

    /// Relays between the caller's stdio and the process's terminal. If the caller has a terminal, it is raw meanwhile, and the
    /// process's terminal has its size.
    ///
    /// # Errors
    ///
    /// If `master` is not a terminal's, or the caller's terminal cannot be changed.
    pub fn with_terminal(mut self, master: OwnedFd) -> Result<Self> {
        let relay = Relay::new(master, copy(stdin().as_fd())?, copy(stdout().as_fd())?)?;
        self.terminal = callers_terminal()?.map(Raw::set).transpose()?;
        self.relay = Some(relay);
        self.resize();
        Ok(self)
    }

    /// Reaps whatever other children the caller comes to have: for a subreaper that has none of its own but `pid`, this process.
    #[must_use]
    pub fn with_orphans_reaped(mut self, pid: i32) -> Self {
        self.orphans_of = Some(pid);
        self
    }

    /// Stays until the process has ended and all it wrote to its terminal is passed on.
    ///
    /// # Errors
    ///
    /// If the process is no child of the caller.
    pub fn run(mut self) -> Result<ExitStatus> {
        let mut ended = false;
        while !ended {
            for event in self.wait()? {
                match event {
                    Event::Signal => self.answer_signals()?,
                    Event::Ended => ended = true,
                    Event::Ready(end) => self.relay.as_mut().into_iter().for_each(|relay| relay.advance(end)),
                }
            }
        }
        let Self { relay, signals, .. } = &mut self;
        relay.as_mut().map_or(Ok(()), |relay| relay.finish(|output| is_writable(output, signals)))?;
        self.process.wait().map_err(|errno| Error::call("waitid", "process", errno))
    }

    fn wait(&self) -> Result<Vec<Event>> {
        let mut interests =
            vec![(Event::Signal, self.signals.as_fd(), PollFlags::POLLIN), (Event::Ended, self.process.as_fd(), PollFlags::POLLIN)];
        let relay = self.relay.iter().flat_map(Relay::interests);
        interests.extend(relay.map(|(end, fd, flags)| (Event::Ready(end), fd, flags)));
        let pause = self.relay.as_ref().and_then(Relay::time_hung_up);
        let timeout = pause.and_then(|pause| PollTimeout::try_from(pause.as_millis() + 1).ok());
        let mut fds: Vec<_> = interests.iter().map(|&(_, fd, flags)| PollFd::new(fd, flags)).collect();
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::NONE)) {
            Ok(_) => Ok(interests.iter().zip(&fds).filter(|(_, fd)| fd.any() != Some(false)).map(|((event, ..), _)| *event).collect()),
            Err(Errno::EINTR) => Ok(Vec::new()),
            Err(errno) => Err(Error::call("poll", "console", errno)),
        }
    }

    fn answer_signals(&self) -> Result<()> {
        while let Some(call) = self.signals.next()? {
            match call {
                Call::Resize => self.resize(),
                Call::Child => self.orphans_of.into_iter().for_each(reap_all_but),
                // It may have ended in this moment, or have changed its user beyond our reach: not the caller's failure.
                Call::Forward(signal) => drop(self.process.signal(signal)),
            }
        }
        Ok(())
    }

    fn resize(&self) {
        if let (Some(terminal), Some(relay)) = (&self.terminal, &self.relay) {
            terminal.size_to(relay.master());
        }
    }
}

/// Waits until the output takes more. A signal to end says no: the process that it could have been forwarded to is gone.
fn is_writable(output: BorrowedFd<'_>, signals: &Signals) -> Result<bool> {
    const LAST: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
    loop {
        let mut fds = [PollFd::new(output, PollFlags::POLLOUT), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) if fds[0].any() != Some(false) => return Ok(true),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::call("poll", "stdout", errno)),
        }
        while let Some(call) = signals.next()? {
            if matches!(call, Call::Forward(signal) if LAST.contains(&signal)) {
                return Ok(false);
            }
        }
    }
}

/// The rows and columns of the caller's terminal; none where it has no terminal. A process that is made with them sees them from its beginning
/// on, and not from the moment when it is attached.
#[must_use]
pub fn callers_size() -> Option<(u16, u16)> {
    let size = super::sys::window_size(callers_terminal().ok()??).ok()?;
    Some((size.ws_row, size.ws_col))
}

/// The caller's terminal: the first of its stdio that is one.
fn callers_terminal() -> Result<Option<OwnedFd>> {
    let (stdin, stdout, stderr) = (stdin(), stdout(), stderr());
    let mut stdio = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter();
    stdio.find(|fd| nix::unistd::isatty(fd) == Ok(true)).map(copy).transpose()
}

fn copy(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    fd.try_clone_to_owned().map_err(|error| Error::io("dup", "stdio", error))
}

#[cfg(test)]
#[path = "attached_tests.rs"]
mod tests;
