//! Words that must not be in the tree. They are put together here, so that this file does not have them.

use crate::source::Source;

const FOR_LATER: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("todo", "!"), concat!("unimplemented", "!")];

/// Names for files that have no idea of their own.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "manager", "misc", "impl"];

/// Directories of the machines this was written on.
const MACHINES: &[&str] = &[concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/opt/", "peers"), concat!("/ho", "me/runner")];

/// Work that is put off, in code and comments.
pub(crate) fn for_later(source: &Source) -> Vec<String> {
    FOR_LATER
        .iter()
        .flat_map(|word| whole_words(&source.text, word))
        .map(|(line, word)| format!("{}:{line}: {word}", source.path))
        .collect()
}

/// A file or directory with no better name.
pub(crate) fn empty_name(path: &str) -> Option<String> {
    let stems = path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    stems.into_iter().find(|stem| EMPTY_NAMES.contains(stem)).map(|stem| format!("{path}: {stem} says nothing"))
}

/// A path that is there on one machine only.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let found = MACHINES.iter().flat_map(|machine| text.match_indices(machine));
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_' || c == '-');
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    found.filter(|&(at, _)| begins(at)).map(|(at, machine)| format!("{path}:{}: {machine}", line(at))).collect()
}

fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_whole = move |at: usize| {
        let outside = |c: char| !(c.is_alphanumeric() || c == '_');
        (at == 0 || text[..at].ends_with(outside)) && (text.len() == at + word.len() || text[at + word.len()..].starts_with(outside))
    };
    text.match_indices(word).filter(move |&(at, _)| is_whole(at)).map(move |(at, _)| (text[..at].matches('\n').count() + 1, word))
}

#[test]
fn a_word_is_seen_whole() {
    let later = |text: &str| for_later(&Source::new("x.rs", text)).len();
    assert_eq!(later(concat!("// TO", "DO: more")), 1);
    assert_eq!(later(concat!("fn a() { todo", "!() }")), 1);
    assert_eq!(later("// MASTODON"), 0);
}

#[test]
fn a_name_or_a_path_is_seen() {
    assert!(empty_name("runtime-core/src/utils.rs").is_some() && empty_name("a/helper/b.rs").is_some());
    assert!(empty_name("runtime-core/src/utility.rs").is_none());
    assert_eq!(machine_paths("a", concat!("cd /wo", "rk/x")).len(), 1);
    assert_eq!(machine_paths("a", concat!("frame", "wo", "rk/x, ./wo", "rk/y")).len(), 0);
}
