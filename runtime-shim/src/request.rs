//! What `create` and `run` ask of the library, from the command line and the three variables that belong to it.

use crate::args::Args;
use crate::args::common::{BUNDLE, CONSOLE_SOCKET, NO_NEW_KEYRING, NO_PIVOT, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS};
use crate::compat::log::Log;
use crate::compat::messages;
use crate::failure::Failure;
use runtime_core::{Create, Keyring, Pivot, Terminal, config};
use std::path::PathBuf;

/// The request for a new container.
pub(crate) fn create(args: &Args) -> Result<Create, Failure> {
    Ok(Create {
        bundle: bundle(args)?,
        terminal: args.path(&CONSOLE_SOCKET).map_or(Terminal::Inherit, Terminal::Socket),
        preserve_fds: preserved(args)?.saturating_add(listening()),
        listen_fds: listening(),
        pivot: if args.on(&NO_PIVOT) { Pivot::Move } else { Pivot::Root },
        keyring: if args.on(&NO_NEW_KEYRING) { Keyring::Inherit } else { Keyring::New },
        pidfd_socket: args.path(&PIDFD_SOCKET),
        pid_file: args.path(&PID_FILE),
        notify_socket: notify_socket(),
        ..Create::default()
    })
}

/// The request with its config, once it is known what of that is set aside.
pub(crate) fn read(request: Create, log: &Log) -> Result<Create, Failure> {
    let bundle = config::open(&request.bundle)?;
    log.warn(&bundle.config.warnings);
    Ok(Create { read: Some(bundle), ..request })
}

/// The bundle, absolute: relative paths of the config and of hooks start there.
pub(crate) fn bundle(args: &Args) -> Result<PathBuf, Failure> {
    match args.path(&BUNDLE) {
        Some(path) => Ok(path),
        None => std::env::current_dir().map_err(|error| Failure::io("getcwd", ".".as_ref(), &error)),
    }
}

/// `$NOTIFY_SOCKET`.
pub(crate) fn notify_socket() -> Option<PathBuf> {
    std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()).map(PathBuf::from)
}

/// `--preserve-fds`.
pub(crate) fn preserved(args: &Args) -> Result<u32, Failure> {
    let count = args.number(&PRESERVE_FDS).unwrap_or(0);
    u32::try_from(count).map_err(|_| Failure::new(messages::not_a("preserve-fds", &count.to_string(), "a number of file descriptors")))
}

/// How many sockets an activating parent hands over, from 3 on; what `--preserve-fds` counts follows them. They are ours only if `$LISTEN_PID` says so: a grandchild inherits the variables too.
fn listening() -> u32 {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    match number("LISTEN_PID") {
        Some(pid) if pid == std::process::id() => number("LISTEN_FDS").unwrap_or(0),
        _ => 0,
    }
}
