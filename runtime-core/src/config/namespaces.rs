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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case::{accepted, refused};
    use super::super::{IdMapping, Membership};
    use serde_json::{Value, json};

    fn check(linux: Value, expected: &str) {
        assert_eq!(refused(json!({"linux": linux})), format!("config.json: linux.{expected}"));
    }

    fn with_user(uids: Value) -> Value {
        let gids = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
        json!({"namespaces": [{"type": "user"}], "uidMappings": uids, "gidMappings": gids})
    }

    #[test]
    fn a_namespace_is_inherited_new_or_joined() {
        let list = json!([{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}, {"type": "ipc", "path": ""}]);
        let namespaces = accepted(json!({"linux": {"namespaces": list}})).namespaces;
        assert_eq!((namespaces.pid, namespaces.ipc, namespaces.mount), (Membership::New, Membership::New, Membership::Inherit));
        assert_eq!(namespaces.network, Membership::Join("/proc/1/ns/net".into()));
    }

    #[test]
    fn a_type_is_known_and_listed_once() {
        check(json!({"namespaces": [{"type": "pid"}, {"type": "pid"}]}), "namespaces[1].type: \"pid\" is listed a second time");
        check(json!({"namespaces": [{"type": "pid", "path": "x"}]}), "namespaces[0].path: \"x\" is not an absolute path");
        let unknown = refused(json!({"linux": {"namespaces": [{"type": "foo"}]}}));
        assert!(unknown.starts_with("config.json: linux.namespaces[0].type: unknown variant `foo`"), "{unknown}");
    }

    #[test]
    fn every_type_has_the_name_that_is_read() {
        for namespace in super::TYPES {
            let list = json!([{"type": super::name(namespace)}]);
            assert!(super::namespaces(&serde_json::from_value::<Vec<_>>(list).unwrap()).unwrap().of(namespace).is_private());
        }
    }

    #[test]
    fn id_mappings_go_with_a_user_namespace() {
        let one = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
        check(json!({"uidMappings": one}), "uidMappings: needs a user namespace");
        check(json!({"namespaces": [{"type": "user"}]}), "uidMappings: a new user namespace needs at least one mapping");
        let config = accepted(json!({"linux": with_user(one)}));
        assert_eq!(config.uid_mappings, [IdMapping { inside: 0, outside: 1000, count: 1 }]);
    }

    #[test]
    fn id_mappings_are_disjoint_and_end() {
        let map = |inside: u32, outside: u32, size: u32| json!({"containerID": inside, "hostID": outside, "size": size});
        check(with_user(json!([map(0, 1, 0)])), "uidMappings[0].size: maps no id");
        check(with_user(json!([map(0, u32::MAX, 1)])), "uidMappings[0]: 1 ids from 0 to 4294967295 go past the last id");
        check(with_user(json!([map(5, 0, 2), map(0, 10, 6)])), "uidMappings: two mappings have the container's id 5");
        check(with_user(json!([map(0, 5, 2), map(10, 6, 1)])), "uidMappings: two mappings have the host's id 6");
        check(with_user(vec![map(0, 0, 1); 341].into()), "uidMappings: 341 mappings; the kernel takes 340");
    }

    #[test]
    fn id_mappings_may_touch_and_be_as_many_as_the_kernel_takes() {
        let list: Vec<_> = (0..340).map(|id| json!({"containerID": id, "hostID": 1000 + id, "size": 1})).collect();
        assert_eq!(accepted(json!({"linux": with_user(list.into())})).uid_mappings.len(), 340);
        let last = json!([{"containerID": 0, "hostID": u32::MAX - 5, "size": 5}]);
        assert_eq!(accepted(json!({"linux": with_user(last)})).uid_mappings[0].count, 5);
    }

    #[test]
    fn time_offsets_go_with_a_new_time_namespace() {
        let offsets = |time: Value, value: Value| json!({"namespaces": time, "timeOffsets": value});
        let (new, joined) = (json!([{"type": "time"}]), json!([{"type": "time", "path": "/t"}]));
        let value = json!({"monotonic": {"secs": -3, "nanosecs": 5}});
        assert_eq!(accepted(json!({"linux": offsets(new.clone(), value.clone())})).time_offsets.monotonic, Some((-3, 5)));
        check(offsets(joined, value.clone()), "timeOffsets.monotonic: needs a new time namespace");
        check(offsets(json!([]), value), "timeOffsets.monotonic: needs a new time namespace");
        let late = json!({"boottime": {"nanosecs": 1_000_000_000}});
        check(offsets(new.clone(), late), "timeOffsets.boottime.nanosecs: 1000000000 is a second or more");
        let strange = "timeOffsets: \"realtime\" is not a clock that can be shifted: monotonic and boottime are";
        check(offsets(new, json!({"realtime": {}})), strange);
    }
}
