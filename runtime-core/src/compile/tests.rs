//! Plans as text: no privilege, no kernel, any host.

#![allow(clippy::unwrap_used)]

use super::plan::Plan;
use super::{Inside, Wishes, create, exec};
use crate::config::{self, Config};
use crate::error::Result;
use crate::host::{Cgroups, Hierarchy, Host};
use crate::spec;
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::path::Path;

/// A root's new kernel with cgroup v2 alone.
fn host() -> Host {
    Host {
        capabilities: (1 << 41) - 1,
        mount_setattr: true,
        exec_enters_time: true,
        cgroup: Cgroups::Unified { path: "/sys/fs/cgroup/web1".into() },
        rootfs_parent: None,
        in_user_namespace: false,
        files: Vec::new(),
        kcore: false,
        apparmor: false,
    }
}

/// Version 1 with two hierarchies, and the unified one beside them.
fn hybrid(host: &mut Host) {
    let hierarchy = |name: &str, options: &str| Hierarchy {
        name: name.into(),
        options: options.into(),
        path: format!("/sys/fs/cgroup/{}/web1", if name.is_empty() { "unified" } else { name }),
    };
    host.cgroup =
        Cgroups::Hierarchies(vec![hierarchy("cpu,cpuacct", "cpu,cpuacct"), hierarchy("systemd", "name=systemd"), hierarchy("", "")]);
}

/// Linux 5.10.
fn old(host: &mut Host) {
    (host.mount_setattr, host.exec_enters_time) = (false, false);
}

fn same(_: &mut Host) {}

fn unprivileged(host: &mut Host) {
    host.capabilities = 0;
}

/// Little enough that a feature's lines stand out.
fn base() -> Value {
    json!({
        "ociVersion": "1.3.0",
        "root": {"path": "/r"},
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "env": ["PATH=/bin:/usr/bin", "HOME=/root"]},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    })
}

/// Merges as RFC 7396 says, but lists grow.
fn merge(document: &mut Value, patch: &Value) {
    match (document, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                match value {
                    Value::Null => drop(object.remove(key)),
                    value => merge(object.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (Value::Array(list), Value::Array(more)) => list.extend(more.iter().cloned()),
        (document, patch) => *document = patch.clone(),
    }
}

fn config(document: &Value) -> Result<Config> {
    config::from_slice(document.to_string().as_bytes(), Path::new("/bundle"))
}

fn patched(patch: &Value) -> Config {
    let mut document = base();
    merge(&mut document, patch);
    config(&document).unwrap()
}

fn wishes() -> Wishes {
    Wishes { id: "web1".into(), ..Wishes::default() }
}

fn changed_host(change: impl FnOnce(&mut Host)) -> Host {
    let mut host = host();
    change(&mut host);
    host
}

/// The lines of one text that are not in the other, in their order: `- ` gone, `+ ` new, and the line they follow.
fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let mut lengths = vec![vec![0usize; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            lengths[i][j] = if before[i] == after[j] { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines, mut last) = (0, 0, String::new(), None);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            last = Some(before[i]);
            (i, j) = (i + 1, j + 1);
            continue;
        }
        lines += &last.take().map_or_else(String::new, |line| format!("  {line}\n"));
        if j == after.len() || i < before.len() && lengths[i + 1][j] >= lengths[i][j + 1] {
            lines += &format!("- {}\n", before[i]);
            i += 1;
        } else {
            lines += &format!("+ {}\n", after[j]);
            j += 1;
        }
    }
    lines
}

fn text(result: Result<Plan>) -> String {
    result.map_or_else(|error| format!("{error}\n"), |plan| plan.to_string())
}

/// What a property changes in the plan of the base, on the same host.
#[track_caller]
fn check(patch: Value, change: impl FnOnce(&mut Host), expected: Expect) {
    let host = changed_host(change);
    let before = text(create(&patched(&json!({})), &host, &wishes()));
    match create(&patched(&patch), &host, &wishes()) {
        Ok(plan) => expected.assert_eq(&difference(&before, &plan.to_string())),
        Err(error) => expected.assert_eq(&format!("{error}\n")),
    }
}

/// What a wish changes.
#[track_caller]
fn check_wish(patch: Value, change: impl FnOnce(&mut Wishes), expected: Expect) {
    let (host, config) = (host(), patched(&patch));
    let mut wishes = wishes();
    let before = text(create(&config, &host, &wishes));
    change(&mut wishes);
    expected.assert_eq(&difference(&before, &text(create(&config, &host, &wishes))));
}

/// The whole plan of another process.
#[track_caller]
fn check_exec(patch: Value, change: impl FnOnce(&mut Host), expected: Expect) {
    let (config, host) = (patched(&patch), changed_host(change));
    let inside = Inside { config: &config, has_user_namespace: config.namespaces.user.is_private() };
    expected.assert_eq(&text(exec(&inside, config.process.as_ref().unwrap(), &host, &wishes())));
}

/// The default config, whole.
#[track_caller]
fn check_default(change: impl FnOnce(&mut Host), cgroups: spec::Cgroups, expected: Expect) {
    let mut document: Value = serde_json::from_str(&spec::default(cgroups)).unwrap();
    document["process"]["terminal"] = json!(false);
    expected.assert_eq(&text(create(&config(&document).unwrap(), &changed_host(change), &wishes())));
}

#[test]
fn the_default_config_on_version_2() {
    check_default(
        same,
        spec::Cgroups::V2,
        expect![[r#"
        clone mount,pid,network,ipc,uts into-cgroup
        bring s3 gate
        bring s4 gate report
        death-signal 9
        hide
        set-sid
        session-keyring "_ses.web1"
        unshare cgroup
        loopback-up
        rlimit 7 1024 1024
        propagation "/" 0x84000
        clone-tree "/bundle/rootfs" rec -> mount
        attach-root mount -> "/bundle/rootfs"
        open-target "/proc" real-dir -> target
        new-fs "proc" "proc"  0x0 -> mount
        attach mount -> target
        open-target "/dev" dir -> target
        new-fs "tmpfs" "tmpfs" mode=755,size=65536k 0x22 -> mount
        attach mount -> target
        open-target "/dev/pts" dir -> target
        new-fs "devpts" "devpts" newinstance=,ptmxmode=0666,mode=0620,gid=5 0xa -> mount
        attach mount -> target
        open-target "/dev/shm" dir -> target
        new-fs "tmpfs" "shm" mode=1777,size=65536k 0xe -> mount
        attach mount -> target
        open-target "/dev/mqueue" dir -> target
        new-fs "mqueue" "mqueue"  0xe -> mount
        attach mount -> target
        open-target "/sys" real-dir -> target
        new-fs "sysfs" "sysfs" ro= 0xf -> mount
        attach mount -> target
        open-target "/sys/fs/cgroup" real-dir -> target
        new-fs "cgroup2" "cgroup"  0xf -> mount
        attach mount -> target
        open-target "/dev" dir -> dev
        make-node dev "null" 20666 1:3 0:0
        make-node dev "zero" 20666 1:5 0:0
        make-node dev "full" 20666 1:7 0:0
        make-node dev "random" 20666 1:8 0:0
        make-node dev "urandom" 20666 1:9 0:0
        make-node dev "tty" 20666 5:0 0:0
        replace-by-symlink dev "ptmx" "pts/ptmx"
        make-symlink dev "fd" "/proc/self/fd"
        make-symlink dev "stdin" "/proc/self/fd/0"
        make-symlink dev "stdout" "/proc/self/fd/1"
        make-symlink dev "stderr" "/proc/self/fd/2"
        pivot
        set-attr root +0x1 -0x0 0x0
        host-name "container"
        read-only-path "/proc/bus"
        read-only-path "/proc/fs"
        read-only-path "/proc/irq"
        read-only-path "/proc/sys"
        read-only-path "/proc/sysrq-trigger"
        open-null -> null
        mask-path "/proc/acpi"
        mask-path "/proc/asound"
        mask-path "/proc/kcore"
        mask-path "/proc/keys"
        mask-path "/proc/latency_stats"
        mask-path "/proc/timer_list"
        mask-path "/proc/timer_stats"
        mask-path "/proc/sched_debug"
        mask-path "/sys/firmware"
        mask-path "/proc/scsi"
        no-new-privs
        bounding-set 0x20000420
        umask 0022
        change-directory "/" may-fail
        own-stdio 0
        groups 0 groups
        ids 0:0
        change-directory "/"
        verify-cwd
        capabilities 0x20000420 0x20000420 0x0
        ambient 0x0
        find-home 0
        find-program /usr/local/sbin/sh:/usr/local/bin/sh:/usr/sbin/sh:/usr/bin/sh:/sbin/sh:/bin/sh
        death-signal 0
        meet 3
        park s3 s4
        exec ["sh"] ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]
    "#]],
    );
}

#[test]
fn the_default_config_on_the_hybrid_layout() {
    let plan = |change: fn(&mut Host)| {
        let document: Value = serde_json::from_str(&spec::default(spec::Cgroups::V1)).unwrap();
        text(create(&config(&document).unwrap(), &changed_host(change), &wishes()))
    };
    expect![[r#"
        - clone mount,pid,network,ipc,uts into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone mount,pid,network,ipc,uts
        + bring s3 cgroup.procs 0
        + bring s4 cgroup.procs 1
        + bring s5 cgroup.procs 2
        + bring s6 gate
        + bring s7 gate report
          death-signal 9
        + attach-cgroup s3
        + attach-cgroup s4
        + attach-cgroup s5
          attach mount -> target
        - clone-tree "/sys/fs/cgroup/web1" -> mount
          open-target "/sys/fs/cgroup" real-dir -> target
        + new-fs "tmpfs" "tmpfs" mode=755 0xe -> mount
        + attach mount -> target
        + clone-tree "/sys/fs/cgroup/cpu,cpuacct/web1" -> mount
        + open-target "/sys/fs/cgroup/cpu,cpuacct" real-dir -> target
          attach mount -> target
        + open-target "/sys/fs/cgroup" existing -> dev
        + make-symlink dev "cpu" "cpu,cpuacct"
        + open-target "/sys/fs/cgroup" existing -> dev
        + make-symlink dev "cpuacct" "cpu,cpuacct"
        + clone-tree "/sys/fs/cgroup/systemd/web1" -> mount
        + open-target "/sys/fs/cgroup/systemd" real-dir -> target
        + set-attr mount +0xf -0x70 0x0
        + attach mount -> target
        + open-target "/sys/fs/cgroup" existing -> target
        + set-attr target +0x1 -0x0 0x0
          meet 3
        - park s3 s4
        + park s6 s7
    "#]]
    .assert_eq(&difference(&plan(same), &plan(hybrid)));
}

#[test]
fn the_default_config_on_an_old_kernel() {
    let plan = |change: fn(&mut Host)| {
        let document: Value = serde_json::from_str(&spec::default(spec::Cgroups::V2)).unwrap();
        text(create(&config(&document).unwrap(), &changed_host(change), &wishes()))
    };
    expect![[r#"
          pivot
        - set-attr root +0x1 -0x0 0x0
        + remount-bind root +0x1 -0x0
    "#]]
    .assert_eq(&difference(&plan(same), &plan(old)));
}

#[test]
fn a_read_only_bind_is_cloned_sealed_and_attached() {
    check(
        json!({"mounts": [{"destination": "/data", "source": "/srv", "type": "bind", "options": ["rbind", "ro"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/srv" rec -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x1 -0x0 0x0
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_read_only_bind_on_an_old_kernel_is_remounted() {
    check(
        json!({"mounts": [{"destination": "/data", "source": "/srv", "type": "bind", "options": ["rbind", "ro"]}]}),
        old,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/srv" rec -> mount
        + open-target "/data" dir -> target
        + remount-bind mount +0x1 -0x0
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_bind_of_a_file_has_a_file_to_be_mounted_on() {
    let is_file = |host: &mut Host| host.files.push("/srv/file".into());
    check(
        json!({"mounts": [{"destination": "/file", "source": "/srv/file", "options": ["bind"]}]}),
        is_file,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/srv/file" -> mount
        + open-target "/file" file -> target
        + attach mount -> target
    "#]],
    );
}

#[test]
fn rro_seals_the_mounts_below_too() {
    check(
        json!({"mounts": [{"destination": "/data", "source": "/srv", "type": "bind", "options": ["rbind", "rro", "noatime"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/srv" rec -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x10 -0x70 0x0
        + set-attr mount +0x1 -0x0 0x0 rec
        + attach mount -> target
    "#]],
    );
}

#[test]
fn propagation_is_set_before_a_mount_is_attached() {
    check(
        json!({"mounts": [{"destination": "/data", "source": "/srv", "options": ["bind", "rshared"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x0 -0x0 0x100000 rec
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_tmpfs_with_a_mode_does_not_ask_the_directory_under_it() {
    let options = |options: &[&str]| json!({"mounts": [{"destination": "/t", "source": "tmpfs", "type": "tmpfs", "options": options}]});
    check(
        options(&["nosuid", "size=1m", "mode=1777"]),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/t" dir -> target
        + new-fs "tmpfs" "tmpfs" size=1m,mode=1777 0x2 -> mount
        + attach mount -> target
    "#]],
    );
    check(
        options(&[]),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/t" dir -> target
        + new-fs "tmpfs" "tmpfs"  0x0 mode-of-target -> mount
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_copied_up_tmpfs_is_sealed_after_the_copy() {
    check(
        json!({"mounts": [{"destination": "/etc", "source": "tmpfs", "type": "tmpfs", "options": ["tmpcopyup", "ro"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/etc" dir -> target
        + new-fs "tmpfs" "tmpfs"  0x0 mode-of-target -> mount
        + copy-up target -> mount
        + attach mount -> target
          pivot
        + open-target "/etc" existing -> target
        + set-attr target +0x1 -0x0 0x0
    "#]],
    );
}

#[test]
fn a_read_only_dev_is_sealed_after_its_nodes() {
    check(
        json!({"mounts": [{"destination": "/dev", "source": "tmpfs", "type": "tmpfs", "options": ["ro"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/dev" dir -> target
        + new-fs "tmpfs" "tmpfs"  0x0 mode-of-target -> mount
        + attach mount -> target
          pivot
        + open-target "/dev" existing -> target
        + set-attr target +0x1 -0x0 0x0
    "#]],
    );
}

#[test]
fn an_id_mapped_mount_is_mapped_before_it_can_be_seen() {
    let map = json!([{"containerID": 0, "hostID": 5000, "size": 10}]);
    let mount = json!({"destination": "/data", "source": "/srv", "options": ["bind", "idmap"], "uidMappings": map, "gidMappings": map});
    check(
        json!({"mounts": [mount]}),
        same,
        expect![[r#"
          clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + bring s3 tree /srv
        + bring s4 user namespace 1 1
        + bring s5 gate
        + bring s6 gate report
          attach-root mount -> "/r"
        + move s3 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + id-map mount s4
        + open-target "/data" dir -> target
        + attach mount -> target
          meet 3
        - park s3 s4
        + park s5 s6
    "#]],
    );
}

#[test]
fn a_remount_makes_nothing() {
    check(
        json!({"mounts": [{"destination": "/data", "options": ["remount", "bind", "ro"]}]}),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/data" existing -> target
        + set-attr target +0x1 -0x0 0x0
    "#]],
    );
}

#[test]
fn a_mount_on_the_root_is_refused() {
    check(
        json!({"mounts": [{"destination": "/", "source": "tmpfs", "type": "tmpfs"}]}),
        same,
        expect![[r#"
        config.json: mounts: a mount on / would hide the root
    "#]],
    );
}

fn cgroup_mount(namespaces: Value) -> Value {
    json!({"mounts": [{"destination": "/cg", "type": "cgroup", "source": "cgroup", "options": ["ro"]}], "linux": {"namespaces": namespaces}})
}

#[test]
fn cgroups_of_a_cgroup_namespace_are_a_new_mount() {
    check(
        cgroup_mount(json!([{"type": "cgroup"}])),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + unshare cgroup
          attach-root mount -> "/r"
        + open-target "/cg" real-dir -> target
        + new-fs "cgroup2" "cgroup"  0x1 -> mount
        + attach mount -> target
    "#]],
    );
}

#[test]
fn cgroups_without_a_cgroup_namespace_are_a_bind_of_its_own_directory() {
    check(
        cgroup_mount(json!([])),
        same,
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/sys/fs/cgroup/web1" -> mount
        + open-target "/cg" real-dir -> target
        + set-attr mount +0x1 -0x0 0x0
        + attach mount -> target
    "#]],
    );
}

#[test]
fn cgroups_of_version_1_are_binds_below_a_tmpfs() {
    check(
        cgroup_mount(json!([])),
        hybrid,
        expect![[r#"
          attach-root mount -> "/r"
        + open-target "/cg" real-dir -> target
        + new-fs "tmpfs" "tmpfs" mode=755 0x0 -> mount
        + attach mount -> target
        + clone-tree "/sys/fs/cgroup/cpu,cpuacct/web1" -> mount
        + open-target "/cg/cpu,cpuacct" real-dir -> target
        + set-attr mount +0x1 -0x0 0x0
        + attach mount -> target
        + open-target "/cg" existing -> dev
        + make-symlink dev "cpu" "cpu,cpuacct"
        + open-target "/cg" existing -> dev
        + make-symlink dev "cpuacct" "cpu,cpuacct"
        + clone-tree "/sys/fs/cgroup/systemd/web1" -> mount
        + open-target "/cg/systemd" real-dir -> target
        + set-attr mount +0x1 -0x0 0x0
        + attach mount -> target
        + open-target "/cg" existing -> target
        + set-attr target +0x1 -0x0 0x0
    "#]],
    );
}

#[test]
fn cgroups_of_version_1_in_a_namespace_are_new_mounts_below_a_tmpfs() {
    check(
        cgroup_mount(json!([{"type": "cgroup"}])),
        hybrid,
        expect![[r#"
          session-keyring "_ses.web1"
        + unshare cgroup
          attach-root mount -> "/r"
        + open-target "/cg" real-dir -> target
        + new-fs "tmpfs" "tmpfs" mode=755 0x0 -> mount
        + attach mount -> target
        + open-target "/cg/cpu,cpuacct" dir -> target
        + new-fs "cgroup" "cgroup" cpu=,cpuacct= 0x1 -> mount
        + attach mount -> target
        + open-target "/cg" existing -> dev
        + make-symlink dev "cpu" "cpu,cpuacct"
        + open-target "/cg" existing -> dev
        + make-symlink dev "cpuacct" "cpu,cpuacct"
        + open-target "/cg/systemd" dir -> target
        + new-fs "cgroup" "systemd" none=,name=systemd 0x1 -> mount
        + attach mount -> target
        + open-target "/cg" existing -> target
        + set-attr target +0x1 -0x0 0x0
    "#]],
    );
}

fn user_namespace() -> Value {
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    json!({
        "mounts": [{"destination": "/data", "source": "/srv", "options": ["bind"]}],
        "process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}]},
        "linux": {"namespaces": [{"type": "user"}, {"type": "ipc"}], "uidMappings": map, "gidMappings": map}
    })
}

#[test]
fn a_user_namespace_gets_its_mounts_and_limits_from_outside() {
    check(
        user_namespace(),
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone user,mount,pid into-cgroup
        + map-uid 0 100000 65536
        + map-gid 0 100000 65536
        + bring s3 tree /r rec
        + bring s4 tree /srv
        + bring s5 tree /dev/null
        + bring s6 tree /dev/zero
        + bring s7 tree /dev/full
        + bring s8 tree /dev/random
        + bring s9 tree /dev/urandom
        + bring s10 tree /dev/tty
        + bring s11 gate
        + bring s12 gate report
          session-keyring "_ses.web1"
        + unshare ipc
          propagation "/" 0x84000
        - clone-tree "/r" rec -> mount
        - attach-root mount -> "/r"
        + set-attr s3 +0x0 -0x0 0x80000 rec
        + attach-root s3 -> "/r"
        + move s4 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/data" dir -> target
        + attach mount -> target
          open-target "/dev" dir -> dev
        - make-node dev "null" 20666 1:3 0:0
        - make-node dev "zero" 20666 1:5 0:0
        - make-node dev "full" 20666 1:7 0:0
        - make-node dev "random" 20666 1:8 0:0
        - make-node dev "urandom" 20666 1:9 0:0
        - make-node dev "tty" 20666 5:0 0:0
        + move s5 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/null" file -> target
        + attach mount -> target
        + move s6 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/zero" file -> target
        + attach mount -> target
        + move s7 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/full" file -> target
        + attach mount -> target
        + move s8 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/random" file -> target
        + attach mount -> target
        + move s9 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/urandom" file -> target
        + attach mount -> target
        + move s10 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/tty" file -> target
        + attach mount -> target
          meet 3
        - park s3 s4
        + park s11 s12
    "#]],
    );
}

#[test]
fn a_user_namespace_of_an_unprivileged_caller_has_the_callers_files() {
    check(
        user_namespace(),
        unprivileged,
        expect![[r#"
        - clone mount,pid into-cgroup
        + clone user,mount,pid into-cgroup
        + map-uid 0 100000 65536
        + map-gid 0 100000 65536
          session-keyring "_ses.web1"
        + unshare ipc
        + rlimit 7 5 6
          attach-root mount -> "/r"
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_user_namespace_beside_a_joined_one_is_hopped_into() {
    let mut patch = user_namespace();
    merge(&mut patch, &json!({"linux": {"namespaces": [{"type": "network", "path": "/proc/7/ns/net"}]}}));
    check(
        patch,
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone into-cgroup
        + map-uid 0 100000 65536
        + map-gid 0 100000 65536
        + bring s3 namespace /proc/7/ns/net
        + bring s4 tree /r rec
        + bring s5 tree /srv
        + bring s6 tree /dev/null
        + bring s7 tree /dev/zero
        + bring s8 tree /dev/full
        + bring s9 tree /dev/random
        + bring s10 tree /dev/urandom
        + bring s11 tree /dev/tty
        + bring s12 gate
        + bring s13 gate report
          hide
        + join s3 network
        + hop user,mount,pid
        + become-root without-groups
          session-keyring "_ses.web1"
        + unshare ipc
          propagation "/" 0x84000
        - clone-tree "/r" rec -> mount
        - attach-root mount -> "/r"
        + set-attr s4 +0x0 -0x0 0x80000 rec
        + attach-root s4 -> "/r"
        + move s5 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/data" dir -> target
        + attach mount -> target
          open-target "/dev" dir -> dev
        - make-node dev "null" 20666 1:3 0:0
        - make-node dev "zero" 20666 1:5 0:0
        - make-node dev "full" 20666 1:7 0:0
        - make-node dev "random" 20666 1:8 0:0
        - make-node dev "urandom" 20666 1:9 0:0
        - make-node dev "tty" 20666 5:0 0:0
        + move s6 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/null" file -> target
        + attach mount -> target
        + move s7 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/zero" file -> target
        + attach mount -> target
        + move s8 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/full" file -> target
        + attach mount -> target
        + move s9 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/random" file -> target
        + attach mount -> target
        + move s10 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/urandom" file -> target
        + attach mount -> target
        + move s11 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/tty" file -> target
        + attach mount -> target
          meet 3
        - park s3 s4
        + park s12 s13
    "#]],
    );
}

#[test]
fn a_joined_pid_namespace_is_hopped_into() {
    let joined = json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "pid", "path": "/proc/7/ns/pid"}]}});
    let mut document = base();
    document["linux"]["namespaces"] = json!([]);
    merge(&mut document, &joined);
    let before = text(create(&patched(&json!({})), &host(), &wishes()));
    let after = text(create(&config(&document).unwrap(), &host(), &wishes()));
    expect![[r#"
        - clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone into-cgroup
        + bring s3 namespace /proc/7/ns/pid
        + bring s4 gate
        + bring s5 gate report
          hide
        + join s3 pid
        + hop mount
          meet 3
        - park s3 s4
        + park s4 s5
    "#]]
    .assert_eq(&difference(&before, &after));
}

#[test]
fn a_joined_user_namespace_is_joined_last_by_root_and_first_by_others() {
    let patch =
        || json!({"linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}, {"type": "network", "path": "/proc/7/ns/net"}]}});
    check(
        patch(),
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone into-cgroup
        + bring s3 namespace /proc/7/ns/net
        + bring s4 namespace /proc/7/ns/user
        + bring s5 tree /r rec
        + bring s6 tree /dev/null
        + bring s7 tree /dev/zero
        + bring s8 tree /dev/full
        + bring s9 tree /dev/random
        + bring s10 tree /dev/urandom
        + bring s11 tree /dev/tty
        + bring s12 gate
        + bring s13 gate report
          hide
        + join s3 network
        + join s4 user
        + become-root
        + hop mount,pid
          propagation "/" 0x84000
        - clone-tree "/r" rec -> mount
        - attach-root mount -> "/r"
        + set-attr s5 +0x0 -0x0 0x80000 rec
        + attach-root s5 -> "/r"
          open-target "/dev" dir -> dev
        - make-node dev "null" 20666 1:3 0:0
        - make-node dev "zero" 20666 1:5 0:0
        - make-node dev "full" 20666 1:7 0:0
        - make-node dev "random" 20666 1:8 0:0
        - make-node dev "urandom" 20666 1:9 0:0
        - make-node dev "tty" 20666 5:0 0:0
        + move s6 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/null" file -> target
        + attach mount -> target
        + move s7 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/zero" file -> target
        + attach mount -> target
        + move s8 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/full" file -> target
        + attach mount -> target
        + move s9 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/random" file -> target
        + attach mount -> target
        + move s10 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/urandom" file -> target
        + attach mount -> target
        + move s11 -> mount
        + set-attr mount +0x0 -0x0 0x80000 rec
        + open-target "/dev/tty" file -> target
        + attach mount -> target
          meet 3
        - park s3 s4
        + park s12 s13
    "#]],
    );
    check(
        patch(),
        unprivileged,
        expect![[r#"
        - clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + clone into-cgroup
        + bring s3 namespace /proc/7/ns/user
        + bring s4 namespace /proc/7/ns/net
        + bring s5 gate
        + bring s6 gate report
          hide
        + join s3 user
        + become-root
        + join s4 network
        + hop mount,pid
          meet 3
        - park s3 s4
        + park s5 s6
    "#]],
    );
}

fn time(offsets: Value) -> Value {
    json!({"linux": {"namespaces": [{"type": "time"}], "timeOffsets": offsets}})
}

#[test]
fn clocks_with_offsets_are_hopped_into_once_the_offsets_are_written() {
    check(
        time(json!({"monotonic": {"secs": 7, "nanosecs": 8}, "boottime": {"secs": -9}})),
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        + clone into-cgroup
          death-signal 9
        + unshare time
        + write-file "/proc/self/timens_offsets" "monotonic 7 8\nboottime -9 0\n"
        + hop mount,pid
    "#]],
    );
}

#[test]
fn clocks_without_offsets_come_with_the_clone_or_on_an_old_kernel_with_a_hop() {
    check(
        time(json!({})),
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        + clone mount,pid,time into-cgroup
    "#]],
    );
    check(
        time(json!({})),
        old,
        expect![[r#"
        - clone mount,pid into-cgroup
        + clone into-cgroup
          death-signal 9
        + unshare time
        + hop mount,pid
    "#]],
    );
}

#[test]
fn a_terminal_is_opened_inside_and_only_where_somebody_takes_it() {
    let patch = json!({"process": {"terminal": true, "consoleSize": {"height": 24, "width": 80}}});
    check(patch.clone(), same, expect![[r#""#]]);
    check_wish(
        patch,
        |wishes| wishes.console = true,
        expect![[r#"
          clone mount,pid into-cgroup
        - bring s3 gate
        - bring s4 gate report
        + bring s3 console socket
        + bring s4 gate
        + bring s5 gate report
          pivot
        + console s3 24x80 /dev/console
          meet 3
        - park s3 s4
        + park s4 s5
    "#]],
    );
}

#[test]
fn wishes_change_what_they_are_about() {
    check_wish(
        json!({}),
        |wishes| wishes.no_pivot = true,
        expect![[r#"
          make-symlink dev "stderr" "/proc/self/fd/2"
        - pivot
        + move-root
    "#]],
    );
    check_wish(
        json!({}),
        |wishes| wishes.keep_keyring = true,
        expect![[r#"
          set-sid
        - session-keyring "_ses.web1"
    "#]],
    );
    check_wish(
        json!({}),
        |wishes| wishes.notify = Some("/run/notify".into()),
        expect![[r#"
          attach-root mount -> "/r"
        + clone-tree "/run/notify" -> mount
        + open-target "/run/notify" dir -> target
        + set-attr mount +0x1 -0x0 0x0
        + attach mount -> target
          park s3 s4
        - exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root"]
        + exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root", "NOTIFY_SOCKET=/run/notify/notify.sock"]
    "#]],
    );
    check_wish(
        json!({}),
        |wishes| wishes.listen_fds = 2,
        expect![[r#"
          park s3 s4
        - exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root"]
        + exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root", "LISTEN_FDS=2", "LISTEN_PID=1"]
    "#]],
    );
}

#[test]
fn limits_are_set_before_rights_are_lost() {
    check(
        json!({"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}]}}),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + rlimit 7 5 6
    "#]],
    );
}

#[test]
fn sysctls_are_written_through_a_procfs_of_our_own() {
    check(
        json!({"linux": {"namespaces": [{"type": "network"}], "sysctl": {"net.ipv4.ip_forward": "1"}}}),
        same,
        expect![[r#"
        - clone mount,pid into-cgroup
        + clone mount,pid,network into-cgroup
          session-keyring "_ses.web1"
        + loopback-up
        + open-proc -> proc
          pivot
        + write-proc "sys/net/ipv4/ip_forward" "1"
    "#]],
    );
}

#[test]
fn masked_and_read_only_paths_follow_the_switch() {
    check(
        json!({"linux": {"maskedPaths": ["/proc/keys"], "readonlyPaths": ["/proc/sys"], "mountLabel": "l"}}),
        same,
        expect![[r#"
          pivot
        + read-only-path "/proc/sys"
        + open-null -> null
        + mask-path "/proc/keys"
    "#]],
    );
}

#[test]
fn capabilities_are_what_is_asked_and_can_be_given() {
    let all = json!(["CAP_CHOWN", "CAP_SYS_ADMIN"]);
    let sets = json!({"bounding": all, "effective": all, "permitted": all, "inheritable": ["CAP_CHOWN"], "ambient": all});
    check(
        json!({"process": {"capabilities": sets}}),
        same,
        expect![[r#"
          pivot
        - bounding-set 0x0
        + bounding-set 0x200001
          verify-cwd
        - capabilities 0x0 0x0 0x0
        - ambient 0x0
        + capabilities 0x200001 0x200001 0x1
        + ambient 0x1
    "#]],
    );
    let without_admin = |host: &mut Host| host.capabilities = 1;
    check(
        json!({"process": {"capabilities": sets}}),
        without_admin,
        expect![[r#"
          pivot
        - bounding-set 0x0
        + bounding-set 0x1
          verify-cwd
        - capabilities 0x0 0x0 0x0
        - ambient 0x0
        + capabilities 0x1 0x1 0x1
        + ambient 0x1
    "#]],
    );
}

#[test]
fn a_user_is_entered_group_by_group() {
    let user = json!({"uid": 7, "gid": 8, "umask": 63, "additionalGids": [9, 10]});
    check(
        json!({"process": {"user": user, "cwd": "/work"}}),
        same,
        expect![[r#"
          pivot
        + make-cwd "/work"
          bounding-set 0x0
        - umask 0022
        - change-directory "/" may-fail
        - own-stdio 0
        - groups 0 groups
        - ids 0:0
        - change-directory "/"
        + umask 0077
        + change-directory "/work" may-fail
        + own-stdio 7
        + groups 2 groups
        + ids 7:8
        + change-directory "/work"
    "#]],
    );
}

fn filter(no_new_privileges: bool, action: &str) -> Value {
    let rule = json!({"names": ["getcwd"], "action": action});
    let seccomp = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule], "listenerPath": "/run/agent.sock"});
    json!({"process": {"noNewPrivileges": no_new_privileges}, "linux": {"seccomp": seccomp}})
}

#[test]
fn a_filter_is_loaded_late_where_nothing_forbids_it() {
    check(
        filter(true, "SCMP_ACT_ERRNO"),
        same,
        expect![[r#"
          pivot
        + no-new-privs
          park s3 s4
        + seccomp 10 instructions 0x4
    "#]],
    );
}

#[test]
fn a_filter_without_no_new_privileges_is_loaded_while_there_is_the_right() {
    check(
        filter(false, "SCMP_ACT_ERRNO"),
        same,
        expect![[r#"
          pivot
        + seccomp 10 instructions 0x4
    "#]],
    );
}

#[test]
fn a_filter_with_a_listener_is_loaded_before_the_gate() {
    check(
        filter(true, "SCMP_ACT_NOTIFY"),
        same,
        expect![[r#"
          pivot
        + no-new-privs
          find-program /bin/sh:/usr/bin/sh
        + meet 2
        + seccomp 10 instructions 0xc listener
    "#]],
    );
}

#[test]
fn what_the_scheduler_is_told_and_the_memory_comes_first() {
    let patch = json!({
        "process": {
            "scheduler": {"policy": "SCHED_BATCH", "nice": 3}, "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
            "execCPUAffinity": {"final": "1"}, "oomScoreAdj": 100
        },
        "linux": {"personality": {"domain": "LINUX32"}, "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"}}
    });
    check(
        patch,
        same,
        expect![[r#"
          death-signal 9
        + write-file "/proc/self/oom_score_adj" "100"
          pivot
        + personality 0x8
        + memory-policy 0x2 8 bytes
        + scheduler 48 bytes
        + io-priority 0x4004
    "#]],
    );
}

#[test]
fn labels_are_written_for_the_next_exec() {
    check(
        json!({"process": {"apparmorProfile": "p"}}),
        |host| host.apparmor = true,
        expect![[r#"
          session-keyring "_ses.web1"
        + open-proc -> proc
          pivot
        + write-proc "self/attr/apparmor/exec" "exec p"
    "#]],
    );
    check(
        json!({"process": {"selinuxLabel": "l"}, "linux": {"mountLabel": "m"}, "mounts": [{"destination": "/t", "type": "tmpfs"}]}),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + open-proc -> proc
          attach-root mount -> "/r"
        + open-target "/t" dir -> target
        + new-fs "tmpfs" "tmpfs" context=m 0x0 mode-of-target -> mount
        + attach mount -> target
          pivot
        + write-proc "self/attr/exec" "l"
    "#]],
    );
}

#[test]
fn devices_are_made_or_bound_where_none_can_be_made() {
    let device = json!({"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 438, "uid": 1, "gid": 2});
    check(
        json!({"linux": {"devices": [device]}}),
        same,
        expect![[r#"
          make-node dev "tty" 20666 5:0 0:0
        + open-target "/dev/net" dir -> target
        + make-node target "tun" 20666 10:200 1:2
    "#]],
    );
    check(
        json!({"linux": {"devices": [device]}}),
        |host| host.in_user_namespace = true,
        expect![[r#"
          attach mount -> target
        + clone-tree "/dev/net/tun" -> mount
        + open-target "/dev/net/tun" file -> target
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_shared_root_is_cut_off_from_its_parent() {
    check(
        json!({"linux": {"rootfsPropagation": "shared"}}),
        |host| host.rootfs_parent = Some("/srv".into()),
        expect![[r#"
          session-keyring "_ses.web1"
        - propagation "/" 0x84000
        + propagation "/" 0x100000
        + propagation "/srv" 0x40000
          make-symlink dev "stderr" "/proc/self/fd/2"
        - pivot
        + pivot slave
        + propagation "/" 0x100000
    "#]],
    );
}

#[test]
fn without_a_mount_namespace_there_is_only_a_directory() {
    let mut document = base();
    document["linux"]["namespaces"] = json!([]);
    let plan = text(create(&config(&document).unwrap(), &host(), &wishes()));
    expect![[r#"
        - clone mount,pid into-cgroup
        + clone into-cgroup
          session-keyring "_ses.web1"
        - propagation "/" 0x84000
        - clone-tree "/r" rec -> mount
        - attach-root mount -> "/r"
        - open-target "/dev" dir -> dev
        - make-node dev "null" 20666 1:3 0:0
        - make-node dev "zero" 20666 1:5 0:0
        - make-node dev "full" 20666 1:7 0:0
        - make-node dev "random" 20666 1:8 0:0
        - make-node dev "urandom" 20666 1:9 0:0
        - make-node dev "tty" 20666 5:0 0:0
        - replace-by-symlink dev "ptmx" "pts/ptmx"
        - make-symlink dev "fd" "/proc/self/fd"
        - make-symlink dev "stdin" "/proc/self/fd/0"
        - make-symlink dev "stdout" "/proc/self/fd/1"
        - make-symlink dev "stderr" "/proc/self/fd/2"
        - pivot
        + open-path "/r" -> root
        + chroot
    "#]]
    .assert_eq(&difference(&text(create(&patched(&json!({})), &host(), &wishes())), &plan));
}

#[test]
fn hooks_are_met_before_the_switch() {
    check(
        json!({"hooks": {"createRuntime": [{"path": "/h"}]}}),
        same,
        expect![[r#"
          make-symlink dev "stderr" "/proc/self/fd/2"
        + meet 1
    "#]],
    );
}

#[test]
fn another_process_joins_all_at_once_and_hops() {
    check_exec(
        json!({"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}]}}),
        same,
        expect![[r#"
        clone into-cgroup
        bring s3 pidfd
        death-signal 9
        hide
        join s3 mount,pid
        hop
        set-sid
        session-keyring "_ses.web1"
        open-path "/" -> root
        rlimit 7 5 6
        bounding-set 0x0
        umask 0022
        change-directory "/" may-fail
        own-stdio 0
        groups 0 groups
        ids 0:0
        change-directory "/"
        verify-cwd
        capabilities 0x0 0x0 0x0
        ambient 0x0
        find-program /bin/sh:/usr/bin/sh
        death-signal 0
        exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root"]
    "#]],
    );
}

#[test]
fn another_process_in_a_user_namespace_becomes_its_root() {
    check_exec(
        user_namespace(),
        hybrid,
        expect![[r#"
        clone
        bring s3 cgroup.procs 0
        bring s4 cgroup.procs 1
        bring s5 cgroup.procs 2
        bring s6 pidfd
        death-signal 9
        attach-cgroup s3
        attach-cgroup s4
        attach-cgroup s5
        hide
        rlimit 7 5 6
        join s6 user,mount,pid,ipc
        become-root without-groups
        hop
        set-sid
        session-keyring "_ses.web1"
        open-path "/" -> root
        bounding-set 0x0
        umask 0022
        change-directory "/" may-fail
        own-stdio 0
        groups 0 groups
        ids 0:0
        change-directory "/"
        verify-cwd
        capabilities 0x0 0x0 0x0
        ambient 0x0
        find-program /bin/sh:/usr/bin/sh
        death-signal 0
        exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root"]
    "#]],
    );
}

#[test]
fn another_process_without_private_namespaces_enters_a_root() {
    check_exec(
        json!({"linux": {"namespaces": null}, "process": {"apparmorProfile": "p", "execCPUAffinity": {"final": "0-2"}}}),
        same,
        expect![[r#"
        clone into-cgroup
        bring s3 root of init
        death-signal 9
        hide
        open-proc -> proc
        enter-root s3
        set-sid
        session-keyring "_ses.web1"
        open-path "/" -> root
        write-proc "self/attr/exec" "exec p"
        affinity 8 bytes
        bounding-set 0x0
        umask 0022
        change-directory "/" may-fail
        own-stdio 0
        groups 0 groups
        ids 0:0
        change-directory "/"
        verify-cwd
        capabilities 0x0 0x0 0x0
        ambient 0x0
        find-program /bin/sh:/usr/bin/sh
        death-signal 0
        exec ["sh"] ["PATH=/bin:/usr/bin", "HOME=/root"]
    "#]],
    );
}
