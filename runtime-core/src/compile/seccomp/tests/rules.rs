//! What a profile may not say, and the words that say so; flags and the listener.

use super::{Listener, compile, filter, profile};
use expect_test::{Expect, expect};
use oci_spec::runtime::Arch;

const LOG: u32 = 2;
const SPEC_ALLOW: u32 = 4;
const NEW_LISTENER: u32 = 8;
const WAIT_KILLABLE_RECV: u32 = 32;

fn refused(json: &str, why: Expect) {
    why.assert_eq(&compile(&profile(json), Arch::ScmpArchX86_64).expect_err("an error").to_string());
}

#[test]
fn an_errno_on_an_action_without_one_is_refused() {
    refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}"#,
        expect!["config.json: linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW does not return an errno"],
    );
    refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO"},{"names":["x"],"action":"SCMP_ACT_TRAP","errnoRet":3}]}"#,
        expect!["config.json: linux.seccomp.syscalls[1].errnoRet: SCMP_ACT_TRAP does not return an errno"],
    );
    refused(
        r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":65536}"#,
        expect!["config.json: linux.seccomp.defaultErrnoRet: 65536 is greater than 65535"],
    );
}

#[test]
fn an_errno_has_16_bits() {
    let filter = filter(r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":65535}"#);
    assert!(filter.program.iter().any(|insn| insn.k == 0x0005_ffff), "{filter:?}");
}

/// The kernel's own is always served; named again, or as the native one, it is the same.
#[test]
fn an_architecture_is_served_once() {
    let of = |archs: &str| filter(&format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","architectures":[{archs}]}}"#)).program;
    assert_eq!(of(r#""SCMP_ARCH_X86_64","SCMP_ARCH_NATIVE""#), of(""));
    assert_eq!(of(r#""SCMP_ARCH_X86","SCMP_ARCH_X86""#), of(r#""SCMP_ARCH_X86""#));
    assert_ne!(of(r#""SCMP_ARCH_X86""#), of(""));
}

#[test]
fn a_notification_that_no_one_could_answer_is_refused() {
    refused(
        r#"{"defaultAction":"SCMP_ACT_NOTIFY","listenerPath":"/a"}"#,
        expect!["config.json: linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"],
    );
    refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#,
        expect!["config.json: linux.seccomp.listenerPath: not set, and SCMP_ACT_NOTIFY needs it"],
    );
    for path in ["run/agent", ""] {
        let json = format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"{path}","syscalls":[{{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}}]}}"#
        );
        let error = compile(&profile(&json), Arch::ScmpArchX86_64).expect_err("an error").to_string();
        assert_eq!(error, format!("config.json: linux.seccomp.listenerPath: {path:?} is not absolute"));
    }
}

/// The init says its last word before it loads such a filter, and the listener is taken from outside.
#[test]
fn every_call_can_be_notified_of() {
    for name in ["write", "sendmsg", "read", "close", "fcntl", "execve", "exit_group"] {
        let json = format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/a","syscalls":[{{"names":["{name}"],"action":"SCMP_ACT_NOTIFY"}}]}}"#
        );
        assert_eq!(filter(&json).flags & NEW_LISTENER, NEW_LISTENER, "{name}");
    }
}

#[test]
fn a_rule_about_nothing_is_refused() {
    refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[""],"action":"SCMP_ACT_ERRNO"}]}"#,
        expect!["config.json: linux.seccomp.syscalls[0].names: an empty name is not a system call"],
    );
    refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}"#,
        expect!["config.json: linux.seccomp.syscalls[0].args: index 6 is greater than 5"],
    );
}

#[test]
fn a_filter_the_kernel_would_not_take_is_refused() {
    let rule = r#"{"names":["ioctl"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":VALUE,"op":"SCMP_CMP_EQ"}]}"#;
    let rules: Vec<_> = (0..1200).map(|value: u32| rule.replace("VALUE", &value.to_string())).collect();
    refused(
        &format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{}]}}"#, rules.join(",")),
        expect!["config.json: linux.seccomp: the filter has 4831 instructions; the kernel takes 4096"],
    );
}

#[test]
fn flags_are_speculation_unless_the_profile_says_otherwise() {
    for (flags, want) in [
        ("", SPEC_ALLOW),
        (r#","flags":[]"#, 0),
        (r#","flags":["SECCOMP_FILTER_FLAG_TSYNC"]"#, 0),
        (r#","flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]"#, LOG | SPEC_ALLOW),
        (r#","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]"#, 0),
    ] {
        assert_eq!(filter(&format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW"{flags}}}"#)).flags, want, "{flags}");
    }
}

#[test]
fn a_flag_the_kernel_does_not_know_is_refused_unless_nobody_asked_for_it() {
    let ask = |json: &str, flags| {
        let kernel = super::Kernel { native: Arch::ScmpArchX86_64, flags };
        super::super::compile(&profile(json), kernel).map(|filter| filter.flags).map_err(|error| error.to_string())
    };
    assert_eq!(ask(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#, LOG), Ok(0));
    for flag in ["LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"] {
        let json = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_{flag}"]}}"#);
        let why = format!("config.json: linux.seccomp.flags: SECCOMP_FILTER_FLAG_{flag} is not supported by this kernel");
        assert_eq!(ask(&json, 0), Err(why));
    }
    assert_eq!(ask(r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_TSYNC"]}"#, 0), Ok(0));
}

#[test]
fn a_profile_that_notifies_has_a_listener() {
    let filter = filter(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/agent","listenerMetadata":"m","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
        "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#,
    );
    assert_eq!(filter.flags, NEW_LISTENER | WAIT_KILLABLE_RECV);
    assert_eq!(filter.listener, Some(Listener { path: "/run/agent".into(), metadata: Some("m".to_owned()) }));
}

#[test]
fn a_path_without_notifications_is_no_listener() {
    let filter = filter(r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/agent"}"#);
    assert_eq!((filter.flags, filter.listener), (SPEC_ALLOW, None));
}
