//! An agent as runtime-spec wants one: it takes one message and one descriptor from each connection, and answers the notifications.

#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc::{self, seccomp_notif, seccomp_notif_resp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::Value;
use std::fs::File;
use std::io::{IoSliceMut, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

mod ioctl {
    nix::ioctl_readwrite!(receive, b'!', 0, nix::libc::seccomp_notif);
    nix::ioctl_readwrite!(send, b'!', 1, nix::libc::seccomp_notif_resp);
}

/// What a call that was notified of comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The kernel does it.
    Continue,
    /// It returns this, and nothing was done.
    Value(i64),
    Errno(Errno),
    /// It waits without end.
    Never,
}

/// A call that waits for an answer.
pub(crate) struct Call {
    pub(crate) pid: u32,
    pub(crate) number: i64,
    pub(crate) args: [u64; 6],
}

impl Call {
    /// What an argument points to, up to `limit` bytes or the end of the text.
    pub(crate) fn text(&self, argument: usize, limit: usize) -> String {
        let mut memory = File::open(format!("/proc/{}/mem", self.pid)).unwrap();
        memory.seek(SeekFrom::Start(self.args[argument])).unwrap();
        let mut bytes = vec![0; limit];
        let count = memory.read(&mut bytes).unwrap();
        let end = bytes[..count].iter().position(|byte| *byte == 0).unwrap_or(count);
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

/// What one connection brought.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) message: Value,
    /// The calls it was notified of, in order.
    pub(crate) calls: Vec<i64>,
}

type Answering = dyn Fn(&Call) -> Answer + Send + Sync;

/// Listens until it is dropped; a thread for each connection answers until the last process under the filter has ended.
pub(crate) struct Agent {
    pub(crate) path: PathBuf,
    heard: Arc<Mutex<Vec<Heard>>>,
    accepting: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl Agent {
    pub(crate) fn new(path: &Path, answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let (listener, heard, answer) = (UnixListener::bind(path).unwrap(), Arc::default(), Arc::new(answer));
        let all = Arc::clone(&heard);
        let accepting = std::thread::spawn(move || accept(&listener, &all, &answer));
        Self { path: path.into(), heard, accepting: Some(accepting) }
    }

    /// Waits for the containers' ends, and tells what there was, a connection each.
    pub(crate) fn finish(mut self) -> Vec<Heard> {
        self.stop();
        self.heard.lock().unwrap().clone()
    }

    fn stop(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        // A connection without a word is the last one.
        drop(UnixStream::connect(&self.path));
        for answering in accepting.join().unwrap() {
            answering.join().unwrap();
        }
        std::fs::remove_file(&self.path).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn accept(
    listener: &UnixListener,
    heard: &Arc<Mutex<Vec<Heard>>>,
    answer: &Arc<impl Fn(&Call) -> Answer + Send + Sync + 'static>,
) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    loop {
        let (connection, _) = listener.accept().unwrap();
        let Some((message, seccomp)) = receive(connection) else { return threads };
        let mut all = heard.lock().unwrap();
        let index = all.len();
        all.push(Heard { message, calls: Vec::new() });
        let (heard, answer) = (Arc::clone(heard), Arc::clone(answer));
        threads
            .push(std::thread::spawn(move || serve(seccomp.as_fd(), &*answer, |number| heard.lock().unwrap()[index].calls.push(number))));
    }
}

/// Exactly one message with exactly one descriptor, and the end.
pub(crate) fn receive(mut connection: UnixStream) -> Option<(Value, OwnedFd)> {
    let mut text = vec![0; 1 << 20];
    let mut control = nix::cmsg_space!([i32; 4]);
    let mut fds = Vec::new();
    let count = {
        let mut buffers = [IoSliceMut::new(&mut text)];
        let message = recvmsg::<()>(connection.as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC).unwrap();
        for control in message.cmsgs().unwrap() {
            if let ControlMessageOwned::ScmRights(raw) = control {
                // SAFETY: the kernel has put them into this process's table with this message; nobody else owns them.
                fds.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
            }
        }
        message.bytes
    };
    if count == 0 {
        return None;
    }
    text.truncate(count);
    connection.read_to_end(&mut text).unwrap();
    assert_eq!(fds.len(), 1, "{}", String::from_utf8_lossy(&text));
    Some((serde_json::from_slice(&text).expect("one document, and no more"), fds.remove(0)))
}

fn serve(seccomp: BorrowedFd<'_>, answer: &Answering, mut note: impl FnMut(i64)) {
    loop {
        let mut fds = [PollFd::new(seccomp, PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE).unwrap();
        if !fds[0].revents().unwrap().contains(PollFlags::POLLIN) {
            return;
        }
        let Some((id, call)) = next(seccomp) else { continue };
        note(call.number);
        match answer(&call) {
            Answer::Never => {}
            answer => reply(seccomp, id, answer),
        }
    }
}

/// The next notification, unless its process was killed meanwhile.
fn next(seccomp: BorrowedFd<'_>) -> Option<(u64, Call)> {
    // SAFETY: all zeros are a `seccomp_notif`, and what the kernel asks for.
    let mut notif: seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is the one that the request fills, and lives across the call.
    match unsafe { ioctl::receive(seccomp.as_raw_fd(), &raw mut notif) } {
        Err(Errno::ENOENT | Errno::EINTR) => None,
        other => {
            other.unwrap();
            let call = Call { pid: notif.pid, number: notif.data.nr.into(), args: notif.data.args };
            Some((notif.id, call))
        }
    }
}

fn reply(seccomp: BorrowedFd<'_>, id: u64, answer: Answer) {
    let (val, error, flags) = match answer {
        Answer::Continue | Answer::Never => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE),
        Answer::Value(value) => (value, 0, 0),
        Answer::Errno(errno) => (0, -(errno as i32), 0),
    };
    let mut response = seccomp_notif_resp { id, val, error, flags: flags.try_into().unwrap() };
    // SAFETY: the structure is the one that the request reads, and lives across the call.
    match unsafe { ioctl::send(seccomp.as_raw_fd(), &raw mut response) } {
        // Killed meanwhile.
        Err(Errno::ENOENT) => {}
        other => drop(other.unwrap()),
    }
}
