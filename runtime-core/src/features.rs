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
    use oci_spec::runtime::Features;
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

    #[test]
    fn the_document_has_the_specifications_shape() {
        let typed: Features = serde_json::from_value(features()).unwrap();
        assert_eq!((typed.oci_version_min().as_str(), typed.oci_version_max().as_str()), VERSIONS);
    }

    #[test]
    fn kubernetes_finds_what_it_asks_for() {
        let features = features();
        assert_eq!(features.pointer("/linux/mountExtensions/idmap/enabled"), Some(&Value::Bool(true)));
    }
}
