//! Paths that are hidden or sealed, and kernel parameters.

use super::attach;
use super::plan::{Builder, scratch};
use crate::config::{Config, sysctl};
use crate::host::Host;
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
    let proc = if host.mount_setattr { Slot::NONE } else { scratch::PROC };
    for (index, path) in config.readonly_paths.iter().enumerate() {
        plan.about(format!("linux.readonlyPaths[{index}] {path}"));
        if path == "/" {
            attach::seal(plan, host, Slot::ROOT);
            continue;
        }
        let path = plan.text(path);
        plan.push(Op::ReadOnlyPath { path, proc });
    }
    if config.masked_paths.is_empty() {
        return;
    }
    plan.about("/dev/null");
    plan.push(Op::OpenNull { to: scratch::NULL });
    let label = plan.text(config.mount_label.as_deref().unwrap_or(""));
    for (index, path) in config.masked_paths.iter().enumerate() {
        plan.about(format!("linux.maskedPaths[{index}] {path}"));
        let path = plan.text(path);
        plan.push(Op::MaskPath { path, null: scratch::NULL, empty: scratch::EMPTY, label });
    }
}
