//! The counters of v1.

use super::super::file;
use super::super::place::Placement;
use super::{
    BlockIoEntry, BlockIoStats, CpuStats, CpusetStats, HugePageStats, MemoryEntry, MemoryStats, Stats, number, number_or_zero, text,
};
use crate::error::Result;
use nix::unistd::{SysconfVar, sysconf};
use std::path::Path;

pub(super) fn read(placement: &Placement, stats: &mut Stats) -> Result<()> {
    let dir = |controller| placement.dir(controller).filter(|dir| dir.exists());
    dir("cpuacct").map_or(Ok(()), |dir| usage(dir, &mut stats.cpu))?;
    dir("cpu").map_or(Ok(()), |dir| throttling(dir, &mut stats.cpu))?;
    dir("cpuset").map_or(Ok(()), |dir| cpuset(dir, &mut stats.cpuset))?;
    dir("memory").map_or(Ok(()), |dir| memory(dir, &mut stats.memory))?;
    dir("blkio").map_or(Ok(()), |dir| block_io(dir, &mut stats.blkio))?;
    dir("hugetlb").map_or(Ok(()), |dir| huge_pages(dir, stats))?;
    if let Some(dir) = dir("pids") {
        stats.pids.current = number_or_zero(dir, "pids.current")?;
        // No limit has always been 0 here.
        stats.pids.limit = number(dir, "pids.max")?.filter(|limit| *limit != u64::MAX).unwrap_or(0);
    }
    Ok(())
}

fn usage(dir: &Path, cpu: &mut CpuStats) -> Result<()> {
    let usage = &mut cpu.usage;
    usage.total = number_or_zero(dir, "cpuacct.usage")?;
    usage.percpu = numbers(&text(dir, "cpuacct.usage_percpu")?.unwrap_or_default());
    // After the header, each line is: processor, in programs, in the kernel.
    for line in text(dir, "cpuacct.usage_all")?.unwrap_or_default().lines().skip(1) {
        if let [_, user, kernel, ..] = numbers(line).as_slice() {
            usage.percpu_user.push(*user);
            usage.percpu_kernel.push(*kernel);
        }
    }
    let ticks = text(dir, "cpuacct.stat")?.unwrap_or_default();
    let tick = 1_000_000_000 / ticks_per_second();
    usage.user = file::value_of(&ticks, "user").unwrap_or(0) * tick;
    usage.kernel = file::value_of(&ticks, "system").unwrap_or(0) * tick;
    Ok(())
}

fn ticks_per_second() -> u64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0).unwrap_or(100)
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

fn throttling(dir: &Path, cpu: &mut CpuStats) -> Result<()> {
    let text = text(dir, "cpu.stat")?.unwrap_or_default();
    let value = |key| file::value_of(&text, key).unwrap_or(0);
    cpu.throttling.periods = value("nr_periods");
    cpu.throttling.throttled_periods = value("nr_throttled");
    cpu.throttling.throttled_time = value("throttled_time");
    Ok(())
}

fn cpuset(dir: &Path, cpuset: &mut CpusetStats) -> Result<()> {
    let value = |name: &str| number_or_zero(dir, name);
    *cpuset = CpusetStats {
        cpus: list(&text(dir, "cpuset.cpus")?.unwrap_or_default()),
        cpu_exclusive: value("cpuset.cpu_exclusive")?,
        mems: list(&text(dir, "cpuset.mems")?.unwrap_or_default()),
        mem_hardwall: value("cpuset.mem_hardwall")?,
        mem_exclusive: value("cpuset.mem_exclusive")?,
        memory_migrate: value("cpuset.memory_migrate")?,
        memory_spread_page: value("cpuset.memory_spread_page")?,
        memory_spread_slab: value("cpuset.memory_spread_slab")?,
        memory_pressure: value("cpuset.memory_pressure")?,
        sched_load_balance: value("cpuset.sched_load_balance")?,
        sched_relax_domain_level: text(dir, "cpuset.sched_relax_domain_level")?.and_then(|level| level.trim().parse().ok()).unwrap_or(0),
    };
    Ok(())
}

/// `0-2,5` as its numbers.
fn list(text: &str) -> Vec<u16> {
    let ranges = text.trim().split(',').filter_map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse().ok()?..=to.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn memory(dir: &Path, memory: &mut MemoryStats) -> Result<()> {
    let text = text(dir, "memory.stat")?.unwrap_or_default();
    memory.raw = file::pairs(&text).map(|(key, value)| (key.to_owned(), value)).collect();
    memory.cache = memory.raw.get("cache").copied().unwrap_or(0);
    memory.usage = entry(dir, "memory")?;
    memory.swap = entry(dir, "memory.memsw")?;
    memory.kernel = entry(dir, "memory.kmem")?;
    memory.kernel_tcp = entry(dir, "memory.kmem.tcp")?;
    Ok(())
}

fn entry(dir: &Path, prefix: &str) -> Result<MemoryEntry> {
    let value = |name| number_or_zero(dir, &format!("{prefix}.{name}"));
    Ok(MemoryEntry {
        limit: value("limit_in_bytes")?,
        usage: value("usage_in_bytes")?,
        max: value("max_usage_in_bytes")?,
        failcnt: value("failcnt")?,
    })
}

/// The counters have other names with each scheduler, and with old kernels; the first that count something are told.
fn block_io(dir: &Path, io: &mut BlockIoStats) -> Result<()> {
    let names = [("blkio.bfq", "_recursive"), ("blkio", "_recursive"), ("blkio.throttle", "_recursive"), ("blkio.throttle", "")];
    for (prefix, suffix) in names {
        let read = |name: &str| text(dir, &format!("{prefix}.{name}{suffix}")).map(|text| entries(&text.unwrap_or_default()));
        *io = BlockIoStats {
            io_serviced_recursive: read("io_serviced")?,
            io_service_bytes_recursive: read("io_service_bytes")?,
            sectors_recursive: read("sectors")?,
            io_service_time_recursive: read("io_service_time")?,
            io_wait_time_recursive: read("io_wait_time")?,
            io_merged_recursive: read("io_merged")?,
            io_queued_recursive: read("io_queued")?,
            io_time_recursive: read("time")?,
            psi: None,
        };
        if !io.io_serviced_recursive.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Lines `8:0 Read 4096` and `8:0 4096`; the last, `Total`, is of no device.
fn entries(text: &str) -> Vec<BlockIoEntry> {
    let lines = text.lines().filter_map(|line| {
        let (device, rest) = line.split_once(' ')?;
        let (major, minor) = device.split_once(':')?;
        let (op, value) = rest.split_once(' ').unwrap_or(("", rest));
        Some(BlockIoEntry { major: major.parse().ok()?, minor: minor.parse().ok()?, op: op.to_owned(), value: value.parse().ok()? })
    });
    lines.collect()
}

fn huge_pages(dir: &Path, stats: &mut Stats) -> Result<()> {
    for size in super::page_sizes() {
        let reserved = format!("hugetlb.{size}.rsvd");
        // Linux < 5.7 does not count reservations.
        let prefix = if dir.join(format!("{reserved}.usage_in_bytes")).exists() { reserved } else { format!("hugetlb.{size}") };
        let value = |name| number_or_zero(dir, &format!("{prefix}.{name}"));
        let own = HugePageStats { usage: value("usage_in_bytes")?, max: value("max_usage_in_bytes")?, failcnt: value("failcnt")? };
        stats.hugetlb.insert(size, own);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_is_read_with_its_ranges() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert!(list("\n").is_empty());
    }

    #[test]
    fn block_io_lines_are_read_but_for_the_total() {
        let read = entries("8:0 Read 1282048\n253:1 7\nTotal 9\n");
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], BlockIoEntry { major: 8, minor: 0, op: "Read".into(), value: 1_282_048 });
        assert_eq!((read[1].major, read[1].op.as_str(), read[1].value), (253, "", 7));
    }
}
