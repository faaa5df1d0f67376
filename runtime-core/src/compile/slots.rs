//! Any config gets a plan or an error, and no step of a plan takes a descriptor that is not there.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::plan::Plan;
use super::{Inside, Wishes, create, exec};
use crate::config;
use crate::host::{Cgroups, Groups, Hierarchy, Host};
use runtime_init::{Op, Slot};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// The slots that hold something, as a walk through a plan finds and leaves them.
struct Held {
    now: BTreeSet<u32>,
    ever_read: BTreeSet<u32>,
}

impl Held {
    fn at_start(plan: &Plan) -> Self {
        let filled = Slot::FIRST + u32::try_from(plan.sources.len()).unwrap();
        Self { now: (0..filled).collect(), ever_read: BTreeSet::new() }
    }

    fn read(&mut self, slots: &[Slot]) -> Result<(), String> {
        for slot in slots {
            self.ever_read.insert(slot.0);
            if !self.now.contains(&slot.0) {
                return Err(format!("slot {} is empty", slot.0));
            }
        }
        Ok(())
    }

    /// Reads them, and leaves them empty.
    fn take(&mut self, slots: &[Slot]) -> Result<(), String> {
        self.read(slots)?;
        self.now.retain(|held| !slots.iter().any(|slot| slot.0 == *held));
        Ok(())
    }

    fn fill(&mut self, slot: Slot) {
        self.now.insert(slot.0);
    }

    /// What a step needs, takes and leaves: the comment over each op, as code.
    fn follow(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Meet { .. } | Op::LendRoute { .. } | Op::Hop { .. } => self.read(&[Slot::CONTROL])?,
            Op::AttachCgroup { procs: slot } | Op::Join { of: slot, .. } | Op::EnterRoot { of: slot } => self.take(&[slot])?,
            Op::CloneTree { to, .. } | Op::OpenPath { to, .. } | Op::OpenProc { to } => self.fill(to),
            Op::NewFs { mode_of, to, .. } => {
                self.read(if mode_of == Slot::NONE { &[] } else { std::slice::from_ref(&mode_of) })?;
                self.fill(to);
            }
            Op::LendMount { mount, .. } => self.read(&[Slot::CONTROL, mount])?,
            Op::SetAttr { mount, .. } => self.read(&[mount])?,
            Op::RemountBind { mount, proc, .. } | Op::Remount { mount, proc, .. } => self.read(&[mount, proc])?,
            Op::Move { from, to } => {
                self.take(&[from])?;
                self.fill(to);
            }
            Op::OpenTarget { to, .. } | Op::OpenNull { to } | Op::OpenFs { to, .. } => {
                self.read(&[Slot::ROOT])?;
                self.fill(to);
            }
            Op::Attach { mount, on, keep: 0 } => self.take(&[mount, on])?,
            Op::Attach { mount, on, .. } => {
                self.read(&[mount])?;
                self.take(&[on])?;
            }
            Op::AttachRoot { mount, .. } => {
                self.take(&[mount])?;
                self.fill(Slot::ROOT);
            }
            Op::CopyUp { from, to } => self.read(&[from, to])?,
            Op::MakeNode { dir, .. } | Op::MakeSymlink { dir, .. } | Op::ReplaceBySymlink { dir, .. } => self.read(&[dir])?,
            Op::Pivot { .. } | Op::MoveRoot | Op::Chroot | Op::MakeCwd { .. } => self.read(&[Slot::ROOT])?,
            Op::ReadOnlyPath { root, proc: Slot::NONE, .. } => self.read(&[root])?,
            Op::ReadOnlyPath { root, proc, .. } => self.read(&[root, proc])?,
            Op::WriteProc { proc, .. } => self.read(&[proc])?,
            Op::Console { socket, .. } => {
                self.read(&[Slot::ROOT])?;
                self.take(&[socket])?;
            }
            Op::MaskPath { root, null, .. } => self.read(&[root, null])?,
            Op::Park { go, report } => {
                self.take(&[go, Slot::CONTROL])?;
                self.read(&[report])?;
                self.now.retain(|held| *held == report.0);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Walks a plan as the init will.
fn walk(plan: &Plan) -> Result<(), String> {
    let mut held = Held::at_start(plan);
    for step in &plan.steps {
        held.follow(step.op).map_err(|why| format!("{why}: {:?}, about {:?}", step.op, plan.subject(step)))?;
    }
    let brought = Slot::FIRST..Slot::FIRST + u32::try_from(plan.sources.len()).unwrap();
    match brought.into_iter().find(|slot| !held.ever_read.contains(slot)) {
        Some(slot) => Err(format!("slot {slot} is brought for nothing")),
        None => Ok(()),
    }
}

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

#[test]
fn no_step_of_any_plan_takes_a_descriptor_that_is_not_there() {
    let (properties, mut random) = (properties(), Random(1));
    let mut plans = 0;
    for _ in 0..1_500 {
        let (document, host, wishes) = (random.document(&properties), random.host(), random.wishes());
        let Ok(config) = config::from_slice(document.to_string().as_bytes(), Path::new("/bundle")) else { continue };
        let inside = Inside { config: &config, has_user_namespace: config.namespaces.user.is_private() };
        let other = config.process.as_ref().map(|process| exec(&inside, process, &host, &wishes));
        for plan in [Some(create(&config, &host, &wishes)), other].into_iter().flatten().flatten() {
            walk(&plan).unwrap_or_else(|why| panic!("{why}\n{document}\n{host:?}\n{wishes:?}\n{plan}"));
            assert!(!plan.to_string().is_empty());
            plans += 1;
        }
    }
    assert!(plans > 500, "only {plans} plans were made");
}
