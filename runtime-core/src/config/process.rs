//! `process`: the program, who it is and what it may use.

use super::{Process, Rlimit, capabilities, nul, refuse, scheduling};
use crate::error::{Error, ErrorKind, Result};
use nix::libc;
use oci_spec::runtime::{PosixRlimit, PosixRlimitType, Process as Spec, User};
use std::collections::HashSet;

/// Checks a process that did not come out of a `config.json`: the one of `exec`. Properties are named below `process`.
///
/// # Errors
/// [`ErrorKind::InvalidConfig`] with the property's path and what is wrong with it, on one line.
pub fn process(spec: &Spec) -> Result<Process> {
    nul::refuse_in(spec, Some("process"))?;
    check(spec, &mut Vec::new())
}

pub(super) fn check(spec: &Spec, warnings: &mut Vec<String>) -> Result<Process> {
    let user = spec.user();
    let terminal = spec.terminal().unwrap_or(false);
    Ok(Process {
        terminal,
        console_size: if terminal { console_size(spec)? } else { None },
        args: args(spec)?,
        env: environment(spec.env().as_deref().unwrap_or_default())?,
        cwd: cwd(spec)?,
        uid: id(user.uid(), "process.user.uid")?,
        gid: id(user.gid(), "process.user.gid")?,
        umask: umask(user)?,
        additional_gids: additional_gids(user)?,
        capabilities: spec.capabilities().as_ref().map(|sets| capabilities::masks(sets, warnings)),
        rlimits: rlimits(spec.rlimits().as_deref().unwrap_or_default())?,
        no_new_privileges: spec.no_new_privileges().unwrap_or(false),
        oom_score_adj: oom_score_adj(spec)?,
        apparmor_profile: spec.apparmor_profile().clone().filter(|profile| !profile.is_empty()),
        selinux_label: spec.selinux_label().clone().filter(|label| !label.is_empty()),
        scheduler: spec.scheduler().as_ref().map(scheduling::scheduler).transpose()?,
        io_priority: spec.io_priority().as_ref().map(scheduling::io_priority).transpose()?,
        affinity_initial: scheduling::affinity(spec, "initial")?,
        affinity_final: scheduling::affinity(spec, "final")?,
    })
}

fn console_size(spec: &Spec) -> Result<Option<(u16, u16)>> {
    let Some(size) = spec.console_size() else { return Ok(None) };
    match (u16::try_from(size.height()), u16::try_from(size.width())) {
        (Ok(rows), Ok(columns)) => Ok(Some((rows, columns))),
        _ => refuse("process.consoleSize", format_args!("{} x {}: a terminal has at most 65535 of each", size.height(), size.width())),
    }
}

fn args(spec: &Spec) -> Result<Vec<String>> {
    let args = spec.args().clone().unwrap_or_default();
    match args.first().map(String::as_str) {
        None => refuse("process.args", "args must not be empty"),
        // The words that engines turn into exit code 127.
        Some("") => Err(Error::config("process.args[0]", "\"\": executable file not found in $PATH").with_kind(ErrorKind::Program)),
        Some(_) => Ok(args),
    }
}

/// `env` with the last entry of each name, since `getenv` would find the first.
fn environment(env: &[String]) -> Result<Vec<String>> {
    let mut names = HashSet::with_capacity(env.len());
    let mut kept = Vec::with_capacity(env.len());
    for (index, entry) in env.iter().enumerate().rev() {
        let property = format_args!("process.env[{index}]");
        match entry.split_once('=') {
            None => return refuse(property, format_args!("{entry:?} is not of the form NAME=value")),
            Some(("", _)) => return refuse(property, format_args!("{entry:?} has no name before the equals sign")),
            Some((name, _)) if names.insert(name) => kept.push(entry.clone()),
            Some(_) => {}
        }
    }
    kept.reverse();
    Ok(kept)
}

fn cwd(spec: &Spec) -> Result<String> {
    match spec.cwd().to_str().unwrap_or_default() {
        "" => refuse("process.cwd", "Cwd property must not be empty"),
        cwd if cwd.starts_with('/') => Ok(cwd.to_owned()),
        cwd => refuse("process.cwd", format_args!("Cwd must be an absolute path, not {cwd:?}")),
    }
}

/// The kernel reads an id of all ones as "leave it".
fn id(id: u32, property: &str) -> Result<u32> {
    if id == u32::MAX { refuse(property, format_args!("{id} is not an id")) } else { Ok(id) }
}

fn additional_gids(user: &User) -> Result<Vec<u32>> {
    let gids = user.additional_gids().clone().unwrap_or_default();
    // NGROUPS_MAX of Linux since 2.6.4.
    if gids.len() > 65536 {
        return refuse("process.user.additionalGids", format_args!("{} groups; the kernel takes 65536", gids.len()));
    }
    for (index, gid) in gids.iter().enumerate() {
        if *gid == u32::MAX {
            return refuse(format_args!("process.user.additionalGids[{index}]"), format_args!("{gid} is not an id"));
        }
    }
    Ok(gids)
}

fn umask(user: &User) -> Result<Option<u32>> {
    match user.umask() {
        Some(mask) if mask > 0o777 => refuse("process.user.umask", format_args!("{mask:#o} has more than the nine permission bits")),
        mask => Ok(mask),
    }
}

fn oom_score_adj(spec: &Spec) -> Result<Option<i32>> {
    match spec.oom_score_adj() {
        Some(score) if !(-1000..=1000).contains(&score) => {
            refuse("process.oomScoreAdj", format_args!("{score} is not between -1000 and 1000"))
        }
        score => Ok(score),
    }
}

fn rlimits(limits: &[PosixRlimit]) -> Result<Vec<Rlimit>> {
    let mut checked: Vec<Rlimit> = Vec::with_capacity(limits.len());
    for (index, limit) in limits.iter().enumerate() {
        let (resource, name) = (resource(limit.typ()), limit.typ());
        if checked.iter().any(|earlier| earlier.resource == resource) {
            return refuse(format_args!("process.rlimits[{index}].type"), format_args!("{name} is set a second time"));
        }
        let (soft, hard) = (limit.soft(), limit.hard());
        if soft > hard {
            return refuse(format_args!("process.rlimits[{index}]"), format_args!("{name}: soft limit {soft} above hard limit {hard}"));
        }
        checked.push(Rlimit { resource, soft, hard });
    }
    Ok(checked)
}

fn resource(name: PosixRlimitType) -> u32 {
    let number = match name {
        PosixRlimitType::RlimitCpu => libc::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => libc::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => libc::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => libc::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => libc::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => libc::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => libc::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => libc::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => libc::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => libc::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => libc::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => libc::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => libc::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => libc::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => libc::RLIMIT_RTPRIO,
        PosixRlimitType::RlimitRttime => libc::RLIMIT_RTTIME,
    };
    // glibc's constants are unsigned, musl's are not.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
    let number = number as u32;
    number
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case::{accepted, refused, warned};
    use serde_json::{Value, json};

    fn check(process: Value, expected: &str) {
        assert_eq!(refused(json!({"process": process})), format!("config.json: process{expected}"));
    }

    #[test]
    fn a_process_must_have_a_program_and_a_place() {
        check(json!({"args": null}), ".args: args must not be empty");
        check(json!({"args": []}), ".args: args must not be empty");
        check(json!({"args": [""]}), ".args[0]: \"\": executable file not found in $PATH");
        check(json!({"cwd": null}), ".cwd: Cwd property must not be empty");
        check(json!({"cwd": ""}), ".cwd: Cwd property must not be empty");
        check(json!({"cwd": "tmp"}), ".cwd: Cwd must be an absolute path, not \"tmp\"");
    }

    #[test]
    fn values_out_of_range_are_named() {
        check(
            json!({"terminal": true, "consoleSize": {"height": 24, "width": 65536}}),
            ".consoleSize: 24 x 65536: a terminal has at most 65535 of each",
        );
        check(json!({"user": {"uid": 4294967295u32}}), ".user.uid: 4294967295 is not an id");
        check(json!({"user": {"additionalGids": [1, 4294967295u32]}}), ".user.additionalGids[1]: 4294967295 is not an id");
        check(json!({"user": {"umask": 512}}), ".user.umask: 0o1000 has more than the nine permission bits");
        check(json!({"oomScoreAdj": 1001}), ".oomScoreAdj: 1001 is not between -1000 and 1000");
    }

    /// NGROUPS_MAX is 65536.
    #[test]
    fn the_greatest_values_are_values() {
        let gids = |count: u32| json!({"user": {"additionalGids": (0..count).collect::<Vec<_>>(), "umask": 511}, "oomScoreAdj": 1000});
        let process = accepted(json!({"process": gids(65_536)})).process.unwrap();
        assert_eq!((process.additional_gids.len(), process.umask, process.oom_score_adj), (65_536, Some(0o777), Some(1000)));
        check(gids(65_537), ".user.additionalGids: 65537 groups; the kernel takes 65536");
    }

    #[test]
    fn a_terminal_is_asked_for() {
        let of = |terminal: Value| accepted(json!({"process": {"terminal": terminal}})).process.unwrap().terminal;
        assert_eq!([of(Value::Null), of(json!(false)), of(json!(true))], [false, false, true]);
    }

    #[test]
    fn privileges_may_be_gained_unless_that_is_forbidden() {
        let of = |value: Value| accepted(json!({"process": {"noNewPrivileges": value}})).process.unwrap().no_new_privileges;
        assert_eq!([of(Value::Null), of(json!(false)), of(json!(true))], [false, false, true]);
    }

    #[test]
    fn environment_entries_have_a_name_and_an_equals_sign() {
        check(json!({"env": ["A=1", "B"]}), ".env[1]: \"B\" is not of the form NAME=value");
        check(json!({"env": ["=1"]}), ".env[0]: \"=1\" has no name before the equals sign");
    }

    #[test]
    fn the_last_entry_of_a_variable_is_the_one_that_is_kept() {
        let process = accepted(json!({"process": {"env": ["A=1", "B=2", "A=3"]}})).process.unwrap();
        assert_eq!(process.env, ["B=2", "A=3"]);
    }

    #[test]
    fn rlimits_are_known_single_and_ordered() {
        let limit = |name: &str, soft: u64, hard: u64| json!({"type": name, "soft": soft, "hard": hard});
        check(
            json!({"rlimits": [limit("RLIMIT_CPU", 1, 1), limit("RLIMIT_CPU", 1, 1)]}),
            ".rlimits[1].type: RLIMIT_CPU is set a second time",
        );
        check(json!({"rlimits": [limit("RLIMIT_CPU", 2, 1)]}), ".rlimits[0]: RLIMIT_CPU: soft limit 2 above hard limit 1");
        let unknown = refused(json!({"process": {"rlimits": [limit("RLIMIT_FOO", 1, 1)]}}));
        assert!(unknown.starts_with("config.json: process.rlimits[0].type: unknown variant `RLIMIT_FOO`, expected one of"), "{unknown}");
        let process = accepted(json!({"process": {"rlimits": [limit("RLIMIT_NOFILE", 7, u64::MAX)]}})).process.unwrap();
        assert_eq!(process.rlimits, [super::Rlimit { resource: 7, soft: 7, hard: u64::MAX }]);
    }

    #[test]
    fn a_process_without_a_user_is_root() {
        assert_eq!(accepted(json!({"process": {"user": null}})).process.unwrap().uid, 0);
    }

    #[test]
    fn a_config_without_a_process_is_a_config() {
        assert!(accepted(json!({"process": null})).process.is_none());
    }

    #[test]
    fn the_size_of_a_console_counts_only_with_a_terminal() {
        let size = |terminal: bool| {
            let process = json!({"terminal": terminal, "consoleSize": {"height": 24, "width": 80}});
            accepted(json!({"process": process})).process.unwrap().console_size
        };
        assert_eq!((size(true), size(false)), (Some((24, 80)), None));
    }

    #[test]
    fn unknown_capabilities_are_set_aside_with_a_word() {
        let capabilities = json!({"bounding": ["CAP_KILL", "CAP_FOO", "CAP_BAR"], "permitted": ["CAP_FOO"]});
        assert_eq!(
            warned(json!({"process": {"capabilities": capabilities}})),
            ["process.capabilities: unknown capabilities are ignored: \"CAP_BAR\", \"CAP_FOO\""]
        );
    }

    #[test]
    fn a_process_of_its_own_is_checked_by_the_same_rules() {
        let (spec, _) = super::super::parse_process(br#"{"args": ["a\u0000b"], "cwd": "/"}"#).unwrap();
        assert_eq!(super::process(&spec).unwrap_err().to_string(), "config.json: process.args[0]: has a NUL byte in it");
        let wrong = super::super::parse_process(br#"{"args": ["a"], "cwd": "/", "user": [0, 0]}"#).unwrap_err();
        assert_eq!(wrong.to_string(), "config.json: process.user: invalid type: a list, expected an object");
        let (_, warnings) = super::super::parse_process(br#"{"args": ["a"], "cwd": "/", "capabilities": {"bounding": ["kill"]}}"#).unwrap();
        assert_eq!(warnings, ["process.capabilities: unknown capabilities are ignored: \"kill\""]);
        let wrong = super::super::parse_process(br#"{"args": [1], "cwd": "/"}"#).unwrap_err();
        assert_eq!(wrong.to_string(), "config.json: process.args[0]: invalid type: integer `1`, expected a string");
    }
}
