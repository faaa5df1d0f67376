//! Why a call failed, as the door tells it.
//!
//! A room of this program returns a [`Failure`]; only the door prints it, once.

use crate::compat::exit::Code;
use crate::compat::messages;
use runtime_core::{Error, ErrorKind, Status};

/// What to say, what to exit with, and what stdout shows first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    text: String,
    page: String,
    code: Code,
}

impl Failure {
    /// An error in words: lower case, no full stop.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), page: String::new(), code: Code::ERROR }
    }

    /// A command line that makes no sense, with the help page that goes to stdout.
    pub(crate) fn usage(text: String, page: String) -> Self {
        Self { text, page, code: Code::ERROR }
    }

    /// A file of the host's that could not be read or written.
    pub(crate) fn io(call: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(messages::io(call, path, error))
    }

    /// The same failure with another exit code.
    pub(crate) fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The same failure, with what was being done in front.
    pub(crate) fn during(mut self, doing: &str) -> Self {
        self.text = format!("{doing}: {}", self.text);
        self
    }

    /// The sentence.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What stdout shows before the sentence goes to stderr; empty but for usage errors.
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// The exit code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(messages::of(&error))
    }
}

impl Failure {
    /// The library refused because of the container's state: in the words that callers know for that state, if it can still be seen.
    pub(crate) fn refused(error: Error, status: runtime_core::Result<Status>, words: impl FnOnce(Status) -> String) -> Self {
        match (error.kind(), status) {
            (ErrorKind::WrongState | ErrorKind::NotRunning | ErrorKind::Paused, Ok(status)) => Self::new(words(status)),
            _ => error.into(),
        }
    }
}
