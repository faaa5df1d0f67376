//! The second look at a `config.json` that did not fit the types.
//!
//! The specification asks for warnings where the types know only errors: an unknown capability must not keep a container from
//! starting. So the document is taken as plain JSON, what may be set aside is set aside, and what is still wrong is named with
//! its path. Only documents that failed the direct way come here, so the common case does not pay.

use super::{capabilities, one_line, refuse};
use crate::error::{Error, ErrorKind, Result};
use oci_spec::runtime::{LinuxResources, Process, Spec};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Top-level properties of other platforms, and two that never were in the specification but are in the types.
const NOT_OURS: [&str; 6] = ["solaris", "windows", "vm", "zos", "uidMappings", "gidMappings"];

/// A whole `config.json`.
pub(super) fn spec(json: &str, warnings: &mut Vec<String>) -> Result<Spec> {
    let mut value = parse(json)?;
    for name in NOT_OURS {
        value.as_object_mut().and_then(|document| document.remove(name));
    }
    if let Some(process) = object(&mut value, "process") {
        mend_process(process, warnings);
    }
    typed(value, "")
}

/// The document of `exec --process`.
pub(super) fn process(json: &str, warnings: &mut Vec<String>) -> Result<Process> {
    let mut value = parse(json)?;
    if let Some(process) = value.as_object_mut() {
        mend_process(process, warnings);
    }
    typed(value, "process")
}

/// A document like `linux.resources`; null is none.
pub(super) fn resources(json: &str) -> Result<LinuxResources> {
    match parse(json)? {
        Value::Null => Ok(LinuxResources::default()),
        value => typed(value, "linux.resources"),
    }
}

fn parse(json: &str) -> Result<Value> {
    let mut value = serde_json::from_str(json).map_err(|error| unparsable(&error))?;
    drop_nulls(&mut value);
    Ok(value)
}

/// Reads `value` as a `T`, or says which property does not fit.
fn typed<T: DeserializeOwned>(value: Value, prefix: &str) -> Result<T> {
    serde_path_to_error::deserialize(value).or_else(|error| {
        let path = error.path().to_string();
        let why = error.into_inner();
        match (prefix, path.as_str()) {
            ("", ".") => Err(unparsable(&why)),
            ("", path) => refuse(path, why),
            (prefix, ".") => refuse(prefix, why),
            (prefix, path) => refuse(format_args!("{prefix}.{path}"), why),
        }
    })
}

fn unparsable(why: &serde_json::Error) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("config.json: {}", one_line(&why.to_string())))
}

/// A property that is null is one that is not there.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn object<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    value.get_mut(key)?.as_object_mut()
}

fn mend_process(process: &mut Map<String, Value>, warnings: &mut Vec<String>) {
    // Without a user it is root; without a cwd it is refused with the words that engines know.
    process.entry("user").or_insert_with(|| Value::Object(Map::new()));
    process.entry("cwd").or_insert_with(|| Value::String(String::new()));
    if let Some(sets) = process.get_mut("capabilities").and_then(Value::as_object_mut) {
        drop_unknown_capabilities(sets, warnings);
    }
    if let Some(affinity) = process.get_mut("execCPUAffinity").and_then(Value::as_object_mut) {
        affinity.retain(|_, cpus| cpus != "");
    }
    if let Some(flags) = process.get_mut("scheduler").and_then(|scheduler| scheduler.get_mut("flags")) {
        respell_flags(flags);
    }
}

fn drop_unknown_capabilities(sets: &mut Map<String, Value>, warnings: &mut Vec<String>) {
    let mut unknown: Vec<String> = Vec::new();
    for set in sets.values_mut().filter_map(Value::as_array_mut) {
        set.retain(|name| match name {
            Value::String(text) if !capabilities::is_name(text) => {
                unknown.push(format!("{text:?}"));
                false
            }
            _ => true,
        });
    }
    if !unknown.is_empty() {
        unknown.sort();
        unknown.dedup();
        warnings.push(format!("process.capabilities: unknown capabilities are ignored: {}", unknown.join(", ")));
    }
}

/// oci-spec 0.10 derives these flags' names from its own spelling and so does not know the specification's.
fn respell_flags(flags: &mut Value) {
    const NAMES: [(&str, &str); 2] =
        [("SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_D_L_OVERRUN"), ("SCHED_FLAG_RESET_ON_FORK", "SCHED_RESET_ON_FORK")];
    for flag in flags.as_array_mut().into_iter().flatten() {
        if let Some((_, own)) = NAMES.iter().find(|(name, _)| flag == name) {
            *flag = Value::from(*own);
        }
    }
}
