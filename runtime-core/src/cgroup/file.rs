//! The files of a cgroup: read whole, written with one `write(2)`.
//!
//! Invariant: nothing is created; a file that is not there is a controller that is not there, and its `ENOENT` goes to the caller.

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;

/// What a file says, as it says it.
pub(super) fn read(path: &Path) -> nix::Result<String> {
    let file = open_with(path, OFlag::O_RDONLY)?;
    let mut bytes = Vec::with_capacity(512);
    let mut part = [0; 4096];
    loop {
        match retry(|| unistd::read(&file, &mut part))? {
            0 => break,
            n => bytes.extend_from_slice(part.get(..n).unwrap_or_default()),
        }
    }
    String::from_utf8(bytes).map_err(|_| Errno::EILSEQ)
}

/// [`read`], where a failure ends what the caller does.
pub(super) fn need(path: &Path) -> Result<String> {
    read(path).map_err(|errno| Error::call("read", path, errno))
}

/// The one value a file holds; `max` is the greatest there is.
pub(super) fn number(path: &Path) -> nix::Result<u64> {
    parse_number(&read(path)?).ok_or(Errno::EINVAL)
}

/// A number of the kernel's; v1 writes some "no limit" as −1.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    match text.trim() {
        "max" => Some(u64::MAX),
        text if text.starts_with('-') => i64::from_str(text).ok().map(|_| 0),
        text => text.parse().ok(),
    }
}

/// One value into one file.
pub(super) fn write(path: &Path, value: &str) -> nix::Result<()> {
    put(&open_with(path, OFlag::O_WRONLY)?, value)
}

/// [`write()`], where a failure ends what the caller does.
pub(super) fn set(path: &Path, value: &str) -> Result<()> {
    write(path, value).map_err(|errno| Error::call("write", path, errno))
}

/// One value into an open file; each `write(2)` is a command of its own to the kernel.
pub(super) fn put(file: impl AsFd, value: &str) -> nix::Result<()> {
    retry(|| unistd::write(&file, value.as_bytes())).map(drop)
}

pub(super) fn open_with(path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    retry(|| open(path, flags | OFlag::O_CLOEXEC, Mode::empty()))
}

/// The value beside `key` in a file of `key value` lines.
pub(super) fn value_of(text: &str, key: &str) -> Option<u64> {
    pairs(text).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The lines `key value` of a file; what does not look so is passed over.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key, parse_number(value)?))
    })
}

/// The file is not there, or went with its cgroup while it was looked at.
pub(super) fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENODEV)
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
