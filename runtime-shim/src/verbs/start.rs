//! `start`: the program of a created container runs.

use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) static VERB: Verb = Verb {
    name: "start",
    summary: "run the program of a created container",
    arguments: "<container-id>",
    about: "Returns as soon as the program runs.",
    flags: &[],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let mut container = settings.runtime().load(args.id())?;
    match container.start() {
        Ok(()) => Ok(Code::SUCCESS),
        Err(error) => Err(Failure::refused(error, container.status(), messages::cannot_start)),
    }
}
