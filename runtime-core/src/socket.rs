//! Unix sockets by which descriptors are handed on: to console and pidfd receivers, seccomp agents, the service manager.
//!
//! Invariants: a path of any length can be reached; a receiver gets exactly one descriptor in one message, and nothing it did not
//! ask for stays open; no receiver that goes away costs a SIGPIPE.
#![allow(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, UnixAddr, recvmsg, sendmsg};
use nix::sys::stat::Mode;
use nix::sys::time::{TimeVal, TimeValLike};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest path that a `sockaddr_un` holds with its NUL.
const PATH_MAX: usize = 107;

/// The longest name a receiver reads.
const NAME_MAX: usize = 4096;

/// A path that fits a `sockaddr_un`, for as long as this lives.
pub(crate) struct Address {
    path: PathBuf,
    _dir: Option<OwnedFd>,
}

impl Address {
    /// The path itself, or a detour by way of its directory's descriptor.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        if path.as_os_str().len() <= PATH_MAX {
            return Ok(Self { path: path.into(), _dir: None });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::call("connect", path, Errno::ENAMETOOLONG));
        };
        let dir = open(parent, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        let dir = dir.map_err(|errno| Error::call("open", parent, errno))?;
        Ok(Self { path: Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name), _dir: Some(dir) })
    }

    /// A path for `bind` and `connect`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Connects to a stream socket.
pub(crate) fn connect(path: &Path) -> Result<OwnedFd> {
    let stream = UnixStream::connect(Address::of(path)?.path());
    stream.map(OwnedFd::from).map_err(|error| Error::io("connect", path, error))
}

/// The same, by no longer than this; what is sent then waits no longer for its receiver either.
pub(crate) fn connect_within(path: &Path, patience: Duration) -> Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, setsockopt, socket, sockopt};
    let address = Address::of(path)?;
    let failed = |errno| Error::call("connect", path, if errno == Errno::EAGAIN { Errno::ETIMEDOUT } else { errno });
    let stream = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    let seconds = TimeVal::seconds(i64::try_from(patience.as_secs()).unwrap_or(i64::MAX));
    setsockopt(&stream, sockopt::SendTimeout, &seconds).map_err(failed)?;
    let to = UnixAddr::new(address.path()).map_err(failed)?;
    connect(stream.as_raw_fd(), &to).map_err(failed)?;
    Ok(stream)
}

/// Sends one descriptor in one message, under a name that is not empty.
pub(crate) fn send_fd(socket: impl AsFd, fd: impl AsFd, name: &[u8]) -> Result<()> {
    send_with_fd(socket, fd, name).map_err(|errno| Error::call("sendmsg", String::from_utf8_lossy(name).as_ref(), errno))
}

/// Sends a text of any length, and one descriptor with its first bytes.
pub(crate) fn send_with_fd(socket: impl AsFd, fd: impl AsFd, mut text: &[u8]) -> nix::Result<()> {
    let fds = [fd.as_fd().as_raw_fd()];
    let mut rights: &[ControlMessage<'_>] = &[ControlMessage::ScmRights(&fds)];
    while !text.is_empty() {
        match sendmsg::<UnixAddr>(socket.as_fd().as_raw_fd(), &[IoSlice::new(text)], rights, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            sent => {
                // A signal can end a long one early; the descriptor has gone with its beginning.
                text = text.get(sent?..).unwrap_or_default();
                rights = &[];
            }
        }
    }
    Ok(())
}

/// Receives one descriptor and its name.
pub(crate) fn receive_fd(socket: impl AsFd) -> Result<(OwnedFd, String)> {
    let mut name = [0; NAME_MAX];
    let (length, mut fds) = receive(socket, &mut name).map_err(|errno| Error::call("recvmsg", "socket", errno))?;
    match (fds.pop(), fds.len(), length) {
        (Some(fd), 0, 1..) => Ok((fd, String::from_utf8_lossy(&name[..length]).into_owned())),
        (None, ..) => Err(Error::new(ErrorKind::Call, "recvmsg: no file descriptor was sent")),
        (Some(_), 0, _) => Err(Error::new(ErrorKind::Call, "recvmsg: a file descriptor without a name was sent")),
        (Some(_), more, _) => Err(Error::new(ErrorKind::Call, format!("recvmsg: {} file descriptors were sent", more + 1))),
    }
}

/// Receives a message, and the descriptors that come with it.
pub(crate) fn receive(socket: impl AsFd, bytes: &mut [u8]) -> nix::Result<(usize, Vec<OwnedFd>)> {
    // Room for one more than anybody wants: the kernel would drop a second one without a word.
    let mut control = nix::cmsg_space!([RawFd; 2]);
    loop {
        let mut buffers = [IoSliceMut::new(bytes)];
        match recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC) {
            Ok(message) => return Ok((message.bytes, received(&message))),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Takes ownership of every descriptor in a message, wanted or not.
fn received(message: &RecvMsg<'_, '_, ()>) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    for control in message.cmsgs().into_iter().flatten() {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel put these descriptors into our table with this message, and it is read only here, once.
            fds.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    fds
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    #[test]
    fn one_descriptor_and_its_name_arrive() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send_fd(&ours, File::open("/proc/self/comm").unwrap(), b"/dev/ptmx").unwrap();
        let (fd, name) = receive_fd(&theirs).unwrap();
        let mut text = String::new();
        File::from(fd).read_to_string(&mut text).unwrap();
        assert_eq!((name.as_str(), text.is_empty()), ("/dev/ptmx", false));
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = |send: &dyn Fn(&UnixStream)| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            send(&ours);
            drop(ours);
            receive_fd(&theirs).unwrap_err().to_string()
        };
        assert_eq!(refused(&|mut ours| ours.write_all(b"name").unwrap()), "recvmsg: no file descriptor was sent");
        assert_eq!(refused(&|_| ()), "recvmsg: no file descriptor was sent");
        let two = |ours: &UnixStream| {
            let fds = [ours.as_raw_fd(), ours.as_raw_fd()];
            let rights = [ControlMessage::ScmRights(&fds)];
            sendmsg::<()>(ours.as_raw_fd(), &[IoSlice::new(b"n")], &rights, MsgFlags::empty(), None).unwrap();
        };
        assert_eq!(refused(&two), "recvmsg: 2 file descriptors were sent");
    }

    #[test]
    fn a_receiver_that_went_away_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let error = send_fd(&ours, File::open("/dev/null").unwrap(), b"n").unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EPIPE as i32));
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_waited_for_as_long_as_was_said() {
        use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, bind, listen, socket};
        let path = std::env::temp_dir().join(format!("full-{}.sock", std::process::id()));
        let deaf = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(deaf.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&deaf, Backlog::new(0).unwrap()).unwrap();
        let first = connect_within(&path, Duration::from_secs(1)).unwrap();
        let error = connect_within(&path, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), format!("connect {}: connection timed out (ETIMEDOUT)", path.display()));
        fs::remove_file(&path).unwrap();
        let text = vec![0; 1 << 20];
        assert_eq!(send_with_fd(first, File::open("/dev/null").unwrap(), &text), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_socket_at_the_end_of_a_long_path_is_reached() {
        let root = std::env::temp_dir().join(format!("socket-{}", std::process::id()));
        let dir = root.join("d".repeat(100)).join("e".repeat(100));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("console.sock");
        let listener = UnixListener::bind(Address::of(&path).unwrap().path()).unwrap();
        connect(&path).unwrap();
        listener.accept().unwrap();
        assert_eq!(connect(&dir.join("none")).unwrap_err().errno(), Some(Errno::ENOENT as i32));
        fs::remove_dir_all(root).unwrap();
    }
}
