//! `run`: create and start in one, and by default stay until the program ends.

use super::{create, delete};
use crate::args::common::{
    BUNDLE, CONSOLE_SOCKET, DETACH, DRY_RUN, NO_NEW_KEYRING, NO_PIVOT, NO_SUBREAPER, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS,
};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::attach::{Foreground, Stdio, Then, Way};
use crate::compat::debug;
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::request;
use crate::settings::Settings;
use nix::sys::prctl::set_child_subreaper;
use runtime_core::console::Attached;
use runtime_core::{Container, Create, ExitStatus};

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
    let request = request::read(request::create(args)?, &settings.log)?;
    debug::planned(&settings.log, || settings.runtime().plan(args.id(), &request));
    let process = request.read.as_ref().and_then(|bundle| bundle.config.process.as_ref());
    let wants_terminal = process.is_some_and(|process| process.terminal);
    let then = if args.on(&DETACH) { Then::Return } else { Then::Wait };
    match Way::find(then, wants_terminal, args.path(&CONSOLE_SOCKET))? {
        Way::Detached(terminal) => leave(settings, args.id(), Create { terminal, ..request }),
        Way::Attached(stdio) => stay(settings, args, stdio, request),
    }
}

/// What cannot be started is not left behind.
fn leave(settings: &Settings, id: &str, request: Create) -> Result<Code, Failure> {
    let mut container = settings.runtime().create(id, &request)?;
    debug::created(&settings.log);
    container.start().map(|()| Code::SUCCESS).map_err(|error| {
        // The error that counts is the start's.
        let _ = settings.runtime().delete_forced(id);
        error.into()
    })
}

fn stay(settings: &Settings, args: &Args, stdio: Stdio, request: Create) -> Result<Code, Failure> {
    let orphans = Orphans::of(args)?;
    let (foreground, terminal) = Foreground::begin(stdio)?;
    let runtime = settings.runtime();
    let container = runtime.create(args.id(), &Create { terminal, ..request })?;
    debug::created(&settings.log);
    let ended = follow(container, foreground, orphans);
    if ended.is_err() || !args.on(&KEEP) {
        let deleted = runtime.delete_forced(args.id());
        let status = ended?;
        delete::warn(settings, &deleted?);
        return Ok(Code::of(status));
    }
    Ok(Code::of(ended?))
}

/// From a created container to its end.
fn follow(mut container: Container, foreground: Foreground, orphans: Orphans) -> Result<ExitStatus, Failure> {
    let attached = orphans.reaped_by(foreground.attach(container.pidfd()?)?, &container);
    container.start()?;
    Ok(attached.run()?)
}

/// The processes that the program leaves behind when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphans {
    /// They become ours, so that they do not hold the container's files while it is deleted.
    Adopted,
    /// They go to the host's init, or to whoever else adopts.
    Leave,
}

impl Orphans {
    /// What the flags say.
    pub(super) fn of(args: &Args) -> Result<Self, Failure> {
        if args.on(&NO_SUBREAPER) { Ok(Self::Leave) } else { Self::adopt() }
    }

    /// Adopted ones are reaped as long as the container's first process is followed.
    pub(super) fn reaped_by(self, attached: Attached, container: &Container) -> Attached {
        match (self, container.init_pid()) {
            (Self::Adopted, Some(pid)) => attached.with_orphans_reaped(pid),
            _ => attached,
        }
    }

    fn adopt() -> Result<Self, Failure> {
        let adopted = set_child_subreaper(true).map(|()| Self::Adopted);
        adopted.map_err(|errno| Failure::io("prctl", "PR_SET_CHILD_SUBREAPER".as_ref(), &errno.into()))
    }
}
