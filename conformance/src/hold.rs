//! A process that does nothing but hold new namespaces, for containers to join.
//!
//! `conformance hold pid,net` makes the namespaces, starts a child in them that lives as long as its parent, and prints the child's pid.

use crate::reap::Reaper;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The names /proc has for them.
const KINDS: &[&str] = &["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
/// `CLONE_NEWTIME`; nix has no name for it.
const NEW_TIME: i32 = 0x80;
const MAP: &str = "0 100000 65536\n";

/// The holder, seen from the player.
pub(crate) struct Holder {
    process: Child,
    /// The process whose namespaces are joined.
    pub(crate) pid: i32,
}

impl Holder {
    pub(crate) fn new(kinds: &str) -> io::Result<Self> {
        let mut process =
            Command::new(std::env::current_exe()?).args(["hold", kinds]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(stdout).read_line(&mut line)?;
        let pid = line.trim().parse().map_err(io::Error::other)?;
        if kinds.contains("user") {
            fs::write(format!("/proc/{pid}/uid_map"), MAP)?;
            fs::write(format!("/proc/{pid}/gid_map"), MAP)?;
        }
        Ok(Self { process, pid })
    }

    /// Ends the holder and, with it, its child.
    pub(crate) fn end(self, reaper: &mut Reaper) {
        for pid in [i32::try_from(self.process.id()).unwrap_or(self.pid), self.pid] {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            reaper.await_end(pid, Duration::from_secs(1));
        }
    }
}

/// The namespaces of a process, as (type, link).
pub(crate) fn links(pid: &str) -> Vec<(&'static str, String)> {
    let link = |kind: &&'static str| Some((*kind, fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?.display().to_string()));
    KINDS.iter().filter_map(link).collect()
}

/// The holder's own program. Its child reads from a pipe nobody writes to, so it ends when the holder does.
pub(crate) fn hold(kinds: &str) -> io::Result<()> {
    let flags = kinds.split(',').map(flag).fold(CloneFlags::empty(), |flags, flag| flags | flag);
    unshare(flags)?;
    let child = Command::new("/proc/self/exe").arg("idle").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    println!("{}", child.id());
    io::stdout().flush()?;
    idle()
}

/// Reads until nobody can write any more.
pub(crate) fn idle() -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn flag(kind: &str) -> CloneFlags {
    match kind {
        "cgroup" => CloneFlags::CLONE_NEWCGROUP,
        "ipc" => CloneFlags::CLONE_NEWIPC,
        "mnt" => CloneFlags::CLONE_NEWNS,
        "net" => CloneFlags::CLONE_NEWNET,
        "pid" => CloneFlags::CLONE_NEWPID,
        "time" => CloneFlags::from_bits_retain(NEW_TIME),
        "user" => CloneFlags::CLONE_NEWUSER,
        "uts" => CloneFlags::CLONE_NEWUTS,
        _ => CloneFlags::empty(),
    }
}
