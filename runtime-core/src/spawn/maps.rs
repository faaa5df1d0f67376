//! What a new user namespace needs from outside: its maps, and limits that nobody inside may raise.

use super::sys;
use crate::compile::UserNamespace;
use crate::config::IdMapping;
use crate::error::{Error, ErrorKind, Result};
use nix::unistd::{getegid, geteuid};
use std::process::Command;

/// Writes the maps of a process's user namespace.
pub(super) fn write(pid: i32, user: &UserNamespace) -> Result<()> {
    for limit in &user.rlimits {
        sys::prlimit(pid, limit.resource, [limit.soft, limit.hard]).map_err(|errno| Error::call("setrlimit", "process.rlimits", errno))?;
    }
    write_maps(pid, user)
}

/// `uid_map` and `gid_map`. Who lacks the right is helped by `newuidmap(1)`, or maps only itself.
pub(super) fn write_maps(pid: i32, user: &UserNamespace) -> Result<()> {
    if user.privileged {
        put(pid, "uid_map", &lines(&user.uid_mappings))?;
        return put(pid, "gid_map", &lines(&user.gid_mappings));
    }
    if is_self(&user.uid_mappings, geteuid().as_raw()) && is_self(&user.gid_mappings, getegid().as_raw()) {
        put(pid, "setgroups", "deny")?;
        put(pid, "uid_map", &lines(&user.uid_mappings))?;
        return put(pid, "gid_map", &lines(&user.gid_mappings));
    }
    by_helper("newuidmap", pid, &user.uid_mappings)?;
    by_helper("newgidmap", pid, &user.gid_mappings)
}

/// The one map that anyone may write: one's own id, alone.
fn is_self(mappings: &[IdMapping], id: u32) -> bool {
    matches!(mappings, [only] if only.outside == id && only.count == 1)
}

fn lines(mappings: &[IdMapping]) -> String {
    mappings.iter().map(|map| format!("{} {} {}\n", map.inside, map.outside, map.count)).collect()
}

fn put(pid: i32, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::write(&path, text).map_err(|error| Error::io("write", &path, error))
}

/// `newuidmap(1)`, `newgidmap(1)`. The caller may have no `PATH`.
fn by_helper(program: &str, pid: i32, mappings: &[IdMapping]) -> Result<()> {
    let numbers = mappings.iter().flat_map(|map| [map.inside, map.outside, map.count]).map(|number| number.to_string());
    let usual = format!("/usr/bin/{program}");
    let path = if std::path::Path::new(&usual).exists() { usual.as_str() } else { program };
    let run = Command::new(path).arg(pid.to_string()).args(numbers).output().map_err(|error| Error::io("exec", path, error))?;
    match run.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&run.stderr).trim().replace('\n', "; ");
            Err(Error::new(ErrorKind::Call, format!("{program}: {}: {said}", run.status)))
        }
    }
}
