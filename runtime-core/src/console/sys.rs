//! A terminal's window size, for which `nix` has no call.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;
use nix::pty::Winsize;
use std::os::fd::{AsFd, AsRawFd};

/// `TIOCGWINSZ`.
pub(super) fn window_size(tty: impl AsFd) -> nix::Result<Winsize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: this request writes one winsize, and `size` lives across the call.
    Errno::result(unsafe { libc::ioctl(tty.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(size)
}

/// `TIOCSWINSZ`; the foreground processes get a SIGWINCH if that changes anything.
pub(super) fn set_window_size(tty: impl AsFd, size: Winsize) -> nix::Result<()> {
    // SAFETY: this request reads one winsize, and `size` lives across the call.
    Errno::result(unsafe { libc::ioctl(tty.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }).map(drop)
}
