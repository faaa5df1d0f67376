//! The numbers of `linux.resources`, which are v1's, as v2 wants them.

use crate::error::{Error, ErrorKind, Result};

/// `cpu.shares` (2…262144, usually 1024) as `cpu.weight` (1…10000, usually 100); none for 0, which means unset.
///
/// A curve through the least, the usual and the greatest of both: 10^((log₂²s + 125·log₂s)/612 − 7/34).
pub(in crate::cgroup) fn weight_from_shares(shares: u64) -> Option<u64> {
    match shares {
        0 => None,
        1..=2 => Some(1),
        262_144.. => Some(10_000),
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "below 2^18")]
            let log = (shares as f64).log2();
            let weight = 10_f64.powf((log * log + 125.0 * log) / 612.0 - 7.0 / 34.0).ceil();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 10000")]
            Some(weight as u64)
        }
    }
}

/// `blkio.weight` (10…1000) as `io.weight` (1…10000): a straight line. Less than 10 is no v1 weight and becomes the least.
pub(super) fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.saturating_sub(10)) * 9999 / 990
}

/// Memory and swap together, as v1 and the config count, less memory: what v2 counts. None: not to be set.
pub(in crate::cgroup) fn swap_alone(limit: i64, swap: i64) -> Result<Option<i64>> {
    match (limit, swap) {
        (-1, 0) => Ok(Some(-1)),
        (_, 0) => Ok(None),
        (_, -1) => Ok(Some(-1)),
        (-1, swap) => Ok(Some(swap)),
        (0, _) => Err(memory_error("unable to set swap limit without memory limit")),
        (limit, _) if limit < 0 => Err(memory_error(format!("invalid memory value: {limit}"))),
        (limit, swap) if swap < limit => Err(memory_error("memory+swap limit should be >= memory limit")),
        (limit, swap) => Ok(Some(swap - limit)),
    }
}

/// `checkBeforeUpdate` on v2.
pub(super) fn refuse_below(usage: u64, limit: Option<i64>, swap: Option<i64>) -> Result<()> {
    let too_low = |limit: Option<i64>| limit.filter(|limit| u64::try_from(*limit).is_ok_and(|limit| limit > 0 && limit <= usage));
    if let Some(swap) = too_low(swap) {
        return Err(memory_error(format!("rejecting memory+swap limit {swap} <= usage {usage}")));
    }
    match too_low(limit) {
        Some(limit) => Err(memory_error(format!("rejecting memory limit {limit} <= usage {usage}"))),
        None => Ok(()),
    }
}

/// `memory.max` and its like: −1 is no limit, 0 is unset.
pub(super) fn or_max(value: i64) -> Option<String> {
    match value {
        0 => None,
        -1 => Some("max".into()),
        value => Some(value.to_string()),
    }
}

/// `pids.max`: below 0 no limit. 0 would forbid what is there already, and systemd cannot say it: it becomes 1.
pub(super) fn pids_max(limit: i64) -> String {
    if limit < 0 { "max".into() } else { limit.max(1).to_string() }
}

/// `cpu.max`: the kernel's own period where the config has none.
pub(super) fn cpu_max(quota: Option<i64>, period: Option<u64>) -> Option<String> {
    let (quota, period) = (quota.filter(|quota| *quota != 0), period.filter(|period| *period != 0));
    if quota.is_none() && period.is_none() {
        return None;
    }
    let quota = quota.filter(|quota| *quota > 0).map_or_else(|| "max".to_owned(), |quota| quota.to_string());
    Some(format!("{quota} {}", period.unwrap_or(100_000)))
}

/// `rdma.max`: a device and what it may have.
pub(super) fn rdma(device: &str, handles: Option<u32>, objects: Option<u32>) -> String {
    let handles = handles.map(|count| format!(" hca_handle={count}")).unwrap_or_default();
    let objects = objects.map(|count| format!(" hca_object={count}")).unwrap_or_default();
    format!("{device}{handles}{objects}")
}

fn memory_error(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, what).during("linux.resources.memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_meet_the_weights_that_other_runtimes_choose() {
        let table = [
            (0, None),
            (1, Some(1)),
            (2, Some(1)),
            (3, Some(2)),
            (1024, Some(100)),
            (512, Some(59)),
            (2048, Some(174)),
            (262_143, Some(10_000)),
        ];
        let table = table.into_iter().chain([(262_144, Some(10_000)), (u64::MAX, Some(10_000)), (10_000, Some(627))]);
        for (shares, weight) in table {
            assert_eq!(weight_from_shares(shares), weight, "{shares}");
        }
    }

    #[test]
    fn a_larger_share_never_has_a_smaller_weight() {
        let weights: Vec<_> = (1..=262_144).map(weight_from_shares).collect();
        assert!(weights.is_sorted());
    }

    #[test]
    fn io_weights_cover_the_whole_range_without_overflow() {
        for (weight, expected) in [(0, 1), (10, 1), (17, 71), (100, 910), (500, 4950), (1000, 10_000), (u16::MAX, 661_803)] {
            assert_eq!(io_weight(weight), expected, "{weight}");
        }
    }

    #[test]
    fn swap_is_counted_without_memory() {
        let table =
            [(0, 0, None), (-1, 0, Some(-1)), (5, 0, None), (5, -1, Some(-1)), (0, -1, Some(-1)), (-1, 7, Some(7)), (5, 5, Some(0))];
        for (limit, swap, expected) in table.into_iter().chain([(5, 8, Some(3))]) {
            assert_eq!(swap_alone(limit, swap).unwrap(), expected, "{limit} {swap}");
        }
        for (limit, swap, expected) in [
            (0, 7, "unable to set swap limit without memory limit"),
            (8, 7, "memory+swap limit should be >= memory limit"),
            (-2, 7, "invalid memory value: -2"),
        ] {
            let error = swap_alone(limit, swap).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn cpu_max_says_both_numbers() {
        let table =
            [(Some(5000), Some(10_000), Some("5000 10000")), (Some(5000), None, Some("5000 100000")), (None, Some(7), Some("max 7"))];
        let table = table.into_iter().chain([(Some(-1), None, Some("max 100000")), (Some(0), Some(0), None), (None, None, None)]);
        for (quota, period, expected) in table {
            assert_eq!(cpu_max(quota, period).as_deref(), expected);
        }
    }

    #[test]
    fn a_limit_of_no_processes_is_one_process() {
        assert_eq!([-1, 0, 1, 9].map(pids_max), ["max", "1", "1", "9"]);
    }

    #[test]
    fn an_update_below_the_usage_is_refused_only_where_it_limits() {
        assert!(refuse_below(100, Some(-1), Some(0)).is_ok());
        assert!(refuse_below(100, Some(101), None).is_ok());
        assert!(refuse_below(100, Some(100), None).unwrap_err().to_string().contains("rejecting memory limit 100 <= usage 100"));
        assert!(refuse_below(100, None, Some(9)).unwrap_err().to_string().contains("rejecting memory+swap limit 9 <= usage 100"));
    }
}
