//! `checkpoint`: known, so that engines that probe for it get a clear answer; not there yet.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::failure::Failure;
use crate::settings::Settings;

pub(super) static IMAGE_PATH: Flag =
    Flag::text("image-path", "DIR", "where the images are").more("The default is the directory checkpoint in the current one.");
pub(super) static WORK_PATH: Flag =
    Flag::text("work-path", "DIR", "where logs and other work files go").more("The default is the directory of the images.");
pub(super) static TCP_ESTABLISHED: Flag = Flag::switch("tcp-established", "keep open TCP connections");
pub(super) static EXT_UNIX_SK: Flag = Flag::switch("ext-unix-sk", "allow unix sockets whose other end is outside");
pub(super) static SHELL_JOB: Flag = Flag::switch("shell-job", "allow a process that belongs to a shell's session");
pub(super) static FILE_LOCKS: Flag = Flag::switch("file-locks", "keep file locks");
pub(super) static MANAGE_CGROUPS_MODE: Flag =
    Flag::text("manage-cgroups-mode", "MODE", "what is done to cgroups: soft, full, strict or ignore")
        .one_of(&["soft", "full", "strict", "ignore"])
        .more("The default is soft: the properties of cgroups are restored where restore has made them.");
pub(super) static EMPTY_NS: Flag = Flag::texts("empty-ns", "TYPE", "make a namespace, without its contents")
    .one_of(&["network"])
    .more("network is the one that is known: whoever restores the container brings its network.");
pub(super) static AUTO_DEDUP: Flag = Flag::switch("auto-dedup", "drop memory images that newer ones replace");
pub(super) static LAZY_PAGES: Flag = Flag::switch("lazy-pages", "bring memory back when it is touched");
pub(super) static TCP_SKIP_IN_FLIGHT: Flag = Flag::switch("tcp-skip-in-flight", "leave out TCP connections that are not yet open");
pub(super) static LINK_REMAP: Flag = Flag::switch("link-remap", "allow open files that have no name any more");
static PARENT_PATH: Flag = Flag::text("parent-path", "DIR", "earlier images, relative to the new ones")
    .more("Only what has changed since is saved. The path starts at --image-path, such as ../before.");
static LEAVE_RUNNING: Flag = Flag::switch("leave-running", "let the container go on");
static STATUS_FD: Flag = Flag::number("status-fd", "FD", "where to tell that lazy pages are ready")
    .more("A file descriptor of the caller's; one NUL byte is written to it.");
static PAGE_SERVER: Flag =
    Flag::text("page-server", "ADDRESS:PORT", "a server that takes the memory pages").more("criu page-server listens there.");
static PRE_DUMP: Flag = Flag::switch("pre-dump", "save memory only and let the container go on");

pub(crate) static VERB: Verb = Verb {
    name: "checkpoint",
    summary: "save a running container (not available in this version)",
    arguments: "<container-id>",
    about: "",
    flags: &[
        &IMAGE_PATH,
        &WORK_PATH,
        &PARENT_PATH,
        &LEAVE_RUNNING,
        &TCP_ESTABLISHED,
        &TCP_SKIP_IN_FLIGHT,
        &LINK_REMAP,
        &EXT_UNIX_SK,
        &SHELL_JOB,
        &LAZY_PAGES,
        &STATUS_FD,
        &PAGE_SERVER,
        &FILE_LOCKS,
        &PRE_DUMP,
        &MANAGE_CGROUPS_MODE,
        &EMPTY_NS,
        &AUTO_DEDUP,
    ],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(_: &Settings, _: &Args) -> Result<Code, Failure> {
    Err(Failure::new(messages::not_available("checkpoint")))
}
