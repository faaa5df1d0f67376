//! `linux.personality` and `linux.memoryPolicy`.

use super::{MemoryPolicy, numbers, refuse};
use crate::error::Result;
use oci_spec::runtime::{
    LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain, MemoryPolicyFlagType as Flag, MemoryPolicyModeType as Mode,
};

/// The kernel's MAX_NUMNODES ends here.
const MAX_NODES: u32 = 1024;

/// Every mode of a memory policy.
pub(crate) const MODES: [Mode; 7] = [
    Mode::MpolDefault,
    Mode::MpolBind,
    Mode::MpolInterleave,
    Mode::MpolWeightedInterleave,
    Mode::MpolPreferred,
    Mode::MpolPreferredMany,
    Mode::MpolLocal,
];

/// Every flag of a memory policy.
pub(crate) const FLAGS: [Flag; 3] = [Flag::MpolFNumaBalancing, Flag::MpolFRelativeNodes, Flag::MpolFStaticNodes];

/// `linux.personality`. The specification has no flags yet: any is an error.
pub(super) fn personality(spec: &LinuxPersonality) -> Result<u32> {
    if spec.flags().as_ref().is_some_and(|flags| !flags.is_empty()) {
        return refuse("linux.personality.flags", "no flag is supported");
    }
    Ok(match spec.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    })
}

/// `linux.memoryPolicy`, with the rules of `set_mempolicy(2)`.
pub(super) fn memory(spec: &LinuxMemoryPolicy) -> Result<MemoryPolicy> {
    let (mode, flags) = (spec.mode(), spec.flags().as_deref().unwrap_or_default());
    let nodes = nodes(spec)?;
    check_nodes(mode, &nodes)?;
    check_flags(mode, flags, &nodes)?;
    Ok(MemoryPolicy { mode: flags.iter().fold(number(mode), |bits, name| bits | flag(*name)), nodes })
}

fn nodes(spec: &LinuxMemoryPolicy) -> Result<Vec<u32>> {
    match spec.nodes().as_deref().filter(|list| !list.is_empty()).map(|list| numbers::parse(list, MAX_NODES)) {
        None => Ok(Vec::new()),
        Some(Ok(nodes)) => Ok(nodes),
        Some(Err(why)) => refuse("linux.memoryPolicy.nodes", why),
    }
}

fn check_nodes(mode: Mode, nodes: &[u32]) -> Result<()> {
    match mode {
        Mode::MpolDefault | Mode::MpolLocal if !nodes.is_empty() => {
            refuse("linux.memoryPolicy.nodes", format_args!("{mode} mode requires 0 nodes but got {}", nodes.len()))
        }
        Mode::MpolDefault | Mode::MpolLocal | Mode::MpolPreferred => Ok(()),
        _ if nodes.is_empty() => refuse("linux.memoryPolicy.nodes", format_args!("{mode} needs at least one node")),
        _ => Ok(()),
    }
}

fn check_flags(mode: Mode, flags: &[Flag], nodes: &[u32]) -> Result<()> {
    let has = |flag| flags.contains(&flag);
    let about_nodes = has(Flag::MpolFStaticNodes) || has(Flag::MpolFRelativeNodes);
    if has(Flag::MpolFStaticNodes) && has(Flag::MpolFRelativeNodes) {
        return refuse("linux.memoryPolicy.flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
    }
    if about_nodes && nodes.is_empty() {
        return refuse("linux.memoryPolicy.flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES need nodes");
    }
    if has(Flag::MpolFNumaBalancing) && !matches!(mode, Mode::MpolBind | Mode::MpolPreferredMany) {
        return refuse("linux.memoryPolicy.flags", "MPOL_F_NUMA_BALANCING goes with MPOL_BIND and MPOL_PREFERRED_MANY");
    }
    Ok(())
}

fn number(mode: Mode) -> u32 {
    match mode {
        Mode::MpolDefault => 0,
        Mode::MpolPreferred => 1,
        Mode::MpolBind => 2,
        Mode::MpolInterleave => 3,
        Mode::MpolLocal => 4,
        Mode::MpolPreferredMany => 5,
        Mode::MpolWeightedInterleave => 6,
    }
}

fn flag(flag: Flag) -> u32 {
    match flag {
        Flag::MpolFNumaBalancing => 1 << 13,
        Flag::MpolFRelativeNodes => 1 << 14,
        Flag::MpolFStaticNodes => 1 << 15,
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryPolicy;
    use super::super::case::{accepted, refused};
    use serde_json::{Value, json};

    fn policy(mode: &str, nodes: &str, flags: &[&str]) -> Value {
        json!({"linux": {"memoryPolicy": {"mode": mode, "nodes": nodes, "flags": flags}}})
    }

    fn check(patch: Value, expected: &str) {
        assert_eq!(refused(patch), format!("config.json: linux.{expected}"));
    }

    #[test]
    fn a_personality_is_a_domain_without_flags() {
        assert_eq!(accepted(json!({"linux": {"personality": {"domain": "LINUX32"}}})).personality, Some(8));
        let unknown = "personality.domain: unknown variant `BSD`, expected `LINUX` or `LINUX32`";
        check(json!({"linux": {"personality": {"domain": "BSD"}}}), unknown);
        check(json!({"linux": {"personality": {"domain": "LINUX", "flags": ["A"]}}}), "personality.flags: no flag is supported");
    }

    #[test]
    fn a_memory_policy_is_what_set_mempolicy_takes() {
        let read = accepted(policy("MPOL_BIND", "0-1,3", &["MPOL_F_STATIC_NODES", "MPOL_F_NUMA_BALANCING"])).memory_policy;
        assert_eq!(read, Some(MemoryPolicy { mode: 2 | 1 << 15 | 1 << 13, nodes: vec![0, 1, 3] }));
        let read = accepted(policy("MPOL_WEIGHTED_INTERLEAVE", "1", &["MPOL_F_RELATIVE_NODES"])).memory_policy;
        assert_eq!(read, Some(MemoryPolicy { mode: 6 | 1 << 14, nodes: vec![1] }));
        assert_eq!(accepted(policy("MPOL_PREFERRED", "", &[])).memory_policy, Some(MemoryPolicy { mode: 1, nodes: vec![] }));
    }

    #[test]
    fn nodes_and_flags_go_with_the_mode() {
        check(policy("MPOL_LOCAL", "0", &[]), "memoryPolicy.nodes: MPOL_LOCAL mode requires 0 nodes but got 1");
        check(policy("MPOL_INTERLEAVE", "", &[]), "memoryPolicy.nodes: MPOL_INTERLEAVE needs at least one node");
        check(policy("MPOL_BIND", "x", &[]), "memoryPolicy.nodes: \"x\" is not a number; a list looks like \"0-3,7\"");
        let both = ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"];
        check(policy("MPOL_BIND", "0", &both), "memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
        check(policy("MPOL_PREFERRED", "", &both[..1]), "memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES need nodes");
        let balancing = "memoryPolicy.flags: MPOL_F_NUMA_BALANCING goes with MPOL_BIND and MPOL_PREFERRED_MANY";
        check(policy("MPOL_INTERLEAVE", "0", &["MPOL_F_NUMA_BALANCING"]), balancing);
    }
}
