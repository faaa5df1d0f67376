//! The counters of v2, in v1's words where engines know only those.

use super::super::file;
use super::{
    BlockIoEntry, BlockIoStats, CpuStats, HugePageStats, MemoryEntry, MemoryStats, PidsStats, Pressure, PressureEntry, Stats, number,
    number_or_zero, text,
};
use crate::error::Result;
use std::path::Path;

pub(super) fn read(dir: &Path, stats: &mut Stats) -> Result<()> {
    stats.pids = pids(dir)?;
    stats.memory = memory(dir)?;
    stats.blkio = text(dir, "io.stat")?.as_deref().map(block_io).unwrap_or_default();
    stats.blkio.psi = pressure(dir, "io.pressure")?;
    stats.cpu = text(dir, "cpu.stat")?.as_deref().map(cpu).unwrap_or_default();
    stats.cpu.psi = pressure(dir, "cpu.pressure")?;
    for size in super::page_sizes() {
        stats.hugetlb.extend(huge_page(dir, &size)?.map(|own| (size, own)));
    }
    Ok(())
}

/// Without the controller the processes are counted.
fn pids(dir: &Path) -> Result<PidsStats> {
    let Some(current) = number(dir, "pids.current")? else {
        let listed = match text(dir, "cgroup.procs")? {
            Some(listed) => Some(listed),
            None => text(dir, "cgroup.threads")?,
        };
        let current = listed.map_or(0, |listed| listed.lines().count() as u64);
        return Ok(PidsStats { current, limit: 0 });
    };
    // No limit has always been 0 here.
    let limit = number(dir, "pids.max")?.filter(|limit| *limit != u64::MAX).unwrap_or(0);
    Ok(PidsStats { current, limit })
}

fn memory(dir: &Path) -> Result<MemoryStats> {
    let Some(text) = text(dir, "memory.stat")? else { return Ok(MemoryStats::default()) };
    let raw: std::collections::BTreeMap<_, _> = file::pairs(&text).map(|(key, value)| (key.to_owned(), value)).collect();
    let usage = entry(dir, "memory")?;
    let swap = both(&usage, &entry(dir, "memory.swap")?);
    let cache = raw.get("file").copied().unwrap_or(0);
    Ok(MemoryStats { cache, usage, swap, raw, psi: pressure(dir, "memory.pressure")?, ..MemoryStats::default() })
}

fn entry(dir: &Path, prefix: &str) -> Result<MemoryEntry> {
    let value = |name| number_or_zero(dir, &format!("{prefix}.{name}"));
    Ok(MemoryEntry { limit: value("max")?, usage: value("current")?, max: value("peak")?, failcnt: 0 })
}

/// v1 counts memory and swap together; their greatest sum nobody has counted.
fn both(memory: &MemoryEntry, swap: &MemoryEntry) -> MemoryEntry {
    MemoryEntry { limit: swap.limit.saturating_add(memory.limit), usage: swap.usage + memory.usage, max: 0, failcnt: 0 }
}

fn cpu(text: &str) -> CpuStats {
    let value = |key| file::value_of(text, key).unwrap_or(0);
    let nanoseconds = |key| value(key) * 1000;
    let mut cpu = CpuStats::default();
    cpu.usage.total = nanoseconds("usage_usec");
    cpu.usage.user = nanoseconds("user_usec");
    cpu.usage.kernel = nanoseconds("system_usec");
    cpu.throttling.periods = value("nr_periods");
    cpu.throttling.throttled_periods = value("nr_throttled");
    cpu.throttling.throttled_time = nanoseconds("throttled_usec");
    cpu
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`
fn block_io(text: &str) -> BlockIoStats {
    let mut io = BlockIoStats::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let device = words.next().and_then(|device| device.split_once(':'));
        let Some((Ok(major), Ok(minor))) = device.map(|(major, minor)| (major.parse(), minor.parse())) else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (table, op) = match key {
                "rbytes" => (&mut io.io_service_bytes_recursive, "Read"),
                "wbytes" => (&mut io.io_service_bytes_recursive, "Write"),
                "rios" => (&mut io.io_serviced_recursive, "Read"),
                "wios" => (&mut io.io_serviced_recursive, "Write"),
                _ => continue,
            };
            table.push(BlockIoEntry { major, minor, op: op.to_owned(), value: value.parse().unwrap_or(0) });
        }
    }
    io
}

fn pressure(dir: &Path, name: &str) -> Result<Option<Pressure>> {
    Ok(text(dir, name)?.as_deref().map(parse_pressure))
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
fn parse_pressure(text: &str) -> Pressure {
    let mut pressure = Pressure::default();
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("some", values)) => pressure.some = pressure_entry(values),
            Some(("full", values)) => pressure.full = pressure_entry(values),
            _ => {}
        }
    }
    pressure
}

fn pressure_entry(values: &str) -> PressureEntry {
    let value = |key| values.split(' ').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value);
    let average = |key| value(key).and_then(|value| value.parse().ok()).unwrap_or(0.0);
    let total = value("total").and_then(|value| value.parse().ok()).unwrap_or(0);
    PressureEntry { avg10: average("avg10"), avg60: average("avg60"), avg300: average("avg300"), total }
}

/// None where the size is not counted here.
fn huge_page(dir: &Path, size: &str) -> Result<Option<HugePageStats>> {
    let usage = match number(dir, &format!("hugetlb.{size}.rsvd.current"))? {
        Some(usage) => Some(usage),
        None => number(dir, &format!("hugetlb.{size}.current"))?,
    };
    let Some(usage) = usage else { return Ok(None) };
    let events = text(dir, &format!("hugetlb.{size}.events"))?.unwrap_or_default();
    Ok(Some(HugePageStats { usage, max: 0, failcnt: file::value_of(&events, "max").unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_is_told_in_v1s_words() {
        let io = block_io("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n(unknown)\n");
        let told = |entries: &[BlockIoEntry]| entries.iter().map(|entry| (entry.op.clone(), entry.value)).collect::<Vec<_>>();
        assert_eq!(told(&io.io_service_bytes_recursive), [("Read".into(), 1), ("Write".into(), 2)]);
        assert_eq!(told(&io.io_serviced_recursive), [("Read".into(), 3), ("Write".into(), 4)]);
    }

    #[test]
    fn processor_time_is_told_in_nanoseconds() {
        let cpu = cpu("usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n");
        assert_eq!((cpu.usage.total, cpu.usage.user, cpu.usage.kernel), (5000, 3000, 2000));
        assert_eq!((cpu.throttling.periods, cpu.throttling.throttled_periods, cpu.throttling.throttled_time), (7, 1, 9000));
    }

    #[test]
    fn swap_is_told_with_memory() {
        let memory = MemoryEntry { limit: u64::MAX, usage: 5, max: 9, failcnt: 0 };
        let swap = MemoryEntry { limit: 7, usage: 1, max: 2, failcnt: 0 };
        assert_eq!(both(&memory, &swap), MemoryEntry { limit: u64::MAX, usage: 6, max: 0, failcnt: 0 });
    }

    #[test]
    fn pressure_is_read_line_by_line() {
        let pressure = parse_pressure("some avg10=1.50 avg60=0.00 avg300=0.25 total=17\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n");
        assert_eq!(pressure.some, PressureEntry { avg10: 1.5, avg60: 0.0, avg300: 0.25, total: 17 });
        assert_eq!(pressure.full.total, 3);
    }
}
