//! Isolates a process as runtime-spec 1.3 says.

mod cgroup;
mod compile;
pub mod config;
pub mod console;
mod container;
mod error;
pub mod features;
mod hooks;
mod host;
mod notify;
mod prepare;
pub mod spec;
mod spawn;
mod state;

pub use error::{Error, ErrorKind, Result};
