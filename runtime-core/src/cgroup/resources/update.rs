//! `update`: new limits, laid over those a container has.
//!
//! Some limits are only half a limit: v2 counts swap without memory and writes quota and period to one file, v1 takes memory before or after
//! memory and swap together. So what an earlier command set is kept in the container's state, and the other half comes from there.
//!
//! Invariant: pure. 0, where it is no limit, is "not given", as everywhere in `linux.resources`.

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxNetwork, LinuxResources, LinuxThrottleDevice, LinuxWeightDevice};
use std::collections::HashMap;

/// What an update comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// What is asked for, and the other halves: to be written.
    pub(crate) writes: LinuxResources,
    /// All limits that hold then: to be kept.
    pub(crate) limits: LinuxResources,
}

impl Update {
    /// `wanted`, for a container that has the limits `set`. Devices are never touched.
    pub(crate) fn of(set: &LinuxResources, wanted: &LinuxResources) -> Self {
        let mut limits = set.clone();
        let mut writes = wanted.clone();
        writes.set_devices(None);
        if let Some(memory) = writes.memory_mut() {
            limits.set_memory(Some(merge_memory(set.memory().unwrap_or_default(), memory)));
        }
        if let Some(cpu) = writes.cpu_mut() {
            limits.set_cpu(Some(merge_cpu(set.cpu().clone().unwrap_or_default(), cpu)));
        }
        limits.set_pids(wanted.pids().or_else(|| *set.pids()));
        limits.set_block_io(both(set.block_io(), wanted.block_io(), merge_block_io));
        limits.set_network(both(set.network(), wanted.network(), merge_network));
        limits.set_hugepage_limits(listed(set.hugepage_limits(), wanted.hugepage_limits(), |limit| limit.page_size().clone()));
        limits.set_rdma(both(set.rdma(), wanted.rdma(), mapped));
        limits.set_unified(both(set.unified(), wanted.unified(), mapped));
        Self { writes, limits }
    }
}

/// What holds then; `wanted` gets its other half.
fn merge_memory(set: LinuxMemory, wanted: &mut LinuxMemory) -> LinuxMemory {
    let mut memory = set;
    let (limit, swap) = (given(wanted.limit()), given(wanted.swap()));
    memory.set_limit(newer(limit, set.limit()));
    // Without a limit on memory there is none on swap either, unless that is asked for too.
    memory.set_swap(if limit == Some(-1) { swap } else { newer(swap, set.swap()) });
    memory.set_reservation(newer(wanted.reservation(), set.reservation()));
    memory.set_swappiness(wanted.swappiness().or_else(|| set.swappiness()));
    memory.set_disable_oom_killer(wanted.disable_oom_killer().or_else(|| set.disable_oom_killer()));
    // Asked for by one update, and for that one alone.
    memory.set_check_before_update(None);
    if limit.is_some() || swap.is_some() {
        wanted.set_limit(memory.limit());
        wanted.set_swap(memory.swap());
    }
    memory
}

/// What holds then; `wanted` gets its other half.
fn merge_cpu(set: LinuxCpu, wanted: &mut LinuxCpu) -> LinuxCpu {
    let mut cpu = set;
    let (quota, period) = (given(wanted.quota()), given(wanted.period()));
    cpu.set_quota(newer(quota, cpu.quota()));
    cpu.set_period(newer(period, cpu.period()));
    if quota.is_some() || period.is_some() {
        wanted.set_quota(cpu.quota());
        wanted.set_period(cpu.period());
    }
    // An idle cgroup has no shares, and the kernel refuses to be told of any.
    cpu.set_shares(newer(wanted.shares(), cpu.shares().filter(|_| wanted.idle().is_none())));
    cpu.set_idle(wanted.idle().or_else(|| cpu.idle()));
    cpu.set_burst(wanted.burst().or_else(|| cpu.burst()));
    cpu.set_realtime_runtime(newer(wanted.realtime_runtime(), cpu.realtime_runtime()));
    cpu.set_realtime_period(newer(wanted.realtime_period(), cpu.realtime_period()));
    cpu.set_cpus(named(wanted.cpus()).or_else(|| cpu.cpus().clone()));
    cpu.set_mems(named(wanted.mems()).or_else(|| cpu.mems().clone()));
    cpu
}

fn merge_block_io(set: &LinuxBlockIo, wanted: &LinuxBlockIo) -> LinuxBlockIo {
    let mut io = set.clone();
    let device = |device: &LinuxThrottleDevice| (device.major(), device.minor());
    io.set_weight(newer(wanted.weight(), set.weight()));
    io.set_leaf_weight(newer(wanted.leaf_weight(), set.leaf_weight()));
    io.set_weight_device(weights(set.weight_device(), wanted.weight_device()));
    io.set_throttle_read_bps_device(listed(set.throttle_read_bps_device(), wanted.throttle_read_bps_device(), device));
    io.set_throttle_write_bps_device(listed(set.throttle_write_bps_device(), wanted.throttle_write_bps_device(), device));
    io.set_throttle_read_iops_device(listed(set.throttle_read_iops_device(), wanted.throttle_read_iops_device(), device));
    io.set_throttle_write_iops_device(listed(set.throttle_write_iops_device(), wanted.throttle_write_iops_device(), device));
    io
}

/// A device has two weights, and one of them may stay: the old line goes when the new one says as much.
fn weights(set: &Option<Vec<LinuxWeightDevice>>, wanted: &Option<Vec<LinuxWeightDevice>>) -> Option<Vec<LinuxWeightDevice>> {
    let says = |new: Option<u16>, old: Option<u16>| new.is_some() || old.is_none();
    let replaces = |new: &LinuxWeightDevice, old: &LinuxWeightDevice| {
        (new.major(), new.minor()) == (old.major(), old.minor())
            && says(new.weight(), old.weight())
            && says(new.leaf_weight(), old.leaf_weight())
    };
    laid_over(set, wanted, replaces)
}

fn merge_network(set: &LinuxNetwork, wanted: &LinuxNetwork) -> LinuxNetwork {
    let mut network = set.clone();
    network.set_class_id(newer(wanted.class_id(), set.class_id()));
    network.set_priorities(listed(set.priorities(), wanted.priorities(), |priority| priority.name().clone()));
    network
}

fn mapped<V: Clone>(set: &HashMap<String, V>, wanted: &HashMap<String, V>) -> HashMap<String, V> {
    set.iter().chain(wanted).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn both<T: Clone>(set: &Option<T>, wanted: &Option<T>, merge: impl FnOnce(&T, &T) -> T) -> Option<T> {
    match (set, wanted) {
        (Some(set), Some(wanted)) => Some(merge(set, wanted)),
        (set, wanted) => wanted.clone().or_else(|| set.clone()),
    }
}

/// What is listed by a key: the last one of a key counts.
fn listed<T: Clone, K: Eq>(set: &Option<Vec<T>>, wanted: &Option<Vec<T>>, key: impl Fn(&T) -> K) -> Option<Vec<T>> {
    laid_over(set, wanted, |new, old| key(new) == key(old))
}

fn laid_over<T: Clone>(set: &Option<Vec<T>>, wanted: &Option<Vec<T>>, replaces: impl Fn(&T, &T) -> bool) -> Option<Vec<T>> {
    both(set, wanted, |set, wanted| {
        let kept = set.iter().filter(|old| !wanted.iter().any(|new| replaces(new, old)));
        kept.chain(wanted).cloned().collect()
    })
}

fn newer<T: PartialEq + Default>(wanted: Option<T>, set: Option<T>) -> Option<T> {
    given(wanted).or(set)
}

/// 0 is not given.
fn given<T: PartialEq + Default>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

fn named(set: &Option<String>) -> Option<String> {
    set.clone().filter(|set| !set.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What an update comes to: what is written, and what is kept.
    fn check(set: Value, wanted: Value, (writes, limits): (Value, Value)) {
        let read = |value: &Value| serde_json::from_value::<LinuxResources>(value.clone()).unwrap();
        let update = Update::of(&read(&set), &read(&wanted));
        let shown = |resources: &LinuxResources| serde_json::to_value(resources).unwrap();
        assert_eq!((shown(&update.writes), shown(&update.limits)), (writes, limits), "{set} then {wanted}");
    }

    fn memory(limits: Value) -> Value {
        json!({ "memory": limits })
    }

    fn cpu(limits: Value) -> Value {
        json!({ "cpu": limits })
    }

    #[test]
    fn a_new_memory_limit_keeps_the_total_with_swap() {
        let both = memory(json!({"limit": 90, "swap": 200}));
        check(memory(json!({"limit": 100, "swap": 200})), memory(json!({"limit": 90})), (both.clone(), both));
        let both = memory(json!({"limit": 100, "swap": 300}));
        check(memory(json!({"limit": 100, "swap": 200})), memory(json!({"swap": 300})), (both.clone(), both));
    }

    #[test]
    fn no_memory_limit_is_no_swap_limit_unless_that_is_given() {
        let none = memory(json!({"limit": -1}));
        check(memory(json!({"limit": 100, "swap": 200})), none.clone(), (none.clone(), none));
        let both = memory(json!({"limit": -1, "swap": 300}));
        check(memory(json!({"limit": 100, "swap": 200})), both.clone(), (both.clone(), both));
    }

    #[test]
    fn a_reservation_needs_no_limit() {
        let set = memory(json!({"limit": 100, "swap": 200}));
        let all = memory(json!({"limit": 100, "swap": 200, "reservation": 50}));
        check(set, memory(json!({"reservation": 50})), (memory(json!({"reservation": 50})), all));
    }

    #[test]
    fn a_check_before_the_update_is_for_that_update() {
        let wanted = memory(json!({"limit": 5, "checkBeforeUpdate": true}));
        check(memory(json!({"limit": 9, "checkBeforeUpdate": true})), wanted.clone(), (wanted, memory(json!({"limit": 5}))));
    }

    #[test]
    fn quota_and_period_complete_each_other() {
        let set = cpu(json!({"quota": 500, "period": 1000}));
        let both = cpu(json!({"quota": 500, "period": 900}));
        check(set.clone(), cpu(json!({"period": 900})), (both.clone(), both));
        let both = cpu(json!({"quota": -1, "period": 1000}));
        check(set.clone(), cpu(json!({"quota": -1})), (both.clone(), both));
        let both = cpu(json!({"quota": 1, "period": 2}));
        check(set.clone(), both.clone(), (both.clone(), both));
        check(cpu(json!({})), cpu(json!({"period": 9})), (cpu(json!({"period": 9})), cpu(json!({"period": 9}))));
        let shares = cpu(json!({"shares": 7, "quota": 0}));
        check(set, shares.clone(), (shares, cpu(json!({"shares": 7, "quota": 500, "period": 1000}))));
    }

    #[test]
    fn what_becomes_idle_has_no_shares_any_more() {
        let idle = cpu(json!({"idle": 1}));
        check(cpu(json!({"shares": 100})), idle.clone(), (idle.clone(), idle));
        let both = cpu(json!({"idle": 0, "shares": 5}));
        check(cpu(json!({"shares": 100})), both.clone(), (both.clone(), both));
    }

    #[test]
    fn what_is_not_named_is_not_written_and_is_kept() {
        let set = json!({"cpu": {"cpus": "0", "burst": 5, "idle": 0}, "pids": {"limit": 7}, "unified": {"memory.high": "1"}});
        let pids = json!({"pids": {"limit": 8}});
        let mut kept = set.clone();
        kept["pids"] = json!({"limit": 8});
        check(set.clone(), pids.clone(), (pids, kept));
        check(set.clone(), json!({}), (json!({}), set));
    }

    #[test]
    fn a_device_that_is_named_again_is_not_listed_twice() {
        let rate = |minor: u64, rate: u64| json!({"major": 8, "minor": minor, "rate": rate});
        let io = |devices: Value| json!({"blockIO": {"throttleReadBpsDevice": devices}});
        let wanted = io(json!([rate(0, 9), rate(2, 5)]));
        check(io(json!([rate(0, 1), rate(1, 1), rate(0, 2)])), wanted.clone(), (wanted, io(json!([rate(1, 1), rate(0, 9), rate(2, 5)]))));
    }

    #[test]
    fn a_devices_other_weight_stays() {
        let io = |devices: Value| json!({"blockIO": {"weightDevice": devices}});
        let device = |weight: &str, value: u16| json!({"major": 8, "minor": 0, weight: value});
        let both = json!({"major": 8, "minor": 0, "weight": 3, "leafWeight": 4});
        let wanted = io(json!([device("leafWeight", 5)]));
        check(io(json!([both])), wanted.clone(), (wanted.clone(), io(json!([both, device("leafWeight", 5)]))));
        check(io(json!([device("leafWeight", 4)])), wanted.clone(), (wanted.clone(), wanted));
    }

    #[test]
    fn sizes_interfaces_and_adapters_are_laid_over_by_name() {
        let set = json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}],
            "network": {"classID": 5, "priorities": [{"name": "lo", "priority": 1}]}, "rdma": {"a": {"hcaHandles": 1}}});
        let wanted = json!({"hugepageLimits": [{"pageSize": "1GB", "limit": 3}],
            "network": {"priorities": [{"name": "eth0", "priority": 2}]}, "rdma": {"b": {"hcaObjects": 2}}});
        let limits = json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 3}],
            "network": {"classID": 5, "priorities": [{"name": "lo", "priority": 1}, {"name": "eth0", "priority": 2}]},
            "rdma": {"a": {"hcaHandles": 1}, "b": {"hcaObjects": 2}}});
        check(set, wanted.clone(), (wanted, limits));
    }

    /// Whatever else of its room is asked for; and asked for itself, the new one counts.
    #[test]
    fn every_limit_is_kept_until_it_is_named_itself() {
        let rate = |rate: u64| json!([{"major": 8, "minor": 0, "rate": rate}]);
        let priority = |priority: u32| json!([{"name": "lo", "priority": priority}]);
        let limits = [
            ("memory", "reservation", json!(5), json!(6)),
            ("memory", "swappiness", json!(5), json!(0)),
            ("memory", "disableOOMKiller", json!(true), json!(false)),
            ("cpu", "shares", json!(5), json!(6)),
            ("cpu", "burst", json!(5), json!(0)),
            ("cpu", "idle", json!(1), json!(0)),
            ("cpu", "realtimeRuntime", json!(5), json!(6)),
            ("cpu", "realtimePeriod", json!(5), json!(6)),
            ("cpu", "cpus", json!("0"), json!("1")),
            ("cpu", "mems", json!("0"), json!("1")),
            ("blockIO", "weight", json!(50), json!(60)),
            ("blockIO", "leafWeight", json!(50), json!(60)),
            ("blockIO", "throttleReadBpsDevice", rate(5), rate(6)),
            ("blockIO", "throttleWriteBpsDevice", rate(5), rate(6)),
            ("blockIO", "throttleReadIOPSDevice", rate(5), rate(6)),
            ("blockIO", "throttleWriteIOPSDevice", rate(5), rate(6)),
            ("network", "classID", json!(5), json!(6)),
            ("network", "priorities", priority(5), priority(6)),
            ("unified", "memory.high", json!("5"), json!("6")),
        ];
        for (room, name, old, new) in limits {
            let one = |value: &Value| json!({room: {name: value}});
            check(one(&old), json!({room: {}}), (json!({room: {}}), one(&old)));
            check(one(&old), one(&new), (one(&new), one(&new)));
            check(json!({room: {}}), one(&new), (one(&new), one(&new)));
        }
    }

    #[test]
    fn a_set_without_a_name_is_none() {
        let set = cpu(json!({"cpus": "0", "mems": "1"}));
        let wanted = cpu(json!({"cpus": "", "mems": ""}));
        check(set.clone(), wanted.clone(), (wanted, set));
    }

    #[test]
    fn devices_are_never_touched() {
        let set = json!({"devices": [{"allow": true, "access": "rwm"}]});
        check(set.clone(), json!({"devices": [{"allow": false, "access": "rwm"}]}), (json!({}), set));
    }
}
