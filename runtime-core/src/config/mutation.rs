//! Any document gets a config or one line of words: every node of a full `config.json` is removed and replaced in turn.

#![allow(clippy::unwrap_used)]

use super::from_slice;
use serde_json::{Value, json};
use std::path::Path;

/// What a node is replaced with.
fn replacements() -> [Value; 15] {
    let deep = (0..100).fold(json!(0), |inner, _| json!([inner]));
    [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("\0\n/../é"),
        json!("0-4294967295"),
        json!("/"),
        json!([]),
        json!([null, 1, "x", {}]),
        json!({"": {"": ""}}),
        json!({"a\nb": 7, "c\0\n": "d"}),
        json!({"a\nb": "c\0", "monotonic\n": {}}),
        deep,
    ]
}

/// A document that has every property at least once.
fn full() -> Value {
    let mut document: Value = serde_json::from_str(&crate::spec::default(crate::spec::Cgroups::V2)).unwrap();
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 10}]);
    let hook = json!([{"path": "/h", "args": ["h"], "env": ["A=b"], "timeout": 1}]);
    document["domainname"] = json!("d");
    document["annotations"] = json!({"a": "b"});
    document["hooks"] = json!({"prestart": hook, "createRuntime": hook, "startContainer": hook, "poststop": hook});
    let bind = json!({"destination": "/b", "source": "/s", "options": ["rbind", "ridmap"], "uidMappings": map, "gidMappings": map});
    document["mounts"].as_array_mut().unwrap().insert(0, bind);
    let process = &mut document["process"];
    process["user"] = json!({"uid": 1, "gid": 1, "umask": 18, "additionalGids": [1, 2]});
    process["consoleSize"] = json!({"height": 1, "width": 1});
    process["scheduler"] = json!({"policy": "SCHED_OTHER", "nice": 1, "flags": ["SCHED_FLAG_DL_OVERRUN"]});
    process["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 1});
    process["execCPUAffinity"] = json!({"initial": "0-3,7", "final": "1"});
    process["oomScoreAdj"] = json!(10);
    let linux = &mut document["linux"];
    linux["namespaces"].as_array_mut().unwrap().extend([json!({"type": "user"}), json!({"type": "time"})]);
    (linux["uidMappings"], linux["gidMappings"]) = (map.clone(), map);
    linux["timeOffsets"] = json!({"monotonic": {"secs": 1, "nanosecs": 1}});
    linux["devices"] = json!([{"path": "/dev/a", "type": "c", "major": 1, "minor": 1, "fileMode": 438, "uid": 0, "gid": 0}]);
    linux["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
    linux["rootfsPropagation"] = json!("rslave");
    linux["personality"] = json!({"domain": "LINUX", "flags": []});
    linux["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]});
    linux["netDevices"] = json!({"eth0": {"name": "eth1"}});
    linux["intelRdt"] = json!({"closID": "a", "schemata": ["L3:0=f"], "enableMonitoring": true});
    linux["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]});
    document
}

/// The JSON pointers of every node; of a list's entries, which are all of one sort, the first two.
fn nodes(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| nodes(value, &format!("{at}/{key}"), found)),
        Value::Array(list) => list.iter().enumerate().take(2).for_each(|(index, value)| nodes(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(key)),
        Some(Value::Array(list)) => drop(list.remove(key.parse().unwrap())),
        _ => {}
    }
}

fn check(document: &Value, change: &str) {
    if let Err(error) = from_slice(document.to_string().as_bytes(), Path::new("/bundle")) {
        let text = error.to_string();
        let named = text.starts_with("config.json: ") && !text.chars().any(char::is_control);
        assert!(named, "{change}: {text:?}");
    }
}

#[test]
fn the_full_document_is_accepted() {
    assert_eq!(from_slice(full().to_string().as_bytes(), Path::new("/bundle")).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn a_document_with_any_node_removed_or_replaced_gets_a_config_or_one_line() {
    let (original, mut pointers) = (full(), Vec::new());
    nodes(&original, "", &mut pointers);
    for pointer in &pointers {
        let mut document = original.clone();
        remove(&mut document, pointer);
        check(&document, &format!("{pointer} removed"));
        for replacement in replacements() {
            let mut document = original.clone();
            *document.pointer_mut(pointer).unwrap() = replacement;
            check(&document, pointer);
        }
    }
}
