//! criu as a child, and the conversation with it.
//!
//! ```text
//! here                                     criu swrk FD
//!   Version, keep_open ──────────────────▶
//!                ◀──────────────────────── version
//!  (FeatureCheck, keep_open ─────────────▶
//!                ◀──────────────────────── features)
//!   Dump | PreDump | Restore, options ───▶
//!                ◀──────────────────────── Notify: script, pid, a descriptor
//!   Notify, success or not ──────────────▶ goes on, or undoes what it did
//!                ◀──────────────────────── the kind that was asked for, and whether it worked
//! ```
//!
//! Invariant: when a [`Criu`] is gone its process has ended: it hears the socket's end, and undoes what it was doing.

use super::message::{Features, Kind, Notify, Options, Request, Response};
use super::sys;
use crate::error::{Error, ErrorKind, Result};
use crate::socket;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, send, shutdown, socketpair};
use prost::Message;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The first criu that takes external pid namespaces, freezes cgroups of v2, and tells when lazy pages are ready.
const OLDEST: (i32, i32) = (3, 15);

/// The longest answer.
const ANSWER_MAX: usize = 64 * 1024;

/// Where engines' users have it, for those that pass no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A criu that waits for what it is to do.
#[derive(Debug)]
pub(crate) struct Criu {
    child: Child,
    socket: OwnedFd,
    version: (i32, i32),
}

/// What criu tells on the way.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The first process is there, in its namespaces, with nothing in it yet.
    Namespaces(i32),
    /// All processes are there, and stand still.
    Restored(i32),
    /// The master of a terminal whose other end is inside.
    Terminal(OwnedFd),
    /// Whoever wants memory pages can ask for them.
    PagesReady,
    /// What needs nothing done.
    Other,
}

/// What is done about a [`Notice`].
pub(crate) type Answer<'a> = dyn FnMut(Notice) -> Result<()> + 'a;

impl Criu {
    /// Starts one, with these standard streams, and with these descriptors under their numbers.
    pub(crate) fn start(stdio: [Stdio; 3], mut fds: Vec<OwnedFd>) -> Result<Self> {
        let path = find()?;
        let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (socket, theirs) = pair.map_err(|errno| Error::call("socketpair", "criu", errno))?;
        let [stdin, stdout, stderr] = stdio;
        let mut command = Command::new(&path);
        command.arg("swrk").arg(theirs.as_raw_fd().to_string()).stdin(stdin).stdout(stdout).stderr(stderr);
        fds.push(theirs);
        sys::hand_over(&mut command, fds);
        let child = command.spawn().map_err(|error| Error::io("exec", &path, error))?;
        // With the command goes our copy of its end, so that its death is heard.
        drop(command);
        let mut criu = Self { child, socket, version: (0, 0) };
        criu.version = criu.ask_version()?;
        criu.needs(OLDEST, "saving and restoring containers")?;
        Ok(criu)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Refuses one that is too old for something.
    pub(super) fn needs(&self, oldest: (i32, i32), what: &str) -> Result<()> {
        if self.version >= oldest {
            return Ok(());
        }
        let ((major, minor), (own_major, own_minor)) = (oldest, self.version);
        let why = format!("{what} needs criu {major}.{minor} or newer; this one is {own_major}.{own_minor}");
        Err(Error::new(ErrorKind::Unsupported, why))
    }

    /// Refuses one that cannot do something, or whose kernel cannot.
    pub(super) fn needs_feature(&mut self, what: &str, features: Features) -> Result<()> {
        let request = Request { kind: Kind::FeatureCheck.into(), keep_open: Some(true), features: Some(features), ..Request::default() };
        self.send(&request)?;
        let has = self.receive()?.0.features.unwrap_or_default();
        let lacks = |wanted: Option<bool>, has: Option<bool>| wanted == Some(true) && has != Some(true);
        match lacks(features.mem_track, has.mem_track) || lacks(features.lazy_pages, has.lazy_pages) {
            true => Err(Error::new(ErrorKind::Unsupported, format!("{what}: criu or the kernel has not what that needs"))),
            false => Ok(()),
        }
    }

    /// Has it do its work. What it says on failing is the `Err` inside: there may be more in its log.
    pub(super) fn work(&mut self, kind: Kind, options: Options, answer: &mut Answer<'_>) -> Result<std::result::Result<(), String>> {
        let request = Request { kind: kind.into(), options: Some(options), ..Request::default() };
        self.send(&request)?;
        let mut refused = None;
        loop {
            let (response, fds) = self.receive()?;
            if response.kind() == Kind::Notify && response.success {
                let answered = answer(Notice::of(response.notify.unwrap_or_default(), fds));
                self.send(&Request { kind: Kind::Notify.into(), notify_success: Some(answered.is_ok()), ..Request::default() })?;
                refused = refused.or_else(|| answered.err());
                continue;
            }
            return match refused {
                // It fails because we did.
                Some(error) => Err(error),
                None if response.success && response.kind() == kind => Ok(Ok(())),
                None => Ok(Err(response.why())),
            };
        }
    }

    fn ask_version(&mut self) -> Result<(i32, i32)> {
        self.send(&Request { kind: Kind::Version.into(), keep_open: Some(true), ..Request::default() })?;
        let version = self.receive()?.0.version;
        version.map(|version| (version.major, version.minor)).ok_or_else(|| broken("it does not tell its version"))
    }

    fn send(&self, request: &Request) -> Result<()> {
        let bytes = request.encode_to_vec();
        loop {
            match send(self.socket.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(broken("it ended without a word")),
                Err(errno) => return Err(Error::call("send", "criu", errno)),
            }
        }
    }

    fn receive(&self) -> Result<(Response, Vec<OwnedFd>)> {
        let mut bytes = vec![0; ANSWER_MAX];
        let (length, fds) = match socket::receive(&self.socket, &mut bytes) {
            Err(Errno::ECONNRESET) => (0, Vec::new()),
            received => received.map_err(|errno| Error::call("recvmsg", "criu", errno))?,
        };
        if length == 0 {
            return Err(broken("it ended without a word"));
        }
        let response = Response::decode(bytes.get(..length).unwrap_or_default());
        response.map(|response| (response, fds)).map_err(|error| broken(&error.to_string()))
    }
}

impl Drop for Criu {
    fn drop(&mut self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        let _ = self.child.wait();
    }
}

impl Notice {
    fn of(notify: Notify, mut fds: Vec<OwnedFd>) -> Self {
        match (notify.script(), notify.pid, fds.pop()) {
            ("setup-namespaces", Some(pid), _) => Self::Namespaces(pid),
            ("post-restore", Some(pid), _) => Self::Restored(pid),
            ("orphan-pts-master", _, Some(master)) => Self::Terminal(master),
            ("status-ready", ..) => Self::PagesReady,
            _ => Self::Other,
        }
    }
}

impl Response {
    /// What it says of a failure, on one line.
    fn why(&self) -> String {
        let said = self.error().lines().next().unwrap_or_default().trim();
        match (said, self.errno) {
            ("", Some(errno)) => crate::error::Words(Errno::from_raw(errno)).to_string(),
            (said, _) => said.to_owned(),
        }
    }
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("talking to criu: {why}"))
}

/// The first `criu` in `$PATH`.
fn find() -> Result<PathBuf> {
    use nix::unistd::{AccessFlags, access};
    let paths = std::env::var_os("PATH").filter(|paths| !paths.is_empty()).unwrap_or_else(|| PATH.into());
    let is_program = |path: &PathBuf| path.is_file() && access(path.as_path(), AccessFlags::X_OK).is_ok();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(Path::new("criu"))).find(is_program);
    found.ok_or_else(|| Error::new(ErrorKind::Unsupported, "criu is not installed: there is none in $PATH"))
}
