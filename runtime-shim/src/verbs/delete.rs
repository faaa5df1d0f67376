//! `delete`: nothing of a container is left.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::log::Level;
use crate::compat::messages;
use crate::failure::Failure;
use crate::settings::Settings;

static FORCE: Flag = Flag::switch("force", "kill the container first if it runs; one that does not exist is no error").short("f");

pub(crate) static VERB: Verb = Verb {
    name: "delete",
    summary: "remove everything a container holds",
    arguments: "<container-id>",
    about: "The container must have stopped, or never been started.",
    flags: &[&FORCE],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let id = args.id();
    if args.on(&FORCE) {
        let failed = settings.runtime().delete_forced(id)?;
        return Ok(warn(settings, &failed));
    }
    match settings.runtime().load(id)?.delete() {
        Ok(failed) => Ok(warn(settings, &failed)),
        Err(error) => {
            let status = settings.runtime().load(id).and_then(|container| container.status());
            Err(Failure::refused(error, status, |status| messages::cannot_delete(id, status)))
        }
    }
}

/// A `poststop` hook that failed changes nothing: the container is gone.
pub(crate) fn warn(settings: &Settings, failed: &[runtime_core::Error]) -> Code {
    for error in failed {
        settings.log.record(Level::Warning, &error.to_string());
    }
    Code::SUCCESS
}
