//! The root: assembled aside, switched to, and settled.

use super::plan::{Builder, Source, scratch};
use super::{Wishes, attach, devices, mounts};
use crate::config::{Config, Membership, Mount, MountOptions, MountWhat, PropagationKind};
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use nix::libc::{MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE};
use runtime_init::{Op, Slot, Target};

/// A flag of `mount(2)` as ops have it.
pub(super) fn flag(bits: u64) -> u32 {
    u32::try_from(bits).unwrap_or(0)
}

/// Mounts everything below the root's directory, and makes the nodes of `/dev`.
pub(crate) fn assemble(plan: &mut Builder, config: &Config, host: &Host, wishes: &Wishes) -> Result<()> {
    if config.namespaces.mount == Membership::Inherit {
        return in_place(plan, config);
    }
    enter(plan, config, host);
    for (index, mount) in config.mounts.iter().enumerate() {
        plan.about(format!("mounts[{index}] {}", mount.destination));
        mounts::add(plan, config, host, mount)?;
    }
    notify(plan, config, host, wishes)?;
    devices::make(plan, config, host);
    Ok(())
}

/// The root, alone, at its place.
pub(super) fn enter(plan: &mut Builder, config: &Config, host: &Host) {
    isolate(plan, config, host);
    plan.about("root.path");
    if mounts::is_foreign(config, host) {
        let tree = plan.source(Source::Tree { path: config.rootfs.clone(), recursive: true, id_map: None });
        attach::attach_brought_root(plan, host, tree, &config.rootfs);
    } else {
        let path = plan.text(config.rootfs.as_os_str().as_encoded_bytes());
        plan.push(Op::CloneTree { from: path, recursive: 1, to: scratch::MOUNT });
        plan.push(Op::AttachRoot { mount: scratch::MOUNT, path });
    }
}

/// Without a mount namespace there is only the directory: mounts would be the host's, and stay.
fn in_place(plan: &mut Builder, config: &Config) -> Result<()> {
    if let Some(mount) = config.mounts.first() {
        let why = format!("config.json: mounts[0] {}: needs a private mount namespace", mount.destination);
        return Err(Error::new(ErrorKind::InvalidConfig, why));
    }
    plan.about("root.path");
    let path = plan.text(config.rootfs.as_os_str().as_encoded_bytes());
    plan.push(Op::OpenPath { path, to: Slot::ROOT });
    Ok(())
}

/// Nothing that is mounted from here on is seen on the host.
fn isolate(plan: &mut Builder, config: &Config, host: &Host) {
    plan.about("linux.rootfsPropagation");
    let path = plan.text("/");
    // What the config wants of the root is set once it is the root. Until then only a shared one may be shared: everything else
    // would leave a mount of the host's that tells the host.
    let kind = if is_shared(config) { MS_SHARED } else { MS_SLAVE };
    plan.push(Op::Propagation { path, flags: flag(kind | MS_REC) });
    if let Some(parent) = host.rootfs_parent.as_ref().filter(|_| is_shared(config)) {
        // pivot_root(2) refuses a root whose parent mount is shared.
        let path = plan.text(parent);
        plan.push(Op::Propagation { path, flags: flag(MS_PRIVATE) });
    }
}

/// Would what happens at the root be seen outside?
pub(crate) fn is_shared(config: &Config) -> bool {
    config.rootfs_propagation.is_some_and(|propagation| propagation.kind == PropagationKind::Shared)
}

/// The directory with the notify socket.
fn notify(plan: &mut Builder, config: &Config, host: &Host, wishes: &Wishes) -> Result<()> {
    let Some(directory) = &wishes.notify else { return Ok(()) };
    plan.about("NOTIFY_SOCKET");
    let what = MountWhat::Bind { source: directory.into(), recursive: false };
    mounts::add(
        plan,
        config,
        host,
        &Mount {
            destination: "/run/notify".into(),
            what,
            options: MountOptions { set: nix::libc::MOUNT_ATTR_RDONLY, ..MountOptions::default() },
        },
    )
}

/// The old root goes.
pub(crate) fn switch(plan: &mut Builder, config: &Config, host: &Host, wishes: &Wishes) {
    if wishes.no_pivot && config.namespaces.mount.is_private() {
        mounts::bare_of_whole(plan, config, host);
    }
    plan.about("root.path");
    plan.push(match (&config.namespaces.mount, wishes.no_pivot) {
        (Membership::Inherit, _) => Op::Chroot,
        (_, true) => Op::MoveRoot,
        (_, false) => Op::Pivot { slave: u32::from(is_shared(config)) },
    });
    if let Some(propagation) = config.rootfs_propagation.filter(|_| config.namespaces.mount.is_private()) {
        plan.about("linux.rootfsPropagation");
        let path = plan.text("/");
        let recursive = if propagation.recursive { MS_REC } else { 0 };
        plan.push(Op::Propagation { path, flags: flag(propagation.kind.flag() | recursive) });
    }
    if let Some(process) = config.process.as_ref().filter(|process| process.cwd != "/") {
        plan.about("process.cwd");
        let path = plan.text(&process.cwd);
        plan.push(Op::MakeCwd { path });
    }
}

/// What had to be writable until now no longer is.
pub(crate) fn settle(plan: &mut Builder, config: &Config, host: &Host) -> Result<()> {
    if config.namespaces.mount == Membership::Inherit {
        return Ok(());
    }
    for (index, mount) in config.mounts.iter().enumerate().filter(|(_, mount)| mounts::is_sealed_late(mount)) {
        plan.about(format!("mounts[{index}] {}", mount.destination));
        let path = plan.text(&mount.destination);
        plan.push(Op::OpenTarget { path, target: Target::Existing, to: scratch::TARGET });
        attach::seal(plan, host, scratch::TARGET);
    }
    if !devices::is_bound(config) {
        plan.about("/dev/null");
        plan.push(Op::ReopenNull);
    }
    if config.rootfs_readonly {
        plan.about("root.readonly");
        attach::seal(plan, host, Slot::ROOT);
    }
    Ok(())
}
