//! Each namespace absent, joined, new; user namespaces with their maps; time offsets.

use crate::case::Edit;
use crate::case::{Case, End, Fixture, call, create, delete_force, exec, second, start};
use serde_json::{Value, json};

const SPEC: &str = "config-linux.md#namespaces";

fn namespaces(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| json!({"type": kind})).collect()
}

/// The default list with one of them joined.
fn joining(kind: &str, link: &str) -> Value {
    let default = ["pid", "network", "ipc", "uts", "mount"];
    let mut list: Vec<Value> = default.iter().filter(|one| **one != kind).map(|one| json!({"type": one})).collect();
    list.push(json!({"type": kind, "path": format!("{{ns:{link}}}")}));
    list.into()
}

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [absent(), joined(), odd(), user(), time(), taken_from_the_host()].concat()
}

fn absent() -> Vec<Case> {
    let case = |name, kinds: &[&str]| Case::new(format!("namespaces/{name}"), SPEC).set("/linux/namespaces", namespaces(kinds));
    vec![
        case("without-pid", &["network", "ipc", "uts", "mount"]).sees("ns", "pid host"),
        case("without-ipc", &["pid", "network", "uts", "mount"]).remove("/mounts/4").sees("ns", "ipc host"),
        case("without-ipc-but-mqueue", &["pid", "network", "uts", "mount"]).ends(End::Any),
        case("without-uts", &["pid", "network", "ipc", "mount"]).remove("/hostname").sees("ns", "uts host"),
        case("without-uts-but-hostname", &["pid", "network", "ipc", "mount"]).refuses(),
        case("without-network", &["pid", "ipc", "uts", "mount"]).sees("ns", "net host"),
        case("without-mount", &["pid", "network", "ipc", "uts"]).ends(End::Any),
        case("with-cgroup", &["pid", "network", "ipc", "uts", "mount", "cgroup"]).sees("ns", "cgroup own").sees("cgroup", "*:/"),
        case("with-cgroup-without-network", &["pid", "ipc", "uts", "mount", "cgroup"]).sees("ns", "net host"),
        case("only-mount-and-pid", &["pid", "mount"]).remove("/hostname").remove("/mounts/4").sees("ns", "uts host"),
    ]
}

fn joined() -> Vec<Case> {
    let case = |name, kind, link, holder| {
        Case::new(format!("namespaces/joined-{name}"), SPEC).fixture(Fixture::Holder(holder)).set("/linux/namespaces", joining(kind, link))
    };
    vec![
        case("network", "network", "net", "net").sees("ns", "net held"),
        case("ipc", "ipc", "ipc", "ipc").sees("ns", "ipc held"),
        case("uts", "uts", "uts", "uts").remove("/hostname").sees("ns", "uts held"),
        case("uts-and-hostname", "uts", "uts", "uts").ends(End::Any),
        case("pid", "pid", "pid", "pid").sees("ns", "pid held"),
        case("mount", "mount", "mnt", "mnt").ends(End::Any),
        case("cgroup", "cgroup", "cgroup", "cgroup").sees("ns", "cgroup held"),
        case("network-of-the-host", "network", "net", "ipc").sees("ns", "net host"),
        case("wrong-type", "network", "ipc", "ipc").refuses(),
        Case::new("namespaces/joined-missing", SPEC)
            .set("/linux/namespaces/1", json!({"type": "network", "path": "{dir}/nothing"}))
            .refuses(),
        Case::new("namespaces/joined-pid-of-a-container", SPEC).sleeps().steps(vec![
            create(),
            start(),
            second(vec![
                Edit::Set("/linux/namespaces/0", json!({"type": "pid", "path": "/proc/{pid}/ns/pid"})),
                Edit::Set("/linux/namespaces/1", json!({"type": "network", "path": "/proc/{pid}/ns/net"})),
                Edit::Set("/process/args", json!(["/bin/sh", "-c", "cd /proc; set -- [0-9]*; echo $#; cat /proc/1/comm; exit 7"])),
            ]),
            call(&["run", "--bundle", "{dir}/second", "{id}-b"]).exits(7),
            exec(&[], "cat /proc/1/comm"),
            delete_force(),
        ]),
    ]
}

fn odd() -> Vec<Case> {
    vec![
        Case::new("namespaces/twice", SPEC).push("/linux/namespaces", json!({"type": "pid"})).refuses(),
        Case::new("namespaces/unknown", SPEC).push("/linux/namespaces", json!({"type": "fantasy"})).refuses(),
        Case::new("namespaces/empty-type", SPEC).push("/linux/namespaces", json!({"type": ""})).refuses(),
        Case::new("namespaces/relative-path", SPEC)
            .set("/linux/namespaces/1", json!({"type": "network", "path": "proc/self/ns/net"}))
            .ends(End::Any),
    ]
}

fn user_case(name: &str) -> Case {
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    Case::new(format!("user-namespace/{name}"), "config-linux.md#user-namespace-mappings")
        .fixture(Fixture::OwnedBy(100_000))
        .push("/linux/namespaces", json!({"type": "user"}))
        .set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map)
}

fn user() -> Vec<Case> {
    let all = ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_KILL"];
    vec![
        user_case("mapped").sees("maps", "*100000*65536").sees("status", "Uid: 0 0 0 0"),
        user_case("created-and-started").steps(vec![create(), start(), crate::case::wait(End::Code(0)), crate::case::delete()]),
        user_case("as-alice").set("/process/user", json!({"uid": 1000, "gid": 1000, "additionalGids": [10]})),
        user_case("with-capabilities")
            .set("/process/capabilities/bounding", json!(all))
            .set("/process/capabilities/permitted", json!(all))
            .set("/process/capabilities/effective", json!(all)),
        user_case("unmapped-user").set("/process/user", json!({"uid": 70000, "gid": 0})).refuses(),
        user_case("with-cgroup").push("/linux/namespaces", json!({"type": "cgroup"})),
        user_case("without-maps").remove("/linux/uidMappings").remove("/linux/gidMappings").ends(End::Any),
        user_case("maps-without-namespace").remove("/linux/namespaces/5").ends(End::Any),
        user_case("two-ranges").set(
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": 100_000, "size": 1000}, {"containerID": 1000, "hostID": 5000, "size": 10}]),
        ),
        user_case("bind")
            .push("/mounts", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["bind", "ro", "nosuid", "nodev"]})),
        user_case("exec").sleeps().steps(vec![
            create(),
            start(),
            exec(&[], "{look}"),
            exec(&["--user", "1000:1000"], "id; cat /proc/self/uid_map"),
            delete_force(),
        ]),
        user_case("joined-network")
            .fixture(Fixture::Holder("net"))
            .set("/linux/namespaces/1", json!({"type": "network", "path": "{ns:net}"}))
            .ends(End::Any),
        user_case("joined")
            .fixture(Fixture::Holder("user,net,ipc"))
            .remove("/linux/uidMappings")
            .remove("/linux/gidMappings")
            .set("/linux/namespaces/5", json!({"type": "user", "path": "{ns:user}"}))
            .ends(End::Any),
        user_case("joined-with-its-network")
            .fixture(Fixture::Holder("user,net,ipc"))
            .remove("/linux/uidMappings")
            .remove("/linux/gidMappings")
            .set("/linux/namespaces/5", json!({"type": "user", "path": "{ns:user}"}))
            .set("/linux/namespaces/1", json!({"type": "network", "path": "{ns:net}"}))
            .set("/linux/namespaces/2", json!({"type": "ipc", "path": "{ns:ipc}"}))
            .ends(End::Any),
    ]
}

fn time() -> Vec<Case> {
    let case = |name: &str| Case::new(format!("time-namespace/{name}"), "config-linux.md#offset-for-time-namespace");
    let offsets = json!({"monotonic": {"secs": 7881, "nanosecs": 2_718_281}, "boottime": {"secs": 1337, "nanosecs": 3_141_519}});
    vec![
        case("new").push("/linux/namespaces", json!({"type": "time"})).ends(End::Any),
        case("offsets").push("/linux/namespaces", json!({"type": "time"})).set("/linux/timeOffsets", offsets.clone()).ends(End::Any),
        case("offsets-without-namespace").set("/linux/timeOffsets", offsets).ends(End::Any),
        case("joined")
            .fixture(Fixture::Holder("time"))
            .push("/linux/namespaces", json!({"type": "time", "path": "{ns:time}"}))
            .ends(End::Any),
    ]
}

/// What there is of neither here: moving an interface of the machine's is for tests with a network namespace of their own.
fn taken_from_the_host() -> Vec<Case> {
    let device = |name: &str| Case::new(format!("net-devices/{name}"), "config-linux.md#network-devices");
    vec![
        device("missing").set("/linux/netDevices", json!({"fantasy0": {}})).refuses(),
        device("without-a-namespace")
            .set("/linux/namespaces", namespaces(&["pid", "ipc", "uts", "mount"]))
            .set("/linux/netDevices", json!({"fantasy0": {}}))
            .refuses(),
        device("a-path").set("/linux/netDevices", json!({"fantasy0": {"name": "a/b"}})).refuses(),
        Case::new("intel-rdt/without-its-class", "config-linux.md#intel-rdt")
            .set("/linux/intelRdt", json!({"closID": "fantasy"}))
            .refuses(),
    ]
}
