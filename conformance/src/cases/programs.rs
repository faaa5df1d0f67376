//! Executables: found, not found, not executable, not programs.

use crate::case::{Case, End};
use serde_json::{Value, json};

const SPEC: &str = "config.md#process";

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, args: Value| Case::new(format!("program/{name}"), SPEC).set("/process/args", args);
    let path = |path: &str| json!([format!("PATH={path}")]);
    vec![
        case("missing", json!(["/not/there"])).refuses(),
        case("missing-in-path", json!(["fantasy"])).refuses(),
        case("not-executable", json!(["/bin/plain"])).refuses(),
        case("not-executable-in-path", json!(["plain"])).refuses(),
        case("a-directory", json!(["/data"])).refuses(),
        case("a-directory-in-path", json!(["inner"])).set("/process/env", path("/data")).refuses(),
        case("below-a-file", json!(["/bin/busybox/x"])).refuses(),
        case("a-loop", json!(["/loop"])).refuses(),
        case("not-permitted", json!(["/private/x"])).set("/process/user", json!({"uid": 1000, "gid": 1000})).refuses(),
        case("relative-with-slash", json!(["./bin/true"])),
        case("relative-to-cwd", json!(["../bin/true"])).set("/process/cwd", json!("/data")),
        case("in-path", json!(["true"])),
        case("second-in-path", json!(["tool", "a b"]))
            .set("/process/env", path("/nowhere:/usr/bin:/bin"))
            .sees("stdout", "tool /usr/bin/tool a b"),
        case("empty-path", json!(["true"])).set("/process/env", path("")).ends(End::Any),
        case("unset-path", json!(["true"])).set("/process/env", json!(["A=b"])).ends(End::Any),
        case("relative-path-entry", json!(["true"])).set("/process/env", path("bin")).ends(End::Any),
        case("dot-in-path", json!(["true"])).set("/process/env", path(".")).set("/process/cwd", json!("/bin")).ends(End::Any),
        case("empty-entry-in-path", json!(["true"]))
            .set("/process/env", path(":/nowhere"))
            .set("/process/cwd", json!("/bin"))
            .ends(End::Any),
        case("not-executable-first-in-path", json!(["file"])).set("/process/env", path("/data:/usr/bin")).ends(End::Any),
        case("script", json!(["/bin/script", "one"])).sees("stdout", "script /bin/script one"),
        case("script-without-interpreter-line", json!(["/bin/text"])).ends(End::Any),
        case("script-with-missing-interpreter", json!(["/bin/lost"])).ends(End::Failure),
        case("garbage", json!(["/bin/garbage"])).ends(End::Failure),
        case("empty-name", json!([""])).refuses(),
        case("empty-arguments", json!(["/bin/printf", "[%s]", "", "a", ""])).sees("stdout", "[][a][]"),
        case("no-arguments", json!([])).refuses(),
        case("null-arguments", Value::Null).refuses(),
        case("with-nul", json!(["/bin/true", "a\u{0}b"])).refuses(),
        case("nul-in-name", json!(["/bin/tr\u{0}ue"])).refuses(),
        case("on-noexec-mount", json!(["/mnt/program"]))
            .push("/mounts", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["bind", "noexec"]}))
            .refuses(),
        case("from-a-mount", json!(["/mnt/program"]))
            .push("/mounts", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["bind"]}))
            .sees("stdout", "ran"),
        case("as-alice", json!(["/bin/script"])).set("/process/user", json!({"uid": 1000, "gid": 1000})),
        case("long-argument", json!(["/bin/sh", "-c", "echo ${#1}", "sh", "y".repeat(120_000)])).sees("stdout", "120000"),
        case("command-line-is-ignored", json!(["/bin/true"])).set("/process/commandLine", json!("fantasy.exe")),
    ]
}
