//! The process: user, capabilities, limits, directory, environment, and all that `/proc/self` tells.

use crate::case::{Case, End, Fixture};
use serde_json::{Value, json};

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [users(), capabilities(), limits(), directories(), environments(), attributes()].concat()
}

fn users() -> Vec<Case> {
    let case = |name: &str, user: Value| Case::new(format!("user/{name}"), "config.md#user").set("/process/user", user);
    vec![
        case("known", json!({"uid": 1000, "gid": 1000})).sees("env", "HOME=/home/alice").sees("status", "Uid: 1000 1000 1000 1000"),
        case("unknown", json!({"uid": 4242, "gid": 4343})).sees("env", "HOME=/"),
        case("known-without-home", json!({"uid": 1001, "gid": 1001})),
        case("groups", json!({"uid": 1000, "gid": 1000, "additionalGids": [10, 20, 1000]})),
        case("group-too-big", json!({"uid": 1000, "gid": 1000, "additionalGids": [4_294_967_294u32]})).ends(End::Any),
        case("group-zero", json!({"uid": 1000, "gid": 0})),
        case("root-with-groups", json!({"uid": 0, "gid": 0, "additionalGids": [0, 1, 5]})),
        case("many-groups", json!({"uid": 0, "gid": 0, "additionalGids": (1..500).collect::<Vec<_>>()})),
        case("name-only", json!({"username": "alice"})).ends(End::Any),
        case("negative", json!({"uid": -1, "gid": 0})).refuses(),
        case("too-big", json!({"uid": 4_294_967_296u64, "gid": 0})).refuses(),
        case("the-invalid-id", json!({"uid": 4_294_967_295u32, "gid": 0})).ends(End::Any),
        case("umask", json!({"uid": 0, "gid": 0, "umask": 0o027})).sees("status", "Umask: 0027"),
        case("umask-zero", json!({"uid": 0, "gid": 0, "umask": 0})).sees("status", "Umask: 0000"),
        case("umask-too-big", json!({"uid": 0, "gid": 0, "umask": 0o7777})).ends(End::Any),
        case("unset", Value::Null).ends(End::Any),
        case("empty", json!({})),
        Case::new("user/without-passwd", "config.md#user").fixture(Fixture::Without("etc/passwd")).sees("env", "HOME=*"),
        Case::new("user/passwd-is-outside", "config.md#user")
            .fixture(Fixture::Symlink("etc/passwd", "../../../../../../../etc/passwd"))
            .set("/process/user", json!({"uid": 1000, "gid": 1000})),
    ]
}

fn capabilities() -> Vec<Case> {
    const SPEC: &str = "config.md#linux-process";
    let set = |name: &str, sets: &[&'static str], list: Value| {
        let case = Case::new(format!("capabilities/{name}"), SPEC).set("/process/capabilities", json!({}));
        sets.iter().fold(case, |case, set| case.set(set, list.clone()))
    };
    const BOUNDING: &str = "/process/capabilities/bounding";
    const EFFECTIVE: &str = "/process/capabilities/effective";
    const PERMITTED: &str = "/process/capabilities/permitted";
    const INHERITABLE: &str = "/process/capabilities/inheritable";
    const AMBIENT: &str = "/process/capabilities/ambient";
    let some = json!(["CAP_CHOWN", "CAP_NET_RAW"]);
    let usual = [BOUNDING, EFFECTIVE, PERMITTED];
    let with = |name: &str, set: &'static str, value: Value| Case::new(format!("capabilities/{name}"), SPEC).set(set, value);
    vec![
        set("none", &[], json!([])).sees("status", "CapEff: 0000000000000000"),
        set("usual-sets", &usual, some.clone()).sees("status", "CapEff: 0000000000002001"),
        set("bounding-only", &[BOUNDING], some.clone()),
        set("effective-without-permitted", &[BOUNDING, EFFECTIVE], some.clone()).ends(End::Any),
        set("permitted-without-effective", &[BOUNDING, PERMITTED], some.clone()),
        set("permitted-without-bounding", &[PERMITTED, EFFECTIVE], some.clone()).ends(End::Any),
        set("inheritable", &[BOUNDING, EFFECTIVE, PERMITTED, INHERITABLE], some.clone()),
        set("all-five", &[BOUNDING, EFFECTIVE, PERMITTED, INHERITABLE, AMBIENT], some.clone()).sees("status", "CapAmb: 0000000000002001"),
        set("ambient-without-inheritable", &[BOUNDING, EFFECTIVE, PERMITTED, AMBIENT], some.clone()).ends(End::Any),
        set("ambient-as-user", &[BOUNDING, EFFECTIVE, PERMITTED, INHERITABLE, AMBIENT], some.clone())
            .set("/process/user", json!({"uid": 1000, "gid": 1000})),
        set("usual-as-user", &usual, some).set("/process/user", json!({"uid": 1000, "gid": 1000})),
        set("setuid-as-user", &usual, json!(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]))
            .set("/process/user", json!({"uid": 1000, "gid": 1000})),
        set("new-ones", &usual, json!(["CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"])),
        set("not-granted-to-the-runtime", &usual, json!(["CAP_SYS_RESOURCE", "CAP_CHOWN"])).ends(End::Any),
        set("twice-the-same", &usual, json!(["CAP_CHOWN", "CAP_CHOWN"])),
        with("unset", "/process/capabilities", Value::Null).ends(End::Any),
        with("unknown", BOUNDING, json!(["CAP_FANTASY", "CAP_KILL"])).ends(End::Any),
        with("lower-case", BOUNDING, json!(["cap_kill"])).ends(End::Any),
        with("without-prefix", BOUNDING, json!(["KILL"])).ends(End::Any),
        with("not-a-list", BOUNDING, json!("CAP_KILL")).refuses(),
        with("new-privileges-allowed", "/process/noNewPrivileges", json!(false)).sees("status", "NoNewPrivs: 0"),
        with("new-privileges-unset", "/process/noNewPrivileges", Value::Null).sees("status", "NoNewPrivs: 0"),
    ]
}

fn limits() -> Vec<Case> {
    const SPEC: &str = "config.md#posix-process";
    let case = |name: &str, list: Value| Case::new(format!("rlimits/{name}"), SPEC).set("/process/rlimits", list);
    let one = |kind: &str, soft: u64, hard: u64| json!([{"type": kind, "soft": soft, "hard": hard}]);
    let kinds = [
        "AS",
        "CORE",
        "CPU",
        "DATA",
        "FSIZE",
        "LOCKS",
        "MEMLOCK",
        "MSGQUEUE",
        "NICE",
        "NOFILE",
        "NPROC",
        "RSS",
        "RTPRIO",
        "RTTIME",
        "SIGPENDING",
        "STACK",
    ];
    let all: Value = kinds.iter().map(|kind| json!({"type": format!("RLIMIT_{kind}"), "soft": 0x1000_0000, "hard": 0x1000_0000})).collect();
    vec![
        case("none", json!([])),
        case("unset", Value::Null),
        case("soft-below-hard", one("RLIMIT_NOFILE", 100, 200)).sees("limits", "Max open files *100 *200 *"),
        case("core-unlimited", one("RLIMIT_CORE", u64::MAX, u64::MAX)),
        case("all-kinds", all).ends(End::Any),
        case("soft-above-hard", one("RLIMIT_NOFILE", 200, 100)).refuses(),
        case("raised-without-privilege", one("RLIMIT_RTPRIO", 50, 50)).ends(End::Any),
        case("raised-nofile", one("RLIMIT_NOFILE", 5_000_000, 5_000_000)).ends(End::Any),
        case("unknown", one("RLIMIT_FANTASY", 1, 1)).refuses(),
        case("lower-case", one("rlimit_nofile", 10, 10)).refuses(),
        case("twice", json!([{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 100}, {"type": "RLIMIT_NOFILE", "soft": 20, "hard": 50}]))
            .ends(End::Any),
        case("negative", json!([{"type": "RLIMIT_NOFILE", "soft": -1, "hard": -1}])).refuses(),
        case("few-files", one("RLIMIT_NOFILE", 5, 5)).shell("ulimit -n").ends(End::Any),
        case("no-processes-as-user", one("RLIMIT_NPROC", 1, 1))
            .set("/process/user", json!({"uid": 4711, "gid": 4711}))
            .shell("ulimit -p")
            .ends(End::Any),
    ]
}

fn directories() -> Vec<Case> {
    let case = |name: &str, cwd: &str| Case::new(format!("cwd/{name}"), "config.md#process").set("/process/cwd", json!(cwd));
    vec![
        case("there", "/data/inner").sees("cwd", "/data/inner"),
        case("missing", "/not/there").set("/root/readonly", json!(false)).sees("cwd", "/not/there"),
        case("missing-as-user", "/not/there").set("/root/readonly", json!(false)).set("/process/user", json!({"uid": 1000, "gid": 1000})),
        case("missing-read-only", "/not/there").ends(End::Any),
        case("missing-on-tmpfs", "/dev/shm/a/b"),
        case("a-file", "/data/file").refuses(),
        case("symlink", "/to-data").ends(End::Any),
        case("dangling", "/dangling").set("/root/readonly", json!(false)).ends(End::Any),
        case("not-permitted", "/private").set("/process/user", json!({"uid": 1000, "gid": 1000})).ends(End::Any),
        case("home-not-permitted", "/root").set("/process/user", json!({"uid": 1000, "gid": 1000})).ends(End::Any),
        case("own-home", "/home/alice").set("/process/user", json!({"uid": 1000, "gid": 1000})),
        case("relative", "data").refuses(),
        case("empty", "").refuses(),
        case("with-dots", "/data/../data/./inner/"),
        case("leaves-the-root", "/../../data"),
        case("a-descriptor", "/proc/self/fd/7").ends(End::Any),
        case("below-proc", "/proc/self"),
    ]
}

fn environments() -> Vec<Case> {
    let case = |name: &str, env: Value| Case::new(format!("env/{name}"), "config.md#process").set("/process/env", env);
    vec![
        case("none", json!([])).set("/process/args/0", json!("/bin/sh")).sees("env", "HOME=/root"),
        case("unset", Value::Null),
        case("home-given", json!(["PATH=/bin", "HOME=/mine"])).sees("env", "HOME=/mine"),
        case("home-empty", json!(["PATH=/bin", "HOME="])),
        case("twice", json!(["PATH=/bin", "A=first", "A=second", "B=x"])).ends(End::Any),
        case("twice-path", json!(["PATH=/nowhere", "PATH=/usr/bin"])).set("/process/args", json!(["tool"])).ends(End::Any),
        case("without-value", json!(["PATH=/bin", "EMPTY=", "LONG=a=b=c"])).sees("env", "LONG=a=b=c"),
        case("without-equals", json!(["PATH=/bin", "ODD"])).ends(End::Any),
        case("empty-string", json!(["PATH=/bin", ""])).ends(End::Any),
        case("without-name", json!(["PATH=/bin", "=value"])).ends(End::Any),
        case("with-a-newline", json!(["PATH=/bin", "TWO=a\nb"])),
        case("with-nul", json!(["PATH=/bin", "BAD=a\u{0}b"])).refuses(),
        case("not-strings", json!(["PATH=/bin", 7])).refuses(),
        case("long", json!(["PATH=/bin", format!("LONG={}", "x".repeat(100_000))])).shell("echo ${#LONG}").sees("stdout", "100000"),
        case("too-long", json!(["PATH=/bin", format!("LONG={}", "x".repeat(200_000))])).shell("echo ${#LONG}").ends(End::Failure),
        case("order", json!(["PATH=/bin", "Z=1", "A=2", "M=3", "HOME=/x"])).shell("cat /proc/self/environ | tr '\\0' '\\n' | grep -n ."),
        case("other-words", json!(["PATH=/bin", "ÄÖ=ü", "a b=c d", "tab=\t"])),
    ]
}

fn attributes() -> Vec<Case> {
    let case = |name: &str, spec| Case::new(format!("process/{name}"), spec);
    let linux = "config.md#linux-process";
    vec![
        case("oom-score", linux).set("/process/oomScoreAdj", json!(500)).sees("oom", "500"),
        case("oom-score-zero", linux).set("/process/oomScoreAdj", json!(0)).sees("oom", "0"),
        case("oom-score-negative", linux).set("/process/oomScoreAdj", json!(-500)).ends(End::Any),
        case("oom-score-too-big", linux).set("/process/oomScoreAdj", json!(1001)).refuses(),
        case("hostname", "config.md#hostname").set("/hostname", json!("another.example")).sees("names", "another.example"),
        case("hostname-unset", "config.md#hostname").remove("/hostname"),
        case("hostname-empty", "config.md#hostname").set("/hostname", json!("")),
        case("hostname-too-long", "config.md#hostname").set("/hostname", json!("h".repeat(65))).refuses(),
        case("domainname", "config.md#domainname").set("/domainname", json!("example.org")).ends(End::Any),
        case("apparmor-without-support", linux).set("/process/apparmorProfile", json!("fantasy")).ends(End::Any),
        case("selinux-without-support", linux).set("/process/selinuxLabel", json!("system_u:system_r:x_t:s0")).ends(End::Any),
        case("mount-label-without-support", "config-linux.md#mount-label")
            .set("/linux/mountLabel", json!("system_u:object_r:x_t:s0"))
            .ends(End::Any),
        case("scheduler", linux).set("/process/scheduler", json!({"policy": "SCHED_BATCH", "nice": 5})).ends(End::Any),
        case("scheduler-unknown", linux).set("/process/scheduler", json!({"policy": "SCHED_FANTASY"})).ends(End::Any),
        case("io-priority", linux).set("/process/ioPriority", json!({"class": "IOPRIO_CLASS_BE", "priority": 6})).ends(End::Any),
        case("io-priority-unknown", linux)
            .set("/process/ioPriority", json!({"class": "IOPRIO_CLASS_FANTASY", "priority": 6}))
            .ends(End::Any),
        case("personality", "config-linux.md#personality").set("/linux/personality", json!({"domain": "LINUX32"})).ends(End::Any),
        case("personality-unknown", "config-linux.md#personality").set("/linux/personality", json!({"domain": "FANTASY"})).ends(End::Any),
        case("no-linux-section", "config.md#platform-specific-configuration").remove("/linux").ends(End::Any),
        case("no-resources", "config-linux.md#control-groups").remove("/linux/resources"),
        case("signals-exit-code", "runtime.md#lifecycle").shell("kill -9 $$").ends(End::Any),
        case("exit-code", "runtime.md#lifecycle").shell("exit 42").ends(End::Code(42)),
        case("exit-code-255", "runtime.md#lifecycle").shell("exit 255").ends(End::Code(255)),
        case("children-outlive-it", "runtime.md#lifecycle").shell("sleep 50 & exit 3").ends(End::Code(3)),
        case("children-outlive-it-in-the-hosts-pid-namespace", "runtime.md#lifecycle")
            .remove("/linux/namespaces/0")
            .shell("sleep 50 & exit 3")
            .ends(End::Code(3)),
        case("keyring", "runc(8)").remove("/linux/maskedPaths").shell(KEYS),
        case("annotations", "config.md#annotations").set("/annotations", json!({"org.example.a": "b", "org.example/c": ""})),
        case("annotation-with-empty-key", "config.md#annotations").set("/annotations", json!({"": "b"})).ends(End::Any),
        case("unknown-properties", "config.md#extensibility").set("/fantasy", json!({"a": [1]})).set("/process/fantasy", json!(7)),
        case("other-version", "config.md#specification-version").set("/ociVersion", json!("1.2.0")),
        case("future-version", "config.md#specification-version").set("/ociVersion", json!("2.0.0")).ends(End::Any),
        case("version-that-is-none", "config.md#specification-version").set("/ociVersion", json!("one")).ends(End::Any),
        case("without-version", "config.md#specification-version").remove("/ociVersion").ends(End::Any),
    ]
}

// Ids, use counts and times differ; who holds which keyring does not.
const KEYS: &str = "sed -nE 's/^[^ ]+ [^ ]+ +[0-9]+ [^ ]+ ([^ ]+) +([^ ]+ +[^ ]+) +(keyring.*{id})/\\1 \\2 \\3/p' /proc/keys";
