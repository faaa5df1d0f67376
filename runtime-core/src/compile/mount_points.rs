//! What a restored container's mounts are put on.
//!
//! criu mounts, but makes no mount points; those that a `create` made may be gone with the root they were in. So the mounts are made once more, in
//! a mount namespace that goes with the process that made it; what stays is the files and directories below them.

use super::plan::{Builder, Plan, point};
use super::{mounts, rootfs};
use crate::config::{Config, Membership, Mount, MountOptions, MountWhat, Namespaces};
use crate::error::Result;
use crate::host::Host;
use nix::libc::{CLONE_NEWNS, SIGKILL};
use runtime_init::{Op, Target};

/// The plan of a process that makes mount points, and then waits for its end.
pub(crate) fn mount_points(config: &Config, host: &Host) -> Result<Plan> {
    let namespaces = Namespaces { mount: Membership::New, ..Namespaces::default() };
    let bare = Config { namespaces, mounts: Vec::new(), rootfs_propagation: None, ..config.clone() };
    let mut plan = Builder::new();
    plan.clone3().namespaces = CLONE_NEWNS.cast_unsigned();
    plan.push(Op::DeathSignal { signal: SIGKILL.cast_unsigned() });
    rootfs::enter(&mut plan, &bare, host);
    for (index, mount) in config.mounts.iter().enumerate().filter(|(_, mount)| needs_point(mount, &config.mounts)) {
        plan.about(format!("mounts[{index}] {}", mount.destination));
        match &mount.what {
            // What is mounted below it needs its mount point there, whatever this one is like otherwise.
            MountWhat::Bind { .. } => mounts::add(&mut plan, &bare, host, &Mount { options: MountOptions::default(), ..mount.clone() })?,
            _ => mounts::open_target(&mut plan, mount, Target::Directory),
        }
    }
    plan.push(Op::Meet { point: point::CREATED });
    plan.finish()
}

/// A remount is no mount; and what is inside a file system that is made anew, criu brings back with it.
fn needs_point(mount: &Mount, all: &[Mount]) -> bool {
    let remounts = matches!(mount.what, MountWhat::Remount | MountWhat::Cgroup) || mount.options.remount;
    let is_below = |above: &Mount| mount.destination.strip_prefix(&above.destination).is_some_and(|rest| rest.starts_with('/'));
    let is_inside = all.iter().any(|above| matches!(above.what, MountWhat::Fs { .. } | MountWhat::Cgroup) && is_below(above));
    !remounts && !is_inside
}
