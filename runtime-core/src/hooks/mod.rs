//! Hooks: programs of the host's owner, run at fixed moments of a container's life with its state on their stdin.
//!
//! Invariants: no hook leaves a zombie, outlives its timeout or stalls on its own output; the state is delivered without SIGPIPE
//! to the caller. Which hook runs when is the story's business (`container`), not this room's.
//!
//! ```text
//! hooks::run(Kind::CreateRuntime, &config.hooks.create_runtime, &state, Place::Host { cwd: Some(&config.bundle) })?;
//! ```

mod inside;
mod process;
mod sys;

use crate::config::Hook;
use crate::error::{Error, ErrorKind, Result};
use crate::pidfd::Pidfd;
use std::fmt::{self, Display};
use std::os::fd::OwnedFd;
use std::path::Path;

pub(crate) use inside::Inside;

/// The moment a hook runs at, named as in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Prestart,
    CreateRuntime,
    CreateContainer,
    StartContainer,
    Poststart,
    Poststop,
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        })
    }
}

/// Where a hook runs.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In the runtime's namespaces.
    Host {
        /// The directory to run in; none is the caller's.
        cwd: Option<&'a Path>,
    },
    /// In the container's namespaces, with the runtime's rights: the program is the host's.
    Container(&'a Inside),
    /// As a process of the container's, with no more rights than its program: the hook is started with these as its standard
    /// streams.
    Process(&'a Start<'a>),
}

/// Starts a hook that is a process of the container's.
pub(crate) type Start<'a> = dyn Fn(&Hook, [OwnedFd; 3]) -> Result<Pidfd> + 'a;

/// Runs the hooks one after the other; the first that fails is the last that ran.
pub(crate) fn run(kind: Kind, hooks: &[Hook], state: &[u8], place: Place<'_>) -> Result<()> {
    let mut numbered = hooks.iter().enumerate();
    numbered.try_for_each(|hook| run_one(kind, hook, state, place))
}

/// Runs all hooks, whatever becomes of each, and tells what went wrong: `poststop`'s failures are warnings.
pub(crate) fn run_all(kind: Kind, hooks: &[Hook], state: &[u8], place: Place<'_>) -> Vec<Error> {
    let numbered = hooks.iter().enumerate();
    numbered.filter_map(|hook| run_one(kind, hook, state, place).err()).collect()
}

fn run_one(kind: Kind, (index, hook): (usize, &Hook), state: &[u8], place: Place<'_>) -> Result<()> {
    let ran = process::run(hook, state, place);
    ran.map_err(|error| error.with_kind(ErrorKind::Hook).during(format_args!("error running {kind} hook #{index}")))
}

#[cfg(test)]
mod tests;
