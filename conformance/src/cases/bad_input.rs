//! Input nobody should write: one clear line, exit 1, and nothing left.

use crate::case::{Case, Edit, End, create, state};
use serde_json::{Value, json};

const SPEC: &str = "config.md";

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [texts(), types(), sizes()].concat()
}

/// Create is refused with exit code 1, and there is no container afterwards.
fn refused(case: Case) -> Case {
    case.steps(vec![create().refuses(), state().refuses()])
}

fn texts() -> Vec<Case> {
    let case = |name: &str, edit: Edit| refused(Case::new(format!("bad-input/{name}"), SPEC).edit(edit));
    vec![
        case("no-config", Edit::Missing),
        case("empty-file", Edit::Text("")),
        case("truncated", Edit::Cut(300)),
        case("truncated-late", Edit::Cut(3000)),
        case("not-json", Edit::Text("process: [sh]\n")),
        case("null", Edit::Text("null")),
        case("a-list", Edit::Text("[]")),
        case("a-string", Edit::Text("\"config\"")),
        case("empty-object", Edit::Text("{}")),
        case("nested-deeply", Edit::Text(DEEP)),
        case("twice-the-same-key", Edit::Text(r#"{"ociVersion": "1.0.2", "ociVersion": "1.0.2", "root": {"path": "nothing"}}"#)),
    ]
}

const DEEP: &str = concat!(
    r#"{"annotations": "#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
);

fn types() -> Vec<Case> {
    let case = |name: &str, pointer: &'static str, value: Value| refused(Case::new(format!("bad-input/{name}"), SPEC).set(pointer, value));
    vec![
        case("args-is-a-string", "/process/args", json!("/bin/sh")),
        case("args-holds-numbers", "/process/args", json!([1, 2])),
        case("uid-is-a-string", "/process/user/uid", json!("root")),
        case("uid-is-a-fraction", "/process/user/uid", json!(1.5)),
        case("terminal-is-a-string", "/process/terminal", json!("no")),
        case("mounts-is-an-object", "/mounts", json!({})),
        case("mount-is-a-string", "/mounts/0", json!("proc")),
        case("mount-without-destination", "/mounts/0", json!({"type": "proc", "source": "proc"})),
        case("namespaces-is-an-object", "/linux/namespaces", json!({"pid": true})),
        case("namespace-is-a-string", "/linux/namespaces/0", json!("pid")),
        case("root-is-a-string", "/root", json!("rootfs")),
        case("hooks-is-a-list", "/hooks", json!([])),
        case("hook-without-path", "/hooks/prestart", json!([{}])),
        case("linux-is-a-list", "/linux", json!([])),
        case("annotations-hold-numbers", "/annotations", json!({"a": 1})),
        case("process-is-a-list", "/process", json!([])),
        case("cwd-is-a-number", "/process/cwd", json!(7)),
        case("nul-in-hostname", "/hostname", json!("a\u{0}b")),
        case("nul-in-cwd", "/process/cwd", json!("/da\u{0}ta")),
        case("nul-in-root", "/root/path", json!("root\u{0}fs")),
        case("nul-in-destination", "/mounts/0/destination", json!("/pr\u{0}oc")),
        case("nul-in-source", "/mounts/0", json!({"destination": "/mnt", "source": "/t\u{0}mp", "options": ["bind"]})),
        case("nul-in-masked-path", "/linux/maskedPaths", json!(["/proc/\u{0}keys"])),
        case("nul-in-sysctl", "/linux/sysctl", json!({"net.ipv4.ip_forward": "1\u{0}"}))
            .steps(vec![create().any(), crate::case::delete_force()]),
        case("seccomp-unknown-action", "/linux/seccomp", json!({"defaultAction": "SCMP_ACT_FANTASY"})),
        case(
            "seccomp-unknown-architecture",
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_FANTASY"]}),
        ),
        case(
            "seccomp-unknown-operator",
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getcwd"],
            "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_FANTASY"}]}]}),
        ),
        case(
            "seccomp-too-many-arguments",
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getcwd"],
            "action": "SCMP_ACT_ERRNO", "args": [{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}]}]}),
        ),
    ]
}

fn sizes() -> Vec<Case> {
    let case = |name: &str| Case::new(format!("bad-input/{name}"), SPEC).shell("true");
    vec![
        refused(case("ten-thousand-mounts").edit(Edit::Copies(
            "/mounts",
            10_000,
            json!({"destination": "/mnt", "type": "fantasy", "source": "none"}),
        ))),
        case("a-config-of-64-mebibytes").edit(Edit::Long("/annotations/long", 64 << 20)).ends(End::Any),
        case("a-long-destination")
            .push("/mounts", json!({"destination": format!("/{}", "d".repeat(300)), "type": "tmpfs", "source": "x"}))
            .refuses(),
        case("a-very-long-destination")
            .push("/mounts", json!({"destination": format!("/{}", "d/".repeat(3000)), "type": "tmpfs", "source": "x"}))
            .refuses(),
        case("many-annotations")
            .set("/annotations", (0..5000).map(|n| (format!("org.example.{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()),
        case("many-masked-paths").set("/linux/maskedPaths", (0..2000).map(|n| json!(format!("/not/there/{n}"))).collect()),
    ]
}
