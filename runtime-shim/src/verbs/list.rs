//! `list`: the containers of a root.

use super::Format;
use crate::args::common::FORMAT;
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::{messages, state, table};
use crate::failure::Failure;
use crate::say;
use crate::settings::{Root, Settings};
use runtime_core::{Container, State};
use std::os::unix::fs::MetadataExt;

static QUIET: Flag = Flag::switch("quiet", "show the ids, nothing else").short("q");

pub(crate) static VERB: Verb = Verb {
    name: "list",
    summary: "list the containers of a root",
    arguments: "",
    about: "The root is that of the global option --root.",
    flags: &[&FORMAT, &QUIET],
    arity: Arity::Exactly(0),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let format = Format::of(args.text(&FORMAT))?;
    if args.on(&QUIET) {
        return say(&of_each(settings, |container| Some(format!("{}\n", container.id())))?.concat());
    }
    // A container that goes away while it is looked at is not in the list.
    let states = with_owners(settings, of_each(settings, |container| container.state().ok())?);
    say(&match format {
        Format::Table => as_table(&states),
        Format::Json => state::array(&states)?,
    })
}

/// What is to be told of each container, none of which stays open. Nobody has used a default root that is missing; a given one that is missing
/// was mistyped.
fn of_each<T>(settings: &Settings, told: impl Fn(Container) -> Option<T>) -> Result<Vec<T>, Failure> {
    match settings.runtime().list() {
        Err(error) if messages::is_missing(&error) && !matches!(settings.root, Root::Given(_)) => Ok(Vec::new()),
        listed => Ok(listed?.filter_map(told).collect()),
    }
}

/// A container is its state directory's owner's.
fn with_owners(settings: &Settings, mut states: Vec<State>) -> Vec<State> {
    let users = if states.is_empty() { String::new() } else { std::fs::read_to_string("/etc/passwd").unwrap_or_default() };
    for state in &mut states {
        let metadata = std::fs::metadata(settings.root.path().join(&state.id));
        state.owner = metadata.map_or_else(|_| String::new(), |metadata| name(metadata.uid(), &users));
    }
    states
}

/// A user's name from the text of `/etc/passwd`; `#1000` for one without.
fn name(uid: u32, users: &str) -> String {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    users.lines().find_map(entry).unwrap_or_else(|| format!("#{uid}"))
}

fn as_table(states: &[State]) -> String {
    let rows = std::iter::once(state::header()).chain(states.iter().map(state::row));
    table::align(rows, 12, 3).iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_name_or_a_number() {
        let users = "root:x:0:0::/:/bin/sh\nbroken\nann:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name(1000, users), "ann");
        assert_eq!(name(0, users), "root");
        assert_eq!(name(7, users), "#7");
    }

    /// Scripts cut the columns where runc has them.
    #[test]
    fn an_empty_table_is_its_header() {
        assert_eq!(as_table(&[]), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
    }
}
