//! A `/dev` of the player's own: a runtime that changes the owner of the host's `/dev/null` is found out, and the host is not harmed.

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

const NODES: &[(&str, u64, u64)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0), ("fuse", 10, 229)];
const MODE: u32 = 0o666;

/// Puts it in place; `place` is where it is built.
pub(crate) fn make(place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    mount(Some("dev"), place, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755"))?;
    for (name, major, minor) in NODES {
        mknod(&place.join(name), SFlag::S_IFCHR, Mode::empty(), makedev(*major, *minor))?;
        fs::set_permissions(place.join(name), Permissions::from_mode(MODE))?;
    }
    fs::create_dir(place.join("pts"))?;
    mount(Some("/dev/pts"), &place.join("pts"), None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    symlink("pts/ptmx", place.join("ptmx"))?;
    symlink("/proc/self/fd", place.join("fd"))?;
    Ok(mount(Some(place), "/dev", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?)
}

/// The nodes that are not as they were made.
pub(crate) fn changed() -> Vec<String> {
    let paths = NODES.iter().map(|(name, ..)| Path::new("/dev").join(name));
    paths.filter_map(|path| Some(format!("{} {}", path.display(), change(&path)?))).collect()
}

fn change(path: &Path) -> Option<String> {
    match fs::symlink_metadata(path) {
        Ok(facts) if facts.uid() == 0 && facts.gid() == 0 && facts.mode() & 0o7777 == MODE => None,
        Ok(facts) => Some(format!("now belongs to {}:{} with mode {:o}", facts.uid(), facts.gid(), facts.mode() & 0o7777)),
        Err(err) => Some(format!("is gone: {err}")),
    }
}
