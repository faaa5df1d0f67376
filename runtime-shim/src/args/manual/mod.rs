//! The manual and the completions of the shells: files of this package, written from the tables by tests.
//!
//! They are not in the program, which stays small, and need no program to be made: `man/*.8` and `completions/*` are there to be installed.
//! A test fails where they are not what the tables say; `UPDATE_EXPECT=1 cargo test -p runtime-shim manual` writes them anew.

mod bash;
mod fish;
mod page;
mod texts;
mod zsh;

use super::{Flag, GLOBALS, Shown, Takes, Verb};
use crate::verbs;
use expect_test::expect_file;

/// The flags that are offered.
fn listed<'a>(flags: &'a [&'static Flag]) -> impl Iterator<Item = &'static Flag> + use<'a> {
    flags.iter().copied().filter(|flag| flag.shown == Shown::Listed)
}

/// A flag's names, as they are typed.
fn names(flag: &Flag) -> impl Iterator<Item = String> {
    let short = flag.short.map(|short| format!("-{short}"));
    std::iter::once(format!("--{}", flag.long)).chain(short)
}

/// What the shell offers for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// There is no value.
    Nothing,
    /// These.
    Words(&'static [&'static str]),
    /// Directories of the host.
    Directories,
    /// Files of the host.
    Files,
    /// It can be anything.
    Anything,
}

impl Offer {
    fn of(flag: &Flag) -> Self {
        match flag.value_name() {
            None => Self::Nothing,
            _ if !flag.told.words.is_empty() => Self::Words(flag.told.words),
            // The directories of exec are the container's.
            Some("DIR") if flag.long != "cwd" => Self::Directories,
            Some("FILE" | "SOCKET" | "PATH") => Self::Files,
            Some(_) => Self::Anything,
        }
    }
}

/// Does a verb begin with a container's id, of one that exists?
fn takes_id(verb: &Verb) -> bool {
    verb.arguments.starts_with("<container-id>") && !["create", "run", "restore"].contains(&verb.name)
}

#[test]
fn the_manual_is_what_the_tables_say() {
    let file = |name: &str| format!("{}/man/{name}.8", env!("CARGO_MANIFEST_DIR"));
    expect_file![file("runtime-shim")].assert_eq(&page::program());
    for verb in verbs::ALL {
        expect_file![file(&format!("runtime-shim-{}", verb.name))].assert_eq(&page::verb(verb));
    }
}

#[test]
fn the_manuals_completions_are_what_the_tables_say() {
    let file = |name: &str| format!("{}/completions/{name}", env!("CARGO_MANIFEST_DIR"));
    expect_file![file("runtime-shim.bash")].assert_eq(&bash::script());
    expect_file![file("_runtime-shim")].assert_eq(&zsh::script());
    expect_file![file("runtime-shim.fish")].assert_eq(&fish::script());
}

#[test]
fn the_manual_says_more_of_every_value() {
    for flag in verbs::ALL.iter().flat_map(|verb| verb.flags).chain(GLOBALS) {
        let told = flag.shown == Shown::Hidden || flag.takes == Takes::Switch || !flag.told.more.is_empty();
        assert!(told, "--{}", flag.long);
        let whole = flag.told.more.is_empty() || flag.told.more.ends_with(['.', '}']);
        assert!(whole && !flag.told.more.contains('\n'), "--{}", flag.long);
    }
}

#[test]
fn the_manual_has_an_example_for_every_verb() {
    for verb in verbs::ALL {
        let examples = texts::of(verb.name).examples;
        assert!(!examples.is_empty(), "{}", verb.name);
        let named = |line: &&(&str, &str)| line.1.contains(&format!(" {}", verb.name));
        assert!(examples.iter().any(|line| named(&line)), "{}", verb.name);
    }
}

#[test]
fn the_manuals_examples_are_understood() {
    for (verb, line) in verbs::ALL.iter().flat_map(|verb| texts::of(verb.name).examples.iter().map(move |(_, line)| (verb.name, *line))) {
        for call in line.split(['|', ';', '<', '>']).map(str::trim).filter_map(|part| part.strip_prefix("runtime-shim ")) {
            let words: Vec<String> = call.split_whitespace().map(str::to_owned).collect();
            let asked = super::globals("runtime-shim", &words).and_then(|globals| super::command("runtime-shim", &globals));
            assert!(asked.is_ok(), "{verb}: {call}");
        }
    }
}
