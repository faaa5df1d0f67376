//! The caller's terminal while a container's is shown on it.

use super::sys;
use crate::error::{Error, Result};
use nix::sys::termios::{OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::os::fd::{AsFd, OwnedFd};

/// A terminal in raw mode, put back as it was when dropped.
#[derive(Debug)]
pub(super) struct Raw {
    tty: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Every key goes to the container. What it writes is still post-processed here: its own terminal does not, see [`clear_onlcr`].
    pub(super) fn set(tty: OwnedFd) -> Result<Self> {
        let before = tcgetattr(&tty).map_err(|errno| Error::call("tcgetattr", "terminal", errno))?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        raw.output_flags |= OutputFlags::OPOST;
        tcsetattr(&tty, SetArg::TCSANOW, &raw).map_err(|errno| Error::call("tcsetattr", "terminal", errno))?;
        Ok(Self { tty, before })
    }

    /// Gives the container's terminal the size of this one.
    pub(super) fn size_to(&self, master: impl AsFd) {
        // A wrong size is no reason to end a session; neither is a terminal that has none.
        let _ = sys::window_size(&self.tty).and_then(|size| sys::set_window_size(master, size));
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &self.before);
    }
}

/// Lets the container's terminal send line feeds as they are: the caller's makes the carriage returns, once.
pub(super) fn clear_onlcr(master: impl AsFd) -> Result<()> {
    let mut attributes = tcgetattr(&master).map_err(|errno| Error::call("tcgetattr", "console", errno))?;
    attributes.output_flags &= !OutputFlags::ONLCR;
    tcsetattr(&master, SetArg::TCSANOW, &attributes).map_err(|errno| Error::call("tcsetattr", "console", errno))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use nix::pty::openpty;
    use nix::sys::termios::LocalFlags;

    #[test]
    fn raw_mode_ends_with_its_guard() {
        let pty = openpty(None, None).unwrap();
        let echo = || tcgetattr(&pty.slave).unwrap().local_flags.contains(LocalFlags::ECHO);
        let raw = Raw::set(pty.slave.try_clone().unwrap()).unwrap();
        assert!(!echo());
        drop(raw);
        assert!(echo());
    }

    #[test]
    fn line_feeds_stay_line_feeds() {
        let pty = openpty(None, None).unwrap();
        clear_onlcr(&pty.master).unwrap();
        nix::unistd::write(&pty.slave, b"a\nb\n").unwrap();
        let mut bytes = [0; 16];
        let length = nix::unistd::read(&pty.master, &mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"a\nb\n");
    }
}
