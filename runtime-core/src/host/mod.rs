//! Looking: what this host can do. Read-only; every fact can be set otherwise, so that a plan for any host compiles on every host.

pub(crate) mod seccomp;

use crate::mountinfo::unescape;
use nix::sys::resource::{Resource, getrlimit};
use std::path::{Path, PathBuf};

/// The facts a plan depends on.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The capabilities the caller has: its permitted set.
    pub(crate) capabilities: u64,
    /// `mount_setattr(2)` with all flags of mounts: Linux 5.14.
    pub(crate) mount_setattr: bool,
    /// Is an `exec` enough to enter a new time namespace? Linux 6.1; before, it takes a fork.
    pub(crate) exec_enters_time: bool,
    /// How a container's cgroups are seen and joined.
    pub(crate) cgroup: Cgroups,
    /// The mount that the root's directory is on, where the plan must make it private.
    pub(crate) rootfs_parent: Option<String>,
    /// How many files the caller may have open: the hard limit.
    pub(crate) open_files: u64,
    /// Where whole procfs and sysfs are mounted, for a root that only covers them.
    pub(crate) whole: Vec<String>,
    /// The caller's group.
    pub(crate) gid: u32,
    /// May there be other supplementary groups? What a user namespace once denied, no namespace below it may.
    pub(crate) groups: Groups,
    /// Is the caller itself in a user namespace? Then nodes cannot be made, whatever its capabilities.
    pub(crate) in_user_namespace: bool,
    /// The sources of bind mounts that are not directories.
    pub(crate) files: Vec<PathBuf>,
    /// Is `/proc/kcore` there?
    pub(crate) kcore: bool,
    /// Is AppArmor's `attr/apparmor/` there?
    pub(crate) apparmor: bool,
    /// The flags of [`seccomp`] that it knows.
    pub(crate) seccomp_flags: u32,
    /// Is SELinux enabled, and mounted where it belongs?
    pub(crate) selinux: bool,
}

/// How a container's cgroups are seen and joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cgroups {
    /// Version 2 alone: born into, by `CLONE_INTO_CGROUP`.
    Unified {
        /// The container's directory on the host, for a bind where it has no cgroup namespace.
        path: String,
    },
    /// Version 1, or both: attached to one after the other.
    Hierarchies(Vec<Hierarchy>),
    /// None of its own: it stays in the caller's, which it may see.
    Callers(Box<Self>),
    /// None that could be found.
    None,
}

/// One version 1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// The directory's name below `/sys/fs/cgroup`: `cpu,cpuacct`; empty for the version 2 one beside them.
    pub(crate) name: String,
    /// What `mount(2)` takes to mount it: `cpu,cpuacct`, `name=systemd`.
    pub(crate) options: String,
    /// The container's directory on the host.
    pub(crate) path: String,
}

/// `/proc/<pid>/setgroups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Groups {
    /// `setgroups(2)` is for whoever has the capability.
    Allowed,
    /// For nobody.
    Denied,
}

impl Groups {
    /// In the user namespace of a process.
    pub(crate) fn of(pid: impl std::fmt::Display) -> Self {
        let text = std::fs::read_to_string(format!("/proc/{pid}/setgroups")).unwrap_or_default();
        if text.trim() == "deny" { Self::Denied } else { Self::Allowed }
    }
}

/// The first two numbers of a kernel's version.
pub(crate) type Version = (u32, u32);

const CAP_SYS_ADMIN: u32 = 21;

impl Host {
    /// Looks.
    pub(crate) fn look() -> Self {
        let host = Self {
            capabilities: permitted(),
            mount_setattr: false,
            exec_enters_time: false,
            cgroup: Cgroups::None,
            rootfs_parent: None,
            open_files: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard),
            whole: Vec::new(),
            gid: nix::unistd::getegid().as_raw(),
            groups: Groups::of("self"),
            in_user_namespace: in_user_namespace(),
            files: Vec::new(),
            kcore: Path::new("/proc/kcore").exists(),
            apparmor: Path::new("/sys/kernel/security/apparmor").exists(),
            seccomp_flags: seccomp::flags(),
            selinux: Path::new("/sys/fs/selinux/enforce").exists(),
        };
        host.pretend(Some(kernel()))
    }

    /// The same host with another kernel.
    pub(crate) fn pretend(self, kernel: Option<Version>) -> Self {
        let Some(version) = kernel else { return self };
        Self { mount_setattr: version >= (5, 14), exec_enters_time: version >= (6, 1), ..self }
    }

    /// Is this source of a bind mount something other than a directory?
    pub(crate) fn is_file(&self, source: &Path) -> bool {
        self.files.iter().any(|file| file == source)
    }

    /// May the caller drop the supplementary groups it has?
    pub(crate) fn may_clear_groups(&self) -> bool {
        self.is_privileged() && self.groups == Groups::Allowed
    }

    /// May the caller mount and join as it likes?
    pub(crate) fn is_privileged(&self) -> bool {
        self.capabilities & 1 << CAP_SYS_ADMIN != 0
    }
}

/// Only the first user namespace maps all ids to themselves. Another that does so too is taken for it, and can do as much.
pub(crate) fn in_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().ne(["0", "0", "4294967295"])
}

/// The kernel's version.
fn kernel() -> Version {
    let Ok(name) = nix::sys::utsname::uname() else { return (0, 0) };
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn permitted() -> u64 {
    let all = caps::read(None, caps::CapSet::Permitted).unwrap_or_default();
    all.iter().fold(0, |mask, capability| mask | capability.bitmask())
}

/// Where the resctrl file system is mounted, if it is: where it belongs, or else first.
pub(crate) fn resctrl() -> Option<PathBuf> {
    resctrl_of(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

fn resctrl_of(mountinfo: &str) -> Option<PathBuf> {
    let is_resctrl = |line: &&str| line.split_once(" - ").is_some_and(|(_, rest)| rest.starts_with("resctrl "));
    let mut points = mountinfo.lines().filter(is_resctrl).filter_map(|line| line.split(' ').nth(4)).map(unescape);
    let first = points.next()?;
    let usual = (first != "/sys/fs/resctrl").then(|| points.find(|point| point == "/sys/fs/resctrl")).flatten();
    Some(usual.unwrap_or(first).into())
}

/// The mount point a path is on, from `/proc/self/mountinfo`.
pub(crate) fn mount_point_of(path: &Path) -> Option<String> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    points.filter(|point| path.starts_with(point)).max_by_key(String::len)
}

/// The mount points of every procfs and sysfs that shows all of it, the deepest first.
pub(crate) fn whole_mounts(outside: &Path) -> Vec<String> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let whole = mountinfo.lines().filter_map(|line| {
        let (mount, fs) = line.split_once(" - ")?;
        let (fields, fstype) = (mount.split(' ').collect::<Vec<_>>(), fs.split(' ').next()?);
        let is_whole = matches!(fstype, "proc" | "sysfs") && fields.get(3) == Some(&"/");
        fields.get(4).filter(|_| is_whole).map(|point| unescape(point))
    });
    let mut points: Vec<String> = whole.filter(|point| !Path::new(point).starts_with(outside)).collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.len()));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resctrl_is_found_wherever_it_is_mounted() {
        let line = |point: &str, kind: &str| format!("30 24 0:27 / {point} rw,relatime shared:9 - {kind} none rw\n");
        let check = |text: &str, expected: Option<&str>| assert_eq!(resctrl_of(text), expected.map(PathBuf::from), "{text}");
        check(&line("/sys/fs/cgroup", "cgroup2"), None);
        let elsewhere = line("/sys/fs/resctrl", "tmpfs") + &line("/mnt/my\\040rdt", "resctrl");
        check(&elsewhere, Some("/mnt/my rdt"));
        check(&(elsewhere + &line("/sys/fs/resctrl", "resctrl")), Some("/sys/fs/resctrl"));
    }
}
