//! Isolates a process as runtime-spec 1.3 says.

mod cgroup;
mod compile;
pub mod config;
mod error;

pub use error::{Error, ErrorKind, Result};
