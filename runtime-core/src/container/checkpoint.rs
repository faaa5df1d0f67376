//! `checkpoint`: a container that runs is saved.

use super::{Container, facts, lifecycle, start};
use crate::cgroup::Placement;
use crate::checkpoint::{self, Bind, Checkpoint, Extent, Subject};
use crate::config::{Config, MountWhat};
use crate::error::{Error, ErrorKind, Result};
use crate::host::Cgroups;
use crate::notify;
use crate::state::{Record, Status};
use std::path::Path;

impl Container {
    /// Saves the container by criu, so that [`Runtime::restore`](crate::Runtime::restore) can bring it back. Its processes have ended then, unless
    /// the request is for less; it is stopped, and can be deleted.
    ///
    /// # Errors
    /// [`ErrorKind::WrongState`] unless it runs or is paused; [`ErrorKind::Unsupported`] if criu is missing or too old;
    /// [`ErrorKind::Checkpoint`] if criu cannot save it: it goes on then.
    pub fn checkpoint(&self, request: &Checkpoint) -> Result<()> {
        let entry = self.store.lock(self.id())?;
        match self.status()? {
            Status::Running | Status::Paused => {}
            other => return Err(Error::new(ErrorKind::WrongState, format!("container cannot be checkpointed in {other} state"))),
        }
        let config = self.config()?;
        let placement = self.placement()?;
        let binds = outside(config, &placement, (&self.record, entry.path()));
        let subject = Subject {
            config,
            pid: self.init_pid().ok_or_else(start::not_running)?,
            binds: &binds,
            freezer: placement.freezer_directory(),
            streams: &self.record.streams,
        };
        subject.save(request)?;
        match request.extent {
            Extent::Whole => lifecycle::wait_for_end(&self.record),
            Extent::WholeAndGoOn | Extent::Memory => Ok(()),
        }
    }
}

/// What of a container's mounts is the host's: what its config binds, its cgroups where they are bound, the notify socket.
pub(super) fn outside(config: &Config, placement: &Placement, (record, state): (&Record, &Path)) -> Vec<Bind> {
    let mut binds = checkpoint::binds(config);
    for mount in config.mounts.iter().filter(|mount| mount.what == MountWhat::Cgroup && !config.namespaces.cgroup.is_private()) {
        binds.extend(cgroups(&facts::cgroups(placement), &mount.destination));
    }
    if record.notify_socket.is_some() {
        binds.push(Bind { destination: "/run/notify".into(), source: notify::directory(state) });
    }
    binds
}

fn cgroups(cgroups: &Cgroups, destination: &str) -> Vec<Bind> {
    match cgroups {
        Cgroups::Unified { path } => vec![Bind { destination: destination.to_owned(), source: path.into() }],
        Cgroups::Hierarchies(hierarchies) => hierarchies
            .iter()
            .filter(|hierarchy| !hierarchy.name.is_empty())
            .map(|hierarchy| Bind { destination: format!("{destination}/{}", hierarchy.name), source: (&hierarchy.path).into() })
            .collect(),
        // Those of the caller are mounted as they are.
        Cgroups::Callers(_) | Cgroups::None => Vec::new(),
    }
}
