//! What this room's tests share: a small valid `config.json`, and changes to it as JSON merge patches.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::Config;
use crate::error::Result;
use serde_json::{Value, json};
use std::path::Path;

/// A valid document, short enough to see what a patch does to it.
pub(super) fn base() -> Value {
    json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/"},
        "linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]},
    })
}

/// Merges `patch` into `document` as RFC 7396 says; a null removes.
fn merge(document: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *document = patch;
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    let object = document.as_object_mut().unwrap();
    for (key, value) in patch {
        match value {
            Value::Null => drop(object.remove(&key)),
            value => merge(object.entry(key).or_insert(Value::Null), value),
        }
    }
}

/// Reads the base with `patch` merged into it, as the bundle `/bundle`'s.
pub(super) fn patched(patch: Value) -> Result<Config> {
    let mut document = base();
    merge(&mut document, patch);
    super::from_slice(document.to_string().as_bytes(), Path::new("/bundle"))
}

/// The config that the base with `patch` makes, without a warning.
pub(super) fn accepted(patch: Value) -> Config {
    let config = patched(patch).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    config
}

/// The warnings of an accepted config.
pub(super) fn warned(patch: Value) -> Vec<String> {
    patched(patch).unwrap().warnings
}

/// The words a config is refused with.
pub(super) fn refused(patch: Value) -> String {
    let shown = patch.to_string();
    match patched(patch) {
        Ok(_) => panic!("accepted: {shown}"),
        Err(error) => error.to_string(),
    }
}
