//! The lines of a hook that run between fork and exec.
//!
//! Invariant: in the child nothing allocates, locks or runs another thread's code: everything is prepared before, and what is left is
//! raw calls, since the caller's program may have had threads at the fork.
#![allow(unsafe_code)]

use super::inside::{Inside, Program, ProgramKind, c_string};
use crate::config::Hook;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::libc::{self, c_char, c_int};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// What comes home from the child is one integer: the errno, and above it the call.
const CALL_SHIFT: u32 = 16;

/// The calls' names, in the order of [`Call`].
const CALLS: [&str; 7] = ["exec", "setns", "clone", "setresgid", "setresuid", "fcntl", "prctl"];

/// Which call failed. The standard library's own exec comes home without a number, hence `Exec` first.
#[derive(Clone, Copy)]
enum Call {
    Exec,
    Setns,
    Clone,
    Setresgid,
    Setresuid,
    Fcntl,
    Prctl,
}

/// Lets a hook have the signals that its caller's thread blocks, and none of the caller's files but the standard streams.
pub(super) fn isolate(command: &mut Command, closing: Closing) {
    // SAFETY: `begin_anew` makes system calls on numbers, and on constants of its own stack, so it is sound after any fork.
    unsafe { command.pre_exec(move || begin_anew(closing)) };
}

/// How what the caller has left open ends with the exec of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// By one call, whatever is open: Linux 5.11.
    Range,
    /// One by one, up to this.
    Each(RawFd),
}

impl Closing {
    /// What the kernel can.
    pub(super) fn known() -> Self {
        // SAFETY: three numbers; no descriptor is as high as that.
        match unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } {
            0 => Self::Range,
            _ => Self::each(),
        }
    }

    /// As on Linux 5.10.
    pub(super) fn each() -> Self {
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let highest = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max();
        Self::Each(highest.unwrap_or(libc::STDERR_FILENO))
    }
}

/// Makes a command run inside the container.
pub(super) fn enter(command: &mut Command, inside: &Inside, hook: &Hook) -> Result<()> {
    let way = Way::prepare(inside, hook)?;
    let closing = Closing::known();
    // SAFETY: `Way::go` allocates and locks nothing, as its own comments argue; all it reads was made before the fork and is
    // owned by the closure.
    unsafe { command.pre_exec(move || begin_anew(closing).and_then(|()| way.go())) };
    Ok(())
}

/// An error of `spawn`, with the call that failed between fork and exec.
pub(super) fn explain(error: io::Error, path: &Path) -> Error {
    match error.raw_os_error() {
        Some(raw) => {
            let call = usize::try_from(raw >> CALL_SHIFT).ok().and_then(|number| CALLS.get(number)).unwrap_or(&CALLS[0]);
            Error::call(call, path, Errno::from_raw(raw & ((1 << CALL_SHIFT) - 1)))
        }
        None => Error::io("exec", path, error),
    }
}

/// Everything the child needs, opened and laid out before the fork.
struct Way {
    namespaces: Vec<OwnedFd>,
    pid_namespace: Option<OwnedFd>,
    cwd: CString,
    ids: Option<(u32, u32)>,
    program: (OwnedFd, ProgramKind, Words, Words),
}

/// A NULL-terminated array of C strings.
struct Words {
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

// SAFETY: the pointers lead into `_owned`, which is never changed after `Words::new`; moving the vector does not move the strings.
unsafe impl Send for Words {}
// SAFETY: as above: nothing is ever written through a shared `Words`.
unsafe impl Sync for Words {}

impl Words {
    fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        Self { pointers, _owned: owned }
    }
}

impl Way {
    fn prepare(inside: &Inside, hook: &Hook) -> Result<Self> {
        let found = Program::find(hook)?;
        Ok(Self {
            namespaces: inside.namespaces.iter().map(copy).collect::<Result<_>>()?,
            pid_namespace: inside.pid_namespace.as_ref().map(copy).transpose()?,
            cwd: c_string(inside.cwd.as_os_str().as_bytes())?,
            ids: inside.ids,
            program: (found.file, found.kind, Words::new(found.argv), Words::new(found.envp)),
        })
    }

    /// In the child. Returns only if something failed.
    fn go(&self) -> io::Result<()> {
        self.namespaces.iter().try_for_each(|namespace| join(namespace.as_raw_fd()))?;
        // Where that fails, it begins at the root: joining a mount namespace leads there.
        // SAFETY: the path is the `Way`'s own, made before the fork, and the call only reads it.
        unsafe { libc::syscall(libc::SYS_chdir, self.cwd.as_ptr()) };
        if let Some((uid, gid)) = self.ids {
            become_user(uid, gid)?;
        }
        if let Some(namespace) = &self.pid_namespace {
            join(namespace.as_raw_fd())?;
            continue_in_child()?;
        }
        let (file, kind, argv, envp) = &self.program;
        Err(exec(file.as_raw_fd(), *kind, argv, envp))
    }
}

/// The closure owns what it uses: the `Command` may outlive the [`Inside`].
fn copy(fd: &OwnedFd) -> Result<OwnedFd> {
    fd.try_clone().map_err(|error| Error::io("dup", "namespace", error))
}

/// The last error, tagged with the call that failed.
fn failed(call: Call) -> io::Error {
    io::Error::from_raw_os_error((call as i32) << CALL_SHIFT | Errno::last_raw())
}

fn check(call: Call, returned: libc::c_long) -> io::Result<()> {
    if returned < 0 { Err(failed(call)) } else { Ok(()) }
}

fn begin_anew(closing: Closing) -> io::Result<()> {
    match closing {
        Closing::Range => {
            // SAFETY: the call takes three numbers and touches no memory of ours.
            unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        }
        Closing::Each(highest) => (3..=highest).for_each(|fd| {
            // SAFETY: three numbers again; one that is not open is refused, and nothing happens.
            unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }),
    }
    // SAFETY: all-zero bytes are the empty sigset_t; the call reads it and writes nothing back, the old mask being NULL.
    unsafe {
        let none: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
    Ok(())
}

fn join(namespace: RawFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned by the `Way` that calls; the child of a fork has one thread, as joining a user or mount
    // namespace demands.
    check(Call::Setns, unsafe { libc::syscall(libc::SYS_setns, namespace, 0) })
}

/// The raw calls change this thread, which is all there is; libc's would ask every thread it believes to have.
fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: three integers, no memory.
    check(Call::Setresgid, unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    // SAFETY: three integers, no memory.
    check(Call::Setresuid, unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })
}

/// A pid namespace begins with the next child: that one goes on, and this process becomes its shadow.
fn continue_in_child() -> io::Result<()> {
    // SAFETY: with only SIGCHLD for flags this is fork(2) without libc's handlers, which the only thread here does not need. Memory is
    // copied, and both sides go on with raw calls alone. Zeroes are right for the other arguments in any order.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    check(Call::Clone, child)?;
    if child > 0 {
        shadow(child);
    }
    // The shadow is what a timeout kills.
    // SAFETY: integers only: nothing is pointed to.
    check(Call::Prctl, unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })
}

/// Ends as the child ends.
fn shadow(child: libc::c_long) -> ! {
    let mut status: c_int = 0;
    // SAFETY: this process never returns to code that could use a descriptor. It closes them all so that the child alone holds the pipe
    // that tells the parent of the exec. `status` lives across the waits, and _exit runs nothing of the caller's program.
    unsafe {
        libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
        while libc::syscall(libc::SYS_wait4, child, &raw mut status, 0, 0) < 0 && Errno::last_raw() == libc::EINTR {}
        if libc::WIFSIGNALED(status) {
            // Dies of the same signal, so that the parent can name it.
            libc::syscall(libc::SYS_kill, libc::getpid(), libc::WTERMSIG(status));
            libc::_exit(128 + libc::WTERMSIG(status));
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}

/// `execveat(2)` of an open file: the path would lead elsewhere by now.
fn exec(file: RawFd, kind: ProgramKind, argv: &Words, envp: &Words) -> io::Error {
    // SAFETY: both arrays end in NULL and own their strings, as `Words` is made; the empty path is a constant. On success nothing of
    // this process is left; on failure nothing has changed.
    unsafe {
        if kind == ProgramKind::Script && libc::syscall(libc::SYS_fcntl, file, libc::F_SETFD, 0) < 0 {
            return failed(Call::Fcntl);
        }
        libc::syscall(libc::SYS_execveat, file, c"".as_ptr(), argv.pointers.as_ptr(), envp.pointers.as_ptr(), libc::AT_EMPTY_PATH);
    }
    failed(Call::Exec)
}
