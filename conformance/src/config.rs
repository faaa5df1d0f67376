//! The config of a case: the default one (what `runc spec` writes, without a terminal), edited.

use crate::case::Edit;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const DEFAULT: &str = include_str!("default.json");
const LOOK: &str = include_str!("look.sh");

/// What stands for `{name}` in strings of a config and words of a command.
#[derive(Default, Clone)]
pub(crate) struct Places(BTreeMap<String, String>);

impl Places {
    pub(crate) fn new() -> Self {
        let mut places = Self::default();
        places.name("look", LOOK);
        places
    }

    pub(crate) fn name(&mut self, name: &str, value: &str) {
        self.0.insert(format!("{{{name}}}"), value.to_owned());
    }

    /// `text` with every name replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            if text.contains(name) {
                text = text.replace(name, value);
            }
        }
        text
    }
}

/// The text of the edited config, or nothing where the case wants no file.
pub(crate) fn text(edits: &[Edit], places: &Places) -> Option<String> {
    let mut config: Value = serde_json::from_str(DEFAULT).unwrap_or_default();
    let mut text = None;
    let mut cut = usize::MAX;
    for edit in edits {
        match edit {
            Edit::Set(pointer, value) => set(&mut config, pointer, value.clone()),
            Edit::Push(pointer, value) => push(&mut config, pointer, value.clone()),
            Edit::Long(pointer, length) => set(&mut config, pointer, "x".repeat(*length).into()),
            Edit::Copies(pointer, count, value) => (0..*count).for_each(|_| push(&mut config, pointer, value.clone())),
            Edit::Remove(pointer) => remove(&mut config, pointer),
            Edit::Text(raw) => text = Some((*raw).to_owned()),
            Edit::Cut(length) => cut = *length,
            Edit::Missing => return None,
        }
    }
    fill(&mut config, places);
    let mut text = text.unwrap_or_else(|| config.to_string());
    text.truncate(cut);
    Some(text)
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    let mut at = config;
    for key in pointer.split('/').skip(1) {
        at = child(at, key);
    }
    *at = value;
}

// Keys of the config never hold `~0` or `~1`; annotations with a slash are set as one object.
fn child<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    match value {
        Value::Array(items) => {
            let at = key.parse().unwrap_or(items.len());
            if at >= items.len() {
                items.push(Value::Null);
            }
            let last = items.len() - 1;
            &mut items[at.min(last)]
        }
        other => {
            if !other.is_object() {
                *other = Value::Object(Map::new());
            }
            &mut other[key]
        }
    }
}

fn push(config: &mut Value, pointer: &str, value: Value) {
    match config.pointer_mut(pointer) {
        Some(Value::Array(items)) => items.push(value),
        _ => set(config, pointer, Value::Array(vec![value])),
    }
}

fn remove(config: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match config.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(key)),
        Some(Value::Array(items)) => drop(key.parse::<usize>().ok().filter(|at| *at < items.len()).map(|at| items.remove(at))),
        _ => {}
    }
}

fn fill(value: &mut Value, places: &Places) {
    match value {
        Value::String(text) if text.contains('{') => *text = places.fill(text),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, places)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, places)),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Places, text};
    use crate::case::Edit;
    use serde_json::{Value, json};

    #[test]
    fn edits_are_made_in_order_and_names_are_filled_in_afterwards() {
        let mut places = Places::new();
        places.name("dir", "/there");
        let edits = [
            Edit::Set("/process/user/umask", json!(18)),
            Edit::Push("/process/rlimits", json!({"type": "{dir}/x"})),
            Edit::Remove("/linux/namespaces/1"),
            Edit::Push("/hooks/prestart", json!({"path": "/a"})),
        ];
        let config: Value = serde_json::from_str(&text(&edits, &places).unwrap()).unwrap();
        assert_eq!(config["process"]["user"], json!({"uid": 0, "gid": 0, "umask": 18}));
        assert_eq!(config["process"]["rlimits"][1]["type"], "/there/x");
        assert_eq!(config["linux"]["namespaces"][1]["type"], "ipc");
        assert_eq!(config["hooks"]["prestart"][0]["path"], "/a");
        assert!(config["process"]["args"][2].as_str().unwrap().contains("== $1"));
    }
}
