//! Staying in the foreground with a process: its terminal, its signals, its end.
//!
//! The relay and the forwarding of signals are the library's; this file puts them in the order that loses nothing:
//!
//! ```text
//! Foreground::begin      block signals: one that comes now is kept for the process
//! … create or exec …     the terminal's master is sent to our socket
//! Foreground::attach     take the terminal; the caller's is raw from here on
//! … start …
//! Attached::run          until the process ends
//! ```

use crate::compat::messages;
use crate::failure::Failure;
use runtime_core::Terminal;
use runtime_core::console::{Attached, Signals, receive_terminal};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// How the caller and the process stay connected.
pub(crate) enum Way {
    /// Not at all; the process's stdio is as given.
    Detached(Terminal),
    /// Until the process ends.
    Attached(Stdio),
}

/// What an attached process has for its stdio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    /// The caller's own.
    Inherited,
    /// A terminal, shown on the caller's.
    Terminal,
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
pub(crate) struct Foreground {
    signals: Signals,
    console: Option<UnixStream>,
}

impl Foreground {
    /// Blocks signals, and tells what the request for the process needs.
    pub(crate) fn begin(stdio: Stdio) -> Result<(Self, Terminal), Failure> {
        let signals = Signals::block()?;
        match stdio {
            Stdio::Inherited => Ok((Self { signals, console: None }, Terminal::Inherit)),
            Stdio::Terminal => {
                let (ours, theirs) = UnixStream::pair().map_err(|error| Failure::io("socketpair", "console".as_ref(), &error))?;
                Ok((Self { signals, console: Some(ours) }, Terminal::Fd(theirs.into())))
            }
        }
    }

    /// Takes the terminal, which the library has sent by now, and the process.
    pub(crate) fn attach(self, process: OwnedFd) -> Result<Attached, Failure> {
        let attached = Attached::new(process, self.signals);
        match self.console {
            Some(console) => Ok(attached.with_terminal(receive_terminal(console)?)?),
            None => Ok(attached),
        }
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
