//! Plans as text: no privilege, no kernel, any host.

#![allow(clippy::unwrap_used)]

mod exec;
#[cfg(feature = "checkpoint")]
mod mount_points;
mod mounts;
mod namespaces;
mod new_fs;
mod program;

use super::plan::Plan;
use super::walk::walk;
use super::{Inside, Wishes, create};
use crate::config::{self, Config};
use crate::error::Result;
use crate::host::{Cgroups, Groups, Hierarchy, Host};
use crate::spec;
use expect_test::{Expect, expect, expect_file};
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
        gid: 0,
        groups: Groups::Allowed,
        open_files: 4096,
        whole: Vec::new(),
        in_user_namespace: false,
        files: Vec::new(),
        kcore: false,
        apparmor: false,
        seccomp_flags: u32::MAX,
        selinux: false,
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

/// Little enough that a feature's lines stand out: with a `/dev` of the host's, no nodes are made.
fn base() -> Value {
    let mut base = bare();
    base["mounts"] = json!([{"destination": "/dev", "source": "/dev", "options": ["rbind"]}]);
    base
}

/// The smallest config, with the nodes every container has.
fn bare() -> Value {
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
    merged(base(), patch)
}

fn merged(mut document: Value, patch: &Value) -> Config {
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

/// As it is read; whatever is compared is also a plan that can be walked.
#[track_caller]
fn text(result: Result<Plan>) -> String {
    match result {
        Ok(plan) => {
            walk(&plan).unwrap();
            plan.to_string()
        }
        Err(error) => format!("{error}\n"),
    }
}

/// What a property changes in the plan of the base, on the same host.
#[track_caller]
fn check(patch: Value, change: impl FnOnce(&mut Host), expected: Expect) {
    check_on(base(), &patch, &changed_host(change), &expected);
}

/// The same, where nodes are made.
#[track_caller]
fn check_nodes(patch: Value, change: impl FnOnce(&mut Host), expected: Expect) {
    check_on(bare(), &patch, &changed_host(change), &expected);
}

#[track_caller]
fn check_on(base: Value, patch: &Value, host: &Host, expected: &Expect) {
    // The base has namespaces but no user namespace: the unprivileged cannot have it.
    let able = Host { capabilities: host.capabilities | 1 << 21, ..host.clone() };
    let before = text(create(&config(&base).unwrap(), &able, &wishes()));
    match create(&merged(base, patch), host, &wishes()) {
        Ok(plan) => expected.assert_eq(&difference(&before, &text(Ok(plan)))),
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
    expected.assert_eq(&exec_text(&patch, change));
}

fn exec_text(patch: &Value, change: impl FnOnce(&mut Host)) -> String {
    let (config, host) = (patched(patch), changed_host(change));
    let inside = Inside { config: &config, has_user_namespace: config.namespaces.user.is_private() };
    text(super::exec(&inside, config.process.as_ref().unwrap(), &host, &wishes()))
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
fn the_default_config_on_version_2() {
    let mut document: Value = serde_json::from_str(&spec::default(spec::Cgroups::V2)).unwrap();
    document["process"]["terminal"] = json!(false);
    expect_file!["default.plan"].assert_eq(&text(create(&config(&document).unwrap(), &host(), &wishes())));
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
          open-target "/sys/fs/cgroup" real-dir -> target
        - new-fs "cgroup2" "cgroup"  0xf -> mount
        + new-fs "tmpfs" "tmpfs" mode=755 0xe -> mount
          attach mount -> target
        + clone-tree "/sys/fs/cgroup/cpu,cpuacct/web1" -> mount
        + open-target "/sys/fs/cgroup/cpu,cpuacct" real-dir -> target
        + set-attr mount +0xf -0x70 0x0
        + attach mount -> target
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
          hide
        + open-proc -> proc
          reopen-null
        - set-attr root +0x1 -0x0 0x0
        + remount-bind root +0x1 -0x0
    "#]]
    .assert_eq(&difference(&plan(same), &plan(old)));
}
