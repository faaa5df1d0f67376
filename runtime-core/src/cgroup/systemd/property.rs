//! Limits as properties of a unit: what systemd is told, so that it does not undo what the files say.
//!
//! Invariant: pure. A file that systemd has no property for is left to who writes the files.

use super::message::{Property, Value};

/// systemd's "no limit".
const INFINITY: u64 = u64::MAX;

/// What systemd can say of a CPU quota: whole hundredths of a CPU.
const STEP: u64 = 10_000;

const SECOND: u64 = 1_000_000;

/// The properties that mean what these values of v2's files mean.
pub(super) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Property> {
    files.into_iter().flat_map(|(file, value)| one(file, value.trim())).collect()
}

fn one(file: &str, value: &str) -> Vec<Property> {
    let number = |name| limit(value).map(|number| (name, Value::Number(number)));
    let set = |name| bits(value).map(|bytes| (name, Value::Bytes(bytes)));
    let property = match file {
        "memory.max" => number("MemoryMax"),
        "memory.high" => number("MemoryHigh"),
        "memory.low" => number("MemoryLow"),
        "memory.min" => number("MemoryMin"),
        "memory.swap.max" => number("MemorySwapMax"),
        "pids.max" => number("TasksMax"),
        "cpu.weight" => number("CPUWeight"),
        // Since systemd 252 the weight 0 is idle.
        "cpu.idle" if value == "1" => Some(("CPUWeight", Value::Number(0))),
        "cpuset.cpus" => set("AllowedCPUs"),
        "cpuset.mems" => set("AllowedMemoryNodes"),
        "cpu.max" => return quota(value),
        _ => None,
    };
    property.into_iter().collect()
}

fn limit(value: &str) -> Option<u64> {
    if value == "max" { Some(INFINITY) } else { value.parse().ok() }
}

/// `cpu.max`: a quota and its period, in µs.
fn quota(value: &str) -> Vec<Property> {
    let Some((quota, period)) = split(value) else { return Vec::new() };
    let rate = quota.map_or(INFINITY, |quota| per_second(quota, period));
    vec![("CPUQuotaPeriodUSec", Value::Number(period)), ("CPUQuotaPerSecUSec", Value::Number(rate))]
}

fn split(value: &str) -> Option<(Option<u64>, u64)> {
    let mut parts = value.split_whitespace();
    let quota = limit(parts.next()?)?;
    let period = parts.next().map_or(Some(100_000), |period| period.parse().ok()).filter(|period| *period > 0)?;
    Some(((quota != INFINITY).then_some(quota), period))
}

/// Rounded up: a container must not get less than it asked for.
fn per_second(quota: u64, period: u64) -> u64 {
    (quota.saturating_mul(SECOND) / period).checked_next_multiple_of(STEP).unwrap_or(INFINITY)
}

/// `cpu.max` as systemd will have it, which rewrites the file whenever it reloads.
pub(in crate::cgroup) fn round(value: &str) -> Option<String> {
    let (quota, period) = split(value)?;
    let quota = per_second(quota?, period).checked_mul(period)? / SECOND;
    Some(format!("{quota} {period}"))
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

    fn check(file: &str, value: &str, expected: &[Property]) {
        assert_eq!(of([(file, value)]), expected, "{file} = {value}");
    }

    #[test]
    fn a_limit_becomes_a_property() {
        check("memory.max", "67108864", &[("MemoryMax", Value::Number(67_108_864))]);
        check("memory.swap.max", "0", &[("MemorySwapMax", Value::Number(0))]);
        check("memory.low", "max", &[("MemoryLow", Value::Number(u64::MAX))]);
        check("pids.max", "max", &[("TasksMax", Value::Number(u64::MAX))]);
        check("cpu.weight", "59", &[("CPUWeight", Value::Number(59))]);
        check("cpu.idle", "1", &[("CPUWeight", Value::Number(0))]);
        check("cpu.idle", "0", &[]);
        check("hugetlb.2MB.max", "0", &[]);
    }

    #[test]
    fn a_cpu_quota_is_rounded_up_to_a_hundredth_of_a_cpu() {
        let both = |period, rate| vec![("CPUQuotaPeriodUSec", Value::Number(period)), ("CPUQuotaPerSecUSec", Value::Number(rate))];
        check("cpu.max", "50000 100000", &both(100_000, 500_000));
        check("cpu.max", "1001 100000", &both(100_000, 20_000));
        check("cpu.max", "333 1000", &both(1000, 340_000));
        check("cpu.max", "max 20000", &both(20_000, u64::MAX));
        check("cpu.max", "max", &both(100_000, u64::MAX));
        check("cpu.max", "1 0", &[]);
        let table = [("1001 100000", Some("2000 100000")), ("50000 100000", Some("50000 100000")), ("max 100000", None)];
        for (asked, file) in table {
            assert_eq!(round(asked).as_deref(), file, "{asked}");
        }
    }

    #[test]
    fn a_set_of_cpus_is_a_bit_for_each() {
        let table: [(&str, &[u8]); 4] = [("0", &[1]), ("0-3,8", &[15, 1]), ("9", &[0, 2]), (" 1, 3-4 ", &[0b11010])];
        for (set, bytes) in table {
            check("cpuset.cpus", set, &[("AllowedCPUs", Value::Bytes(bytes.to_vec()))]);
        }
        for set in ["", "a", "1-", "0-99999999999"] {
            check("cpuset.mems", set, &[]);
        }
    }
}
