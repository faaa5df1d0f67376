//! Flags that more than one verb has.

use super::Flag;

pub(crate) static BUNDLE: Flag =
    Flag::text("bundle", "DIR", "the bundle, a directory with a config.json; the default is the current directory").short("b");
pub(crate) static CONSOLE_SOCKET: Flag = Flag::text("console-socket", "SOCKET", "a unix socket that is sent the terminal of the process")
    .more("The runtime connects to it and sends one message with one file descriptor, the terminal's master. It needs process.terminal.");
pub(crate) static PIDFD_SOCKET: Flag = Flag::text("pidfd-socket", "SOCKET", "a unix socket that is sent a pidfd of the process");
pub(crate) static PID_FILE: Flag = Flag::text("pid-file", "FILE", "write the process id, as the host sees it, to FILE")
    .more("The file appears whole, by a rename, and holds the decimal number without a newline.");
pub(crate) static PRESERVE_FDS: Flag = Flag::number("preserve-fds", "N", "pass N more file descriptors, from 3 on")
    .more("They follow those of $LISTEN_FDS. Every other file descriptor is closed before the program runs.");
pub(crate) static NO_PIVOT: Flag = Flag::switch("no-pivot", "enter the root filesystem without pivot_root, for a host on a ramdisk");
pub(crate) static NO_NEW_KEYRING: Flag = Flag::switch("no-new-keyring", "keep the caller's session keyring");
pub(crate) static DETACH: Flag = Flag::switch("detach", "return as soon as the process runs").short("d");
pub(crate) static NO_SUBREAPER: Flag = Flag::switch("no-subreaper", "do not adopt the container's orphaned processes");
pub(crate) static DRY_RUN: Flag = Flag::switch("dry-run", "print every step that would be done, and touch nothing");
pub(crate) static FORMAT: Flag = Flag::text("format", "FORMAT", "table (the default) or json").short("f");
