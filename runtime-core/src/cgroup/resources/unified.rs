//! `linux.resources.unified`: v2's files by their names.

use super::super::file;
use super::super::place::Placement;
use super::Undo;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use oci_spec::runtime::LinuxResources;
use std::path::Path;

/// Writes them, in the order of their names; each line of a value is a command of its own to the kernel.
pub(super) fn apply(placement: &Placement, resources: &LinuxResources, undo: &mut Undo) -> Result<()> {
    let mut files: Vec<_> = resources.unified().iter().flatten().collect();
    // Without any there need not be a cgroup either; v1 has refused them before.
    if files.is_empty() {
        return Ok(());
    }
    let dir = placement
        .unified()
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "cannot set unified limit: container could not join or create cgroup"))?;
    files.sort_unstable();
    for (name, value) in files {
        check_name(name)?;
        let path = dir.join(name);
        undo.note(&path, value);
        value.lines().try_for_each(|line| file::write(&path, line)).map_err(|errno| refused(dir, name, errno))?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    match name.contains('/') {
        true => Err(Error::new(ErrorKind::InvalidConfig, format!("unified resource {name:?} must be a file name (no slashes)"))),
        false => Ok(()),
    }
}

/// Says which controller is missing, where one is.
fn refused(dir: &Path, name: &str, errno: Errno) -> Error {
    let unsupported = |what: String| Error::new(ErrorKind::Unsupported, what).with_errno(errno);
    if matches!(errno, Errno::ENOENT | Errno::EPERM | Errno::EACCES) {
        let Some((controller, _)) = name.split_once('.') else {
            return unsupported(format!("unified resource {name:?} must be in the form CONTROLLER.PARAMETER"));
        };
        let available = file::read(&dir.join("cgroup.controllers")).unwrap_or_default();
        if controller != "cgroup" && !available.split_whitespace().any(|one| one == controller) {
            return unsupported(format!("unified resource {name:?} can't be set: controller {controller:?} not available"));
        }
    }
    Error::call("write", dir.join(name), errno).during(format_args!("unable to set unified resource {name:?}"))
}
