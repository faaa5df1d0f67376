//! Numbers as they are typed: switches, integers, durations, sizes, ids.
//!
//! The grammars are those of Go's `strconv`, `time.ParseDuration` and of memory sizes in Docker's style, since that is what callers emit.
//! Everything answers `None` for what it does not understand; the caller knows the flag's name and words the error.

use std::time::Duration;

/// `true`, `1`, `T`, … and their opposites.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A decimal integer, or one with `0x`, `0o`, `0` or `0b` in front.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0o" | "0O") => (&digits[2..], 8),
        Some("0b" | "0B") => (&digits[2..], 2),
        Some(two) if two.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    // The digits must not bring a sign of their own.
    let magnitude = i128::from_str_radix(digits, radix).ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_alphanumeric()))?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// A sequence of numbers with units, `1h15m30.918s`; `0` needs none. A negative one is read, and is none at all.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if let Some(positive) = text.strip_prefix('-').filter(|rest| !rest.starts_with(['-', '+'])) {
        return duration(positive).map(|_| Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanos = 0u64;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| c != '.' && !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len()));
        nanos = nanos.checked_add(scaled(number, nanos_of(unit)?)?)?;
        rest = after;
        if rest.is_empty() {
            return Some(Duration::from_nanos(nanos));
        }
    }
}

fn nanos_of(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        "us" | "µs" | "μs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

/// A size in bytes: `512`, `64k`, `1.5g`, `2GiB`; every unit is a power of 1024. `-1` is "no limit".
pub(crate) fn bytes(text: &str) -> Option<i64> {
    if text == "-1" {
        return Some(-1);
    }
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    i64::try_from(scaled(number, bytes_of(&unit)?)?).ok()
}

fn bytes_of(unit: &str) -> Option<u64> {
    let prefix = match unit.strip_suffix('b') {
        Some(rest) => rest.strip_suffix('i').unwrap_or(rest),
        None => unit.strip_suffix('i').unwrap_or(unit),
    };
    match prefix {
        "" if unit.contains('i') => None,
        "" => Some(1),
        "k" => Some(1 << 10),
        "m" => Some(1 << 20),
        "g" => Some(1 << 30),
        "t" => Some(1 << 40),
        "p" => Some(1 << 50),
        _ => None,
    }
}

/// `number × scale` for a decimal such as `1.5`, exact as long as it fits.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    // Digits beyond the eighteenth are less than any unit can show.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let parts = u128::from(digits(fraction)?) * u128::from(scale) / 10u128.pow(u32::try_from(fraction.len()).ok()?);
    digits(whole)?.checked_mul(scale)?.checked_add(u64::try_from(parts).ok()?)
}

/// `uid` or `uid:gid`, numbers only: a name would be looked up in a file the container owns.
pub(crate) fn user(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once(':') {
        Some((uid, gid)) => Some((id(uid)?, Some(id(gid)?))),
        None => Some((id(text)?, None)),
    }
}

/// A user's or group's number.
pub(crate) fn id(text: &str) -> Option<u32> {
    // `u32::from_str` takes a plus sign; an id has none.
    text.parse().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_gos_prefixes() {
        for (text, number) in [("0", 0), ("-1", -1), ("+7", 7), ("0x10", 16), ("010", 8), ("-0b11", -3), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        for text in ["", "-", "x", "1.0", " 1", "--1", "-+1", "09", "9223372036854775808", "0x", "é"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    /// go-runc emits `events --interval=5s`.
    #[test]
    fn durations_are_gos() {
        for (text, millis) in
            [("5s", 5000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("300ms", 300), ("0", 0), ("0s", 0), (".5s", 500), ("-5s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5 s", "5x", ".s", "--5s", "-+5s", "1..5s", "99999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, size) in
            [("512", 512), ("1k", 1 << 10), ("64Mb", 64 << 20), ("2GiB", 2 << 30), ("1.5g", 3 << 29), ("10 kb", 10_240), ("7b", 7)]
        {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        assert_eq!(bytes("-1"), Some(-1));
        for text in ["", "k", "-2", "1x", "1ib", "1kk", "9999999p", "."] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    /// A runtime once read `1` as 0 because it looked at the end of the text first; ids out of range must not wrap either.
    #[test]
    fn users_are_numbers_and_never_wrap() {
        assert_eq!(user("1"), Some((1, None)));
        assert_eq!(user("1000:10"), Some((1000, Some(10))));
        for text in ["", ":", "1:", ":1", "root", "-1", "+1", "4294967296", "1:4294967296", "1:2:3", "1x"] {
            assert_eq!(user(text), None, "{text}");
        }
    }

    #[test]
    fn switches_are_gos() {
        assert_eq!(boolean("T"), Some(true));
        assert_eq!(boolean("False"), Some(false));
        assert_eq!(boolean("yes"), None);
    }
}
