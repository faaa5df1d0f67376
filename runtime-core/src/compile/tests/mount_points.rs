//! What a restored container's mounts are put on.

use super::{changed_host, merged, text};
use crate::compile::mount_points;
use crate::host::Host;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

#[track_caller]
fn check(mounts: Value, change: impl FnOnce(&mut Host), expected: Expect) {
    let document =
        json!({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}});
    let config = merged(document, &json!({"mounts": mounts}));
    expected.assert_eq(&text(mount_points(&config, &changed_host(change))));
}

#[test]
fn a_file_system_needs_a_directory_and_a_bind_mount_is_made_for_what_is_below_it() {
    let mounts = json!([
        {"destination": "/proc", "type": "proc"},
        {"destination": "/data", "source": "/srv", "options": ["rbind", "ro"]},
        {"destination": "/data/file", "source": "/etc/hosts", "options": ["bind"]}
    ]);
    check(
        mounts,
        |host| host.files.push("/etc/hosts".into()),
        expect![[r#"
        clone mount
        death-signal 9
        propagation "/" 0x84000
        clone-tree "/bundle/rootfs" rec -> mount
        attach-root mount -> "/bundle/rootfs"
        open-target "/proc" dir -> target
        clone-tree "/srv" rec -> mount
        open-target "/data" dir -> target
        attach mount -> target
        clone-tree "/etc/hosts" -> mount
        open-target "/data/file" file -> target
        attach mount -> target
        meet 3
    "#]],
    );
}

#[test]
fn what_is_inside_a_new_file_system_comes_back_with_it() {
    let mounts = json!([
        {"destination": "/dev", "type": "tmpfs"},
        {"destination": "/dev/pts", "type": "devpts"},
        {"destination": "/dev/log", "source": "/run/log", "options": ["bind"]},
        {"destination": "/sys", "type": "sysfs"},
        {"destination": "/sys/fs/cgroup", "type": "cgroup"},
        {"destination": "/devices", "source": "/srv", "options": ["bind"]},
        {"destination": "/devices", "options": ["bind", "remount", "ro"]}
    ]);
    check(
        mounts,
        |_| (),
        expect![[r#"
        clone mount
        death-signal 9
        propagation "/" 0x84000
        clone-tree "/bundle/rootfs" rec -> mount
        attach-root mount -> "/bundle/rootfs"
        open-target "/dev" dir -> target
        open-target "/sys" dir -> target
        clone-tree "/srv" -> mount
        open-target "/devices" dir -> target
        attach mount -> target
        meet 3
    "#]],
    );
}
