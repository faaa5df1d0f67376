//! The gate between `create` and `start`: two FIFOs in the container's directory.
//!
//! ```text
//! create                       init                              start
//! make both, open both O_RDWR
//!   └──────── go, report ────▶ read(go) … waits
//!                                                                open report, check that somebody holds it
//!                              ◀────────────── one byte ──────── write(go)
//!                              exec ── closes report ──────────▶ end of file: started
//!                              or write(report, why), exit ────▶ bytes: not started
//!                                                                remove both
//! ```
//!
//! Why `O_RDWR` for the child's ends: a reader of `go` without a writer would see end of file at once, and a writer of `report` without
//! a reader would be killed by SIGPIPE. The caller closes its copies once the child has them: `report` must be the child's alone,
//! or its death goes unseen. Invariant: `exec.fifo` is there exactly as long as the container has not been started.

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, mkfifoat, read, unlinkat, write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const GO: &str = "exec.fifo";
const REPORT: &str = "report.fifo";

/// The child's ends of the gate, CLOEXEC.
#[derive(Debug)]
pub(crate) struct Gate {
    /// To read one byte from: "start".
    pub(crate) go: OwnedFd,
    /// To write a failure to, or to leave to the exec to close.
    pub(crate) report: OwnedFd,
}

/// What became of opening the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The child went through and closed its end: it has exec'd, or was killed in between.
    Exec,
    /// The child failed and said why.
    Reported(Vec<u8>),
    /// The child has said nothing for as long as it was waited for: a seccomp agent holds it back, and may let it go at any time.
    Held,
    /// Nobody was waiting, or nobody lived to see the gate open. It stays closed. If the init is alive all the same, a killed
    /// `start` had opened the gate before.
    Gone,
}

impl Gate {
    /// Makes the FIFOs in a container's directory and opens the child's ends.
    pub(crate) fn make(dir: impl AsFd) -> Result<Self> {
        for name in [GO, REPORT] {
            mkfifoat(&dir, name, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|errno| Error::call("mkfifo", name, errno))?;
        }
        Ok(Self { go: open_end(&dir, GO, OFlag::O_RDWR)?, report: open_end(&dir, REPORT, OFlag::O_RDWR)? })
    }

    /// Is there a closed gate: a container that was created and not started?
    pub(crate) fn is_there(dir: impl AsFd) -> Result<bool> {
        match fstatat(dir, GO, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(Error::call("stat", GO, errno)),
        }
    }

    /// Lets the child go and hears what became of it, in this time if there is one. The caller holds the container's lock.
    pub(crate) fn open(dir: impl AsFd, patience: Option<Duration>) -> Result<Outcome> {
        let report = open_end(&dir, REPORT, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        // End of file before the byte is sent: nobody has the other end.
        if read_some(&report)?.is_some_and(|bytes| bytes.is_empty()) {
            return Ok(Outcome::Gone);
        }
        // O_RDWR here too: with a reader of our own, a child that dies right now costs an answer, not a SIGPIPE.
        let go = open_end(&dir, GO, OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
        write(&go, &[1]).map_err(|errno| Error::call("write", GO, errno))?;
        let Some(reported) = read_all(&report, patience.map(|patience| Instant::now() + patience))? else {
            return remove(&dir).map(|()| Outcome::Held);
        };
        if reported.is_empty() && read_some(&go)?.is_some() {
            return Ok(Outcome::Gone);
        }
        remove(&dir)?;
        Ok(if reported.is_empty() { Outcome::Exec } else { Outcome::Reported(reported) })
    }
}

fn open_end(dir: impl AsFd, name: &str, flags: OFlag) -> Result<OwnedFd> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(dir, name, flags, Mode::empty()).map_err(|errno| Error::call("open", name, errno))
}

/// What is there: nothing yet is none, end of file is empty.
fn read_some(fifo: &OwnedFd) -> Result<Option<Vec<u8>>> {
    let mut bytes = [0; 512];
    loop {
        match read(fifo, &mut bytes) {
            Ok(length) => return Ok(Some(bytes[..length].to_vec())),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::call("read", REPORT, errno)),
        }
    }
}

/// Everything until end of file; none if that has not come by then.
fn read_all(fifo: &OwnedFd, deadline: Option<Instant>) -> Result<Option<Vec<u8>>> {
    let mut all = Vec::new();
    loop {
        match read_some(fifo)? {
            Some(bytes) if bytes.is_empty() => return Ok(Some(all)),
            Some(bytes) => all.extend(bytes),
            None if deadline.is_some_and(|deadline| Instant::now() > deadline) => return Ok(None),
            None => wait_readable(fifo, deadline)?,
        }
    }
}

fn wait_readable(fifo: &OwnedFd, deadline: Option<Instant>) -> Result<()> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
    let timeout = left.map_or(PollTimeout::NONE, |left| left.try_into().unwrap_or(PollTimeout::MAX));
    match poll(&mut [PollFd::new(fifo.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::call("poll", REPORT, errno)),
    }
}

/// `go` first: it is what tells created from running.
fn remove(dir: impl AsFd) -> Result<()> {
    for name in [GO, REPORT] {
        match unlinkat(&dir, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(Error::call("unlink", name, errno)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{self, File};
    use std::path::PathBuf;
    use std::process::{Child, Command};

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gate-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn dir(&self) -> File {
            File::open(&self.0).unwrap()
        }

        /// A child that waits at the gate and then does as told; `go` is its stdin and `report` its stdout.
        fn child(&self, then: &str) -> Child {
            let gate = Gate::make(self.dir()).unwrap();
            let script = format!("head -c1 >/dev/null; {then}");
            Command::new("sh").args(["-c", &script]).stdin(gate.go).stdout(gate.report).spawn().unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Root could open one of any mode; its owner may be somebody else.
    #[test]
    fn only_its_owner_opens_a_gate() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new("mode");
        let _gate = Gate::make(scratch.dir()).unwrap();
        for name in [GO, REPORT] {
            let mode = fs::metadata(scratch.0.join(name)).unwrap().permissions().mode();
            assert_eq!(mode, nix::libc::S_IFIFO | 0o600, "{name}");
        }
    }

    #[test]
    fn a_child_that_closes_its_end_has_gone_through() {
        let scratch = Scratch::new("exec");
        let mut child = scratch.child("exec sleep 60 >/dev/null");
        assert!(Gate::is_there(scratch.dir()).unwrap());
        assert_eq!(Gate::open(scratch.dir(), None).unwrap(), Outcome::Exec);
        assert!(!Gate::is_there(scratch.dir()).unwrap());
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_child_waits_until_the_gate_opens() {
        let scratch = Scratch::new("wait");
        let mut child = scratch.child("exit 3");
        std::thread::sleep(Duration::from_millis(50));
        assert!(child.try_wait().unwrap().is_none());
        Gate::open(scratch.dir(), None).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }

    #[test]
    fn a_failure_is_heard_whole() {
        let scratch = Scratch::new("report");
        let mut child = scratch.child("printf abc; sleep 0.05; printf def");
        assert_eq!(Gate::open(scratch.dir(), None).unwrap(), Outcome::Reported(b"abcdef".to_vec()));
        child.wait().unwrap();
    }

    #[test]
    fn a_child_that_says_nothing_is_waited_for_as_long_as_was_said() {
        let scratch = Scratch::new("held");
        let mut child = scratch.child("exec sleep 60");
        assert_eq!(Gate::open(scratch.dir(), Some(Duration::from_millis(20))).unwrap(), Outcome::Held);
        assert!(!Gate::is_there(scratch.dir()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn nobody_waiting_is_noticed_before_a_byte_is_sent() {
        let scratch = Scratch::new("gone");
        drop(Gate::make(scratch.dir()).unwrap());
        assert_eq!(Gate::open(scratch.dir(), None).unwrap(), Outcome::Gone);
        assert!(Gate::is_there(scratch.dir()).unwrap());
    }

    #[test]
    fn a_child_killed_before_it_took_the_byte_has_not_started() {
        let scratch = Scratch::new("killed");
        let gate = Gate::make(scratch.dir()).unwrap();
        let mut child = Command::new("sleep").arg("0.1").stdin(gate.go).stdout(gate.report).spawn().unwrap();
        assert_eq!(Gate::open(scratch.dir(), None).unwrap(), Outcome::Gone);
        assert!(Gate::is_there(scratch.dir()).unwrap());
        child.wait().unwrap();
    }
}
