//! `restore`: known, so that engines that probe for it get a clear answer; not there yet.

use super::checkpoint::{
    AUTO_DEDUP, EMPTY_NS, EXT_UNIX_SK, FILE_LOCKS, IMAGE_PATH, LAZY_PAGES, LINK_REMAP, MANAGE_CGROUPS_MODE, SHELL_JOB, TCP_ESTABLISHED,
    TCP_SKIP_IN_FLIGHT, WORK_PATH,
};
use crate::args::common::{BUNDLE, CONSOLE_SOCKET, DETACH, NO_PIVOT, NO_SUBREAPER, PID_FILE};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::failure::Failure;
use crate::settings::Settings;

static TCP_CLOSE: Flag = Flag::switch("tcp-close", "bring TCP connections back closed");
static LSM_PROFILE: Flag = Flag::text("lsm-profile", "TYPE:NAME", "the security profile to bring it back under")
    .more("TYPE is selinux or apparmor. The default is the profile it was saved under.");
static LSM_MOUNT_CONTEXT: Flag = Flag::text("lsm-mount-context", "CONTEXT", "the security context of its mounts")
    .more("It takes the place of the context in the options of mounts.");

pub(crate) static VERB: Verb = Verb {
    name: "restore",
    summary: "bring a saved container back (not available in this version)",
    arguments: "<container-id>",
    about: "",
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

fn run(_: &Settings, _: &Args) -> Result<Code, Failure> {
    Err(Failure::new(messages::not_available("restore")))
}
