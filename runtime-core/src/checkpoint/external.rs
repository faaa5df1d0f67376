//! What of a container is not the container's: mounts of the host's files, and namespaces that it has joined.
//!
//! criu saves no such thing. It is told by which name to remember a mount or a namespace, and when restoring, what is behind the name now:
//!
//! ```text
//! saving     mnt[/data]:/data                 the mount at /data is called /data
//! restoring  mnt[/data]:/srv/data             what is called /data is /srv/data
//! saving     net[4026532000]:extRootNetNS     the namespace of that inode is called so
//! restoring  inherit_fd extRootNetNS 7        what is called so is descriptor 7
//! ```
//!
//! The names are runc's and crun's, so that either can restore what another has saved.

use super::message::{InheritFd, JoinNamespace};
use crate::config::{Config, Membership, MountWhat, Namespaces};
use crate::error::{Error, ErrorKind, Result};
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What covers a masked file.
const NULL: &str = "/dev/null";

/// The nodes every container has: in a user namespace they are the host's.
const NODES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// A file or directory of the host's that a container has somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Where, in the container.
    pub(crate) destination: String,
    /// What, on the host.
    pub(crate) source: PathBuf,
}

/// Those that a config names.
pub(crate) fn binds(config: &Config) -> Vec<Bind> {
    let mounts = config.mounts.iter().filter_map(|mount| match &mount.what {
        MountWhat::Bind { source, .. } if !mount.options.remount => {
            Some(Bind { destination: mount.destination.clone(), source: source.clone() })
        }
        _ => None,
    });
    let nodes = NODES.into_iter().chain(config.devices.iter().map(|device| device.path.as_str()));
    mounts.chain(nodes.map(|path| Bind { destination: path.to_owned(), source: path.into() })).collect()
}

/// The names that mounts are saved under. `root` is the container's, as its processes see it.
pub(super) fn saved(config: &Config, binds: &[Bind], root: &Path) -> Result<Vec<String>> {
    let root = Root::open(root)?;
    let mut names: Vec<String> = binds.iter().map(|bind| root.resolve(&bind.destination)).map(|at| external(&at, &at)).collect();
    names.extend(config.masked_paths.iter().filter(|path| root.is_file(path)).map(|path| external(path, NULL)));
    Ok(unique(names))
}

/// What is behind the names. One is saved under where it is; that may be elsewhere than the config says, if there are links on the way.
pub(super) fn restored(binds: &[Bind], root: &Path) -> Result<Vec<String>> {
    let root = Root::open(root)?;
    let both = |bind: &Bind| {
        [root.resolve(&bind.destination), bind.destination.clone()].map(|at| external(&at, &bind.source.display().to_string()))
    };
    Ok(unique(binds.iter().flat_map(both).collect()))
}

fn external(key: &str, value: &str) -> String {
    format!("mnt[{key}]:{value}")
}

fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

/// A root directory, of which no path leads out.
struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

impl Root {
    fn open(path: &Path) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = openat(AT_FDCWD, path, flags, Mode::empty()).map_err(|errno| Error::call("open", path, errno))?;
        Ok(Self { path: place(&dir).unwrap_or_else(|| path.to_owned()), dir })
    }

    fn find(&self, path: &Path) -> Option<OwnedFd> {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(&self.dir, path, how).ok()
    }

    fn is_file(&self, path: &str) -> bool {
        let found = self.find(Path::new(path)).and_then(|fd| File::from(fd).metadata().ok());
        found.is_some_and(|found| !found.is_dir())
    }

    /// The path without the links on its way, as far as there is anything on it.
    fn resolve(&self, path: &str) -> String {
        let there = Path::new(path).ancestors().find_map(|ancestor| {
            let found = place(&self.find(ancestor)?)?;
            let inside = Path::new("/").join(found.strip_prefix(&self.path).ok()?);
            Some(inside.join(Path::new(path).strip_prefix(ancestor).ok()?))
        });
        let clean = |path: PathBuf| path.to_string_lossy().trim_end_matches('/').to_owned();
        there.map_or_else(|| path.to_owned(), clean)
    }
}

/// Where an open file is.
fn place(fd: impl AsFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).ok()
}

/// Namespaces that can be left alone while a container is saved: criu's name for the type, and for the one of the first process.
fn left_alone(namespaces: &Namespaces) -> [(&'static str, &'static str, &Membership); 2] {
    [("net", "extRootNetNS", &namespaces.network), ("pid", "extRootPidNS", &namespaces.pid)]
}

/// The names that joined namespaces are saved under.
pub(super) fn saved_namespaces(namespaces: &Namespaces) -> Result<Vec<String>> {
    let joined = left_alone(namespaces).into_iter().filter_map(|(kind, key, membership)| Some((kind, key, path_of(membership)?)));
    let name = |(kind, key, path): (&str, &str, &PathBuf)| {
        let found = std::fs::metadata(path).map_err(|error| Error::io("stat", path, error))?;
        Ok(format!("{kind}[{}]:{key}", found.ino()))
    };
    joined.map(name).collect()
}

/// What a restored container has joined.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) inherited: Vec<InheritFd>,
    pub(super) joined: Vec<JoinNamespace>,
    /// What `inherited` is about, for criu to have under the same numbers.
    pub(super) files: Vec<OwnedFd>,
}

impl Joined {
    pub(super) fn open(namespaces: &Namespaces) -> Result<Self> {
        let mut this = Self::default();
        for (kind, key, membership) in left_alone(namespaces) {
            let Some(path) = path_of(membership) else { continue };
            let during = format!("linux.namespaces {kind}");
            let file = File::open(path).map_err(|error| Error::io("open", path, error).during(during))?;
            this.inherited.push(InheritFd { key: key.to_owned(), fd: file.as_raw_fd() });
            this.files.push(file.into());
        }
        if let Some(path) = path_of(&namespaces.cgroup) {
            let what = format!("criu cannot join the cgroup namespace {}", path.display());
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        this.joined = joined_by_criu(namespaces);
        Ok(this)
    }
}

/// Those that criu joins by itself.
fn joined_by_criu(namespaces: &Namespaces) -> Vec<JoinNamespace> {
    let kinds = [
        ("ipc", &namespaces.ipc),
        ("uts", &namespaces.uts),
        ("time", &namespaces.time),
        ("user", &namespaces.user),
        ("mnt", &namespaces.mount),
    ];
    let joined = kinds.into_iter().filter_map(|(kind, membership)| Some((kind, path_of(membership)?)));
    joined.map(|(kind, path)| JoinNamespace { kind: kind.to_owned(), file: path.display().to_string() }).collect()
}

fn path_of(membership: &Membership) -> Option<&PathBuf> {
    match membership {
        Membership::Join(path) => Some(path),
        Membership::New | Membership::Inherit => None,
    }
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod tests;
