//! On a tree that looks like resctrl. Its directories stay empty where the kernel's are born with files.

#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::{Value, json};

/// A resctrl of files, with one class that was there before.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("resctrl-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for dir in ["info/L3", "info/MB", "info/L3_MON", "before/mon_groups", "before/mon_data/mon_L3_00", "before/mon_data/mon_L3_01"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let tree = Self(root);
        tree.write("schemata", "    MB:0=100;1=100\n    L3:0=fff;1=fff\n");
        tree.write("before/schemata", "    MB:0=20;1=70\n    L3:0=00f;1=0f0\n");
        tree
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.0.join(path).exists()
    }

    fn group(&self, rdt: &Value) -> (Group, LinuxIntelRdt) {
        let rdt: LinuxIntelRdt = serde_json::from_value(rdt.clone()).unwrap();
        (Group::place(&rdt, "web1", &self.0), rdt)
    }

    /// The group, made.
    fn made(&self, rdt: Value) -> Group {
        let (mut group, rdt) = self.group(&rdt);
        group.make(&rdt).unwrap();
        group
    }

    fn refused(&self, rdt: Value) -> String {
        let (mut group, rdt) = self.group(&rdt);
        let error = group.make(&rdt).unwrap_err().to_string();
        group.undo().unwrap();
        error.replace(self.0.to_str().unwrap(), "/r")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_class_of_its_own_is_named_after_the_container_and_ends_with_it() {
    let tree = Tree::new("own");
    let schemata = json!({"l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L2:0=3", "L3:1=f"]});
    let group = tree.made(schemata);
    assert_eq!(tree.read("web1/schemata"), "L3:0=f\nMB:0=20\nL2:0=3\nL3:1=f\n");
    group.join(42).unwrap();
    assert_eq!(tree.read("web1/tasks"), "42");
    for file in ["schemata", "tasks"] {
        fs::remove_file(tree.0.join("web1").join(file)).unwrap();
    }
    group.remove().unwrap();
    assert!(!tree.has("web1"));
    group.remove().unwrap();
}

#[test]
fn without_schemata_a_class_is_made_all_the_same() {
    let tree = Tree::new("bare");
    let group = tree.made(json!({}));
    assert!(tree.has("web1") && !tree.has("web1/schemata"));
    group.remove().unwrap();
    assert!(!tree.has("web1"));
}

#[test]
fn a_class_that_was_there_is_joined_and_left() {
    let tree = Tree::new("theirs");
    let group = tree.made(json!({"closID": "before", "enableMonitoring": true}));
    assert!(tree.has("before/mon_groups/web1"));
    group.join(42).unwrap();
    assert_eq!((tree.read("before/tasks"), tree.read("before/mon_groups/web1/tasks")), ("42".into(), "42".into()));
    assert!(tree.read("before/schemata").contains("MB:0=20"));
    fs::remove_file(tree.0.join("before/mon_groups/web1/tasks")).unwrap();
    group.remove().unwrap();
    group.undo().unwrap();
    assert!(tree.has("before") && !tree.has("before/mon_groups/web1"));
    let root = tree.made(json!({"closID": "/"}));
    root.undo().unwrap();
    assert!(tree.has("info"));
}

#[test]
fn a_named_class_that_was_made_stays_unless_the_create_fails() {
    let tree = Tree::new("shared");
    let group = tree.made(json!({"closID": "gold", "schemata": ["L3:0=f"]}));
    group.remove().unwrap();
    assert!(tree.has("gold"));
    fs::remove_file(tree.0.join("gold/schemata")).unwrap();
    group.undo().unwrap();
    assert!(!tree.has("gold"));
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let tree = Tree::new("refused");
    let missing = "config.json: linux.intelRdt.closID: /r/gold is not there, and there is no schema to make it with";
    assert_eq!(tree.refused(json!({"closID": "gold"})), missing);
    // No such directory: this tree makes no mon_groups.
    let monitoring = "linux.intelRdt: mkdir /r/web1/mon_groups/web1: no such file or directory (ENOENT)";
    assert_eq!(tree.refused(json!({"enableMonitoring": true})), monitoring);
    tree.write("info/last_cmd_status", "non-consecutive bits in the mask 5\n");
    let words = "linux.intelRdt: non-consecutive bits in the mask 5: mkdir /r/web1/mon_groups/web1: no such file or directory (ENOENT)";
    assert_eq!(tree.refused(json!({"enableMonitoring": true})), words);
    fs::remove_dir(tree.0.join("info/MB")).unwrap();
    let cannot = "config.json: linux.intelRdt.memBwSchema: this machine cannot do that: /r has no such resource";
    assert_eq!(tree.refused(json!({"memBwSchema": "MB:0=20"})), cannot);
    assert!(!tree.has("web1") && !tree.has("gold"));
}

#[test]
fn a_schema_can_be_set_later() {
    let tree = Tree::new("later");
    let group = tree.made(json!({"closID": "before"}));
    group.set(&serde_json::from_value(json!({"memBwSchema": "MB:0=50"})).unwrap()).unwrap();
    assert_eq!(tree.read("before/schemata"), "MB:0=50\n");
}

#[test]
fn stats_have_the_shape_that_runc_prints() {
    let tree = Tree::new("stats");
    for (file, text) in [("L3/cbm_mask", "fff"), ("L3/min_cbm_bits", "2"), ("L3/num_closids", "16"), ("MB/bandwidth_gran", "10")] {
        tree.write(&format!("info/{file}"), text);
    }
    for (file, text) in [("MB/delay_linear", "1"), ("MB/min_bandwidth", "10"), ("MB/num_closids", "8")] {
        tree.write(&format!("info/{file}"), text);
    }
    tree.write("info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\n");
    for domain in ["mon_L3_00", "mon_L3_01"] {
        tree.write(&format!("before/mon_data/{domain}/llc_occupancy"), "123456\n");
        tree.write(&format!("before/mon_data/{domain}/mbm_total_bytes"), "9123911\n");
    }
    let group = tree.made(json!({"closID": "before"}));
    let expected = json!({
        "l3_cache_info": {"cbm_mask": "fff", "min_cbm_bits": 2, "num_closids": 16},
        "l3_cache_schema_root": "L3:0=fff;1=fff",
        "l3_cache_schema": "L3:0=00f;1=0f0",
        "mem_bw_info": {"bandwidth_gran": 10, "delay_linear": 1, "min_bandwidth": 10, "num_closids": 8},
        "mem_bw_schema_root": "MB:0=100;1=100",
        "mem_bw_schema": "MB:0=20;1=70",
        "schemata": ["MB:0=20;1=70", "L3:0=00f;1=0f0"],
        "mbm_stats": [{"mbm_total_bytes": 9_123_911, "mbm_local_bytes": 0}, {"mbm_total_bytes": 9_123_911, "mbm_local_bytes": 0}],
        "cmt_stats": [{"llc_occupancy": 123_456}, {"llc_occupancy": 123_456}],
    });
    assert_eq!(json!(group.stats().unwrap()), expected);
}
