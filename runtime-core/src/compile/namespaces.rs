//! Namespaces and cgroups: which are new, which are joined, and in what order the kernel allows that.

use super::plan::{Builder, Plan, Source, UserNamespace, point, scratch};
use super::{Inside, Wishes, identity, limits, new_fs};
use crate::config::{Config, IdMapping, Membership, Mount, MountWhat, Namespaces, Process, TimeOffsets};
use crate::error::{Error, Result};
use crate::host::{Cgroups, Host};
use nix::libc::{CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, SIGKILL};
use runtime_init::Op;
use std::path::Path;

pub(crate) const CLONE_NEWTIME: i32 = 0x80;

/// All types, in the order they are joined: the mount namespace late, since the host's paths end there.
fn all(namespaces: &Namespaces) -> [(&'static str, i32, &Membership); 8] {
    [
        ("user", CLONE_NEWUSER, &namespaces.user),
        ("cgroup", CLONE_NEWCGROUP, &namespaces.cgroup),
        ("ipc", CLONE_NEWIPC, &namespaces.ipc),
        ("uts", CLONE_NEWUTS, &namespaces.uts),
        ("network", CLONE_NEWNET, &namespaces.network),
        ("pid", CLONE_NEWPID, &namespaces.pid),
        ("time", CLONE_NEWTIME, &namespaces.time),
        ("mount", CLONE_NEWNS, &namespaces.mount),
    ]
}

/// The types that are other than the runtime's, as `CLONE_NEW*`.
pub(crate) fn private(namespaces: &Namespaces) -> u32 {
    let flags = all(namespaces).into_iter().filter(|(_, _, membership)| membership.is_private());
    flags.fold(0, |sum, (_, flag, _)| sum | flag.cast_unsigned())
}

/// Gets the process into its cgroups and namespaces.
pub(crate) fn enter(plan: &mut Builder, config: &Config, host: &Host, wishes: &Wishes) -> Result<()> {
    check_user(config, host)?;
    plan.about("process");
    plan.push(Op::DeathSignal { signal: SIGKILL.cast_unsigned() });
    join_cgroups(plan, host, wishes);
    // The files below /proc/self of a hidden process are the host's root's, so what a namespace's root writes comes first.
    oom_score(plan, config.process.as_ref());
    let late = config.namespaces.time == Membership::New;
    if !late {
        hide(plan);
    }
    let route = Route::of(config, host);
    match route {
        Route::Born => born(plan, config, host),
        Route::Hop => hop(plan, config, host),
    }
    plan.clone3().into_cgroup &= !wishes.enters_cgroup;
    if late {
        hide(plan);
    }
    if !config.sysctl.is_empty() || labelled(config.process.as_ref()) || mounts_by_path(config, host) {
        plan.about("/proc");
        plan.push(Op::OpenProc { to: scratch::PROC });
    }
    session(plan, config.process.as_ref(), wishes);
    if config.namespaces.cgroup == Membership::New {
        plan.about("linux.namespaces cgroup");
        plan.push(Op::Unshare { kind: CLONE_NEWCGROUP.cast_unsigned() });
    }
    if has_late_ipc(&config.namespaces) {
        plan.about("linux.namespaces ipc");
        plan.push(Op::Unshare { kind: CLONE_NEWIPC.cast_unsigned() });
    }
    if config.namespaces.network == Membership::New {
        plan.about("linux.namespaces network");
        plan.push(Op::LoopbackUp);
    }
    meet_for_devices(plan, config, host)
}

/// Interfaces are moved in from outside, by who has rights there.
fn meet_for_devices(plan: &mut Builder, config: &Config, host: &Host) -> Result<()> {
    const CAP_NET_ADMIN: u32 = 12;
    if config.net_devices.is_empty() {
        return Ok(());
    }
    if host.capabilities & 1 << CAP_NET_ADMIN == 0 {
        return Err(Error::config("linux.netDevices", "needs CAP_NET_ADMIN over the interfaces' network namespace"));
    }
    plan.about("linux.netDevices");
    plan.push(Op::LendRoute { point: point::NETWORK });
    Ok(())
}

/// The plan of a process that lends a way to the interfaces of a namespace, and then waits for its end.
pub(crate) fn lend_route(namespace: &Path) -> Result<Plan> {
    let mut plan = Builder::new();
    plan.push(Op::DeathSignal { signal: SIGKILL.cast_unsigned() });
    join(&mut plan, "network", CLONE_NEWNET, &Membership::Join(namespace.into()));
    plan.push(Op::LendRoute { point: point::NETWORK });
    plan.finish()
}

/// The kernel would say no more than "operation not permitted", or "invalid argument".
fn check_user(config: &Config, host: &Host) -> Result<()> {
    let maps_root = |maps: &[IdMapping]| maps.iter().any(|map| map.inside == 0 && map.count > 0);
    match &config.namespaces.user {
        Membership::Inherit if private(&config.namespaces) != 0 && !host.is_privileged() => {
            Err(Error::config("linux.namespaces", "rootless container requires user namespaces"))
        }
        Membership::New if !maps_root(&config.uid_mappings) => {
            Err(Error::config("linux.uidMappings", "the container's root is not mapped"))
        }
        Membership::New if !maps_root(&config.gid_mappings) => {
            Err(Error::config("linux.gidMappings", "the container's root group is not mapped"))
        }
        _ => Ok(()),
    }
}

/// How the process gets into its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// The new ones by `clone3(2)`, the others by `setns(2)`.
    Born,
    /// By joining first, and forking then: a pid or time namespace, and whatever must exist before or after a user namespace.
    Hop,
}

impl Route {
    fn of(config: &Config, host: &Host) -> Self {
        let namespaces = &config.namespaces;
        let joins = |membership: &Membership| matches!(membership, Membership::Join(_));
        let joins_any = all(namespaces).iter().any(|(_, _, membership)| joins(membership));
        let late_time = namespaces.time == Membership::New && (has_offsets(&config.time_offsets) || !host.exec_enters_time);
        let born_late = joins(&namespaces.pid) || joins(&namespaces.time) || joins(&namespaces.user);
        if born_late || late_time || (namespaces.user == Membership::New && joins_any) { Self::Hop } else { Self::Born }
    }
}

fn has_offsets(offsets: &TimeOffsets) -> bool {
    offsets.monotonic.is_some() || offsets.boottime.is_some()
}

/// The new ones that a clone makes. A cgroup namespace's root is where its maker is, so that one comes after the attaching.
fn new_flags(namespaces: &Namespaces) -> u32 {
    let new = all(namespaces).into_iter().filter(|(_, _, membership)| **membership == Membership::New);
    let late = if has_late_ipc(namespaces) { CLONE_NEWCGROUP | CLONE_NEWIPC } else { CLONE_NEWCGROUP };
    new.fold(0, |sum, (_, flag, _)| sum | flag.cast_unsigned()) & !late.cast_unsigned()
}

/// The message queues of an ipc namespace belong to whoever made it: with a user namespace, that must be its root.
fn has_late_ipc(namespaces: &Namespaces) -> bool {
    namespaces.ipc == Membership::New && namespaces.user.is_private()
}

fn user_namespace(config: &Config, host: &Host) -> UserNamespace {
    UserNamespace {
        uid_mappings: config.uid_mappings.clone(),
        gid_mappings: config.gid_mappings.clone(),
        rlimits: config
            .process
            .iter()
            .filter(|_| host.is_privileged())
            .flat_map(|process| limits::early(process, host))
            .map(|(_, limit)| limit)
            .collect(),
        privileged: host.is_privileged(),
        clear_groups: host.may_clear_groups(),
    }
}

fn born(plan: &mut Builder, config: &Config, host: &Host) {
    let clone = plan.clone3();
    clone.namespaces = new_flags(&config.namespaces);
    clone.into_cgroup = matches!(host.cgroup, Cgroups::Unified { .. });
    if config.namespaces.user == Membership::New {
        clone.user = Some(user_namespace(config, host));
    }
    for (name, flag, membership) in all(&config.namespaces) {
        join(plan, name, flag, membership);
    }
}

fn hop(plan: &mut Builder, config: &Config, host: &Host) {
    let namespaces = &config.namespaces;
    let user = CLONE_NEWUSER.cast_unsigned();
    plan.clone3().into_cgroup = matches!(host.cgroup, Cgroups::Unified { .. });
    join_in_order(plan, namespaces, host);
    // The file of the offsets is the host's root's: in a user namespace nobody may write it.
    let time_first = namespaces.time == Membership::New && host.is_privileged();
    let time_last = namespaces.time == Membership::New && !host.is_privileged();
    if time_first {
        new_time(plan, &config.time_offsets);
    }
    let mut rest = new_flags(namespaces) & !CLONE_NEWTIME.cast_unsigned();
    if rest & user != 0 {
        plan.about("linux.namespaces user");
        plan.clone3().user = Some(user_namespace(config, host));
        let with = if time_last { user } else { rest };
        plan.push(Op::Hop { kind: with });
        plan.push(Op::BecomeRoot { clear_groups: u32::from(host.may_clear_groups()) });
        rest &= !with;
        if !time_last {
            return;
        }
    }
    if time_last {
        new_time(plan, &config.time_offsets);
    }
    plan.about("linux.namespaces");
    plan.push(Op::Hop { kind: rest });
}

/// The next child is born in it.
fn new_time(plan: &mut Builder, offsets: &TimeOffsets) {
    plan.about("linux.timeOffsets");
    plan.push(Op::Unshare { kind: CLONE_NEWTIME.cast_unsigned() });
    if has_offsets(offsets) {
        let (path, value) = (plan.text("/proc/self/timens_offsets"), plan.text(offset_lines(offsets)));
        plan.push(Op::WriteFile { path, value });
    }
}

/// A privileged caller may join everything, and keeps that right until it joins a user namespace; any other has no right before.
fn join_in_order(plan: &mut Builder, namespaces: &Namespaces, host: &Host) {
    let mut order = all(namespaces).to_vec();
    if host.is_privileged() {
        order.rotate_left(1);
    }
    for (name, flag, membership) in order {
        join(plan, name, flag, membership);
        if flag == CLONE_NEWUSER && matches!(membership, Membership::Join(_)) {
            plan.push(Op::BecomeRoot { clear_groups: 0 });
        }
    }
}

fn join(plan: &mut Builder, name: &str, flag: i32, membership: &Membership) {
    let Membership::Join(path) = membership else { return };
    plan.about(format!("linux.namespaces {name} {}", path.display()));
    let of = plan.source(Source::Namespace(path.clone()));
    plan.push(Op::Join { of, kind: flag.cast_unsigned() });
}

/// `/proc/self/timens_offsets`, one clock a line.
fn offset_lines(offsets: &TimeOffsets) -> String {
    let line = |clock: &str, offset: Option<(i64, u32)>| offset.map(|(s, ns)| format!("{clock} {s} {ns}\n")).unwrap_or_default();
    line("monotonic", offsets.monotonic) + &line("boottime", offsets.boottime)
}

/// By itself, or by somebody else's hand, which is waited for.
fn join_cgroups(plan: &mut Builder, host: &Host, wishes: &Wishes) {
    if wishes.enters_cgroup {
        plan.about("linux.cgroupsPath");
        return plan.push(Op::Meet { point: point::CGROUP });
    }
    let Cgroups::Hierarchies(hierarchies) = &host.cgroup else { return };
    for (index, hierarchy) in hierarchies.iter().enumerate() {
        plan.about(format!("linux.cgroupsPath {}", hierarchy.path));
        let procs = plan.source(Source::CgroupProcs(index));
        plan.push(Op::AttachCgroup { procs });
    }
}

fn oom_score(plan: &mut Builder, process: Option<&Process>) {
    if let Some(score) = process.and_then(|process| process.oom_score_adj) {
        plan.about("process.oomScoreAdj");
        let (path, value) = (plan.text("/proc/self/oom_score_adj"), plan.text(score.to_string()));
        plan.push(Op::WriteFile { path, value });
    }
}

/// What it is, and holds, is no longer for others to look at.
fn hide(plan: &mut Builder) {
    plan.about("process");
    plan.push(Op::Hide);
}

fn session(plan: &mut Builder, process: Option<&Process>, wishes: &Wishes) {
    plan.about("process");
    plan.push(Op::SetSid);
    if !wishes.keep_keyring {
        if let Some(label) = process.and_then(|process| process.selinux_label.as_ref()) {
            identity::label_keyring(plan, label);
            plan.about("process");
        }
        let name = plan.text(format!("_ses.{}", wishes.id));
        plan.push(Op::SessionKeyring { name });
    }
}

/// Limits, while the process may still raise them; those of a new user namespace are set from outside.
pub(crate) fn limit(plan: &mut Builder, config: &Config, host: &Host) {
    let from_outside = config.namespaces.user == Membership::New && host.is_privileged();
    if let Some(process) = config.process.as_ref().filter(|_| !from_outside) {
        limits::raise(plan, process, host);
    }
}

/// `mount(2)` takes only paths; those of open mounts are in a procfs.
fn mounts_by_path(config: &Config, host: &Host) -> bool {
    let has_mounts = config.namespaces.mount != Membership::Inherit;
    let by_path = |mount: &Mount| mount.what == MountWhat::Remount || new_fs::needs_proc(config, mount);
    has_mounts && (!host.mount_setattr || config.mounts.iter().any(by_path))
}

fn labelled(process: Option<&Process>) -> bool {
    process.is_some_and(|process| process.apparmor_profile.is_some() || process.selinux_label.is_some())
}

/// `hostname` and `domainname`.
pub(crate) fn name(plan: &mut Builder, config: &Config) {
    if let Some(hostname) = config.hostname.as_ref().filter(|name| !name.is_empty()) {
        plan.about("hostname");
        let name = plan.text(hostname);
        plan.push(Op::HostName { name });
    }
    if let Some(domainname) = config.domainname.as_ref().filter(|name| !name.is_empty()) {
        plan.about("domainname");
        let name = plan.text(domainname);
        plan.push(Op::DomainName { name });
    }
}

/// Gets another process into a container's cgroups and namespaces.
pub(crate) fn join_all(plan: &mut Builder, inside: &Inside<'_>, process: &Process, (host, wishes): (&Host, &Wishes)) {
    let namespaces = &inside.config.namespaces;
    plan.about("process");
    plan.push(Op::DeathSignal { signal: SIGKILL.cast_unsigned() });
    plan.clone3().into_cgroup = matches!(host.cgroup, Cgroups::Unified { .. }) && !wishes.enters_cgroup;
    if let Some(cpus) = &process.affinity_initial {
        plan.about("process.execCPUAffinity.initial");
        let cpus = plan.blob(&super::program::bits(cpus));
        plan.push(Op::Affinity { cpus });
    }
    let kind = private(namespaces);
    let hops = kind & (CLONE_NEWPID | CLONE_NEWTIME).cast_unsigned() != 0;
    // A fork counts against `pids.limit`, entering does not; but the root of a user namespace may not enter what is the host's.
    let enters_late = hops && !inside.has_user_namespace && !wishes.enters_cgroup;
    if !enters_late {
        join_cgroups(plan, host, wishes);
    }
    oom_score(plan, Some(process));
    hide(plan);
    let outside_limits = inside.has_user_namespace && host.is_privileged();
    if outside_limits {
        limits::raise(plan, process, host);
    }
    if labelled(Some(process)) {
        // Before the container's mounts are the process's own: this is the host's procfs, of the container's processes too.
        plan.push(Op::OpenProc { to: scratch::PROC });
    }
    plan.about("linux.namespaces");
    if namespaces.mount == Membership::Inherit {
        let root = plan.source(Source::InitRoot);
        plan.push(Op::EnterRoot { of: root });
    }
    if kind != 0 {
        let of = plan.source(Source::Init);
        plan.push(Op::Join { of, kind });
    }
    if inside.has_user_namespace {
        plan.push(Op::BecomeRoot { clear_groups: u32::from(host.may_clear_groups()) });
    }
    if hops {
        plan.push(Op::Hop { kind: 0 });
    }
    if enters_late {
        join_cgroups(plan, host, wishes);
    }
    session(plan, Some(process), wishes);
    let path = plan.text("/");
    plan.push(Op::OpenPath { path, to: runtime_init::Slot::ROOT });
    if !outside_limits {
        limits::raise(plan, process, host);
    }
}
