//! The manual and the completions, with the programs that read them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use world::{SHIM, World, has};

fn files(dir: &str) -> Vec<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(dir);
    let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files
}

/// What a program says of a file, on both its streams.
fn said(program: &str, words: &[&str], file: &PathBuf) -> String {
    let output = Command::new(program).args(words).arg(file).env("LC_ALL", "C.UTF-8").output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn every_page_is_good_roff() {
    if !has("mandoc") {
        return println!("SKIP: needs mandoc");
    }
    for page in files("man") {
        let said = said("mandoc", &["-T", "lint", "-W", "warning"], &page);
        // A page has no date of its own: it is the version's.
        let complaints: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

#[test]
fn man_shows_every_page_without_a_warning() {
    if !(has("man") && has("groff")) {
        return println!("SKIP: needs man and groff");
    }
    for page in files("man") {
        let output = Command::new("man").args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page).env("LC_ALL", "C.UTF-8").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{page:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("EXAMPLES"), "{page:?}");
    }
}

#[test]
fn every_shell_understands_its_completions() {
    for script in files("completions") {
        let (shell, lint) = match script.to_str().unwrap() {
            name if name.ends_with(".bash") => ("bash", Some("shellcheck")),
            name if name.ends_with(".fish") => ("fish", None),
            _ => ("zsh", None),
        };
        let checks = [Some((shell, &["-n"][..])), lint.map(|lint| (lint, &["-s", "bash"][..]))];
        for (program, words) in checks.into_iter().flatten() {
            match has(program) {
                true => assert_eq!(said(program, words, &script), "", "{program}"),
                false => println!("SKIP: needs {program}"),
            }
        }
    }
}

/// What bash offers for a line: its words, the last of which is unfinished.
fn bash(world: &World, words: &[&str]) -> Vec<String> {
    let script = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _runtime_shim; printf '%s\n' "${COMPREPLY[@]}""#;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/completions/runtime-shim.bash");
    let output = Command::new("bash").args(["-c", script, "bash", file, SHIM]).args(words).current_dir(&world.dir).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if !has("bash") {
        return println!("SKIP: needs bash");
    }
    let world = World::new();
    fs::create_dir_all(world.path("a-directory")).unwrap();
    fs::write(world.path("a-file"), "").unwrap();
    let check = |words: &[&str], expected: &[&str]| assert_eq!(bash(&world, words), expected, "{words:?}");
    check(&["st"], &["start", "state"]);
    check(&["help", "res"], &["restore", "resume"]);
    check(&["--log-f"], &["--log-format"]);
    check(&["--log-format", ""], &["text", "json"]);
    check(&["--log-format", "=", "j"], &["json"]);
    check(&["--log-format", "json", "--debug", "pau"], &["pause"]);
    check(&["create", "--pi"], &["--pidfd-socket", "--pid-file"]);
    check(&["create", "--bundle", "a-"], &["a-directory"]);
    check(&["create", "-b", "a-"], &["a-directory"]);
    check(&["create", "-pid-file", "a-"], &["a-directory", "a-file"]);
    check(&["create", "web1", "--dr"], &["--dry-run"]);
    check(&["list", "-f", "="], &["table", "json"]);
    check(&["exec", "--tt"], &["--tty"]);
    check(&["exec", "web1", "ls", "--tt"], &[]);
    check(&["update", "--cpu-idle", ""], &["0", "1"]);
    check(&["kill", "web1", "SIGTE"], &["SIGTERM"]);
    check(&["create", "--cr"], &[]);
}

#[test]
fn bash_and_fish_complete_the_ids_of_a_root() {
    let Some(world) = World::with_containers().filter(|_| has("bash")) else { return println!("SKIP: needs root and bash") };
    for id in ["web1", "web2", "db"] {
        let bundle = world.bundle_with(json!(["true"]), |config| config["linux"]["cgroupsPath"] = format!("/{}-{id}", world.name()).into());
        world.shim(&["create", "--bundle", &bundle, id]).ok();
    }
    let root = world.root();
    let root = root.to_str().unwrap();
    assert_eq!(bash(&world, &["--root", root, "start", ""]), ["db", "web1", "web2"]);
    assert_eq!(bash(&world, &["--root", "=", root, "kill", "w"]), ["web1", "web2"]);
    assert_eq!(bash(&world, &["--root", root, "exec", "--tty", "w"]), ["web1", "web2"]);
    assert_eq!(bash(&world, &["--root", root, "create", ""]), [""; 0], "the id of a new container is the user's");
    if !has("fish") {
        return println!("SKIP: needs fish");
    }
    let path = format!("{}:/usr/bin:/bin", PathBuf::from(SHIM).parent().unwrap().display());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/completions/runtime-shim.fish");
    let line = format!("source {file}; complete -C 'runtime-shim --root {root} start w'; complete -C 'runtime-shim create --dry'");
    let output = Command::new("fish").args(["--no-config", "-c", &line]).env("PATH", path).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    let offered: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(offered, ["web1", "web2", "--dry-run"], "{}", String::from_utf8_lossy(&output.stderr));
}
