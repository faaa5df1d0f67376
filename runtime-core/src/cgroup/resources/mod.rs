//! `linux.resources`, made into writes and written.
//!
//! What is asked for becomes a list of [`Write`]s by [`v1::writes`] or [`v2::writes`], which are pure: tests compare the list as text, and a dry
//! run can print it. [`Placement::apply`] carries it out.
//!
//! Invariant: a property that is not set writes nothing. Devices are set at `create` and never touched by an update.

use super::create::Created;
use super::devices;
use super::file;
use super::place::{Placement, Version};
use super::systemd;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use oci_spec::runtime::LinuxResources;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

mod convert;
mod undo;
mod unified;
mod update;
mod v1;
mod v2;

pub(super) use convert::{swap_alone, weight_from_shares};
use undo::Undo;
pub(crate) use update::Update;

/// One value for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    controller: &'static str,
    /// Where in the config it comes from, below `linux.resources`.
    property: Cow<'static, str>,
    file: Cow<'static, str>,
    value: String,
    missing: Missing,
    invalid: Invalid,
}

/// What it means that the file is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Fails,
    Ignored,
    /// The next write is the same limit by another name. Where this one works, that one is left out.
    NextInstead,
}

/// What `EINVAL` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Fails,
    /// The value depends on another that is still to be written: try once more after all.
    Again,
    Ignored,
}

impl Write {
    fn new(
        controller: &'static str,
        property: impl Into<Cow<'static, str>>,
        file: impl Into<Cow<'static, str>>,
        value: impl ToString,
    ) -> Self {
        let (property, file, value) = (property.into(), file.into(), value.to_string());
        Self { controller, property, file, value, missing: Missing::Fails, invalid: Invalid::Fails }
    }

    fn optional(self) -> Self {
        Self { missing: Missing::Ignored, ..self }
    }

    fn or_next(self) -> Self {
        Self { missing: Missing::NextInstead, ..self }
    }

    fn again(self) -> Self {
        Self { invalid: Invalid::Again, ..self }
    }

    fn again_if(self, dependent: bool) -> Self {
        if dependent { self.again() } else { self }
    }

    fn unless_invalid(self) -> Self {
        Self { invalid: Invalid::Ignored, ..self }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?}", self.file, self.value)?;
        match self.missing {
            Missing::Fails => {}
            Missing::Ignored => f.write_str(" if-there")?,
            Missing::NextInstead => f.write_str(" or")?,
        }
        match self.invalid {
            Invalid::Fails => Ok(()),
            Invalid::Again => f.write_str(" again"),
            Invalid::Ignored => f.write_str(" unless-invalid"),
        }
    }
}

/// On whose behalf limits are set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// `create`: everything, devices too.
    Create(&'a Created),
    /// `update`: what is given, but never devices. Some of a running container's were added behind our back (GPUs), and a rewrite would lose them.
    Update,
}

impl Placement {
    /// Sets the limits. At `create` devices are limited even if the config says nothing of them.
    pub(crate) fn apply(&self, resources: Option<&LinuxResources>, scope: Scope<'_>) -> Result<()> {
        if self.disabled {
            return Ok(());
        }
        if let Some(resources) = resources {
            self.limit(resources, scope)?;
        }
        match scope {
            Scope::Create(created) => devices::apply(self, resources, created),
            Scope::Update => Ok(()),
        }
    }

    /// After an update that failed: the files say again what they said, and systemd, which rewrites them, must hear it too.
    pub(crate) fn take_back(&self, before: &LinuxResources) {
        // The failure is what is told.
        let _ = self.tell(before);
    }

    /// What [`apply`](Self::apply) would write to a new cgroup, a line each, for who wants to read it first. Devices and `unified` are as the
    /// config has them.
    pub(crate) fn preview(&self, resources: &LinuxResources) -> Result<Vec<String>> {
        let writes = match self.version() {
            Version::One => v1::writes(resources, u64::MAX),
            Version::Two => v2::writes(resources),
        }?;
        Ok(writes.iter().map(Write::to_string).collect())
    }

    fn limit(&self, resources: &LinuxResources, scope: Scope<'_>) -> Result<()> {
        let fresh = matches!(scope, Scope::Create(Created { fresh: true, .. }));
        let writes = match self.version() {
            Version::One => v1::writes(resources, self.memory_limit(resources, fresh)),
            Version::Two => {
                self.refuse_below_usage(resources, fresh)?;
                v2::writes(resources)
            }
        }?;
        if matches!(scope, Scope::Update) {
            self.tell(resources)?;
        }
        let writes = if self.unit.is_some() { rounded(writes, resources) } else { writes };
        let mut undo = Undo::of(scope);
        let done = self.carry_out(&writes, &mut undo).and_then(|()| unified::apply(self, resources, &mut undo));
        done.inspect_err(|_| undo.back())
    }

    /// v1: the limit now, where it decides which of two values goes first. A new cgroup has none.
    fn memory_limit(&self, resources: &LinuxResources, fresh: bool) -> u64 {
        let both = resources.memory().is_some_and(|memory| memory.limit().is_some() && memory.swap().is_some());
        let dir = self.dir("memory").filter(|_| both && !fresh);
        dir.and_then(|dir| file::number(&dir.join("memory.limit_in_bytes")).ok()).unwrap_or(u64::MAX)
    }

    /// v2 takes a limit below the usage and kills; `checkBeforeUpdate` asks to fail instead, as v1 does.
    fn refuse_below_usage(&self, resources: &LinuxResources, fresh: bool) -> Result<()> {
        let Some(memory) = resources.memory().filter(|memory| !fresh && memory.check_before_update() == Some(true)) else { return Ok(()) };
        let usage = self.dir("memory").and_then(|dir| file::number(&dir.join("memory.current")).ok());
        let Some(usage) = usage else { return Ok(()) };
        convert::refuse_below(usage, memory.limit(), memory.swap())
    }

    fn carry_out(&self, writes: &[Write], undo: &mut Undo) -> Result<()> {
        let mut late = Vec::new();
        let mut writes = writes.iter();
        while let Some(write) = writes.next() {
            let dir = self.dir(write.controller).ok_or_else(|| without_cgroup(write))?;
            let path = dir.join(&*write.file);
            undo.note(&path, &write.value);
            let wrote = file::write(&path, &write.value);
            match (wrote, write.missing, write.invalid) {
                (Ok(()), Missing::NextInstead, _) => drop(writes.next()),
                (Ok(()), ..) | (Err(Errno::EINVAL), _, Invalid::Ignored) => {}
                (Err(Errno::ENOENT), Missing::Ignored | Missing::NextInstead, _) => {}
                (Err(Errno::EINVAL), _, Invalid::Again) => late.push((dir, write)),
                (Err(errno), ..) => return Err(refused(dir, write, errno)),
            }
        }
        for (dir, write) in late {
            file::write(&dir.join(&*write.file), &write.value).map_err(|errno| refused(dir, write, errno))?;
        }
        Ok(())
    }
}

/// What systemd and the files say must be the same.
fn rounded(mut writes: Vec<Write>, resources: &LinuxResources) -> Vec<Write> {
    let period = resources.cpu().as_ref().and_then(|cpu| cpu.period());
    for write in &mut writes {
        let round = match &*write.file {
            "cpu.max" => systemd::round(&write.value),
            "cpu.cfs_quota_us" => systemd::round_quota(&write.value, period),
            _ => None,
        };
        write.value = round.unwrap_or_else(|| std::mem::take(&mut write.value));
    }
    writes
}

/// Would this need a controller that a threaded cgroup cannot have?
pub(super) fn need_domain(resources: &LinuxResources) -> bool {
    let writes = v2::writes(resources).unwrap_or_default();
    writes.iter().any(|write| matches!(write.controller, "memory" | "io" | "cpu" | "hugetlb"))
}

fn without_cgroup(write: &Write) -> Error {
    let what = format!("cannot set {} limit: container could not join or create cgroup", write.controller);
    Error::new(ErrorKind::Unsupported, what).during(format_args!("linux.resources.{}", write.property))
}

fn refused(dir: &Path, write: &Write, errno: Errno) -> Error {
    let path = dir.join(&*write.file);
    let error = match (errno, write.controller) {
        (Errno::EBUSY, "memory") => too_much_in_use(dir, write),
        // The files of a controller that is not enabled here are not there.
        (Errno::ENOENT, controller) if !is_enabled(dir, controller) => Error::call("write", path, errno)
            .with_kind(ErrorKind::Unsupported)
            .during(format_args!("the {controller} controller is not available")),
        _ => Error::call("write", path, errno),
    };
    error.during(format_args!("linux.resources.{}", write.property))
}

/// Is it only the file that the kernel does not have?
fn is_enabled(dir: &Path, controller: &str) -> bool {
    match file::read(&dir.join("cgroup.controllers")) {
        Ok(listed) => listed.split_whitespace().any(|one| one == controller),
        // Only v1 has this one, and there the hierarchy is the controller's.
        Err(_) => dir.join("cgroup.clone_children").exists(),
    }
}

/// v1 refuses a limit that is already passed.
fn too_much_in_use(dir: &Path, write: &Write) -> Error {
    let now = |name: &str| file::number(&dir.join(name)).unwrap_or(0);
    let (usage, peak) = (now("memory.usage_in_bytes"), now("memory.max_usage_in_bytes"));
    let what = format!("unable to set memory limit to {} (current usage: {usage}, peak usage: {peak})", write.value);
    Error::new(ErrorKind::Call, what).with_errno(Errno::EBUSY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systemd counts hundredths of a CPU: 10 ms in a second.
    #[test]
    fn quotas_are_what_systemd_would_make_of_them() {
        let check = |version: Version, resources: &str, expected: &[&str]| {
            let resources = serde_json::from_str(resources).unwrap();
            let writes = if version == Version::One { v1::writes(&resources, u64::MAX) } else { v2::writes(&resources) };
            let lines: Vec<_> = rounded(writes.unwrap(), &resources).iter().map(Write::to_string).collect();
            assert_eq!(lines, expected);
        };
        let resources = r#"{"cpu":{"quota":5001,"period":10000,"shares":1024}}"#;
        check(Version::One, resources, &["cpu.shares = \"1024\"", "cpu.cfs_period_us = \"10000\" again", "cpu.cfs_quota_us = \"5100\""]);
        check(Version::Two, resources, &["cpu.weight = \"100\"", "cpu.max = \"5100 10000\""]);
        check(Version::One, r#"{"cpu":{"quota":-1}}"#, &["cpu.cfs_quota_us = \"-1\""]);
        check(Version::Two, r#"{"cpu":{"quota":-1}}"#, &["cpu.max = \"max 100000\""]);
    }

    /// What has no files in a threaded cgroup, and the CPU, which others refuse there too; but no cpuset and no number of processes.
    #[test]
    fn a_threaded_cgroup_has_no_memory_devices_or_pages() {
        let table = [
            (r#"{"memory":{"limit":5}}"#, true),
            (r#"{"blockIO":{"weight":50}}"#, true),
            (r#"{"cpu":{"shares":5}}"#, true),
            (r#"{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}"#, true),
            (r#"{"pids":{"limit":5},"memory":{"limit":5}}"#, true),
            (r#"{"pids":{"limit":5},"cpu":{"cpus":"0"}}"#, false),
            (r#"{"memory":{}}"#, false),
        ];
        for (resources, needed) in table {
            assert_eq!(need_domain(&serde_json::from_str(resources).unwrap()), needed, "{resources}");
        }
    }
}
