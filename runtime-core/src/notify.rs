//! `sd_notify(3)` for a container: a socket inside, of which the host's service manager hears one thing, that it is ready.
//!
//! ```text
//! program ── READY=1 ──▶ <root>/<id>/notify/notify.sock ──▶ READY=1 ────▶ $NOTIFY_SOCKET of the host
//!                                                           MAINPID=<pid>
//!                                                           BARRIER=1 + descriptor; closed once all was read
//! ```
//!
//! Invariant: nothing but the `READY=` line goes through: a container does not speak for the host's service.

use crate::error::{Error, Result};
use crate::socket::{Address, send_fd};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{self, Permissions};
use std::io;
use std::io::pipe;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The directory's name, in the container's state directory.
const DIRECTORY: &str = "notify";

/// The socket's name in it.
const SOCKET: &str = "notify.sock";

/// How long the service manager may take to read what was sent.
const BARRIER: Duration = Duration::from_secs(30);

/// Where a container's state directory at `path` has the directory that is bound to `/run/notify` inside; `create` makes it.
pub(crate) fn directory(path: &Path) -> PathBuf {
    path.join(DIRECTORY)
}

/// Makes the directory, so that there is something to bind before anybody listens.
pub(crate) fn make_directory(path: &Path) -> Result<PathBuf> {
    let directory = directory(path);
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("mkdir", directory, error)),
        _ => Ok(directory),
    }
}

/// The container's end: listening.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: UnixDatagram,
}

/// What waiting for the container came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It said that it is ready, and the host was told.
    Ready,
    /// Its process ended without a word.
    Ended,
}

impl Notify {
    /// Listens in a container's state directory; before the program can run, so that no word is lost.
    pub(crate) fn listen(path: &Path) -> Result<Self> {
        let socket_path = directory(path).join(SOCKET);
        let _ = fs::remove_file(&socket_path);
        let address = Address::of(&socket_path)?;
        let bound = UnixDatagram::bind(address.path()).and_then(|socket| {
            socket.set_nonblocking(true)?;
            // Whoever the program has become by then may speak; who can reach the directory is the mount's business.
            fs::set_permissions(address.path(), Permissions::from_mode(0o777))?;
            Ok(socket)
        });
        bound.map(|socket| Self { socket }).map_err(|error| Error::io("bind", socket_path, error))
    }

    /// Waits until the container is ready or its process ended, and tells the host's socket (`$NOTIFY_SOCKET`) who to watch.
    pub(crate) fn forward(&self, process: impl AsFd, pid: i32, host: &Path) -> Result<Readiness> {
        loop {
            let ended = self.wait(process.as_fd())?;
            // Also after the end: the last thing it did may have been to say so.
            if let Some(ready) = self.ready_line()? {
                tell(host, &ready, pid)?;
                return Ok(Readiness::Ready);
            }
            if ended {
                return Ok(Readiness::Ended);
            }
        }
    }

    /// Waits for a message or for the process to end; says whether it has.
    fn wait(&self, process: BorrowedFd<'_>) -> Result<bool> {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN), PollFd::new(process, PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(fds[1].any() == Some(true)),
            Err(errno) => Err(Error::call("poll", SOCKET, errno)),
        }
    }

    /// The first `READY=` line among the messages that are there.
    fn ready_line(&self) -> Result<Option<Vec<u8>>> {
        let mut message = [0; 4096];
        loop {
            match self.socket.recv(&mut message) {
                Ok(length) => {
                    let mut lines = message[..length].split(|&byte| byte == b'\n');
                    if let Some(line) = lines.find(|line| line.starts_with(b"READY=")) {
                        return Ok(Some(line.to_vec()));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("recv", SOCKET, error)),
            }
        }
    }
}

/// Tells the service manager, and waits until it has read everything: it may not know us any more once we have ended.
fn tell(host: &Path, ready: &[u8], pid: i32) -> Result<()> {
    let socket = connect(host)?;
    for message in [ready, format!("MAINPID={pid}").as_bytes()] {
        let line = [message, b"\n"].concat();
        socket.send(&line).map_err(|error| Error::io("send", host, error))?;
    }
    let (ours, theirs) = pipe().map_err(|error| Error::io("pipe", "barrier", error))?;
    send_fd(&socket, &theirs, b"BARRIER=1")?;
    drop(theirs);
    wait_closed(ours.as_fd(), Instant::now() + BARRIER)
}

/// A path, or with `@` in front a name in the abstract namespace.
fn connect(host: &Path) -> Result<UnixDatagram> {
    let connected = UnixDatagram::unbound().and_then(|socket| {
        match host.as_os_str().as_bytes().strip_prefix(b"@") {
            Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
            None => socket.connect(Address::of(host).map_err(io::Error::other)?.path())?,
        }
        Ok(socket)
    });
    connected.map_err(|error| Error::io("connect", host, error))
}

/// One that never answers does not know this protocol; it has been told all the same.
fn wait_closed(pipe: BorrowedFd<'_>, deadline: Instant) -> Result<()> {
    loop {
        let millis = deadline.saturating_duration_since(Instant::now()).as_millis();
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe, PollFlags::POLLIN)], timeout) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::call("poll", "barrier", errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pidfd::Pidfd;
    use crate::socket::receive_fd;
    use std::process::{Child, Command};
    use std::thread;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("notify-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            make_directory(&path).unwrap();
            Self(path)
        }

        fn container(&self) -> UnixDatagram {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(directory(&self.0).join(SOCKET)).unwrap();
            socket
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A process that lives until dropped.
    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> (Self, Pidfd) {
            let child = Command::new("sleep").arg("60").spawn().unwrap();
            let pidfd = Pidfd::open(child.id().try_into().unwrap()).unwrap();
            (Self(child), pidfd)
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Hears one readiness at the host's end: what was said, in order.
    fn hear(host: &UnixDatagram) -> String {
        let mut text = String::new();
        let mut message = [0; 100];
        for _ in 0..2 {
            let length = host.recv(&mut message).unwrap();
            text += std::str::from_utf8(&message[..length]).unwrap();
        }
        let (_barrier, name) = receive_fd(host).unwrap();
        text + &name
    }

    #[test]
    fn only_readiness_and_the_main_pid_reach_the_host() {
        let scratch = Scratch::new("ready");
        let host_path = scratch.0.join("host.sock");
        let host = UnixDatagram::bind(&host_path).unwrap();
        let (_sleeper, process) = Sleeper::new();
        let notify = Notify::listen(&scratch.0).unwrap();
        thread::scope(|scope| {
            let heard = scope.spawn(|| hear(&host));
            let forwarded = scope.spawn(|| notify.forward(&process, 42, &host_path));
            let container = scratch.container();
            container.send(b"STATUS=soon\nMAINPID=1").unwrap();
            container.send(b"STATUS=now\nREADY=1\nSTOPPING=1").unwrap();
            assert_eq!(heard.join().unwrap(), "READY=1\nMAINPID=42\nBARRIER=1");
            assert_eq!(forwarded.join().unwrap().unwrap(), Readiness::Ready);
        });
    }

    #[test]
    fn an_abstract_host_socket_is_reached() {
        let scratch = Scratch::new("abstract");
        let name = format!("notify-{}", std::process::id());
        let host = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        thread::scope(|scope| {
            let heard = scope.spawn(|| hear(&host));
            tell(Path::new(&format!("@{name}")), b"READY=1", 7).unwrap();
            assert_eq!(heard.join().unwrap(), "READY=1\nMAINPID=7\nBARRIER=1");
        });
        drop(scratch);
    }

    #[test]
    fn a_process_that_ends_without_a_word_is_not_waited_for() {
        let scratch = Scratch::new("ended");
        let (sleeper, process) = Sleeper::new();
        let notify = Notify::listen(&scratch.0).unwrap();
        drop(sleeper);
        assert_eq!(notify.forward(&process, 42, Path::new("/no/such")).unwrap(), Readiness::Ended);
    }

    #[test]
    fn listening_again_takes_the_place_of_who_listened_before() {
        let scratch = Scratch::new("again");
        drop(Notify::listen(&scratch.0).unwrap());
        let notify = Notify::listen(&scratch.0).unwrap();
        scratch.container().send(b"READY=1").unwrap();
        assert_eq!(notify.ready_line().unwrap(), Some(b"READY=1".to_vec()));
    }

    #[test]
    fn a_silent_service_manager_is_not_waited_for_for_ever() {
        let (ours, _theirs) = pipe().unwrap();
        wait_closed(ours.as_fd(), Instant::now() + Duration::from_millis(20)).unwrap();
    }
}
