//! Isolates a process as runtime-spec 1.3 says.

mod cgroup;
pub mod config;
pub mod console;
mod error;
mod hooks;
mod notify;
mod pidfd;
mod socket;
mod state;

pub use error::{Error, ErrorKind, Result};
pub use pidfd::ExitStatus;
pub use state::{State, Status};
