//! `linux.personality` and `linux.memoryPolicy`.

use super::{MemoryPolicy, numbers, refuse};
use crate::error::Result;
use oci_spec::runtime::{
    LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain, MemoryPolicyFlagType as Flag, MemoryPolicyModeType as Mode,
};

/// The kernel's MAX_NUMNODES ends here.
const MAX_NODES: u32 = 1024;

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
            refuse("linux.memoryPolicy.nodes", format_args!("{mode} takes no nodes"))
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
