//! Paths that are hidden or sealed, and kernel parameters.

use super::attach;
use super::plan::{Builder, scratch};
use crate::config::{Config, Mount, MountWhat, sysctl};
use crate::host::Host;
use nix::libc::{PROC_SUPER_MAGIC, SYSFS_MAGIC};
use runtime_init::{Op, Slot};

/// `linux.sysctl`, through a procfs that no mount of the container covers.
pub(crate) fn set_parameters(plan: &mut Builder, config: &Config) {
    for (key, value) in &config.sysctl {
        plan.about(format!("linux.sysctl {key}"));
        let (path, value) = (plan.text(format!("sys/{}", sysctl::path(key))), plan.text(value));
        plan.push(Op::WriteProc { proc: scratch::PROC, path, value });
    }
}

/// `linux.readonlyPaths` and `linux.maskedPaths`.
pub(crate) fn restrict(plan: &mut Builder, config: &Config, host: &Host) {
    let held: Vec<_> = KERNELS.into_iter().filter(|kernel| kernel.is_wanted(config)).collect();
    held.iter().for_each(|kernel| kernel.open(plan));
    let proc = if host.mount_setattr { Slot::NONE } else { scratch::PROC };
    for (index, path) in config.readonly_paths.iter().enumerate() {
        plan.about(format!("linux.readonlyPaths[{index}] {path}"));
        if path == "/" {
            attach::seal(plan, host, Slot::ROOT);
            continue;
        }
        let (root, path) = begin(&held, path);
        let path = plan.text(path);
        plan.push(Op::ReadOnlyPath { root, path, proc });
    }
    if config.masked_paths.is_empty() {
        return;
    }
    plan.about("/dev/null");
    plan.push(Op::OpenNull { to: scratch::NULL });
    let label = plan.text(config.mount_label.as_deref().unwrap_or(""));
    for (index, path) in config.masked_paths.iter().enumerate() {
        plan.about(format!("linux.maskedPaths[{index}] {path}"));
        let (root, path) = begin(&held, path);
        let path = plan.text(path);
        plan.push(Op::MaskPath { root, path, null: scratch::NULL, empty: scratch::EMPTY, label });
    }
}

/// Where the walk to a path begins, and what is left to walk.
fn begin<'a>(held: &[Kernels], path: &'a str) -> (Slot, &'a str) {
    held.iter().find_map(|kernel| Some((kernel.slot, kernel.below(path)?))).unwrap_or((Slot::ROOT, path))
}

/// A file system of the kernel's own. What is masked in it is looked for in what was mounted: in a root that somebody else can
/// write to, its mount point may be elsewhere for the moment, and a path that is not there is not masked.
struct Kernels {
    path: &'static str,
    fstype: &'static str,
    magic: i64,
    slot: Slot,
}

const KERNELS: [Kernels; 2] = [
    Kernels { path: "/proc", fstype: "proc", magic: PROC_SUPER_MAGIC, slot: scratch::PROC_MOUNT },
    Kernels { path: "/sys", fstype: "sysfs", magic: SYSFS_MAGIC, slot: scratch::SYS_MOUNT },
];

impl Kernels {
    /// Is it mounted, and something in it restricted?
    fn is_wanted(&self, config: &Config) -> bool {
        let here = |mount: &&Mount| mount.destination == self.path && !matches!(mount.what, MountWhat::Remount);
        let last = config.mounts.iter().rfind(here);
        let is_mounted = last.is_some_and(|mount| matches!(&mount.what, MountWhat::Fs { fstype, .. } if fstype == self.fstype));
        is_mounted && config.readonly_paths.iter().chain(&config.masked_paths).any(|path| self.below(path).is_some())
    }

    /// What is left of a path that is below it.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.path)?.strip_prefix('/').filter(|rest| !rest.is_empty())
    }

    fn open(&self, plan: &mut Builder) {
        plan.about(self.path);
        let path = plan.text(self.path);
        plan.push(Op::OpenFs { path, magic: u32::try_from(self.magic).unwrap_or(0), to: self.slot });
    }
}
