//! Isolates a process as runtime-spec 1.3 says.

pub mod cgroup;
mod compile;
pub mod config;
pub mod console;
mod container;
mod error;
pub mod features;
mod hooks;
mod host;
mod notify;
mod pidfd;
mod prepare;
mod socket;
mod spawn;
pub mod spec;
mod state;

pub use cgroup::CgroupDriver;
pub use container::{Container, Create, Exec, IgnorePaused, Keyring, Pivot, Process, Rootless, Runtime, Terminal};
pub use error::{Error, ErrorKind, Result};
pub use pidfd::ExitStatus;
pub use spawn::FailAt;
pub use state::{State, Status};
