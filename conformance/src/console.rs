//! The far end of a console socket: takes the terminal a runtime sends and reads what the container writes to it.

use crate::patience;
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// How long the last words of a container are waited for once its steps are done.
const GRACE: Duration = Duration::from_secs(1);
/// More than any sender may send.
const ROOM: usize = 4096;

#[derive(Default)]
struct Seen {
    message: String,
    bytes: Vec<u8>,
}

/// A listener, and what it has seen.
pub(crate) struct Console {
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Console {
    pub(crate) fn listen(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        Ok(Self { seen, thread: spawn(move || serve(&listener, &shared)) })
    }

    /// How the terminal was sent, and what was written to it.
    pub(crate) fn seen(self) -> (String, String) {
        let deadline = Instant::now() + patience::of(GRACE);
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.message.clone(), String::from_utf8_lossy(&seen.bytes).into_owned())
    }
}

fn serve(listener: &UnixListener, seen: &Mutex<Seen>) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    let (bytes, fds) = receive(&stream)?;
    let name = if bytes == 0 { "without a name" } else { "with a name" };
    seen.lock().unwrap_or_else(PoisonError::into_inner).message = format!("{} descriptor {name}", fds.len());
    for fd in fds {
        read(fd, seen);
    }
    Ok(())
}

// The other end closed is an EIO here, which ends the reading like an end of file.
fn read(fd: OwnedFd, seen: &Mutex<Seen>) {
    let mut terminal = File::from(fd);
    let mut buffer = [0; ROOM];
    while let Ok(length) = terminal.read(&mut buffer) {
        let Some(text) = buffer.get(..length).filter(|text| !text.is_empty()) else { return };
        seen.lock().unwrap_or_else(PoisonError::into_inner).bytes.extend_from_slice(text);
    }
}

fn receive(stream: &UnixStream) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut buffer = [0; ROOM];
    let mut space = cmsg_space!([RawFd; 4]);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let raw = message.cmsgs()?.flat_map(|part| if let ControlMessageOwned::ScmRights(fds) = part { fds } else { Vec::new() });
    // SAFETY: the kernel has just made these descriptors for this process, in this very message; nobody else knows their numbers.
    let fds = raw.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect();
    Ok((message.bytes, fds))
}
