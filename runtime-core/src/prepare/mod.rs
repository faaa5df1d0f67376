//! Gathering: opens what the plan names. Nothing here decides.

use crate::compile::{IdMap, Ids, Plan, Source};
use crate::error::{Error, Result};
use crate::spawn;
use nix::errno::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// What was opened before, by those who know how.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) console: Option<OwnedFd>,
    pub(crate) init: Option<i32>,
    pub(crate) procs: Vec<OwnedFd>,
    pub(crate) gate: Option<(OwnedFd, OwnedFd)>,
}

/// The plan's descriptors, in its order.
pub(crate) fn open(plan: &Plan, given: Given) -> Result<Vec<OwnedFd>> {
    let Given { mut console, init, procs, gate } = given;
    let (mut go, mut report) = gate.map_or((None, None), |(go, report)| (Some(go), Some(report)));
    let mut procs: Vec<_> = procs.into_iter().map(Some).collect();
    let missing = |what: &str| Error::call("open", what, Errno::EBADF);
    let open = |source: &Source| match source {
        Source::Namespace(path) => file(path),
        Source::Init => spawn::sys::pidfd_open(init.unwrap_or(0)),
        Source::InitRoot => directory(Path::new(&format!("/proc/{}/root", init.unwrap_or(0)))),
        Source::CgroupProcs(index) => procs.get_mut(*index).and_then(Option::take).ok_or_else(|| missing("cgroup.procs")),
        Source::ConsoleSocket => console.take().ok_or_else(|| missing("console socket")),
        Source::Tree { path, recursive, id_map } => tree(path, *recursive, id_map.as_ref()),
        Source::Gate => go.take().ok_or_else(|| missing("gate")),
        Source::GateReport => report.take().ok_or_else(|| missing("gate")),
    };
    plan.sources.iter().map(open).collect()
}

fn tree(path: &Path, recursive: bool, id_map: Option<&IdMap>) -> Result<OwnedFd> {
    let tree = spawn::sys::open_tree(path, recursive)?;
    id_map.map_or(Ok(()), |map| map_ids(&tree, path, map))?;
    Ok(tree)
}

/// Makes a detached mount, of this path, an id-mapped one.
pub(crate) fn map_ids(tree: &OwnedFd, path: &Path, map: &IdMap) -> Result<()> {
    let user = match &map.ids {
        Ids::Mapped { uid_mappings, gid_mappings } => spawn::user_namespace(uid_mappings, gid_mappings)?,
        Ids::Of(namespace) => file(namespace)?,
    };
    spawn::sys::id_map(tree.as_fd(), user.as_fd(), map.recursive)
        .map_err(|errno| Error::call("mount_setattr", path, errno).during("id-mapped mount"))
}

fn file(path: &Path) -> Result<OwnedFd> {
    std::fs::File::open(path).map(OwnedFd::from).map_err(|error| Error::io("open", path, error))
}

fn directory(path: &Path) -> Result<OwnedFd> {
    use nix::fcntl::{OFlag, open};
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, nix::sys::stat::Mode::empty()).map_err(|errno| Error::call("open", path, errno))
}
