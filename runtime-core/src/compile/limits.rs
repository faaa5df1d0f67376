//! `process.rlimits`: raised while the process may, lowered as late as can be where the init itself would suffer.

use super::plan::Builder;
use crate::config::{Process, Rlimit};
use crate::host::Host;
use nix::libc::RLIMIT_NOFILE;
use runtime_init::Op;

/// What is set before the right to raise a limit is given up. The init itself may have as many files meanwhile as its caller.
pub(crate) fn early(process: &Process, host: &Host) -> impl Iterator<Item = (usize, Rlimit)> {
    let raised =
        process.rlimits.iter().copied().enumerate().filter(|(_, limit)| limit.resource != RLIMIT_NOFILE || limit.hard > host.open_files);
    raised.map(|(index, limit)| match limit.resource {
        RLIMIT_NOFILE => (index, Rlimit { soft: limit.soft.max(host.open_files), ..limit }),
        _ => (index, limit),
    })
}

/// Sets those.
pub(crate) fn raise(plan: &mut Builder, process: &Process, host: &Host) {
    early(process, host).for_each(|limit| set(plan, limit));
}

/// The rest, which takes no right: every bind mount and every cgroup is a file of the init's.
pub(crate) fn lower(plan: &mut Builder, process: &Process, host: &Host) {
    let late = process.rlimits.iter().copied().enumerate();
    late.filter(|(_, limit)| limit.resource == RLIMIT_NOFILE && limit.soft <= host.open_files).for_each(|limit| set(plan, limit));
}

fn set(plan: &mut Builder, (index, limit): (usize, Rlimit)) {
    plan.about(format!("process.rlimits[{index}]"));
    plan.push(Op::Rlimit { resource: limit.resource, soft: limit.soft, hard: limit.hard });
}
