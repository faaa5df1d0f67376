//! Capabilities: names to masks.

use super::Capabilities;
use super::shape::string_end;
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

/// Is this how the kernel's headers spell one? The types read other spellings too, which to every other runtime are unknown names.
pub(super) fn is_name(name: &str) -> bool {
    names(u64::MAX).any(|known| known == name)
}

/// Could a name of a capability in this document be spelled otherwise? Looks at the text, builds nothing.
pub(super) fn may_be_misspelled(json: &str) -> bool {
    const KEY: &str = "\"capabilities\"";
    json.match_indices(KEY).any(|(at, _)| json.get(at + KEY.len()..).is_some_and(has_other_names))
}

/// Of the object that follows a key: keys are followed by a colon, names are not.
fn has_other_names(rest: &str) -> bool {
    let Some(sets) = rest.trim_start().strip_prefix(':').and_then(|rest| rest.trim_start().strip_prefix('{')) else { return false };
    let bytes = sets.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'}') {
        if *byte != b'"' {
            at += 1;
            continue;
        }
        let Some(end) = string_end(bytes, at + 1) else { return true };
        let is_key = bytes.get(end + 1..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b':'));
        if !is_key && !bytes.get(at + 1..end).is_some_and(is_plain) {
            return true;
        }
        at = end + 1;
    }
    false
}

fn is_plain(name: &[u8]) -> bool {
    name.starts_with(b"CAP_") && name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
}

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
    let asked = masks.inheritable;
    // The kernel refuses the whole set for one that the bounding set lost before.
    keep(&mut masks.inheritable, masks.bounding, ("inheritable", "in the bounding set"), warnings);
    let lost = masks.ambient & !(masks.permitted & masks.inheritable);
    // Engines that no longer grant inheritable ones may still ask for ambient ones: nobody means those, and a line for each step of a
    // build would help nobody.
    if lost != 0 && asked != 0 {
        // In the words that runc's users look for.
        let names = names(lost).collect::<Vec<_>>().join(", ");
        warnings.push(format!("process.capabilities.ambient: can't raise ambient capability {names}: not both permitted and inheritable"));
    }
    masks.ambient &= !lost;
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
        check(json!({"bounding": kill, "permitted": kill, "ambient": kill}), [32, 0, 32, 0, 0], &[]);
        check(json!({"effective": kill}), [0; 5], &["process.capabilities.effective: ignored, because they are not permitted: CAP_KILL"]);
        check(
            json!({"permitted": kill, "inheritable": kill, "ambient": kill}),
            [0, 0, 32, 0, 0],
            &[
                "process.capabilities.inheritable: ignored, because they are not in the bounding set: CAP_KILL",
                "process.capabilities.ambient: can't raise ambient capability CAP_KILL: not both permitted and inheritable",
            ],
        );
    }

    #[test]
    fn a_name_is_spelled_as_the_kernel_does_or_unknown() {
        let unknown = |names: &str| format!("process.capabilities: unknown capabilities are ignored: {names}");
        check(json!({"bounding": ["cap_kill", "CAP_CHOWN"]}), [1, 0, 0, 0, 0], &[&unknown("\"cap_kill\"")]);
        check(json!({"bounding": ["KILL"], "permitted": ["kill", "CAP_KILL"]}), [0, 0, 32, 0, 0], &[&unknown("\"KILL\", \"kill\"")]);
        check(json!({"bounding": ["CAP_FANTASY", "CAP_KILL"]}), [32, 0, 0, 0, 0], &[&unknown("\"CAP_FANTASY\"")]);
        assert!(!super::may_be_misspelled(r#"{"capabilities" : {"bounding": ["CAP_KILL"], "ambient":[]}, "a": "cap_kill"}"#));
        assert!(super::may_be_misspelled(r#"{"capabilities":{"bounding":["\u0043AP_KILL"]}}"#));
        assert!(super::may_be_misspelled(r#"{"a":{"capabilities":{}},"capabilities":{"bounding":["cap_kill"]}}"#));
        assert!(super::may_be_misspelled(r#"{"capabilities":{"bounding":["CAP_kill"]}}"#));
        assert!(super::may_be_misspelled(r#"{"capabilities":{"bounding":["KILL"]}}"#));
        assert!(!super::may_be_misspelled(r#"{"capabilities": ["cap_kill"], "args": ["capabilities"]}"#));
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
