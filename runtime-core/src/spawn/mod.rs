//! The moment: a child is cloned, becomes the sealed init, and is talked to until its program runs.
//!
//! ```text
//! parent                                    init
//!   clone ────────────────────────────────▶ walks the plan
//!   next()  ◀──────────────── Reached(point)
//!   go()    ────────────────────────────▶
//!   next()  ◀──────────── Hopped(pid)          goes on in another process, which waits
//!   (maps)  ────────────────────────────▶
//!   next()  ◀──────────── Failed, or the end: exec
//! ```
//!
//! Invariants: a [`Child`] that is dropped before it was released is killed and reaped. Nothing here reads `config.json` or makes ops.

mod agent;
mod exe;
mod fds;
mod launch;
mod maps;
pub(crate) mod sys;

pub use launch::FailAt;
pub(crate) use launch::{Launch, user_namespace};

use crate::compile::{self, Circumstance, Plan, Step};
use crate::error::{Error, ErrorKind, Result, Words};
use crate::socket;
use agent::Hearing;
use launch::{Cloned, Lent};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use runtime_init::{Op, Report, ReportKind, Target};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// A child on its way to its program.
pub(crate) struct Child<'a> {
    plan: &'a Plan,
    held: Held,
    pidfd: OwnedFd,
    control: OwnedFd,
    recorder: sys::Recorder,
    lent: Lent,
    /// What came with its last message.
    brought: Option<OwnedFd>,
    hearing: Hearing,
}

/// A process that ends, and is reaped, with this.
struct Held(i32);

/// What a child says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It waits at this point.
    Reached(u32),
    /// Its program runs.
    Executed,
}

impl<'a> Child<'a> {
    /// Clones a child that walks the plan.
    pub(crate) fn launch(launch: &Launch<'a>) -> Result<Self> {
        let Cloned { pid, pidfd, control, recorder, lent } = launch::launch(launch)?;
        let mut child =
            Self { plan: launch.plan, held: Held(pid), pidfd, control, recorder, lent, brought: None, hearing: Hearing::Socket };
        match &child.plan.clone.user {
            Some(user) if child.plan.clone.namespaces & nix::libc::CLONE_NEWUSER.cast_unsigned() != 0 => {
                maps::write(child.pid(), user)?;
                child.go()?;
            }
            _ => {}
        }
        Ok(child)
    }

    /// Its process id, as the caller sees it. A plan that hops changes it.
    pub(crate) fn pid(&self) -> i32 {
        self.held.0
    }

    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Lets it go on from where it waits.
    pub(crate) fn go(&mut self) -> Result<()> {
        if self.hearing == Hearing::Page {
            self.hearing = Hearing::Watched;
            self.recorder.record().go.store(1, Ordering::Release);
            return Ok(());
        }
        match send(self.control.as_raw_fd(), &[1], MsgFlags::MSG_NOSIGNAL) {
            // It is dead; `next` will tell how.
            Ok(_) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
            Err(errno) => Err(Error::call("send", "init", errno)),
        }
    }

    /// The next thing it says.
    pub(crate) fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.watch()? {
                return Ok(event);
            }
            let mut bytes = [0u8; size_of::<Report>()];
            let (count, mut fds) = match socket::receive(&self.control, &mut bytes) {
                Err(Errno::ECONNRESET) => (0, Vec::new()),
                other => other.map_err(|errno| Error::call("recv", "init", errno))?,
            };
            self.brought = fds.pop();
            if count == 0 {
                return self.end();
            }
            let report = Report::from_bytes(bytes.get(..count).unwrap_or_default());
            let report = report.ok_or_else(|| Error::call("recv", "init", Errno::EPROTO))?;
            match report.kind {
                ReportKind::Reached => return Ok(Event::Reached(u32::try_from(report.value).unwrap_or(0))),
                ReportKind::Failed => return Err(failure(self.plan, &report)),
                ReportKind::Hopped => self.follow(&report)?,
            }
        }
    }

    /// What it has lent at the point it waits at.
    pub(crate) fn take_lent(&mut self) -> Result<OwnedFd> {
        self.brought.take().ok_or_else(|| Error::call("recv", "descriptor of the init", Errno::EPROTO))
    }

    /// It goes on as another process.
    fn follow(&mut self, report: &Report) -> Result<()> {
        let old = self.pid();
        self.held.0 = i32::try_from(report.value).map_err(|_| Error::call("recv", "init", Errno::EPROTO))?;
        let _ = waitpid(Pid::from_raw(old), None);
        self.pidfd = sys::pidfd_open(self.pid())?;
        let is_user = |op| matches!(op, Op::Hop { kind } if kind & nix::libc::CLONE_NEWUSER.cast_unsigned() != 0);
        let step = self.plan.steps.get(report.pc as usize);
        if let Some(user) = self.plan.clone.user.as_ref().filter(|_| step.is_some_and(|step| is_user(step.op))) {
            maps::write(self.pid(), user)?;
        }
        self.go()
    }

    /// The conversation is over: its exec has closed it, or it died.
    fn end(&self) -> Result<Event> {
        let pc = self.recorder.record().pc.load(Ordering::Relaxed) as usize;
        if self.plan.steps.get(pc).is_some_and(|step| matches!(step.op, Op::Exec { .. } | Op::Park { .. })) {
            return Ok(Event::Executed);
        }
        if let Some(errno) = self.lent.exec_error() {
            return Err(Error::call("execveat", "runtime-init", errno));
        }
        let how = match waitid(Id::PIDFd(self.pidfd.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::Signaled(_, signal, _)) => format!("killed by {signal}"),
            Ok(WaitStatus::Exited(_, code)) => format!("exited with {code}"),
            _ => "died".into(),
        };
        Err(Error::new(ErrorKind::Step, format!("{how} at {}", place(self.plan, pc))))
    }

    /// From here on it is the caller's, by its pidfd.
    pub(crate) fn release(self) -> OwnedFd {
        let Self { held, pidfd, .. } = self;
        std::mem::forget(held);
        pidfd
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(Pid::from_raw(self.0), nix::sys::signal::Signal::SIGKILL);
        while waitpid(Pid::from_raw(self.0), None) == Err(Errno::EINTR) {}
    }
}

/// `step 31 of 36: linux.maskedPaths[2] /proc/keys: mount`.
fn place(plan: &Plan, pc: usize) -> String {
    let count = plan.steps.len();
    match plan.steps.get(pc) {
        Some(step) => format!("step {} of {count}: {}{}", pc + 1, about(plan.subject(step)), compile::call(&step.op, 0)),
        None => format!("step {} of {count}", pc + 1),
    }
}

fn about(subject: &str) -> String {
    if subject.is_empty() { String::new() } else { format!("{subject}: ") }
}

/// A failed step in words.
pub(crate) fn failure(plan: &Plan, report: &Report) -> Error {
    let errno = Errno::from_raw(report.errno);
    let Some(step) = plan.steps.get(report.pc as usize) else {
        return Error::new(ErrorKind::Step, format!("the init cannot read its plan: {}", Words(errno))).with_errno(errno);
    };
    match step.op {
        Op::FindProgram { .. } => program_error(plan, errno),
        Op::Exec { argv, .. } => {
            let name = plan.texts(argv).into_iter().next().unwrap_or_default();
            Error::new(ErrorKind::Program, format!("exec {name}: {}", Words(errno))).with_errno(errno)
        }
        op => {
            let mut what = format!("{}{}{}", about(plan.subject(step)), known(step, errno), compile::call(&op, report.detail));
            if let Some(option) = option(plan, &op, report.detail) {
                what += &format!(" {option:?}");
            }
            if let Some(path) = attribute(plan, &op) {
                let absent = if errno == Errno::ENOENT && path.contains("apparmor") { "not loaded: " } else { "" };
                what = format!("{}{absent}{} `{path}`", about(plan.subject(step)), compile::call(&op, report.detail));
            }
            Error::new(ErrorKind::Step, format!("{what}: {}", Words(errno))).with_errno(errno)
        }
    }
}

/// The file that a label is written to: Podman looks for its path, so quoted.
fn attribute(plan: &Plan, op: &Op) -> Option<String> {
    let Op::WriteProc { path, .. } = *op else { return None };
    let path = plan.text(path);
    path.contains("/attr/").then(|| format!("/proc/{path}"))
}

/// What an errno means at this step, in the words that others look for.
fn known(step: &Step, errno: Errno) -> &'static str {
    match (step.op, errno) {
        // sched_setattr(2): a deadline needs every CPU.
        (Op::Scheduler { .. }, Errno::EPERM) if step.circumstance == Circumstance::FewerCpus => {
            "process scheduler can't be used together with AllowedCPUs: "
        }
        (Op::OpenTarget { target: Target::RealDirectory, .. }, Errno::ELOOP | Errno::ENOTDIR) => "must be mounted on ordinary directory: ",
        _ => "",
    }
}

/// The option that a file system did not take.
fn option(plan: &Plan, op: &Op, detail: u32) -> Option<String> {
    let Op::NewFs { options, .. } = *op else { return None };
    let index = detail.checked_sub(runtime_init::report::part::OPTIONS)? as usize;
    let texts = plan.texts(options);
    let pair = texts.chunks(2).nth(index)?;
    Some(pair.join("=").trim_end_matches('=').to_owned())
}

/// In the words that engines know: they take the exit code 126 or 127 from them.
fn program_error(plan: &Plan, errno: Errno) -> Error {
    let argv = plan.steps.iter().find_map(|step| match step.op {
        Op::Exec { argv, .. } => plan.texts(argv).into_iter().next(),
        _ => None,
    });
    let name = argv.unwrap_or_default();
    let words = match errno {
        _ if !name.contains('/') => "executable file not found in $PATH".to_owned(),
        Errno::ENOENT => format!("stat {name}: no such file or directory"),
        Errno::EACCES => "permission denied".to_owned(),
        Errno::EISDIR => "is a directory".to_owned(),
        other => Words(other).to_string(),
    };
    Error::new(ErrorKind::Program, format!("exec: {name:?}: {words}")).with_errno(errno)
}
