//! Words that other programs look for.
//!
//! Engines decide by substrings of our error text, so those substrings live here and nowhere else; each test names its reader. Around them
//! the words are ours.

use nix::errno::Errno;
use runtime_core::{Error, ErrorKind, Status};
use std::fmt::Display;
use std::path::Path;

/// An error of the library as engines need to read it: its own words, and in front the words for its kind if they are not among them.
pub(crate) fn of(error: &Error) -> String {
    let said = error.to_string();
    match expected(error.kind(), error.errno()) {
        Some(words) if !words.iter().any(|words| said.contains(words)) => format!("{}: {said}", words[0]),
        None if error.kind() == ErrorKind::InvalidConfig => about_property(said),
        _ => said,
    }
}

/// Properties for which runc has a sentence of its own, the longer names first.
const PROPERTIES: [(&str, &str); 3] = [
    ("linux.memoryPolicy.flags", "invalid memory policy flag"),
    ("linux.memoryPolicy.nodes", "invalid memory policy node"),
    ("linux.memoryPolicy", "invalid memory policy mode"),
];

fn about_property(said: String) -> String {
    let known = PROPERTIES.iter().find(|(property, _)| said.contains(property));
    known.map_or_else(|| said.clone(), |(_, words)| format!("{words}: {said}"))
}

/// What an error of a kind must contain: one of these, the first by choice.
fn expected(kind: ErrorKind, errno: Option<i32>) -> Option<&'static [&'static str]> {
    match kind {
        ErrorKind::NotFound => Some(&["container does not exist"]),
        ErrorKind::AlreadyExists => Some(&["container with given ID already exists"]),
        ErrorKind::InvalidId => Some(&["invalid container ID format", "container id cannot be empty"]),
        ErrorKind::NotRunning => Some(&["container not running"]),
        ErrorKind::Paused => Some(&["container paused"]),
        ErrorKind::NotPaused => Some(&["container not paused"]),
        ErrorKind::Program => match errno.map(Errno::from_raw)? {
            Errno::ENOENT => Some(&["executable file not found in $PATH", "no such file or directory"]),
            Errno::EACCES => Some(&["permission denied"]),
            Errno::EISDIR => Some(&["is a directory"]),
            Errno::ENOTDIR => Some(&["not a directory"]),
            _ => None,
        },
        _ => None,
    }
}

/// `list` looked at a root that is not there.
pub(crate) fn is_missing(error: &Error) -> bool {
    error.errno() == Some(Errno::ENOENT as i32)
}

/// A file of the host's that could not be used.
pub(crate) fn io(call: &str, path: &Path, error: &std::io::Error) -> String {
    let said = error.to_string();
    let why = match (said.split_once(" (os error"), error.raw_os_error()) {
        (Some((words, _)), Some(errno)) => format!("{} ({:?})", words.to_lowercase(), Errno::from_raw(errno)),
        _ => said,
    };
    format!("{call} {}: {why}", path.display())
}

pub(crate) fn unknown_flag(name: &str) -> String {
    format!("flag provided but not defined: -{name}")
}

pub(crate) fn missing_value(name: &str) -> String {
    format!("flag needs an argument: -{name}")
}

pub(crate) fn bad_flag(word: &str) -> String {
    format!("bad flag syntax: {word}")
}

pub(crate) fn bad_switch(name: &str, text: &str) -> String {
    format!("invalid boolean value {text:?} for -{name}: parse error")
}

pub(crate) fn bad_value(name: &str, text: &str) -> String {
    format!("invalid value {text:?} for flag -{name}: parse error")
}

/// A number may also be one too many.
pub(crate) fn bad_number(name: &str, text: &str) -> String {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { format!("invalid value {text:?} for flag -{name}: value out of range") } else { bad_value(name, text) }
}

pub(crate) fn no_such_verb(name: &str) -> String {
    format!("No help topic for '{name}'")
}

pub(crate) fn wrong_arity(program: &str, verb: &str, wants: &str) -> String {
    format!("{program}: {verb:?} requires {wants}")
}

#[cfg(not(feature = "checkpoint"))]
pub(crate) fn not_available(verb: &str) -> String {
    format!("runtime-shim {verb}: not available in this version")
}

pub(crate) fn unknown_signal(text: &str) -> String {
    format!("unknown signal {text:?}")
}

/// `list` and `ps`.
pub(crate) fn bad_format(text: &str) -> String {
    format!("invalid format option: {text:?} is neither table nor json")
}

pub(crate) fn bad_cgroup(text: &str, why: &str) -> String {
    format!("invalid --cgroup argument: {text} ({why})")
}

/// A flag whose value is one of a few words.
pub(crate) fn not_one_of(flag: &str, text: &str, words: &str) -> String {
    format!("invalid {flag}: {text} (it is one of {words})")
}

/// A flag whose value is not of its kind.
pub(crate) fn not_a(flag: &str, text: &str, kind: &str) -> String {
    format!("invalid value for {flag}: {text:?} is not {kind}")
}

pub(crate) fn cannot_start(status: Status) -> String {
    match status {
        Status::Stopped => "cannot start a container that has stopped".into(),
        Status::Running => "cannot start an already running container".into(),
        _ => format!("cannot start a container in the {status} state"),
    }
}

/// `events` of a container that has stopped.
pub(crate) fn not_running(id: &str) -> String {
    format!("container with id {id} is not running")
}

pub(crate) fn cannot_exec(status: Status) -> String {
    match status {
        Status::Paused => "cannot exec in a paused container (use --ignore-paused to override)".into(),
        _ => format!("cannot exec in a {status} container"),
    }
}

pub(crate) fn cannot_delete(id: &str, status: impl Display) -> String {
    format!("cannot delete container {id} that is not stopped: {status}")
}

/// `exec` without a command and without a process document.
pub(crate) const NO_COMMAND: &str = "exec args cannot be empty";
/// `spec` does not overwrite.
pub(crate) const CONFIG_EXISTS: &str = "File config.json exists. Remove it first";

// Quoted whole, the foreign name too: scripts compare these sentences, and the library's `create` says the first of them.
pub(crate) const TERMINAL_NEEDS_SOCKET: &str = "cannot allocate tty if runc will detach without setting console socket";
pub(crate) const SOCKET_NEEDS_TERMINAL: &str = "cannot use console socket if runc will not detach or allocate tty";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ErrorKind, errno: Option<Errno>, words: &str) {
        let said = expected(kind, errno.map(|errno| errno as i32)).map(|words| words[0]);
        assert!(said.unwrap_or_default().contains(words), "{kind:?}: {said:?}");
    }

    /// go-runc's delete and moby ignore a container that "does not exist"; runc's own text is what podman's tests quote.
    #[test]
    fn go_runc_and_moby_find_a_missing_container() {
        check(ErrorKind::NotFound, None, "does not exist");
    }

    /// containerd (shim-runc-v2) and cri-o map these to "not found" when they kill.
    #[test]
    fn containerd_and_cri_o_find_a_container_that_is_gone() {
        check(ErrorKind::NotRunning, None, "container not running");
    }

    /// moby lower-cases create and start errors: 126 and 127 come from these words.
    #[test]
    fn moby_and_podman_find_why_a_program_cannot_run() {
        check(ErrorKind::Program, Some(Errno::ENOENT), "executable file not found in $PATH");
        check(ErrorKind::Program, Some(Errno::EACCES), "permission denied");
        check(ErrorKind::Program, Some(Errno::EISDIR), "is a directory");
        check(ErrorKind::Program, Some(Errno::ENOTDIR), "not a directory");
    }

    /// podman: `permission denied|operation not permitted` is 126, `no such file or directory` 127; cri-o compares case.
    #[test]
    fn podman_and_cri_o_read_errnos_in_lower_case_words() {
        let said = |errno: Errno| io("open", Path::new("/x"), &errno.into());
        assert_eq!(said(Errno::EPERM), "open /x: operation not permitted (EPERM)");
        assert!(said(Errno::EACCES).contains("permission denied"));
        assert!(said(Errno::ENOENT).contains("no such file or directory"));
        assert!(said(Errno::ESRCH).contains("no such process"));
        assert_eq!(said(Errno::ERANGE), "open /x: numerical result out of range (ERANGE)");
    }

    /// podman and cri-o probe `restore --lsm-mount-context` for one of two texts.
    #[test]
    fn podman_finds_that_a_flag_needs_an_argument() {
        assert!(missing_value("lsm-mount-context").contains("flag needs an argument"));
    }

    /// runc's integration tests look for these in what a bad config is answered with.
    #[test]
    fn runcs_tests_find_what_is_wrong_with_a_memory_policy() {
        let said = |property: &str| about_property(format!("config.json: {property}: no"));
        assert_eq!(said("linux.memoryPolicy.flags[1]"), "invalid memory policy flag: config.json: linux.memoryPolicy.flags[1]: no");
        assert_eq!(said("linux.memoryPolicy.nodes"), "invalid memory policy node: config.json: linux.memoryPolicy.nodes: no");
        assert_eq!(said("linux.memoryPolicy"), "invalid memory policy mode: config.json: linux.memoryPolicy: no");
        assert_eq!(said("hostname"), "config.json: hostname: no");
    }

    /// runc's integration tests, and scripts written against it, quote these.
    #[test]
    fn scripts_find_runcs_words_for_a_wrong_state() {
        assert_eq!(cannot_start(Status::Running), "cannot start an already running container");
        assert_eq!(cannot_start(Status::Stopped), "cannot start a container that has stopped");
        assert_eq!(cannot_start(Status::Paused), "cannot start a container in the paused state");
        assert_eq!(cannot_exec(Status::Stopped), "cannot exec in a stopped container");
        assert_eq!(cannot_delete("a", Status::Running), "cannot delete container a that is not stopped: running");
        assert_eq!(unknown_signal("FOO"), "unknown signal \"FOO\"");
    }
}
