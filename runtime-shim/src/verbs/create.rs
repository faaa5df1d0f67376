//! `create`: everything but the program's start.

use crate::args::common::{BUNDLE, CONSOLE_SOCKET, DRY_RUN, NO_NEW_KEYRING, NO_PIVOT, NO_SUBREAPER, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::debug;
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::{request, say};

/// Some callers pass `--detach` and `--no-subreaper` to `create` as they do to `run`; it always detaches and never reaps.
static DETACH: Flag = Flag::switch("detach", "accepted, without effect").hidden();
static REAPER: Flag = Flag::switch(NO_SUBREAPER.long, "accepted, without effect").hidden();

pub(crate) static VERB: Verb = Verb {
    name: "create",
    summary: "make a container, ready to start",
    arguments: "<container-id>",
    about: "Makes everything config.json asks for and stops before its program runs; start runs it.\n\
            The id is yours to choose: letters, digits and _ + . - in any order, unique under one root.",
    flags: &[&BUNDLE, &CONSOLE_SOCKET, &PIDFD_SOCKET, &PID_FILE, &NO_PIVOT, &NO_NEW_KEYRING, &PRESERVE_FDS, &DRY_RUN, &DETACH, &REAPER],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    if args.on(&DRY_RUN) {
        return plan(settings, args);
    }
    create(settings, args).map_err(|failure| failure.during("create failed"))
}

fn create(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let request = request::read(request::create(args)?, &settings.log)?;
    debug::planned(&settings.log, || settings.runtime().plan(args.id(), &request));
    settings.runtime().create(args.id(), &request)?;
    debug::created(&settings.log);
    Ok(Code::SUCCESS)
}

/// What `--dry-run` prints, for `run` too.
pub(super) fn plan(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    say(&settings.runtime().plan(args.id(), &request::create(args)?)?)
}
