//! Reading a profile: actions become the numbers the kernel returns, names become calls, and what cannot be meant is an error.

use super::abi::{Call, Detour, detour};
use super::{Kernel, Listener};
use crate::error::{Error, Result};
use crate::host::seccomp::{LOG, NEW_LISTENER, SPEC_ALLOW, WAIT_KILLABLE_RECV};
use nix::libc;
use oci_spec::runtime::LinuxSeccompAction as Action;
use oci_spec::runtime::LinuxSeccompFilterFlag as Flag;
use oci_spec::runtime::LinuxSeccompOperator as Operator;
use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompArg, LinuxSyscall};

/// What an action's `errnoRet` is when the profile does not say.
const DEFAULT_ERRNO: u32 = libc::EPERM.unsigned_abs();

/// A profile that was understood.
#[derive(Debug)]
pub(super) struct Policy {
    /// `SECCOMP_RET_*`, with its data, of every call no rule matches.
    pub(super) default: u32,
    /// What a call gets that is newer than any the profile names.
    pub(super) newer: Newer,
    /// The running kernel's architecture first, each once.
    pub(super) archs: Vec<Arch>,
    /// In the profile's order, one a name.
    pub(super) rules: Vec<Rule>,
    pub(super) flags: u32,
    pub(super) listener: Option<Listener>,
}

/// What a call gets that is newer than any the profile names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    /// The default action.
    Default,
    /// `ENOSYS`, so that a C library falls back to the call that it used before: `EPERM` would be the last word.
    Enosys,
}

/// What happens to one call.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) call: Call,
    pub(super) detour: Option<Detour>,
    /// All must hold; none means always.
    pub(super) tests: Vec<Test>,
    /// `SECCOMP_RET_*`, with its data.
    pub(super) action: u32,
}

/// One comparison: `argument & mask` with `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Test {
    /// Which argument, from 0 to 5.
    pub(super) argument: u32,
    pub(super) comparison: Comparison,
    pub(super) mask: u64,
    pub(super) value: u64,
    pub(super) holds: Holds,
}

/// The comparisons BPF has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
}

/// When a [`Test`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holds {
    IfSo,
    IfNot,
}

/// Understands `profile`.
pub(super) fn read(profile: &LinuxSeccomp, kernel: Kernel) -> Result<Policy> {
    let syscalls = profile.syscalls().as_deref().unwrap_or_default();
    let listener = listener(profile, syscalls)?;
    let default = action(profile.default_action(), profile.default_errno_ret(), "linux.seccomp.defaultErrnoRet")?;
    let mut rules = Vec::new();
    for (index, entry) in syscalls.iter().enumerate() {
        add_entry(&mut rules, entry).map_err(|why| why.at(index))?;
    }
    Ok(Policy {
        default,
        newer: newer(profile.default_action()),
        archs: architectures(profile, kernel.native),
        rules,
        flags: flags(profile, listener.is_some(), kernel.flags)?,
        listener,
    })
}

/// Why an entry of `syscalls` is not allowed: its property, and the reason.
struct Bad(&'static str, String);

impl Bad {
    fn at(self, index: usize) -> Error {
        Error::config(format_args!("linux.seccomp.syscalls[{index}].{}", self.0), self.1)
    }
}

/// The agent to tell, if any rule notifies one.
fn listener(profile: &LinuxSeccomp, syscalls: &[LinuxSyscall]) -> Result<Option<Listener>> {
    if profile.default_action() == Action::ScmpActNotify {
        return Err(Error::config("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action"));
    }
    if !syscalls.iter().any(|entry| entry.action() == Action::ScmpActNotify) {
        return Ok(None);
    }
    let Some(path) = profile.listener_path().clone() else {
        return Err(Error::config("linux.seccomp.listenerPath", "not set, and SCMP_ACT_NOTIFY needs it"));
    };
    if !path.is_absolute() {
        return Err(Error::config("linux.seccomp.listenerPath", format_args!("{path:?} is not absolute")));
    }
    Ok(Some(Listener { path, metadata: profile.listener_metadata().clone() }))
}

/// An action as the kernel returns it.
fn action(action: Action, errno: Option<u32>, property: &str) -> Result<u32> {
    action_with(action, errno).map_err(|why| Error::config(property, why))
}

fn action_with(action: Action, errno: Option<u32>) -> std::result::Result<u32, String> {
    let plain = match action {
        Action::ScmpActKill | Action::ScmpActKillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::ScmpActKillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        Action::ScmpActTrap => libc::SECCOMP_RET_TRAP,
        Action::ScmpActNotify => libc::SECCOMP_RET_USER_NOTIF,
        Action::ScmpActLog => libc::SECCOMP_RET_LOG,
        Action::ScmpActAllow => libc::SECCOMP_RET_ALLOW,
        Action::ScmpActErrno => return with_data(libc::SECCOMP_RET_ERRNO, errno),
        Action::ScmpActTrace => return with_data(libc::SECCOMP_RET_TRACE, errno),
    };
    match errno {
        None => Ok(plain),
        Some(_) => Err(format!("{action} does not return an errno")),
    }
}

/// `action` with the 16 bits it can carry.
fn with_data(action: u32, errno: Option<u32>) -> std::result::Result<u32, String> {
    match errno.unwrap_or(DEFAULT_ERRNO) {
        data if data <= libc::SECCOMP_RET_DATA => Ok(action | data),
        data => Err(format!("{data} is greater than {}", libc::SECCOMP_RET_DATA)),
    }
}

/// A default that lets calls through needs no `ENOSYS`; a tracer answers for calls it does not know.
fn newer(default: Action) -> Newer {
    match default {
        Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace => Newer::Default,
        _ => Newer::Enosys,
    }
}

/// The kernel's own architecture is always meant, and comes first because its calls are the most.
fn architectures(profile: &LinuxSeccomp, native: Arch) -> Vec<Arch> {
    let mut archs = vec![native];
    for &arch in profile.architectures().iter().flatten() {
        if arch != Arch::ScmpArchNative && !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    archs
}

/// A profile that says nothing of flags does not ask for the (slow) mitigation of speculative store bypass; one that says `[]` does.
fn flags(profile: &LinuxSeccomp, notifies: bool, known: u32) -> Result<u32> {
    let listener = if notifies { NEW_LISTENER } else { 0 };
    let Some(flags) = profile.flags() else {
        return Ok(SPEC_ALLOW & known | listener);
    };
    if let Some(unknown) = flags.iter().find(|flag| bit(**flag) & !known != 0) {
        return Err(Error::config("linux.seccomp.flags", format_args!("{unknown} is not supported by this kernel")));
    }
    // Without a listener there is no one to wait for, and the kernel refuses to (EINVAL).
    let without = if notifies { 0 } else { WAIT_KILLABLE_RECV };
    Ok(flags.iter().fold(listener, |all, flag| all | bit(*flag)) & !without)
}

fn bit(flag: Flag) -> u32 {
    match flag {
        // Nothing to synchronise: the filter is installed by the only thread there is.
        Flag::SeccompFilterFlagTsync => 0,
        Flag::SeccompFilterFlagLog => LOG,
        Flag::SeccompFilterFlagSpecAllow => SPEC_ALLOW,
        Flag::SeccompFilterFlagWaitKillableRecv => WAIT_KILLABLE_RECV,
    }
}

/// The rules of one entry of `syscalls`.
fn add_entry(rules: &mut Vec<Rule>, entry: &LinuxSyscall) -> std::result::Result<(), Bad> {
    let action = action_with(entry.action(), entry.errno_ret()).map_err(|why| Bad("errnoRet", why))?;
    let alternatives = alternatives(entry.args().as_deref().unwrap_or_default())?;
    for name in entry.names() {
        if name.is_empty() {
            return Err(Bad("names", "an empty name is not a system call".to_owned()));
        }
        let Some(call) = Call::named(name) else { continue };
        let detour = detour(name);
        rules.extend(alternatives.iter().map(|tests| Rule { call, detour, tests: tests.clone(), action }));
    }
    Ok(())
}

/// What must hold, as alternatives: one, of all `args`; or, as an argument cannot be compared twice in one rule, each of `args` alone.
fn alternatives(args: &[LinuxSeccompArg]) -> std::result::Result<Vec<Vec<Test>>, Bad> {
    let tests: Vec<Test> = args.iter().map(test).collect::<std::result::Result<_, _>>()?;
    let twice = (0..6).any(|index| tests.iter().filter(|test| test.argument == index).count() > 1);
    Ok(if twice { tests.into_iter().map(|test| vec![test]).collect() } else { vec![tests] })
}

fn test(arg: &LinuxSeccompArg) -> std::result::Result<Test, Bad> {
    let argument = match u32::try_from(arg.index()) {
        Ok(index @ 0..=5) => index,
        _ => return Err(Bad("args", format!("index {} is greater than 5", arg.index()))),
    };
    let of = |comparison, holds| Test { argument, comparison, mask: u64::MAX, value: arg.value(), holds };
    Ok(match arg.op() {
        Operator::ScmpCmpEq => of(Comparison::Equal, Holds::IfSo),
        Operator::ScmpCmpNe => of(Comparison::Equal, Holds::IfNot),
        Operator::ScmpCmpGt => of(Comparison::Greater, Holds::IfSo),
        Operator::ScmpCmpLe => of(Comparison::Greater, Holds::IfNot),
        Operator::ScmpCmpGe => of(Comparison::GreaterOrEqual, Holds::IfSo),
        Operator::ScmpCmpLt => of(Comparison::GreaterOrEqual, Holds::IfNot),
        Operator::ScmpCmpMaskedEq => masked(argument, arg.value(), arg.value_two().unwrap_or_default()),
    })
}

/// `argument & mask == value & mask`: bits of `value` outside `mask` do not count, as in libseccomp.
pub(super) fn masked(argument: u32, mask: u64, value: u64) -> Test {
    Test { argument, comparison: Comparison::Equal, mask, value: value & mask, holds: Holds::IfSo }
}
