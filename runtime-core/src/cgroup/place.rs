//! Where a container's cgroups are: one directory in every hierarchy.
//!
//! Invariant: a placement is decided without making anything, and holds all that a later command must know.
//!
//! An absolute `cgroupsPath` starts at the hierarchy's mount point. A relative one, or the id that stands in for a missing one, starts at the
//! caller's own cgroup on v1; on v2 at that cgroup's *parent*, because a cgroup with processes cannot hand controllers down.

use super::CgroupDriver;
use super::layout::{Layout, Mount, Own};
use super::systemd::Unit;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// Which of the two kernel interfaces a hierarchy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Version {
    /// One hierarchy for each controller.
    #[serde(rename = "v1")]
    One,
    /// The unified hierarchy.
    #[serde(rename = "v2")]
    Two,
}

/// What to do when the host says no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// The command fails.
    #[default]
    #[serde(rename = "fatal")]
    Fatal,
    /// Rootless: a container that asks for no place and no limits goes without cgroups.
    #[serde(rename = "tolerated")]
    Tolerated,
}

/// What a container wants of its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// `linux.cgroupsPath`, as written.
    pub(crate) path: Option<&'a str>,
    /// The container's id: its place when it has no path.
    pub(crate) id: &'a str,
    /// Who makes the cgroups.
    pub(crate) driver: CgroupDriver,
    /// What a missing permission means.
    pub(crate) refusal: Refusal,
}

/// Where one container's cgroups are. Saved with the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    pub(super) groups: Vec<Group>,
    #[serde(default)]
    pub(super) refusal: Refusal,
    /// Was this place asked for, by a `cgroupsPath`? Then going without it is no option.
    #[serde(default)]
    pub(super) asked: bool,
    /// `CgroupDriver::Disabled`: limits are not wanted either.
    #[serde(default)]
    pub(super) disabled: bool,
    /// `CgroupDriver::Systemd`: the unit whose cgroup this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<Unit>,
}

/// One directory of a placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) version: Version,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    pub(super) mount: PathBuf,
    pub(super) dir: PathBuf,
}

impl Layout {
    /// Where a container goes on this host. Makes nothing.
    pub(crate) fn place(&self, wanted: &Wanted<'_>) -> Result<Placement> {
        let asked = wanted.path.is_some_and(|path| !path.is_empty());
        let disabled = wanted.driver == CgroupDriver::Disabled;
        let placement = Placement { refusal: wanted.refusal, asked, disabled, ..Placement::default() };
        match wanted.driver {
            CgroupDriver::Disabled => Ok(placement),
            CgroupDriver::Systemd => self.unit(wanted, placement),
            CgroupDriver::Files => Ok(Placement { groups: self.groups(wanted)?, ..placement }),
        }
    }

    /// The places of a unit, of the caller's own systemd where the caller is rootless.
    fn unit(&self, wanted: &Wanted<'_>, placement: Placement) -> Result<Placement> {
        let alone = self.mounts.iter().all(|mount| mount.version == Version::Two);
        let unit = Unit::of(wanted, wanted.refusal == Refusal::Tolerated, if alone { Version::Two } else { Version::One })?;
        let below = clean(unit.place()?);
        let groups = self.mounts.iter().map(|mount| mount.group(mount.point.join(&below))).collect();
        Ok(Placement { groups, unit: Some(unit), ..placement })
    }

    /// The cgroups the caller is in, as far as they can be seen: those of a container that has none of its own.
    pub(crate) fn callers(&self) -> Result<Placement> {
        let own = Own::read(&self.own)?;
        let groups = self.mounts.iter().map(|mount| {
            let path = own.of(mount.controllers.first().map_or("", String::as_str)).unwrap_or("/");
            mount.group(mount.shown(path))
        });
        Ok(Placement { groups: groups.filter(|group| group.dir.is_dir()).collect(), ..Placement::default() })
    }

    fn groups(&self, wanted: &Wanted<'_>) -> Result<Vec<Group>> {
        let path = wanted.path.filter(|path| !path.is_empty()).unwrap_or(wanted.id);
        let inner = clean(path);
        if inner.as_os_str().is_empty() {
            return Err(Error::config(
                "linux.cgroupsPath",
                format_args!("{path:?} is the root of every cgroup, which no container can be given"),
            ));
        }
        if path.starts_with('/') {
            return Ok(self.mounts.iter().map(|mount| mount.group(mount.point.join(&inner))).collect());
        }
        let own = Own::read(&self.own)?;
        Ok(self.mounts.iter().map(|mount| mount.group(self.start(mount, &own).join(&inner))).collect())
    }

    /// The directory a relative path starts at.
    fn start(&self, mount: &Mount, own: &Own) -> PathBuf {
        let own = own.of(mount.controllers.first().map_or("", String::as_str)).unwrap_or("/");
        let alone = self.mounts.len() == 1 && mount.version == Version::Two;
        let own = if alone { Path::new(own).parent().unwrap_or_else(|| Path::new("/")) } else { Path::new(own) };
        mount.shown(own)
    }
}

impl Mount {
    fn group(&self, dir: PathBuf) -> Group {
        Group { version: self.version, controllers: self.controllers.clone(), mount: self.point.clone(), dir }
    }

    /// Where a path of the hierarchy is seen.
    fn shown(&self, path: impl AsRef<Path>) -> PathBuf {
        // In a container without a cgroup namespace the paths are the host's, and the mount shows but a part of them.
        self.point.join(clean(path.as_ref().strip_prefix(&self.root).unwrap_or_else(|_| Path::new(""))))
    }
}

impl Placement {
    /// The directory a controller of v1 is steered from, or any one of v2.
    pub(super) fn dir(&self, controller: &str) -> Option<&Path> {
        let found = self.groups.iter().find(|group| match group.version {
            Version::One => group.controllers.iter().any(|name| name == controller),
            Version::Two => self.version() == Version::Two,
        });
        found.map(|group| group.dir.as_path())
    }

    /// The directory in the unified hierarchy, which a hybrid host has too.
    pub(super) fn unified(&self) -> Option<&Path> {
        self.groups.iter().find(|group| group.version == Version::Two).map(|group| group.dir.as_path())
    }

    /// Which interface limits are written to: a hybrid host's is v1.
    pub(super) fn version(&self) -> Version {
        match self.groups.iter().any(|group| group.version == Version::One) {
            true => Version::One,
            false => Version::Two,
        }
    }

    /// The directory whose processes are the container's.
    pub(super) fn main(&self) -> Option<&Path> {
        self.dir("devices").or_else(|| self.groups.first().map(|group| group.dir.as_path()))
    }

    /// Can the container go without what was refused?
    pub(super) fn tolerates(&self, errno: Errno) -> bool {
        self.refusal == Refusal::Tolerated && !self.asked && is_permission(errno)
    }

    /// Is anything of the container in a cgroup of its own?
    pub(crate) fn is_none(&self) -> bool {
        self.groups.is_empty()
    }

    /// Is it there?
    pub(crate) fn exists(&self) -> bool {
        self.main().is_some_and(Path::is_dir)
    }

    /// Is it v2 alone, where a child can be cloned into its cgroup?
    pub(crate) fn is_unified(&self) -> bool {
        !self.groups.is_empty() && self.version() == Version::Two
    }

    /// Does it begin with a process? Then the child is born outside, and enters.
    pub(crate) fn is_entered(&self) -> bool {
        self.unit.is_some()
    }

    /// The v2 directory, for messages and for `cgroup` mounts; on v1 there is one for each controller.
    pub(crate) fn directories(&self) -> impl Iterator<Item = (&[String], &Path)> {
        self.groups.iter().map(|group| (group.controllers.as_slice(), group.dir.as_path()))
    }

    /// The place a process is in now, however it came there: what `exec` falls back to when the container has moved into sub-cgroups.
    pub(crate) fn of_process(&self, pid: i32) -> Result<Self> {
        let own = Own::read(Path::new(&format!("/proc/{pid}/cgroup")))?;
        let mut moved = self.clone();
        for group in &mut moved.groups {
            if let Some(path) = own.of(group.controllers.first().map_or("", String::as_str)) {
                group.dir = group.mount.join(clean(Path::new(path)));
            }
        }
        Ok(moved)
    }

    /// The place a process is in, as the kernel names it: the controllers of each hierarchy, none for v2's, and the path in it.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn names_of_process(pid: i32) -> Result<std::collections::BTreeMap<String, String>> {
        Ok(Own::read(Path::new(&format!("/proc/{pid}/cgroup")))?.all().collect())
    }

    /// The directory by which its processes are stopped, if there is one.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn freezer_directory(&self) -> Option<&Path> {
        self.dir("freezer")
    }

    /// The sub-cgroups that every `exec --cgroup [CONTROLLER[,CONTROLLER]:]PATH` names, in the hierarchies it names. They must exist.
    pub(crate) fn within(&self, wanted: &[String]) -> Result<Self> {
        wanted.iter().try_fold(self.clone(), |inside, one| self.moved(inside, one))
    }

    /// `inside`, with one more of the hierarchies below this place.
    fn moved(&self, mut inside: Self, wanted: &str) -> Result<Self> {
        let (controllers, path) = wanted.split_once(':').unwrap_or(("", wanted));
        let inner = below(path)?;
        for name in controllers.split(',').filter(|name| !name.is_empty()) {
            if self.dir(name).is_none() {
                return Err(Error::new(ErrorKind::Unsupported, format!("unknown controller {name} in the sub-cgroup {wanted:?}")));
            }
        }
        for (group, own) in inside.groups.iter_mut().zip(&self.groups) {
            let named = controllers.is_empty() || controllers.split(',').any(|name| own.controllers.iter().any(|its| its == name));
            if named || self.version() == Version::Two {
                // From the top each time: `cpu` and `cpuacct` may be one hierarchy.
                group.dir = own.dir.join(&inner);
                let found = std::fs::metadata(&group.dir).map_err(|error| Error::io("stat", &group.dir, error));
                found.map_err(|error| error.during("error adding pid to cgroups"))?;
            }
        }
        Ok(inside)
    }
}

/// Refused for who asks, not for what is asked.
pub(super) fn is_permission(errno: Errno) -> bool {
    matches!(errno, Errno::EPERM | Errno::EACCES | Errno::EROFS)
}

/// A path that stays below wherever it is joined to: `..` stops at the top.
fn clean(path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.as_ref().components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

fn below(path: &str) -> Result<PathBuf> {
    let escapes = Path::new(path).components().any(|part| part == Component::ParentDir);
    match escapes {
        true => Err(Error::new(ErrorKind::InvalidConfig, format!("bad sub cgroup path: {path}"))),
        false => Ok(clean(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::io::Write;

    fn mount(version: Version, controllers: &str, point: &str, root: &str) -> Mount {
        let controllers = controllers.split_whitespace().map(str::to_owned).collect();
        Mount { version, controllers, point: point.into(), root: root.into() }
    }

    fn hybrid() -> Vec<Mount> {
        vec![
            mount(Version::One, "memory", "/c/memory", "/docker"),
            mount(Version::One, "cpu cpuacct", "/c/cpu,cpuacct", "/"),
            mount(Version::Two, "", "/c/unified", "/"),
        ]
    }

    fn alone() -> Vec<Mount> {
        vec![mount(Version::Two, "", "/c", "/")]
    }

    fn check(mounts: Vec<Mount>, path: Option<&str>, expected: Expect) {
        let own = std::env::temp_dir().join(format!("own-cgroup-{}-{:?}", std::process::id(), std::thread::current().id()));
        let text = "4:memory:/docker/abc\n2:cpu,cpuacct:/x\n0::/user.slice/session-1.scope\n";
        std::fs::File::create(&own).unwrap().write_all(text.as_bytes()).unwrap();
        let wanted = Wanted { path, id: "web1", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
        let placement = Layout { mounts, own: own.clone() }.place(&wanted).unwrap();
        std::fs::remove_file(own).unwrap();
        expected.assert_eq(&placement.groups.iter().map(|group| format!("{}\n", group.dir.display())).collect::<String>());
        let saved = serde_json::to_string(&placement).unwrap();
        assert_eq!(serde_json::from_str::<Placement>(&saved).unwrap(), placement, "{saved}");
    }

    #[test]
    fn an_absolute_path_starts_at_the_mount_points() {
        check(
            hybrid(),
            Some("/a//b/../../../c"),
            expect![[r#"
                /c/memory/c
                /c/cpu,cpuacct/c
                /c/unified/c
            "#]],
        );
    }

    #[test]
    fn a_relative_path_starts_at_the_callers_own_v1_cgroups() {
        check(
            hybrid(),
            Some("../../a/b"),
            expect![[r#"
                /c/memory/abc/a/b
                /c/cpu,cpuacct/x/a/b
                /c/unified/user.slice/session-1.scope/a/b
            "#]],
        );
    }

    #[test]
    fn without_a_path_the_id_stands_beside_the_callers_v2_cgroup() {
        check(
            alone(),
            None,
            expect![[r#"
                /c/user.slice/web1
            "#]],
        );
    }

    #[test]
    fn an_absolute_path_on_v2_needs_no_look_at_the_callers_cgroup() {
        let wanted = Wanted { path: Some("/a/b"), id: "web1", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
        let placement = Layout::unified("/c".into(), "/nowhere".into()).place(&wanted).unwrap();
        assert_eq!(placement.unified(), Some(Path::new("/c/a/b")));
        assert!(placement.is_unified());
    }

    #[test]
    fn a_disabled_driver_places_nothing() {
        let wanted = Wanted { path: Some("/a"), id: "web1", driver: CgroupDriver::Disabled, refusal: Refusal::Fatal };
        assert!(Layout::unified("/c".into(), "/nowhere".into()).place(&wanted).unwrap().is_none());
    }

    #[test]
    fn the_root_is_nobodys_place() {
        for path in ["/", "/..", ".", "a/.."] {
            let wanted = Wanted { path: Some(path), id: "web1", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
            assert!(Layout::unified("/c".into(), "/nowhere".into()).place(&wanted).is_err(), "{path}");
        }
    }

    #[test]
    fn a_sub_cgroup_does_not_escape() {
        let wanted = Wanted { path: Some("/a"), id: "web1", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
        let placement = Layout::unified("/c".into(), "/nowhere".into()).place(&wanted).unwrap();
        assert_eq!(placement.within(&["../b".into()]).unwrap_err().to_string(), "bad sub cgroup path: ../b");
    }
}
