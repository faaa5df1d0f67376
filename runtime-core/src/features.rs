//! What this build understands, as the specification's `features` document.
//!
//! Invariant: the host is not asked, but for the flags of `seccomp(2)` that its kernel knows. The lists come from the tables that read `config.json`, so they say what is really read.

use crate::config::capabilities;
use crate::config::hooks::KINDS;
use crate::config::mount_options::TABLE;
use crate::config::namespaces::{TYPES, name};
use crate::config::policy::{FLAGS, MODES};
use crate::host;
use oci_spec::runtime::{Arch, LinuxSeccompAction as Action, LinuxSeccompFilterFlag as Flag, LinuxSeccompOperator as Operator};
use serde_json::{Value, json};

/// The versions of the specification that are read.
const VERSIONS: (&str, &str) = ("1.0.0", "1.3.0");

/// Annotations that change what the runtime does: an engine must not pass them on from users it does not trust.
const UNSAFE_ANNOTATIONS: [&str; 2] = ["org.criu.config", "org.systemd.property."];

/// Where runc says whether it can save and restore containers.
const CHECKPOINT: &str = "org.opencontainers.runc.checkpoint.enabled";

const ACTIONS: [Action; 9] = [
    Action::ScmpActKill,
    Action::ScmpActKillThread,
    Action::ScmpActKillProcess,
    Action::ScmpActTrap,
    Action::ScmpActErrno,
    Action::ScmpActNotify,
    Action::ScmpActTrace,
    Action::ScmpActLog,
    Action::ScmpActAllow,
];

const OPERATORS: [Operator; 7] = [
    Operator::ScmpCmpNe,
    Operator::ScmpCmpLt,
    Operator::ScmpCmpLe,
    Operator::ScmpCmpEq,
    Operator::ScmpCmpGe,
    Operator::ScmpCmpGt,
    Operator::ScmpCmpMaskedEq,
];

const SECCOMP_FLAGS: [Flag; 4] =
    [Flag::SeccompFilterFlagLog, Flag::SeccompFilterFlagTsync, Flag::SeccompFilterFlagSpecAllow, Flag::SeccompFilterFlagWaitKillableRecv];

const ARCHS: [Arch; 23] = [
    Arch::ScmpArchX86,
    Arch::ScmpArchX86_64,
    Arch::ScmpArchX32,
    Arch::ScmpArchArm,
    Arch::ScmpArchAarch64,
    Arch::ScmpArchMips,
    Arch::ScmpArchMips64,
    Arch::ScmpArchMips64n32,
    Arch::ScmpArchMipsel,
    Arch::ScmpArchMipsel64,
    Arch::ScmpArchMipsel64n32,
    Arch::ScmpArchPpc,
    Arch::ScmpArchPpc64,
    Arch::ScmpArchPpc64le,
    Arch::ScmpArchRiscv64,
    Arch::ScmpArchS390,
    Arch::ScmpArchS390x,
    Arch::ScmpArchParisc,
    Arch::ScmpArchParisc64,
    Arch::ScmpArchLoongarch64,
    Arch::ScmpArchM68k,
    Arch::ScmpArchSh,
    Arch::ScmpArchSheb,
];

/// The `features` document.
#[must_use]
pub fn features() -> Value {
    json!({
        "ociVersionMin": VERSIONS.0,
        "ociVersionMax": VERSIONS.1,
        "hooks": KINDS,
        "mountOptions": TABLE.iter().map(|(word, _)| *word).collect::<Vec<_>>(),
        "linux": linux(),
        // As "false" or "true": a value of an annotation is a text.
        "annotations": {CHECKPOINT: cfg!(feature = "checkpoint").to_string()},
        "potentiallyUnsafeConfigAnnotations": UNSAFE_ANNOTATIONS,
    })
}

fn linux() -> Value {
    json!({
        "namespaces": TYPES.map(name),
        "capabilities": capabilities::names(u64::MAX).collect::<Vec<_>>(),
        "cgroup": {"v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true},
        "seccomp": seccomp(),
        "apparmor": {"enabled": true},
        "selinux": {"enabled": true},
        "intelRdt": {"enabled": true, "schemata": true, "monitoring": true},
        "memoryPolicy": {"modes": MODES, "flags": FLAGS},
        "mountExtensions": {"idmap": {"enabled": true}},
        "netDevices": {"enabled": true},
    })
}

fn seccomp() -> Value {
    json!({
        "enabled": true,
        "actions": ACTIONS,
        "operators": OPERATORS,
        "archs": ARCHS,
        "knownFlags": SECCOMP_FLAGS,
        "supportedFlags": SECCOMP_FLAGS.into_iter().filter(|&flag| is_supported(flag, host::seccomp::flags())).collect::<Vec<_>>(),
    })
}

/// Is it among those the kernel knows?
fn is_supported(flag: Flag, known: u32) -> bool {
    match flag {
        // The init has one thread only: there is nothing that the kernel would have to support.
        Flag::SeccompFilterFlagTsync => true,
        Flag::SeccompFilterFlagLog => known & host::seccomp::LOG != 0,
        Flag::SeccompFilterFlagSpecAllow => known & host::seccomp::SPEC_ALLOW != 0,
        Flag::SeccompFilterFlagWaitKillableRecv => known & host::seccomp::WAIT_KILLABLE_RECV != 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use oci_spec::runtime::{Features, LinuxSeccomp};
    use std::collections::BTreeSet;

    /// The strings of the list at `pointer`, which must not be empty and have none twice.
    fn list(pointer: &str) -> BTreeSet<String> {
        let features = features();
        let list = features.pointer(pointer).unwrap().as_array().unwrap();
        let names: BTreeSet<_> = list.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert!(names.len() == list.len() && !names.is_empty(), "{pointer}: {list:?}");
        names
    }

    fn check(pointer: &str, count: usize, some: &[&str]) {
        let names = list(pointer);
        assert_eq!(names.len(), count, "{pointer}: {names:?}");
        assert!(some.iter().all(|name| names.contains(*name)), "{pointer}: {names:?}");
    }

    #[test]
    fn the_lists_are_complete() {
        check("/hooks", 6, &["prestart", "startContainer"]);
        check("/mountOptions", TABLE.len(), &["rro", "idmap", "ridmap", "tmpcopyup", "rnosymfollow"]);
        check("/linux/namespaces", 8, &["user", "time", "mount"]);
        check("/linux/capabilities", 41, &["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]);
        check("/linux/seccomp/actions", 9, &["SCMP_ACT_NOTIFY"]);
        check("/linux/seccomp/operators", 7, &["SCMP_CMP_MASKED_EQ"]);
        check("/linux/seccomp/archs", 23, &["SCMP_ARCH_X86_64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_LOONGARCH64"]);
        check("/linux/seccomp/knownFlags", 4, &["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
        check("/linux/memoryPolicy/modes", 7, &["MPOL_WEIGHTED_INTERLEAVE"]);
        check("/linux/memoryPolicy/flags", 3, &["MPOL_F_STATIC_NODES"]);
    }

    /// What the types that read a profile can hold is what is listed: with a variant more, these do not compile.
    #[test]
    fn the_lists_of_seccomp_have_every_value_that_is_read() {
        let action = |action: &Action| match action {
            Action::ScmpActKill | Action::ScmpActKillThread | Action::ScmpActKillProcess | Action::ScmpActTrap => "kills",
            Action::ScmpActErrno | Action::ScmpActTrace => "has data",
            Action::ScmpActNotify | Action::ScmpActLog | Action::ScmpActAllow => "goes on",
        };
        assert_eq!(["kills", "has data", "goes on"].map(|kind| ACTIONS.iter().filter(|one| action(one) == kind).count()), [4, 2, 3]);
        let operator = |operator: &Operator| match operator {
            Operator::ScmpCmpNe | Operator::ScmpCmpLt | Operator::ScmpCmpLe | Operator::ScmpCmpEq => 0,
            Operator::ScmpCmpGe | Operator::ScmpCmpGt | Operator::ScmpCmpMaskedEq => 1,
        };
        assert_eq!([0, 1].map(|kind| OPERATORS.iter().filter(|one| operator(one) == kind).count()), [4, 3]);
    }

    /// runtime-spec, features-linux: the words that a `config.json` can have, asked one by one.
    #[test]
    fn a_word_is_listed_exactly_if_a_config_may_have_it() {
        let reads = |config: Value| serde_json::from_value::<LinuxSeccomp>(config).is_ok();
        let rule = |action: &str, op: &str| json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": action, "args": [{"index": 0, "value": 0, "op": op}]}]});
        type Ask<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool);
        let asked: [Ask<'_>; 4] = [
            ("/linux/seccomp/actions", "SCMP_ACT_", &|word| reads(rule(word, "SCMP_CMP_EQ"))),
            ("/linux/seccomp/operators", "SCMP_CMP_", &|word| reads(rule("SCMP_ACT_TRAP", word))),
            ("/linux/seccomp/archs", "SCMP_ARCH_", &|word| reads(json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": [word]}))),
            ("/linux/seccomp/knownFlags", "SECCOMP_FILTER_FLAG_", &|word| {
                reads(json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": [word]}))
            }),
        ];
        let ends = "KILL KILL_PROCESS KILL_THREAD TRAP ERRNO NOTIFY TRACE LOG ALLOW NE LT LE EQ GE GT MASKED_EQ X86 X86_64 X32 ARM AARCH64 \
            MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE RISCV64 S390 S390X PARISC PARISC64 LOONGARCH64 M68K SH SHEB \
            TSYNC SPEC_ALLOW WAIT_KILLABLE_RECV NEW_LISTENER TSYNC_ESRCH ARC SPARC FANTASY";
        for (pointer, prefix, is_read) in asked {
            let listed = list(pointer);
            for word in ends.split_whitespace().map(|end| format!("{prefix}{end}")) {
                assert_eq!(listed.contains(&word), is_read(&word), "{pointer}: {word}");
            }
            assert!(listed.iter().all(|word| is_read(word)), "{pointer}: {listed:?}");
        }
    }

    #[test]
    fn the_flags_the_kernel_knows_are_among_those_this_build_knows() {
        let (known, supported) = (list("/linux/seccomp/knownFlags"), list("/linux/seccomp/supportedFlags"));
        assert!(supported.is_subset(&known) && supported.contains("SECCOMP_FILTER_FLAG_SPEC_ALLOW"), "{supported:?}");
        let told = |bits| SECCOMP_FLAGS.into_iter().filter(|&flag| is_supported(flag, bits)).collect::<Vec<_>>();
        assert_eq!(told(0), [Flag::SeccompFilterFlagTsync]);
        assert_eq!(told(host::seccomp::LOG), [Flag::SeccompFilterFlagLog, Flag::SeccompFilterFlagTsync]);
        assert_eq!(told(u32::MAX), SECCOMP_FLAGS);
    }

    /// runtime-spec, config-linux, mounts: what a runtime must and should know.
    #[test]
    fn the_mount_options_are_those_of_the_specification() {
        let all = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion \
            nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime \
            rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave \
            rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap";
        let all: BTreeSet<String> = all.split_whitespace().map(str::to_owned).collect();
        let listed = list("/mountOptions");
        assert!(listed.is_superset(&all), "{:?}", all.difference(&listed));
        // And `acl`, which runc reads too.
        let more: Vec<_> = listed.difference(&all).collect();
        assert!(more.iter().all(|word| ["acl", "noacl"].contains(&word.as_str())), "{more:?}");
    }

    /// An annotation that something is done about stands in the code that does it.
    #[test]
    fn annotations_that_are_acted_upon_are_listed() {
        fn named(dir: &std::path::Path, found: &mut BTreeSet<String>) {
            for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
                match path.extension() {
                    None => named(&path, found),
                    Some(_) if path.ends_with("features.rs") => {}
                    Some(_) => {
                        let text = std::fs::read_to_string(&path).unwrap();
                        let quoted = text.split('"').skip(1).step_by(2);
                        let acts = |word: &&str| {
                            ["org.criu.", "org.systemd.property", "run.oci.", "module.wasm."].iter().any(|begin| word.starts_with(begin))
                        };
                        found.extend(quoted.filter(acts).map(str::to_owned));
                    }
                }
            }
        }
        let mut found = BTreeSet::new();
        named(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let missing: Vec<_> = found.iter().filter(|word| !UNSAFE_ANNOTATIONS.iter().any(|listed| word.starts_with(listed))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_document_has_the_specifications_shape() {
        let typed: Features = serde_json::from_value(features()).unwrap();
        assert_eq!((typed.oci_version_min().as_str(), typed.oci_version_max().as_str()), VERSIONS);
    }

    /// In runc's words.
    #[test]
    fn checkpoints_are_announced_if_they_are_built_in() {
        let built_in = if cfg!(feature = "checkpoint") { "true" } else { "false" };
        assert_eq!(features()["annotations"]["org.opencontainers.runc.checkpoint.enabled"], built_in);
    }

    #[test]
    fn kubernetes_finds_what_it_asks_for() {
        let features = features();
        assert_eq!(features.pointer("/linux/mountExtensions/idmap/enabled"), Some(&Value::Bool(true)));
    }
}
