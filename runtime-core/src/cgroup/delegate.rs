//! Handing a v2 cgroup to the container's root, so that it can make sub-cgroups of its own.
//!
//! Invariant: only the directory and the files the kernel lists for this change hands; the limits stay the host's.

use super::file;
use super::place::Placement;
use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::path::Path;

/// What can be handed over when the kernel does not say it (Linux < 4.15).
const ALWAYS: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

impl Placement {
    /// Gives the cgroup to `uid`; v1 has no such thing and is left as it is.
    pub(crate) fn delegate(&self, uid: u32, gid: Option<u32>) -> Result<()> {
        let Some(dir) = self.unified().filter(|_| self.is_unified()) else { return Ok(()) };
        give(dir, uid, gid)?;
        let listed = file::read(Path::new("/sys/kernel/cgroup/delegate"));
        for name in listed.as_deref().unwrap_or(ALWAYS).lines().filter(|name| !name.contains('/')) {
            give(&dir.join(name), uid, gid)?;
        }
        Ok(())
    }
}

/// A file of a controller that is not enabled is not there.
fn give(path: &Path, uid: u32, gid: Option<u32>) -> Result<()> {
    match chown(path, Some(uid), gid) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("chown", path, error)),
        _ => Ok(()),
    }
}
