//! `linux.resources` as writes to v1's files.

use super::Write;
use super::convert;
use crate::error::{Error, ErrorKind, Result};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxNetwork, LinuxResources, LinuxThrottleDevice, LinuxWeightDevice};

/// What to write, in order. `memory_limit` is the limit now.
pub(super) fn writes(resources: &LinuxResources, memory_limit: u64) -> Result<Vec<Write>> {
    if resources.unified().as_ref().is_some_and(|unified| !unified.is_empty()) {
        return Err(Error::new(ErrorKind::Unsupported, "invalid configuration: cannot use unified on cgroup v1"));
    }
    let mut writes = Vec::new();
    if let Some(own) = resources.cpu() {
        cpuset(own, &mut writes);
    }
    if let Some(own) = resources.memory() {
        memory(own, memory_limit, &mut writes)?;
    }
    if let Some(own) = resources.cpu() {
        cpu(own, &mut writes)?;
    }
    if let Some(pids) = resources.pids() {
        writes.push(Write::new("pids", "pids.limit", "pids.max", convert::pids_max(pids.limit())));
    }
    if let Some(own) = resources.block_io() {
        block_io(own, &mut writes);
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let prefix = format!("hugetlb.{}", limit.page_size());
        writes.push(Write::new("hugetlb", "hugepageLimits", format!("{prefix}.limit_in_bytes"), limit.limit()));
        writes.push(Write::new("hugetlb", "hugepageLimits", format!("{prefix}.rsvd.limit_in_bytes"), limit.limit()).optional());
    }
    if let Some(own) = resources.network() {
        network(own, &mut writes);
    }
    super::v2::rdma(resources, &mut writes);
    Ok(writes)
}

fn cpuset(cpu: &LinuxCpu, writes: &mut Vec<Write>) {
    let named = |set: &Option<String>| set.clone().filter(|set| !set.is_empty());
    writes.extend(named(cpu.cpus()).map(|cpus| Write::new("cpuset", "cpu.cpus", "cpuset.cpus", cpus)));
    writes.extend(named(cpu.mems()).map(|mems| Write::new("cpuset", "cpu.mems", "cpuset.mems", mems)));
}

fn memory(memory: &LinuxMemory, now: u64, writes: &mut Vec<Write>) -> Result<()> {
    let set = |value: Option<i64>| value.filter(|value| *value != 0);
    let (limit, swap) = (set(memory.limit()), set(memory.swap()));
    let limit_write = limit.map(|limit| Write::new("memory", "memory.limit", "memory.limit_in_bytes", limit));
    let swap_write = |swap| Write::new("memory", "memory.swap", "memory.memsw.limit_in_bytes", swap);
    // No limit on memory means none on swap either, where swap is counted at all.
    let swap_write = match (limit, swap) {
        (Some(-1), None) => Some(swap_write(-1).optional()),
        (_, swap) => swap.map(swap_write),
    };
    // The kernel keeps limit ≤ memory+swap at every moment, so what grows goes first.
    let swap_grows = swap.is_none_or(|swap| u64::try_from(swap).map_or(true, |swap| now < swap));
    match swap_grows {
        true => writes.extend(swap_write.into_iter().chain(limit_write)),
        false => writes.extend(limit_write.into_iter().chain(swap_write)),
    }
    let reservation = set(memory.reservation());
    writes.extend(reservation.map(|value| Write::new("memory", "memory.reservation", "memory.soft_limit_in_bytes", value)));
    if memory.disable_oom_killer() == Some(true) {
        writes.push(Write::new("memory", "memory.disableOOMKiller", "memory.oom_control", 1));
    }
    writes.extend(swappiness(memory.swappiness())?);
    Ok(())
}

fn swappiness(value: Option<u64>) -> Result<Option<Write>> {
    match value {
        // −1, as engines write "unset".
        None | Some(u64::MAX) => Ok(None),
        Some(value @ 0..=100) => Ok(Some(Write::new("memory", "memory.swappiness", "memory.swappiness", value))),
        Some(value) => {
            let what = format!("invalid memory swappiness value: {value} (valid range is 0-100)");
            Err(Error::new(ErrorKind::InvalidConfig, what).during("linux.resources.memory.swappiness"))
        }
    }
}

fn cpu(cpu: &LinuxCpu, writes: &mut Vec<Write>) -> Result<()> {
    writes.extend(shares(cpu.shares())?);
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let period = cpu.period().filter(|period| *period != 0);
    // A shorter period or a longer burst may not fit the old quota, but the new one.
    let file = |property, file, value: String| Write::new("cpu", property, file, value);
    writes.extend(period.map(|period| file("cpu.period", "cpu.cfs_period_us", period.to_string()).again_if(quota.is_some())));
    writes.extend(cpu.burst().map(|burst| file("cpu.burst", "cpu.cfs_burst_us", burst.to_string()).optional().again_if(quota.is_some())));
    writes.extend(quota.map(|quota| file("cpu.quota", "cpu.cfs_quota_us", quota.to_string())));
    writes.extend(cpu.idle().map(|idle| file("cpu.idle", "cpu.idle", idle.to_string())));
    let runtime = cpu.realtime_runtime().filter(|runtime| *runtime != 0);
    let period = cpu.realtime_period().filter(|period| *period != 0);
    writes.extend(period.map(|period| file("cpu.realtimePeriod", "cpu.rt_period_us", period.to_string()).again_if(runtime.is_some())));
    writes.extend(runtime.map(|runtime| file("cpu.realtimeRuntime", "cpu.rt_runtime_us", runtime.to_string())));
    Ok(())
}

/// The kernel bends shares into its range without a word; a config that asks for others hears it.
fn shares(shares: Option<u64>) -> Result<Option<Write>> {
    let refuse = |what: &str| Err(Error::new(ErrorKind::InvalidConfig, what).during("linux.resources.cpu.shares"));
    match shares {
        None | Some(0) => Ok(None),
        Some(1) => refuse("the minimum allowed cpu-shares is 2"),
        Some(shares @ 2..=262_144) => Ok(Some(Write::new("cpu", "cpu.shares", "cpu.shares", shares))),
        Some(_) => refuse("the maximum allowed cpu-shares is 262144"),
    }
}

fn block_io(io: &LinuxBlockIo, writes: &mut Vec<Write>) {
    let set = |weight: Option<u16>| weight.filter(|weight| *weight != 0);
    // Two names: CFQ's, which went with it in Linux 5.0, and BFQ's.
    let mut either = |property, old, new, value: String| {
        writes.push(Write::new("blkio", property, old, &value).or_next());
        writes.push(Write::new("blkio", property, new, &value));
    };
    if let Some(weight) = set(io.weight()) {
        either("blockIO.weight", "blkio.weight", "blkio.bfq.weight", weight.to_string());
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = set(device.weight()) {
            either("blockIO.weightDevice", "blkio.weight_device", "blkio.bfq.weight_device", device_weight(device, weight));
        }
    }
    writes.extend(set(io.leaf_weight()).map(|weight| Write::new("blkio", "blockIO.leafWeight", "blkio.leaf_weight", weight)));
    for device in io.weight_device().iter().flatten() {
        let leaf = set(device.leaf_weight()).map(|weight| device_weight(device, weight));
        writes.extend(leaf.map(|value| Write::new("blkio", "blockIO.weightDevice", "blkio.leaf_weight_device", value)));
    }
    throttle("blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", io.throttle_read_bps_device(), writes);
    throttle("blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", io.throttle_write_bps_device(), writes);
    throttle("blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", io.throttle_read_iops_device(), writes);
    throttle("blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", io.throttle_write_iops_device(), writes);
}

pub(super) fn device_weight(device: &LinuxWeightDevice, weight: u16) -> String {
    format!("{}:{} {weight}", device.major(), device.minor())
}

fn throttle(property: &'static str, file: &'static str, devices: &Option<Vec<LinuxThrottleDevice>>, writes: &mut Vec<Write>) {
    for device in devices.iter().flatten() {
        let value = format!("{}:{} {}", device.major(), device.minor(), device.rate());
        writes.push(Write::new("blkio", property, file, value));
    }
}

fn network(network: &LinuxNetwork, writes: &mut Vec<Write>) {
    let class = network.class_id().filter(|class| *class != 0);
    writes.extend(class.map(|class| Write::new("net_cls", "network.classID", "net_cls.classid", class)));
    for priority in network.priorities().iter().flatten() {
        let value = format!("{} {}", priority.name(), priority.priority());
        writes.push(Write::new("net_prio", "network.priorities", "net_prio.ifpriomap", value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(resources: &str, memory_limit: u64, expected: Expect) {
        let resources = serde_json::from_str(resources).unwrap();
        let text = match writes(&resources, memory_limit) {
            Ok(writes) => writes.iter().map(|write| format!("{write}\n")).collect(),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn a_growing_swap_limit_goes_before_the_memory_limit() {
        check(
            r#"{"memory":{"limit":200,"swap":400}}"#,
            100,
            expect![[r#"
                memory.memsw.limit_in_bytes = "400"
                memory.limit_in_bytes = "200"
            "#]],
        );
    }

    #[test]
    fn swap_without_end_goes_before_any_memory_limit() {
        check(
            r#"{"memory":{"limit":200,"swap":-1}}"#,
            300,
            expect![[r#"
                memory.memsw.limit_in_bytes = "-1"
                memory.limit_in_bytes = "200"
            "#]],
        );
    }

    #[test]
    fn a_shrinking_swap_limit_goes_after_the_memory_limit() {
        check(
            r#"{"memory":{"limit":200,"swap":400}}"#,
            u64::MAX,
            expect![[r#"
                memory.limit_in_bytes = "200"
                memory.memsw.limit_in_bytes = "400"
            "#]],
        );
    }

    #[test]
    fn unlimited_memory_is_unlimited_swap_where_swap_is_counted() {
        check(
            r#"{"memory":{"limit":-1}}"#,
            100,
            expect![[r#"
                memory.memsw.limit_in_bytes = "-1" if-there
                memory.limit_in_bytes = "-1"
            "#]],
        );
    }

    #[test]
    fn all_of_memory() {
        check(
            r#"{"memory":{"limit":200,"reservation":100,"kernel":5,"kernelTCP":5,"swappiness":60,"disableOOMKiller":true}}"#,
            u64::MAX,
            expect![[r#"
                memory.limit_in_bytes = "200"
                memory.soft_limit_in_bytes = "100"
                memory.oom_control = "1"
                memory.swappiness = "60"
            "#]],
        );
        check(
            r#"{"memory":{"swappiness":101}}"#,
            0,
            expect![[r#"
                linux.resources.memory.swappiness: invalid memory swappiness value: 101 (valid range is 0-100)
            "#]],
        );
    }

    #[test]
    fn all_of_cpu() {
        check(
            r#"{"cpu":{"shares":512,"quota":5000,"period":10000,"burst":100,"idle":0,"realtimeRuntime":95,"realtimePeriod":100,"cpus":"0-1","mems":"0"}}"#,
            0,
            expect![[r#"
                cpuset.cpus = "0-1"
                cpuset.mems = "0"
                cpu.shares = "512"
                cpu.cfs_period_us = "10000" again
                cpu.cfs_burst_us = "100" if-there again
                cpu.cfs_quota_us = "5000"
                cpu.idle = "0"
                cpu.rt_period_us = "100" again
                cpu.rt_runtime_us = "95"
            "#]],
        );
        check(
            r#"{"cpu":{"shares":1}}"#,
            0,
            expect![[r#"
                linux.resources.cpu.shares: the minimum allowed cpu-shares is 2
            "#]],
        );
    }

    #[test]
    fn pids_huge_pages_and_network() {
        check(
            r#"{"pids":{"limit":0},"hugepageLimits":[{"pageSize":"2MB","limit":4194304}],
                "network":{"classID":1048577,"priorities":[{"name":"lo","priority":3}]},"rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000}}}"#,
            0,
            expect![[r#"
                pids.max = "1"
                hugetlb.2MB.limit_in_bytes = "4194304"
                hugetlb.2MB.rsvd.limit_in_bytes = "4194304" if-there
                net_cls.classid = "1048577"
                net_prio.ifpriomap = "lo 3"
                rdma.max = "mlx5_1 hca_handle=3 hca_object=10000"
            "#]],
        );
    }

    #[test]
    fn all_of_block_io() {
        check(
            r#"{"blockIO":{"weight":500,"leafWeight":400,"weightDevice":[{"major":8,"minor":0,"weight":300,"leafWeight":200}],
                "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}],"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":2}],
                "throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":3}],"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":4}]}}"#,
            0,
            expect![[r#"
                blkio.weight = "500" or
                blkio.bfq.weight = "500"
                blkio.weight_device = "8:0 300" or
                blkio.bfq.weight_device = "8:0 300"
                blkio.leaf_weight = "400"
                blkio.leaf_weight_device = "8:0 200"
                blkio.throttle.read_bps_device = "8:0 1"
                blkio.throttle.write_bps_device = "8:0 2"
                blkio.throttle.read_iops_device = "8:0 3"
                blkio.throttle.write_iops_device = "8:0 4"
            "#]],
        );
    }

    #[test]
    fn unified_needs_v2() {
        check(
            r#"{"unified":{"memory.high":"1"}}"#,
            0,
            expect![[r#"
                invalid configuration: cannot use unified on cgroup v1
            "#]],
        );
    }
}
