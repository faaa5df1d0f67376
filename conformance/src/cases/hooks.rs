//! Hooks: each kind, what they see, in which order, and what their failure does.

use crate::case::{Case, End, Step, call, create, delete, delete_force, exec, start, state, wait};
use serde_json::{Value, json};

const SPEC: &str = "config.md#posix-platform-hooks";
const HOST: &[(&str, &str)] = &[
    ("prestart", "/hooks/prestart"),
    ("createRuntime", "/hooks/createRuntime"),
    ("createContainer", "/hooks/createContainer"),
    ("poststart", "/hooks/poststart"),
    ("poststop", "/hooks/poststop"),
];
const INSIDE: (&str, &str) = ("startContainer", "/hooks/startContainer");

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![order()];
    cases.extend(HOST.iter().flat_map(|(kind, pointer)| kind_cases(kind, pointer)));
    cases.extend(kind_cases(INSIDE.0, INSIDE.1));
    cases.extend(odd());
    cases
}

/// A hook that runs this shell line. The host and the container both have a `/bin/sh`.
fn hook(line: &str) -> Value {
    json!({"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]})
}

fn life() -> Vec<Step> {
    vec![create().any(), state().any(), start().any(), wait(End::Any), delete().any()]
}

// The container writes to the same file as the hooks do: it is the only clock all of them share.
fn order() -> Case {
    let log = |name: &str| hook(&format!("cat > /dev/null; echo {name} >> {{dir}}/hooks/log"));
    let inside = json!({"path": "/bin/sh", "args": ["sh", "-c", "cat > /dev/null; echo startContainer >> /mnt/log"], "env": ["PATH=/bin"]});
    let case = Case::new("hooks/order", SPEC)
        .push("/mounts", json!({"destination": "/mnt", "source": "{dir}/hooks", "options": ["bind"]}))
        .set("/hooks/startContainer", json!([inside]))
        .shell("echo container >> /mnt/log");
    let case =
        HOST.iter().fold(case, |case, (name, pointer)| case.set(pointer, json!([log(&format!("{name}1")), log(&format!("{name}2"))])));
    let say = |what: &'static str| crate::case::host(what);
    case.steps(vec![
        create(),
        say("echo created >> hooks/log"),
        start(),
        wait(End::Code(0)),
        say("echo ended >> hooks/log"),
        delete(),
        say("grep -v poststart hooks/log | grep -n ."),
        say("grep poststart hooks/log"),
    ])
}

fn kind_cases(kind: &'static str, pointer: &'static str) -> Vec<Case> {
    let case = |name: &str| Case::new(format!("hooks/{kind}-{name}"), SPEC);
    // Inside the container the log is only reachable through a mount; outside it is at the same place.
    let inside = kind == INSIDE.0;
    let log = if inside { "/mnt" } else { "{dir}/hooks" };
    let see = format!(
        "exec >> {log}/log 2>&1; echo == state; cat; echo; \
        echo == cwd; pwd; echo == args; echo \"$0\" \"$@\"; echo == env; env; echo == id; id; \
        echo == ns; for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done; \
        echo == caps; grep -E '^(Cap|NoNew|Umask)' /proc/self/status; echo == fds; ls -l /proc/$$/fd; hostname; echo == end"
    );
    let mount = json!({"destination": "/mnt", "source": "{dir}/hooks", "options": ["bind"]});
    let mut seeing = hook(&see);
    seeing["env"] = json!(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MINE=yes"]);
    seeing["args"] = json!(["sh", "-c", see, "zero", "one", ""]);
    let mut bare = seeing.clone();
    bare["env"] = Value::Null;
    let failing = hook("cat > /dev/null; echo no more >&2; exit 7");
    let slow = {
        let mut slow = hook("exec sleep 30");
        slow["timeout"] = json!(1);
        slow
    };
    let missing = json!({"path": "/not/there"});
    let seen = |name: &str, hook: &Value| case(name).push("/mounts", mount.clone()).set(pointer, json!([hook]));
    vec![
        seen("sees", &seeing).shell("true").steps(life()).sees("hooks.env", "MINE=yes"),
        seen("sees-without-env", &bare).shell("true").steps(life()),
        case("fails").set(pointer, json!([failing, hook("cat > /dev/null; echo second >> {dir}/hooks/log")])).sleeps().steps(ending()),
        case("fails-in-run").set(pointer, json!([failing])).shell("echo ran").ends(End::Any),
        case("times-out").set(pointer, json!([slow])).sleeps().steps(ending()),
        case("is-missing").set(pointer, json!([missing])).sleeps().steps(ending()),
    ]
}

// Whichever step fails, force makes an end of it; what is left before that is told by `state`.
fn ending() -> Vec<Step> {
    vec![create().any(), state().any(), start().any(), state().any(), delete_force().any(), state().refuses()]
}

fn odd() -> Vec<Case> {
    let case = |name: &str, hooks: Value| Case::new(format!("hooks/{name}"), SPEC).set("/hooks", hooks);
    vec![
        case("none", json!({})),
        case("empty-lists", json!({"prestart": [], "createRuntime": [], "poststop": []})),
        case("null", Value::Null),
        case("unknown-kind", json!({"fantasy": [{"path": "/bin/true"}]})),
        case("relative-path", json!({"createRuntime": [{"path": "bin/true"}]})).ends(End::Any),
        case("negative-timeout", json!({"createRuntime": [{"path": "/bin/true", "timeout": -1}]})).ends(End::Any),
        case("zero-timeout", json!({"createRuntime": [{"path": "/bin/true", "timeout": 0}]})).ends(End::Any),
        case("without-args", json!({"createRuntime": [{"path": "/bin/true"}]})),
        case("not-executable", json!({"createRuntime": [{"path": "/etc/passwd"}]})).refuses(),
        case("writes-much", json!({"createRuntime": [hook("cat > /dev/null; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2")]})),
        case("leaves-a-child", json!({"createRuntime": [hook("cat > /dev/null; sleep 0.1 > /dev/null 2>&1 < /dev/null &")]})),
        case("ignores-its-input", json!({"createRuntime": [hook("exec < /dev/null")]})),
        case(
            "not-on-exec",
            json!({"createRuntime": [hook("cat > /dev/null; echo == once >> {dir}/hooks/log; echo x >> {dir}/hooks/log")]}),
        )
        .sleeps()
        .steps(vec![create(), start(), exec(&[], "true"), call(&["delete", "--force", "{id}"])]),
    ]
}
