//! Points in time as engines read them: RFC 3339, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05Z`.
pub(crate) fn seconds(at: SystemTime) -> String {
    format!("{}Z", civil(since_epoch(at).0))
}

/// `2026-01-02T03:04:05.123456789Z`, without the zeros at the end.
pub(crate) fn nanoseconds(at: SystemTime) -> String {
    let (seconds, nanos) = since_epoch(at);
    if nanos == 0 {
        return format!("{}Z", civil(seconds));
    }
    format!("{}.{}Z", civil(seconds), format!("{nanos:09}").trim_end_matches('0'))
}

fn since_epoch(at: SystemTime) -> (u64, u32) {
    let span = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    (span.as_secs(), span.subsec_nanos())
}

/// The proleptic Gregorian calendar, counted from March so that the leap day is a year's last.
fn civil(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(seconds_since: u64, nanos: u32, text: &str) {
        assert_eq!(nanoseconds(UNIX_EPOCH + Duration::new(seconds_since, nanos)), text);
    }

    #[test]
    fn leap_days_and_year_ends_are_where_the_calendar_has_them() {
        check(0, 0, "1970-01-01T00:00:00Z");
        check(951_782_399, 0, "2000-02-28T23:59:59Z");
        check(951_782_400, 0, "2000-02-29T00:00:00Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00Z");
        check(1_735_689_599, 999_999_999, "2024-12-31T23:59:59.999999999Z");
    }

    /// containerd parses `created` as RFC 3339 with a fraction of any length.
    #[test]
    fn a_fraction_has_no_zeros_at_its_end() {
        check(1, 120_000_000, "1970-01-01T00:00:01.12Z");
        check(1, 1, "1970-01-01T00:00:01.000000001Z");
    }

    #[test]
    fn log_records_have_whole_seconds() {
        assert_eq!(seconds(UNIX_EPOCH + Duration::new(60, 5)), "1970-01-01T00:01:00Z");
    }
}
