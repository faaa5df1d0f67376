//! Limits as properties of a unit: what systemd is told, so that it does not undo what the files say.
//!
//! Invariant: pure. What systemd has no property for, or is too old to have one, is left to who writes the files.

use super::super::resources::{swap_alone, weight_from_shares};
use super::message::{Property, Value, named};
use crate::error::Result;
use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};
use std::collections::BTreeMap;

/// systemd's "no limit".
const INFINITY: u64 = u64::MAX;

/// What systemd can say of a CPU quota: whole hundredths of a CPU.
const STEP: u64 = 10_000;

const SECOND: u64 = 1_000_000;

/// The kernel's own, on v1 and v2.
const PERIOD: u64 = 100_000;

/// Since when systemd knows what.
const CPU_PERIOD: u32 = 242;
const CPU_SETS: u32 = 244;
const CPU_IDLE: u32 = 252;

/// The properties that mean what these resources mean on v2.
pub(super) fn unified(resources: &LinuxResources, systemd: u32) -> Result<Vec<Property>> {
    let mut properties = Vec::new();
    if let Some(own) = resources.memory() {
        memory(own, &mut properties)?;
    }
    if let Some(own) = resources.cpu() {
        properties.extend(weight(own, systemd));
        cpu(own, systemd, &mut properties);
    }
    properties.extend(tasks(resources));
    if let Some(files) = resources.unified() {
        let files: BTreeMap<&str, &str> = files.iter().map(|(file, value)| (file.as_str(), value.trim())).collect();
        properties.extend(files.iter().flat_map(|(file, value)| one(file, value, &files, systemd)));
    }
    Ok(properties)
}

/// Those of v1, where memory, shares and block I/O have names of their own.
pub(super) fn legacy(resources: &LinuxResources, systemd: u32) -> Vec<Property> {
    let mut properties = Vec::new();
    let limit = resources.memory().and_then(|memory| memory.limit()).filter(|limit| *limit != 0);
    properties.extend(limit.map(|limit| named("MemoryLimit", Value::Number(limit.cast_unsigned()))));
    if let Some(own) = resources.cpu() {
        let shares = own.shares().filter(|shares| *shares != 0);
        properties.extend(shares.map(|shares| named("CPUShares", Value::Number(shares))));
        cpu(own, systemd, &mut properties);
    }
    let weight = resources.block_io().as_ref().and_then(|io| io.weight()).filter(|weight| *weight != 0);
    properties.extend(weight.map(|weight| named("BlockIOWeight", Value::Number(weight.into()))));
    properties.extend(tasks(resources));
    properties
}

fn memory(memory: &LinuxMemory, properties: &mut Vec<Property>) -> Result<()> {
    // −1, no limit, is all ones either way.
    let mut tell = |name, value: i64| properties.push(named(name, Value::Number(value.cast_unsigned())));
    let (limit, swap) = (memory.limit().unwrap_or(0), memory.swap().unwrap_or(0));
    let set = |value: &i64| *value != 0;
    Some(limit).filter(set).into_iter().for_each(|limit| tell("MemoryMax", limit));
    memory.reservation().filter(set).into_iter().for_each(|reservation| tell("MemoryLow", reservation));
    swap_alone(limit, swap)?.into_iter().for_each(|swap| tell("MemorySwapMax", swap));
    Ok(())
}

/// An idle container has no weight beside.
fn weight(cpu: &LinuxCpu, systemd: u32) -> Option<Property> {
    let idle = cpu.idle() == Some(1) && systemd >= CPU_IDLE;
    let weight = if idle { Some(0) } else { cpu.shares().and_then(weight_from_shares) };
    weight.map(|weight| named("CPUWeight", Value::Number(weight)))
}

fn cpu(cpu: &LinuxCpu, systemd: u32, properties: &mut Vec<Property>) {
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let period = cpu.period().filter(|period| *period != 0);
    properties.extend(quota_properties(quota, period, systemd));
    let set = |name, set: &Option<String>| set.as_deref().and_then(bits).map(|bits| named(name, Value::Bytes(bits)));
    if systemd >= CPU_SETS {
        properties.extend(set("AllowedCPUs", cpu.cpus()));
        properties.extend(set("AllowedMemoryNodes", cpu.mems()));
    }
}

fn quota_properties(quota: Option<i64>, period: Option<u64>, systemd: u32) -> Vec<Property> {
    let own = period.filter(|_| systemd >= CPU_PERIOD).map(|period| named("CPUQuotaPeriodUSec", Value::Number(period)));
    let quota_of = |quota: i64| u64::try_from(quota).map_or(INFINITY, |quota| per_second(quota, period.unwrap_or(PERIOD)));
    let rate = (quota.is_some() || period.is_some()).then(|| quota.map_or(INFINITY, quota_of));
    own.into_iter().chain(rate.map(|rate| named("CPUQuotaPerSecUSec", Value::Number(rate)))).collect()
}

/// systemd knows no limit of no task at all.
fn tasks(resources: &LinuxResources) -> Option<Property> {
    let limit = resources.pids().as_ref()?.limit();
    Some(named("TasksMax", Value::Number(u64::try_from(limit).map_or(INFINITY, |limit| limit.max(1)))))
}

/// A file of `unified`. What is no value is for the kernel to refuse.
fn one(file: &str, value: &str, all: &BTreeMap<&str, &str>, systemd: u32) -> Vec<Property> {
    let number = |name| limit(value).map(|number| named(name, Value::Number(number)));
    let set = |name| bits(value).filter(|_| systemd >= CPU_SETS).map(|bytes| named(name, Value::Bytes(bytes)));
    let is_idle = systemd >= CPU_IDLE && all.get("cpu.idle") == Some(&"1");
    let property = match file {
        "memory.max" => number("MemoryMax"),
        "memory.high" => number("MemoryHigh"),
        "memory.low" => number("MemoryLow"),
        "memory.min" => number("MemoryMin"),
        "memory.swap.max" => number("MemorySwapMax"),
        "pids.max" => limit(value).map(|number| named("TasksMax", Value::Number(number.max(1)))),
        "cpu.weight" if !is_idle => number("CPUWeight"),
        "cpu.idle" if is_idle => Some(named("CPUWeight", Value::Number(0))),
        "cpuset.cpus" => set("AllowedCPUs"),
        "cpuset.mems" => set("AllowedMemoryNodes"),
        "cpu.max" => return split(value).map_or_else(Vec::new, |(quota, period)| quota_properties(quota, Some(period), systemd)),
        _ => None,
    };
    property.into_iter().collect()
}

fn limit(value: &str) -> Option<u64> {
    if value == "max" { Some(INFINITY) } else { value.parse().ok() }
}

/// `cpu.max`: a quota and its period, in µs.
fn split(value: &str) -> Option<(Option<i64>, u64)> {
    let mut parts = value.split_whitespace();
    let quota = match parts.next()? {
        "max" => None,
        quota => Some(quota.parse().ok()?),
    };
    let period = parts.next().map_or(Some(PERIOD), |period| period.parse().ok()).filter(|period| *period > 0)?;
    Some((quota, period))
}

/// Rounded up: a container must not get less than it asked for.
fn per_second(quota: u64, period: u64) -> u64 {
    (quota.saturating_mul(SECOND) / period).checked_next_multiple_of(STEP).unwrap_or(INFINITY)
}

/// A quota as systemd will have it, which rewrites the file whenever it reloads.
fn rounded(quota: u64, period: u64) -> Option<u64> {
    Some(per_second(quota, period).checked_mul(period)? / SECOND)
}

/// `cpu.max`, likewise.
pub(in crate::cgroup) fn round(value: &str) -> Option<String> {
    let (quota, period) = split(value)?;
    Some(format!("{} {period}", rounded(quota?.try_into().ok()?, period)?))
}

/// v1's `cpu.cfs_quota_us`, likewise, in the period that goes with it.
pub(in crate::cgroup) fn round_quota(value: &str, period: Option<u64>) -> Option<String> {
    let period = period.filter(|period| *period > 0).unwrap_or(PERIOD);
    rounded(value.parse().ok()?, period).map(|quota| quota.to_string())
}

/// `0-3,8` as a bit for each, the least first.
fn bits(set: &str) -> Option<Vec<u8>> {
    const MOST: usize = 8192;
    let mut bytes = Vec::new();
    for range in set.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok().filter(|last| *last < MOST)?);
        for bit in first..=last {
            bytes.resize(bytes.len().max(bit / 8 + 1), 0);
            bytes[bit / 8] |= 1 << (bit % 8);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const NEW: u32 = 257;

    fn text(properties: &[Property]) -> String {
        let value = |value: &Value| match value {
            Value::Number(INFINITY) => "infinity".to_owned(),
            Value::Number(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        properties.iter().map(|(name, own)| format!("{name}={}\n", value(own))).collect()
    }

    fn check(systemd: u32, resources: &str, expected: Expect) {
        let resources = serde_json::from_str(resources).unwrap();
        expected.assert_eq(&unified(&resources, systemd).map_or_else(|error| error.to_string(), |properties| text(&properties)));
    }

    #[test]
    fn limits_are_told_as_v2_counts_them() {
        check(
            NEW,
            r#"{"memory":{"limit":200,"swap":500,"reservation":100},"cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0-3,8","mems":"0"},
                "pids":{"limit":0}}"#,
            expect![[r#"
                MemoryMax=200
                MemoryLow=100
                MemorySwapMax=300
                CPUWeight=59
                CPUQuotaPeriodUSec=100000
                CPUQuotaPerSecUSec=500000
                AllowedCPUs=Bytes([15, 1])
                AllowedMemoryNodes=Bytes([1])
                TasksMax=1
            "#]],
        );
        check(
            NEW,
            r#"{"memory":{"limit":-1},"pids":{"limit":-1},"cpu":{"quota":-1}}"#,
            expect![[r#"
                MemoryMax=infinity
                MemorySwapMax=infinity
                CPUQuotaPerSecUSec=infinity
                TasksMax=infinity
            "#]],
        );
        check(NEW, r#"{"memory":{},"cpu":{"shares":0,"quota":0,"cpus":""}}"#, expect![""]);
        check(NEW, r#"{"memory":{"swap":5}}"#, expect!["linux.resources.memory: unable to set swap limit without memory limit"]);
    }

    #[test]
    fn a_period_is_told_only_if_it_is_asked_for() {
        check(
            NEW,
            r#"{"cpu":{"quota":1001}}"#,
            expect![[r#"
            CPUQuotaPerSecUSec=20000
        "#]],
        );
        check(
            NEW,
            r#"{"cpu":{"period":20000}}"#,
            expect![[r#"
            CPUQuotaPeriodUSec=20000
            CPUQuotaPerSecUSec=infinity
        "#]],
        );
    }

    #[test]
    fn an_idle_container_has_no_weight_beside() {
        check(
            NEW,
            r#"{"cpu":{"idle":1,"shares":1024}}"#,
            expect![[r#"
            CPUWeight=0
        "#]],
        );
        check(
            NEW,
            r#"{"cpu":{"idle":0,"shares":1024}}"#,
            expect![[r#"
            CPUWeight=100
        "#]],
        );
        check(
            NEW,
            r#"{"unified":{"cpu.idle":" 1 ","cpu.weight":"7"}}"#,
            expect![[r#"
            CPUWeight=0
        "#]],
        );
    }

    #[test]
    fn an_old_systemd_is_told_what_it_knows() {
        let all = r#"{"cpu":{"shares":1024,"idle":1,"quota":1000,"period":10000,"cpus":"0"},"unified":{"cpuset.mems":"0"}}"#;
        check(
            251,
            all,
            expect![[r#"
            CPUWeight=100
            CPUQuotaPeriodUSec=10000
            CPUQuotaPerSecUSec=100000
            AllowedCPUs=Bytes([1])
            AllowedMemoryNodes=Bytes([1])
        "#]],
        );
        check(
            243,
            all,
            expect![[r#"
            CPUWeight=100
            CPUQuotaPeriodUSec=10000
            CPUQuotaPerSecUSec=100000
        "#]],
        );
        check(
            241,
            all,
            expect![[r#"
            CPUWeight=100
            CPUQuotaPerSecUSec=100000
        "#]],
        );
    }

    /// By systemd's own news: a quota's period since 242, sets of CPUs since 244, a weight of idle since 252.
    #[test]
    fn what_a_systemd_knows_it_knows_from_its_first_version_on() {
        let names = |systemd: u32, resources: &str| {
            let told = unified(&serde_json::from_str(resources).unwrap(), systemd).unwrap();
            told.into_iter().map(|(name, _)| name.into_owned()).collect::<Vec<_>>()
        };
        let period = r#"{"cpu":{"quota":1000,"period":10000}}"#;
        assert_eq!(names(241, period), ["CPUQuotaPerSecUSec"]);
        assert_eq!(names(242, period), ["CPUQuotaPeriodUSec", "CPUQuotaPerSecUSec"]);
        for sets in [r#"{"cpu":{"cpus":"0","mems":"0"}}"#, r#"{"unified":{"cpuset.cpus":"0","cpuset.mems":"0"}}"#] {
            assert_eq!(names(243, sets), [""; 0]);
            assert_eq!(names(244, sets), ["AllowedCPUs", "AllowedMemoryNodes"]);
        }
        for idle in [r#"{"cpu":{"idle":1}}"#, r#"{"unified":{"cpu.idle":"1"}}"#] {
            assert_eq!(names(251, idle), [""; 0]);
            assert_eq!(names(252, idle), ["CPUWeight"]);
        }
    }

    #[test]
    fn the_memory_of_unified_is_told_by_the_names_of_its_files() {
        check(
            NEW,
            r#"{"unified":{"memory.max":"1","memory.high":"2","memory.low":"3","memory.min":"4","memory.swap.max":"5"}}"#,
            expect![[r#"
                MemoryHigh=2
                MemoryLow=3
                MemoryMax=1
                MemoryMin=4
                MemorySwapMax=5
            "#]],
        );
    }

    #[test]
    fn files_of_unified_are_told_as_far_as_systemd_knows_them() {
        check(
            NEW,
            r#"{"unified":{"memory.high":"5","memory.min":"max","memory.low":"x","pids.max":"0","cpu.max":"333 1000","cpu.weight":"77",
                "cpuset.cpus":"9","io.max":"8:0 rbps=1","memory.oom.group":"1"}}"#,
            expect![[r#"
                CPUQuotaPeriodUSec=1000
                CPUQuotaPerSecUSec=340000
                CPUWeight=77
                AllowedCPUs=Bytes([0, 2])
                MemoryHigh=5
                MemoryMin=infinity
                TasksMax=1
            "#]],
        );
        for value in ["", "1 0", "x 5", "max x"] {
            check(NEW, &format!(r#"{{"unified":{{"cpu.max":{value:?}}}}}"#), expect![""]);
        }
    }

    #[test]
    fn v1_has_names_of_its_own() {
        let resources = r#"{"memory":{"limit":200,"swap":500},"cpu":{"shares":512,"quota":1001,"period":100000,"cpus":"0"},
            "pids":{"limit":-1},"blockIO":{"weight":300}}"#;
        expect![[r#"
            MemoryLimit=200
            CPUShares=512
            CPUQuotaPeriodUSec=100000
            CPUQuotaPerSecUSec=20000
            AllowedCPUs=Bytes([1])
            BlockIOWeight=300
            TasksMax=infinity
        "#]]
        .assert_eq(&text(&legacy(&serde_json::from_str(resources).unwrap(), NEW)));
    }

    #[test]
    fn a_quota_in_a_file_is_rounded_up_to_a_hundredth_of_a_cpu() {
        let table = [("1001 100000", Some("2000 100000")), ("50000 100000", Some("50000 100000")), ("max 100000", None)];
        for (asked, file) in table {
            assert_eq!(round(asked).as_deref(), file, "{asked}");
        }
        for (asked, period, file) in [("1001", None, Some("2000")), ("333", Some(1000), Some("340")), ("-1", None, None)] {
            assert_eq!(round_quota(asked, period).as_deref(), file, "{asked}");
        }
    }

    #[test]
    fn a_set_of_cpus_is_a_bit_for_each() {
        let table: [(&str, &[u8]); 4] = [("0", &[1]), ("0-3,8", &[15, 1]), ("9", &[0, 2]), (" 1, 3-4 ", &[0b11010])];
        for (set, bytes) in table {
            assert_eq!(bits(set).as_deref(), Some(bytes), "{set}");
        }
        for set in ["", "a", "1-", "3-1", "0-99999999999"] {
            assert_eq!(bits(set), None, "{set}");
        }
    }
}
