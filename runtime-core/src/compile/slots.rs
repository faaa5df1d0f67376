//! Any config gets a plan or an error, and every plan is one that can be walked.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::walk::walk;
use super::{Inside, Wishes, create, exec};
use crate::config::{self, mutation};
use crate::host::{Cgroups, Groups, Hierarchy, Host};
use serde_json::{Value, json};
use std::path::Path;

/// Properties, each by itself a change of the smallest config; lists grow.
fn properties() -> Vec<Value> {
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}, {"containerID": 65536, "hostID": 1, "size": 1}]);
    let namespace = |value: Value| json!({"linux": {"namespaces": [value]}});
    let mount = |value: Value| json!({"mounts": [value]});
    let mut all: Vec<Value> =
        ["pid", "network", "ipc", "uts", "cgroup", "time"].iter().map(|kind| namespace(json!({"type": kind}))).collect();
    all.extend(
        ["pid", "network", "ipc", "time", "user"].iter().map(|kind| namespace(json!({"type": kind, "path": format!("/ns/{kind}")}))),
    );
    all.extend([
        namespace(json!({"type": "mount"})),
        namespace(json!({"type": "mount"})),
        namespace(json!({"type": "mount"})),
        namespace(json!({"type": "mount", "path": "/ns/mount"})),
        json!({"linux": {"namespaces": [{"type": "user"}], "uidMappings": map, "gidMappings": map}}),
        json!({"linux": {"timeOffsets": {"monotonic": {"secs": 1}}}}),
        mount(json!({"destination": "/proc", "type": "proc", "source": "proc"})),
        mount(json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]})),
        mount(json!({"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]})),
        mount(json!({"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]})),
        mount(json!({"destination": "/a", "source": "/a", "options": ["rbind", "ro", "rprivate", "rro"]})),
        mount(json!({"destination": "/file", "source": "/file", "options": ["bind"]})),
        mount(json!({"destination": "/b", "source": "/b", "options": ["bind", "idmap"], "uidMappings": map, "gidMappings": map})),
        mount(json!({"destination": "/c", "source": "/c", "options": ["bind", "ridmap"]})),
        mount(json!({"destination": "/a", "options": ["remount", "ro"]})),
        mount(json!({"destination": "/a", "options": ["remount", "bind", "ro"]})),
        mount(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]})),
        json!({"root": {"readonly": true}}),
        json!({"linux": {"rootfsPropagation": "shared"}}),
        json!({"linux": {"maskedPaths": ["/proc/keys", "/proc/scsi"], "readonlyPaths": ["/proc/sys"]}}),
        json!({"linux": {"sysctl": {"net.ipv4.ip_forward": "1"}}}),
        json!({"linux": {"devices": [{"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}]}}),
        json!({"linux": {"devices": [{"path": "/fifo", "type": "p"}]}}),
        json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO"}]}}}),
        json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s", "syscalls": [{"names": ["chown"], "action": "SCMP_ACT_NOTIFY"}]}}}),
        json!({"hostname": "h", "domainname": "d"}),
        json!({"hooks": {"createRuntime": [{"path": "/h"}]}}),
        json!({"process": {"terminal": true}}),
        json!({"process": {"noNewPrivileges": true}}),
        json!({"process": {"apparmorProfile": "p"}}),
        json!({"process": {"cwd": "/w", "user": {"uid": 1, "gid": 1, "additionalGids": [5]}}}),
        json!({"process": {"rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}], "oomScoreAdj": 1}}),
        json!({"process": {"capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"]}}}),
        json!({"process": null}),
    ]);
    all
}

/// Lists grow, and a null removes.
fn merge(document: &mut Value, patch: &Value) {
    match (document, patch) {
        (Value::Object(object), Value::Object(patch)) => patch.iter().for_each(|(key, value)| match value {
            Value::Null => drop(object.remove(key)),
            value => merge(object.entry(key).or_insert(Value::Null), value),
        }),
        (Value::Array(list), Value::Array(more)) => list.extend(more.iter().cloned()),
        (document, patch) => *document = patch.clone(),
    }
}

/// A reproducible sequence of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn host(&mut self) -> Host {
        let hierarchy = |name: &str| Hierarchy { name: name.into(), options: name.into(), path: format!("/sys/fs/cgroup/{name}/c") };
        Host {
            seccomp_flags: u32::MAX,
            capabilities: if self.coin() { u64::MAX >> 23 } else { 0 },
            mount_setattr: self.coin(),
            exec_enters_time: self.coin(),
            cgroup: match self.below(3) {
                0 => Cgroups::Unified { path: "/sys/fs/cgroup/c".into() },
                1 => Cgroups::Hierarchies(["cpu,cpuacct", "memory", ""].map(hierarchy).to_vec()),
                _ => Cgroups::Callers(Box::new(Cgroups::Hierarchies(vec![hierarchy("pids")]))),
            },
            rootfs_parent: self.coin().then(|| "/".into()),
            open_files: 4096,
            whole: Vec::new(),
            gid: 7,
            groups: if self.coin() { Groups::Allowed } else { Groups::Denied },
            in_user_namespace: self.coin(),
            files: vec!["/file".into()],
            kcore: self.coin(),
            apparmor: self.coin(),
            selinux: self.coin(),
        }
    }

    fn wishes(&mut self) -> Wishes {
        let notify = self.coin().then(|| "/run/notify".to_owned());
        let (no_pivot, keep_keyring, console) = (self.coin(), self.coin(), self.coin());
        Wishes { id: "c".into(), no_pivot, keep_keyring, console, notify, ..Wishes::default() }
    }

    fn document(&mut self, properties: &[Value]) -> Value {
        let mut document = json!({
            "ociVersion": "1.3.0", "root": {"path": "/r"}, "linux": {"namespaces": []},
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "env": ["PATH=/bin"]},
        });
        for _ in 0..=self.below(10) {
            merge(&mut document, &properties[self.below(properties.len())]);
        }
        document
    }
}

/// Every plan that can be made of a document on a host: how many there were.
fn walk_all(document: &Value, (host, wishes): (Host, Wishes)) -> usize {
    let Ok(config) = config::from_slice(document.to_string().as_bytes(), Path::new("/bundle")) else { return 0 };
    let inside = Inside { config: &config, has_user_namespace: config.namespaces.user.is_private() };
    let other = config.process.as_ref().map(|process| exec(&inside, process, &host, &wishes));
    let plans = [Some(create(&config, &host, &wishes)), other].into_iter().flatten().flatten();
    let walked = plans.map(|plan| {
        walk(&plan).unwrap_or_else(|why| panic!("{why}\n{document}\n{host:?}\n{wishes:?}\n{plan}"));
        assert!(!plan.to_string().is_empty());
    });
    walked.count()
}

#[test]
fn no_step_of_any_plan_takes_what_is_not_there() {
    let (properties, mut random) = (properties(), Random(1));
    let plans: usize = (0..1_500).map(|_| walk_all(&random.document(&properties), (random.host(), random.wishes()))).sum();
    assert!(plans > 500, "only {plans} plans were made");
}

#[test]
fn nor_does_one_of_a_document_with_any_node_removed_or_replaced() {
    let (mut random, mut plans) = (Random(2), 0);
    mutation::each(|document, _| {
        // One that refuses little, or most would make no plan.
        let host = Host { capabilities: u64::MAX >> 23, apparmor: true, selinux: true, ..random.host() };
        plans += walk_all(document, (host, random.wishes()));
    });
    assert!(plans > 1_000, "only {plans} plans were made");
}
