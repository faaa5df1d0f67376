//! Control groups: paths and limits, read back from the host.

use crate::case::{Case, End, Fixture, Step, call, cgroup, create, delete, delete_force, host, kill, start, state, until, wait};
use serde_json::{Value, json};

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [limits(), paths(), updates(), updates_in_a_row()].concat()
}

fn life() -> Vec<Step> {
    vec![create(), cgroup(), start(), kill("KILL"), wait(End::Code(137)), delete()]
}

fn limits() -> Vec<Case> {
    let case = |name: &str, pointer: &'static str, value: Value| {
        let controller = pointer.rsplit('/').next().filter(|name| matches!(*name, "pids" | "memory" | "cpu")).unwrap_or_default();
        let case = Case::new(format!("cgroup/{name}"), "config-linux.md#control-groups").set(pointer, value).sleeps().steps(life());
        let case = if controller.is_empty() { case } else { case.fixture(Fixture::Controller(controller)) };
        if name.starts_with("cpuset") { case.fixture(Fixture::Controller("cpuset")) } else { case }
    };
    let refused = |case: Case| case.steps(vec![create().any(), cgroup().any(), delete_force()]);
    vec![
        case("default", "/linux/resources/pids", Value::Null),
        case("pids", "/linux/resources/pids", json!({"limit": 20})).sees("cgroup", "pids.max = 20"),
        case("pids-unlimited", "/linux/resources/pids", json!({"limit": -1})).sees("cgroup", "pids.max = max"),
        refused(case("pids-zero", "/linux/resources/pids", json!({"limit": 0}))),
        refused(case("pids-one", "/linux/resources/pids", json!({"limit": 1}))),
        case("memory", "/linux/resources/memory", json!({"limit": 67_108_864}))
            .sees("cgroup", "memory.limit_in_bytes = 67108864|memory.max = 67108864"),
        case("memory-reservation", "/linux/resources/memory", json!({"limit": 67_108_864, "reservation": 33_554_432}))
            .sees("cgroup", "memory.soft_limit_in_bytes = 33554432|memory.low = 33554432"),
        case("memory-unlimited", "/linux/resources/memory", json!({"limit": -1})),
        refused(case("memory-swap", "/linux/resources/memory", json!({"limit": 67_108_864, "swap": 134_217_728}))),
        refused(case("memory-swap-alone", "/linux/resources/memory", json!({"swap": 134_217_728}))),
        refused(case("memory-swap-below", "/linux/resources/memory", json!({"limit": 67_108_864, "swap": 1_000_000}))),
        refused(case("memory-tiny", "/linux/resources/memory", json!({"limit": 4096}))),
        refused(case("memory-swappiness", "/linux/resources/memory", json!({"swappiness": 30}))),
        refused(case("memory-oom-killer-off", "/linux/resources/memory", json!({"limit": 67_108_864, "disableOOMKiller": true}))),
        case("cpu-shares", "/linux/resources/cpu", json!({"shares": 512})).sees("cgroup", "cpu.shares = 512|cpu.weight = *"),
        case("cpu-quota", "/linux/resources/cpu", json!({"quota": 50_000, "period": 100_000}))
            .sees("cgroup", "cpu.cfs_quota_us = 50000|cpu.max = 50000 100000"),
        case("cpu-quota-alone", "/linux/resources/cpu", json!({"quota": 20_000})),
        case("cpu-period-alone", "/linux/resources/cpu", json!({"period": 50_000})),
        case("cpu-quota-unlimited", "/linux/resources/cpu", json!({"quota": -1, "period": 50_000})),
        refused(case("cpu-quota-too-small", "/linux/resources/cpu", json!({"quota": 10}))),
        refused(case("cpu-idle", "/linux/resources/cpu", json!({"idle": 1}))),
        refused(case("cpu-burst", "/linux/resources/cpu", json!({"quota": 50_000, "period": 100_000, "burst": 10_000}))),
        case("cpuset", "/linux/resources/cpu", json!({"cpus": "0", "mems": "0"})).sees("cgroup", "cpuset.cpus = 0"),
        refused(case("cpuset-bad", "/linux/resources/cpu", json!({"cpus": "900"}))),
        refused(case("cpuset-nonsense", "/linux/resources/cpu", json!({"cpus": "a-b"}))),
        refused(case("block-weight", "/linux/resources/blockIO", json!({"weight": 100}))),
        refused(case(
            "block-throttle",
            "/linux/resources/blockIO",
            json!({"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1_048_576}]}),
        )),
        refused(case("network-class", "/linux/resources/network", json!({"classID": 1_048_577}))),
        refused(case("huge-pages", "/linux/resources/hugepageLimits", json!([{"pageSize": "2MB", "limit": 2_097_152}]))),
        refused(case("huge-pages-odd", "/linux/resources/hugepageLimits", json!([{"pageSize": "3MB", "limit": 2_097_152}]))),
        refused(case("unified", "/linux/resources/unified", json!({"pids.max": "30"}))),
        case("devices-none-allowed", "/linux/resources/devices", json!([])),
        case("devices-all-allowed", "/linux/resources/devices", json!([{"allow": true, "access": "rwm"}])),
        case("devices-unset", "/linux/resources", json!({})),
        refused(case("devices-bad-access", "/linux/resources/devices", json!([{"allow": true, "access": "xyz"}]))),
        case(
            "devices-some",
            "/linux/resources/devices",
            json!([{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
                {"allow": true, "type": "b", "major": 7, "access": "r"}]),
        ),
    ]
}

fn paths() -> Vec<Case> {
    let case = |name: &str, path: &str| {
        let own = "sed 's/^[0-9]*//' /proc/$(cat pid)/cgroup";
        Case::new(format!("cgroup/path-{name}"), "config-linux.md#cgroups-path")
            .set("/linux/cgroupsPath", json!(path))
            .sleeps()
            .steps(vec![create().any(), host(own).any(), start().any(), delete_force()])
    };
    vec![
        case("absolute", "/{shelf}/{id}"),
        case("relative", "{shelf}/{id}"),
        case("empty", ""),
        case("with-dots", "/../{shelf}/../{shelf}/{id}"),
        case("like-systemd", "system.slice:x:{id}").steps(vec![create().any(), delete_force()]),
        case("deep", "/{shelf}/b/c/{id}"),
        // Somebody else's cgroup with somebody in it: refused or shared, but never emptied.
        case("busy", "/{shelf}/{id}").steps(vec![
            create(),
            crate::case::second(vec![crate::case::Edit::Set("/linux/cgroupsPath", json!("/{shelf}/{id}"))]),
            call(&["create", "--bundle", "{dir}/second", "{id}-b"]).any(),
            state(),
            delete_force(),
            call(&["delete", "--force", "{id}-b"]),
        ]),
    ]
}

fn updates() -> Vec<Case> {
    let case = |name: &str, words: &[&'static str]| {
        let words = [&["update"], words, &["{id}"]].concat();
        Case::new(format!("update/{name}"), "runc-update(8)").sleeps().steps(vec![
            create(),
            start(),
            call(&words).any(),
            cgroup(),
            delete_force(),
        ])
    };
    let by_document = |name: &str, text: &'static str| {
        let mut case = case(name, &["--resources", "-"]);
        if let Some(step) = case.steps.get_mut(2) {
            step.stdin = text;
        }
        case
    };
    vec![
        case("memory", &["--memory", "67108864"]),
        case("memory-with-unit", &["--memory", "64m"]),
        case("pids", &["--pids-limit", "33"]).fixture(Fixture::Controller("pids")).sees("cgroup", "pids.max = 33"),
        case("cpu", &["--cpu-quota", "30000", "--cpu-period", "60000"]),
        case("cpu-share", &["--cpu-share", "200"]),
        case("cpuset", &["--cpuset-cpus", "1"]),
        case("nothing", &[]),
        by_document("document", r#"{"memory": {"limit": 67108864}, "cpu": {"shares": 300}, "pids": {"limit": 44}}"#)
            .fixture(Fixture::Controller("pids"))
            .sees("cgroup", "pids.max = 44"),
        by_document("empty-document", "{}"),
        by_document("bad-document", "{"),
        by_document("devices-stay", r#"{"devices": [{"allow": true, "access": "rwm"}]}"#),
        Case::new("update/missing-container", "runc-update(8)").steps(vec![call(&["update", "--pids-limit", "3", "{id}"]).refuses()]),
        Case::new("pause/and-resume", "runc-pause(8)").sleeps().steps(vec![
            create(),
            call(&["pause", "{id}"]).any(),
            call(&["resume", "{id}"]).any(),
            start(),
            call(&["pause", "{id}"]),
            state(),
            cgroup(),
            call(&["pause", "{id}"]).any(),
            crate::case::exec(&[], "true").any(),
            call(&["resume", "{id}"]),
            state(),
            call(&["resume", "{id}"]).any(),
            delete_force(),
        ]),
        Case::new("pause/killed-while-paused", "runc-pause(8)").sleeps().steps(vec![
            create(),
            start(),
            call(&["pause", "{id}"]),
            kill("KILL"),
            wait(End::Code(137)),
            until("stopped"),
            delete(),
        ]),
        Case::new("pause/deleted-while-paused", "runc-pause(8)").sleeps().steps(vec![
            create(),
            start(),
            call(&["pause", "{id}"]),
            delete_force(),
        ]),
        Case::new("pause/missing-container", "runc-pause(8)")
            .steps(vec![call(&["pause", "{id}"]).refuses(), call(&["resume", "{id}"]).refuses()]),
    ]
}

/// Half a limit is completed from what was set before: after each update the host's files are read.
fn updates_in_a_row() -> Vec<Case> {
    let case = |name: &str, resources: Value, updates: &[&[&'static str]]| {
        let update = |words: &&[&'static str]| [call(&[&["update"], *words, &["{id}"]].concat()).any(), cgroup()];
        let updates = updates.iter().flat_map(update).collect();
        let steps = [vec![create(), start(), cgroup()], updates, vec![delete_force()]].concat();
        let case = Case::new(format!("update/{name}"), "runc-update(8)").set("/linux/resources", resources).sleeps().steps(steps);
        ["memory", "cpu", "cpuset", "pids", "blkio"].iter().fold(case, |case, name| case.fixture(Fixture::Controller(name)))
    };
    let memory = json!({"memory": {"limit": 67_108_864, "swap": 134_217_728}, "pids": {"limit": 20}});
    let cpu = json!({"cpu": {"shares": 100, "quota": 500_000, "period": 1_000_000}});
    vec![
        case("total-of-memory-stays", memory.clone(), &[&["--memory", "90m"], &["--memory", "50m"], &["--memory-swap", "200m"]])
            .sees("cgroup2", "memory.memsw.limit_in_bytes = 134217728|memory.swap.max = 39845888"),
        case(
            "memory-grows-and-shrinks",
            memory.clone(),
            &[
                &["--memory", "30m", "--memory-swap", "50m"],
                &["--memory", "60m", "--memory-swap", "80m"],
                &["--memory", "-1"],
                &["--memory", "64m"],
                &["--memory-reservation", "32m"],
            ],
        ),
        case("period-keeps-quota", cpu.clone(), &[&["--cpu-period", "900000"], &["--pids-limit", "7"], &["--cpu-period", "800000"]])
            .sees("cgroup4", "cpu.cfs_quota_us = 500000|cpu.max = 500000 800000"),
        case("quota-keeps-period", cpu.clone(), &[&["--cpu-quota", "600000"], &["--cpu-quota", "-1"]])
            .sees("cgroup3", "cpu.cfs_period_us = 1000000|cpu.max = max 1000000"),
        case("cpu-all-at-once", cpu, &[&["--cpu-period", "10000", "--cpu-quota", "3000", "--cpu-share", "200", "--cpuset-cpus", "0"]]),
        case("pids-of-all-kinds", memory.clone(), &[&["--pids-limit", "-1"], &["--pids-limit", "9"], &["--memory", "70m"]])
            .sees("cgroup4", "pids.max = 9"),
        case("refused-whole", memory, &[&["--memory", "80m", "--cpu-share", "300", "--cpu-quota", "10"]])
            .sees("cgroup2", "memory.limit_in_bytes = 67108864|memory.max = 67108864"),
    ]
}
