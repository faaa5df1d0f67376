//! The cgroups of a container: where they are, what they limit, who is in them.
//!
//! A `Layout` is what the host offers; a `Placement` is where one container goes. The placement is decided before anything
//! is made and is kept in the container's state, so every later command finds the cgroups without asking how they were chosen:
//!
//! ```text
//! let layout = Layout::look()?;                        what the host offers: v1, hybrid or v2
//! let mut placement = layout.place(&wanted)?;          nothing is made yet: save it, then
//! let created = placement.create(&resources)?;         mkdir, enable controllers
//! placement.apply(&resources, Scope::Create(&created))?;
//! … clone into created.directory, or write "0" to placement.procs_files()? …
//! … systemd: clone, and placement.enter(pid, resources)? before the limits …
//! placement.kill_all(SIGKILL)?; placement.remove()?;
//! ```
//!
//! Invariants: nothing here mounts or unmounts; nothing outside a placement's directories is written, but for the ancestors' `cgroup.subtree_control`
//! (v2) and `cpuset.*` (v1), without which the container's own files would not exist; every wait ends.

// Not every verb of the container has found its way here.

mod create;
mod delegate;
mod devices;
mod file;
mod freeze;
pub(crate) mod layout;
mod oom;
mod place;
mod processes;
mod resources;
mod stats;
mod sys;
mod systemd;
#[cfg(test)]
mod tests;

pub(crate) use create::Created;
pub(crate) use layout::Layout;
pub use oom::{OomEvent, OomWatch};
pub(crate) use place::{Placement, Refusal, Wanted};
pub(crate) use resources::{Scope, Update};
pub use stats::*;
pub(crate) use systemd::is_of_another;

/// Who makes and limits a container's cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CgroupDriver {
    /// This library, through the cgroup file systems.
    #[default]
    Files,
    /// systemd, asked over D-Bus.
    Systemd,
    /// Nobody: the container stays in its caller's cgroups and has no limits.
    Disabled,
}
