//! What `--debug` tells of a container's making, in the words that are looked for in runc's.
//!
//! The steps themselves are in `create --dry-run`; here is how far they came.

use super::log::{Level, Log};
use oci_spec::runtime::Process;

/// A container is about to be made by this plan.
pub(crate) fn planned(log: &Log, plan: impl FnOnce() -> runtime_core::Result<String>) {
    if log.wants(Level::Debug) {
        let flags = plan().ok().and_then(|plan| plan.lines().find_map(filter_flags));
        flags.into_iter().for_each(|flags| log.record(Level::Debug, &format!("seccomp filter flags: {flags}")));
    }
}

/// Of the step that loads a filter.
fn filter_flags(line: &str) -> Option<u32> {
    let (_, flags) = line.strip_prefix("seccomp ")?.split_once(" instructions 0x")?;
    u32::from_str_radix(flags.split(' ').next()?, 16).ok()
}

/// A container was made.
pub(crate) fn created(log: &Log) {
    log.record(Level::Debug, "nsexec container setup: the init has its plan");
    log.record(Level::Debug, "child process in init(): every step but the program is done");
    log.record(Level::Debug, "init: closing the pipe to signal completion");
}

/// A process was put into a container.
pub(crate) fn executed(log: &Log, process: &Process) {
    log.record(Level::Debug, "nsexec container setup: the init has its plan");
    if let Some(mask) = process.exec_cpu_affinity().as_ref().and_then(|affinity| mask(affinity.initial().as_deref()?)) {
        log.record(Level::Debug, &format!("nsexec: affinity: {mask:#x}"));
    }
    log.record(Level::Debug, "child process in init(): every step but the program is done");
    log.record(Level::Debug, "setns_init: about to exec");
}

/// A list of CPUs as bits, as far as they fit.
fn mask(list: &str) -> Option<u64> {
    list.split(',').try_fold(0, |mask, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        Some((first..=last.min(63)).fold(mask, |mask, cpu| mask | 1 << cpu))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// runc's seccomp.bats and seccomp-notify.bats compare the number, in decimal.
    #[test]
    fn runcs_tests_find_the_flags_of_a_filter() {
        assert_eq!(filter_flags("seccomp 12 instructions 0x4"), Some(4));
        assert_eq!(filter_flags("seccomp 12 instructions 0x28 listener"), Some(40));
        assert_eq!(filter_flags("set-attr mount +0x0 -0x0 0x80000 rec"), None);
    }

    /// runc's cpu_affinity.bats compares the number.
    #[test]
    fn runcs_tests_find_the_mask_of_a_list() {
        assert_eq!(mask("0-1").map(|mask| format!("{mask:#x}")).as_deref(), Some("0x3"));
        assert_eq!((mask("1"), mask("0,2"), mask("63-99"), mask("x")), (Some(2), Some(5), Some(1 << 63), None));
    }
}
