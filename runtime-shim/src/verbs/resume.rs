//! `resume`: the processes of a paused container go on.

use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) static VERB: Verb = Verb {
    name: "resume",
    summary: "let the processes of a paused container go on",
    arguments: "<container-id>",
    about: "",
    flags: &[],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    settings.runtime().load(args.id())?.resume()?;
    Ok(Code::SUCCESS)
}
