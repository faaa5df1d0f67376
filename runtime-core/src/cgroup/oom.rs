//! Waiting for the kernel to kill in a container for want of memory.
//!
//! ```text
//! let mut watch = placement.watch_oom()?;
//! while let OomEvent::Oom = watch.next(None)? { … }
//! ```
//!
//! Invariant: a watch ends when the cgroup does; it never keeps one alive.

use super::file;
use super::place::{Placement, Version};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a watch saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OomEvent {
    /// The kernel killed for want of memory.
    Oom,
    /// The container's last process is gone.
    Gone,
    /// The time is up.
    Nothing,
}

/// A container's memory cgroup, watched.
#[derive(Debug)]
pub struct OomWatch(Source);

#[derive(Debug)]
enum Source {
    /// v1: the kernel counts up an eventfd, at an OOM and when the cgroup goes.
    Signal { event: EventFd, control: PathBuf },
    /// v2: two files whose changes wake who polls them.
    Counters { memory: OwnedFd, state: OwnedFd, dir: PathBuf, kills: u64 },
}

impl Placement {
    /// Begins to watch.
    pub(crate) fn watch_oom(&self) -> Result<OomWatch> {
        let dir = self.dir("memory").ok_or_else(|| Error::new(ErrorKind::Unsupported, "memory controller missing"))?;
        match self.version() {
            Version::One => signal(dir),
            Version::Two => counters(dir),
        }
        .map(OomWatch)
    }
}

impl Placement {
    /// Has anybody there died for want of memory, or been refused some? On v2 a child that still shares its parent's memory is not killed, but
    /// its `execve(2)` fails.
    pub(crate) fn lacked_memory(&self) -> bool {
        let (name, keys) = match self.version() {
            Version::One => ("memory.oom_control", &["oom_kill"][..]),
            Version::Two => ("memory.events", &["oom_kill", "oom"][..]),
        };
        let text = self.dir("memory").and_then(|dir| file::read(&dir.join(name)).ok()).unwrap_or_default();
        keys.iter().any(|key| file::value_of(&text, key).is_some_and(|count| count > 0))
    }
}

fn signal(dir: &Path) -> Result<Source> {
    let oom = dir.join("memory.oom_control");
    let control = dir.join("cgroup.event_control");
    let source = file::open_with(&oom, OFlag::O_RDONLY).map_err(|errno| Error::call("open", &oom, errno))?;
    let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|errno| Error::call("eventfd", &oom, errno))?;
    file::set(&control, &format!("{} {}", event.as_fd().as_raw_fd(), source.as_raw_fd()))?;
    Ok(Source::Signal { event, control })
}

fn counters(dir: &Path) -> Result<Source> {
    let open = |name: &str| {
        let path = dir.join(name);
        file::open_with(&path, OFlag::O_RDONLY).map_err(|errno| Error::call("open", path, errno))
    };
    let (memory, state) = (open("memory.events")?, open("cgroup.events")?);
    let kills = value(&memory, "oom_kill").unwrap_or(0);
    Ok(Source::Counters { memory, state, dir: dir.to_owned(), kills })
}

impl OomWatch {
    /// Waits for the next event, for ever where no time is given.
    pub fn next(&mut self, patience: Option<Duration>) -> Result<OomEvent> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            if let Some(event) = self.0.look()? {
                return Ok(event);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(OomEvent::Nothing);
            }
            self.0.wait(left)?;
        }
    }
}

impl Source {
    fn look(&mut self) -> Result<Option<OomEvent>> {
        match self {
            Self::Signal { event, control } => match event.read() {
                Ok(_) if !control.exists() => Ok(Some(OomEvent::Gone)),
                Ok(_) => Ok(Some(OomEvent::Oom)),
                Err(Errno::EAGAIN) => Ok(None),
                Err(errno) => Err(Error::call("read", control, errno)),
            },
            Self::Counters { memory, state, kills, .. } => {
                let now = value(&*memory, "oom_kill");
                if now.is_some_and(|now| now > *kills) {
                    *kills = now.unwrap_or(*kills);
                    return Ok(Some(OomEvent::Oom));
                }
                // A file of a removed cgroup cannot be read any more.
                let populated = value(&*state, "populated");
                Ok((now.is_none() || populated != Some(1)).then_some(OomEvent::Gone))
            }
        }
    }

    fn wait(&self, left: Option<Duration>) -> Result<()> {
        let interest = |fd| PollFd::new(fd, self.flags());
        let (path, fds): (&Path, Vec<BorrowedFd<'_>>) = match self {
            Self::Signal { event, control } => (control, vec![event.as_fd()]),
            Self::Counters { memory, state, dir, .. } => (dir, vec![memory.as_fd(), state.as_fd()]),
        };
        let timeout = left.map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        match poll(&mut fds.into_iter().map(interest).collect::<Vec<_>>(), timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::call("poll", path, errno)),
        }
    }

    fn flags(&self) -> PollFlags {
        match self {
            Self::Signal { .. } => PollFlags::POLLIN,
            Self::Counters { .. } => PollFlags::POLLPRI,
        }
    }
}

fn value(file: impl AsFd, key: &str) -> Option<u64> {
    let mut bytes = [0; 1024];
    let n = nix::sys::uio::pread(file, &mut bytes, 0).ok()?;
    file::value_of(std::str::from_utf8(bytes.get(..n)?).ok()?, key)
}
