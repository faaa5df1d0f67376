//! Taking back an update that failed half-way.
//!
//! Invariant: nothing is reported from here; the failure that led here is what is told.

use super::super::file;
use super::Scope;
use std::path::{Path, PathBuf};

/// What files said before they were written, in that order.
#[derive(Debug)]
pub(super) enum Undo {
    /// A create that fails takes its cgroups away.
    Nothing,
    Lines(Vec<(PathBuf, String)>),
}

impl Undo {
    pub(super) fn of(scope: Scope<'_>) -> Self {
        match scope {
            Scope::Create(_) => Self::Nothing,
            Scope::Update => Self::Lines(Vec::new()),
        }
    }

    /// Remembers what a file says, which is about to be written.
    pub(super) fn note(&mut self, path: &Path, value: &str) {
        let Self::Lines(lines) = self else { return };
        // What cannot be read cannot be put back.
        let Ok(before) = file::read(path) else { return };
        lines.extend(lifted(value, &before).map(|line| (path.to_owned(), line)));
        lines.extend(before.lines().map(|line| (path.to_owned(), line.to_owned())));
    }

    /// Puts everything back, the last first: what was allowed on the way here is allowed on the way back.
    pub(super) fn back(self) {
        let Self::Lines(lines) = self else { return };
        for (path, line) in lines.into_iter().rev() {
            let _ = file::write(&path, &line);
        }
    }
}

/// A file with a line for each device has none for one without limits: what takes them away again.
fn lifted(value: &str, before: &str) -> Option<String> {
    let (device, limit) = value.split_once(' ').filter(|(device, _)| device.contains(':'))?;
    let listed = before.lines().any(|line| line.split(' ').next() == Some(device));
    (!listed).then(|| match limit.split_once('=') {
        Some((key, _)) => format!("{device} {key}=max"),
        None => format!("{device} 0"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_had_no_limit_gets_none_again() {
        assert_eq!(lifted("8:0 rbps=5", "8:16 rbps=9 wbps=max\n").as_deref(), Some("8:0 rbps=max"));
        assert_eq!(lifted("8:0 1048576", "").as_deref(), Some("8:0 0"));
        assert_eq!(lifted("8:0 1048576", "8:0 7\n"), None);
        assert_eq!(lifted("5000 10000", ""), None);
    }
}
