//! Intel RDT: a container's class of service and its monitoring group, as directories of the kernel's resctrl file system.
//!
//! Invariants: nothing here is touched for a container without `linux.intelRdt`; a directory is removed only by who has made it, and a
//! class that the config names is never removed with its container: others may be in it.

mod stats;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Result};
use oci_spec::runtime::LinuxIntelRdt;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

/// Where one container is in resctrl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The file system's mount point.
    root: PathBuf,
    /// The directory of the class.
    class: PathBuf,
    whose: Whose,
    /// The directory of the monitoring group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    monitoring: Option<PathBuf>,
}

/// Whose directory a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whose {
    /// It was there before.
    Theirs,
    /// Made for this container, under a name that others may use too: it stays.
    Shared,
    /// Made for this container, and ends with it.
    Own,
}

impl Group {
    /// Where a container goes. Nothing is made yet, so that this can be written down before.
    pub(crate) fn place(rdt: &LinuxIntelRdt, id: &str, root: &Path) -> Self {
        let named = rdt.clos_id().as_deref();
        let class = match named {
            Some("/") => root.to_owned(),
            named => root.join(named.unwrap_or(id)),
        };
        let whose = match (class.exists(), named) {
            (true, _) => Whose::Theirs,
            (false, Some(_)) => Whose::Shared,
            (false, None) => Whose::Own,
        };
        let monitoring = rdt.enable_monitoring().unwrap_or(false).then(|| class.join("mon_groups").join(id));
        Self { root: root.to_owned(), class, whose, monitoring }
    }

    /// Makes what is missing, and sets what is wanted. What was made before an error is for [`Group::undo`].
    pub(crate) fn make(&mut self, rdt: &LinuxIntelRdt) -> Result<()> {
        let schemata = schemata(rdt);
        self.check(rdt)?;
        if self.whose == Whose::Shared && schemata.is_empty() {
            let why = format!("{} is not there, and there is no schema to make it with", self.class.display());
            return Err(Error::config("linux.intelRdt.closID", why));
        }
        match (self.whose, fs::create_dir(&self.class)) {
            (Whose::Theirs, _) | (_, Ok(())) => {}
            // Somebody was faster. Whoever it is, it is theirs.
            (_, Err(error)) if error.kind() == IoKind::AlreadyExists => self.whose = Whose::Theirs,
            (_, Err(error)) => return Err(self.told("mkdir", &self.class, error)),
        }
        self.write_schemata(&schemata)?;
        match self.monitoring.as_ref().map(|path| (path, fs::create_dir(path))) {
            Some((path, Err(error))) if error.kind() != IoKind::AlreadyExists => Err(self.told("mkdir", path, error)),
            _ => Ok(()),
        }
    }

    /// The kernel would say no more than "invalid argument" to a line about what the machine cannot do.
    fn check(&self, rdt: &LinuxIntelRdt) -> Result<()> {
        let wanted =
            [(rdt.l3_cache_schema(), "l3CacheSchema", "L3"), (rdt.mem_bw_schema(), "memBwSchema", "MB")].map(|(schema, name, resource)| {
                (schema.as_deref().is_some_and(|schema| !schema.is_empty()) && !self.root.join("info").join(resource).exists(), name)
            });
        match wanted.into_iter().find(|(missing, _)| *missing) {
            Some((_, name)) => {
                let what = format!(
                    "config.json: linux.intelRdt.{name}: this machine cannot do that: {} has no such resource",
                    self.root.display()
                );
                Err(Error::new(ErrorKind::Unsupported, what))
            }
            None => Ok(()),
        }
    }

    /// Puts a process into both. Its children follow it.
    pub(crate) fn join(&self, pid: i32) -> Result<()> {
        [Some(&self.class), self.monitoring.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|dir| self.write(&dir.join("tasks"), &pid.to_string()))
    }

    /// Sets other schemata.
    pub(crate) fn set(&self, rdt: &LinuxIntelRdt) -> Result<()> {
        self.check(rdt)?;
        self.write_schemata(&schemata(rdt))
    }

    fn write_schemata(&self, schemata: &str) -> Result<()> {
        if schemata.is_empty() { Ok(()) } else { self.write(&self.class.join("schemata"), schemata) }
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        fs::write(path, text).map_err(|error| self.told("write", path, error))
    }

    /// With the kernel's own words, where it has any.
    fn told(&self, call: &str, path: &Path, error: std::io::Error) -> Error {
        let status = fs::read_to_string(self.root.join("info/last_cmd_status")).unwrap_or_default();
        let error = Error::io(call, path, error);
        match status.trim() {
            "" | "ok" => error.during("linux.intelRdt"),
            status => error.during(format_args!("linux.intelRdt: {}", status.replace('\n', ", "))),
        }
    }

    /// What a delete removes.
    pub(crate) fn remove(&self) -> Result<()> {
        if let Some(path) = &self.monitoring {
            remove(path)?;
        }
        if self.whose == Whose::Own { remove(&self.class) } else { Ok(()) }
    }

    /// What a create that failed has made.
    pub(crate) fn undo(&self) -> Result<()> {
        self.remove()?;
        if self.whose == Whose::Shared { remove(&self.class) } else { Ok(()) }
    }
}

/// All lines, in the order that the specification has them.
fn schemata(rdt: &LinuxIntelRdt) -> String {
    let single = [rdt.l3_cache_schema(), rdt.mem_bw_schema()].into_iter().flatten();
    let lines = single.chain(rdt.schemata().iter().flatten()).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// The kernel moves who is still in there to the group above.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() != IoKind::NotFound => Err(Error::io("rmdir", path, error)),
        _ => Ok(()),
    }
}
