//! File systems whose options `fsconfig(2)` cannot be told as they are written.

use super::super::new_fs::is_told_whole;
use super::{Host, Value, Wishes, changed_host, check, create, expect, host, hybrid, json, old, patched, same, text, wishes};

fn overlay(data: &str) -> Value {
    json!({"mounts": [{"destination": "/data", "type": "overlay", "source": "overlay", "options": ["nosuid", data, "rprivate"]}]})
}

fn is_whole(fstype: &str, option: &str) -> bool {
    let mount = json!({"destination": "/data", "type": fstype, "source": "none", "options": [option]});
    is_told_whole(patched(&json!({"mounts": [mount]})).mounts.last().unwrap())
}

/// mount(2): `MS_NOSUID` is 2.
#[test]
fn an_option_too_long_for_fsconfig_is_told_by_mount() {
    let layer = |length: usize| format!("lowerdir=/{}", "l".repeat(length - "lowerdir=/".len()));
    assert!(!is_whole("overlay", &layer(255)) && is_whole("overlay", &layer(256)) && is_whole("overlay", &layer(4095)));
    assert!(is_whole("overlay", "lowerdir=/a\\,b") && is_whole("nfs4", "context=\"a,b\"") && !is_whole("tmpfs", "mpol=\"x\""));
    check(
        overlay("lowerdir=/a\\:b:/c"),
        same,
        expect![[r#"
              hide
            + open-proc -> proc
              attach mount -> target
            + open-target "/data" dir -> target
            + mount "overlay" "overlay" 0x2 "lowerdir=/a\\:b:/c" -> target
            + open-target "/data" existing -> target
            + set-attr target +0x0 -0x0 0x40000 rec
        "#]],
    );
    check(
        overlay("lowerdir=/a\\:b:/c"),
        old,
        expect![[r#"
          attach mount -> target
        + open-target "/data" dir -> target
        + mount "overlay" "overlay" 0x2 "lowerdir=/a\\:b:/c" -> target
        + open-target "/data" existing -> target
        + mount "" "" 0x44000 "" -> target
    "#]],
    );
}

/// With a page's worth of them, each is an option of its own.
#[test]
fn layers_beyond_a_page_are_told_one_by_one() {
    let layers: Vec<_> = (0..100).map(|number| format!("/layers/{number:0>60}")).collect();
    let plan = text(create(&patched(&overlay(&format!("lowerdir={}::/data-only", layers.join(":")))), &host(), &wishes()));
    let step = plan.lines().find(|line| line.contains("new-fs \"overlay\"")).unwrap();
    for layer in layers {
        assert!(step.contains(&format!("lowerdir+={layer}")), "{layer} in {step}");
    }
    assert!(step.contains("datadir+=/data-only") && !step.contains("lowerdir="), "{step}");
}

/// As with other runtimes: all but those whose superblock was there before. The directory of an ipc namespace's queues may be labelled as a
/// file.
#[test]
fn file_systems_get_the_label_of_mounts() {
    let mount = |fstype: &str| json!({"destination": format!("/{fstype}"), "type": fstype, "source": fstype, "options": ["rw"]});
    let types = ["proc", "tmpfs", "devpts", "ramfs", "sysfs", "cgroup", "mqueue"].map(mount);
    let long = format!("lowerdir={}", "/l".repeat(200));
    let change = json!({"linux": {"mountLabel": "m"}, "mounts": types});
    let labelled = |host: &mut Host| {
        hybrid(host);
        host.selinux = true;
    };
    check(
        change,
        labelled,
        expect![[r#"
          hide
        + open-proc -> proc
          attach mount -> target
        + open-target "/proc" real-dir -> target
        + new-fs "proc" "proc"  0x0 -> mount
        + attach mount -> target
        + open-target "/tmpfs" dir -> target
        + new-fs "tmpfs" "tmpfs" context=m 0x0 mode-of-target -> mount
        + attach mount -> target
        + open-target "/devpts" dir -> target
        + new-fs "devpts" "devpts" context=m 0x0 -> mount
        + attach mount -> target
        + open-target "/ramfs" dir -> target
        + new-fs "ramfs" "ramfs" context=m 0x0 -> mount
        + attach mount -> target
        + open-target "/sysfs" real-dir -> target
        + new-fs "sysfs" "sysfs"  0x0 -> mount
        + attach mount -> target
        + open-target "/cgroup" real-dir -> target
        + new-fs "tmpfs" "tmpfs" context=m,mode=755 0x0 -> mount
        + attach mount -> target
        + clone-tree "/sys/fs/cgroup/cpu,cpuacct/web1" -> mount
        + open-target "/cgroup/cpu,cpuacct" real-dir -> target
        + set-attr mount +0x0 -0x1 0x0
        + attach mount -> target
        + open-target "/cgroup" existing -> dev
        + make-symlink dev "cpu" "cpu,cpuacct"
        + open-target "/cgroup" existing -> dev
        + make-symlink dev "cpuacct" "cpu,cpuacct"
        + clone-tree "/sys/fs/cgroup/systemd/web1" -> mount
        + open-target "/cgroup/systemd" real-dir -> target
        + set-attr mount +0x0 -0x1 0x0
        + attach mount -> target
        + open-target "/mqueue" dir -> target
        + new-fs "mqueue" "mqueue"  0x0 -> mount
        + label mount "m"
        + attach mount -> target
    "#]],
    );
    let mut change = overlay(&long);
    change["linux"] = json!({"mountLabel": "m:c1,c2"});
    let whole = text(create(&patched(&change), &changed_host(labelled), &wishes()));
    assert!(whole.contains("context=\\\"m:c1,c2\\\""), "{whole}");
}

#[test]
fn a_session_keyring_has_the_programs_label() {
    let plan = |keep_keyring| {
        let host = changed_host(|host| host.selinux = true);
        text(create(&patched(&json!({"process": {"selinuxLabel": "l"}})), &host, &Wishes { keep_keyring, ..wishes() }))
    };
    assert!(!plan(true).contains("keycreate") && plan(false).contains("keycreate"));
}

/// mount(2): `MS_NOSYMFOLLOW` is 0x100.
#[test]
fn symbolic_links_are_not_followed_on_an_old_kernel_either() {
    check(
        json!({"mounts": [{"destination": "/t", "type": "tmpfs", "options": ["nosymfollow", "noexec"]}]}),
        old,
        expect![[r#"
              attach mount -> target
            + open-target "/t" dir -> target
            + new-fs "tmpfs" "tmpfs"  0x8 mode-of-target -> mount
            + attach mount -> target keep
            + remount-bind mount +0x100 -0x0
        "#]],
    );
}
