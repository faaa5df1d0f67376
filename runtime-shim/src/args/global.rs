//! The flags that stand before the verb.

use super::Flag;

pub(crate) static ROOT: Flag = Flag::text("root", "DIR", "where the state of containers is kept").more(
    "The default is /run/runtime-shim, and $XDG_RUNTIME_DIR/runtime-shim for users other than root. It must not be /. \
     Containers made under one root are not seen under another.",
);
pub(crate) static LOG: Flag = Flag::text("log", "FILE", "append errors to FILE as well as writing them to stderr").more(
    "The file is opened when there is something to write. It gets exactly one record for a failure, and one for each warning; warnings are \
     then not on stderr. A colon in the name has no meaning.",
);
pub(crate) static LOG_FORMAT: Flag = Flag::text("log-format", "FORMAT", "how log records are written: text or json")
    .one_of(&["text", "json"])
    .more("The default is text. A json record has the keys level, msg and time (RFC 3339), one record a line.");
pub(crate) static LOG_LEVEL: Flag = Flag::text("log-level", "LEVEL", "what is logged: error, warning or debug")
    .one_of(&["error", "warning", "debug"])
    .more("The default is warning: errors, and what of a config was not followed. With error a call that succeeds says nothing.");
pub(crate) static DEBUG: Flag = Flag::switch("debug", "the same as --log-level debug");
pub(crate) static SYSTEMD_CGROUP: Flag =
    Flag::switch("systemd-cgroup", "make cgroups through systemd; cgroupsPath is then slice:prefix:name")
        .more("Only create and run look at it: later verbs use what the container was made with.");
pub(crate) static CGROUP_MANAGER: Flag = Flag::text("cgroup-manager", "WHICH", "how cgroups are made: cgroupfs, systemd or disabled")
    .one_of(&["cgroupfs", "systemd", "disabled"])
    .more(
        "The default is cgroupfs, which writes to /sys/fs/cgroup; systemd is the same as --systemd-cgroup. With disabled, containers stay in \
         the caller's cgroups and have no limits.",
    );
pub(crate) static ROOTLESS: Flag = Flag::text("rootless", "WHEN", "go on where cgroups may not be written: true, false or auto")
    .one_of(&["true", "false", "auto"])
    .more("The default is auto: true for users other than root, and for the root of a user namespace.");
/// runc took it until 1.4, and shims of that time pass it.
static CRIU: Flag = Flag::text("criu", "PATH", "accepted, without effect").hidden();
pub(super) static HELP: Flag = Flag::switch("help", "show help").short("h");
pub(super) static VERSION: Flag = Flag::switch("version", "show the version").short("v");

/// Every flag that may stand before the verb, in the order of the help.
pub(crate) static GLOBALS: &[&Flag] =
    &[&ROOT, &LOG, &LOG_FORMAT, &LOG_LEVEL, &DEBUG, &SYSTEMD_CGROUP, &CGROUP_MANAGER, &ROOTLESS, &CRIU, &HELP, &VERSION];
