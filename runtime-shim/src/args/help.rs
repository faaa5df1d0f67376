//! The help pages, written from the tables.

use super::{Flag, GLOBALS, Shown, Verb, global};
use crate::compat::table;
use crate::verbs;
use std::fmt::Write;

/// The page of the program, by the name it was called by.
pub(crate) fn global(name: &str) -> String {
    let mut page = format!(
        "NAME:\n   {name} - Open Container Initiative runtime\n\n\
        USAGE:\n   {name} [global options] command [command options] [arguments...]\n\n\
        Runs a bundle (a directory with a config.json and a root filesystem) in isolation, with the\n\
        command line that container engines expect of their runtime.\n\n\
        EXAMPLE:\n   cd /my/bundle && {name} spec && {name} run web1\n\nCOMMANDS:\n"
    );
    let rows = verbs::ALL.iter().map(|verb| (verb.name.to_owned(), verb.summary.to_owned())).collect();
    two_columns(&mut page, rows);
    page.push_str("\nGLOBAL OPTIONS:\n");
    two_columns(&mut page, GLOBALS.iter().filter_map(|flag| row(flag)).collect());
    page
}

/// The page of one verb.
pub(crate) fn verb(program: &str, verb: &Verb) -> String {
    let name = format!("{program} {}", verb.name);
    let mut page = format!("NAME:\n   {name} - {}\n\nUSAGE:\n   {name} [command options] {}\n", verb.summary, verb.arguments);
    if !verb.about.is_empty() {
        let _ = write!(page, "\n{}\n", verb.about);
    }
    page.push_str("\nOPTIONS:\n");
    two_columns(&mut page, verb.flags.iter().copied().chain([&global::HELP]).filter_map(row).collect());
    page
}

/// What stdout shows when a flag cannot be understood.
pub(crate) fn blame(error: &str, page: &str) -> String {
    format!("Incorrect Usage: {error}\n\n{page}")
}

/// What stdout shows when the number of arguments is wrong.
pub(crate) fn refuse(page: &str) -> String {
    format!("Incorrect Usage.\n\n{page}")
}

fn row(flag: &Flag) -> Option<(String, String)> {
    if flag.shown == Shown::Hidden {
        return None;
    }
    let with_value = |name: String| flag.value_name().map_or_else(|| name.clone(), |value| format!("{name} {value}"));
    let long = with_value(format!("--{}", flag.long));
    let names = flag.short.map_or_else(|| long.clone(), |short| format!("{long}, {}", with_value(format!("-{short}"))));
    let often = if flag.repeats() { " (may be repeated)" } else { "" };
    Some((names, format!("{}{often}", flag.about)))
}

fn two_columns(page: &mut String, rows: Vec<(String, String)>) {
    for line in table::align(rows.into_iter().map(|(left, right)| vec![format!("   {left}"), right]), 0, 2) {
        page.push_str(&line);
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_says_what_it_is_and_lists_its_flags() {
        for known in verbs::ALL {
            let page = verb("runtime-shim", known);
            assert!(page.starts_with(&format!("NAME:\n   runtime-shim {} - ", known.name)), "{page}");
            for flag in known.flags {
                let listed = page.lines().any(|line| line.trim_start().starts_with(&format!("--{}", flag.long)));
                assert_eq!(listed, flag.shown == Shown::Listed, "{} --{}", known.name, flag.long);
            }
        }
    }

    #[test]
    fn no_two_flags_of_a_verb_share_a_name() {
        for (name, flags) in verbs::ALL.iter().map(|verb| (verb.name, verb.flags)).chain([("", GLOBALS)]) {
            let mut names: Vec<&str> = flags.iter().flat_map(|flag| [Some(flag.long), flag.short]).flatten().collect();
            if !name.is_empty() {
                names.extend(["help", "h"]);
            }
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{name}: {names:?}");
        }
    }

    #[test]
    fn every_flag_says_something_in_one_lower_case_line() {
        for flag in verbs::ALL.iter().flat_map(|verb| verb.flags).chain(GLOBALS) {
            assert!(!flag.about.is_empty() && !flag.about.contains('\n') && !flag.about.ends_with('.'), "--{}", flag.long);
        }
    }
}
