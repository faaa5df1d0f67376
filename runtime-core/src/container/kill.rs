//! Signals, to one process of a container or to all.
//!
//! Who belongs to a container its cgroups tell; where it has none, its pid namespace, if that is its own.

use super::Container;
use super::start::not_running;
use crate::config::Membership;
use crate::error::{Error, Result};
use crate::pidfd::Pidfd;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::path::PathBuf;

const KILL: i32 = Signal::SIGKILL as i32;

impl Container {
    /// Sends a signal to the first process; SIGKILL to all, where its end does not end them.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`](crate::ErrorKind::NotRunning) if it has ended, and nobody outlived it.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let init = self.record.init.ok_or_else(not_running)?;
        if signal == KILL && !self.has_own_pids() {
            return self.kill_those_who_stay();
        }
        init.signal(signal)?;
        if signal == KILL {
            // A frozen process of cgroup v1 does not die before it is thawed.
            let placement = self.placement()?;
            if placement.is_frozen().unwrap_or(false) {
                placement.thaw()?;
            }
        }
        Ok(())
    }

    /// Sends a signal to every process of the container.
    ///
    /// # Errors
    /// [`ErrorKind::Call`](crate::ErrorKind::Call) if the cgroups cannot be read;
    /// [`ErrorKind::NotRunning`](crate::ErrorKind::NotRunning) if it has none, and has ended.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        let placement = self.placement()?;
        match placement.is_none() {
            false => placement.kill_all(signal),
            true => self.kill_namespace(signal),
        }
    }

    /// The init is nobody special in a pid namespace that it shares: the others live on without it, and are killed even then.
    fn kill_those_who_stay(&self) -> Result<()> {
        let init = self.record.init.ok_or_else(not_running)?;
        if !self.placement()?.exists() {
            return init.signal(KILL);
        }
        // Without the right to use its cgroups, what can be killed is the init.
        self.kill_all(KILL).or_else(|_| init.signal(KILL))
    }

    fn kill_namespace(&self, signal: i32) -> Result<()> {
        let init = self.record.init.ok_or_else(not_running)?;
        if signal == KILL || !self.has_own_pids() {
            return init.signal(signal);
        }
        let Ok(namespace) = std::fs::read_link(pid_namespace(init.pid)) else { return init.signal(signal) };
        for pid in processes()?.filter(|pid| *pid != init.pid) {
            let Ok(process) = Pidfd::open(pid) else { continue };
            // Asked after it is held, so that the number is still its own.
            let inside = std::fs::read_link(pid_namespace(pid)).is_ok_and(|own| own == namespace);
            if !inside {
                continue;
            }
            match process.signal(signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(Error::call("pidfd_send_signal", pid.to_string(), errno)),
            }
        }
        init.signal(signal)
    }

    fn has_own_pids(&self) -> bool {
        self.config().is_ok_and(|config| config.namespaces.pid == Membership::New)
    }
}

fn pid_namespace(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/pid"))
}

fn processes() -> Result<impl Iterator<Item = i32>> {
    let entries = std::fs::read_dir("/proc").map_err(|error| Error::io("open", "/proc", error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}
