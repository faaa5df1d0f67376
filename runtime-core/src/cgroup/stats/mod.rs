//! What a container uses, in the shape that `events --stats` prints and engines read.
//!
//! Zeroes are left out where runc leaves them out; what a host does not count is zero.

use super::file;
use super::place::{Placement, Version};
use crate::error::{Error, Result};
use nix::errno::Errno;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

mod v1;
mod v2;

/// The use of one container.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Which processors and memory nodes (v1).
    pub cpuset: CpusetStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Processes and threads.
    pub pids: PidsStats,
    /// Block devices.
    pub blkio: BlockIoStats,
    /// Huge pages, by their size.
    pub hugetlb: BTreeMap<String, HugePageStats>,
    /// Intel RDT: of another room, here so that the shape is whole.
    pub intel_rdt: BTreeMap<String, serde_json::Value>,
    /// Network interfaces: engines count those themselves.
    pub network_interfaces: Option<Vec<serde_json::Value>>,
}

/// Processor time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CpuStats {
    /// What was used.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: CpuUsage,
    /// What was held back by a quota.
    #[serde(skip_serializing_if = "is_default")]
    pub throttling: Throttling,
    /// How long processes waited for a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpuUsage {
    /// All of it.
    #[serde(skip_serializing_if = "is_default")]
    pub total: u64,
    /// By processor (v1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu: Vec<u64>,
    /// By processor, in the kernel (v1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_kernel: Vec<u64>,
    /// By processor, in programs (v1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_user: Vec<u64>,
    /// In the kernel.
    pub kernel: u64,
    /// In programs.
    pub user: u64,
}

/// What a CPU quota did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttling {
    /// Periods gone by.
    #[serde(skip_serializing_if = "is_default")]
    pub periods: u64,
    /// Periods in which the quota was used up.
    #[serde(skip_serializing_if = "is_default")]
    pub throttled_periods: u64,
    /// For how long, in nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub throttled_time: u64,
}

/// Which processors and memory nodes a container may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "each is the v1 file of its name")]
pub struct CpusetStats {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u16>,
    pub cpu_exclusive: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mems: Vec<u16>,
    pub mem_hardwall: u64,
    pub mem_exclusive: u64,
    pub memory_migrate: u64,
    pub memory_spread_page: u64,
    pub memory_spread_slab: u64,
    pub memory_pressure: u64,
    pub sched_load_balance: u64,
    pub sched_relax_domain_level: i64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MemoryStats {
    /// Page cache.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: u64,
    /// Memory.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: MemoryEntry,
    /// Memory and swap together.
    #[serde(skip_serializing_if = "is_default")]
    pub swap: MemoryEntry,
    /// Kernel memory (v1).
    #[serde(skip_serializing_if = "is_default")]
    pub kernel: MemoryEntry,
    /// TCP buffers (v1).
    #[serde(rename = "kernelTCP", skip_serializing_if = "is_default")]
    pub kernel_tcp: MemoryEntry,
    /// Every line of `memory.stat`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, u64>,
    /// How long processes waited for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// One kind of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MemoryEntry {
    /// The limit; the greatest number is none.
    pub limit: u64,
    /// Now.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: u64,
    /// The most so far.
    #[serde(skip_serializing_if = "is_default")]
    pub max: u64,
    /// How often the limit was met.
    pub failcnt: u64,
}

/// Processes and threads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PidsStats {
    /// Now.
    #[serde(skip_serializing_if = "is_default")]
    pub current: u64,
    /// The most; zero is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: u64,
}

/// Block devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "each is the v1 file of its name")]
pub struct BlockIoStats {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_bytes_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_serviced_recursive: Vec<BlockIoEntry>,
    #[serde(rename = "ioQueueRecursive", skip_serializing_if = "Vec::is_empty")]
    pub io_queued_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_time_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_wait_time_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_merged_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_time_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sectors_recursive: Vec<BlockIoEntry>,
    /// How long processes waited for a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
}

/// What was done with one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlockIoEntry {
    /// The device's major number.
    #[serde(skip_serializing_if = "is_default")]
    pub major: u64,
    /// The device's minor number.
    #[serde(skip_serializing_if = "is_default")]
    pub minor: u64,
    /// What: `Read`, `Write`, ….
    #[serde(skip_serializing_if = "String::is_empty")]
    pub op: String,
    /// How much.
    #[serde(skip_serializing_if = "is_default")]
    pub value: u64,
}

/// Huge pages of one size, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HugePageStats {
    /// Now.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: u64,
    /// The most so far (v1).
    #[serde(skip_serializing_if = "is_default")]
    pub max: u64,
    /// How often the limit was met.
    pub failcnt: u64,
}

/// Pressure stall information (v2).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Some process waited.
    pub some: PressureEntry,
    /// Every process waited.
    pub full: PressureEntry,
}

/// How much of the time, in percent, and how long in all, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the kernel's names")]
pub struct PressureEntry {
    pub avg10: f64,
    pub avg60: f64,
    pub avg300: f64,
    pub total: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Placement {
    /// What the container uses now.
    pub(crate) fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        match self.version() {
            Version::One => v1::read(self, &mut stats)?,
            Version::Two => {
                if let Some(dir) = self.unified() {
                    v2::read(dir, &mut stats)?;
                }
            }
        }
        Ok(stats)
    }
}

/// A file's text, none where the kernel or the host does not have it.
fn text(dir: &Path, name: &str) -> Result<Option<String>> {
    let path = dir.join(name);
    match file::read(&path) {
        Ok(text) => Ok(Some(text)),
        // Pressure files of a kernel that was told not to count answer EOPNOTSUPP.
        Err(errno) if file::is_gone(errno) || errno == Errno::EOPNOTSUPP => Ok(None),
        Err(errno) => Err(Error::call("read", path, errno)),
    }
}

/// A file's number, none where it is not there.
fn number(dir: &Path, name: &str) -> Result<Option<u64>> {
    let Some(text) = text(dir, name)? else { return Ok(None) };
    file::parse_number(&text).map(Some).ok_or_else(|| Error::call("read", dir.join(name), Errno::EINVAL))
}

fn number_or_zero(dir: &Path, name: &str) -> Result<u64> {
    number(dir, name).map(Option::unwrap_or_default)
}

/// How the hugetlb controller names a size that sysfs has as `hugepages-2048kB`.
fn page_sizes() -> Vec<String> {
    let names = std::fs::read_dir("/sys/kernel/mm/hugepages").into_iter().flatten().flatten();
    names.filter_map(|entry| page_size(entry.file_name().to_str()?)).collect()
}

fn page_size(directory: &str) -> Option<String> {
    let kib: u64 = directory.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
    Some(match kib {
        1_048_576.. => format!("{}GB", kib >> 20),
        1024.. => format!("{}MB", kib >> 10),
        _ => format!("{kib}KB"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn an_idle_container_says_little() {
        expect![[
            r#"{"cpu":{},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}"#
        ]]
        .assert_eq(&serde_json::to_string(&Stats::default()).unwrap());
    }

    #[test]
    fn names_are_those_engines_read() {
        let entry = MemoryEntry { limit: 9, usage: 1, ..MemoryEntry::default() };
        let memory = MemoryStats { usage: entry.clone(), kernel_tcp: entry, ..MemoryStats::default() };
        let throttling = Throttling { periods: 1, throttled_periods: 2, throttled_time: 3 };
        let pressure = Pressure { some: PressureEntry { avg10: 0.5, ..PressureEntry::default() }, ..Pressure::default() };
        let cpu = CpuStats { throttling, psi: Some(pressure), ..CpuStats::default() };
        let io = BlockIoEntry { major: 8, minor: 0, op: "Read".into(), value: 5 };
        let blkio = BlockIoStats { io_queued_recursive: vec![io], ..BlockIoStats::default() };
        expect![[r#"
            {"usage":{"limit":9,"usage":1,"failcnt":0},"kernelTCP":{"limit":9,"usage":1,"failcnt":0}}
            {"throttling":{"periods":1,"throttledPeriods":2,"throttledTime":3},"psi":{"some":{"avg10":0.5,"avg60":0.0,"avg300":0.0,"total":0},"full":{"avg10":0.0,"avg60":0.0,"avg300":0.0,"total":0}}}
            {"ioQueueRecursive":[{"major":8,"op":"Read","value":5}]}"#]]
        .assert_eq(&[serde_json::to_string(&memory).unwrap(), serde_json::to_string(&cpu).unwrap(), serde_json::to_string(&blkio).unwrap()].join("\n"));
    }

    #[test]
    fn page_sizes_are_named_as_the_controller_names_them() {
        let named = ["hugepages-64kB", "hugepages-2048kB", "hugepages-1048576kB", "other"].map(page_size);
        assert_eq!(named, [Some("64KB".into()), Some("2MB".into()), Some("1GB".into()), None]);
    }
}
