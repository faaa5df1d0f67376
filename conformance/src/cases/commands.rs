//! The command line itself: how flags are written, what is told without a container, where errors go, what is handed on.

use crate::case::{Case, End, call, console, create, delete_force, exec, host, start};

const SPEC: &str = "runc(8)";

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [pages(), documents(), syntax(), logs(), handed_on()].concat()
}

fn case(name: &str) -> Case {
    Case::new(format!("commands/{name}"), SPEC).sleeps()
}

/// Every command has a page, and the page has the flags that engines and people use; podman looks for some of them.
fn pages() -> Vec<Case> {
    let page = |verb: &'static str, flags: &[&'static str]| {
        let case =
            Case::new(format!("help/{verb}"), SPEC).steps(vec![call(&[verb, "--help"]).label("help"), call(&[verb, "-h"]).label("h")]);
        flags.iter().fold(case, |case, flag| case.sees("help.stdout", flag))
    };
    let creating = ["*--bundle*", "*--console-socket*", "*--pid-file*", "*--no-pivot*", "*--no-new-keyring*", "*--preserve-fds*"];
    vec![
        page("create", &creating),
        page("run", &[&creating[..], &["*--detach*", "*--no-subreaper*", "*--keep*"]].concat()),
        page("exec", &["*--process*", "*--detach*", "*--pid-file*", "*--tty*", "*--cwd*", "*--env*", "*--user*", "*--cap*", "*--cgroup*"]),
        page("update", &["*--resources*", "*--memory*", "*--cpu-quota*", "*--pids-limit*"]),
        page("delete", &["*--force*"]),
        page("list", &["*--format*", "*--quiet*"]),
        page("ps", &["*--format*"]),
        page("events", &["*--stats*", "*--interval*"]),
        page("spec", &["*--bundle*", "*--rootless*"]),
        page("checkpoint", &["*--image-path*", "*--work-path*", "*--parent-path*", "*--leave-running*", "*--pre-dump*"]),
        page("restore", &["*--image-path*", "*--work-path*", "*--bundle*", "*--detach*", "*--lsm-mount-context*"]),
        page("kill", &[]),
        page("start", &[]),
        page("state", &[]),
        page("pause", &[]),
        page("resume", &[]),
        page("features", &[]),
        Case::new("help/program", SPEC)
            .steps(vec![
                call(&["--help"]).label("help"),
                call(&["-h"]).label("h"),
                call(&["help"]).label("topic"),
                call(&["help", "create"]).label("topic"),
                call(&[]),
            ])
            .sees("help.stdout", "*--root*")
            .sees("help.stdout", "*--log-format*")
            .sees("topic2.stdout", "*--bundle*"),
        Case::new("help/unknown-topic", SPEC).steps(vec![call(&["help", "fantasy"]).label("help").ends(End::Failure)]),
    ]
}

fn documents() -> Vec<Case> {
    vec![
        case("version")
            .steps(vec![call(&["--version"]).label("version"), call(&["-v"]).label("v")])
            .sees("version.stdout", "* version *.*.*")
            .sees("version.stdout", "spec: *.*.*"),
        case("features")
            .steps(vec![call(&["features"])])
            .sees("features.json", ".ociVersionMin = *")
            .sees("features.json", ".ociVersionMax = *")
            .sees("features.json", ".linux.namespaces[] = \"user\"")
            .sees("features.json", ".linux.cgroup.v2 = true")
            .sees("features.json", ".linux.seccomp.actions[] = \"SCMP_ACT_ERRNO\"")
            .sees("features.json", ".mountOptions[] = \"rro\""),
        case("spec-in-a-bundle").steps(vec![
            host("mkdir other"),
            call(&["spec", "--bundle", "{dir}/other"]),
            host("test -s other/config.json && echo written"),
            call(&["spec", "-b", "{dir}/nothing"]).refuses(),
        ]),
    ]
}

/// The flags of Go's flag package, as engines write them.
fn syntax() -> Vec<Case> {
    vec![
        case("switch-with-a-value").steps(vec![
            call(&["create", "--no-pivot=false", "--no-new-keyring=true", "{id}"]),
            call(&["delete", "-force=true", "{id}"]),
            call(&["delete", "--force=perhaps", "{id}"]).ends(End::Failure),
        ]),
        case("single-dash-with-a-value").steps(vec![call(&["create", "-bundle={bundle}", "-pid-file={dir}/pid", "{id}"]), delete_force()]),
        case("two-dashes-end-the-flags").steps(vec![create(), call(&["delete", "--force", "--", "{id}"])]),
        case("value-missing").steps(vec![call(&["create", "{id}", "--bundle"]).ends(End::Failure)]),
        case("number-that-is-none").steps(vec![call(&["create", "--preserve-fds", "many", "{id}"]).ends(End::Failure)]),
        case("the-last-one-wins").steps(vec![call(&["create", "--bundle", "/nothing", "--bundle", "{bundle}", "{id}"]), delete_force()]),
        case("root-is-slash").steps(vec![call(&["--root", "/", "list"]).label("refused").refuses()]),
        case("rootless-is-told").steps(vec![call(&["--rootless=false", "create", "{id}"]).label("create"), delete_force()]),
        case("empty-values-of-exec").steps(vec![
            create(),
            start(),
            exec(&["--cwd", "", "--user", "", "--apparmor", "", "--process-label", ""], "pwd; id"),
            delete_force(),
        ]),
    ]
}

fn logs() -> Vec<Case> {
    let failing = |format| call(&["--log", "{dir}/log", "--log-format", format, "state", "nobody"]).label("state").refuses();
    vec![
        case("log-grows-by-a-record-for-each-failure")
            .steps(vec![failing("json"), failing("json"), host("wc -l <log")])
            .sees("host.stdout", "2"),
        case("log-as-text")
            .steps(vec![failing("text"), host("grep -c '^time=\"2.*T.*\" level=error msg=\".*\"$' log")])
            .sees("host.stdout", "1"),
        case("no-record-of-a-success")
            .steps(vec![
                call(&["--log", "{dir}/log", "--log-format", "json", "delete", "--force", "nobody"]).label("delete"),
                host("cat log 2>/dev/null | wc -l"),
            ])
            .sees("host.stdout", "0"),
    ]
}

/// Descriptors: a shell of the host opens them, and becomes the runtime.
fn handed_on() -> Vec<Case> {
    let open = |name: &str, line: &'static str| case(name).steps(vec![host("echo through > text"), host(line)]);
    vec![
        open("preserve-fds", "exec 3<text; exec {runtime} --root {dir}/root run --bundle {bundle} --preserve-fds 1 {id}")
            .shell("cat <&3")
            .sees("host2.stdout", "through"),
        open("descriptors-stay-outside", "exec 3<text; exec {runtime} --root {dir}/root run --bundle {bundle} {id}")
            .shell("cat <&3 2>/dev/null || echo nothing")
            .sees("host2.stdout", "nothing"),
        open("listen-fds", "exec 3<text; export LISTEN_PID=$$ LISTEN_FDS=1; exec {runtime} --root {dir}/root run --bundle {bundle} {id}")
            .shell("cat <&3; env | grep LISTEN | sort")
            .sees("host2.stdout", "through")
            .sees("host2.stdout", "LISTEN_FDS=1")
            .sees("host2.stdout", "LISTEN_PID=1"),
        case("exec-preserve-fds")
            .steps(vec![
                create(),
                start(),
                host("echo through > text; exec 3<text; exec {runtime} --root {dir}/root exec --preserve-fds 1 {id} /bin/sh -c 'cat <&3'"),
                delete_force(),
            ])
            .sees("host.stdout", "through"),
        case("pidfd-socket")
            .steps(vec![console(), call(&["create", "--pidfd-socket", "{dir}/console.sock", "{id}"]), delete_force()])
            .sees("console", "1 descriptor with a name"),
    ]
}
