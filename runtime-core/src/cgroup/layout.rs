//! What cgroups the host offers: v1 hierarchies, those and a v2 one beside them (hybrid), or v2 alone.
//!
//! Invariant: looking changes nothing. On a v2 host it is one `statfs(2)`.

use super::file;
use super::place::Version;
use crate::error::{Error, ErrorKind, Result};
use crate::mountinfo::unescape;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use std::path::{Path, PathBuf};

/// Where to look; tests look elsewhere.
pub(crate) struct Roots {
    /// The place every distribution mounts cgroups at.
    pub(crate) cgroup: PathBuf,
    /// The mounts this process sees.
    pub(crate) mountinfo: PathBuf,
    /// The cgroups this process is in.
    pub(crate) own: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { cgroup: "/sys/fs/cgroup".into(), mountinfo: "/proc/self/mountinfo".into(), own: "/proc/self/cgroup".into() }
    }
}

/// The hierarchies of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(super) mounts: Vec<Mount>,
    /// `/proc/self/cgroup`: read only where a relative path asks for it.
    pub(super) own: PathBuf,
}

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(super) version: Version,
    /// v1: its controllers, or `name=systemd`. v2: empty, the files say it.
    pub(super) controllers: Vec<String>,
    pub(super) point: PathBuf,
    /// Which cgroup of the hierarchy the mount shows as its root.
    pub(super) root: String,
}

impl Layout {
    /// Looks at this host.
    pub(crate) fn look() -> Result<Self> {
        Self::under(Roots::default())
    }

    /// Looks at a host whose files are elsewhere.
    pub(crate) fn under(roots: Roots) -> Result<Self> {
        let kind = statfs(&roots.cgroup).map(|fs| fs.filesystem_type());
        if kind == Ok(CGROUP2_SUPER_MAGIC) {
            return Ok(Self::unified(roots.cgroup, roots.own));
        }
        let mounts = hierarchies(&file::need(&roots.mountinfo)?, &Own::parse(&file::need(&roots.own)?));
        if mounts.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, "no cgroup mount found in mountinfo"));
        }
        Ok(Self { mounts, own: roots.own })
    }

    /// A host with v2 alone.
    pub(crate) fn unified(point: PathBuf, own: PathBuf) -> Self {
        let mount = Mount { version: Version::Two, controllers: Vec::new(), point, root: "/".into() };
        Self { mounts: vec![mount], own }
    }
}

/// The cgroups a process is in, as `/proc/<pid>/cgroup` lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Own(Vec<(String, String)>);

impl Own {
    /// Lines `id:controller,controller:path`; v2's has neither id nor controllers.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?, parts.next()?))
        });
        Self(lines.flat_map(|(names, path)| names.split(',').map(move |name| (name.to_owned(), path.to_owned()))).collect())
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        file::need(path).map(|text| Self::parse(&text))
    }

    /// Every controller with its path; `""` is v2's.
    #[cfg(feature = "checkpoint")]
    pub(super) fn all(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }

    /// The path in one controller's hierarchy; `""` is v2's.
    pub(super) fn of(&self, controller: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == controller).map(|(_, path)| path.as_str())
    }
}

/// The first mount of every hierarchy that has a controller, of systemd's own one, and of v2's.
fn hierarchies(mountinfo: &str, own: &Own) -> Vec<Mount> {
    let mut found: Vec<Mount> = Vec::new();
    for mount in mountinfo.lines().filter_map(|line| cgroup_mount(line, own)) {
        let seen = found.iter().any(|other| other.version == mount.version && other.controllers == mount.controllers);
        if !seen {
            found.push(mount);
        }
    }
    found
}

/// `36 31 0:33 /root /point rw,relatime shared:9 - cgroup source rw,memory`
fn cgroup_mount(line: &str, own: &Own) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let mut place = place.split(' ').skip(3);
    let (root, point) = (unescape(place.next()?), PathBuf::from(unescape(place.next()?)));
    let controllers = match version {
        Version::One => controllers(kind.nth(1)?, own),
        Version::Two => Vec::new(),
    };
    (version == Version::Two || !controllers.is_empty()).then_some(Mount { version, controllers, point, root })
}

/// The options that are controllers. Other named hierarchies than systemd's are somebody's own.
fn controllers(options: &str, own: &Own) -> Vec<String> {
    let named_alien = |option: &str| option.starts_with("name=") && option != "name=systemd";
    options.split(',').filter(|option| !named_alien(option) && own.of(option).is_some()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const OWN: &str = "9:name=systemd:/s\n7:name=other:/\n4:memory:/slice/x\n2:cpu,cpuacct:/\n0::/user/1\n";

    fn check(mountinfo: &str, expected: Expect) {
        let lines = hierarchies(mountinfo, &Own::parse(OWN))
            .into_iter()
            .map(|mount| format!("{:?} [{}] {} root {}\n", mount.version, mount.controllers.join(" "), mount.point.display(), mount.root));
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn a_hybrid_host_has_its_v1_hierarchies_and_the_unified_one() {
        check(
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
             32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
             36 31 0:33 /docker/a\\040b /sys/fs/cgroup/memory rw - cgroup cgroup rw,clone_children,memory\n\
             40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            expect![[r#"
                One [cpu cpuacct] /sys/fs/cgroup/cpu,cpuacct root /
                One [memory] /sys/fs/cgroup/memory root /docker/a b
                One [name=systemd] /sys/fs/cgroup/systemd root /
                Two [] /sys/fs/cgroup/unified root /
            "#]],
        );
    }

    #[test]
    fn a_second_mount_of_a_hierarchy_is_passed_over() {
        check(
            "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             90 31 0:33 / /srv/jail/memory rw - cgroup cgroup rw,memory\n",
            expect![[r#"
                One [memory] /sys/fs/cgroup/memory root /
            "#]],
        );
    }

    #[test]
    fn a_named_hierarchy_that_is_not_systemds_is_left_alone() {
        check("36 31 0:33 / /srv/other rw - cgroup cgroup rw,name=other\n", expect![""]);
    }
}
