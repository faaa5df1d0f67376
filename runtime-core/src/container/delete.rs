//! `delete`: only what `create` made, and all of it.

use super::{Container, Runtime, lifecycle, placement};
use crate::compile;
use crate::error::{Error, ErrorKind, Result};
use crate::network::Move;
use crate::prepare::{self, Given};
use crate::resctrl::Group;
use crate::spawn::{Child, Launch};
use crate::state::{Locked, Phase, Record, Status};
use nix::sys::signal::Signal;
use std::path::Path;

impl Container {
    /// Deletes a container that has stopped, or was never started. Failed `poststop` hooks are returned; they change nothing.
    ///
    /// # Errors
    /// [`ErrorKind::WrongState`] if it runs, [`ErrorKind::NotFound`] if somebody else was faster.
    pub fn delete(self) -> Result<Vec<Error>> {
        let entry = self.store.lock(self.id())?;
        match self.status()? {
            Status::Stopped => {}
            Status::Created => {
                let _ = self.record.init.map(|init| init.signal(Signal::SIGKILL as i32));
            }
            other => {
                let what = format!("cannot delete container {} that is not stopped: {other}", self.id());
                return Err(Error::new(ErrorKind::WrongState, what));
            }
        }
        destroy(entry)
    }
}

impl Runtime {
    /// Deletes a container, whatever state it is in and however far its create came. One that does not exist is no error.
    ///
    /// # Errors
    /// [`ErrorKind::WrongState`] if a process does not die, [`ErrorKind::Call`] if something cannot be removed.
    pub fn delete_forced(&self, id: &str) -> Result<Vec<Error>> {
        let entry = match self.store.lock(id) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        if let Ok(record) = entry.record() {
            let _ = record.init.map(|init| init.signal(Signal::SIGKILL as i32));
        }
        destroy(entry)
    }
}

fn destroy(entry: Locked) -> Result<Vec<Error>> {
    // What a killed restore has mounted there.
    #[cfg(feature = "checkpoint")]
    crate::checkpoint::MountedRoot::forget(entry.path())?;
    let Ok(record) = entry.record() else {
        // A create that was killed before it wrote anything down has made nothing either.
        return entry.remove().map(|()| Vec::new());
    };
    let placement = placement(&record)?;
    if placement.is_frozen().unwrap_or(false) {
        placement.thaw()?;
    }
    lifecycle::wait_for_end(&record)?;
    let mut warnings = bring_back(&record);
    match record.phase {
        Phase::Created => lifecycle::sweep(&placement)?,
        // Its init, if it came so far, ends with its creator. Whoever else is there was there before.
        Phase::Creating => lifecycle::clear(&placement)?,
    }
    record.resctrl.as_ref().map_or(Ok(()), Group::remove)?;
    entry.remove()?;
    warnings.extend(lifecycle::poststop(&record));
    Ok(warnings)
}

/// The host's interfaces that a killed create has left in somebody else's namespace. One that is gone has let go of them.
fn bring_back(record: &Record) -> Vec<Error> {
    let Some((path, trail)) = record.interfaces.as_ref().filter(|(path, _)| path.exists()) else { return Vec::new() };
    route_to(path).map_or_else(|error| vec![error], |moving| moving.again(trail).map(Move::undo).unwrap_or_default())
}

/// A way to the interfaces of a namespace: a process goes there, lends its socket, and ends.
fn route_to(namespace: &Path) -> Result<Move> {
    let plan = compile::lend_route(namespace)?;
    let fds = prepare::open(&plan, Given::default())?;
    let mut child = Child::launch(&Launch { plan: &plan, fds, stdio: [None; 3], preserve: 0, cgroup: None, fail_at: None })?;
    child.next()?;
    let socket = child.take_lent()?;
    Move::between(child.pid(), socket)
}
