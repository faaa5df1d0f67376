//! The two things of a child and of a number that need a raw call, safe to use.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Hands descriptors to a command, under the numbers they have here. They are closed here with the command.
///
/// They lose their CLOEXEC in the child: in this process, a child of another thread would get them too.
pub(super) fn hand_over(command: &mut Command, fds: Vec<OwnedFd>) {
    let uncover = move || fds.iter().try_for_each(|fd| Ok(fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)?));
    // SAFETY: between fork and exec this makes fcntl(2) calls on descriptors it owns, and makes an error of a number: nothing is
    // allocated and no lock is taken.
    unsafe { command.pre_exec(uncover) };
}

/// A copy of a descriptor that somebody told us the number of.
pub(super) fn duplicate(number: i32) -> Result<OwnedFd> {
    // SAFETY: the call takes three integers, and touches no memory of ours.
    let copy = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) });
    let copy = copy.map_err(|errno| Error::call("dup", number.to_string(), errno))?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
