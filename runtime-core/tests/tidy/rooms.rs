//! Who may import what. The table of `ARCHITECTURE.md`, as data.

use crate::source::Source;

/// A room of a crate: the beginning of its files' paths, and the rooms it may name. `*` is every room of its crate.
struct Room {
    path: &'static str,
    may_use: &'static [&'static str],
}

const fn room(path: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { path, may_use }
}

/// A crate: its directory, its own rooms that the table is about, and the crates of ours it may name.
const CRATES: &[(&str, &[&str])] = &[
    ("runtime-core/init/", &[]),
    ("runtime-core/", &["runtime_init"]),
    ("runtime-shim/", &["runtime_core"]),
    ("conformance/", &[]),
    ("benches/", &[]),
];

/// Only these rooms of the library know the child's vocabulary.
const KNOW_THE_INIT: &[&str] = &["compile", "spawn", "container"];

/// Rooms that are leaves, or nearly, may be used by whoever is above them; what is not listed is wrong.
const ROOMS: &[Room] = &[
    room("runtime-core/init/src/sys", &["sys"]),
    room("runtime-core/init/src/op", &["sys"]),
    room("runtime-core/init/src/report", &["sys", "Op"]),
    room("runtime-core/init/src/plan", &["sys", "op"]),
    room("runtime-core/init/src/step", &["sys", "op", "report", "run"]),
    room("runtime-core/src/error", &[]),
    room("runtime-core/src/pidfd", &[]),
    room("runtime-core/src/mountinfo", &[]),
    room("runtime-core/src/host", &["mountinfo"]),
    room("runtime-core/src/socket", &["error"]),
    room("runtime-core/src/config", &["error"]),
    room("runtime-core/src/spec", &["config"]),
    room("runtime-core/src/features", &["config", "host"]),
    room("runtime-core/src/cgroup", &["error", "mountinfo"]),
    room("runtime-core/src/console", &["error", "pidfd", "socket"]),
    room("runtime-core/src/notify", &["error", "pidfd", "socket"]),
    room("runtime-core/src/checkpoint", &["config", "error", "socket"]),
    room("runtime-core/src/hooks", &["config", "error", "pidfd"]),
    room("runtime-core/src/state", &["config", "error", "network", "pidfd", "resctrl"]),
    room("runtime-core/src/compile", &["config", "error", "host"]),
    room("runtime-core/src/prepare", &["compile", "error", "spawn"]),
    room("runtime-core/src/network", &["error"]),
    room("runtime-core/src/resctrl", &["error"]),
    room("runtime-core/src/spawn", &["compile", "config", "error", "socket"]),
    room("runtime-core/src/container", &["*"]),
];

/// Which paths of other crates a room must not name, and the files that may all the same.
const REACH: &[(&str, &[&str], &[&str])] = &[
    // Pure: the same config and facts make the same plan, everywhere.
    ("runtime-core/src/compile/", IO, &[]),
    ("runtime-core/src/config/", IO, &["read.rs"]),
    ("runtime-core/src/host/", &["std::process", "std::net", "fs::write", "fs::create", "fs::remove", "OpenOptions"], &[]),
    ("runtime-core/src/features", IO, &[]),
    ("runtime-core/src/spec", IO, &[]),
    ("runtime-core/init/src/", &["std::", "alloc::", "extern crate", "format!", "panic!", ".unwrap()", ".expect("], &[]),
];

/// Rooms' tests in files of their own; they may look around.
const TESTS: &[&str] = &["/tests/", "tests.rs", "/config/mutation.rs", "/config/case.rs"];

const IO: &[&str] =
    &["std::fs", "std::env", "std::process", "std::net", "std::time", "File::", "nix::sys", "nix::unistd", "nix::fcntl", "nix::mount"];

/// `crate::room` where the table has no such arrow, and names of crates that are none of its business.
pub(crate) fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some((_, crates)) = CRATES.iter().find(|(dir, _)| source.path.starts_with(dir)) else { return Vec::new() };
    let ours = ["runtime_core", "runtime_init", "runtime_shim"];
    let foreign = ours.into_iter().filter(|name| !crates.contains(name) && !is_itself(source, name));
    let mut wrong: Vec<String> = foreign.flat_map(|name| named(source, &format!("{name}::"))).collect();
    if let Some(room) =
        ROOMS.iter().filter(|room| !is_test(source) && source.path.starts_with(room.path)).max_by_key(|room| room.path.len())
    {
        wrong.extend(between_rooms(source, room));
    }
    wrong
}

fn is_test(source: &Source) -> bool {
    TESTS.iter().any(|part| source.path.contains(part))
}

/// A crate's program, tests and examples name its library.
fn is_itself(source: &Source, name: &str) -> bool {
    let inside = |dir: &str| source.path.starts_with(dir);
    match name {
        "runtime_core" => inside("runtime-core/tests/") || inside("runtime-core/examples/"),
        "runtime_init" => inside("runtime-core/init/src/elf.rs"),
        _ => false,
    }
}

fn between_rooms(source: &Source, room: &Room) -> Vec<String> {
    let own = room.path.rsplit('/').next().unwrap_or_default();
    let may = |name: &str| name == own || room.may_use.contains(&"*") || room.may_use.contains(&name);
    let wrong = arrows(source).into_iter().filter(|(_, to)| !may(to));
    let mut wrong: Vec<String> = wrong.map(|(at, to)| format!("{}: {own} must not use {to}", source.at(at))).collect();
    if room.path.starts_with("runtime-core/src") && !KNOW_THE_INIT.contains(&own) && !named(source, "runtime_init").is_empty() {
        // Constants and calls of the kernel are no vocabulary; nobody else needs those either.
        wrong.extend(named(source, "runtime_init"));
    }
    wrong
}

/// Every `crate::x`, also of `use crate::{x, y}` and of as many `super::` as lead there.
fn arrows(source: &Source) -> Vec<(usize, String)> {
    let inside = source.path.split("/src/").nth(1).unwrap_or_default().trim_end_matches("/mod.rs").trim_end_matches(".rs");
    let up = "super::".repeat(inside.split('/').count());
    let code = &source.code_without_tests();
    let heads = ["crate::", up.as_str()].into_iter().flat_map(|head| code.match_indices(head).map(|(at, _)| (at, at + head.len())));
    heads
        .filter(|&(at, _)| starts_a_path(code, at))
        .flat_map(|(at, end)| names(&code[end..]).into_iter().map(move |name| (at, name)))
        .collect()
}

fn starts_a_path(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$')
}

/// The first names of a path, or of the paths in braces.
fn names(path: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let mut depth = 0;
    let mut found = vec![word(group.trim_start())];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn named(source: &Source, what: &str) -> Vec<String> {
    let code = &source.code;
    let places = code.match_indices(what).filter(|(at, _)| starts_a_path(code, *at));
    places.map(|(at, _)| format!("{}: must not name {what}", source.at(at))).collect()
}

/// What the table of forbidden things finds.
pub(crate) fn wrong_reach(source: &Source) -> Vec<String> {
    let code = &source.code_without_tests();
    let applies = |dir: &str, except: &[&str]| source.path.starts_with(dir) && !except.iter().any(|file| source.path.ends_with(file));
    let rules = REACH.iter().filter(|(dir, _, except)| !is_test(source) && applies(dir, except));
    let places = rules.flat_map(|(_, words, _)| words.iter()).flat_map(|word| code.match_indices(word));
    places
        .filter(|(at, word)| word.starts_with('.') || starts_a_path(code, *at))
        .map(|(at, word)| format!("{}: must not use {word}", source.at(at)))
        .collect()
}

#[test]
fn a_wrong_arrow_is_seen() {
    let wrong = |path: &str, text: &str| wrong_arrows(&Source::new(path, text)).len();
    assert_eq!(wrong("runtime-core/src/config/mounts.rs", "use crate::error::Result;"), 0);
    assert_eq!(wrong("runtime-core/src/config/mounts.rs", "use crate::{error::{A, B}, host::Host};"), 1);
    assert_eq!(wrong("runtime-core/src/config/mounts.rs", "use super::super::host::Host;"), 1);
    assert_eq!(wrong("runtime-core/src/cgroup/mod.rs", "fn a() { crate::state::b() }"), 1);
    assert_eq!(wrong("runtime-core/src/host/mod.rs", "use runtime_init::Op;"), 1);
    assert_eq!(wrong("runtime-core/init/src/sys/file.rs", "use crate::op::Op;"), 1);
    assert_eq!(wrong("runtime-shim/src/main.rs", "use runtime_init::Op;"), 1);
    assert_eq!(wrong("conformance/src/main.rs", "use runtime_core::Runtime;"), 1);
}

#[test]
fn a_wrong_reach_is_seen() {
    let wrong = |path: &str, text: &str| wrong_reach(&Source::new(path, text)).len();
    assert_eq!(wrong("runtime-core/src/compile/mounts.rs", "fn a() { std::fs::read(b) }"), 1);
    assert_eq!(wrong("runtime-core/src/compile/mounts.rs", "// std::fs\nuse nix::libc;"), 0);
    assert_eq!(wrong("runtime-core/init/src/run.rs", "fn a() { b.unwrap() }"), 1);
}
