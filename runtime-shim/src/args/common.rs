//! Flags that more than one verb has.

use super::Flag;

pub(crate) static BUNDLE: Flag =
    Flag::text("bundle", "DIR", "the bundle, a directory with a config.json; the default is the current directory")
        .short("b")
        .more("Relative paths in config.json, such as that of the root filesystem, start here.");
pub(crate) static CONSOLE_SOCKET: Flag = Flag::text("console-socket", "SOCKET", "a unix socket that is sent the terminal of the process")
    .more("The runtime connects to it and sends one message with one file descriptor, the terminal's master. It needs process.terminal.");
pub(crate) static PIDFD_SOCKET: Flag = Flag::text("pidfd-socket", "SOCKET", "a unix socket that is sent a pidfd of the process")
    .more("The runtime connects to it and sends one message with one file descriptor. A pidfd never comes to mean another process.");
pub(crate) static PID_FILE: Flag = Flag::text("pid-file", "FILE", "write the process id, as the host sees it, to FILE")
    .more("The file appears whole, by a rename, and holds the decimal number without a newline. A relative path is the caller's.");
pub(crate) static PRESERVE_FDS: Flag = Flag::number("preserve-fds", "N", "pass N more file descriptors, from 3 on").more(
    "The default is 0. In create and run they follow those that $LISTEN_FDS counts. One that is not open is an error, and every other file \
     descriptor is closed before the program runs.",
);
pub(crate) static NO_PIVOT: Flag = Flag::switch("no-pivot", "enter the root filesystem without pivot_root, for a host on a ramdisk")
    .more("pivot_root(2) cannot replace an initial ramdisk. The old root stays mounted below the new one, so it is the weaker way.");
pub(crate) static NO_NEW_KEYRING: Flag = Flag::switch("no-new-keyring", "keep the caller's session keyring")
    .more("Otherwise the container has a session keyring of its own, _ses.<container-id>.");
pub(crate) static DETACH: Flag = Flag::switch("detach", "return as soon as the process runs")
    .short("d")
    .more("The process keeps the caller's stdin, stdout and stderr; one with a terminal needs --console-socket.");
pub(crate) static NO_SUBREAPER: Flag = Flag::switch("no-subreaper", "do not adopt the container's orphaned processes");
pub(crate) static DRY_RUN: Flag = Flag::switch("dry-run", "print every step that would be done, and touch nothing");
pub(crate) static FORMAT: Flag = Flag::text("format", "FORMAT", "table (the default) or json")
    .short("f")
    .one_of(&["table", "json"])
    .more("json is one line; no entries at all are null.");
