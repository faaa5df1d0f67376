//! Mounts, devices, propagation.

use super::super::plan::{Ids, Source};
use super::{
    Host, Value, Wishes, changed_host, check, check_nodes, create, difference, expect, host, hybrid, json, old, patched, same, text, wishes,
};

#[test]
fn a_read_only_bind_is_cloned_sealed_and_attached() {
    check(
        json!({"mounts": [{"destination": "/data", "source": "/srv", "type": "bind", "options": ["rbind", "ro"]}]}),
        same,
        expect![[r#"
              attach mount -> target
            + clone-tree "/srv" rec -> mount
            + open-target "/data" dir -> target
            + set-attr mount +0x1 -0x20000e 0x0
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
              attach mount -> target
            + clone-tree "/srv" rec -> mount
            + open-target "/data" dir -> target
            + attach mount -> target keep
            + remount-bind mount +0x1 -0x10e
        "#]],
    );
}

/// mount(2): `MS_RELATIME` is 0x200000, `MS_NOATIME` 0x400, `MS_SLAVE` 0x80000, `MS_REC` 0x4000, `MS_STRICTATIME`
/// 0x1000000. Of the access times one mode is set, and the others are taken away.
#[test]
fn access_times_and_propagation_on_an_old_kernel_have_the_flags_of_mount() {
    let bind = |options: Value| json!({"mounts": [{"destination": "/data", "source": "/srv", "options": options}]});
    check(
        bind(json!(["bind", "ro", "nosuid", "nodev", "noexec", "noatime", "rslave"])),
        old,
        expect![[r#"
              attach mount -> target
            + clone-tree "/srv" -> mount
            + open-target "/data" dir -> target
            + attach mount -> target keep
            + remount-bind mount +0x40f -0x1200d00
            + mount "" "" 0x84000 "" -> mount
        "#]],
    );
    check(
        bind(json!(["bind", "ro", "nosuid", "nodev", "noexec", "relatime", "slave"])),
        old,
        expect![[r#"
              attach mount -> target
            + clone-tree "/srv" -> mount
            + open-target "/data" dir -> target
            + attach mount -> target keep
            + remount-bind mount +0x20000f -0x1200d00
            + mount "" "" 0x80000 "" -> mount
        "#]],
    );
}

/// What was copied in the host's mount namespace must not go on telling it: on an old kernel the root is attached before it can be told.
#[test]
fn a_root_that_is_brought_stops_telling_the_host() {
    let told = |change: fn(&mut Host)| {
        let plan = text(create(&patched(&super::user_namespace()), &changed_host(change), &wishes()));
        let from = plan.lines().position(|line| line.contains("attach-root")).unwrap();
        plan.lines().skip(from - 1).take(3).map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    assert!(told(same).starts_with("set-attr s3 +0x0 -0x0 0x80000 rec; attach-root s3 -> \"/r\""), "{}", told(same));
    assert!(told(old).ends_with("attach-root s3 -> \"/r\"; mount \"\" \"\" 0x84000 \"\" -> root"), "{}", told(old));
}

#[test]
fn a_bind_of_a_file_has_a_file_to_be_mounted_on() {
    let is_file = |host: &mut Host| host.files.push("/srv/file".into());
    check(
        json!({"mounts": [{"destination": "/file", "source": "/srv/file", "options": ["bind"]}]}),
        is_file,
        expect![[r#"
          attach mount -> target
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
              attach mount -> target
            + clone-tree "/srv" rec -> mount
            + open-target "/data" dir -> target
            + set-attr mount +0x10 -0x2000ff 0x0
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
          attach mount -> target
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
          attach mount -> target
        + open-target "/t" dir -> target
        + new-fs "tmpfs" "tmpfs" size=1m,mode=1777 0x2 -> mount
        + attach mount -> target
    "#]],
    );
    check(
        options(&[]),
        same,
        expect![[r#"
          attach mount -> target
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
          attach mount -> target
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
    check_nodes(
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
            + bring s3 tree /srv idmap
            + bring s4 gate
            + bring s5 gate report
              attach mount -> target
            + move s3 -> mount
            + open-target "/data" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
            + attach mount -> target
              meet 3
            - park s3 s4
            + park s4 s5
        "#]],
    );
}

/// What another mount has brought is only in the container's mount namespace, and the right to map its ids only outside.
#[test]
fn an_id_mapped_mount_of_another_mounts_place_is_lent_to_be_mapped() {
    let map = json!([{"containerID": 0, "hostID": 5000, "size": 10}]);
    let id_mapped = |source: &str, options: Value| {
        let mount = json!({"destination": "/data", "source": source, "options": options, "uidMappings": map, "gidMappings": map});
        let text = text(create(
            &patched(&json!({"mounts": [{"destination": "/mnt/a", "source": "/srv", "options": ["bind"]}, mount]})),
            &host(),
            &wishes(),
        ));
        let lines = text.lines().filter(|line| line.contains("idmap") || line.contains("/r/mnt"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let lent = |source: &str, rec: &str| format!("clone-tree {source:?}{rec} -> mount\nlend-mount mount idmap");
    assert_eq!(id_mapped("/r/mnt/a", json!(["bind", "idmap"])), lent("/r/mnt/a", ""));
    assert_eq!(id_mapped("/r/mnt/a/b", json!(["bind", "idmap"])), lent("/r/mnt/a/b", ""));
    assert_eq!(id_mapped("/r/mnt", json!(["rbind", "idmap"])), lent("/r/mnt", " rec"));
    assert_eq!(id_mapped("/r/mnt", json!(["bind", "idmap"])), "bring s3 tree /r/mnt idmap");
    assert_eq!(id_mapped("/r/mnt/ab", json!(["bind", "idmap"])), "bring s3 tree /r/mnt/ab idmap");
}

#[test]
fn a_remount_makes_nothing() {
    check(
        json!({"mounts": [{"destination": "/data", "options": ["remount", "bind", "ro"]}]}),
        same,
        expect![[r#"
          attach mount -> target
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
          attach mount -> target
        + open-target "/cg" real-dir -> target
        + new-fs "cgroup2" "cgroup"  0x1 -> mount
        + attach mount -> target
    "#]],
    );
}

#[test]
fn cgroups_without_a_cgroup_namespace_are_the_hosts() {
    check(
        cgroup_mount(json!([])),
        same,
        expect![[r#"
          attach mount -> target
        + open-target "/cg" real-dir -> target
        + new-fs "cgroup2" "cgroup"  0x1 -> mount
        + attach mount -> target
    "#]],
    );
}

/// The root of a user namespace may not mount the host's.
#[test]
fn cgroups_without_a_cgroup_namespace_are_a_users_own_alone() {
    let guest = |host: &mut Host| host.in_user_namespace = true;
    let own = text(create(&patched(&cgroup_mount(json!([]))), &changed_host(guest), &wishes()));
    assert!(own.contains("clone-tree \"/sys/fs/cgroup/web1\"") && !own.contains("cgroup2"), "{own}");
}

#[test]
fn cgroups_of_version_1_are_binds_below_a_tmpfs() {
    check(
        cgroup_mount(json!([])),
        hybrid,
        expect![[r#"
          attach mount -> target
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
          attach mount -> target
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

#[test]
fn devices_are_made_or_bound_where_none_can_be_made() {
    let device = json!({"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 438, "uid": 1, "gid": 2});
    check_nodes(
        json!({"linux": {"devices": [device]}}),
        same,
        expect![[r#"
          make-node dev "tty" 20666 5:0 0:0
        + open-target "/dev/net" dir -> target
        + make-node target "tun" 20666 10:200 1:2
    "#]],
    );
    check_nodes(
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
        + propagation "/" 0x104000
        + propagation "/srv" 0x40000
          attach mount -> target
        - pivot
        + pivot slave
        + propagation "/" 0x100000
    "#]],
    );
}

#[test]
fn an_id_mapped_mount_without_mappings_has_those_of_the_joined_user_namespace() {
    let patch = json!({
        "mounts": [{"destination": "/data", "source": "/srv", "options": ["bind", "idmap"]}],
        "linux": {"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}]}
    });
    let plan = create(&patched(&patch), &host(), &wishes()).unwrap();
    let of = plan.sources.iter().find_map(|source| match source {
        Source::Tree { id_map: Some(map), .. } => Some(map.ids.clone()),
        _ => None,
    });
    assert_eq!(of, Some(Ids::Of("/proc/7/ns/user".into())));
}

#[test]
fn what_is_below_the_root_is_bound_as_the_container_has_it() {
    let mount = json!({"destination": "/r/data", "source": "/r/srv", "options": ["bind"]});
    check(
        json!({"mounts": [mount], "linux": {"namespaces": [{"type": "user"}],
            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}}),
        same,
        expect![[r#"
            - clone mount,pid into-cgroup
            - bring s3 gate
            - bring s4 gate report
            + clone user,mount,pid into-cgroup
            + map-uid 0 1 1
            + map-gid 0 1 1
            + bring s3 tree /r rec
            + bring s4 tree /dev rec
            + bring s5 gate
            + bring s6 gate report
              propagation "/" 0x84000
            - clone-tree "/r" rec -> mount
            - attach-root mount -> "/r"
            - clone-tree "/dev" rec -> mount
            + set-attr s3 +0x0 -0x0 0x80000 rec
            + attach-root s3 -> "/r"
            + move s4 -> mount
              open-target "/dev" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
              attach mount -> target
            + clone-tree "/r/srv" -> mount
            + open-target "/data" dir -> target
            + attach mount -> target
              meet 3
            - park s3 s4
            + park s5 s6
        "#]],
    );
}

#[test]
fn a_bind_mount_with_flags_has_no_others() {
    let mount = |options: &[&str]| json!({"mounts": [{"destination": "/data", "source": "/srv", "options": options}]});
    check(
        mount(&["bind"]),
        same,
        expect![[r#"
          attach mount -> target
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + attach mount -> target
    "#]],
    );
    check(
        mount(&["bind", "ro"]),
        same,
        expect![[r#"
          attach mount -> target
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x1 -0x20000e 0x0
        + attach mount -> target
    "#]],
    );
    check(
        mount(&["bind", "nodiratime"]),
        same,
        expect![[r#"
          attach mount -> target
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x80 -0x20007f 0x0
        + attach mount -> target
    "#]],
    );
    check(
        mount(&["bind", "dev"]),
        |host| host.in_user_namespace = true,
        expect![[r#"
          attach mount -> target
        + clone-tree "/srv" -> mount
        + open-target "/data" dir -> target
        + set-attr mount +0x0 -0x200004 0x0
        + attach mount -> target
    "#]],
    );
}

#[test]
fn a_master_of_terminals_is_never_a_node() {
    check_nodes(json!({"linux": {"devices": [{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}]}}), same, expect![[""]]);
}

#[test]
fn a_root_that_is_only_moved_leaves_no_whole_procfs_behind() {
    let whole = |host: &mut Host| host.whole = vec!["/a/proc".into(), "/sys".into()];
    let plan = |change: fn(&mut Host)| {
        let mut host = changed_host(whole);
        change(&mut host);
        let wishes = |no_pivot| Wishes { no_pivot, ..wishes() };
        let plan = |no_pivot| text(create(&patched(&json!({})), &host, &wishes(no_pivot)));
        difference(&plan(false), &plan(true))
    };
    expect![[r#"
          attach mount -> target
        - pivot
        + propagation "/a/proc" 0x84000
        + unmount "/a/proc"
        + propagation "/sys" 0x84000
        + unmount "/sys"
        + move-root
    "#]]
    .assert_eq(&plan(same));
    expect![[r#"
          attach mount -> target
        - pivot
        + open-path "/a/proc" -> target
        + new-fs "tmpfs" "tmpfs"  0x1 -> mount
        + attach mount -> target
        + open-path "/sys" -> target
        + new-fs "tmpfs" "tmpfs"  0x1 -> mount
        + attach mount -> target
        + move-root
    "#]]
    .assert_eq(&plan(|host| host.in_user_namespace = true));
}
