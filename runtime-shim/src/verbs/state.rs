//! `state`: one container as JSON.

use super::load;
use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::state::Shown;
use crate::failure::Failure;
use crate::say;
use crate::settings::Settings;

pub(crate) static VERB: Verb = Verb {
    name: "state",
    summary: "show the state of a container, as JSON",
    arguments: "<container-id>",
    about: "",
    flags: &[],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let shown = Shown::of(load(settings, args.id())?.state()?);
    // Without a newline at the end, as its readers have always had it.
    say(&serde_json::to_string_pretty(&shown).map_err(|error| Failure::new(error.to_string()))?)
}
