//! A child under a filter that notifies: between it and the kernel stands somebody else's agent, who may be slow, wrong or dead.
//!
//! Invariant: nothing here depends on a system call of the child's. What it has come to is read off the shared page, and no wait for it is
//! longer than [`PATIENCE`]: an agent may hold a program back as long as it likes, but not whoever makes the container.

use super::{Child, Event, place, sys};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use runtime_init::Op;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a child may stay at one step.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at.
const PAUSE: Duration = Duration::from_micros(50);

/// How a child is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// By what it says.
    Socket,
    /// By that, and by the shared page: what it says may be lost.
    Watched,
    /// It waits at the page.
    Page,
}

impl Child<'_> {
    /// Takes the listener of the filter it is about to load, out of its table of descriptors: the filter may be about any system
    /// call that it could use to hand it over.
    pub(crate) fn take_listener(&mut self) -> Result<OwnedFd> {
        loop {
            let fd = self.recorder.record().listener.load(Ordering::Acquire);
            if fd > 0 {
                let listener =
                    sys::pidfd_getfd(self.pidfd(), fd - 1).map_err(|errno| Error::call("pidfd_getfd", "seccomp listener", errno))?;
                self.hearing = Hearing::Watched;
                self.recorder.record().taken.store(1, Ordering::Release);
                return Ok(listener);
            }
            if self.has_word() {
                return self.next().and(Err(Error::call("recv", "seccomp listener", Errno::EPROTO)));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits for a child that may have nothing to say, or is kept from saying it. None: there is a word of it to be read.
    pub(super) fn watch(&mut self) -> Result<Option<Event>> {
        if self.hearing == Hearing::Socket {
            return Ok(None);
        }
        let mut seen = (self.pc(), Instant::now());
        while !self.has_word() {
            let point = self.recorder.record().reached.swap(0, Ordering::AcqRel);
            if point != 0 {
                self.hearing = Hearing::Page;
                return Ok(Some(Event::Reached(point)));
            }
            if seen.0 != self.pc() {
                seen = (self.pc(), Instant::now());
            }
            if seen.1.elapsed() > PATIENCE {
                return self.given_up(seen.0).map(Some);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    /// What a child is taken for that has come no further. A program that is not let run is the agent's affair.
    fn given_up(&self, pc: usize) -> Result<Event> {
        if self.plan.steps.get(pc).is_some_and(|step| matches!(step.op, Op::Exec { .. })) {
            return Ok(Event::Executed);
        }
        let what = format!(
            "linux.seccomp.listenerPath: no answer from the seccomp agent for {} s at {}",
            PATIENCE.as_secs(),
            place(self.plan, pc)
        );
        Err(Error::new(ErrorKind::Step, what).with_errno(Errno::ETIMEDOUT))
    }

    fn pc(&self) -> usize {
        self.recorder.record().pc.load(Ordering::Relaxed) as usize
    }

    /// Has it said something, or died?
    fn has_word(&self) -> bool {
        let mut fds = [PollFd::new(self.control.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }
}
