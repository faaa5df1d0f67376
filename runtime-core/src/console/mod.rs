//! The caller's side of a container's process that runs in the foreground: its terminal, its signals, its end.
//!
//! Invariants: the caller's terminal is put back whatever happens; its stdio keeps its flags; the container's process is only
//! ever reached by its descriptor. Detached containers need none of this: their terminal goes to a console socket.
//!
//! ```no_run
//! # fn foreground(pidfd: std::os::fd::OwnedFd, master: std::os::fd::OwnedFd) -> runtime_core::Result<()> {
//! use runtime_core::console::{Attached, Signals};
//!
//! let signals = Signals::block()?; // before the container is created
//! let ended = Attached::new(pidfd, signals).with_terminal(master)?.run()?;
//! # let _ = ended.code();
//! # Ok(())
//! # }
//! ```

mod attached;
mod relay;
mod signals;
mod sys;
mod terminal;

pub use attached::{Attached, callers_size};
pub use signals::Signals;

use crate::error::Result;
use std::os::fd::{AsFd, OwnedFd};

/// Receives a terminal's master on a connected console socket: the other end of what was given to `create` or `exec`.
///
/// # Errors
///
/// If anything but one descriptor with a name arrives.
pub fn receive_terminal(socket: impl AsFd) -> Result<OwnedFd> {
    crate::socket::receive_fd(socket).map(|(master, _name)| master)
}
