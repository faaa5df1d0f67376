//! The root as criu wants it: a mount point, with nothing mounted over its parent.
//!
//! Invariant: the mount is gone when a [`MountedRoot`] is. One that a killed restore has left is removed by [`MountedRoot::forget`].

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::path::{Path, PathBuf};

/// The directory's name, in the container's state directory.
const DIRECTORY: &str = "criu-root";

/// A root file system, mounted once more.
#[derive(Debug)]
pub(crate) struct MountedRoot(PathBuf);

impl MountedRoot {
    /// Mounts it, with all that is mounted below, in a container's state directory.
    pub(crate) fn mount(rootfs: &Path, state: &Path) -> Result<Self> {
        let path = state.join(DIRECTORY);
        std::fs::create_dir(&path).map_err(|error| Error::io("mkdir", &path, error))?;
        // criu compares it with what /proc calls it.
        let path = path.canonicalize().map_err(|error| Error::io("realpath", &path, error))?;
        let none: Option<&Path> = None;
        let this = Self(path);
        let mounted = mount(Some(rootfs), &this.0, none, MsFlags::MS_BIND | MsFlags::MS_REC, none);
        mounted.map(|()| this).map_err(|errno| Error::call("mount", rootfs, errno).during("root.path"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Unmounts what is there, if anything is.
    pub(crate) fn forget(state: &Path) -> Result<()> {
        let path = state.join(DIRECTORY);
        match umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(Errno::ENOENT | Errno::EINVAL | Errno::EPERM) => Ok(()),
            Err(errno) => Err(Error::call("umount", path, errno)),
        }
    }
}

impl Drop for MountedRoot {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
        let _ = std::fs::remove_dir(&self.0);
    }
}
