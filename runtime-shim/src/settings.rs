//! The global flags, resolved: where state lives, how cgroups are driven.

use crate::args::{Args, CGROUP_MANAGER, ROOT, ROOTLESS, SYSTEMD_CGROUP};
use crate::compat::log::Log;
use crate::compat::{messages, units};
use crate::failure::Failure;
use nix::unistd::{Uid, geteuid};
use runtime_core::{CgroupDriver, Rootless, Runtime};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// What every verb starts from.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) root: Root,
    pub(crate) log: Log,
    driver: CgroupDriver,
    rootless: Rootless,
}

/// The directory of the state, and who chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// `--root`.
    Given(PathBuf),
    /// The system's.
    System,
    /// A user's own, below `$XDG_RUNTIME_DIR`.
    User(PathBuf),
}

impl Settings {
    /// Reads the flags. Touches nothing.
    pub(crate) fn resolve(globals: &Args, log: Log) -> Result<Self, Failure> {
        Ok(Self { root: Root::resolve(globals)?, log, driver: driver(globals)?, rootless: rootless(globals)? })
    }

    /// The library's view of them.
    pub(crate) fn runtime(&self) -> Runtime {
        Runtime::new(self.root.path()).with_cgroup_driver(self.driver).with_rootless(self.rootless)
    }
}

impl Root {
    const SYSTEM: &'static str = "/run/runtime-shim";

    fn resolve(globals: &Args) -> Result<Self, Failure> {
        match globals.path(&ROOT) {
            Some(path) if is_slash(&path) => Err(Failure::new("--root must not be /")),
            Some(path) => Ok(Self::Given(path)),
            None => Ok(Self::default_for(std::env::var_os("XDG_RUNTIME_DIR"), is_plain_root)),
        }
    }

    /// engines pass `XDG_RUNTIME_DIR` and nothing else, root's too: it counts only for those who cannot use /run.
    fn default_for(xdg: Option<OsString>, plain_root: impl FnOnce() -> bool) -> Self {
        match xdg.filter(|dir| !dir.is_empty()) {
            Some(dir) if !plain_root() => Self::User(Path::new(&dir).join("runtime-shim")),
            _ => Self::System,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::User(path) => path,
            Self::System => Path::new(Self::SYSTEM),
        }
    }
}

/// Is it `/`, however it is written?
fn is_slash(path: &Path) -> bool {
    let depth = path.components().fold(0_usize, |depth, part| match part {
        Component::Normal(_) => depth + 1,
        Component::ParentDir => depth.saturating_sub(1),
        _ => depth,
    });
    depth == 0
}

/// Root, and not the root of a user's own namespace (where `$USER` still tells the difference).
fn is_plain_root() -> bool {
    geteuid() == Uid::from_raw(0) && (std::env::var_os("USER").is_some_and(|user| user == "root") || !in_user_namespace())
}

fn in_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    !map.is_empty() && map.split_whitespace().ne(["0", "0", "4294967295"])
}

fn driver(globals: &Args) -> Result<CgroupDriver, Failure> {
    match globals.text(&CGROUP_MANAGER) {
        Some("systemd") => Ok(CgroupDriver::Systemd),
        Some("disabled") => Ok(CgroupDriver::Disabled),
        Some("cgroupfs") | None if globals.on(&SYSTEMD_CGROUP) => Ok(CgroupDriver::Systemd),
        Some("cgroupfs") | None => Ok(CgroupDriver::Files),
        Some(text) => Err(Failure::new(messages::not_one_of("cgroup-manager", text, "cgroupfs, systemd, disabled"))),
    }
}

fn rootless(globals: &Args) -> Result<Rootless, Failure> {
    match globals.text(&ROOTLESS) {
        None => Ok(Rootless::Auto),
        Some(text) if text.eq_ignore_ascii_case("auto") => Ok(Rootless::Auto),
        Some(text) => match units::boolean(text) {
            Some(true) => Ok(Rootless::Yes),
            Some(false) => Ok(Rootless::No),
            None => Err(Failure::new(messages::not_one_of("rootless", text, "true, false, auto"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn settings(line: &str) -> Result<Settings, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let globals = args::globals("runtime-shim", &words)?;
        Settings::resolve(&globals, Log::resolve(&globals)?)
    }

    fn check(line: &str, expected: &str) {
        let said = settings(line).map_or_else(|failure| failure.text().to_owned(), |s| format!("{:?} {:?}", s.driver, s.rootless));
        assert_eq!(said, expected, "{line}");
    }

    #[test]
    fn cgroups_are_driven_as_runcs_and_cruns_flags_say() {
        check("", "Files Auto");
        check("--systemd-cgroup", "Systemd Auto");
        check("--systemd-cgroup=false", "Files Auto");
        check("--cgroup-manager cgroupfs", "Files Auto");
        check("--cgroup-manager=systemd", "Systemd Auto");
        check("--cgroup-manager x", "invalid cgroup-manager: x (it is one of cgroupfs, systemd, disabled)");
    }

    /// podman's `--cgroups=disabled` passes `--cgroup-manager disabled`.
    #[test]
    fn podman_can_turn_cgroups_off() {
        check("--cgroup-manager disabled", "Disabled Auto");
    }

    /// go-runc emits `--rootless=true`.
    #[test]
    fn rootless_is_a_word_of_three() {
        check("--rootless=true", "Files Yes");
        check("--rootless false", "Files No");
        check("--rootless=auto", "Files Auto");
        check("--rootless=AUTO", "Files Auto");
        check("--rootless=", "Files Auto");
        check("--rootless=0", "Files No");
        check("--rootless sometimes", "invalid rootless: sometimes (it is one of true, false, auto)");
    }

    #[test]
    fn a_bad_log_format_is_named_as_runc_does() {
        check("--log-format xml", "invalid log-format: xml (it is one of text, json)");
    }

    #[test]
    fn a_given_root_is_absolute_and_never_slash() {
        for slash in ["/", "//", "/.", "/some/..", "/../some/./.."] {
            check(&format!("--root {slash}"), "--root must not be /");
        }
        let given = settings("--root some/where").map(|s| s.root.path().to_owned());
        assert!(given.is_ok_and(|path| path.is_absolute() && path.ends_with("some/where")));
    }

    /// podman passes no `--root`: the default must follow from `XDG_RUNTIME_DIR` and the user alone.
    #[test]
    fn podman_finds_the_same_default_root_in_every_call() {
        assert_eq!(Root::default_for(None, || false), Root::System);
        assert_eq!(Root::default_for(Some("".into()), || false), Root::System);
        assert_eq!(Root::default_for(Some("/run/user/7".into()), || true), Root::System);
        let own = Root::default_for(Some("/run/user/7".into()), || false);
        assert_eq!(own.path(), Path::new("/run/user/7/runtime-shim"));
    }
}
