//! The way into new namespaces and others'.

use super::*;

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
            + bring s4 tree /dev rec
            + bring s5 tree /srv
            + bring s6 gate
            + bring s7 gate report
              session-keyring "_ses.web1"
            + unshare ipc
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
            + move s5 -> mount
            + open-target "/data" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
            + attach mount -> target
              find-program /bin/sh:/usr/bin/sh
            + rlimit 7 5 6
              meet 3
            - park s3 s4
            + park s6 s7
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
              attach mount -> target
            + clone-tree "/srv" -> mount
            + open-target "/data" dir -> target
            + attach mount -> target
              find-program /bin/sh:/usr/bin/sh
            + rlimit 7 5 6
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
            + bring s5 tree /dev rec
            + bring s6 tree /srv
            + bring s7 gate
            + bring s8 gate report
              hide
            + join s3 network
            + hop user,mount,pid
            + become-root without-groups
              session-keyring "_ses.web1"
            + unshare ipc
              propagation "/" 0x84000
            - clone-tree "/r" rec -> mount
            - attach-root mount -> "/r"
            - clone-tree "/dev" rec -> mount
            + set-attr s4 +0x0 -0x0 0x80000 rec
            + attach-root s4 -> "/r"
            + move s5 -> mount
              open-target "/dev" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
              attach mount -> target
            + move s6 -> mount
            + open-target "/data" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
            + attach mount -> target
              find-program /bin/sh:/usr/bin/sh
            + rlimit 7 5 6
              meet 3
            - park s3 s4
            + park s7 s8
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
            + bring s6 tree /dev rec
            + bring s7 gate
            + bring s8 gate report
              hide
            + join s3 network
            + join s4 user
            + become-root
            + hop mount,pid
              propagation "/" 0x84000
            - clone-tree "/r" rec -> mount
            - attach-root mount -> "/r"
            - clone-tree "/dev" rec -> mount
            + set-attr s5 +0x0 -0x0 0x80000 rec
            + attach-root s5 -> "/r"
            + move s6 -> mount
              open-target "/dev" dir -> target
            + set-attr mount +0x0 -0x0 0x80000 rec
              meet 3
            - park s3 s4
            + park s7 s8
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
              own-stdio 0
            - groups 0 groups
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
fn without_a_mount_namespace_there_is_only_a_directory() {
    let mut document = bare();
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
        - reopen-null
        + open-path "/r" -> root
        + chroot
    "#]]
    .assert_eq(&difference(&text(create(&config(&bare()).unwrap(), &host(), &wishes())), &plan));
}

#[test]
fn what_an_unprivileged_caller_cannot_have_is_named() {
    check(
        json!({}),
        unprivileged,
        expect![[r#"
            config.json: linux.namespaces: rootless container requires user namespaces
        "#]],
    );
    let map = json!([{"containerID": 1000, "hostID": 1000, "size": 1}]);
    check(
        json!({"linux": {"namespaces": [{"type": "user"}], "uidMappings": map, "gidMappings": map}}),
        unprivileged,
        expect![[r#"
            config.json: linux.uidMappings: the container's root is not mapped
        "#]],
    );
}

#[test]
fn groups_cannot_be_set_where_only_the_caller_is_mapped() {
    let user = |outside: u32, count: u32| {
        let map = json!([{"containerID": 0, "hostID": outside, "size": count}]);
        let user = json!({"uid": 0, "gid": 0, "additionalGids": [7]});
        json!({"process": {"user": user}, "linux": {"namespaces": [{"type": "user"}], "uidMappings": map, "gidMappings": map}})
    };
    let fourth = |host: &mut Host| (host.capabilities, host.gid) = (0, 4);
    let groups = |patch: Value| {
        create(&patched(&patch), &changed_host(fourth), &wishes()).map(|plan| plan.to_string().contains("\ngroups 1 groups"))
    };
    let refused = groups(user(4, 1)).map_err(|error| error.to_string());
    assert_eq!(
        refused,
        Err("config.json: process.user.additionalGids: cannot set any additional groups in a rootless container".to_owned())
    );
    assert!(groups(user(100_000, 65_536)).unwrap());
}

/// CVE-2023-25809.
#[test]
fn a_callers_cgroup_is_shown_read_only_whatever_is_asked() {
    let mount = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]});
    let guest = |host: &mut Host| host.cgroup = Cgroups::Callers(Box::new(Cgroups::Unified { path: "/sys/fs/cgroup/user".into() }));
    let plan = text(create(&patched(&json!({"mounts": [mount]})), &changed_host(guest), &wishes()));
    let tail = plan.split_once("clone-tree \"/sys/fs/cgroup/user\"").unwrap().1;
    assert!(tail.lines().nth(2).unwrap().starts_with("set-attr mount +0x1 "), "{plan}");
    assert!(!plan.contains("into-cgroup"), "{plan}");
}

#[test]
fn a_process_that_systemd_puts_into_its_cgroup_waits_for_that_before_all_else() {
    let config = patched(&json!({}));
    let [born, entering] = [false, true].map(|enters_cgroup| Wishes { enters_cgroup, ..wishes() });
    let [born, entering] = [born, entering].map(|wishes| text(create(&config, &host(), &wishes)));
    expect![[r#"
        - clone mount,pid into-cgroup
        + clone mount,pid
          death-signal 9
        + meet 4
    "#]]
    .assert_eq(&difference(&born, &entering));
}
