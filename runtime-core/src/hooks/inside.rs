//! What it takes to run a hook where the container is.

use crate::config::Hook;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::read;
use std::ffi::{CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The container's world, as far as a hook sees it.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Joined in this order. The caller knows which order its privileges allow.
    pub(crate) namespaces: Vec<OwnedFd>,
    /// Joined after those, with a child: a process cannot change its own pid namespace.
    pub(crate) pid_namespace: Option<OwnedFd>,
    /// The directory to begin in, as the container's mounts have it, if it can be reached there.
    pub(crate) cwd: PathBuf,
    /// The user and group to become, for a user namespace in which the runtime is nobody.
    pub(crate) ids: Option<(u32, u32)>,
}

/// A program found before the namespaces change, with what it is to be given.
pub(super) struct Program {
    pub(super) file: OwnedFd,
    pub(super) kind: ProgramKind,
    pub(super) argv: Vec<CString>,
    pub(super) envp: Vec<CString>,
}

/// Who opens the file once it is being executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgramKind {
    /// The kernel, which has it already.
    Binary,
    /// An interpreter, by way of `/dev/fd`: the descriptor has to survive the exec.
    Script,
}

impl Program {
    /// Finds a hook's program in the runtime's file system.
    pub(super) fn find(hook: &Hook) -> Result<Self> {
        let open = |flags| openat(AT_FDCWD, &hook.path, flags | OFlag::O_CLOEXEC, Mode::empty());
        let file = open(OFlag::O_PATH).map_err(|errno| Error::call("open", &hook.path, errno))?;
        let kind = kind(open(OFlag::O_RDONLY | OFlag::O_NONBLOCK));
        Ok(Self { file, kind, argv: arguments(hook)?, envp: environment(hook)? })
    }
}

/// A program that cannot be read cannot be a script either.
fn kind(file: nix::Result<OwnedFd>) -> ProgramKind {
    let mut magic = [0; 2];
    match file.and_then(|file| read(&file, &mut magic)) {
        Ok(2) if magic == *b"#!" => ProgramKind::Script,
        _ => ProgramKind::Binary,
    }
}

fn arguments(hook: &Hook) -> Result<Vec<CString>> {
    if hook.args.is_empty() {
        return Ok(vec![c_string(hook.path.as_os_str().as_bytes())?]);
    }
    hook.args.iter().map(|arg| c_string(arg.as_bytes())).collect()
}

/// The hook's own environment, or the runtime's.
fn environment(hook: &Hook) -> Result<Vec<CString>> {
    match &hook.env {
        Some(env) => env.iter().map(|entry| c_string(entry.as_bytes())).collect(),
        None => std::env::vars_os().map(|(key, value)| c_string([key, value].join(OsStr::new("=")).as_bytes())).collect(),
    }
}

pub(super) fn c_string(text: &[u8]) -> Result<CString> {
    CString::new(text).map_err(|_| Error::call("exec", OsStr::from_bytes(text), Errno::EINVAL))
}
