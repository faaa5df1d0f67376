//! `process.scheduler`, `process.ioPriority` and `process.execCPUAffinity`.

use super::{Scheduler, numbers, refuse};
use crate::error::Result;
use oci_spec::runtime::{
    IOPriorityClass, LinuxIOPriority, LinuxSchedulerFlag as Flag, LinuxSchedulerPolicy as Policy, Process, Scheduler as Spec,
};

/// The kernel's NR_CPUS ends here.
const MAX_CPUS: u32 = 8192;

/// `process.scheduler`: each policy takes only what is its own. Zero is the same as unset, as the kernel has it.
pub(super) fn scheduler(spec: &Spec) -> Result<Scheduler> {
    let policy = policy(*spec.policy())?;
    // The specification: only used with these two.
    let nice = spec.nice().filter(|_| matches!(spec.policy(), Policy::SchedOther | Policy::SchedBatch)).unwrap_or(0);
    if !(-20..=19).contains(&nice) {
        return refuse("process.scheduler.nice", format_args!("{nice} is not between -20 and 19"));
    }
    let real_time = matches!(spec.policy(), Policy::SchedFifo | Policy::SchedRr);
    only(spec.priority().unwrap_or(0) != 0, "priority", real_time, spec)?;
    let deadline = matches!(spec.policy(), Policy::SchedDeadline);
    for (value, name) in [(spec.runtime(), "runtime"), (spec.deadline(), "deadline"), (spec.period(), "period")] {
        only(value.unwrap_or(0) != 0, name, deadline, spec)?;
    }
    Ok(Scheduler {
        policy,
        flags: spec.flags().iter().flatten().fold(0, |bits, name| bits | flag(*name)),
        nice,
        priority: priority(spec, real_time)?,
        runtime: spec.runtime().unwrap_or(0),
        deadline: spec.deadline().unwrap_or(0),
        period: spec.period().unwrap_or(0),
    })
}

/// Refuses the property `name` if it is set and the policy does not take it.
fn only(set: bool, name: &str, takes: bool, spec: &Spec) -> Result<()> {
    match set && !takes {
        true => refuse(format_args!("process.scheduler.{name}"), format_args!("does not go with {}", spec.policy())),
        false => Ok(()),
    }
}

fn priority(spec: &Spec, real_time: bool) -> Result<u32> {
    let priority = spec.priority().unwrap_or(0);
    match u32::try_from(priority) {
        Ok(value) if !real_time || (1..=99).contains(&value) => Ok(value),
        _ => refuse("process.scheduler.priority", format_args!("{priority} is not between 1 and 99, as {} needs", spec.policy())),
    }
}

fn policy(policy: Policy) -> Result<u32> {
    match policy {
        Policy::SchedOther => Ok(0),
        Policy::SchedFifo => Ok(1),
        Policy::SchedRr => Ok(2),
        Policy::SchedBatch => Ok(3),
        // The number is reserved, the policy was never merged.
        Policy::SchedIso => refuse("process.scheduler.policy", "Linux has no SCHED_ISO"),
        Policy::SchedIdle => Ok(5),
        Policy::SchedDeadline => Ok(6),
    }
}

fn flag(flag: Flag) -> u64 {
    match flag {
        Flag::SchedResetOnFork => 0x01,
        Flag::SchedFlagReclaim => 0x02,
        Flag::SchedFlagDLOverrun => 0x04,
        Flag::SchedFlagKeepPolicy => 0x08,
        Flag::SchedFlagKeepParams => 0x10,
        Flag::SchedFlagUtilClampMin => 0x20,
        Flag::SchedFlagUtilClampMax => 0x40,
    }
}

/// `process.ioPriority`: the class above bit 13, the priority below.
pub(super) fn io_priority(spec: &LinuxIOPriority) -> Result<u16> {
    let class = match spec.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    match u16::try_from(spec.priority()) {
        Ok(priority @ 0..=7) => Ok(class << 13 | priority),
        _ => refuse("process.ioPriority.priority", format_args!("{} is not between 0 and 7", spec.priority())),
    }
}

/// `process.execCPUAffinity.initial` or `.final`.
pub(super) fn affinity(process: &Process, which: &str) -> Result<Option<Vec<u32>>> {
    let Some(affinity) = process.exec_cpu_affinity() else { return Ok(None) };
    let list = if which == "initial" { affinity.initial() } else { affinity.cpu_affinity_final() };
    match list.as_deref().filter(|list| !list.is_empty()).map(|list| numbers::parse(list, MAX_CPUS)) {
        None => Ok(None),
        Some(Ok(cpus)) => Ok(Some(cpus)),
        Some(Err(why)) => refuse(format_args!("process.execCPUAffinity.{which}"), why),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::Scheduler;
    use super::super::case::{accepted, refused};
    use serde_json::{Value, json};

    fn check(process: Value, expected: &str) {
        assert_eq!(refused(json!({"process": process})), format!("config.json: process.{expected}"));
    }

    #[test]
    fn a_policy_takes_only_what_is_its_own() {
        let scheduler = |value: Value| json!({"scheduler": value});
        check(scheduler(json!({"policy": "SCHED_OTHER", "nice": 20})), "scheduler.nice: 20 is not between -20 and 19");
        check(scheduler(json!({"policy": "SCHED_OTHER", "priority": 1})), "scheduler.priority: does not go with SCHED_OTHER");
        check(scheduler(json!({"policy": "SCHED_RR"})), "scheduler.priority: 0 is not between 1 and 99, as SCHED_RR needs");
        check(scheduler(json!({"policy": "SCHED_BATCH", "runtime": 1})), "scheduler.runtime: does not go with SCHED_BATCH");
        check(scheduler(json!({"policy": "SCHED_ISO"})), "scheduler.policy: Linux has no SCHED_ISO");
    }

    #[test]
    fn a_scheduler_is_what_sched_setattr_takes() {
        let flags = ["SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_RESET_ON_FORK"];
        let scheduler = json!({"policy": "SCHED_DEADLINE", "nice": 19, "runtime": 1, "deadline": 2, "period": 3, "flags": flags});
        let process = accepted(json!({"process": {"scheduler": scheduler}})).process.unwrap();
        let expected = Scheduler { policy: 6, flags: 5, nice: 0, priority: 0, runtime: 1, deadline: 2, period: 3 };
        assert_eq!(process.scheduler, Some(expected));
    }

    #[test]
    fn an_io_priority_has_its_class_above_bit_13() {
        let priority = |class: &str, priority: i64| json!({"ioPriority": {"class": class, "priority": priority}});
        let process = accepted(json!({"process": priority("IOPRIO_CLASS_IDLE", 7)})).process.unwrap();
        assert_eq!(process.io_priority, Some(3 << 13 | 7));
        check(priority("IOPRIO_CLASS_RT", 8), "ioPriority.priority: 8 is not between 0 and 7");
    }

    #[test]
    fn cpus_are_listed_by_number() {
        let process = accepted(json!({"process": {"execCPUAffinity": {"initial": "7,0-2,1", "final": ""}}})).process.unwrap();
        assert_eq!((process.affinity_initial, process.affinity_final), (Some(vec![0, 1, 2, 7]), None));
        let last = |list: &str| json!({"execCPUAffinity": {"final": list}});
        check(last("3-1"), "execCPUAffinity.final: \"3-1\": a range goes from the smaller to the larger number");
        check(last("0-99999999999"), "execCPUAffinity.final: 99999999999 is too large: numbers end at 8191");
    }
}
