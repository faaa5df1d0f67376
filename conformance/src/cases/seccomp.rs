//! System call filters.

use crate::case::{Case, End};
use serde_json::{Value, json};

/// Programs that make calls the engines' profiles are about, of which the errno shows in what they say.
const PROBES: &str = "exec 2>&1; cd /dev/shm; b=/bin/busybox
probe() { $b \"$@\" >/dev/null; echo \"$*: $?\"; }
probe mount -t tmpfs none /dev/shm; probe umount /dev/shm; probe unshare -m $b true; probe unshare -U $b true; probe unshare -u $b true
probe chroot / $b true; probe pivot_root / /; probe hostname probed; probe mknod null c 1 3; probe mknod fifo p; probe swapoff /dev/zero
probe linux32 $b true; probe linux64 $b true; probe insmod /dev/null; probe dmesg -n 1
probe ionice -c 2 $b true; probe taskset 1 $b true; probe chown 1:1 .; probe chmod 4755 .; probe ln -s a b
probe mkfifo c; probe touch d; probe truncate -s 5 d; probe sync; probe kill -0 1; probe ping -c 1 -W 1 127.0.0.1; uname -m";

/// What engines write for a container with nothing special about it, where the container could do all that it is kept from.
fn engines() -> [Case; 2] {
    let all = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_CHOWN", "CAP_FOWNER", "CAP_KILL", "CAP_NET_RAW", "CAP_DAC_OVERRIDE"];
    [("docker", include_str!("../profiles/docker.json")), ("podman", include_str!("../profiles/podman.json"))].map(|(name, profile)| {
        let profile: Value = serde_json::from_str(profile).unwrap_or_default();
        Case::new(format!("seccomp/profile-of-{name}"), "config-linux.md#seccomp")
            .set("/linux/seccomp", profile)
            .set("/process/capabilities", json!({"bounding": all, "effective": all, "permitted": all}))
            .shell(PROBES)
            .sees("stdout", "chmod 4755 .: 0")
            .misses("stdout", "pivot_root / /: 0")
    })
}

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
    let mut cases = vec![
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
    ];
    cases.extend(engines());
    cases
}
