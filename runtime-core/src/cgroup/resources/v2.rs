//! `linux.resources` as writes to v2's files.
//!
//! What only v1 has (`kernel`, `kernelTCP`, `swappiness`, `disableOOMKiller`, `leafWeight`, realtime, `network`) writes nothing here.

use super::Write;
use super::convert::{self, or_max};
use super::v1::device_weight;
use crate::error::Result;
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

/// What to write, in order.
pub(super) fn writes(resources: &LinuxResources) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    if let Some(pids) = resources.pids() {
        writes.push(Write::new("pids", "pids.limit", "pids.max", convert::pids_max(pids.limit())));
    }
    if let Some(own) = resources.memory() {
        memory(own, &mut writes)?;
    }
    if let Some(own) = resources.block_io() {
        block_io(own, &mut writes);
    }
    if let Some(own) = resources.cpu() {
        cpu(own, &mut writes);
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let (prefix, value) = (
            format!("hugetlb.{}", limit.page_size()),
            match limit.limit() {
                limit if limit < 0 => "max".to_owned(),
                limit => limit.to_string(),
            },
        );
        writes.push(Write::new("hugetlb", "hugepageLimits", format!("{prefix}.max"), &value));
        writes.push(Write::new("hugetlb", "hugepageLimits", format!("{prefix}.rsvd.max"), &value).optional());
    }
    rdma(resources, &mut writes);
    Ok(writes)
}

fn memory(memory: &LinuxMemory, writes: &mut Vec<Write>) -> Result<()> {
    let (limit, swap) = (memory.limit().unwrap_or(0), memory.swap().unwrap_or(0));
    if let Some(swap) = convert::swap_alone(limit, swap)? {
        let value = if swap == -1 { "max".to_owned() } else { swap.to_string() };
        let write = Write::new("memory", "memory.swap", "memory.swap.max", value);
        // A kernel that does not count swap has none to forbid and no limit to lift.
        writes.push(if swap > 0 { write } else { write.optional() });
    }
    writes.extend(or_max(limit).map(|value| Write::new("memory", "memory.limit", "memory.max", value)));
    let reservation = or_max(memory.reservation().unwrap_or(0));
    writes.extend(reservation.map(|value| Write::new("memory", "memory.reservation", "memory.low", value)));
    Ok(())
}

fn cpu(cpu: &LinuxCpu, writes: &mut Vec<Write>) {
    writes.extend(cpu.idle().map(|idle| Write::new("cpu", "cpu.idle", "cpu.idle", idle)));
    let weight = cpu.shares().and_then(convert::weight_from_shares);
    writes.extend(weight.map(|weight| Write::new("cpu", "cpu.shares", "cpu.weight", weight)));
    let quota_set = cpu.quota().is_some_and(|quota| quota != 0);
    // A longer burst may not fit the old quota, but the new one.
    writes.extend(cpu.burst().map(|burst| Write::new("cpu", "cpu.burst", "cpu.max.burst", burst).again_if(quota_set)));
    writes.extend(convert::cpu_max(cpu.quota(), cpu.period()).map(|value| Write::new("cpu", "cpu.quota", "cpu.max", value)));
    let named = |set: &Option<String>| set.clone().filter(|set| !set.is_empty());
    writes.extend(named(cpu.cpus()).map(|cpus| Write::new("cpuset", "cpu.cpus", "cpuset.cpus", cpus)));
    writes.extend(named(cpu.mems()).map(|mems| Write::new("cpuset", "cpu.mems", "cpuset.mems", mems)));
}

fn block_io(io: &LinuxBlockIo, writes: &mut Vec<Write>) {
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        writes.push(Write::new("io", "blockIO.weight", "io.bfq.weight", weight).or_next());
        writes.push(Write::new("io", "blockIO.weight", "io.weight", convert::io_weight(weight)));
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = device.weight().filter(|weight| *weight != 0) {
            // Only BFQ has weights for each device, and since Linux 5.4 only.
            let value = device_weight(device, weight);
            writes.push(Write::new("io", "blockIO.weightDevice", "io.bfq.weight", value).optional().unless_invalid());
        }
    }
    throttle("blockIO.throttleReadBpsDevice", "rbps", io.throttle_read_bps_device(), writes);
    throttle("blockIO.throttleWriteBpsDevice", "wbps", io.throttle_write_bps_device(), writes);
    throttle("blockIO.throttleReadIOPSDevice", "riops", io.throttle_read_iops_device(), writes);
    throttle("blockIO.throttleWriteIOPSDevice", "wiops", io.throttle_write_iops_device(), writes);
}

fn throttle(property: &'static str, key: &str, devices: &Option<Vec<LinuxThrottleDevice>>, writes: &mut Vec<Write>) {
    for device in devices.iter().flatten() {
        let rate = if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
        let value = format!("{}:{} {key}={rate}", device.major(), device.minor());
        writes.push(Write::new("io", property, "io.max", value));
    }
}

/// v1 and v2 have the same file.
pub(super) fn rdma(resources: &LinuxResources, writes: &mut Vec<Write>) {
    let mut devices: Vec<_> = resources.rdma().iter().flatten().collect();
    devices.sort_by_key(|(device, _)| device.as_str());
    writes.extend(devices.into_iter().map(|(device, limits)| {
        let value = convert::rdma(device, limits.hca_handles(), limits.hca_objects());
        Write::new("rdma", format!("rdma[{device:?}]"), "rdma.max", value)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(resources: &str, expected: Expect) {
        let resources = serde_json::from_str(resources).unwrap();
        let text = match writes(&resources) {
            Ok(writes) => writes.iter().map(|write| format!("{write}\n")).collect(),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn all_of_memory() {
        check(
            r#"{"memory":{"limit":200,"swap":500,"reservation":100,"kernel":5,"swappiness":60,"disableOOMKiller":true}}"#,
            expect![[r#"
                memory.swap.max = "300"
                memory.max = "200"
                memory.low = "100"
            "#]],
        );
    }

    #[test]
    fn a_kernel_without_swap_accounting_may_leave_swap_unlimited_or_off() {
        check(
            r#"{"memory":{"limit":200,"swap":200}}"#,
            expect![[r#"
                memory.swap.max = "0" if-there
                memory.max = "200"
            "#]],
        );
        check(
            r#"{"memory":{"limit":-1}}"#,
            expect![[r#"
                memory.swap.max = "max" if-there
                memory.max = "max"
            "#]],
        );
    }

    #[test]
    fn swap_alone_is_refused() {
        check(
            r#"{"memory":{"swap":200}}"#,
            expect![[r#"
                linux.resources.memory: unable to set swap limit without memory limit
            "#]],
        );
    }

    #[test]
    fn all_of_cpu() {
        check(
            r#"{"cpu":{"shares":1024,"quota":5000,"period":10000,"burst":100,"idle":0,"realtimeRuntime":95,"cpus":"0-1","mems":"0"}}"#,
            expect![[r#"
                cpu.idle = "0"
                cpu.weight = "100"
                cpu.max.burst = "100" again
                cpu.max = "5000 10000"
                cpuset.cpus = "0-1"
                cpuset.mems = "0"
            "#]],
        );
    }

    #[test]
    fn all_of_block_io() {
        check(
            r#"{"blockIO":{"weight":500,"leafWeight":400,"weightDevice":[{"major":8,"minor":0,"weight":300}],
                "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}],"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":2}],
                "throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":3}],"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":0}]}}"#,
            expect![[r#"
                io.bfq.weight = "500" or
                io.weight = "4950"
                io.bfq.weight = "8:0 300" if-there unless-invalid
                io.max = "8:0 rbps=1"
                io.max = "8:0 wbps=2"
                io.max = "8:0 riops=3"
                io.max = "8:0 wiops=max"
            "#]],
        );
    }

    #[test]
    fn pids_huge_pages_and_rdma() {
        check(
            r#"{"pids":{"limit":-1},"hugepageLimits":[{"pageSize":"2MB","limit":4194304},{"pageSize":"64KB","limit":0},{"pageSize":"1GB","limit":-1}],
                "network":{"classID":1048577},"rdma":{"d":{},"b":{"hcaHandles":3},"a":{"hcaObjects":10000},"c":{"hcaHandles":5}}}"#,
            expect![[r#"
                pids.max = "max"
                hugetlb.2MB.max = "4194304"
                hugetlb.2MB.rsvd.max = "4194304" if-there
                hugetlb.64KB.max = "0"
                hugetlb.64KB.rsvd.max = "0" if-there
                hugetlb.1GB.max = "max"
                hugetlb.1GB.rsvd.max = "max" if-there
                rdma.max = "a hca_object=10000"
                rdma.max = "b hca_handle=3"
                rdma.max = "c hca_handle=5"
                rdma.max = "d"
            "#]],
        );
    }

    #[test]
    fn what_is_not_set_is_not_written() {
        check("{}", expect![""]);
        check(r#"{"memory":{},"cpu":{"shares":0,"quota":0,"cpus":""},"blockIO":{"weight":0},"network":{}}"#, expect![""]);
    }
}
