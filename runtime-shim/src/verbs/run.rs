//! `run`: create and start in one, and by default stay until the program ends.

use super::create;
use crate::args::common::{
    BUNDLE, CONSOLE_SOCKET, DETACH, DRY_RUN, NO_NEW_KEYRING, NO_PIVOT, NO_SUBREAPER, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS,
};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::attach::{Foreground, Then, Way};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::request;
use crate::settings::Settings;
use runtime_core::{Create, Runtime, Terminal, config};

static KEEP: Flag = Flag::switch("keep", "do not delete the container when its program ends");

pub(crate) static VERB: Verb = Verb {
    name: "run",
    summary: "make a container and run its program",
    arguments: "<container-id>",
    about: "Without --detach it stays until the program ends, passes signals on to it, exits with its exit code (128 and\n\
            the number for a signal) and deletes the container.",
    flags: &[
        &BUNDLE,
        &CONSOLE_SOCKET,
        &PIDFD_SOCKET,
        &DETACH,
        &KEEP,
        &PID_FILE,
        &NO_SUBREAPER,
        &NO_PIVOT,
        &NO_NEW_KEYRING,
        &PRESERVE_FDS,
        &DRY_RUN,
    ],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    if args.on(&DRY_RUN) {
        return create::plan(settings, args);
    }
    launch(settings, args).map_err(|failure| failure.during("run failed"))
}

fn launch(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let request = request::create(args)?;
    let wants_terminal = config::read(&request.bundle)?.process.is_some_and(|process| process.terminal);
    let then = if args.on(&DETACH) { Then::Return } else { Then::Wait };
    let way = Way::find(then, wants_terminal, args.path(&CONSOLE_SOCKET))?;
    settings.root.prepare()?;
    match way {
        Way::Detached(terminal) => begin(&settings.runtime(), args.id(), Create { terminal, ..request }).map(|_| Code::SUCCESS),
        Way::Attached(stdio) => stay(settings, args, Foreground::begin(stdio)?, request),
    }
}

fn stay(settings: &Settings, args: &Args, mut foreground: Foreground, request: Create) -> Result<Code, Failure> {
    if !args.on(&NO_SUBREAPER) {
        // What the program leaves behind would go to the host's init, and hold the container's files while it is deleted.
        nix::sys::prctl::set_child_subreaper(true)
            .map_err(|errno| Failure::io("prctl", "PR_SET_CHILD_SUBREAPER".as_ref(), &errno.into()))?;
    }
    let runtime = settings.runtime();
    let terminal: Terminal = foreground.terminal()?;
    let pid = begin(&runtime, args.id(), Create { terminal, ..request })?;
    let ended = foreground.follow(pid);
    if ended.is_err() || !args.on(&KEEP) {
        runtime.delete_forced(args.id())?;
    }
    Ok(Code::of(ended?))
}

/// Creates and starts; what cannot be started is not left behind. Answers with the init's pid, which the container itself forgets as soon
/// as it has stopped.
fn begin(runtime: &Runtime, id: &str, request: Create) -> Result<i32, Failure> {
    let mut container = runtime.create(id, &request)?;
    let pid = container.init_pid().unwrap_or(0);
    container.start().map(|()| pid).map_err(|error| {
        // The error that counts is the start's.
        let _ = runtime.delete_forced(id);
        error.into()
    })
}
