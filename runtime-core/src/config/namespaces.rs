//! `linux.namespaces`, `linux.timeOffsets` and the id maps.

use super::{IdMapping, Membership, Namespaces, TimeOffsets, paths, refuse};
use crate::error::Result;
use oci_spec::runtime::{LinuxIdMapping, LinuxNamespace, LinuxNamespaceType as Type, LinuxTimeOffset};
use std::collections::HashMap;
use std::fmt::Display;
use std::path::PathBuf;

/// The kernel's UID_GID_MAP_MAX_EXTENTS.
const MAX_MAPPINGS: usize = 340;

/// `linux.namespaces`: each type at most once, paths absolute.
pub(super) fn namespaces(list: &[LinuxNamespace]) -> Result<Namespaces> {
    let mut namespaces = Namespaces::default();
    for (index, namespace) in list.iter().enumerate() {
        let slot = namespaces.of(namespace.typ());
        if slot.is_private() {
            let name = name(namespace.typ());
            return refuse(format_args!("linux.namespaces[{index}].type"), format_args!("{name:?} is listed a second time"));
        }
        *slot = membership(namespace, index)?;
    }
    Ok(namespaces)
}

impl Namespaces {
    fn of(&mut self, namespace: Type) -> &mut Membership {
        match namespace {
            Type::Mount => &mut self.mount,
            Type::Pid => &mut self.pid,
            Type::Network => &mut self.network,
            Type::Ipc => &mut self.ipc,
            Type::Uts => &mut self.uts,
            Type::User => &mut self.user,
            Type::Cgroup => &mut self.cgroup,
            Type::Time => &mut self.time,
        }
    }
}

/// Every type of namespace.
pub(crate) const TYPES: [Type; 8] = [Type::Cgroup, Type::Ipc, Type::Mount, Type::Network, Type::Pid, Type::Time, Type::User, Type::Uts];

/// The name of a type in `config.json`, which is not the one in `/proc/self/ns`.
pub(crate) fn name(namespace: Type) -> &'static str {
    match namespace {
        Type::Mount => "mount",
        Type::Pid => "pid",
        Type::Network => "network",
        Type::Ipc => "ipc",
        Type::Uts => "uts",
        Type::User => "user",
        Type::Cgroup => "cgroup",
        Type::Time => "time",
    }
}

fn membership(namespace: &LinuxNamespace, index: usize) -> Result<Membership> {
    let path = namespace.path().as_ref().and_then(|path| path.to_str()).unwrap_or_default();
    if path.is_empty() {
        return Ok(Membership::New);
    }
    let path = paths::absolute(path, format_args!("linux.namespaces[{index}].path"))?;
    Ok(Membership::Join(PathBuf::from(path)))
}

/// `linux.timeOffsets`, which only a new time namespace can have: a shared one has its offsets already.
pub(super) fn time_offsets(offsets: Option<&HashMap<String, LinuxTimeOffset>>, time: &Membership) -> Result<TimeOffsets> {
    let mut checked = TimeOffsets::default();
    for (clock, offset) in offsets.into_iter().flatten() {
        let property = format_args!("linux.timeOffsets.{clock}");
        if *time != Membership::New {
            return refuse(property, "needs a new time namespace");
        }
        let value = (offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0));
        if value.1 >= 1_000_000_000 {
            return refuse(format_args!("{property}.nanosecs"), format_args!("{} is a second or more", value.1));
        }
        match clock.as_str() {
            "monotonic" => checked.monotonic = Some(value),
            "boottime" => checked.boottime = Some(value),
            clock => {
                return refuse(
                    "linux.timeOffsets",
                    format_args!("{clock:?} is not a clock that can be shifted: monotonic and boottime are"),
                );
            }
        }
    }
    Ok(checked)
}

/// Id mappings: none empty, none past the last id, none over another, inside and outside.
pub(super) fn id_mappings(list: &[LinuxIdMapping], property: &dyn Display) -> Result<Vec<IdMapping>> {
    if list.len() > MAX_MAPPINGS {
        return refuse(property, format_args!("{} mappings; the kernel takes {MAX_MAPPINGS}", list.len()));
    }
    for (index, mapping) in list.iter().enumerate() {
        let (inside, outside, count) = (mapping.container_id(), mapping.host_id(), mapping.size());
        if count == 0 {
            return refuse(format_args!("{property}[{index}].size"), "maps no id");
        }
        if inside.checked_add(count).is_none() || outside.checked_add(count).is_none() {
            return refuse(format_args!("{property}[{index}]"), format_args!("{count} ids from {inside} to {outside} go past the last id"));
        }
    }
    let mappings: Vec<IdMapping> = list.iter().map(IdMapping::from).collect();
    disjoint(&mappings, |mapping| mapping.inside, "container", property)?;
    disjoint(&mappings, |mapping| mapping.outside, "host", property)?;
    Ok(mappings)
}

impl From<&LinuxIdMapping> for IdMapping {
    fn from(mapping: &LinuxIdMapping) -> Self {
        Self { inside: mapping.container_id(), outside: mapping.host_id(), count: mapping.size() }
    }
}

fn disjoint(mappings: &[IdMapping], start: fn(&IdMapping) -> u32, side: &str, property: &dyn Display) -> Result<()> {
    let mut ranges: Vec<(u32, u32)> = mappings.iter().map(|mapping| (start(mapping), mapping.count)).collect();
    ranges.sort_unstable();
    for (lower, upper) in ranges.iter().zip(ranges.iter().skip(1)) {
        if upper.0 - lower.0 < lower.1 {
            return refuse(property, format_args!("two mappings have the {side}'s id {}", upper.0));
        }
    }
    Ok(())
}
