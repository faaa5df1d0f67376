//! Who is in a container's cgroups: entering, listing, signalling.
//!
//! Invariant: every wait and every loop is bounded. `cgroup.kill` needs no list and no freezing, so it goes before all else.

use super::file;
use super::place::{Group, Placement, Version};
use super::sys;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// How often a signal is sent to who has come since the last time.
const ROUNDS: u32 = 50;

impl Placement {
    /// Opens every `cgroup.procs`, in the order of the hierarchies: a process that writes `0` to each of them has entered.
    pub(crate) fn procs_files(&self) -> Result<Vec<OwnedFd>> {
        let open = |group: &Group| procs_file(group).map_err(|errno| Error::call("open", group.dir.join("cgroup.procs"), errno));
        self.groups.iter().map(open).collect()
    }

    /// It, without the hierarchies that a rootless caller may not enter. A plan counts them, so they go before there is one.
    pub(crate) fn enterable(mut self) -> Self {
        let refused = |group: &Group| procs_file(group).is_err_and(|errno| self.tolerates(errno));
        let kept = self.groups.iter().filter(|group| !refused(group)).cloned().collect();
        self.groups = kept;
        self
    }

    /// Puts a process there: what an init elsewhere does for itself.
    pub(crate) fn attach(&self, pid: i32) -> Result<()> {
        for group in &self.groups {
            let path = group.dir.join("cgroup.procs");
            match enter(&path, &pid.to_string()) {
                Err(errno) if !self.tolerates(errno) => return Err(Error::call("write", path, errno)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Every process of the container, sub-cgroups included, in the caller's numbers.
    pub(crate) fn pids(&self) -> Result<Vec<i32>> {
        self.main().map_or_else(|| Ok(Vec::new()), pids_below)
    }

    /// Is nobody there? A cgroup that is gone is empty.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        match self.unified().filter(|_| self.is_unified()) {
            None => self.pids().map(|pids| pids.is_empty()),
            Some(dir) => match file::read(&dir.join("cgroup.events")) {
                Ok(text) => Ok(file::value_of(&text, "populated") == Some(0)),
                Err(errno) if file::is_gone(errno) => Ok(true),
                Err(errno) => Err(Error::call("read", dir.join("cgroup.events"), errno)),
            },
        }
    }

    /// Sends a signal to every process of the container.
    pub(crate) fn kill_all(&self, signal: i32) -> Result<()> {
        if signal == nix::libc::SIGKILL && self.kill_at_once()? {
            // On a hybrid host the freezer is v1's, and what it holds does not die.
            return if self.version() == Version::One { self.thaw() } else { Ok(()) };
        }
        let held = !self.is_frozen().unwrap_or(false) && self.freeze().is_ok();
        let sent = if held { self.signal_once(signal).map(drop) } else { self.signal_until_none_is_new(signal) };
        if held || signal == nix::libc::SIGKILL {
            self.thaw()?;
        }
        sent
    }

    /// `cgroup.kill`, since Linux 5.14. Is it there?
    fn kill_at_once(&self) -> Result<bool> {
        let Some(dir) = self.unified() else { return Ok(false) };
        match file::write(&dir.join("cgroup.kill"), "1") {
            Ok(()) => Ok(true),
            Err(errno) if file::is_gone(errno) => Ok(false),
            Err(errno) => Err(Error::call("write", dir.join("cgroup.kill"), errno)),
        }
    }

    fn signal_once(&self, signal: i32) -> Result<Vec<i32>> {
        let pids = self.pids()?;
        for pid in &pids {
            send(*pid, signal)?;
        }
        Ok(pids)
    }

    /// Without a freezer a process may fork while the others are signalled.
    fn signal_until_none_is_new(&self, signal: i32) -> Result<()> {
        let mut known: Vec<i32> = Vec::new();
        for _ in 0..ROUNDS {
            let new: Vec<i32> = self.pids()?.into_iter().filter(|pid| !known.contains(pid)).collect();
            if new.is_empty() {
                return Ok(());
            }
            for pid in &new {
                send(*pid, signal)?;
            }
            known.extend(new);
        }
        Ok(())
    }
}

fn send(pid: i32, signal: i32) -> Result<()> {
    match sys::kill(pid, signal) {
        // Gone is what most signals want.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::call("kill", pid.to_string(), errno)),
    }
}

fn procs_file(group: &Group) -> nix::Result<OwnedFd> {
    file::open_with(&group.dir.join("cgroup.procs"), OFlag::O_WRONLY)
}

/// `EINVAL` is a child so young that the kernel has not finished it.
fn enter(path: &Path, pid: &str) -> nix::Result<()> {
    let file = file::open_with(path, OFlag::O_WRONLY)?;
    for _ in 0..4 {
        match file::put(&file, pid) {
            Err(Errno::EINVAL) => std::thread::sleep(Duration::from_millis(30)),
            done => return done,
        }
    }
    file::put(&file, pid)
}

/// The processes of a cgroup and of those below it. One below that vanishes meanwhile has none.
pub(super) fn pids_below(dir: &Path) -> Result<Vec<i32>> {
    let mut pids = match pids_in(dir) {
        Ok(pids) => pids,
        Err(errno) if file::is_gone(errno) => return Ok(Vec::new()),
        Err(errno) => return Err(Error::call("read", dir.join("cgroup.procs"), errno)),
    };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pids.extend(pids_below(&entry.path())?);
        }
    }
    Ok(pids)
}

fn pids_in(dir: &Path) -> nix::Result<Vec<i32>> {
    let text = match file::read(&dir.join("cgroup.procs")) {
        // A threaded cgroup lists its threads only.
        Err(Errno::EOPNOTSUPP) => file::read(&dir.join("cgroup.threads"))?,
        read => read?,
    };
    // Zero is a process of another pid namespace, which cannot be named here.
    Ok(text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect())
}
