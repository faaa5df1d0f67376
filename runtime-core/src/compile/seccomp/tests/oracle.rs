//! What a profile says of one call, read off the profile rule by rule.

use super::super::abi::{Abi, Call, Width, audit, detour};
use super::machine::Data;
use oci_spec::runtime::LinuxSeccompAction as Action;
use oci_spec::runtime::LinuxSeccompOperator as Operator;
use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompArg};

const ENOSYS: u32 = 0x0005_0026;

/// The `SECCOMP_RET_*` of `data` under `profile`, on a kernel of the architecture `native`.
pub(super) fn judge(profile: &LinuxSeccomp, native: Arch, data: &Data) -> u32 {
    let default = profile.default_action().as_u32(profile.default_errno_ret());
    let mut archs = vec![native];
    archs.extend(profile.architectures().iter().flatten());
    archs.retain(|&arch| audit(arch) == data.arch);
    let Some(&some) = archs.first() else { return 0 };
    let x32 = data.number >= 0x4000_0000;
    let arch = match some {
        Arch::ScmpArchX86_64 | Arch::ScmpArchX32 => {
            let wanted = if x32 { Arch::ScmpArchX32 } else { Arch::ScmpArchX86_64 };
            match archs.contains(&wanted) {
                true => wanted,
                false if data.number == u32::MAX => return default,
                false => return 0,
            }
        }
        other => other,
    };
    judge_as(profile, Abi::of(arch), data, default)
}

/// The same, of an ABI's call.
fn judge_as(profile: &LinuxSeccomp, abi: Abi, data: &Data, default: u32) -> u32 {
    let (mut always, mut sometimes, mut newest) = (None, None, None);
    for rule in profile.syscalls().iter().flatten() {
        let action = rule.action().as_u32(rule.errno_ret());
        let args = rule.args().as_deref().unwrap_or_default();
        for name in rule.names() {
            let own = Call::named(name).and_then(|call| call.number(abi));
            let via = detour(name).and_then(|detour| Some((detour, detour.through.number(abi)?)));
            for number in own.into_iter().chain(via.map(|(_, number)| number)) {
                if !(abi == Abi::Arm && number >= 0xf_0000) {
                    newest = newest.max(Some(number));
                }
            }
            if action == default || Call::named(name).is_none() {
                continue;
            }
            if own == Some(data.number) {
                match args {
                    [] => always = always.or(Some(action)),
                    args if all_hold(args, abi, data) => sometimes = sometimes.or(Some(action)),
                    _ => {}
                }
            }
            if let Some((detour, number)) = via
                && number == data.number
                && which(name, narrow(data.args[0], abi)) == detour.which
                && all_others_hold(args, abi, data)
            {
                sometimes = sometimes.or(Some(action));
            }
        }
    }
    let permissive = matches!(profile.default_action(), Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace);
    let newer = newest.is_some_and(|newest| data.number > newest) && !(abi == Abi::Arm && data.number >= 0xf_0000);
    let multiplexed = matches!(abi, Abi::S390 | Abi::S390x) && data.number == 0 && newest.is_some();
    let unruled = if !permissive && (newer || multiplexed) { ENOSYS } else { default };
    always.or(sometimes).unwrap_or(unruled)
}

/// Which call the first argument of `socketcall` or `ipc` says: ipc's has a version in its upper half.
fn which(name: &str, argument: u64) -> u64 {
    let is_ipc = ["sem", "msg", "shm"].iter().any(|family| name.starts_with(family));
    if is_ipc { argument & 0xffff } else { argument }
}

/// As the spec says: all; but an index that is there twice makes each argument a rule of its own.
fn all_hold(args: &[LinuxSeccompArg], abi: Abi, data: &Data) -> bool {
    let holds = |arg: &LinuxSeccompArg| holds(arg, abi, data);
    if is_split(args) { args.iter().any(holds) } else { args.iter().all(holds) }
}

/// The same through `socketcall`, which does not have the first argument where it was.
fn all_others_hold(args: &[LinuxSeccompArg], abi: Abi, data: &Data) -> bool {
    let holds = |arg: &LinuxSeccompArg| arg.index() == 0 || holds(arg, abi, data);
    if is_split(args) { args.iter().any(holds) } else { args.iter().all(holds) }
}

fn is_split(args: &[LinuxSeccompArg]) -> bool {
    args.iter().enumerate().any(|(at, arg)| args[..at].iter().any(|earlier| earlier.index() == arg.index()))
}

fn narrow(value: u64, abi: Abi) -> u64 {
    match abi.width() {
        Width::Half => value & 0xffff_ffff,
        Width::Full => value,
    }
}

fn holds(arg: &LinuxSeccompArg, abi: Abi, data: &Data) -> bool {
    let [have, value, two] = [data.args[arg.index()], arg.value(), arg.value_two().unwrap_or(0)].map(|value| narrow(value, abi));
    match arg.op() {
        Operator::ScmpCmpNe => have != value,
        Operator::ScmpCmpLt => have < value,
        Operator::ScmpCmpLe => have <= value,
        Operator::ScmpCmpEq => have == value,
        Operator::ScmpCmpGe => have >= value,
        Operator::ScmpCmpGt => have > value,
        Operator::ScmpCmpMaskedEq => have & value == two & value,
    }
}
