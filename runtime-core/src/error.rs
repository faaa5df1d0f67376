//! What went wrong, said once: which step, which call, on what, which errno.
//!
//! Every room returns [`Error`]; nothing here prints. The cause is never cut: [`Display`](std::fmt::Display) writes the whole
//! chain on one line, because engines keep only the last line.

use nix::errno::Errno;
use std::fmt::{self, Display};
use std::path::Path;

/// The result of everything in this library.
pub type Result<T> = std::result::Result<T, Error>;

/// What an [`Error`] is about, for a caller that wants to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `config.json`, or a property of it, is missing, malformed or not allowed.
    InvalidConfig,
    /// The container's id is empty or has a character outside `[A-Za-z0-9_+.-]`.
    InvalidId,
    /// A container with this id exists.
    AlreadyExists,
    /// No container with this id exists.
    NotFound,
    /// The container's state does not allow the operation.
    WrongState,
    /// The container has no running process.
    NotRunning,
    /// The container is paused.
    Paused,
    /// The container is not paused.
    NotPaused,
    /// The kernel or the host lacks what was asked for.
    Unsupported,
    /// The program to run was not found or cannot be executed.
    Program,
    /// A hook failed or took too long.
    Hook,
    /// A step inside the container failed.
    Step,
    /// A call to the kernel failed on the host's side.
    Call,
    /// criu could not save or restore a container.
    Checkpoint,
}

/// An error, opaque but for its [`kind`](Error::kind) and [`errno`](Error::errno).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: String,
    errno: Option<Errno>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error in words: lower case, no full stop.
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, what: what.into(), errno: None, source: None }))
    }

    /// A failed system call on the host's side: `mkdir /sys/fs/cgroup/web1: permission denied (EACCES)`.
    pub(crate) fn call(call: &str, on: impl AsRef<Path>, errno: Errno) -> Self {
        let what = format!("{call} {}: {}", on.as_ref().display(), Words(errno));
        Self(Box::new(Inner { kind: ErrorKind::Call, what, errno: Some(errno), source: None }))
    }

    /// Like [`Error::call`], from the standard library's errors.
    pub(crate) fn io(call: &str, on: impl AsRef<Path>, error: std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(raw) => Self::call(call, on, Errno::from_raw(raw)),
            None => Self(Box::new(Inner {
                kind: ErrorKind::Call,
                what: format!("{call} {}", on.as_ref().display()),
                errno: None,
                source: Some(error.into()),
            })),
        }
    }

    /// A bad property of `config.json`: `config.json: process.cwd: "tmp" is not absolute`.
    pub(crate) fn config(property: impl Display, why: impl Display) -> Self {
        Self::new(ErrorKind::InvalidConfig, format!("config.json: {property}: {why}"))
    }

    /// The same error, with what was being done in front: `create "web1": …`.
    #[must_use]
    pub(crate) fn during(mut self, doing: impl Display) -> Self {
        self.0.what = format!("{doing}: {}", self.0.what);
        self
    }

    /// The same error under another kind.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same error, carrying the errno it reports.
    #[must_use]
    pub(crate) fn with_errno(mut self, errno: Errno) -> Self {
        self.0.errno = Some(errno);
        self
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The raw errno behind it, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.0.errno.map(|errno| errno as i32)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// An errno as users read it, in `strerror(3)`'s words: `operation not permitted (EPERM)`.
pub(crate) struct Words(pub(crate) Errno);

impl Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = std::io::Error::from(self.0).to_string().to_lowercase();
        write!(f, "{} ({:?})", said.split(" (os error").next().unwrap_or_default(), self.0)
    }
}
