//! A conversation with systemd: over its own socket, where no bus need be there, or over the bus.
//!
//! ```text
//! us                                    systemd
//!   NUL AUTH EXTERNAL <uid in hex>, BEGIN ──▶
//!   ◀──  OK                                         who we are is what the socket says
//!   call(serial)                    ──▶
//!   ◀──  return or error(serial)                    signals may come between
//! ```
//!
//! Invariant: every call ends, at the latest when the patience does.

use super::address;
use super::message::{Body, Call, Kind, Message, PREFIX, rest};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long systemd may take for an answer, and for a job.
const PATIENCE: Duration = Duration::from_secs(30);

const SYSTEMD: &str = "org.freedesktop.systemd1";
pub(super) const OBJECT: &str = "/org/freedesktop/systemd1";
pub(super) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const BUS: &str = "org.freedesktop.DBus";

/// Which systemd is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Manager {
    /// The host's.
    System,
    /// The caller's own.
    User,
}

/// What came of a call.
#[derive(Debug)]
pub(super) enum Answer {
    Done(Message),
    /// systemd does not want to: an error's name and words.
    Refused {
        name: String,
        words: String,
    },
}

/// Where systemd listens, and how: itself, or behind a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Own(PathBuf),
    Shared(PathBuf),
    /// A bus without a file.
    Abstract(String),
}

/// A connection to systemd.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    path: PathBuf,
    serial: u32,
    patience: Duration,
    deadline: Instant,
    /// Jobs that ended before anybody asked.
    jobs: Vec<(String, String)>,
}

impl Bus {
    pub(super) fn connect(manager: Manager) -> Result<Self> {
        Self::connect_to(&address::all(manager))
    }

    /// The first that answers. The way that is tried first is the one to repair.
    pub(super) fn connect_to(addresses: &[Address]) -> Result<Self> {
        let mut first = None;
        for address in addresses {
            match Self::open(address) {
                Ok(bus) => return Ok(bus),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        let none = || Error::new(ErrorKind::Unsupported, "there is no address of it");
        Err(first.unwrap_or_else(none).during("cannot connect to systemd"))
    }

    fn open(address: &Address) -> Result<Self> {
        let (path, socket_address) = match address {
            Address::Own(path) | Address::Shared(path) => (path.clone(), UnixAddr::new(path)),
            Address::Abstract(name) => (format!("@{name}").into(), UnixAddr::new_abstract(name.as_bytes())),
        };
        let failed = |errno| Error::call("connect", &path, errno);
        let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
        let time = TimeVal::seconds(PATIENCE.as_secs().cast_signed());
        // So long a full queue of callers is waited at, too.
        setsockopt(&fd, SendTimeout, &time).and_then(|()| setsockopt(&fd, ReceiveTimeout, &time)).map_err(failed)?;
        connect(fd.as_raw_fd(), &socket_address.map_err(failed)?).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let mut bus = Self { stream: fd.into(), path, serial: 0, patience: PATIENCE, deadline, jobs: Vec::new() };
        bus.authenticate()?;
        if !matches!(address, Address::Own(_)) {
            bus.introduce()?;
        }
        Ok(bus)
    }

    fn authenticate(&mut self) -> Result<()> {
        let uid: String = outer_uid().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        // All at once: a BEGIN that comes together with the first call makes systemd wait for more before it looks at the call.
        self.send(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && line.len() < 512 {
            let mut byte = [0];
            self.receive(&mut byte)?;
            line.extend(byte);
        }
        if !line.starts_with(b"OK ") {
            let what = format!("{}: not authenticated: {}", self.path.display(), String::from_utf8_lossy(&line).trim());
            return Err(Error::new(ErrorKind::Call, what));
        }
        Ok(())
    }

    /// What a bus wants before it carries anything, signals too.
    fn introduce(&mut self) -> Result<()> {
        let rule = "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
        let to_bus =
            |member, signature, body| Call { destination: BUS, path: "/org/freedesktop/DBus", interface: BUS, member, signature, body };
        self.need(&to_bus("Hello", "", Body::default()))?;
        self.need(&to_bus("AddMatch", "s", Body::default().text(rule)))?;
        self.need(&manager_call("Subscribe", "", Body::default())).map(drop)
    }

    /// Calls, where a refusal ends what the caller does.
    pub(super) fn need(&mut self, call: &Call<'_>) -> Result<Message> {
        match self.call(call)? {
            Answer::Done(message) => Ok(message),
            Answer::Refused { name, words } => Err(Error::new(ErrorKind::Call, format!("{}: {words} ({name})", call.member))),
        }
    }

    /// Calls, and waits for the answer.
    pub(super) fn call(&mut self, call: &Call<'_>) -> Result<Answer> {
        self.serial += 1;
        self.deadline = Instant::now() + self.patience;
        let bytes = call.to_bytes(self.serial);
        self.send(&bytes)?;
        loop {
            let message = self.next()?;
            match message.kind {
                Kind::Return if message.reply_to == self.serial => return Ok(Answer::Done(message)),
                Kind::Error if message.reply_to == self.serial => {
                    let words = message.text().unwrap_or_default();
                    return Ok(Answer::Refused { name: message.error, words });
                }
                _ => self.jobs.extend(message.removed_job()),
            }
        }
    }

    /// Which systemd it is; 0, where it does not say.
    pub(super) fn version(&mut self) -> Result<u32> {
        Ok(match self.call(&property(OBJECT, MANAGER, "Version"))? {
            Answer::Done(message) => number_of(&message.variant_text().unwrap_or_default()),
            Answer::Refused { .. } => 0,
        })
    }

    /// Waits for the end of a job, and says how it ended: `done`, if all is well. A signal says how; a job that is gone without one is over
    /// all the same.
    pub(super) fn wait_for_job(&mut self, job: &str) -> Result<String> {
        let mut pause = Duration::from_micros(500);
        let end = Instant::now() + self.patience;
        loop {
            let state = self.call(&property(job, "org.freedesktop.systemd1.Job", "State"))?;
            if let Some((_, result)) = self.jobs.iter().find(|(ended, _)| ended == job) {
                return Ok(result.clone());
            }
            if matches!(state, Answer::Refused { .. }) {
                return Ok("done".into());
            }
            if Instant::now() > end {
                return Err(self.late());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn next(&mut self) -> Result<Message> {
        let mut prefix = [0; PREFIX];
        self.receive(&mut prefix)?;
        let strange = || Error::call("read", &self.path, Errno::EBADMSG);
        let mut bytes = vec![0; rest(&prefix).ok_or_else(strange)?];
        self.receive(&mut bytes)?;
        Message::from_bytes(&prefix, &bytes).ok_or_else(|| Error::call("read", &self.path, Errno::EBADMSG))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.set_write_timeout(Some(self.left()?)).map_err(|error| Error::io("setsockopt", &self.path, error))?;
        self.stream.write_all(bytes).map_err(|error| self.failed("write", error))
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<()> {
        let mut got = 0;
        while got < bytes.len() {
            let left = self.left()?;
            self.stream.set_read_timeout(Some(left)).map_err(|error| Error::io("setsockopt", &self.path, error))?;
            match self.stream.read(&mut bytes[got..]) {
                Ok(0) => return Err(Error::call("read", &self.path, Errno::EPIPE)),
                Ok(count) => got += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read", error)),
            }
        }
        Ok(())
    }

    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.late()) } else { Ok(left) }
    }

    fn failed(&self, call: &str, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => self.late(),
            _ => Error::io(call, &self.path, error),
        }
    }

    fn late(&self) -> Error {
        let what = format!("{}: systemd was not done within {} s", self.path.display(), self.patience.as_secs());
        Error::new(ErrorKind::Call, what).with_errno(Errno::ETIMEDOUT)
    }
}

/// `257.3-1` is 257. What cannot be read is the oldest there is.
fn number_of(version: &str) -> u32 {
    let version = version.trim_start_matches('v');
    let end = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().unwrap_or(0)
}

/// A call to the manager of units.
pub(super) fn manager_call<'a>(member: &'a str, signature: &'a str, body: Body) -> Call<'a> {
    Call { destination: SYSTEMD, path: OBJECT, interface: MANAGER, member, signature, body }
}

/// Asks an object for a property.
pub(super) fn property<'a>(path: &'a str, interface: &str, name: &str) -> Call<'a> {
    let body = Body::default().text(interface).text(name);
    Call { destination: SYSTEMD, path, interface: "org.freedesktop.DBus.Properties", member: "Get", signature: "ss", body }
}

/// The caller's user as the other side sees it, who may be outside of our user namespace.
pub(super) fn outer_uid() -> u32 {
    let own = nix::unistd::geteuid().as_raw();
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ranges = map.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    let mut outer = ranges.filter_map(|(inside, outside, count)| own.checked_sub(inside).filter(|at| *at < count).map(|at| outside + at));
    outer.next().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    /// Answers one call with these bytes, after it has heard all of the greeting.
    fn systemd(name: &str, answer: &'static [u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("systemd-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut heard = [0; 512];
            let count = stream.read(&mut heard).unwrap();
            assert!(heard[..count].starts_with(b"\0AUTH EXTERNAL ") && heard[..count].ends_with(b"\r\nBEGIN\r\n"));
            stream.write_all(b"OK 0123\r\n").unwrap();
            let _ = stream.read(&mut heard).unwrap();
            stream.write_all(answer).unwrap();
        });
        path
    }

    fn ask(path: &Path) -> Result<Answer> {
        let answer = Bus::open(&Address::Own(path.to_owned()))?.call(&manager_call("Ping", "", Body::default()));
        std::fs::remove_file(path).unwrap();
        answer
    }

    #[test]
    fn a_refusal_has_a_name_and_words() {
        let answer = b"l\x03\x01\x01\x07\0\0\0\x02\0\0\0\x14\0\0\0\x05\x01u\0\x01\0\0\0\x04\x01s\0\x03\0\0\0a.b\0\0\0\0\0\x02\0\0\0no\0";
        match ask(&systemd("refusal", answer)).unwrap() {
            Answer::Refused { name, words } => assert_eq!((name.as_str(), words.as_str()), ("a.b", "no")),
            done => panic!("{done:?}"),
        }
    }

    #[test]
    fn a_systemd_that_says_nothing_is_not_waited_for_without_end() {
        let path = std::env::temp_dir().join(format!("systemd-mute-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let mute = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(b"OK 0123\r\n").unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
        });
        let mut bus = Bus::open(&Address::Own(path.clone())).unwrap();
        bus.patience = Duration::from_millis(50);
        let error = bus.call(&manager_call("Ping", "", Body::default())).unwrap_err();
        assert_eq!(error.errno(), Some(nix::libc::ETIMEDOUT));
        drop(bus);
        mute.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_version_is_its_first_number() {
        let table = [("245", 245), ("v245.4-1.fc32", 245), ("257~rc1-3", 257), ("", 0), ("x", 0), ("99999999999", 0)];
        for (text, number) in table {
            assert_eq!(number_of(text), number, "{text}");
        }
    }

    #[test]
    fn where_nobody_listens_the_first_address_is_told() {
        let nowhere = [Address::Own("/nowhere/private".into()), Address::Shared("/nowhere/bus".into())];
        let error = Bus::connect_to(&nowhere).unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to systemd: ") && error.contains("/nowhere/private"), "{error}");
        assert!(Bus::connect_to(&[]).unwrap_err().to_string().contains("no address"));
    }

    #[test]
    fn a_systemd_that_hangs_up_or_talks_nonsense_is_an_error() {
        assert_eq!(ask(&systemd("silence", b"")).unwrap_err().errno(), Some(nix::libc::EPIPE));
        assert_eq!(ask(&systemd("nonsense", b"HTTP/1.1 400 Bad Request\r\n")).unwrap_err().errno(), Some(nix::libc::EBADMSG));
    }
}
