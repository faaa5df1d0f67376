//! The process that `exec` runs: a file's, or the container's own with changes from the command line.

use crate::args::{Args, Flag};
use crate::compat::log::{Level, Log};
use crate::compat::{messages, units};
use crate::failure::Failure;
use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities, Process, User};
use runtime_core::{Container, config};
use std::path::Path;

pub(crate) static PROCESS: Flag = Flag::text("process", "FILE", "take the process from FILE; the flags that describe one are ignored")
    .short("p")
    .more("FILE is the process object of a config.json.");
pub(crate) static CWD: Flag = Flag::text("cwd", "DIR", "the working directory, in the container")
    .more("An absolute path that exists. The default is the container's.");
pub(crate) static ENV: Flag = Flag::texts("env", "KEY=VALUE", "set an environment variable")
    .short("e")
    .more("It is added to the container's own, or takes the place of one of them.");
pub(crate) static TTY: Flag = Flag::switch("tty", "give it a terminal")
    .short("t")
    .more("Attached, the caller's own terminal shows it; detached, --console-socket receives it.");
pub(crate) static USER: Flag = Flag::text("user", "UID[:GID]", "run as this user, by number")
    .short("u")
    .more("Names are not looked up: the file that has them is the container's. Without a GID the container's group stays.");
pub(crate) static ADDITIONAL_GIDS: Flag =
    Flag::numbers("additional-gids", "GID", "add a group, by number").short("g").more("The groups of the container's own process stay.");
pub(crate) static PROCESS_LABEL: Flag = Flag::text("process-label", "LABEL", "the SELinux label").more("The default is the container's.");
pub(crate) static APPARMOR: Flag =
    Flag::text("apparmor", "PROFILE", "the AppArmor profile").more("The profile must be loaded. The default is the container's.");
pub(crate) static NO_NEW_PRIVS: Flag = Flag::switch("no-new-privs", "set no_new_privs");
pub(crate) static CAP: Flag = Flag::texts("cap", "CAP", "add a capability").short("c").more(
    "It joins the bounding, effective and permitted sets, and the ambient set if the container's process has inheritable capabilities. \
     It is never made inheritable.",
);

/// The process to run.
pub(crate) fn wanted(args: &Args, container: &Container, log: &Log) -> Result<Process, Failure> {
    match args.path(&PROCESS) {
        Some(file) => read(&file, log),
        None if args.rest().is_empty() => Err(Failure::new(messages::NO_COMMAND)),
        None => changed(container.process()?, args, log),
    }
}

fn read(file: &Path, log: &Log) -> Result<Process, Failure> {
    let text = std::fs::read(file).map_err(|error| Failure::io("open", file, &error))?;
    let (process, warnings) = config::parse_process(&text).map_err(|error| Failure::from(error).during(&file.display().to_string()))?;
    log.warn(&warnings);
    Ok(process)
}

/// A capability nobody has heard of cannot be granted; the spec asks for a warning, not an error.
fn capability(name: &str, log: &Log) -> Option<Capability> {
    let known = name.strip_prefix("CAP_").and_then(|name| name.parse().ok());
    if known.is_none() {
        log.record(Level::Warning, &format!("ignoring the unknown capability {name:?}"));
    }
    known
}

/// The container's own process, with what the flags say instead.
fn changed(mut process: Process, args: &Args, log: &Log) -> Result<Process, Failure> {
    process.set_args(Some(args.rest().to_vec()));
    process.set_terminal(Some(args.on(&TTY)));
    process.set_user(user(process.user().clone(), args)?);
    process.set_env(Some(process.env().iter().flatten().cloned().chain(args.texts(&ENV).map(str::to_owned)).collect()));
    if let Some(dir) = args.text(&CWD) {
        process.set_cwd(dir.into());
    }
    if let Some(label) = args.text(&PROCESS_LABEL) {
        process.set_selinux_label(Some(label.to_owned()));
    }
    if let Some(profile) = args.text(&APPARMOR) {
        process.set_apparmor_profile(Some(profile.to_owned()));
    }
    if let Some(on) = args.switch(&NO_NEW_PRIVS) {
        process.set_no_new_privileges(Some(on));
    }
    let added: Capabilities = args.texts(&CAP).filter_map(|name| capability(name, log)).collect();
    if !added.is_empty() {
        process.set_capabilities(Some(widened(process.capabilities().clone().unwrap_or_else(none), &added)));
    }
    Ok(process)
}

fn none() -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(None).set_effective(None).set_permitted(None).set_inheritable(None).set_ambient(None);
    sets
}

/// Never inheritable (CVE-2022-29162), and ambient only where the config already has inheritable ones: the kernel refuses it elsewhere.
fn widened(mut sets: LinuxCapabilities, added: &Capabilities) -> LinuxCapabilities {
    let with = |set: &Option<Capabilities>| Some(set.iter().flatten().chain(added).copied().collect());
    let (bounding, effective, permitted, ambient) =
        (with(sets.bounding()), with(sets.effective()), with(sets.permitted()), with(sets.ambient()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    if sets.inheritable().as_ref().is_some_and(|set| !set.is_empty()) {
        sets.set_ambient(ambient);
    }
    sets
}

fn user(mut user: User, args: &Args) -> Result<User, Failure> {
    if let Some(text) = args.text(&USER) {
        let (uid, gid) = units::user(text).ok_or_else(|| Failure::new(messages::not_a("user", text, "uid or uid:gid, in numbers")))?;
        user.set_uid(uid);
        user.set_gid(gid.unwrap_or_else(|| user.gid()));
    }
    let gid = |number: i64| {
        u32::try_from(number).map_err(|_| Failure::new(messages::not_a("additional-gids", &number.to_string(), "a group's number")))
    };
    let added = args.numbers(&ADDITIONAL_GIDS).map(gid).collect::<Result<Vec<u32>, Failure>>()?;
    if !added.is_empty() {
        user.set_additional_gids(Some(user.additional_gids().iter().flatten().copied().chain(added).collect()));
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Asked};

    const BASE: &str = r#"{"terminal":true,"user":{"uid":5,"gid":6},"args":["sh"],"env":["A=1"],"cwd":"/w",
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"]}}"#;

    fn base(text: &str) -> Process {
        config::parse_process(text.as_bytes()).map(|(process, _)| process).unwrap_or_default()
    }

    /// What `exec <line>` makes of a base process.
    fn exec(base_text: &str, line: &str) -> Result<Process, Failure> {
        let words: Vec<String> = ["exec"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect();
        match args::command("runtime-shim", &args::globals("runtime-shim", &words)?)? {
            Asked::Work(_, args) => changed(base(base_text), &args, &Log::default()),
            Asked::Tell(text) => Err(Failure::new(text)),
        }
    }

    fn check(line: &str, look: fn(&Process) -> String, expected: &str) {
        let said = exec(BASE, line).map_or_else(|failure| failure.text().to_owned(), |process| look(&process));
        assert_eq!(said, expected, "{line}");
    }

    fn names(set: &Option<Capabilities>) -> Vec<String> {
        let mut names: Vec<String> = set.iter().flatten().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn the_command_replaces_the_arguments_and_has_no_terminal_by_default() {
        check(
            "c1 ls -l --tty",
            |p| format!("{:?} {:?}", p.args().clone().unwrap_or_default(), p.terminal()),
            r#"["ls", "-l", "--tty"] Some(false)"#,
        );
        check("-t c1 ls", |p| format!("{:?}", p.terminal()), "Some(true)");
    }

    #[test]
    fn a_variable_is_added_to_the_containers() {
        check("-e B=2 --env A=3 c1 ls", |p| p.env().clone().unwrap_or_default().join(" "), "A=1 B=2 A=3");
    }

    #[test]
    fn a_user_without_a_group_keeps_the_containers_group() {
        check("-u 7 c1 ls", |p| format!("{}:{}", p.user().uid(), p.user().gid()), "7:6");
        check("-u 7:8 -g 9 -g 10 c1 ls", |p| format!("{:?}", p.user().additional_gids()), "Some([9, 10])");
        check("-u root c1 ls", |_| String::new(), r#"invalid value for user: "root" is not uid or uid:gid, in numbers"#);
    }

    #[test]
    fn a_capability_is_added_to_three_sets_and_never_inheritable() {
        let sets = |p: &Process| {
            let sets = p.capabilities().clone().unwrap_or_else(none);
            format!(
                "{:?} {:?} {:?} {:?}",
                names(sets.bounding()),
                names(sets.permitted()),
                names(sets.inheritable()),
                names(sets.ambient())
            )
        };
        check("-c CAP_SYS_TIME c1 ls", sets, r#"["KILL", "SYS_TIME"] ["SYS_TIME"] [] []"#);
        for unknown in ["CAP_NOSUCH", "SYS_TIME", "cap_sys_time"] {
            check(&format!("-c {unknown} c1 ls"), sets, r#"["KILL"] [] [] []"#);
        }
    }

    #[test]
    fn a_capability_is_ambient_only_where_some_are_inheritable() {
        let with = BASE.replace(r#""bounding""#, r#""inheritable":["CAP_KILL"],"bounding""#);
        let process = exec(&with, "-c CAP_SYS_TIME c1 ls").unwrap_or_default();
        let sets = process.capabilities().clone().unwrap_or_else(none);
        assert_eq!((names(sets.inheritable()), names(sets.ambient())), (vec!["KILL".to_owned()], vec!["SYS_TIME".to_owned()]));
    }
}
