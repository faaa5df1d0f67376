//! Which process: a number and the moment it was given out, since numbers come back.
//!
//! Invariant: no signal reaches a process that merely inherited the number.

use crate::error::{Error, ErrorKind, Result};
use crate::pidfd::Pidfd;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// A process of this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its number, as the runtime sees it.
    pub(crate) pid: i32,
    /// When it started, in clock ticks since boot.
    pub(crate) started: u64,
}

impl Identity {
    /// Who has this number now; nobody if there is no such process, or only a zombie.
    pub(crate) fn of(pid: i32) -> Result<Option<Self>> {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        let mut line = [0; 1024];
        match File::open(&path).and_then(|mut file| file.read(&mut line)) {
            Ok(length) => Ok(started(&line[..length]).map(|started| Self { pid, started })),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// Is this very process running?
    pub(crate) fn is_alive(&self) -> Result<bool> {
        Ok(Self::of(self.pid)? == Some(*self))
    }

    /// A descriptor of this very process; none if it is gone.
    pub(crate) fn open(&self) -> Result<Option<Pidfd>> {
        match Pidfd::open(self.pid) {
            // What was opened is whoever has the number; if that one is ours now, it was ours then.
            Ok(pidfd) => Ok(self.is_alive()?.then_some(pidfd)),
            Err(Errno::ESRCH) => Ok(None),
            Err(errno) => Err(Error::call("pidfd_open", self.pid.to_string(), errno)),
        }
    }

    /// Sends a signal to this very process.
    pub(crate) fn signal(&self, signal: i32) -> Result<()> {
        match self.open()?.map(|pidfd| pidfd.signal(signal)) {
            Some(Ok(())) => Ok(()),
            None | Some(Err(Errno::ESRCH)) => Err(Error::new(ErrorKind::NotRunning, "container not running").with_errno(Errno::ESRCH)),
            Some(Err(errno)) => Err(Error::call("pidfd_send_signal", self.pid.to_string(), errno)),
        }
    }
}

/// `ESRCH` comes from a process that ends between the open and the read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

/// Field 22 of `/proc/<pid>/stat`, unless field 3 says that the process has ended.
fn started(line: &[u8]) -> Option<u64> {
    // Field 2 is the program's name, in parentheses: it may contain spaces and parentheses itself.
    let name_end = line.iter().rposition(|&byte| byte == b')')?;
    let mut fields = std::str::from_utf8(&line[name_end + 1..]).ok()?.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" | "x" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_full_of_parentheses_does_not_hide_the_start_time() {
        let line = |state| format!("7 (a) Z (b)) {state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 10\n");
        assert_eq!(started(line("S").as_bytes()), Some(4242));
        assert_eq!(started(line("Z").as_bytes()), None);
        assert_eq!(started(b"7 (a) S 1 2"), None);
    }

    #[test]
    fn a_process_is_alive_until_it_is_a_zombie() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap().unwrap();
        assert!(identity.is_alive().unwrap());
        identity.signal(9).unwrap();
        while identity.is_alive().unwrap() {}
        assert_eq!(identity.signal(9).unwrap_err().kind(), ErrorKind::NotRunning, "a zombie");
        child.wait().unwrap();
        assert_eq!(identity.signal(9).unwrap_err().errno(), Some(Errno::ESRCH as i32), "nobody");
    }

    /// No pid is above 2^22 (proc(5), pid_max).
    #[test]
    fn nobody_has_a_number_that_there_is_not() {
        assert_eq!(Identity::of(1 << 23).unwrap(), None);
        let gone = Identity { pid: 1 << 23, started: 1 };
        assert!(!gone.is_alive().unwrap());
        assert!(gone.open().unwrap().is_none());
    }

    #[test]
    fn a_reused_number_is_a_stranger() {
        let mut me = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap().unwrap();
        assert!(me.is_alive().unwrap());
        me.started += 1;
        assert!(!me.is_alive().unwrap());
        assert_eq!(me.signal(9).unwrap_err().kind(), ErrorKind::NotRunning);
    }
}
