//! NUL bytes: JSON can hold them, the kernel's strings cannot.

use super::refuse;
use crate::error::Result;
use serde::Serialize;
use serde_json::Value;

/// Can `json` hold a NUL? Raw control characters are not JSON, so the escape is the only way.
pub(super) fn may_be_in(json: &str) -> bool {
    json.contains("\\u0000")
}

/// Names the first string of `document` that has a NUL in it, as a property below `prefix`.
pub(super) fn refuse_in(document: &impl Serialize, prefix: Option<&str>) -> Result<()> {
    // What cannot be written as JSON was not read from it: nothing to find.
    let Ok(value) = serde_json::to_value(document) else { return Ok(()) };
    match find(&value, prefix.unwrap_or_default()) {
        Some(property) => refuse(property, "has a NUL byte in it"),
        None => Ok(()),
    }
}

fn find(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| at.to_owned()),
        Value::Array(list) => list.iter().enumerate().find_map(|(index, item)| find(item, &format!("{at}[{index}]"))),
        Value::Object(map) => map.iter().find_map(|(key, item)| match key.contains('\0') {
            true => Some(format!("{}: the key {key:?}", if at.is_empty() { "document" } else { at })),
            false => find(item, &format!("{at}{}{key}", if at.is_empty() { "" } else { "." })),
        }),
        _ => None,
    }
}
