//! Mounts: each becomes a detached mount, gets its flags, and is attached where the container wants it.

use super::attach::{Change, DETACHED_FROM_HOST, attach, change, ms_flags, on_attached, seal};
use super::new_fs::{self, attr, new_fs};
use super::plan::{Builder, IdMap, Ids, Source, scratch};
use super::rootfs::flag;
use crate::config::{Config, IdMapping, Membership, Mount, MountOptions, MountWhat};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Cgroups, Hierarchy, Host};
use nix::libc;
use runtime_init::sys::MOUNT_ATTR_RDONLY;
use runtime_init::{Op, Slot, Target};
use std::path::Path;

/// Must bind mounts be made outside? In a new user namespace the paths of the host may be out of reach.
pub(crate) fn is_foreign(config: &Config, host: &Host) -> bool {
    config.namespaces.user.is_private() && host.is_privileged()
}

/// One entry of `mounts`.
pub(crate) fn add(plan: &mut Builder, config: &Config, host: &Host, mount: &Mount) -> Result<()> {
    if mount.destination == "/" {
        return Err(Error::new(ErrorKind::InvalidConfig, "config.json: mounts: a mount on / would hide the root"));
    }
    match &mount.what {
        MountWhat::Fs { fstype, source } => new_fs::add(plan, config, host, (mount, fstype, source)),
        MountWhat::Bind { source, recursive } => bind(plan, config, host, (mount, source, *recursive))?,
        MountWhat::Cgroup => cgroup(plan, config, host, mount),
        MountWhat::Remount => remount(plan, mount),
    }
    Ok(())
}

/// `/dev` gets nodes after it is mounted, and a shadowed directory its copy: those are made read-only at the end.
pub(crate) fn is_sealed_late(mount: &Mount) -> bool {
    let read_only = mount.options.set & u64::from(MOUNT_ATTR_RDONLY) != 0;
    read_only && matches!(mount.what, MountWhat::Fs { .. }) && (mount.destination == "/dev" || mount.options.copy_up)
}

pub(super) fn open_target(plan: &mut Builder, mount: &Mount, target: Target) {
    let path = plan.text(&mount.destination);
    plan.push(Op::OpenTarget { path, target, to: scratch::TARGET });
}

/// What a new mount can only be told.
pub(super) fn propagation(options: &MountOptions) -> Vec<Change> {
    options.propagation.iter().copied().map(Change::Propagation).collect()
}

/// All that makes a copy of a mount another one.
fn changes(options: &MountOptions) -> Vec<Change> {
    let MountOptions { set, clear, recursive_set, recursive_clear, .. } = *options;
    let one = Change::Flags { set, clear, recursive: false };
    let below = Change::Flags { set: recursive_set, clear: recursive_clear, recursive: true };
    let flags = [(set | clear != 0).then_some(one), (recursive_set | recursive_clear != 0).then_some(below)];
    flags.into_iter().flatten().chain(propagation(options)).collect()
}

/// A file or directory of the host.
fn bind(plan: &mut Builder, config: &Config, host: &Host, (mount, source, recursive): (&Mount, &Path, bool)) -> Result<()> {
    needs_setattr(host, mount)?;
    if mount.options.remount {
        remount_bind(plan, host, mount);
        return Ok(());
    }
    let mut changes = changes(&complete(&mount.options, may_be_locked(config, host)));
    // What is below the root may be what was mounted there just now, and only the container's mount namespace has that.
    let inside = match &mount.options.id_map {
        Some(_) => meets_another(config, mount, (source, recursive)),
        None => source.starts_with(&config.rootfs),
    };
    let id_map = id_map(config, host, mount)?;
    if !inside && (id_map.is_some() || is_foreign(config, host)) {
        let tree = plan.source(Source::Tree { path: source.to_owned(), recursive, id_map });
        plan.push(Op::Move { from: tree, to: scratch::MOUNT });
        changes.insert(0, DETACHED_FROM_HOST);
    } else {
        let from = plan.text(source.as_os_str().as_encoded_bytes());
        plan.push(Op::CloneTree { from, recursive: u32::from(recursive), to: scratch::MOUNT });
        id_map.into_iter().for_each(|map| plan.lend(scratch::MOUNT, map, source));
    }
    open_target(plan, mount, if host.is_file(source) { Target::File } else { Target::Directory });
    attach(plan, host, &changes);
    Ok(())
}

/// Is something of what an earlier mount has brought below the root to be seen through this one?
fn meets_another(config: &Config, mount: &Mount, (source, recursive): (&Path, bool)) -> bool {
    let Ok(source) = source.strip_prefix(&config.rootfs) else { return false };
    let earlier = config.mounts.iter().take_while(|other| *other != mount);
    earlier
        .filter_map(|other| Path::new(&other.destination).strip_prefix("/").ok())
        .any(|other| source.starts_with(other) || recursive && other.starts_with(source))
}

/// Are the flags of the host's mounts beyond the container's power?
fn may_be_locked(config: &Config, host: &Host) -> Locked {
    let own = config.namespaces.user.is_private() || host.in_user_namespace || !host.is_privileged();
    if own { Locked::Perhaps } else { Locked::No }
}

/// Flags that a mount in a user namespace's mount namespace cannot lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locked {
    Perhaps,
    No,
}

/// A bind mount without flags looks like its source; one with flags has these and no others, as `mount(8)` and other runtimes have it. What
/// could be locked stays, unless the config says otherwise. A mode of access times is only replaced by another.
fn complete(options: &MountOptions, locked: Locked) -> MountOptions {
    const LOCKABLE: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    let mut all = options.clone();
    if all.set | all.clear == 0 {
        return all;
    }
    let mut implied = libc::MOUNT_ATTR_NOSYMFOLLOW;
    if locked == Locked::No {
        implied |= LOCKABLE;
        if (all.set | all.clear) & libc::MOUNT_ATTR__ATIME != 0 {
            implied |= libc::MOUNT_ATTR_NODIRATIME;
        }
        if all.set & libc::MOUNT_ATTR_NODIRATIME != 0 {
            implied |= libc::MOUNT_ATTR__ATIME;
        }
    }
    all.clear |= implied & !all.set;
    all
}

/// A root that is only moved over the host's leaves the host's mounts in the namespace: a whole procfs or sysfs among them lets whoever
/// makes a user namespace mount another, with nothing masked. What cannot be unmounted is covered.
pub(crate) fn bare_of_whole(plan: &mut Builder, config: &Config, host: &Host) {
    for point in &host.whole {
        plan.about(format!("--no-pivot {point}"));
        let path = plan.text(point);
        if may_be_locked(config, host) == Locked::No {
            // The root may share its mounts with the host, which keeps its own.
            plan.push(Op::Propagation { path, flags: flag(libc::MS_SLAVE | libc::MS_REC) });
            plan.push(Op::Unmount { path });
        } else {
            plan.push(Op::OpenPath { path, to: scratch::TARGET });
            new_fs(plan, ("tmpfs", "tmpfs"), &[], (MOUNT_ATTR_RDONLY, Slot::NONE));
            attach(plan, host, &[]);
        }
    }
}

/// What no `mount(2)` can do is not left out in silence.
fn needs_setattr(host: &Host, mount: &Mount) -> Result<()> {
    let MountOptions { recursive_set, recursive_clear, ref id_map, .. } = mount.options;
    if host.mount_setattr || recursive_set | recursive_clear == 0 && id_map.is_none() {
        return Ok(());
    }
    let what = if id_map.is_some() { "an id-mapped mount" } else { "a recursive option" };
    let why = format!("config.json: mounts {}: {what} needs mount_setattr(2), Linux 5.14", mount.destination);
    Err(Error::new(ErrorKind::Unsupported, why))
}

/// `idmap` and `ridmap`: with mappings of their own, or the container's.
fn id_map(config: &Config, host: &Host, mount: &Mount) -> Result<Option<IdMap>> {
    let Some(map) = &mount.options.id_map else { return Ok(None) };
    if !host.is_privileged() {
        let why = format!("config.json: mounts {}: an id-mapped mount cannot be made in a rootless container", mount.destination);
        return Err(Error::new(ErrorKind::InvalidConfig, why));
    }
    if let (Membership::Join(path), true) = (&config.namespaces.user, map.uid_mappings.is_empty() && map.gid_mappings.is_empty()) {
        return Ok(Some(IdMap { ids: Ids::Of(path.clone()), recursive: map.recursive }));
    }
    let or = |own: &Vec<IdMapping>, container: &Vec<IdMapping>| if own.is_empty() { container.clone() } else { own.clone() };
    let uid_mappings = or(&map.uid_mappings, &config.uid_mappings);
    let gid_mappings = or(&map.gid_mappings, &config.gid_mappings);
    if uid_mappings.is_empty() || gid_mappings.is_empty() {
        let why =
            format!("config.json: mounts {}: an id-mapped mount needs mappings, its own or those of a user namespace", mount.destination);
        return Err(Error::new(ErrorKind::InvalidConfig, why));
    }
    Ok(Some(IdMap { ids: Ids::Mapped { uid_mappings, gid_mappings }, recursive: map.recursive }))
}

/// `remount` with `bind`: other flags for one mount.
fn remount_bind(plan: &mut Builder, host: &Host, mount: &Mount) {
    open_target(plan, mount, Target::Existing);
    let MountOptions { set, clear, .. } = mount.options;
    change(plan, host, scratch::TARGET, Change::Flags { set, clear, recursive: false });
}

/// `remount`: other options for a file system.
fn remount(plan: &mut Builder, mount: &Mount) {
    open_target(plan, mount, Target::Existing);
    let options = &mount.options;
    let flags = flag(libc::MS_REMOUNT | options.superblock) | ms_flags(options.set);
    let op = on_attached(plan, scratch::TARGET, flags, &options.data.join(","));
    plan.push(op);
}

/// The container's cgroups: the file system as its cgroup namespace shows it, or of v1 a bind of its own directories.
fn cgroup(plan: &mut Builder, config: &Config, host: &Host, mount: &Mount) {
    let view = if config.namespaces.cgroup.is_private() { View::Namespace } else { View::Host };
    match &host.cgroup {
        // CVE-2023-25809: what is shown is not the container's to change, and may well be its user's.
        Cgroups::Callers(theirs) => show_cgroup(plan, (config, host), &read_only(mount), (theirs, view)),
        // Without a namespace `/proc/self/cgroup` tells paths from the host's root, where they must be found. A root that is only a namespace's
        // is shown no more than its own.
        Cgroups::Unified { .. } if view == View::Host && !config.namespaces.user.is_private() && !host.in_user_namespace => {
            show_cgroup(plan, (config, host), mount, (&Cgroups::None, view));
        }
        own => show_cgroup(plan, (config, host), mount, (own, view)),
    }
}

/// Whose eyes a container sees its cgroups with: those of a namespace of them, or the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Namespace,
    Host,
}

fn read_only(mount: &Mount) -> Mount {
    let mut mount = mount.clone();
    mount.options.set |= u64::from(MOUNT_ATTR_RDONLY);
    mount.options.clear &= !u64::from(MOUNT_ATTR_RDONLY);
    mount
}

fn show_cgroup(plan: &mut Builder, (config, host): (&Config, &Host), mount: &Mount, (cgroups, view): (&Cgroups, View)) {
    match cgroups {
        Cgroups::Unified { path } if view == View::Host => bind_cgroup(plan, host, mount, path),
        Cgroups::Unified { .. } | Cgroups::Callers(_) | Cgroups::None => {
            open_target(plan, mount, Target::RealDirectory);
            new_fs(plan, ("cgroup2", "cgroup"), &[], (attr(&mount.options, false), Slot::NONE));
            attach(plan, host, &propagation(&mount.options));
        }
        Cgroups::Hierarchies(hierarchies) => cgroup_v1(plan, (config, host), mount, (hierarchies, view)),
    }
}

fn bind_cgroup(plan: &mut Builder, host: &Host, mount: &Mount, path: &str) {
    let from = plan.text(path);
    plan.push(Op::CloneTree { from, recursive: 0, to: scratch::MOUNT });
    open_target(plan, mount, Target::RealDirectory);
    attach(plan, host, &changes(&mount.options));
}

/// A small file system with a directory for each hierarchy; it is sealed when all are there.
fn cgroup_v1(plan: &mut Builder, (config, host): (&Config, &Host), mount: &Mount, (hierarchies, view): (&[Hierarchy], View)) {
    writable_tmpfs(plan, config, host, mount);
    for hierarchy in hierarchies.iter().filter(|hierarchy| !hierarchy.name.is_empty()) {
        let inner = Mount { destination: format!("{}/{}", mount.destination, hierarchy.name), ..mount.clone() };
        match view {
            View::Namespace => new_hierarchy(plan, host, &inner, hierarchy),
            View::Host => bind_cgroup(plan, host, &inner, &hierarchy.path),
        }
        aliases(plan, mount, hierarchy);
    }
    if attr(&mount.options, false) & MOUNT_ATTR_RDONLY != 0 {
        open_target(plan, mount, Target::Existing);
        seal(plan, host, scratch::TARGET);
    }
}

fn writable_tmpfs(plan: &mut Builder, config: &Config, host: &Host, mount: &Mount) {
    let label = config.mount_label.iter().map(|label| ("context".to_owned(), label.clone()));
    let options: Vec<_> = label.chain([("mode".to_owned(), "755".to_owned())]).collect();
    open_target(plan, mount, Target::RealDirectory);
    new_fs(plan, ("tmpfs", "tmpfs"), &options, (attr(&mount.options, false) & !MOUNT_ATTR_RDONLY, Slot::NONE));
    attach(plan, host, &[]);
}

/// The hierarchy as a cgroup namespace sees it.
fn new_hierarchy(plan: &mut Builder, host: &Host, mount: &Mount, hierarchy: &Hierarchy) {
    let options = &hierarchy.options;
    let (source, pairs) = match options.split_once('=') {
        Some((key, name)) => (name, vec![("none".into(), String::new()), (key.into(), name.into())]),
        None => ("cgroup", options.split(',').map(|controller| (controller.into(), String::new())).collect()),
    };
    open_target(plan, mount, Target::Directory);
    new_fs(plan, ("cgroup", source), &pairs, (attr(&mount.options, false), Slot::NONE));
    attach(plan, host, &[]);
}

/// `cpu` and `cpuacct`, for `cpu,cpuacct`.
fn aliases(plan: &mut Builder, mount: &Mount, hierarchy: &Hierarchy) {
    for alias in hierarchy.name.split(',').filter(|alias| *alias != hierarchy.name) {
        let dir = plan.text(&mount.destination);
        plan.push(Op::OpenTarget { path: dir, target: Target::Existing, to: scratch::DEV });
        let (name, target) = (plan.text(alias), plan.text(&hierarchy.name));
        plan.push(Op::MakeSymlink { dir: scratch::DEV, name, target });
    }
}
