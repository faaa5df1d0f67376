//! `process.rlimits`: raised while the process may, lowered as late as can be where the init itself would suffer.

use super::plan::Builder;
use crate::config::{Process, Rlimit};
use crate::host::Host;
use nix::libc::RLIMIT_NOFILE;
use runtime_init::Op;

/// What is set before the right to raise a limit is given up.
pub(crate) fn early(process: &Process, host: &Host) -> impl Iterator<Item = (usize, Rlimit)> {
    process.rlimits.iter().copied().enumerate().filter(|(_, limit)| !lowers_files(limit, host))
}

/// Sets those.
pub(crate) fn raise(plan: &mut Builder, process: &Process, host: &Host) {
    early(process, host).for_each(|limit| set(plan, limit));
}

/// The rest, which takes no right.
pub(crate) fn lower(plan: &mut Builder, process: &Process, host: &Host) {
    let late = process.rlimits.iter().copied().enumerate().filter(|(_, limit)| lowers_files(limit, host));
    late.for_each(|limit| set(plan, limit));
}

fn set(plan: &mut Builder, (index, limit): (usize, Rlimit)) {
    plan.about(format!("process.rlimits[{index}]"));
    plan.push(Op::Rlimit { resource: limit.resource, soft: limit.soft, hard: limit.hard });
}

/// Fewer files than the caller may have: every bind mount and every cgroup is one of the init's.
fn lowers_files(limit: &Rlimit, host: &Host) -> bool {
    limit.resource == RLIMIT_NOFILE && limit.hard <= host.open_files
}
