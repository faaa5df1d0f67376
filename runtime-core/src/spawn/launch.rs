//! The moment of the clone. Between it and the exec of the sealed init run a fixed handful of raw system calls, on memory that no
//! other thread touches: whatever the caller's threads hold or do, the child does not meet it.
//!
//! ```text
//! no user namespace        CLONE_VM | CLONE_VFORK: this thread waits until the exec
//! a new user namespace     CLONE_VM: the child waits for its maps, becomes the namespace's root, and only then executes, since an
//!                          exec as an unmapped user drops every capability
//! ```

use super::fds::{Move, order};
use super::{exe, sys};
use crate::compile::{Plan, UserNamespace};
use crate::config::IdMapping;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::{CLONE_PIDFD, CLONE_VFORK, CLONE_VM, SIGCHLD};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use runtime_init::sys::{self as raw, CloneArgs};
use runtime_init::{Header, Slot};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI32, Ordering};

/// `libc` has it as an overflowing `c_int`.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Enough for a few frames of system call wrappers.
const STACK: usize = 32 * 1024;

/// What a child is made with.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) plan: &'a Plan,
    /// What fills the plan's slots, in its order.
    pub(crate) fds: Vec<OwnedFd>,
    /// The standard streams; none means the caller's.
    pub(crate) stdio: [Option<BorrowedFd<'a>>; 3],
    /// How many descriptors from 3 on the program gets.
    pub(crate) preserve: u32,
    /// The cgroup to be born in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    /// For tests.
    pub(crate) fail_at: Option<FailAt>,
}

/// For tests: where an init fails, or dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailAt {
    /// The step, from 0.
    pub step: u32,
    /// The errno to fail with; 0 for death without a word.
    pub errno: i32,
}

/// What the child reads, of memory it shares with this thread only.
#[repr(C)]
struct Script {
    moves: *const Move,
    count: usize,
    last: RawFd,
    program: RawFd,
    argv: [*const u8; 3],
    envp: [*const u8; 1],
    user: Option<Wait>,
    errno: AtomicI32,
}

/// A child that waits for its maps.
#[derive(Clone, Copy)]
#[repr(C)]
struct Wait {
    control: RawFd,
    clear_groups: bool,
}

/// A child just cloned. The stack and the script are its own until it has executed.
pub(super) struct Cloned {
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
    pub(super) control: OwnedFd,
    pub(super) recorder: sys::Recorder,
    pub(super) lent: Lent,
}

/// What must outlive the child's exec.
pub(super) struct Lent {
    script: Box<Script>,
    _moves: Vec<Move>,
    _stack: Box<[MaybeUninit<u8>]>,
    _number: std::ffi::CString,
}

// SAFETY: the pointers in the script point into the other fields and to literals; they are followed by the child only.
unsafe impl Send for Lent {}

impl Lent {
    /// Why the exec failed, if it did.
    pub(super) fn exec_error(&self) -> Option<Errno> {
        match self.script.errno.load(Ordering::Acquire) {
            0 => None,
            errno => Some(Errno::from_raw(errno)),
        }
    }
}

/// Clones.
pub(super) fn launch(launch: &Launch<'_>) -> Result<Cloned> {
    let kind = SockType::SeqPacket;
    let (control, theirs) =
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).map_err(|errno| Error::call("socketpair", "control", errno))?;
    let first = 3 + launch.preserve.cast_signed();
    let plan = plan_file(launch, first)?;
    let recorder = sys::Recorder::map(plan.as_fd())?;
    let program = exe::program()?;
    let (moves, last) = moves(launch, [theirs.as_raw_fd(), plan.as_raw_fd(), program.as_raw_fd()], first);
    let (pid, pidfd, lent) = clone(launch, moves, (first, last))?;
    Ok(Cloned { pid, pidfd, control, recorder, lent })
}

/// The record's page, and the plan.
fn plan_file(launch: &Launch<'_>, first: RawFd) -> Result<File> {
    let fail = launch.fail_at;
    let header = Header {
        first_fd: first.cast_unsigned(),
        filled: Slot::FIRST + u32::try_from(launch.fds.len()).unwrap_or(0),
        fail_pc: fail.map_or(u32::MAX, |fail| fail.step),
        fail_errno: fail.map_or(0, |fail| fail.errno),
        ..Header::default()
    };
    let ops: Vec<_> = launch.plan.steps.iter().map(|step| step.op).collect();
    let bytes = sys::plan_bytes(header, &ops, &launch.plan.arena);
    let fd = memfd_create(c"plan", MFdFlags::MFD_CLOEXEC).map_err(|errno| Error::call("memfd_create", "plan", errno))?;
    let file = File::from(fd);
    file.write_all_at(&bytes, runtime_init::Record::SIZE as u64).map_err(|error| Error::io("write", "plan", error))?;
    Ok(file)
}

/// Where each descriptor goes, and the first number that is closed.
fn moves(launch: &Launch<'_>, fixed: [RawFd; 3], first: RawFd) -> (Vec<Move>, RawFd) {
    let stdio = launch.stdio.iter().zip(0..).filter_map(|(fd, to)| fd.map(|fd| Move { from: fd.as_raw_fd(), to }));
    let fixed = fixed.into_iter().zip(first..).map(|(from, to)| Move { from, to });
    let slots = first + Slot::FIRST.cast_signed();
    let filled = launch.fds.iter().zip(slots..).map(|(fd, to)| Move { from: fd.as_raw_fd(), to });
    let preserved = (3..first).map(|fd| Move { from: fd, to: fd });
    let wanted: Vec<_> = stdio.chain(preserved).chain(fixed).chain(filled).collect();
    let last = slots + i32::try_from(launch.fds.len()).unwrap_or(0);
    let spare = wanted.iter().map(|step| step.from).fold(last, RawFd::max) + 1;
    (order(&wanted, spare), last)
}

fn clone(launch: &Launch<'_>, moves: Vec<Move>, (first, last): (RawFd, RawFd)) -> Result<(i32, OwnedFd, Lent)> {
    let number = std::ffi::CString::new(first.to_string()).unwrap_or_default();
    let mut stack = Box::<[u8]>::new_uninit_slice(STACK);
    let shape = &launch.plan.clone;
    let user = shape.user.as_ref().filter(|_| shape.namespaces & nix::libc::CLONE_NEWUSER.cast_unsigned() != 0);
    let script = Box::new(Script {
        moves: moves.as_ptr(),
        count: moves.len(),
        last,
        program: first + Slot::SELF.0.cast_signed(),
        argv: [c"runtime-init".as_ptr().cast(), number.as_ptr().cast(), std::ptr::null()],
        envp: [std::ptr::null()],
        user: user.map(|user| Wait { control: first + Slot::CONTROL.0.cast_signed(), clear_groups: user.clear_groups }),
        errno: AtomicI32::new(0),
    });
    let mut pidfd: RawFd = -1;
    let wait = if script.user.is_some() { 0 } else { CLONE_VFORK };
    let cgroup = launch.cgroup.filter(|_| shape.into_cgroup);
    let into = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = CloneArgs {
        flags: u64::from((CLONE_VM | wait | CLONE_PIDFD).cast_unsigned() | shape.namespaces) | into,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: SIGCHLD.unsigned_abs().into(),
        stack: stack.as_mut_ptr() as u64,
        stack_size: STACK as u64,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd().unsigned_abs().into()),
        ..CloneArgs::default()
    };
    // A handler of the caller's must not run in a process that shares its memory.
    let mut before = SigSet::empty();
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    // SAFETY: the stack, the moves and the script are on the heap, and are returned to live on in `Lent`; `child` makes only raw
    // system calls, and touches nothing but them.
    let result = unsafe { raw::clone3(&args, child, (&raw const *script).cast()) };
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    let pid = result.map_err(|errno| Error::call("clone3", "a new process", Errno::from_raw(errno.0)))?;
    // SAFETY: with CLONE_PIDFD the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok((pid, pidfd, Lent { script, _moves: moves, _stack: stack, _number: number }))
}

/// The child, until it is the sealed init. Shares the caller's memory: raw system calls only, nothing written but `errno`.
extern "C" fn child(script: *const u8) -> ! {
    // SAFETY: `clone` passes a script that lives until this process has executed or ended.
    let script = unsafe { &*script.cast::<Script>() };
    let error = follow(script).err().unwrap_or(raw::Errno::EINVAL);
    script.errno.store(error.0, Ordering::Release);
    raw::exit(1)
}

fn follow(script: &Script) -> raw::Result<()> {
    for at in 0..script.count {
        // SAFETY: the parent's list has that many entries, and stays.
        let step = unsafe { script.moves.add(at).read() };
        if step.from == step.to {
            raw::keep_open(step.to)?;
        } else {
            raw::dup3(step.from, step.to, 0)?;
        }
    }
    raw::close_from(script.last)?;
    if let Some(wait) = script.user {
        become_root(wait)?;
    }
    // SAFETY: both tables end with a null pointer, and their strings stay.
    Err(unsafe { raw::execveat(script.program, script.argv.as_ptr(), script.envp.as_ptr()) })
}

/// Waits for the maps. Every copy of the parent's end of the control socket is closed by now, so that its death is the end of the
/// file: a child that waited on, with the lock and the cgroup of the caller in its hands, would never be found.
fn become_root(wait: Wait) -> raw::Result<()> {
    if raw::read(wait.control, &mut [0])? == 0 {
        raw::exit(1);
    }
    if wait.clear_groups {
        raw::setgroups(&[])?;
    }
    raw::setgid(0)?;
    raw::setuid(0)
}

/// A user namespace with these maps, for id-mapped mounts: it lives as long as the descriptor or a mount does.
pub(crate) fn user_namespace(uid_mappings: &[IdMapping], gid_mappings: &[IdMapping]) -> Result<OwnedFd> {
    let (theirs, ours) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|errno| Error::call("pipe2", "a user namespace", errno))?;
    let held = theirs.as_raw_fd();
    let mut stack = Box::<[u8]>::new_uninit_slice(STACK);
    let flags = (CLONE_VM | nix::libc::CLONE_NEWUSER).cast_unsigned();
    let args = CloneArgs {
        flags: flags.into(),
        exit_signal: SIGCHLD.unsigned_abs().into(),
        stack: stack.as_mut_ptr() as u64,
        stack_size: STACK as u64,
        ..CloneArgs::default()
    };
    let mut before = SigSet::empty();
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    // SAFETY: the stack and the number live until the child is reaped below; `hold` makes raw system calls and touches nothing else.
    let result = unsafe { raw::clone3(&args, hold, (&raw const held).cast()) };
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    let pid = result.map_err(|errno| Error::call("clone3", "a user namespace", Errno::from_raw(errno.0)))?;
    let user = UserNamespace {
        uid_mappings: uid_mappings.to_vec(),
        gid_mappings: gid_mappings.to_vec(),
        rlimits: Vec::new(),
        privileged: true,
        clear_groups: true,
    };
    let path = format!("/proc/{pid}/ns/user");
    let namespace = super::maps::write_maps(pid, &user).and_then(|()| File::open(&path).map_err(|error| Error::io("open", &path, error)));
    drop(ours);
    while waitpid(Pid::from_raw(pid), None) == Err(Errno::EINTR) {}
    namespace.map(OwnedFd::from)
}

/// A process that only holds a namespace open, as long as the other end of this pipe is.
extern "C" fn hold(pipe: *const u8) -> ! {
    // SAFETY: `user_namespace` passes a number that lives until this process has ended.
    let pipe = unsafe { *pipe.cast::<RawFd>() };
    let _ = raw::dup3(pipe, 0, 0).and_then(|()| raw::close_from(1)).and_then(|()| raw::read(0, &mut [0]));
    raw::exit(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Launch, launch};
    use crate::compile::{Plan, UserNamespace};
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;
    use std::time::{Duration, Instant};

    #[test]
    fn a_child_that_waits_for_its_maps_ends_with_its_parent() {
        let user =
            UserNamespace { uid_mappings: Vec::new(), gid_mappings: Vec::new(), rlimits: Vec::new(), privileged: true, clear_groups: true };
        let mut plan = Plan::default();
        plan.clone.namespaces = nix::libc::CLONE_NEWUSER.cast_unsigned();
        plan.clone.user = Some(user);
        let launched = launch(&Launch { plan: &plan, fds: Vec::new(), stdio: [None; 3], preserve: 0, cgroup: None, fail_at: None });
        let child = launched.unwrap();
        // As its death would close it.
        drop(child.control);
        let deadline = Instant::now() + Duration::from_secs(10);
        while waitpid(Pid::from_raw(child.pid), Some(WaitPidFlag::WNOHANG)).unwrap() == WaitStatus::StillAlive {
            assert!(Instant::now() < deadline, "it waits for somebody who is dead");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
