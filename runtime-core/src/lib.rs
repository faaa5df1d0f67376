//! Isolates a process as runtime-spec 1.3 says.

mod cgroup;
pub mod config;
mod error;
pub mod features;
pub mod spec;

pub use error::{Error, ErrorKind, Result};
