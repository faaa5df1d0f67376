//! One hook's process: born, fed, heard, and buried in time.

use super::{Place, sys};
use crate::config::Hook;
use crate::error::{Error, ErrorKind, Result};
use crate::pidfd::{ExitStatus, Pidfd};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{read, write};
use std::io::{PipeReader, PipeWriter, pipe};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// How much of a failed hook's last words is kept.
const LAST_WORDS: usize = 4096;

/// Runs one hook to its end.
pub(super) fn run(hook: &Hook, state: &[u8], place: Place<'_>) -> Result<()> {
    let (stdin, feed) = Feed::new(state)?;
    let (hearing, stdout) = Hearing::new()?;
    let stderr = stdout.try_clone().map_err(|error| Error::io("dup", "pipe", error))?;
    let process = match place {
        Place::Process(start) => start(hook, [stdin.into(), stdout.into(), stderr.into()])?,
        _ => spawn(hook, place, (stdin, stdout, stderr))?,
    };
    Conversation { process, feed, hearing, deadline: deadline(hook) }.hold(hook)
}

fn spawn(hook: &Hook, place: Place<'_>, (stdin, stdout, stderr): (PipeReader, PipeWriter, PipeWriter)) -> Result<Pidfd> {
    let mut command = command(hook, place)?;
    let spawned = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn();
    // With it go our copies of the child's ends; else we would wait for our own output.
    drop(command);
    let mut child = spawned.map_err(|error| sys::explain(error, &hook.path))?;
    let pid = i32::try_from(child.id()).unwrap_or_default();
    Pidfd::open(pid).map_err(|errno| {
        let _ = child.kill();
        let _ = child.wait();
        Error::call("pidfd_open", pid.to_string(), errno)
    })
}

fn command(hook: &Hook, place: Place<'_>) -> Result<Command> {
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.args.split_first() {
        command.arg0(name).args(rest);
    }
    if let Some(env) = &hook.env {
        command.env_clear().envs(env.iter().filter_map(|entry| entry.split_once('=')));
    }
    match place {
        Place::Container(inside) => sys::enter(&mut command, inside, hook)?,
        Place::Process(_) => {}
        Place::Host { cwd } => {
            cwd.map(|cwd| command.current_dir(cwd));
            sys::isolate(&mut command, sys::Closing::known());
        }
    }
    Ok(command)
}

/// In words too, as strsignal(3) has them: a filter's kill is what hooks die of without a trace.
fn killed_by(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(Signal::SIGSYS) => format!("killed by signal {signal} (bad system call)"),
        Ok(name) => format!("killed by signal {signal} ({name})"),
        Err(_) => format!("killed by signal {signal}"),
    }
}

fn deadline(hook: &Hook) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_secs(hook.timeout_s?))
}

/// The state on its way to the hook's stdin.
struct Feed<'a> {
    /// Kept until all is written: while there is a reader, a hook that closes its stdin is no SIGPIPE for us.
    pipe: Option<(PipeWriter, PipeReader)>,
    rest: &'a [u8],
}

impl<'a> Feed<'a> {
    fn new(state: &'a [u8]) -> Result<(PipeReader, Self)> {
        let (reader, writer) = pipe().map_err(|error| Error::io("pipe", "stdin", error))?;
        set_nonblocking(&writer)?;
        let stdin = reader.try_clone().map_err(|error| Error::io("dup", "pipe", error))?;
        let mut feed = Self { pipe: Some((writer, reader)), rest: state };
        // Nearly always all of it: a pipe holds 64 KiB.
        feed.pour()?;
        Ok((stdin, feed))
    }

    fn pour(&mut self) -> Result<()> {
        while let Some((writer, _)) = &self.pipe {
            match write(writer, self.rest) {
                Ok(written) => self.rest = &self.rest[written..],
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::call("write", "stdin", errno)),
            }
            if self.rest.is_empty() {
                self.pipe = None;
            }
        }
        Ok(())
    }
}

/// The hook's stdout and stderr, of which the end is kept.
struct Hearing {
    pipe: Option<PipeReader>,
    heard: Vec<u8>,
}

impl Hearing {
    fn new() -> Result<(Self, PipeWriter)> {
        let (reader, writer) = pipe().map_err(|error| Error::io("pipe", "stdout", error))?;
        set_nonblocking(&reader)?;
        Ok((Self { pipe: Some(reader), heard: Vec::new() }, writer))
    }

    /// Takes what is there.
    fn listen(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        while let Some(pipe) = &self.pipe {
            match read(pipe, &mut bytes) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.keep(&bytes[..length]),
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::call("read", "stdout", errno)),
            }
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        let surplus = self.heard.len().saturating_sub(LAST_WORDS);
        self.heard.drain(..surplus);
    }

    /// On one line, since engines keep only an error's last.
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.heard);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { String::new() } else { format!(", output: {}", lines.join("; ")) }
    }
}

/// A hook under way.
struct Conversation<'a> {
    process: Pidfd,
    feed: Feed<'a>,
    hearing: Hearing,
    deadline: Option<Instant>,
}

impl Conversation<'_> {
    /// Feeds and hears the hook until it ends or its time is up.
    fn hold(mut self, hook: &Hook) -> Result<()> {
        let ended = self.attend();
        if !matches!(ended, Ok(Some(_))) {
            // Out of time, or we cannot go on: either way it must not outlive us.
            let _ = self.process.signal(Signal::SIGKILL as i32);
            let _ = self.process.wait();
        }
        self.hearing.listen()?;
        let why = match ended? {
            Some(ExitStatus::Code(0)) => return Ok(()),
            Some(ExitStatus::Code(code)) => format!("exit status {code}"),
            Some(ExitStatus::Signal(signal)) => killed_by(signal),
            None => format!("timed out after {} s", hook.timeout_s.unwrap_or_default()),
        };
        Err(Error::new(ErrorKind::Hook, format!("{}: {why}{}", hook.path.display(), self.hearing.words())))
    }

    /// How the hook ended; none if its time is up.
    fn attend(&mut self) -> Result<Option<ExitStatus>> {
        loop {
            if Wait::on(&self.process, &self.feed, &self.hearing, self.deadline)? == Wait::Ended {
                return self.process.wait().map(Some).map_err(|errno| Error::call("waitid", "hook", errno));
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
            self.feed.pour()?;
            self.hearing.listen()?;
        }
    }
}

/// What waiting was for.
#[derive(PartialEq, Eq)]
enum Wait {
    /// The process has ended. What it left running may hold the pipes: nobody waits for those.
    Ended,
    /// Something else happened, or nothing in time.
    GoOn,
}

impl Wait {
    fn on(process: &Pidfd, feed: &Feed<'_>, hearing: &Hearing, deadline: Option<Instant>) -> Result<Self> {
        let mut fds = vec![PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        fds.extend(feed.pipe.iter().map(|(writer, _)| PollFd::new(writer.as_fd(), PollFlags::POLLOUT)));
        fds.extend(hearing.pipe.iter().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, time_left(deadline)) {
            Ok(_) if fds[0].any() == Some(true) => Ok(Self::Ended),
            Ok(_) | Err(Errno::EINTR) => Ok(Self::GoOn),
            Err(errno) => Err(Error::call("poll", "hook", errno)),
        }
    }
}

/// Rounded up, so that the last moment is not spent asking again and again.
fn time_left(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let millis = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}

fn set_nonblocking(fd: impl AsFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop).map_err(|errno| Error::call("fcntl", "pipe", errno))
}
