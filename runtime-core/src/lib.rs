//! Isolates a process as runtime-spec 1.3 says: a low-level container runtime as a library.
//!
//! A [`Runtime`] is a directory with the state of containers. It makes a [`Container`] of a bundle, a directory with a `config.json` and a
//! root file system; the container is then started, signalled, joined by other processes, and deleted:
//!
//! ```no_run
//! use runtime_core::{Create, Runtime};
//!
//! fn run(bundle: &str) -> runtime_core::Result<i32> {
//!     let runtime = Runtime::new("/run/my-program");
//!     let mut container = runtime.create("job-1", &Create::of(bundle))?;
//!     container.start()?;
//!     let ended = container.wait()?;
//!     container.delete()?;
//!     Ok(ended.code())
//! }
//! # run("bundle").unwrap();
//! ```
//!
//! What would be done can be read beforehand, by anybody: [`Runtime::plan`] touches nothing.
//!
//! ```
//! use runtime_core::{CgroupDriver, Create, Runtime, spec};
//!
//! let bundle = std::env::temp_dir().join(format!("plan-{}", std::process::id()));
//! std::fs::create_dir_all(bundle.join("rootfs"))?;
//! std::fs::write(bundle.join("config.json"), spec::default(spec::Cgroups::V2).replace("\"terminal\": true", "\"terminal\": false"))?;
//!
//! let runtime = Runtime::new("/run/my-program").with_cgroup_driver(CgroupDriver::Disabled);
//! let plan = runtime.plan("job-1", &Create::of(&bundle))?;
//! assert!(plan.contains("\npivot\n"));
//! assert!(plan.lines().last().is_some_and(|step| step.starts_with("exec [\"sh\"]")));
//! # std::fs::remove_dir_all(bundle)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go next
//!
//! - [`Create`] and [`Exec`]: terminals, descriptors, pid files, and what else can be asked for.
//! - [`Container`]: what can be done with one. [`Container::state`] is what engines read.
//! - [`Container::checkpoint`] and [`Runtime::restore`]: a container saved by criu, and brought back.
//! - [`ErrorKind`]: what to tell apart. An [`Error`] prints the whole story on one line.
//! - [`console`]: a process in the foreground of a terminal.
//! - [`spec`] and [`features`]: the document to begin with, and what this build understands.
//! - `ARCHITECTURE.md` in the repository: how it works.
//!
//! # What holds
//!
//! - Any thread of any program may call this. Between clone and exec only raw system calls are made, on memory of the calling thread.
//! - Nothing of the caller reaches the container but what was asked for: no memory, no descriptor, no `/proc/self/exe`.
//! - A create that fails leaves nothing behind. What a killed [`Runtime::create`] left is removed by [`Runtime::delete_forced`].
//! - Nothing is printed, no thread is started, no signal handler is set. Signals are blocked around the clone, and while [`console`] forwards
//!   them to a process in the foreground.
//! - A container's first process is a child of the program that created it: it is reaped by [`Container::wait`], by
//!   [`Container::delete`], or by whoever adopts it.

pub mod cgroup;
#[cfg(feature = "checkpoint")]
mod checkpoint;
mod compile;
pub mod config;
pub mod console;
mod container;
mod error;
pub mod features;
mod hooks;
mod host;
mod mountinfo;
mod network;
mod notify;
mod pidfd;
mod prepare;
mod resctrl;
mod socket;
mod spawn;
pub mod spec;
mod state;

pub use cgroup::CgroupDriver;
#[cfg(feature = "checkpoint")]
pub use checkpoint::{Checkpoint, CriuCgroups, CriuOption, Extent, Images, PageServer};
#[cfg(feature = "checkpoint")]
pub use container::Restore;
pub use container::{Container, Create, Exec, IgnorePaused, Keyring, Pivot, Process, Rootless, Runtime, Terminal};
pub use error::{Error, ErrorKind, Result};
pub use pidfd::ExitStatus;
pub use spawn::FailAt;
pub use state::{State, Status};
