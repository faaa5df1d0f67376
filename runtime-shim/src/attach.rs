//! Staying in the foreground with a process: whose terminal it gets, and following it to its end.
//!
//! The relay and the forwarding of signals are the library's; this file is the seam to it. What it relies on:
//!
//! - `Attached::new` is called *before* the process exists: from then on no signal is lost, it is kept until it can be forwarded.
//! - `terminal` gives what the request needs so that the other end arrives here.
//! - `follow` forwards signals and bytes until that pid ends, reaps whatever else it adopted, and leaves the caller's terminal as it was.

use crate::compat::messages;
use crate::failure::Failure;
use runtime_core::console::{Attached, Stdio};
use runtime_core::{ExitStatus, Terminal};
use std::path::PathBuf;

/// How the caller and the process stay connected.
pub(crate) enum Way {
    /// Not at all; the process's stdio is as given.
    Detached(Terminal),
    /// Until the process ends.
    Attached(Stdio),
}

/// What the caller wants once the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Return,
    Wait,
}

impl Way {
    /// The way, from what was asked and whether the process wants a terminal. A terminal needs somebody who holds its other end.
    pub(crate) fn find(then: Then, wants_terminal: bool, socket: Option<PathBuf>) -> Result<Self, Failure> {
        match (then, wants_terminal, socket) {
            (Then::Return, true, Some(socket)) => Ok(Self::Detached(Terminal::Socket(socket))),
            (Then::Return, true, None) => Err(Failure::new(messages::TERMINAL_NEEDS_SOCKET)),
            (_, _, Some(_)) => Err(Failure::new(messages::SOCKET_NEEDS_TERMINAL)),
            (Then::Return, false, None) => Ok(Self::Detached(Terminal::Inherit)),
            (Then::Wait, true, None) => Ok(Self::Attached(Stdio::Terminal)),
            (Then::Wait, false, None) => Ok(Self::Attached(Stdio::Inherited)),
        }
    }
}

/// A call that stays until the process it starts ends.
pub(crate) struct Foreground(Attached);

impl Foreground {
    /// From here on signals are kept for the process to come.
    pub(crate) fn begin(stdio: Stdio) -> Result<Self, Failure> {
        Ok(Self(Attached::new(stdio)?))
    }

    /// What the request for the process needs.
    pub(crate) fn terminal(&mut self) -> Result<Terminal, Failure> {
        Ok(self.0.terminal()?)
    }

    /// Stays with the process until it ends.
    pub(crate) fn follow(self, pid: i32) -> Result<ExitStatus, Failure> {
        Ok(self.0.follow(pid)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(then: Then, wants_terminal: bool, socket: Option<&str>, expected: &str) {
        let said = match Way::find(then, wants_terminal, socket.map(PathBuf::from)) {
            Ok(Way::Detached(Terminal::Socket(path))) => format!("detached, terminal to {}", path.display()),
            Ok(Way::Detached(_)) => "detached".into(),
            Ok(Way::Attached(Stdio::Terminal)) => "attached to a terminal".into(),
            Ok(Way::Attached(Stdio::Inherited)) => "attached".into(),
            Err(failure) => failure.text().to_owned(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn a_terminal_needs_somebody_at_its_other_end() {
        check(Then::Return, true, Some("/s"), "detached, terminal to /s");
        check(Then::Return, true, None, messages::TERMINAL_NEEDS_SOCKET);
        check(Then::Return, false, None, "detached");
        check(Then::Wait, true, None, "attached to a terminal");
        check(Then::Wait, false, None, "attached");
    }

    #[test]
    fn a_socket_needs_a_terminal_to_send_and_nobody_attached() {
        check(Then::Return, false, Some("/s"), messages::SOCKET_NEEDS_TERMINAL);
        check(Then::Wait, true, Some("/s"), messages::SOCKET_NEEDS_TERMINAL);
        check(Then::Wait, false, Some("/s"), messages::SOCKET_NEEDS_TERMINAL);
    }
}
