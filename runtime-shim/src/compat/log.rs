//! Log records, for engines and for people.
//!
//! ```text
//! no --log, a terminal     runtime-shim: container does not exist
//! no --log, text           time="2026-01-02T03:04:05Z" level=error msg="container does not exist"
//! json                     {"level":"error","msg":"container does not exist","time":"2026-01-02T03:04:05Z"}
//! --log FILE               the record to FILE, the bare text to stderr
//! ```
//! Invariant: a failure is exactly one record of level error, and what there is beside it at the default level is warnings, of a config that
//! was not followed in everything. `state` and `list` never warn: containerd reads their stderr together with their stdout. podman reads the
//! log file as one JSON object, and where it holds more, the sentence on stderr.

use super::{messages, time};
use crate::args::{Args, DEBUG, LOG, LOG_FORMAT, LOG_LEVEL};
use crate::failure::Failure;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warning,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// Where records go and how they look.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    file: Option<PathBuf>,
    format: Format,
    level: Level,
}

impl Default for Log {
    fn default() -> Self {
        Self { file: None, format: Format::Text, level: Level::Warning }
    }
}

impl Log {
    /// The log the global flags ask for. Opens nothing.
    pub(crate) fn resolve(globals: &Args) -> Result<Self, Failure> {
        let format = match globals.text(&LOG_FORMAT) {
            None | Some("text" | "") => Format::Text,
            Some("json") => Format::Json,
            Some(text) => return Err(Failure::new(messages::not_one_of("log-format", text, "text, json"))),
        };
        let level = match globals.text(&LOG_LEVEL) {
            _ if globals.on(&DEBUG) => Level::Debug,
            Some("error") => Level::Error,
            None | Some("warning") => Level::Warning,
            Some("debug") => Level::Debug,
            Some(text) => return Err(Failure::new(messages::not_one_of("log-level", text, "error, warning, debug"))),
        };
        let file = globals.path(&LOG).filter(|path| path != Path::new("/dev/stderr"));
        Ok(Self { file, format, level })
    }

    /// Are records of this level written?
    pub(crate) fn wants(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Tells what was set aside.
    pub(crate) fn warn(&self, warnings: &[String]) {
        warnings.iter().for_each(|warning| self.record(Level::Warning, warning));
    }

    /// Writes a record, if its level is wanted. Nothing can be done about a log that cannot be written but to say so on stderr.
    pub(crate) fn record(&self, level: Level, text: &str) {
        if !self.wants(level) {
            return;
        }
        let record = self.format.record(level, text, &time::seconds(SystemTime::now()));
        match &self.file {
            Some(path) => {
                let written = append(path, &record);
                complain(written.err().map(|error| messages::io("open", path, &error)));
                complain((level == Level::Error).then(|| text.to_owned()));
            }
            None if self.format == Format::Text && stderr().is_terminal() => complain(Some(format!("runtime-shim: {text}"))),
            None => complain(Some(record)),
        }
    }
}

/// One write: engines share a log among calls that run at the same time.
fn append(path: &Path, record: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = OpenOptions::new().create(true).append(true).mode(0o644).open(path)?;
    file.write_all(format!("{record}\n").as_bytes())
}

/// stderr may be closed; an error about that would have nowhere to go.
fn complain(text: Option<String>) {
    if let Some(text) = text {
        let _ = stderr().write_all(format!("{text}\n").as_bytes());
    }
}

impl Format {
    fn record(self, level: Level, text: &str, time: &str) -> String {
        let level = match level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Debug => "debug",
        };
        match self {
            Self::Text => format!("time=\"{time}\" level={level} msg={}", quoted(text)),
            Self::Json => serde_json::json!({ "level": level, "msg": text, "time": time }).to_string(),
        }
    }
}

/// A text between double quotes on one line.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-02T03:04:05Z";

    /// containerd's go-runc (`level`, `msg`, `time` of the last record) and podman (the whole file as one object).
    #[test]
    fn containerd_and_podman_can_read_a_json_record() {
        let record = Format::Json.record(Level::Error, "a \"b\"\n/c", AT);
        assert_eq!(record, r#"{"level":"error","msg":"a \"b\"\n/c","time":"2026-01-02T03:04:05Z"}"#);
    }

    /// conmon sends stderr to the engine; people and scripts read it in logrus' form.
    #[test]
    fn a_text_record_is_one_line() {
        let record = Format::Text.record(Level::Error, "exec \"a\": tab\t\nnext", AT);
        assert_eq!(record, r#"time="2026-01-02T03:04:05Z" level=error msg="exec \"a\": tab\t\nnext""#);
    }

    #[test]
    fn records_below_the_level_are_not_written() {
        assert!(!Log::default().wants(Level::Debug));
        assert!(Log::default().wants(Level::Warning));
    }
}
