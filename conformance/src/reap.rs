//! The player is a subreaper: whatever a runtime leaves behind becomes its child, as it would become a shim's.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the kernel is asked; a runtime takes some tens of milliseconds.
const TICK: Duration = Duration::from_millis(1);

/// The children that have ended.
#[derive(Default)]
pub(crate) struct Reaper {
    ended: HashMap<i32, i32>,
}

/// Are there children that still live?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Children {
    /// At least one.
    Living,
    /// None.
    Gone,
}

impl Reaper {
    /// Collects everybody who has ended.
    pub(crate) fn collect(&mut self) -> Children {
        loop {
            match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => drop(self.ended.insert(pid.as_raw(), code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => drop(self.ended.insert(pid.as_raw(), 128 + signal as i32)),
                Ok(WaitStatus::StillAlive) => return Children::Living,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Children::Gone,
            }
        }
    }

    /// The exit code of this child, 128 + n for a signal, or nothing when time runs out.
    pub(crate) fn await_end(&mut self, pid: i32, limit: Duration) -> Option<i32> {
        let deadline = Instant::now() + limit;
        loop {
            let children = self.collect();
            if let Some(code) = self.ended.remove(&pid) {
                return Some(code);
            }
            if children == Children::Gone || Instant::now() > deadline {
                return None;
            }
            sleep(TICK);
        }
    }

    /// Waits until no child is left, for as long as `limit`.
    pub(crate) fn settle(&mut self, limit: Duration) -> Children {
        let deadline = Instant::now() + limit;
        while self.collect() == Children::Living {
            if Instant::now() > deadline {
                return Children::Living;
            }
            sleep(TICK);
        }
        Children::Gone
    }

    /// Kills all children until there are none.
    pub(crate) fn kill_all(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.collect() == Children::Living && Instant::now() < deadline {
            for (pid, _) in children() {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            sleep(TICK);
        }
    }
}

/// The living children of this process: pid and name.
pub(crate) fn children() -> Vec<(i32, String)> {
    let me = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| child(&entry.file_name().to_string_lossy(), &me)).collect()
}

fn child(name: &str, parent: &str) -> Option<(i32, String)> {
    let pid = name.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, comm) = head.split_once('(')?;
    (tail.split(' ').nth(1)? == parent).then(|| (pid, comm.to_owned()))
}
