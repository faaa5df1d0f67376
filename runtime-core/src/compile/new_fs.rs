//! New file systems: made detached by `fsopen(2)`, or told their options as one text by `mount(2)`.

use super::attach::{Change, attach, change, ms_flags, whole_field};
use super::mounts::{is_sealed_late, open_target, propagation};
use super::plan::{Builder, scratch};
use super::rootfs::flag;
use crate::config::{Config, Mount, MountOptions, MountWhat};
use crate::host::Host;
use nix::libc;
use runtime_init::sys::MOUNT_ATTR_RDONLY;
use runtime_init::{Op, Slot, Target};

/// One entry of `mounts` that is neither a bind mount nor a remount.
pub(super) fn add(plan: &mut Builder, config: &Config, host: &Host, (mount, fstype, source): (&Mount, &str, &str)) {
    let label = config.mount_label.as_deref();
    let context = label.filter(|_| takes_label(fstype));
    if is_told_whole(mount) {
        return told_whole(plan, host, (mount, fstype, source), context);
    }
    open_target(plan, mount, target(fstype));
    let late = is_sealed_late(mount);
    let (attr, later) = without_late(attr(&mount.options, late), host);
    let mut pairs = data(&mount.options, late);
    if fstype == "overlay" {
        pairs = pairs.into_iter().flat_map(layers).collect();
    }
    pairs.extend(context.map(|label| ("context".into(), label.to_owned())));
    let has_mode = pairs.iter().any(|(key, _)| key == "mode");
    let mode_of = if fstype == "tmpfs" && !has_mode { scratch::TARGET } else { Slot::NONE };
    new_fs(plan, (fstype, source), &pairs, (attr, mode_of));
    if let Some(label) = label.filter(|_| is_labelled_after(fstype)) {
        let label = plan.text(label);
        plan.push(Op::Label { mount: scratch::MOUNT, label, proc: scratch::PROC });
    }
    if mount.options.copy_up {
        plan.push(Op::CopyUp { from: scratch::TARGET, to: scratch::MOUNT });
    }
    attach(plan, host, &Vec::from_iter(later.into_iter().chain(propagation(&mount.options))));
}

/// `fsmount(2)` knows this flag as long as there is `mount_setattr(2)`; before, an attached mount can have it.
fn without_late(attr: u32, host: &Host) -> (u32, Option<Change>) {
    const LATE: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;
    match host.mount_setattr || attr & flag(LATE) == 0 {
        true => (attr, None),
        false => (attr & !flag(LATE), Some(Change::Flags { set: LATE, clear: 0, recursive: false })),
    }
}

/// `fsconfig(2)` takes no text of more bytes.
const LONGEST: usize = 255;
/// `mount(2)` takes a page, with its NUL.
const PAGE: usize = 4095;

/// Must the file system get its options as one text, by `mount(2)`? Where one is too long for `fsconfig(2)`, or has the quotes and backslashes
/// that are read differently there. A tmpfs has none such, and wants to know what it covers.
pub(super) fn is_told_whole(mount: &Mount) -> bool {
    let MountWhat::Fs { fstype, source } = &mount.what else { return false };
    let is_odd = |entry: &str| entry.len() > LONGEST || entry.contains(['"', '\\']);
    let odd = source.len() > LONGEST || mount.options.data.iter().flat_map(|entry| entry.split(',')).any(is_odd);
    odd && !matches!(fstype.as_str(), "tmpfs" | "ramfs") && mount.options.data.join(",").len() <= PAGE
}

/// A new file system that is attached at once.
fn told_whole(plan: &mut Builder, host: &Host, (mount, fstype, source): (&Mount, &str, &str), label: Option<&str>) {
    open_target(plan, mount, target(fstype));
    let options = &mount.options;
    let flags = flag(options.superblock) | ms_flags(u64::from(attr(options, is_sealed_late(mount))));
    let context = label.map(|label| format!("context=\"{label}\""));
    let data: Vec<_> = options.data.iter().chain(&context).map(String::as_str).collect();
    let (fstype, source, data) = (plan.text(fstype), plan.text(source), plan.text(data.join(",")));
    plan.push(Op::Mount { on: scratch::TARGET, fstype, source, flags, data, proc: scratch::PROC });
    let changes = propagation(options);
    if !changes.is_empty() {
        // What is open is what the mount covers.
        open_target(plan, mount, Target::Existing);
        changes.into_iter().for_each(|one| change(plan, host, scratch::TARGET, one));
    }
}

/// The layers of an overlay that are more than a page are told one by one (Linux 6.7); behind an empty one are those of data alone.
fn layers((key, value): (String, String)) -> Vec<(String, String)> {
    if key != "lowerdir" || value.len() <= LONGEST {
        return vec![(key, value)];
    }
    let mut key = "lowerdir+";
    let mut told = Vec::new();
    for layer in value.split(':') {
        match layer {
            "" => key = "datadir+",
            layer => told.push((key.to_owned(), layer.to_owned())),
        }
    }
    told
}

/// CVE-2019-19921: `/proc` and `/sys` of an image must be what they seem.
fn target(fstype: &str) -> Target {
    if matches!(fstype, "proc" | "sysfs") { Target::RealDirectory } else { Target::Directory }
}

/// A file system that was there before has its label from before.
fn takes_label(fstype: &str) -> bool {
    !matches!(fstype, "proc" | "sysfs" | "cgroup" | "cgroup2" | "mqueue")
}

/// The queues of an ipc namespace were made with it; their directory may be labelled as a file is.
fn is_labelled_after(fstype: &str) -> bool {
    fstype == "mqueue"
}

/// Does one of its steps need the path of what is open?
pub(super) fn needs_proc(config: &Config, mount: &Mount) -> bool {
    let queues = matches!(&mount.what, MountWhat::Fs { fstype, .. } if is_labelled_after(fstype));
    is_told_whole(mount) || queues && config.mount_label.is_some()
}

pub(super) fn new_fs(plan: &mut Builder, (fstype, source): (&str, &str), pairs: &[(String, String)], (attr, mode_of): (u32, Slot)) {
    let (fstype, source) = (plan.text(fstype), plan.text(source));
    let options = plan.texts(pairs.iter().flat_map(|(key, value)| [key, value]));
    plan.push(Op::NewFs { fstype, source, options, attr, mode_of, to: scratch::MOUNT });
}

/// The flags a new mount is born with. There is nothing below it yet, so that the recursive ones are like the others, and come last.
pub(super) fn attr(options: &MountOptions, late: bool) -> u32 {
    let cleared = whole_field(options.recursive_set, options.recursive_clear);
    let attr = flag(options.set & !cleared | options.recursive_set);
    if late { attr & !MOUNT_ATTR_RDONLY } else { attr }
}

/// `key=value` apart; the superblock's flags are options too, here.
fn data(options: &MountOptions, late: bool) -> Vec<(String, String)> {
    // fsconfig(2) has none for `silent` and `iversion`.
    const NAMES: [(u64, &str); 4] =
        [(libc::MS_SYNCHRONOUS, "sync"), (libc::MS_DIRSYNC, "dirsync"), (libc::MS_MANDLOCK, "mand"), (1 << 25, "lazytime")];
    let own = NAMES.iter().filter(|(bit, _)| options.superblock & bit != 0);
    let mut pairs: Vec<_> = own.map(|(_, name)| ((*name).to_owned(), String::new())).collect();
    if options.set & libc::MOUNT_ATTR_RDONLY != 0 && !late {
        pairs.push(("ro".into(), String::new()));
    }
    pairs.extend(options.data.iter().flat_map(|entry| entry.split(',')).filter(|entry| !entry.is_empty()).map(|entry| {
        match entry.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (entry.to_owned(), String::new()),
        }
    }));
    pairs
}
