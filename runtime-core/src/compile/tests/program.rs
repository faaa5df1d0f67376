//! What the program is given, and what it is denied.

use super::{Host, Value, check, check_wish, expect, json, same};

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
          attach mount -> target
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
              attach mount -> target
            + clone-tree "/run/notify" -> mount
            + open-target "/run/notify" dir -> target
            + set-attr mount +0x1 -0x20000e 0x0
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
    let limit = |kind: &str, hard: u64| json!({"type": kind, "soft": 5, "hard": hard});
    check(
        json!({"process": {"rlimits": [limit("RLIMIT_CORE", 6), limit("RLIMIT_NOFILE", 4097)]}}),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + rlimit 4 5 6
        + rlimit 7 4096 4097
          find-program /bin/sh:/usr/bin/sh
        + rlimit 7 5 4097
    "#]],
    );
}

#[test]
fn the_init_itself_does_not_have_to_live_with_few_files() {
    check(
        json!({"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}]}}),
        same,
        expect![[r#"
          find-program /bin/sh:/usr/bin/sh
        + rlimit 7 5 6
    "#]],
    );
    // The caller's own is 4096.
    let files = |soft: u64, hard: u64| json!({"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}]}});
    check(
        files(8191, 8192),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + rlimit 7 8191 8192
    "#]],
    );
    // Its soft limit may be less, so what is as many is set too.
    check(
        files(4096, 4096),
        same,
        expect![[r#"
          find-program /bin/sh:/usr/bin/sh
        + rlimit 7 4096 4096
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
              hide
            + open-proc -> proc
              session-keyring "_ses.web1"
            + loopback-up
              pivot
            + write-proc "sys/net/ipv4/ip_forward" "1"
        "#]],
    );
}

#[test]
fn masked_and_read_only_paths_follow_the_switch() {
    check(
        json!({"linux": {"maskedPaths": ["/proc/keys"], "readonlyPaths": ["/proc/sys"], "mountLabel": "l"}}),
        |host| host.selinux = true,
        expect![[r#"
              pivot
            + read-only-path root "/proc/sys"
            + open-null -> null
            + mask-path root "/proc/keys"
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
              affinity 1024 bytes
            - bounding-set 0x0
            + bounding-set 0x200001
              verify-cwd
            - capabilities 0x0 0x0 0x0
            - ambient 0x0
            + capabilities 0x200001 0x200001 0x1
            + ambient 0x1
        "#]],
    );
    let without_chown = |host: &mut Host| host.capabilities = 1 << 21;
    check(
        json!({"process": {"capabilities": sets}}),
        without_chown,
        expect![[r#"
              affinity 1024 bytes
            - bounding-set 0x0
            + bounding-set 0x200000
              verify-cwd
            - capabilities 0x0 0x0 0x0
            + capabilities 0x200000 0x200000 0x0
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
              affinity 1024 bytes
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
              affinity 1024 bytes
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
              affinity 1024 bytes
            + no-new-privs
              death-signal 0
            - meet 3
            + meet 5
            + seccomp 10 instructions 0xc listener
        "#]],
    );
}

#[test]
fn nothing_is_said_aloud_under_a_filter_with_a_listener() {
    check(
        filter(false, "SCMP_ACT_NOTIFY"),
        same,
        expect![[r#"
              affinity 1024 bytes
            + meet 2
            + seccomp 10 instructions 0xc listener
              death-signal 0
            - meet 3
            + meet-unheard 3
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
              affinity 1024 bytes
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
              hide
            + open-proc -> proc
              pivot
            + write-proc "self/attr/apparmor/exec" "exec p"
        "#]],
    );
    check(
        json!({"process": {"selinuxLabel": "l"}, "linux": {"mountLabel": "m"}, "mounts": [{"destination": "/t", "type": "tmpfs"}]}),
        |host| host.selinux = true,
        expect![[r#"
              hide
            + open-proc -> proc
              set-sid
            + write-proc "self/attr/keycreate" "l"
              attach mount -> target
            + open-target "/t" dir -> target
            + new-fs "tmpfs" "tmpfs" context=m 0x0 mode-of-target -> mount
            + attach mount -> target
              pivot
            + write-proc "self/attr/exec" "l"
        "#]],
    );
    check(
        json!({"process": {"selinuxLabel": "l"}}),
        same,
        expect![[r#"
            config.json: process.selinuxLabel: selinux label is specified in config, but selinux is disabled or not supported
        "#]],
    );
}

#[test]
fn hooks_are_met_before_the_switch() {
    check(
        json!({"hooks": {"createRuntime": [{"path": "/h"}]}}),
        same,
        expect![[r#"
          attach mount -> target
        + meet 1
    "#]],
    );
}
