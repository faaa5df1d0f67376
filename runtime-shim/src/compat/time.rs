//! The time of a log record: RFC 3339, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05Z`.
pub(crate) fn seconds(at: SystemTime) -> String {
    format!("{}Z", civil(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()))
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

    fn check(since: u64, text: &str) {
        assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(since)), text);
    }

    /// containerd gives up on a log whose `time` is not RFC 3339.
    #[test]
    fn leap_days_and_year_ends_are_where_the_calendar_has_them() {
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        check(1_735_689_599, "2024-12-31T23:59:59Z");
    }
}
