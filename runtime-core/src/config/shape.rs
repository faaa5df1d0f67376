//! Lists where the specification has objects.
//!
//! The types would take a JSON list for an object and read its items as the properties in their order: `"hooks": []` would be no
//! hooks at all. Whoever wrote that meant something else, so it is refused. The text is looked at once, without building anything; only if
//! a name of such a property is followed by a list is the document read to see whether it stands where the property does.

use super::refuse;
use crate::error::Result;
use serde_json::Value;

/// Every property of a config that is an object with properties of its own. Maps of any keys are no lists to the types either.
const OBJECTS: [&str; 25] = [
    "",
    "/root",
    "/process",
    "/process/user",
    "/process/consoleSize",
    "/process/capabilities",
    "/process/scheduler",
    "/process/ioPriority",
    "/process/execCPUAffinity",
    "/hooks",
    "/linux",
    "/linux/resources",
    "/linux/resources/memory",
    "/linux/resources/cpu",
    "/linux/resources/pids",
    "/linux/resources/blockIO",
    "/linux/resources/network",
    "/linux/seccomp",
    "/linux/intelRdt",
    "/linux/personality",
    "/linux/timeOffsets",
    "/linux/timeOffsets/monotonic",
    "/linux/timeOffsets/boottime",
    "/linux/memoryPolicy",
    "/linux/resources/rdma",
];

/// Every property that is a list of objects, or a map of any keys to objects. `*` is each item of another one.
const LISTS: [&str; 27] = [
    "/mounts",
    "/mounts/*/uidMappings",
    "/mounts/*/gidMappings",
    "/process/rlimits",
    "/hooks/prestart",
    "/hooks/createRuntime",
    "/hooks/createContainer",
    "/hooks/startContainer",
    "/hooks/poststart",
    "/hooks/poststop",
    "/linux/namespaces",
    "/linux/devices",
    "/linux/uidMappings",
    "/linux/gidMappings",
    "/linux/netDevices",
    "/linux/seccomp/syscalls",
    "/linux/seccomp/syscalls/*/args",
    "/linux/resources/devices",
    "/linux/resources/hugepageLimits",
    "/linux/resources/rdma",
    "/linux/resources/network/priorities",
    "/linux/resources/blockIO/weightDevice",
    "/linux/resources/blockIO/throttleReadBpsDevice",
    "/linux/resources/blockIO/throttleWriteBpsDevice",
    "/linux/resources/blockIO/throttleReadIOPSDevice",
    "/linux/resources/blockIO/throttleWriteIOPSDevice",
    "/linux/timeOffsets",
];

/// Refuses the first of the properties that is given as a list. `prefix` is where in a config the document would stand.
pub(super) fn refuse_lists(json: &str, prefix: &str) -> Result<()> {
    if !may_be_in(json) {
        return Ok(());
    }
    // What is no JSON is told by who reads it next.
    let Ok(document) = serde_json::from_str::<Value>(json) else { return Ok(()) };
    match OBJECTS.iter().find(|path| is_list(&document, path, prefix)) {
        Some(&"") => refuse("the document", WRONG),
        Some(path) => refuse(path.trim_start_matches('/').replace('/', "."), WRONG),
        None => LISTS.iter().try_for_each(|path| refuse_items(&document, path, prefix)),
    }
}

/// Refuses the first item of a property that is a list.
fn refuse_items(document: &Value, path: &str, prefix: &str) -> Result<()> {
    let Some(inside) = path.strip_prefix(prefix) else { return Ok(()) };
    let named = prefix.trim_start_matches('/').to_owned();
    let mut places = vec![(named, document)];
    for key in inside.split('/').skip(1).chain(["*"]) {
        places = places.into_iter().flat_map(|(name, value)| below(&name, value, key)).collect();
    }
    match places.into_iter().find(|(_, item)| item.is_array()) {
        Some((name, _)) => refuse(name, WRONG),
        None => Ok(()),
    }
}

/// What is at a key, or all items for `*`, each with its name.
fn below<'a>(name: &str, value: &'a Value, key: &str) -> Vec<(String, &'a Value)> {
    let dotted = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match (key, value) {
        ("*", Value::Array(items)) => items.iter().enumerate().map(|(index, item)| (format!("{name}[{index}]"), item)).collect(),
        ("*", Value::Object(items)) => items.iter().map(|(key, item)| (dotted(key), item)).collect(),
        (key, value) => value.get(key).map(|value| (dotted(key), value)).into_iter().collect(),
    }
}

const WRONG: &str = "invalid type: a list, expected an object";

fn is_list(document: &Value, path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).and_then(|path| document.pointer(path)).is_some_and(Value::is_array)
}

/// Is one of the names followed by a list, or a list in a list? An escape may spell any name, and maps have any names.
fn may_be_in(json: &str) -> bool {
    json.trim_start().starts_with('[') || suspect(json).is_some() || has_map_of_objects(json)
}

fn has_map_of_objects(json: &str) -> bool {
    json.contains("\"netDevices\"") || json.contains("\"rdma\"")
}

fn suspect(json: &str) -> Option<&str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    // Only in a list can a list follow a bracket or a comma.
    let mut before = b'{';
    while let Some(&byte) = bytes.get(at) {
        if byte != b'"' {
            if byte == b'[' && matches!(before, b'[' | b',') {
                return Some("");
            }
            before = if byte.is_ascii_whitespace() { before } else { byte };
            at += 1;
            continue;
        }
        before = byte;
        let end = string_end(bytes, at + 1)?;
        let name = json.get(at + 1..end)?;
        at = end + 1;
        if opens_a_list(bytes.get(at..)?) && (name.contains('\\') || is_name(name)) {
            return Some(name);
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    OBJECTS.iter().any(|path| path.rsplit('/').next() == Some(name))
}

/// Where the string that begins at `start` has its closing quote.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Is what follows a string `: [`?
fn opens_a_list(rest: &[u8]) -> bool {
    rest.trim_ascii_start().strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().first() == Some(&b'['))
}

#[cfg(test)]
mod tests {
    use super::refuse_lists;

    fn check(json: &str, prefix: &str, found: Option<&str>) {
        let told = refuse_lists(json, prefix).err().map(|error| error.to_string());
        assert_eq!(told, found.map(|name| format!("config.json: {name}: invalid type: a list, expected an object")), "{json}");
    }

    #[test]
    fn a_list_is_found_where_an_object_belongs_and_nowhere_else() {
        check(r#"{"hooks": []}"#, "", Some("hooks"));
        check("{\"linux\" :\n\t[1]}", "", Some("linux"));
        check(r#"{"linux":{"resources":{"cpu":[5]}}}"#, "", Some("linux.resources.cpu"));
        check(r#"{"h\u006foks": []}"#, "", Some("hooks"));
        check("[]", "", Some("the document"));
        check(r#"{"user": []}"#, "/process", Some("process.user"));
        check(r#"{"annotations": {"a\"": "b"}, "hooks": []}"#, "", Some("hooks"));
        check(r#"{"hooks": {"poststop": []}}"#, "", None);
        check(r#"{"args": ["hooks", "[", "\"hooks\": ["]}"#, "", None);
        check(r#"{"args": ["\\", "linux"], "mounts": []}"#, "", None);
        check(r#"{"my hooks": [], "Hooks": [], "other": {"hooks": []}}"#, "", None);
        check(r#"{"hooks"#, "", None);
    }

    #[test]
    fn an_item_that_is_a_list_is_found_too() {
        check(r#"{"mounts": [{"destination": "/a"}, ["/b"]]}"#, "", Some("mounts[1]"));
        check(r#"{"linux": {"devices": [ ["c", "/dev/a"] ]}}"#, "", Some("linux.devices[0]"));
        check(r#"{"hooks": {"createContainer": [{"path": "/a"}, {"path": "/b"},["/c"]]}}"#, "", Some("hooks.createContainer[2]"));
        check(r#"{"linux": {"seccomp": {"syscalls": [{}, {"args": [[0]]}]}}}"#, "", Some("linux.seccomp.syscalls[1].args[0]"));
        check(r#"{"linux": {"netDevices": {"eth0": []}}}"#, "", Some("linux.netDevices.eth0"));
        check(r#"{"rlimits": [[1]]}"#, "/process", Some("process.rlimits[0]"));
        check(r#"{"future": [[1]], "args": ["[", "[,["]}"#, "", None);
    }
}
