//! `pause`: every process of a container stands still.

use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) static VERB: Verb = Verb {
    name: "pause",
    summary: "suspend every process of a container",
    arguments: "<container-id>",
    about: "",
    flags: &[],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    settings.runtime().load(args.id())?.pause()?;
    Ok(Code::SUCCESS)
}
