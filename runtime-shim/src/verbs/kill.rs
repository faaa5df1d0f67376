//! `kill`: a signal to the init, or to every process.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::{messages, signals};
use crate::failure::Failure;
use crate::settings::Settings;
use nix::libc::SIGTERM;
use runtime_core::ErrorKind;

static ALL: Flag = Flag::switch("all", "signal every process of the container; a stopped one is no error").short("a");

pub(crate) static VERB: Verb = Verb {
    name: "kill",
    summary: "send a signal to a container's init process",
    arguments: "<container-id> [signal]",
    about: "The signal is a number or a name, with or without SIG, in any case; the default is TERM.",
    flags: &[&ALL],
    arity: Arity::Between(1, 2),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let container = settings.runtime().load(args.id())?;
    let signal = args.rest().first().map_or(Ok(SIGTERM), |text| number(text))?;
    if !args.on(&ALL) {
        container.kill(signal)?;
        return Ok(Code::SUCCESS);
    }
    match container.kill_all(signal) {
        // The caller wants no process left, and none is.
        Err(error) if error.kind() == ErrorKind::NotRunning => Ok(Code::SUCCESS),
        sent => Ok(sent.map(|()| Code::SUCCESS)?),
    }
}

fn number(text: &str) -> Result<i32, Failure> {
    signals::number(text).ok_or_else(|| Failure::new(messages::unknown_signal(text)))
}
