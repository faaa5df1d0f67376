//! A second process in a running container.

use crate::case::{Case, End, Step, call, create, delete_force, exec, host, start, wait};
use serde_json::json;

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [options(), documents(), ends()].concat()
}

fn running(name: &str, steps: Vec<Step>) -> Case {
    let steps = [vec![create(), start()], steps, vec![delete_force()]].concat();
    Case::new(format!("exec/{name}"), "runc-exec(8)").sleeps().steps(steps)
}

fn options() -> Vec<Case> {
    vec![
        running("look", vec![exec(&[], "{look}")]).sees("exec.status", "Uid: 0 0 0 0"),
        running("env", vec![exec(&["--env", "A=one", "--env", "B=two three"], "env")]).sees("exec.stdout", "A=one"),
        running("env-without-value", vec![exec(&["-e", "A"], "env").any()]),
        running("env-overrides", vec![exec(&["-e", "TERM=mine", "-e", "HOME=/there"], "env")]),
        running("cwd", vec![exec(&["--cwd", "/data/inner"], "pwd")]).sees("exec.stdout", "/data/inner"),
        running("cwd-missing", vec![exec(&["--cwd", "/not/there"], "pwd").any()]),
        running("cwd-relative", vec![exec(&["--cwd", "data"], "pwd").any()]),
        running("user", vec![exec(&["--user", "1000"], "id; env")]).sees("exec.stdout", "HOME=/home/alice"),
        running("user-and-group", vec![exec(&["--user", "1000:10"], "id")]),
        running("user-by-name", vec![exec(&["--user", "alice"], "id").any()]),
        running("user-nonsense", vec![exec(&["--user", "1x"], "id").any(), exec(&["--user", "1:x"], "id").any()]),
        running("groups", vec![exec(&["--additional-gids", "10", "--additional-gids", "20"], "id")]),
        running("capabilities", vec![exec(&["--cap", "CAP_NET_RAW", "--cap", "CAP_CHOWN"], "grep Cap /proc/self/status")]),
        running("capability-unknown", vec![exec(&["--cap", "CAP_FANTASY"], "grep Cap /proc/self/status").any()]),
        running("capabilities-as-user", vec![exec(&["--cap", "CAP_NET_RAW", "--user", "1000"], "grep Cap /proc/self/status")]),
        running("no-new-privileges", vec![exec(&["--no-new-privs"], "grep NoNew /proc/self/status")]),
        running(
            "detached",
            vec![call(&["exec", "--detach", "--pid-file", "{dir}/pid", "{id}", "/bin/sh", "-c", "{look}"]), wait(End::Code(0))],
        )
        .sees("exec.status", "Uid: 0 0 0 0"),
        running(
            "detached-lives-on",
            vec![
                call(&["exec", "--detach", "--pid-file", "{dir}/exec.pid", "{id}", "/bin/sh", "-c", "exec sleep 30"]),
                host("kill -0 $(cat exec.pid) && echo alive; kill -9 $(cat exec.pid)"),
            ],
        ),
        running(
            "detached-exit-code",
            vec![call(&["exec", "--detach", "--pid-file", "{dir}/pid", "{id}", "/bin/sh", "-c", "exit 33"]), wait(End::Code(33))],
        ),
        running("stdin", vec![exec(&[], "cat").stdin("to the process\n")]).sees("exec.stdout", "to the process"),
        running("tty-without-one", vec![exec(&["--tty"], "tty").any()]),
        running("detached-tty-without-socket", vec![call(&["exec", "--detach", "--tty", "{id}", "/bin/true"]).any()]),
        running("options-after-the-id-are-words", vec![call(&["exec", "{id}", "/bin/echo", "--env", "-t", "--", "x"])]),
        running("cgroup", vec![exec(&[], "cat /proc/self/cgroup")]),
        running("ids", vec![exec(&[], "[ $$ -gt 1 ] && echo not the first; cat /proc/1/comm")]),
    ]
}

fn documents() -> Vec<Case> {
    let with =
        |name: &str, text: &'static str| running(name, vec![host(text), call(&["exec", "--process", "{dir}/process.json", "{id}"]).any()]);
    vec![
        with(
            "process",
            r#"echo '{"args": ["/bin/sh", "-c", "id; pwd; env; ulimit -n; grep -E \"Cap|NoNew|Umask\" /proc/self/status; cat /proc/self/oom_score_adj"],
                "cwd": "/data", "env": ["PATH=/bin", "P=q"], "user": {"uid": 1000, "gid": 1000, "umask": 63, "additionalGids": [10]},
                "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}], "oomScoreAdj": 300,
                "capabilities": {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]}, "noNewPrivileges": true}' > process.json"#,
        ),
        with(
            "process-minimal",
            r#"echo '{"args": ["/bin/sh", "-c", "id; pwd; env; grep Cap /proc/self/status; cat /proc/self/limits"], "cwd": "/"}' > process.json"#,
        ),
        with("process-without-cwd", r#"echo '{"args": ["/bin/true"]}' > process.json"#),
        with("process-without-args", r#"echo '{"cwd": "/"}' > process.json"#),
        with("process-truncated", r#"echo '{"args": ["/bin/tr' > process.json"#),
        with("process-missing", ":"),
        with("process-with-terminal", r#"echo '{"args": ["/bin/true"], "cwd": "/", "terminal": true}' > process.json"#),
    ]
}

fn ends() -> Vec<Case> {
    let of = |name: &str, words: &[&'static str]| {
        let words = [&["exec", "{id}"], words].concat();
        running(name, vec![call(&words).any()])
    };
    vec![
        running("exit-code", vec![exec(&[], "exit 42").exits(42), exec(&[], "exit 255").exits(255), exec(&[], "true")]),
        running("dies-by-a-signal", vec![exec(&[], "kill -9 $$").any(), exec(&[], "kill -15 $$").any()]),
        of("missing", &["/not/there"]),
        of("missing-in-path", &["fantasy"]),
        of("not-executable", &["/bin/plain"]),
        of("a-directory", &["/data"]),
        of("no-interpreter-line", &["/bin/text"]),
        of("garbage", &["/bin/garbage"]),
        of("without-words", &[]),
        of("empty-word", &[""]),
        running("in-path", vec![call(&["exec", "{id}", "true"])]),
        running("while-created", vec![]).steps(vec![create(), exec(&[], "echo in").any(), start(), delete_force()]),
        running("leaves-a-child", vec![exec(&[], "sleep 40 > /dev/null 2>&1 < /dev/null & exit 0")]),
        running("many", (0..10).map(|_| call(&["exec", "{id}", "/bin/true"])).collect()),
        running("outlived-by-nothing", vec![call(&["exec", "--detach", "{id}", "/bin/sleep", "55"])]),
        running("with-user-namespace", vec![exec(&[], "id")])
            .fixture(crate::case::Fixture::OwnedBy(100_000))
            .push("/linux/namespaces", json!({"type": "user"}))
            .set("/linux/uidMappings", json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]))
            .set("/linux/gidMappings", json!([{"containerID": 0, "hostID": 100_000, "size": 65536}])),
    ]
}
