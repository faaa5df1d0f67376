//! `org.systemd.property.<Name>`: properties that a config asks for by annotations, in GVariant's text format.
//!
//! Whoever writes these has systemd do things as root. They are told as they are: what systemd does not know, it refuses.
//!
//! Invariant: pure.

use super::gvariant;
use super::message::{Property, Value};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

const KEY: &str = "org.systemd.property.";

const SECOND: u64 = 1_000_000;

/// The properties among the annotations.
pub(super) fn properties(annotations: &BTreeMap<String, String>) -> Result<Vec<Property>> {
    let own = annotations.iter().filter_map(|(key, value)| Some((key, key.strip_prefix(KEY)?, value)));
    own.map(|(key, name, value)| one(name, value).map_err(|what| Error::config("annotations", format_args!("annotation {key}{what}"))))
        .collect()
}

fn one(name: &str, text: &str) -> std::result::Result<Property, String> {
    check(name).map_err(|what| format!(" name incorrect: {what}"))?;
    let refuse = |what: String| format!("={text} value parse error: {what}");
    let value = gvariant::parse(text).map_err(refuse)?;
    match seconds(name) {
        None => Ok((name.to_owned().into(), value)),
        Some(stem) => Ok((format!("{stem}USec").into(), Value::Number(micros(&value).ok_or_else(|| refuse("not a number".into()))?))),
    }
}

fn check(name: &str) -> std::result::Result<(), &'static str> {
    match name {
        name if name.len() < 3 => Err("too short"),
        name if !name.bytes().all(|letter| letter.is_ascii_alphabetic()) => Err("contains non-alphabetic character"),
        _ => Ok(()),
    }
}

/// A time is given in seconds, as in a unit's file; over the bus it has another name, and is in µs.
fn seconds(name: &str) -> Option<&str> {
    name.strip_suffix("Sec").filter(|stem| stem.ends_with(|letter: char| letter.is_ascii_lowercase()))
}

/// More than there can be, or less than nothing, is no limit.
fn micros(value: &Value) -> Option<u64> {
    let whole = |seconds: i64| u64::try_from(seconds).map_or(u64::MAX, |seconds| seconds.saturating_mul(SECOND));
    Some(match value {
        Value::Byte(number) => u64::from(*number) * SECOND,
        Value::Uint16(number) => u64::from(*number) * SECOND,
        Value::Uint32(number) => u64::from(*number) * SECOND,
        Value::Number(number) => number.saturating_mul(SECOND),
        Value::Int16(number) => whole((*number).into()),
        Value::Int32(number) => whole((*number).into()),
        Value::Int64(number) => whole(*number),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the ends")]
        Value::Real(bits) => (f64::from_bits(*bits) * 1e6) as u64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<Vec<Property>> {
        properties(&BTreeMap::from([(key.to_owned(), value.to_owned()), ("org.other".to_owned(), "x".to_owned())]))
    }

    #[test]
    fn an_annotation_is_a_property_by_the_end_of_its_name() {
        let table = [
            ("CollectMode", "'inactive-or-failed'", "CollectMode", Value::Text("inactive-or-failed".into())),
            ("TimeoutStopSec", "uint32 23", "TimeoutStopUSec", Value::Number(23_000_000)),
            ("TimeoutStopSec", "1.5", "TimeoutStopUSec", Value::Number(1_500_000)),
            ("TimeoutStopSec", "byte 5", "TimeoutStopUSec", Value::Number(5_000_000)),
            ("TimeoutStopSec", "uint16 5", "TimeoutStopUSec", Value::Number(5_000_000)),
            ("TimeoutStopSec", "uint64 5", "TimeoutStopUSec", Value::Number(5_000_000)),
            ("TimeoutStopSec", "uint64 18446744073709551615", "TimeoutStopUSec", Value::Number(u64::MAX)),
            ("TimeoutStopSec", "int16 5", "TimeoutStopUSec", Value::Number(5_000_000)),
            ("TimeoutStopSec", "int64 5", "TimeoutStopUSec", Value::Number(5_000_000)),
            ("TimeoutStopSec", "-1", "TimeoutStopUSec", Value::Number(u64::MAX)),
            // No time in seconds.
            ("CPUQuotaPerUSec", "uint64 5", "CPUQuotaPerUSec", Value::Number(5)),
            ("Sec", "5", "Sec", Value::Int32(5)),
        ];
        for (name, text, told, value) in table {
            assert_eq!(read(&format!("{KEY}{name}"), text).unwrap(), [(told.into(), value)], "{name} {text}");
        }
    }

    #[test]
    fn an_error_names_the_annotation() {
        let table = [
            ("ab", "1", "annotation org.systemd.property.ab name incorrect: too short"),
            ("a-b", "1", "annotation org.systemd.property.a-b name incorrect: contains non-alphabetic character"),
            ("Abc", "yes", "annotation org.systemd.property.Abc=yes value parse error: unrecognized type \"yes\""),
            ("StopSec", "'x'", "annotation org.systemd.property.StopSec='x' value parse error: not a number"),
        ];
        for (name, text, words) in table {
            let error = read(&format!("{KEY}{name}"), text).unwrap_err().to_string();
            assert!(error.ends_with(words), "{error}");
        }
    }
}
