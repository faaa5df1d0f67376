//! Capabilities: names to masks.

use super::Capabilities;
use oci_spec::runtime::{Capabilities as Names, Capability, LinuxCapabilities};

/// Every capability the kernel has, in its numbering: the index is the number.
pub(crate) const TABLE: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// `process.capabilities` as masks. What the kernel would not grant is left out with a warning, as the specification asks.
pub(super) fn masks(sets: &LinuxCapabilities, warnings: &mut Vec<String>) -> Capabilities {
    let mut masks = Capabilities {
        bounding: mask(sets.bounding()),
        effective: mask(sets.effective()),
        permitted: mask(sets.permitted()),
        inheritable: mask(sets.inheritable()),
        ambient: mask(sets.ambient()),
    };
    keep(&mut masks.effective, masks.permitted, ("effective", "permitted"), warnings);
    // The kernel refuses the whole set for one that the bounding set lost before.
    keep(&mut masks.inheritable, masks.bounding, ("inheritable", "in the bounding set"), warnings);
    keep(&mut masks.ambient, masks.permitted & masks.inheritable, ("ambient", "both permitted and inheritable"), warnings);
    masks
}

fn mask(names: &Option<Names>) -> u64 {
    names.iter().flatten().filter_map(|name| TABLE.iter().position(|known| known == name)).fold(0, |mask, bit| mask | 1 << bit)
}

/// Takes from `mask` what is not `allowed`.
fn keep(mask: &mut u64, allowed: u64, (set, needs): (&str, &str), warnings: &mut Vec<String>) {
    let lost = *mask & !allowed;
    if lost != 0 {
        let names: Vec<String> = names(lost).collect();
        warnings.push(format!("process.capabilities.{set}: ignored, because they are not {needs}: {}", names.join(", ")));
    }
    *mask &= allowed;
}

/// The names of the capabilities in `mask`, in the kernel's order.
pub(crate) fn names(mask: u64) -> impl Iterator<Item = String> {
    TABLE.iter().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| format!("CAP_{name}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case::patched;
    use serde_json::{Value, json};

    /// The masks in the order bounding, effective, permitted, inheritable, ambient, then the warnings.
    fn check(sets: Value, expected: [u64; 5], warnings: &[&str]) {
        let config = patched(json!({"process": {"capabilities": sets}})).unwrap();
        let masks = config.process.unwrap().capabilities.unwrap();
        assert_eq!([masks.bounding, masks.effective, masks.permitted, masks.inheritable, masks.ambient], expected);
        assert_eq!(config.warnings, warnings);
    }

    #[test]
    fn each_set_is_a_mask() {
        let kill = ["CAP_KILL"];
        let sets =
            json!({"bounding": kill, "effective": kill, "permitted": ["CAP_KILL", "CAP_CHOWN"], "inheritable": kill, "ambient": kill});
        check(sets, [32, 32, 33, 32, 32], &[]);
        check(json!({}), [0; 5], &[]);
    }

    #[test]
    fn what_the_kernel_would_not_grant_is_left_out_with_a_warning() {
        let kill = ["CAP_KILL"];
        check(json!({"effective": kill}), [0; 5], &["process.capabilities.effective: ignored, because they are not permitted: CAP_KILL"]);
        check(
            json!({"permitted": kill, "inheritable": kill, "ambient": kill}),
            [0, 0, 32, 0, 0],
            &[
                "process.capabilities.inheritable: ignored, because they are not in the bounding set: CAP_KILL",
                "process.capabilities.ambient: ignored, because they are not both permitted and inheritable: CAP_KILL",
            ],
        );
    }

    #[test]
    fn the_numbers_are_the_kernels() {
        for (number, name) in super::names(u64::MAX).enumerate() {
            let known: caps::Capability = name.parse().unwrap();
            assert_eq!(usize::from(known.index()), number, "{name}");
        }
        assert_eq!(super::names(u64::MAX).count(), caps::all().len());
    }
}
