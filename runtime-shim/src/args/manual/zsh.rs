//! Completions for zsh.

use super::{Offer, listed, takes_id};
use crate::args::{Flag, GLOBALS, Order, Verb, global};
use crate::verbs;

/// What stands before the tables.
const HEAD: &str = r#"#compdef runtime-shim
# Completions of runtime-shim for zsh. Written from the program's own tables: see src/args/manual in its sources.

_runtime_shim_ids() {
    local -a ids root
    (( ${+opt_args[--root]} )) && root=(--root "${(Q)opt_args[--root]}")
    ids=(${(f)"$(_call_program ids runtime-shim $root list -q 2>/dev/null)"})
    compadd -a ids
}

_runtime_shim() {
    local context state line
    local -a verbs
    typeset -A opt_args
"#;

/// The whole script.
pub(super) fn script() -> String {
    let listing: String =
        verbs::ALL.iter().map(|verb| format!("        {}\n", quoted(&format!("{}:{}", verb.name, verb.summary)))).collect();
    let globals = arguments(listed(GLOBALS), "_arguments -C", &["'(-): :->verb'", "'*:: :->rest'"], 4);
    let cases: String = verbs::ALL.iter().map(|verb| case(verb)).collect();
    format!(
        "{HEAD}    verbs=(\n{listing}    )\n{globals}    case $state in\n    verb) _describe command verbs ;;\n    rest)\n        case $words[1] in\n\
         {cases}        esac ;;\n    esac\n}}\n\n_runtime_shim \"$@\"\n"
    )
}

fn case(verb: &Verb) -> String {
    let mut positions = Vec::new();
    if takes_id(verb) {
        positions.push("'1:container:_runtime_shim_ids'");
    }
    if verb.name == "kill" {
        positions.push("'2:signal:_signals'");
    }
    // What follows the id is a command line of its own.
    let command = if verb.order == Order::First { "_arguments -A '-*'" } else { "_arguments" };
    let flags = arguments(listed(verb.flags).chain([&global::HELP]), command, &positions, 12);
    format!("        {})\n{} ;;\n", verb.name, flags.trim_end())
}

fn arguments(flags: impl Iterator<Item = &'static Flag>, command: &str, positions: &[&str], indent: usize) -> String {
    let more = flags.map(specification).chain(positions.iter().map(|&position| position.to_owned()));
    let words: Vec<String> = std::iter::once(command.to_owned()).chain(more).collect();
    format!("{:indent$}{}\n", "", words.join(&format!(" \\\n{:1$}", "", indent + 4)))
}

/// `{-b,--bundle}'[about]:DIR:_files -/'`
fn specification(flag: &Flag) -> String {
    let long = format!("--{}", flag.long);
    let often = flag.repeats();
    let about = quoted(&format!("[{}]{}", flag.about.replace('[', "\\[").replace(']', "\\]"), action(flag)));
    match (flag.short, often) {
        (Some(short), true) => format!("'*'{{-{short},{long}}}{about}"),
        (Some(short), false) => format!("'(-{short} {long})'{{-{short},{long}}}{about}"),
        (None, true) => format!("'*'{long}{about}"),
        (None, false) => format!("{long}{about}"),
    }
}

fn action(flag: &Flag) -> String {
    let value = flag.value_name().unwrap_or_default().replace(':', "\\:");
    match Offer::of(flag) {
        Offer::Nothing => String::new(),
        Offer::Anything => format!(":{value}: "),
        Offer::Files => format!(":{value}:_files"),
        Offer::Directories => format!(":{value}:_files -/"),
        Offer::Words(words) => format!(":{value}:({})", words.join(" ")),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
