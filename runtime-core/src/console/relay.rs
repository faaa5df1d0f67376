//! Bytes between the caller's stdio and a container's terminal.
//!
//! Invariants: nothing is read before what was read last is written, so a slow reader slows the writer down and no buffer grows; the
//! caller's descriptors keep their flags, since others share them; no write blocks the loop, since each is of at most `PIPE_BUF` bytes
//! and follows a POLLOUT.

use super::terminal::clear_onlcr;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::unistd::{read, write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// `PIPE_BUF`: what a pipe that is ready takes at once.
const CHUNK: usize = 4096;

/// More than a terminal can hold back: whatever was written before the process ended is within this.
const LEFTOVERS: usize = 1 << 20;

/// How long a terminal that nobody has open is left alone: it would be "ready" all the time, and may be opened again.
const HUNG_UP: Duration = Duration::from_millis(50);

/// One of the descriptors that a relay waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The caller's input.
    Input,
    /// The caller's output.
    Output,
    /// The container's terminal.
    Master,
}

/// The two directions.
#[derive(Debug)]
pub(super) struct Relay {
    master: OwnedFd,
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    inbound: Chunk,
    outbound: Chunk,
    hung_up_until: Option<Instant>,
}

impl Relay {
    /// Relays between a terminal's master and the caller's input and output.
    pub(super) fn new(master: OwnedFd, input: OwnedFd, output: OwnedFd) -> Result<Self> {
        let flags = fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK));
        flags.map_err(|errno| Error::call("fcntl", "console", errno))?;
        clear_onlcr(&master)?;
        Ok(Self {
            master,
            input: Some(input),
            output: Some(output),
            inbound: Chunk::default(),
            outbound: Chunk::default(),
            hung_up_until: None,
        })
    }

    /// The terminal's master.
    pub(super) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// What to wait for.
    pub(super) fn interests(&self) -> Vec<(End, BorrowedFd<'_>, PollFlags)> {
        let mut interests = Vec::new();
        if let Some(input) = self.input.as_ref().filter(|_| self.inbound.is_empty()) {
            interests.push((End::Input, input.as_fd(), PollFlags::POLLIN));
        }
        if let Some(output) = self.output.as_ref().filter(|_| !self.outbound.is_empty()) {
            interests.push((End::Output, output.as_fd(), PollFlags::POLLOUT));
        }
        let mut master = PollFlags::empty();
        master.set(PollFlags::POLLIN, self.outbound.is_empty());
        master.set(PollFlags::POLLOUT, !self.inbound.is_empty());
        if !master.is_empty() && self.time_hung_up().is_none() {
            interests.push((End::Master, self.master.as_fd(), master));
        }
        interests
    }

    /// How long until the terminal is looked at again; none if it is looked at anyway.
    pub(super) fn time_hung_up(&self) -> Option<Duration> {
        self.hung_up_until?.checked_duration_since(Instant::now())
    }

    /// Goes on at an end that is ready.
    pub(super) fn advance(&mut self, end: End) {
        match end {
            End::Input => self.read_input(),
            End::Output => self.write_output(),
            End::Master => {
                self.write_master();
                self.read_master();
            }
        }
    }

    fn read_input(&mut self) {
        if self.input.as_ref().is_some_and(|input| self.inbound.fill(input) == Filled::Ended) {
            // Not passed on as an end of file: a terminal has none, and ^D would end a shell whose caller has no stdin.
            self.input = None;
        }
    }

    fn write_master(&mut self) {
        // Input for a terminal that nobody has open is lost, as with any terminal.
        if self.inbound.drain(&self.master).is_err() {
            self.inbound = Chunk::default();
        }
    }

    fn read_master(&mut self) {
        if self.outbound.is_empty() && self.outbound.fill(&self.master) == Filled::Ended {
            self.hung_up_until = Some(Instant::now() + HUNG_UP);
        }
        if self.output.is_none() {
            self.outbound = Chunk::default();
        }
    }

    fn write_output(&mut self) {
        let Some(output) = &self.output else { return };
        if self.outbound.drain(output).is_err() {
            // The reader has left. The container goes on, and must not stall on a terminal that is full.
            self.output = None;
            self.outbound = Chunk::default();
        }
    }

    /// After the end: passes on what the terminal still holds, as long as `writable` says to go on.
    pub(super) fn finish(&mut self, mut writable: impl FnMut(BorrowedFd<'_>) -> Result<bool>) -> Result<()> {
        let mut left = LEFTOVERS;
        loop {
            while let Some(output) = self.output.as_ref().filter(|_| !self.outbound.is_empty()) {
                if !writable(output.as_fd())? {
                    return Ok(());
                }
                self.write_output();
            }
            // Somebody else may still be writing; that is not this process's output.
            left = left.saturating_sub(CHUNK);
            if left == 0 || self.output.is_none() || self.outbound.fill(&self.master) != Filled::Bytes {
                return Ok(());
            }
        }
    }
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
enum Filled {
    Bytes,
    NotYet,
    Ended,
}

/// Bytes that were read and not yet written.
#[derive(Debug)]
struct Chunk {
    bytes: Box<[u8; CHUNK]>,
    from: usize,
    to: usize,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { bytes: Box::new([0; CHUNK]), from: 0, to: 0 }
    }
}

impl Chunk {
    fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Reads anew; the chunk is empty.
    fn fill(&mut self, fd: impl AsFd) -> Filled {
        (self.from, self.to) = (0, 0);
        match read(fd, &mut self.bytes[..]) {
            Ok(0) => Filled::Ended,
            Ok(length) => {
                self.to = length;
                Filled::Bytes
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Filled::NotYet,
            // EIO: a terminal of which the other side is closed, or one that belongs to another job now.
            Err(_) => Filled::Ended,
        }
    }

    /// Writes as much as is taken.
    fn drain(&mut self, fd: impl AsFd) -> nix::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        match write(fd, &self.bytes[self.from..self.to]) {
            Ok(length) => {
                self.from += length;
                Ok(())
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}
