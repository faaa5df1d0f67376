//! Another process of a container that runs.

use super::{check_exec, exec_text, expect, hybrid, json, same, user_namespace};

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
            affinity 1024 bytes
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
            rlimit 7 5 6
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
            join s6 user,mount,pid,ipc
            become-root without-groups
            hop
            set-sid
            session-keyring "_ses.web1"
            open-path "/" -> root
            affinity 1024 bytes
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
            rlimit 7 5 6
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

#[test]
fn the_listener_of_a_user_without_privileges_is_there_to_be_taken() {
    let mut change = user_namespace();
    let rule = json!({"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"});
    change["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule], "listenerPath": "/run/agent.sock"});
    for (capabilities, shown) in [(0, true), ((1 << 41) - 1, false)] {
        let text = exec_text(&change, |host| host.capabilities = capabilities);
        assert_eq!(text.contains("show\nmeet"), shown, "{text}");
    }
}
