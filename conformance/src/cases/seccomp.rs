//! System call filters.

use crate::case::{Case, End};
use serde_json::{Value, json};

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, profile: Value| {
        Case::new(format!("seccomp/{name}"), "config-linux.md#seccomp")
            .set("/linux/seccomp", profile)
            .shell("exec 2>&1; grep -E '^(Seccomp|NoNewPrivs)' /proc/self/status; mkdir /dev/shm/d && echo made; uname -m; chmod 0400 /dev/shm && echo mode; sync")
            .ends(End::Any)
    };
    let rule = |names: &[&str], action: &str| json!({"names": names, "action": action});
    let denying = |syscalls: Value| json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": syscalls});
    let mut errno = rule(&["mkdir", "mkdirat"], "SCMP_ACT_ERRNO");
    errno["errnoRet"] = json!(38);
    let mut masked = rule(&["chmod", "fchmodat", "fchmod"], "SCMP_ACT_ERRNO");
    masked["args"] = json!([{"index": 1, "value": 0o7777, "valueTwo": 0o400, "op": "SCMP_CMP_MASKED_EQ"}]);
    vec![
        case("allow-all", json!({"defaultAction": "SCMP_ACT_ALLOW"})).sees("stdout", "made"),
        case("deny-one", denying(json!([rule(&["mkdir", "mkdirat"], "SCMP_ACT_ERRNO")]))).misses("stdout", "made"),
        case("errno", denying(json!([errno]))).misses("stdout", "made"),
        case("log", denying(json!([rule(&["mkdir"], "SCMP_ACT_LOG")]))).sees("stdout", "made"),
        case("kill-process", denying(json!([rule(&["mkdir", "mkdirat"], "SCMP_ACT_KILL_PROCESS")]))),
        case("kill", denying(json!([rule(&["mkdir", "mkdirat"], "SCMP_ACT_KILL")]))),
        case("trap", denying(json!([rule(&["mkdir", "mkdirat"], "SCMP_ACT_TRAP")]))),
        case("unknown-syscall", denying(json!([rule(&["fantasy", "mkdir"], "SCMP_ACT_ERRNO")]))).misses("stdout", "made"),
        case("arguments", denying(json!([masked]))),
        case("without-no-new-privileges", denying(json!([rule(&["mkdir"], "SCMP_ACT_ERRNO")])))
            .set("/process/noNewPrivileges", json!(false)),
        case("as-alice", denying(json!([rule(&["mkdir"], "SCMP_ACT_ERRNO")]))).set("/process/user", json!({"uid": 1000, "gid": 1000})),
        case(
            "flags",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [rule(&["mkdir"], "SCMP_ACT_ERRNO")]}),
        ),
        case("unknown-flag", json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_FANTASY"]})),
        case("same-as-default", denying(json!([rule(&["mkdir"], "SCMP_ACT_ALLOW")]))),
        case("deny-by-default-with-nothing-allowed", json!({"defaultAction": "SCMP_ACT_ERRNO"})),
        case("empty", json!({})),
    ]
}
