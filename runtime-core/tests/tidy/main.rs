//! Reads the tree, and fails where it is not built as `ARCHITECTURE.md` says: arrows between rooms, sizes, words, reasons for `unsafe`.
//!
//! It knows no syntax but comments, strings and brackets. A rule that is wrong somewhere gets an exception here, with its reason;
//! there is no way to switch it off from the place it is about. Each rule is itself tested, on a line that breaks it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod functions;
mod reasons;
mod rooms;
mod source;
mod table;
mod words;

use source::{Source, sources, texts};

/// Fails with every finding at once, one a line, as `path:line: what`.
#[track_caller]
fn none(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_tree_is_found() {
    assert!(sources().len() > 150);
    assert!(texts().iter().any(|(path, _)| path == "README.md"));
}

#[test]
fn arrows_go_one_way() {
    none(sources().iter().flat_map(rooms::wrong_arrows));
}

#[test]
fn a_room_does_not_reach_for_what_it_must_not_touch() {
    none(sources().iter().flat_map(rooms::wrong_reach));
}

#[test]
fn unsafe_code_lives_in_few_files() {
    let sources = sources();
    none(sources.iter().flat_map(reasons::misplaced_unsafe).chain(reasons::needless(&sources)));
}

#[test]
fn every_unsafe_line_has_its_reason() {
    none(sources().iter().flat_map(reasons::missing_reasons));
}

#[test]
fn a_file_is_not_longer_than_700_lines() {
    let lengths = sources().into_iter().map(|source| (source.lines(0..source.text.len()), source.path));
    none(lengths.filter(|(lines, _)| *lines > 700).map(|(lines, path)| format!("{path}: {lines} lines")));
}

#[test]
fn a_file_begins_with_what_it_is_for() {
    let mute = |source: &&Source| !source.text.starts_with("//! ");
    none(sources().iter().filter(mute).map(|source| format!("{}: does not begin with //!", source.path)));
}

#[test]
fn a_function_is_not_longer_than_70_lines() {
    none(sources().iter().flat_map(functions::too_long));
}

#[test]
fn a_function_takes_at_most_4_parameters() {
    none(sources().iter().flat_map(functions::too_many_parameters));
}

#[test]
fn nothing_is_left_for_later() {
    none(sources().iter().flat_map(words::for_later));
}

#[test]
fn every_file_is_named_for_an_idea() {
    none(texts().iter().filter_map(|(path, _)| words::empty_name(path)));
}

#[test]
fn no_text_knows_the_machine_it_was_written_on() {
    none(texts().iter().flat_map(|(path, text)| words::machine_paths(path, text)));
}

#[test]
fn the_tables_of_what_is_promised_have_no_hole_and_name_tests_that_exist() {
    let (sources, texts) = (sources(), texts());
    for page in table::PAGES {
        let text = &texts.iter().find(|(path, _)| path == page.path).expect("the page").1;
        none(page.holes(text).into_iter().chain(page.missing(text, &sources)));
    }
}
