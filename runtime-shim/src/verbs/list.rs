//! `list`: the containers of a root.

use super::Format;
use crate::args::common::FORMAT;
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::compat::state::Shown;
use crate::compat::table;
use crate::failure::Failure;
use crate::say;
use crate::settings::{Root, Settings};
use runtime_core::{Container, State};

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
    let containers = containers(settings)?;
    if args.on(&QUIET) {
        return say(&containers.iter().map(|container| format!("{}\n", container.id())).collect::<String>());
    }
    // A container that goes away while it is looked at is not in the list.
    let shown = shown(containers.iter().filter_map(|container| container.state().ok()));
    say(&match format {
        Format::Table => as_table(&shown),
        Format::Json => as_json(&shown)?,
    })
}

/// Nobody has used a default root that is missing; a given one that is missing was mistyped.
fn containers(settings: &Settings) -> Result<Vec<Container>, Failure> {
    match settings.runtime().list() {
        Err(error) if messages::is_missing(&error) && !matches!(settings.root, Root::Given(_)) => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}

fn shown(states: impl Iterator<Item = State>) -> Vec<Shown> {
    let mut users = None;
    let mut name = |uid| owner(uid, users.get_or_insert_with(|| std::fs::read_to_string("/etc/passwd").unwrap_or_default()));
    states.map(|state| (name(state.owner), state)).map(|(owner, state)| Shown::of(state).owned_by(owner)).collect()
}

/// A user's name from the text of `/etc/passwd`; `#1000` for one without.
fn owner(uid: u32, users: &str) -> String {
    let named = users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?, fields.nth(1)?.parse::<u32>().ok()?))
    });
    named.into_iter().find(|(_, of)| *of == uid).map_or_else(|| format!("#{uid}"), |(name, _)| name.to_owned())
}

fn as_table(shown: &[Shown]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned).to_vec();
    let rows = std::iter::once(header).chain(shown.iter().map(Shown::row));
    table::align(rows, 12, 3).iter().map(|line| format!("{line}\n")).collect()
}

/// One line; no container is `null`, which is how Go writes a list that was never made.
fn as_json(shown: &[Shown]) -> Result<String, Failure> {
    let list = Some(shown).filter(|shown| !shown.is_empty());
    let text = serde_json::to_string(&list).map_err(|error| Failure::new(error.to_string()))?;
    Ok(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_name_or_a_number() {
        let users = "root:x:0:0::/:/bin/sh\nbroken\nann:x:1000:1000::/:/bin/sh\n";
        assert_eq!(owner(1000, users), "ann");
        assert_eq!(owner(0, users), "root");
        assert_eq!(owner(7, users), "#7");
    }

    /// go-runc unmarshals it into a slice; scripts compare the empty table's header.
    #[test]
    fn nothing_is_null_in_json_and_a_header_in_a_table() {
        assert_eq!(as_json(&[]).unwrap_or_default(), "null\n");
        assert_eq!(as_table(&[]), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
    }
}
