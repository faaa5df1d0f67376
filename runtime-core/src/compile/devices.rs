//! `/dev`: the nodes every container has, and those its config adds.

use super::attach::{DETACHED_FROM_HOST, attach};
use super::mounts;
use super::plan::{Builder, Source, scratch};
use crate::config::{Config, Device, MountWhat};
use crate::host::Host;
use nix::libc::{S_IFCHR, S_IFIFO};
use runtime_init::{Op, Target};

/// runtime-spec, config-linux, "Default Devices".
const DEFAULT: [(&str, u32, u32); 6] = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// "dev symbolic links".
const LINKS: [(&str, &str); 4] =
    [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")];

/// What every engine's users expect beside them, where the kernel has it.
const CORE: (&str, &str) = ("core", "/proc/kcore");

/// Makes the nodes and links. A `/dev` that is bound from the host is left as it is.
pub(crate) fn make(plan: &mut Builder, config: &Config, host: &Host) {
    if is_bound(config) {
        return;
    }
    plan.about("/dev");
    let path = plan.text("/dev");
    plan.push(Op::OpenTarget { path, target: Target::Directory, to: scratch::DEV });
    let own: Vec<_> = config.devices.iter().map(|device| device.path.as_str()).collect();
    for (name, major, minor) in DEFAULT.iter().filter(|(name, ..)| !own.contains(&format!("/dev/{name}").as_str())) {
        let device = Device { path: format!("/dev/{name}"), kind: S_IFCHR, major: *major, minor: *minor, mode: 0o666, uid: 0, gid: 0 };
        node(plan, config, host, &device);
    }
    // What is at /dev/ptmx belongs to /dev/pts, and becomes a link: where nodes are bound, one could not be replaced.
    for (index, device) in config.devices.iter().enumerate().filter(|(_, device)| device.path != "/dev/ptmx") {
        plan.about(format!("linux.devices[{index}] {}", device.path));
        node(plan, config, host, device);
    }
    links(plan, host);
}

/// Is `/dev` the host's?
pub(crate) fn is_bound(config: &Config) -> bool {
    config.mounts.iter().any(|mount| mount.destination == "/dev" && matches!(mount.what, MountWhat::Bind { .. }))
}

fn links(plan: &mut Builder, host: &Host) {
    plan.about("/dev");
    let (name, target) = (plan.text("ptmx"), plan.text("pts/ptmx"));
    plan.push(Op::ReplaceBySymlink { dir: scratch::DEV, name, target });
    for (name, target) in LINKS.into_iter().chain(host.kcore.then_some(CORE)) {
        let (name, target) = (plan.text(name), plan.text(target));
        plan.push(Op::MakeSymlink { dir: scratch::DEV, name, target });
    }
}

fn node(plan: &mut Builder, config: &Config, host: &Host, device: &Device) {
    let from_host = config.namespaces.user.is_private() || !host.is_privileged() || host.in_user_namespace;
    if from_host && device.kind != S_IFIFO {
        return bind(plan, config, host, device);
    }
    let (dir, name) = match device.path.rsplit_once('/') {
        Some(("/dev", name)) => (scratch::DEV, name),
        Some((dir, name)) => {
            let path = plan.text(if dir.is_empty() { "/" } else { dir });
            plan.push(Op::OpenTarget { path, target: Target::Directory, to: scratch::TARGET });
            (scratch::TARGET, name)
        }
        None => (scratch::DEV, device.path.as_str()),
    };
    let name = plan.text(name);
    let Device { kind, major, minor, mode, uid, gid, .. } = *device;
    plan.push(Op::MakeNode { dir, name, mode: kind | mode, major, minor, uid, gid });
}

/// In a user namespace nobody may make a node: the host's is bound.
fn bind(plan: &mut Builder, config: &Config, host: &Host, device: &Device) {
    let is_foreign = mounts::is_foreign(config, host);
    if is_foreign {
        let tree = plan.source(Source::Tree { path: device.path.clone().into(), recursive: false, id_map: None });
        plan.push(Op::Move { from: tree, to: scratch::MOUNT });
    } else {
        let from = plan.text(&device.path);
        plan.push(Op::CloneTree { from, recursive: 0, to: scratch::MOUNT });
    }
    let path = plan.text(&device.path);
    plan.push(Op::OpenTarget { path, target: Target::File, to: scratch::TARGET });
    attach(plan, host, if is_foreign { &[DETACHED_FROM_HOST] } else { &[] });
}
