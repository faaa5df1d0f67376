//! `state`: one container as JSON.

use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::state;
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
    let container = settings.runtime().load(args.id())?;
    say(&state::document(&container.state()?)?)
}
