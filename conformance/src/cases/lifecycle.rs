//! Verbs in every order, each its own process, as engines call them.

use crate::case::{Case, Edit, End, call, console, create, delete, delete_force, exec, host, kill, second, start, state, until, wait};
use serde_json::json;

const SPEC: &str = "runtime.md#operations";

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [verbs(), wrong_states(), signals(), ids(), options(), terminals(), shapes()].concat()
}

fn case(name: &str) -> Case {
    Case::new(format!("lifecycle/{name}"), SPEC).sleeps()
}

fn verbs() -> Vec<Case> {
    vec![
        case("whole").steps(vec![
            create(),
            state(),
            start(),
            state(),
            kill("TERM"),
            kill("KILL"),
            wait(End::Code(137)),
            until("stopped"),
            state(),
            delete(),
            state().refuses(),
        ]),
        case("detached-run").steps(vec![
            call(&["run", "--detach", "--pid-file", "{dir}/pid", "{id}"]),
            state(),
            kill("KILL"),
            wait(End::Code(137)),
            delete(),
        ]),
        case("run-is-gone-afterwards").shell("exit 0").steps(vec![call(&["run", "{id}"]), state().refuses()]),
        case("run-and-keep").shell("exit 5").steps(vec![call(&["run", "--keep", "{id}"]).exits(5), state(), delete()]),
        case("created-is-deleted-by-force").steps(vec![create(), delete_force(), state().refuses()]),
        case("created-is-deleted").steps(vec![create(), delete().any(), state().any(), delete_force()]),
        case("running-is-deleted-by-force").steps(vec![create(), start(), delete_force(), state().refuses()]),
        case("program-ends-at-once").shell("exit 9").steps(vec![create(), start(), wait(End::Code(9)), until("stopped"), delete()]),
        case("program-writes").shell("echo to stdout; echo to stderr >&2").steps(vec![create(), start(), wait(End::Code(0)), delete()]),
        case("config-may-change-after-create").steps(vec![create(), host("rm bundle/config.json"), start(), state(), delete_force()]),
        case("no-process").remove("/process").steps(vec![create().any(), state().any(), start().any(), delete_force()]),
        case("init-is-killed-from-outside").steps(vec![
            create(),
            start(),
            host("kill -9 $(cat pid)"),
            wait(End::Code(137)),
            until("stopped"),
            delete(),
        ]),
        case("init-is-killed-while-created").steps(vec![
            create(),
            host("kill -9 $(cat pid)"),
            wait(End::Code(137)),
            state(),
            start().refuses(),
            delete(),
        ]),
        case("descendants-die-with-it").shell("sleep 50 & sleep 51 & exec sleep 60").steps(vec![
            create(),
            start(),
            kill("KILL"),
            wait(End::Code(137)),
            delete(),
        ]),
        case("descendants-die-with-it-in-the-hosts-pid-namespace")
            .remove("/linux/namespaces/0")
            .shell("sleep 50 & sleep 51 & exec sleep 60")
            .steps(vec![create(), start(), delete_force()]),
    ]
}

fn wrong_states() -> Vec<Case> {
    vec![
        case("create-twice").steps(vec![create(), create().refuses(), state(), delete_force()]),
        case("create-twice-while-running").steps(vec![create(), start(), create().refuses(), state(), delete_force()]),
        case("run-over-another").steps(vec![create(), call(&["run", "{id}"]).refuses(), state(), delete_force()]),
        case("start-twice").steps(vec![create(), start(), start().refuses(), state(), delete_force()]),
        case("start-stopped").shell("exit 0").steps(vec![
            create(),
            start(),
            wait(End::Code(0)),
            until("stopped"),
            start().refuses(),
            delete(),
        ]),
        case("start-missing").steps(vec![start().refuses()]),
        case("kill-missing").steps(vec![kill("KILL").refuses()]),
        case("kill-created").steps(vec![create(), kill("KILL"), wait(End::Code(137)), until("stopped"), delete()]),
        case("kill-stopped").shell("exit 0").steps(vec![
            create(),
            start(),
            wait(End::Code(0)),
            until("stopped"),
            kill("KILL").refuses(),
            call(&["kill", "--all", "{id}", "KILL"]).any(),
            delete(),
        ]),
        case("delete-missing").steps(vec![delete().refuses()]),
        case("delete-missing-by-force").steps(vec![delete_force()]),
        case("delete-running").steps(vec![create(), start(), delete().refuses(), state(), delete_force()]),
        case("delete-twice").shell("exit 0").steps(vec![create(), start(), wait(End::Code(0)), delete(), delete().refuses()]),
        case("state-missing").steps(vec![state().refuses()]),
        case("exec-missing").steps(vec![exec(&[], "true").refuses()]),
        case("exec-created").steps(vec![create(), exec(&[], "echo yes").any(), delete_force()]),
        case("exec-stopped").shell("exit 0").steps(vec![
            create(),
            start(),
            wait(End::Code(0)),
            until("stopped"),
            exec(&[], "true").refuses(),
            delete(),
        ]),
        case("pause-stopped").shell("exit 0").steps(vec![
            create(),
            start(),
            wait(End::Code(0)),
            until("stopped"),
            call(&["pause", "{id}"]).refuses(),
            delete(),
        ]),
        case("ps-stopped").shell("exit 0").steps(vec![
            create(),
            start(),
            wait(End::Code(0)),
            until("stopped"),
            call(&["ps", "{id}"]).any(),
            delete(),
        ]),
    ]
}

fn signals() -> Vec<Case> {
    // A process without a handler is deaf to signals when it is the first of its pid namespace; so the shell has one.
    let trap = |name: &str, signal: &'static str| {
        Case::new(format!("kill/{name}"), "runtime.md#kill")
            .shell("trap 'exit 10' TERM; trap 'exit 11' HUP; trap 'exit 12' USR1; trap 'exit 13' INT; : > /dev/shm/ready; while :; do sleep 0.02; done")
            .steps(vec![
                create(),
                start(),
                exec(&[], "until [ -e /dev/shm/ready ]; do sleep 0.01; done"),
                kill(signal).any(),
                wait(End::Any).label("ended"),
                delete_force(),
            ])
    };
    // Signals that are refused leave the container running: nothing to wait for.
    let refused = |name: &str, signal: &'static str| {
        case(&format!("signal-{name}")).steps(vec![create(), start(), kill(signal).any(), state(), delete_force()])
    };
    vec![
        trap("name", "TERM"),
        trap("name-with-prefix", "SIGHUP"),
        trap("lower-case", "sigusr1"),
        trap("number", "2"),
        trap("kill", "KILL"),
        refused("unknown", "FANTASY"),
        refused("zero", "0"),
        refused("too-big", "99"),
        refused("negative", "-1"),
        refused("empty", ""),
        refused("real-time", "RTMIN+1"),
        Case::new("kill/default-is-term", "runtime.md#kill")
            .shell("trap 'exit 10' TERM; : > /dev/shm/ready; while :; do sleep 0.02; done")
            .steps(vec![
                create(),
                start(),
                exec(&[], "until [ -e /dev/shm/ready ]; do sleep 0.01; done"),
                call(&["kill", "{id}"]),
                wait(End::Code(10)),
                delete(),
            ]),
        Case::new("kill/all", "runc-kill(8)").shell("sleep 50 & exec sleep 60").steps(vec![
            create(),
            start(),
            call(&["kill", "--all", "{id}", "KILL"]),
            wait(End::Code(137)),
            delete(),
        ]),
    ]
}

fn ids() -> Vec<Case> {
    let with =
        |name: &str, id: &'static str| Case::new(format!("id/{name}"), "runc(8)").shell("true").steps(vec![call(&["run", id]).any()]);
    vec![
        with("empty", ""),
        with("dot", "."),
        with("dots", ".."),
        with("with-slash", "{id}/x"),
        with("with-space", "{id} x"),
        with("with-colon", "{id}:x"),
        with("not-ascii", "{id}ü"),
        with("starting-with-dot", ".{id}"),
        with("starting-with-plus", "+{id}"),
        with("all-that-is-allowed", "{id}_a+b.c-D9"),
        with("climbing", "../{id}"),
        Case::new("id/long", "runc(8)").shell("true").steps(vec![call(&["run", LONG]).any()]),
        Case::new("id/none", "runc(8)").steps(vec![
            call(&["run"]).ends(End::Failure),
            call(&["create"]).ends(End::Failure),
            call(&["state"]).ends(End::Failure),
        ]),
        Case::new("id/too-many", "runc(8)").steps(vec![call(&["state", "{id}", "more"]).ends(End::Failure)]),
    ]
}

const LONG: &str = "{id}-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn options() -> Vec<Case> {
    let option = |name: &str| Case::new(format!("options/{name}"), "runc(8)").sleeps();
    vec![
        option("pid-file").steps(vec![
            create(),
            host("od -c pid | tail -n 1 | sed 's/^0*[1-9]*$/length/'; kill -0 $(cat pid) && echo a process"),
            delete_force(),
        ]),
        option("pid-file-is-replaced").steps(vec![host("echo old > pid"), create(), host("grep old pid || echo new"), delete_force()]),
        option("pid-file-cannot-be-made")
            .steps(vec![call(&["create", "--pid-file", "{dir}/no/such/pid", "{id}"]).refuses(), state().refuses()]),
        option("pid-file-relative").steps(vec![call(&["create", "--pid-file", "relative", "{id}"]), host("ls bundle"), delete_force()]),
        option("bundle-missing").steps(vec![call(&["create", "--bundle", "{dir}/nothing", "{id}"]).refuses()]),
        option("bundle-relative").steps(vec![call(&["create", "--bundle", "../bundle", "{id}"]), state(), delete_force()]),
        option("bundle-equals").steps(vec![call(&["create", "--bundle={bundle}", "{id}"]), delete_force()]),
        option("single-dash").steps(vec![call(&["create", "-bundle", "{bundle}", "{id}"]).any(), delete_force()]),
        option("options-after-the-id").steps(vec![call(&["create", "{id}", "--bundle", "{bundle}"]).any(), delete_force()]),
        option("unknown").steps(vec![call(&["create", "--fantasy", "{id}"]).ends(End::Failure)]),
        option("unknown-verb").steps(vec![call(&["fantasy"]).any()]),
        option("no-pivot").shell(LOOK_ROOT).steps(vec![call(&["run", "--no-pivot", "{id}"]).any()]),
        option("no-new-keyring")
            .remove("/linux/maskedPaths")
            .shell("grep -c _ses.{id} /proc/keys")
            .steps(vec![call(&["run", "--no-new-keyring", "{id}"]).any()]),
        option("preserve-fds-missing")
            .shell("echo == fds; ls -l /proc/$$/fd")
            .steps(vec![call(&["run", "--preserve-fds", "2", "{id}"]).any()]),
        option("listen-fds-of-another")
            .shell("env")
            .steps(vec![call(&["run", "{id}"]).env("LISTEN_FDS", "1").env("LISTEN_PID", "1").any()]),
        option("environment-stays-outside").shell("env").steps(vec![call(&["run", "{id}"]).env("SECRET", "of the host")]),
        option("stdin-is-passed").shell("cat").steps(vec![call(&["run", "{id}"]).stdin("hello\n")]),
        option("log-to-file").steps(vec![
            call(&["--log", "{dir}/log", "--log-format", "json", "state", "nobody"]).label("state").ends(End::Failure),
            host("grep -c '\"level\":\"error\"' log; grep -c '\"msg\":\"' log; grep -c '\"time\":\"' log"),
        ]),
        option("log-format-unknown").steps(vec![call(&["--log-format", "fantasy", "list"]).label("logged").ends(End::Failure)]),
    ]
}

const LOOK_ROOT: &str = "cat /proc/self/mountinfo | wc -l; ls /; pwd";

fn terminals() -> Vec<Case> {
    let with_terminal = |name: &str| Case::new(format!("terminal/{name}"), "config.md#process").set("/process/terminal", json!(true));
    let create = || call(&["create", "--pid-file", "{dir}/pid", "--console-socket", "{dir}/console.sock", "{id}"]);
    vec![
        with_terminal("create")
            .steps(vec![console(), create(), start(), wait(End::Code(0)), delete()])
            .sees("console", "1 descriptor with a name"),
        with_terminal("size")
            .set("/process/consoleSize", json!({"height": 33, "width": 111}))
            .shell("tty; stty size; stat -c '%F %a %u:%g' /dev/console /dev/pts/0")
            .steps(vec![console(), create(), start(), wait(End::Code(0)), delete()]),
        with_terminal("as-alice")
            .set("/process/user", json!({"uid": 1000, "gid": 1000}))
            .shell("tty; stat -c '%n %F %a %u:%g' /dev/console /dev/pts/0; stty -a | head -n 8")
            .steps(vec![console(), create(), start(), wait(End::Code(0)), delete()]),
        with_terminal("detached-run").steps(vec![
            console(),
            call(&["run", "--detach", "--pid-file", "{dir}/pid", "--console-socket", "{dir}/console.sock", "{id}"]),
            wait(End::Code(0)),
            delete(),
        ]),
        with_terminal("without-socket").steps(vec![crate::case::create().refuses(), state().refuses()]),
        with_terminal("socket-missing").steps(vec![create().refuses(), state().refuses()]),
        Case::new("terminal/socket-but-no-terminal", "runc(8)").sleeps().steps(vec![console(), create().any(), delete_force()]),
        Case::new("terminal/exec", "runc-exec(8)").sleeps().steps(vec![
            crate::case::create(),
            start(),
            console(),
            call(&[
                "exec",
                "--tty",
                "--detach",
                "--console-socket",
                "{dir}/console.sock",
                "--pid-file",
                "{dir}/pid",
                "{id}",
                "/bin/sh",
                "-c",
                "{look}",
            ]),
            wait(End::Code(0)),
            delete_force(),
        ]),
    ]
}

fn shapes() -> Vec<Case> {
    let shape = |name: &str| Case::new(format!("shape/{name}"), "runc(8)").sleeps();
    vec![
        shape("state").set("/annotations", json!({"a": "b", "c/d": "e"})).steps(vec![create(), state(), start(), state(), delete_force()]),
        shape("list-empty").steps(vec![
            host("mkdir root"),
            call(&["list"]),
            call(&["list", "--format", "json"]),
            call(&["list", "--quiet"]),
        ]),
        shape("list-missing-root").steps(vec![call(&["list"]).any()]),
        shape("list").steps(vec![
            create(),
            call(&["list"]),
            call(&["list", "--format", "json"]),
            call(&["list", "--quiet"]),
            call(&["list", "--format", "fantasy"]).any(),
            delete_force(),
        ]),
        shape("list-two").steps(vec![
            create(),
            second(vec![Edit::Set("/process/args", json!(["/bin/sleep", "50"]))]),
            call(&["run", "--detach", "--bundle", "{dir}/second", "{id}-b"]),
            call(&["list"]),
            call(&["list", "--format", "json"]),
            delete_force(),
            call(&["delete", "--force", "{id}-b"]),
        ]),
        shape("ps").steps(vec![
            create(),
            start(),
            call(&["ps", "--format", "json", "{id}"]),
            call(&["ps", "{id}", "-o", "pid,args"]),
            call(&["ps", "--format", "fantasy", "{id}"]).any(),
            delete_force(),
        ]),
        shape("ps-missing").steps(vec![call(&["ps", "{id}"]).refuses()]),
        shape("spec").steps(vec![
            host("rm bundle/config.json"),
            call(&["spec"]),
            host("cat bundle/config.json"),
            call(&["spec"]).refuses(),
        ]),
        shape("spec-rootless").steps(vec![host("rm bundle/config.json"), call(&["spec", "--rootless"]), host("cat bundle/config.json")]),
        shape("events-missing").steps(vec![call(&["events", "--stats", "{id}"]).any()]),
    ]
}
