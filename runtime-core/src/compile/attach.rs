//! A mount's flags and its place. A detached mount is sealed, then attached; before Linux 5.14, which has all of `mount_setattr(2)`, only an
//! attached one takes flags, so there the order is the other.

use super::plan::{Builder, scratch};
use super::rootfs::flag;
use crate::config::{Propagation, PropagationKind};
use crate::host::Host;
use nix::libc;
use runtime_init::{Op, Slot};
use std::path::Path;

/// What a mount is to have otherwise than it was born with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// `MOUNT_ATTR_*` flags.
    Flags { set: u64, clear: u64, recursive: bool },
    /// Whom it tells, and who tells it.
    Propagation(Propagation),
}

/// What was copied in the host's mount namespace would go on telling it what is mounted below.
pub(crate) const DETACHED_FROM_HOST: Change = Change::Propagation(Propagation { kind: PropagationKind::Slave, recursive: true });

/// Makes an attached mount read-only.
pub(crate) fn seal(plan: &mut Builder, host: &Host, mount: Slot) {
    change(plan, host, mount, Change::Flags { set: libc::MOUNT_ATTR_RDONLY, clear: 0, recursive: false });
}

/// Attaches the detached mount to the open target.
pub(crate) fn attach(plan: &mut Builder, host: &Host, changes: &[Change]) {
    let late = !host.mount_setattr && !changes.is_empty();
    let attach = Op::Attach { mount: scratch::MOUNT, on: scratch::TARGET, keep: u32::from(late) };
    if late {
        plan.push(attach);
    }
    changes.iter().for_each(|&one| change(plan, host, scratch::MOUNT, one));
    if !late {
        plan.push(attach);
    }
}

/// Attaches the root's tree, made in the host's mount namespace, to its own path.
pub(crate) fn attach_brought_root(plan: &mut Builder, host: &Host, tree: Slot, path: &Path) {
    let path = plan.text(path.as_os_str().as_encoded_bytes());
    let attach = Op::AttachRoot { mount: tree, path };
    if host.mount_setattr {
        change(plan, host, tree, DETACHED_FROM_HOST);
        plan.push(attach);
    } else {
        plan.push(attach);
        change(plan, host, Slot::ROOT, DETACHED_FROM_HOST);
    }
}

/// One change of an open mount.
pub(crate) fn change(plan: &mut Builder, host: &Host, mount: Slot, change: Change) {
    let op = if host.mount_setattr { by_setattr(mount, change) } else { by_remount(plan, mount, change) };
    plan.push(op);
}

fn by_setattr(mount: Slot, change: Change) -> Op {
    match change {
        Change::Flags { set, clear, recursive } => {
            Op::SetAttr { mount, set: flag(set), clear: flag(whole_field(set, clear)), propagation: 0, recursive: recursive.into() }
        }
        Change::Propagation(Propagation { kind, recursive }) => {
            Op::SetAttr { mount, set: 0, clear: 0, propagation: flag(kind.flag()), recursive: recursive.into() }
        }
    }
}

fn by_remount(plan: &mut Builder, mount: Slot, change: Change) -> Op {
    match change {
        Change::Flags { set, clear, .. } => {
            let relatime = if is_relatime(set, clear) { libc::MS_RELATIME } else { 0 };
            let clear = ms_flags(clear) | if is_atime(set, clear) { flag(libc::MS_RELATIME | libc::MS_NOATIME) } else { 0 };
            Op::RemountBind { mount, set: ms_flags(set) | flag(relatime), clear, proc: scratch::PROC }
        }
        Change::Propagation(Propagation { kind, recursive }) => {
            let below = if recursive { libc::MS_REC } else { 0 };
            on_attached(plan, mount, flag(kind.flag() | below), "")
        }
    }
}

/// `mount(2)` on what is mounted already.
pub(super) fn on_attached(plan: &mut Builder, on: Slot, flags: u32, data: &str) -> Op {
    let (nothing, data) = (plan.text(""), plan.text(data));
    Op::Mount { on, fstype: nothing, source: nothing, flags, data, proc: scratch::PROC }
}

/// The access time settings are one field of three bits.
fn is_atime(set: u64, clear: u64) -> bool {
    (set | clear) & libc::MOUNT_ATTR__ATIME != 0
}

/// The value 0 of that field.
fn is_relatime(set: u64, clear: u64) -> bool {
    is_atime(set, clear) && set & libc::MOUNT_ATTR__ATIME == 0
}

/// To set the field, `mount_setattr(2)` wants it cleared.
pub(crate) fn whole_field(set: u64, clear: u64) -> u64 {
    if is_atime(set, clear) { clear | libc::MOUNT_ATTR__ATIME } else { clear }
}

/// `MOUNT_ATTR_*` as `MS_*`.
pub(crate) fn ms_flags(attr: u64) -> u32 {
    const TABLE: [(u64, u64); 8] = [
        (libc::MOUNT_ATTR_RDONLY, libc::MS_RDONLY),
        (libc::MOUNT_ATTR_NOSUID, libc::MS_NOSUID),
        (libc::MOUNT_ATTR_NODEV, libc::MS_NODEV),
        (libc::MOUNT_ATTR_NOEXEC, libc::MS_NOEXEC),
        (libc::MOUNT_ATTR_NODIRATIME, libc::MS_NODIRATIME),
        (libc::MOUNT_ATTR_NOATIME, libc::MS_NOATIME),
        (libc::MOUNT_ATTR_STRICTATIME, libc::MS_STRICTATIME),
        (libc::MOUNT_ATTR_NOSYMFOLLOW, libc::MS_NOSYMFOLLOW),
    ];
    TABLE.iter().filter(|(bit, _)| attr & bit != 0).fold(0, |sum, (_, ms)| sum | flag(*ms))
}
