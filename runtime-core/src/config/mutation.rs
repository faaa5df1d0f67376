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
    document["hooks"] = json!({
        "prestart": hook, "createRuntime": hook, "createContainer": hook, "startContainer": hook, "poststart": hook, "poststop": hook,
    });
    let bind = json!({"destination": "/b", "source": "/s", "options": ["rbind", "ridmap"], "uidMappings": map, "gidMappings": map});
    document["mounts"].as_array_mut().unwrap().insert(0, bind);
    process(&mut document["process"]);
    linux(&mut document["linux"], &map);
    document["linux"]["resources"] = resources();
    document["linux"]["seccomp"] = seccomp();
    document
}

fn process(process: &mut Value) {
    process["user"] = json!({"uid": 1, "gid": 1, "umask": 18, "additionalGids": [1, 2]});
    process["consoleSize"] = json!({"height": 1, "width": 1});
    let deadline = json!({"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RECLAIM"], "runtime": 10, "deadline": 20, "period": 30});
    process["scheduler"] = deadline;
    process["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 1});
    process["execCPUAffinity"] = json!({"initial": "0-3,7", "final": "1"});
    process["oomScoreAdj"] = json!(10);
    for set in ["inheritable", "ambient"] {
        process["capabilities"][set] = json!(["CAP_KILL"]);
    }
    process["apparmorProfile"] = json!("a");
    process["selinuxLabel"] = json!("system_u:system_r:container_t:s0");
}

fn linux(linux: &mut Value, map: &Value) {
    linux["namespaces"].as_array_mut().unwrap().extend([json!({"type": "user"}), json!({"type": "time"})]);
    (linux["uidMappings"], linux["gidMappings"]) = (map.clone(), map.clone());
    linux["timeOffsets"] = json!({"monotonic": {"secs": 1, "nanosecs": 1}, "boottime": {"secs": 1, "nanosecs": 1}});
    linux["devices"] = json!([{"path": "/dev/a", "type": "c", "major": 1, "minor": 1, "fileMode": 438, "uid": 0, "gid": 0}]);
    linux["cgroupsPath"] = json!("/c");
    linux["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
    linux["rootfsPropagation"] = json!("rslave");
    linux["mountLabel"] = json!("system_u:object_r:container_file_t:s0");
    linux["personality"] = json!({"domain": "LINUX", "flags": []});
    linux["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]});
    linux["netDevices"] = json!({"eth0": {"name": "eth1"}});
    linux["intelRdt"] = json!({
        "closID": "a", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L3:0=f"], "enableMonitoring": true,
    });
}

fn resources() -> Value {
    let (weight, rate) = (json!([{"major": 8, "minor": 0, "weight": 10, "leafWeight": 10}]), json!([{"major": 8, "minor": 0, "rate": 1}]));
    json!({
        "devices": [{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
        "memory": {
            "limit": 10, "reservation": 5, "swap": 20, "kernel": 1, "kernelTCP": 1, "swappiness": 1, "disableOOMKiller": true,
            "useHierarchy": true, "checkBeforeUpdate": true,
        },
        "cpu": {
            "shares": 2, "quota": 1000, "burst": 1, "period": 1000, "realtimeRuntime": 1, "realtimePeriod": 1, "cpus": "0", "mems": "0",
            "idle": 1,
        },
        "pids": {"limit": 1},
        "blockIO": {
            "weight": 10, "leafWeight": 10, "weightDevice": weight, "throttleReadBpsDevice": rate, "throttleWriteBpsDevice": rate,
            "throttleReadIOPSDevice": rate, "throttleWriteIOPSDevice": rate,
        },
        "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
        "network": {"classID": 1, "priorities": [{"name": "lo", "priority": 1}]},
        "rdma": {"mlx5_1": {"hcaHandles": 1, "hcaObjects": 1}},
        "unified": {"memory.high": "1"},
    })
}

fn seccomp() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/agent", "listenerMetadata": "m",
        "syscalls": [{
            "names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 2,
            "args": [{"index": 0, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}],
        }, {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
    })
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
    let warnings = from_slice(full().to_string().as_bytes(), Path::new("/bundle")).unwrap().warnings;
    assert!(warnings.iter().all(|warning| warning.contains("kernel")), "{warnings:?}");
}

/// Every changed document, and what was changed in it.
pub(crate) fn each(mut look: impl FnMut(&Value, &str)) {
    let (original, mut pointers) = (full(), Vec::new());
    nodes(&original, "", &mut pointers);
    for pointer in &pointers {
        let mut document = original.clone();
        remove(&mut document, pointer);
        look(&document, &format!("{pointer} removed"));
        for replacement in replacements() {
            let mut document = original.clone();
            *document.pointer_mut(pointer).unwrap() = replacement;
            look(&document, pointer);
        }
    }
}

#[test]
fn a_document_with_any_node_removed_or_replaced_gets_a_config_or_one_line() {
    each(check);
}

/// A node's place as the documentation names it: `mounts[].options`. The keys of a map are the user's.
fn named(pointer: &str) -> String {
    const MAPS: [&str; 5] = ["annotations", "linux.sysctl", "linux.netDevices", "linux.resources.rdma", "linux.resources.unified"];
    let mut name = String::new();
    for key in pointer.split('/').skip(1) {
        match key.parse::<usize>() {
            Ok(_) => name.push_str("[]"),
            Err(_) if MAPS.contains(&name.as_str()) => name.push_str("{}"),
            Err(_) if name.is_empty() => name.push_str(key),
            Err(_) => name = format!("{name}.{key}"),
        }
    }
    name
}

#[test]
fn the_table_of_properties_is_complete() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/properties.md");
    // A published package has no such neighbour.
    let Ok(table) = std::fs::read_to_string(file) else { return };
    let (document, mut pointers) = (full(), Vec::new());
    nodes(&document, "", &mut pointers);
    let is_leaf = |pointer: &&String| document.pointer(pointer).is_some_and(|node| !node.is_object() && !node.is_array());
    let row = |pointer: &String| {
        let name = named(pointer);
        let name = name.trim_end_matches("[]").trim_end_matches("{}");
        match name.split_once("[].") {
            // All hooks have the same.
            Some((kind, property)) if kind.starts_with("hooks.") => format!("hooks.*[].{property}"),
            _ => name.to_owned(),
        }
    };
    let leaves = pointers.iter().filter(is_leaf).map(row);
    let missing: std::collections::BTreeSet<_> = leaves.filter(|name| !table.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "without a row: {missing:#?}");
}
