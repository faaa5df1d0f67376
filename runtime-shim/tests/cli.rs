//! The command line, from outside: what needs no container. Where runc is installed, its answers are the expectation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use world::{SHIM, Said, World, finish, has};

/// What of runc's answer must be ours too.
enum Same {
    /// The exit code.
    Code,
    /// The exit code, and the first word of stdout (`NAME:`, `Incorrect`, or none).
    Page,
    /// The exit code and the words of the error, but for the program's name.
    Words,
}

/// Calls both under an empty root of the test's own and compares.
#[track_caller]
fn as_runc(cases: &[(Same, &[&str])]) {
    if !has("runc") {
        println!("SKIP: needs runc");
        return;
    }
    for (same, words) in cases {
        let world = World::new();
        fs::create_dir(world.root()).unwrap();
        let ours = finish(&mut world.call(words));
        let theirs = finish(Command::new("runc").arg("--root").arg(world.root()).args(*words).current_dir(&world.dir));
        let line = words.join(" ");
        assert_eq!(ours.code, theirs.code, "{line}: {ours:?} {theirs:?}");
        match same {
            Same::Code => (),
            Same::Page => assert_eq!(ours.out.split_whitespace().next(), theirs.out.split_whitespace().next(), "{line}"),
            Same::Words => assert_eq!(error(&ours), error(&theirs), "{line}"),
        }
    }
}

/// The sentence of the record on stderr.
fn error(said: &Said) -> String {
    let sentence = said.err.split_once("msg=\"").map_or("", |(_, rest)| rest).trim_end().trim_end_matches('"');
    sentence.replace(SHIM, "PROGRAM").replace("runc:", "PROGRAM:")
}

#[test]
fn help_is_a_page_on_stdout() {
    let verbs = ["create", "start", "run", "state", "kill", "delete", "list", "ps", "exec", "spec", "features", "pause", "resume"];
    for verb in verbs.iter().chain(&["update", "events", "checkpoint", "restore"]) {
        as_runc(&[(Same::Page, &[verb, "--help"]), (Same::Page, &["help", verb]), (Same::Page, &[verb, "-h"])]);
    }
    as_runc(&[(Same::Page, &[]), (Same::Page, &["--help"]), (Same::Page, &["-h"]), (Same::Page, &["help"])]);
}

/// An engine's packager puts it where runc was, and go-runc wants to read `runc version`.
#[test]
fn it_says_the_name_it_was_called_by() {
    let world = World::new();
    let called = world.path("runc");
    std::os::unix::fs::symlink(SHIM, &called).unwrap();
    let lines = |words: &[&str]| {
        let said = finish(Command::new(&called).args(words).current_dir(&world.dir)).out;
        said.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["--help"])[..2], ["NAME:", "runc - Open Container Initiative runtime"]);
    assert_eq!(lines(&["--nosuch"])[2..4], ["NAME:", "runc - Open Container Initiative runtime"]);
    for words in [["state", "--help"], ["help", "state"], ["--help", "state"]] {
        assert!(lines(&words)[1].starts_with("runc state - "), "{words:?}");
    }
    let version = lines(&["--version"]);
    assert_eq!(version[0], format!("runc version {}", env!("CARGO_PKG_VERSION")));
    assert!(version.last().is_some_and(|line| line.starts_with("spec: ")), "{version:?}");
}

#[test]
fn a_wrong_number_of_arguments_is_refused_in_runcs_words() {
    as_runc(&[
        (Same::Words, &["state"]),
        (Same::Words, &["state", "a", "b"]),
        (Same::Words, &["create"]),
        (Same::Words, &["start"]),
        (Same::Words, &["delete"]),
        (Same::Words, &["kill"]),
        (Same::Words, &["kill", "a", "9", "c"]),
        (Same::Words, &["exec"]),
        (Same::Words, &["ps"]),
        (Same::Page, &["state"]),
        (Same::Page, &["run", "a", "b"]),
    ]);
}

#[test]
fn a_wrong_flag_is_refused_in_runcs_words() {
    as_runc(&[
        (Same::Words, &["--nosuch"]),
        (Same::Words, &["create", "--nosuch", "a"]),
        (Same::Code, &["create", "a", "-nosuch"]),
        (Same::Words, &["create", "--bundle"]),
        (Same::Words, &["restore", "--lsm-mount-context"]),
        (Same::Words, &["create", "--preserve-fds", "x", "a"]),
        (Same::Page, &["create", "--nosuch", "a"]),
        (Same::Words, &["create", "--preserve-fds", "99999999999999999999", "a"]),
        (Same::Page, &["exec", "--additional-gids", "x", "a", "true"]),
        (Same::Words, &["update", "--pids-limit", "x", "a"]),
        (Same::Words, &["update", "--blkio-weight=", "a"]),
        (Same::Page, &["--help", "nosuch"]),
        (Same::Code, &["nosuch"]),
        (Same::Words, &["create", "---bundle", "a"]),
        (Same::Words, &["delete", "--force=x", "a"]),
        (Same::Words, &["events", "--interval", "5", "a"]),
        (Same::Words, &["exec", "--tty=maybe", "a", "true"]),
    ]);
}

#[test]
fn a_container_that_does_not_exist_is_missed_in_runcs_words() {
    as_runc(&[
        (Same::Words, &["state", "nope"]),
        (Same::Words, &["start", "nope"]),
        (Same::Words, &["kill", "nope"]),
        (Same::Words, &["kill", "nope", "NOSUCH"]),
        (Same::Words, &["delete", "nope"]),
        (Same::Words, &["delete", "--force", "nope"]),
        (Same::Words, &["ps", "nope"]),
        (Same::Words, &["pause", "nope"]),
        (Same::Words, &["resume", "nope"]),
        (Same::Words, &["update", "--memory", "1g", "nope"]),
        (Same::Words, &["events", "--stats", "nope"]),
        (Same::Words, &["exec", "nope", "true"]),
        (Same::Words, &["exec", "--user=1", "nope", "--user=2"]),
        (Same::Words, &["state", ""]),
        (Same::Code, &["state", "a/b"]),
        (Same::Code, &["create", "nope"]),
        (Same::Code, &["list", "--format=x"]),
        (Same::Code, &["--log-format", "x", "list"]),
    ]);
}

#[test]
fn an_empty_root_is_listed_as_runc_does() {
    let world = World::new();
    fs::create_dir(world.root()).unwrap();
    let header = "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n";
    assert_eq!(world.shim(&["list"]).ok(), header);
    assert_eq!(world.shim(&["list", "-f", "json"]).ok(), "null\n");
    assert_eq!(world.shim(&["list", "-q"]).ok(), "");
    if has("runc") {
        let theirs = finish(Command::new("runc").arg("--root").arg(world.root()).arg("list").current_dir(&world.dir));
        assert_eq!(theirs.out, header);
    }
}

#[test]
fn a_given_root_that_is_missing_is_an_error_and_slash_is_refused() {
    let world = World::new();
    world.shim(&["list"]).fails(1, "no such file or directory");
    finish(&mut world.bare(&["--root", "/", "list"])).fails(1, "--root must not be /");
}

/// podman, cri-o: `checkpoint --help` exits 0; `restore --lsm-mount-context` says that the flag needs an argument.
#[test]
fn podman_and_cri_o_can_probe_for_checkpoint() {
    let world = World::new();
    finish(&mut world.bare(&["checkpoint", "--help"])).ok();
    let probe = finish(&mut world.bare(&["restore", "--lsm-mount-context"]));
    assert!((probe.out + &probe.err).contains("flag needs an argument"));
    let built_in = |words: &'static str| if cfg!(feature = "checkpoint") { words } else { "not available in this version" };
    let said = world.shim(&["checkpoint", "--image-path", "/i", "--tcp-established", "a"]);
    said.fails(1, built_in("container does not exist"));
    let said = world.shim(&["restore", "-no-subreaper", "--bundle", "/nonexistent", "a"]);
    said.fails(1, built_in("open /nonexistent: no such file or directory"));
}

/// cri-o reads both streams of `--version` and `features` as one; podman gives `--version` no environment.
#[test]
fn cri_o_and_podman_read_the_version_and_nothing_else() {
    let world = World::new();
    let said = finish(&mut world.bare(&["--version"])).ok();
    assert!(said.starts_with("runtime-shim version "), "{said}");
    assert_eq!(finish(&mut world.bare(&["-v"])).ok(), said);
}

/// containerd shares one log among all calls for a task: records are appended, one a failure, each a whole JSON object.
#[test]
fn containerd_finds_the_last_record_of_a_shared_log() {
    let world = World::new();
    let log = world.path("log.json");
    let call = |words: &[&str]| world.shim(&[&["--log", log.as_str(), "--log-format", "json"], words].concat());
    call(&["delete", "--force", "nope"]).ok();
    assert!(!fs::exists(&log).unwrap(), "a success leaves no record");
    call(&["delete", "nope"]).fails(1, "container does not exist");
    call(&["exec", "nope", "true"]).fails(255, "exec failed: container does not exist");
    let records: Vec<serde_json::Value> =
        fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&str> = records.iter().map(|record| record["msg"].as_str().unwrap()).collect();
    assert_eq!(told, ["container does not exist", "exec failed: container does not exist"]);
    assert!(records.iter().all(|record| record["level"] == "error" && record["time"].as_str().unwrap().ends_with('Z')));
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o644);
}

/// podman unmarshals the whole log as one object, and shows the user what is on stderr.
#[test]
fn podman_finds_one_object_in_the_log_and_a_sentence_on_stderr() {
    let world = World::new();
    let log = world.path("oci-log");
    let said = world.shim(&["--log-format=json", "--log", &log, "start", "nope"]);
    assert_eq!(said.err, "container does not exist\n");
    let record: serde_json::Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(record["level"], "error");
}

#[test]
fn a_usage_error_is_logged_too() {
    let world = World::new();
    let log = world.path("log");
    world.shim(&["--log", &log, "state"]).fails(1, "\"state\" requires exactly 1 argument(s)");
    assert!(fs::read_to_string(&log).unwrap().contains("level=error msg="));
}

#[test]
fn a_log_that_cannot_be_written_does_not_hide_the_error() {
    let world = World::new();
    let said = world.shim(&["--log", "/nonexistent/log", "state", "nope"]);
    said.fails(1, "container does not exist");
    assert!(said.err.contains("open /nonexistent/log: no such file or directory"), "{said:?}");
}

#[test]
fn debug_records_are_for_those_who_ask() {
    let world = World::new();
    let said = world.shim(&["--debug", "delete", "--force", "nope"]);
    assert!(said.code == 0 && said.err.contains("level=debug"), "{said:?}");
}

/// runtime-tools' validation calls `create` without an id and wants a failure.
#[test]
fn runtime_tools_cannot_create_without_an_id() {
    let world = World::new();
    assert_eq!(world.shim(&["create", "--bundle", "/nonexistent"]).code, 1);
}

#[test]
fn spec_writes_a_config_once() {
    let world = World::new();
    world.shim(&["spec", "-b", "."]).ok();
    let config: serde_json::Value = serde_json::from_slice(&fs::read(world.dir.join("config.json")).unwrap()).unwrap();
    assert!(config["ociVersion"].is_string());
    world.shim(&["spec"]).fails(1, "File config.json exists. Remove it first");
}

/// Rootless podman and people: the file is for the user who asked.
#[test]
fn spec_for_a_user_maps_that_user_and_has_no_cgroups() {
    let world = World::new();
    world.shim(&["spec", "--rootless"]).ok();
    let text = fs::read_to_string(world.dir.join("config.json")).unwrap();
    assert!(text.starts_with("{\n\t\"ociVersion\""), "{text}");
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["linux"]["uidMappings"][0]["hostID"], nix::unistd::geteuid().as_raw());
    assert!(config["linux"]["namespaces"].as_array().unwrap().contains(&serde_json::json!({"type": "user"})));
    assert!(config["linux"]["resources"].is_null());
    world.shim(&["spec", "--bundle", "/nosuch"]).fails(1, "no such file or directory");
}

#[test]
fn features_is_json_with_four_blanks() {
    let said = World::new().shim(&["features"]).ok();
    assert!(said.starts_with("{\n    \"") && said.ends_with("}\n"), "{said}");
    assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok());
}
