//! The system calls the init needs, each by its man-page name. The only place with assembly.
//!
//! Nothing here knows what a container is, keeps state, or decides. File descriptors are plain numbers, as on the wire: the
//! process owns its whole table, and its exec closes it.

mod call;
mod file;
mod memory;
mod mount;
mod process;
mod socket;

pub use call::Errno;
pub use file::*;
pub use memory::*;
pub use mount::*;
pub use process::*;
pub use socket::*;

/// A file descriptor's number.
pub type Fd = i32;

/// The result of a system call.
pub type Result<T> = core::result::Result<T, Errno>;
