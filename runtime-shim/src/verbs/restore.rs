//! `restore`: a container that was saved runs again.

use super::checkpoint::{
    AUTO_DEDUP, EMPTY_NS, EXT_UNIX_SK, FILE_LOCKS, IMAGE_PATH, LAZY_PAGES, LINK_REMAP, MANAGE_CGROUPS_MODE, SHELL_JOB, TCP_ESTABLISHED,
    TCP_SKIP_IN_FLIGHT, WORK_PATH,
};
use crate::args::common::{BUNDLE, CONSOLE_SOCKET, DETACH, NO_PIVOT, NO_SUBREAPER, PID_FILE};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;

static TCP_CLOSE: Flag = Flag::switch("tcp-close", "bring TCP connections back closed");
static LSM_PROFILE: Flag = Flag::text("lsm-profile", "TYPE:NAME", "the security profile to bring it back under")
    .more("TYPE is selinux or apparmor. The default is the profile it was saved under.");
static LSM_MOUNT_CONTEXT: Flag = Flag::text("lsm-mount-context", "CONTEXT", "the security context of its mounts")
    .more("It takes the place of the context in the options of mounts.");

pub(crate) static VERB: Verb = Verb {
    name: "restore",
    summary: "bring a saved container back",
    arguments: "<container-id>",
    about: "criu restores the processes as checkpoint has saved them, into a container that is made anew from the bundle.\n\
            Without --detach it stays until the first process ends, as run does. criu's log is restore.log, beside the images\n\
            or in --work-path.",
    flags: &[
        &CONSOLE_SOCKET,
        &IMAGE_PATH,
        &WORK_PATH,
        &TCP_ESTABLISHED,
        &TCP_CLOSE,
        &TCP_SKIP_IN_FLIGHT,
        &LINK_REMAP,
        &EXT_UNIX_SK,
        &SHELL_JOB,
        &FILE_LOCKS,
        &MANAGE_CGROUPS_MODE,
        &BUNDLE,
        &DETACH,
        &PID_FILE,
        &NO_SUBREAPER,
        &NO_PIVOT,
        &EMPTY_NS,
        &AUTO_DEDUP,
        &LAZY_PAGES,
        &LSM_PROFILE,
        &LSM_MOUNT_CONTEXT,
    ],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

#[cfg(not(feature = "checkpoint"))]
fn run(_: &Settings, _: &Args) -> Result<Code, Failure> {
    Err(Failure::new(crate::compat::messages::not_available("restore")))
}

#[cfg(feature = "checkpoint")]
fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    way::restore(settings, args)
}

/// From the flags to the end of the process, or to its first moment.
#[cfg(feature = "checkpoint")]
mod way {
    use super::*;
    use crate::attach::{Foreground, Stdio, Then, Way};
    use crate::request;
    use crate::verbs::checkpoint::asked;
    use crate::verbs::delete;
    use crate::verbs::run::Orphans;
    use runtime_core::{CriuOption, ExitStatus, Restore, config};

    pub(super) fn restore(settings: &Settings, args: &Args) -> Result<Code, Failure> {
        let request = asked(args)?;
        let wants_terminal =
            request.read.as_ref().and_then(|bundle| bundle.config.process.as_ref()).is_some_and(|process| process.terminal);
        let then = if args.on(&DETACH) { Then::Return } else { Then::Wait };
        match Way::find(then, wants_terminal, args.path(&CONSOLE_SOCKET))? {
            Way::Detached(terminal) => {
                settings.runtime().restore(args.id(), &Restore { terminal, ..request })?;
                Ok(Code::SUCCESS)
            }
            Way::Attached(stdio) => stay(settings, args, stdio, request),
        }
    }

    fn asked(args: &Args) -> Result<Restore, Failure> {
        let bundle = request::bundle(args)?;
        let mut images = asked::images(args)?;
        images.options.extend(args.on(&TCP_CLOSE).then_some(CriuOption::TcpClose));
        let text = |flag| args.text(flag).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Restore {
            read: Some(config::open(&bundle)?),
            bundle,
            images,
            pid_file: args.path(&PID_FILE),
            notify_socket: request::notify_socket(),
            lsm_profile: text(&LSM_PROFILE),
            lsm_mount_context: text(&LSM_MOUNT_CONTEXT),
            ..Restore::default()
        })
    }

    fn stay(settings: &Settings, args: &Args, stdio: Stdio, request: Restore) -> Result<Code, Failure> {
        let orphans = Orphans::of(args)?;
        let (foreground, terminal) = Foreground::begin(stdio)?;
        let runtime = settings.runtime();
        let container = runtime.restore(args.id(), &Restore { terminal, ..request })?;
        let follow = || -> Result<ExitStatus, Failure> {
            let attached = foreground.attach(container.pidfd()?)?;
            Ok(orphans.reaped_by(attached, &container).run()?)
        };
        let ended = follow();
        let deleted = runtime.delete_forced(args.id());
        let status = ended?;
        delete::warn(settings, &deleted?);
        Ok(Code::of(status))
    }
}
