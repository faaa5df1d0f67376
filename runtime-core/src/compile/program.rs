//! The program: what it is given, and how it is found and started.

use super::plan::{Builder, Circumstance, Source, point};
use super::{Inside, Wishes, identity, limits, seccomp};
use crate::config::{Config, Process, Scheduler};
use crate::error::Result;
use crate::host::Host;
use runtime_init::Op;

/// What the mask is where the config says nothing: engines rely on it.
const UMASK: u32 = 0o022;

/// Bytes of a mask with all the CPUs that Linux can be built for.
const CPUS: usize = 8192 / 8;

/// What a process in its own user namespace can have.
const ALL: u64 = u64::MAX;

/// Makes the first process ready, and parks it.
pub(crate) fn prepare(plan: &mut Builder, config: &Config, host: &Host, wishes: &Wishes) -> Result<()> {
    let filter = Filtering::of(config, config.process.as_ref(), host)?;
    if let Some(process) = &config.process {
        let at_most = if config.namespaces.user.is_private() { ALL } else { host.capabilities };
        let may_set_groups = identity::may_set_groups(config, process, host)?;
        let to = Lowering { at_most, may_set_groups, fresh: true, config };
        become_the_program(plan, process, (host, wishes), (&to, &filter));
    }
    plan.about("process");
    // From here on a dead parent is noticed at the meeting, and a parent that has gone its way must not be taken for a dead one.
    plan.push(Op::DeathSignal { signal: 0 });
    filter.meet_last(plan);
    wait_and_run(plan, config, &filter, wishes);
    Ok(())
}

/// What is left to be done from the gate on.
fn wait_and_run(plan: &mut Builder, config: &Config, filter: &Filtering, wishes: &Wishes) {
    plan.about("process");
    let go = plan.source(Source::Gate);
    let report = plan.source(Source::GateReport);
    plan.push(Op::Park { go, report });
    if let Some(process) = &config.process {
        filter.load(plan, When::Last);
        exec(plan, process, &environment(wishes));
    }
}

/// The last steps of the first process: those whose failure a start hears of.
pub(crate) fn last(plan: &mut Builder, config: &Config, host: &Host) -> Result<()> {
    let filter = Filtering::of(config, config.process.as_ref(), host)?;
    wait_and_run(plan, config, &filter, &Wishes::default());
    Ok(())
}

/// Makes any other process ready, and runs it.
pub(crate) fn run(plan: &mut Builder, inside: &Inside<'_>, process: &Process, (host, wishes): (&Host, &Wishes)) -> Result<()> {
    let at_most = if inside.has_user_namespace { ALL } else { host.capabilities };
    let may_set_groups = identity::may_set_groups(inside.config, process, host)?;
    // Its memory was the caller's before it entered a user namespace, and in the caller's an unprivileged one may not look into it.
    let taken = if inside.has_user_namespace && !host.is_privileged() { Taken::Shown } else { Taken::AsItIs };
    let filter = Filtering { taken, ..Filtering::of(inside.config, Some(process), host)? };
    let to = Lowering { at_most, may_set_groups, fresh: false, config: inside.config };
    become_the_program(plan, process, (host, wishes), (&to, &filter));
    plan.about("process");
    plan.push(Op::DeathSignal { signal: 0 });
    filter.load(plan, When::Parked);
    filter.load(plan, When::Last);
    exec(plan, process, &[]);
    Ok(())
}

/// The seccomp filter, and when it is loaded.
struct Filtering {
    filter: Option<seccomp::Filter>,
    when: When,
    taken: Taken,
}

/// How the parent gets at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    AsItIs,
    /// The process has to let itself be looked into: by the container's user too, who could look into the program as well.
    Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the capability to load one is given up.
    Early,
    /// Last before the wait for `start`, while there is a create that knows where to deliver the listener. Its meeting is the last
    /// one: whatever the filter notifies of, no word between the init and its parent can be lost to an agent.
    Parked,
    /// Last of all, so that it sees as little of the runtime as can be.
    Last,
}

impl Filtering {
    /// What is without a program is without a filter.
    fn of(config: &Config, process: Option<&Process>, host: &Host) -> Result<Self> {
        let kernel = seccomp::Kernel { native: seccomp::NATIVE, flags: host.seccomp_flags };
        let profile = config.seccomp.as_ref().filter(|_| process.is_some());
        let filter = profile.map(|profile| seccomp::compile(profile, kernel)).transpose()?;
        let this = Self { filter, when: When::Last, taken: Taken::AsItIs };
        let when = match process.is_some_and(|process| process.no_new_privileges) {
            false => When::Early,
            true if this.notifies() => When::Parked,
            true => When::Last,
        };
        Ok(Self { when, ..this })
    }

    fn notifies(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.listener.is_some())
    }

    fn is_early(&self) -> bool {
        self.filter.is_some() && self.when == When::Early
    }

    /// The meeting after which nothing is said before the program is started.
    fn meet_last(&self, plan: &mut Builder) {
        match self.when {
            When::Parked => self.load(plan, When::Parked),
            // Whatever the agent does with what is written: that the container is there, its parent learns.
            When::Early if self.notifies() => plan.push(Op::MeetUnheard { point: point::CREATED }),
            When::Early | When::Last => plan.push(Op::Meet { point: point::CREATED }),
        }
    }

    /// Loads it, if this is the moment.
    fn load(&self, plan: &mut Builder, now: When) {
        let Some(filter) = self.filter.as_ref().filter(|_| self.when == now) else { return };
        plan.about("linux.seccomp");
        if filter.listener.is_some() {
            if self.taken == Taken::Shown {
                plan.push(Op::Show);
            }
            let point = if now == When::Parked { point::LAST_LISTENER } else { point::LISTENER };
            plan.push(Op::Meet { point });
        }
        let program = plan.blob(&filter.to_bytes());
        plan.push(Op::Seccomp { program, flags: filter.flags, listener: filter.listener.is_some().into() });
    }
}

/// What the program is told of the machine, and where its memory comes from.
fn surroundings(plan: &mut Builder, config: &Config) {
    if let Some(domain) = config.personality {
        plan.about("linux.personality");
        plan.push(Op::Personality { domain });
    }
    if let Some(policy) = &config.memory_policy {
        plan.about("linux.memoryPolicy");
        let nodes = plan.blob(&bits(&policy.nodes));
        plan.push(Op::MemoryPolicy { mode: policy.mode, nodes });
    }
}

struct Lowering<'a> {
    at_most: u64,
    may_set_groups: bool,
    fresh: bool,
    config: &'a Config,
}

/// All that the program is, but for running. Fewer files come last, or before a filter that may be about the call.
fn become_the_program(plan: &mut Builder, process: &Process, (host, wishes): (&Host, &Wishes), (to, filter): (&Lowering<'_>, &Filtering)) {
    surroundings(plan, to.config);
    if filter.is_early() {
        limits::lower(plan, process, host);
    }
    lower(plan, process, to, filter);
    find(plan, process, wishes);
    if !filter.is_early() {
        limits::lower(plan, process, host);
    }
}

/// Gives up, step by step, what the program shall not have.
fn lower(plan: &mut Builder, process: &Process, to: &Lowering<'_>, filter: &Filtering) {
    schedule(plan, process, to);
    filter.load(plan, When::Early);
    if process.no_new_privileges {
        plan.about("process.noNewPrivileges");
        plan.push(Op::NoNewPrivs);
    }
    identity::bound(plan, process, to.at_most);
    plan.about("process.user.umask");
    plan.push(Op::Umask { mask: process.umask.unwrap_or(UMASK) });
    plan.about("process.cwd");
    let path = plan.text(&process.cwd);
    plan.push(Op::ChangeDirectory { path, retry: 1 });
    identity::become_user(plan, process, to.may_set_groups);
    plan.about("process.cwd");
    plan.push(Op::ChangeDirectory { path, retry: 0 });
    plan.push(Op::VerifyCwd);
    identity::lower(plan, process, to.at_most);
}

fn schedule(plan: &mut Builder, process: &Process, to: &Lowering<'_>) {
    match process.affinity_final.as_ref().filter(|_| !to.fresh) {
        Some(cpus) => {
            plan.about("process.execCPUAffinity.final");
            let cpus = plan.blob(&bits(cpus));
            plan.push(Op::Affinity { cpus });
        }
        None if to.fresh || process.affinity_initial.is_none() => {
            // The caller's is none of the container's business; the kernel cuts it down to the cpuset, and has it whole for SCHED_DEADLINE.
            plan.about("process");
            let cpus = plan.blob(&[0xff; CPUS]);
            plan.push(Op::Affinity { cpus });
        }
        None => {}
    }
    if let Some(scheduler) = &process.scheduler {
        let cpus = to.config.resources.as_ref().and_then(|resources| resources.cpu().as_ref()?.cpus().as_deref()).unwrap_or("");
        let circumstance = if cpus.is_empty() { Circumstance::Usual } else { Circumstance::FewerCpus };
        plan.about("process.scheduler");
        let attr = plan.blob(&sched_attr(scheduler));
        plan.push_under(circumstance, Op::Scheduler { attr });
    }
    if let Some(value) = process.io_priority {
        plan.about("process.ioPriority");
        plan.push(Op::IoPriority { value: value.into() });
    }
}

/// `struct sched_attr`, its first version.
fn sched_attr(scheduler: &Scheduler) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.extend(48u32.to_ne_bytes());
    bytes.extend(scheduler.policy.to_ne_bytes());
    bytes.extend(scheduler.flags.to_ne_bytes());
    bytes.extend(scheduler.nice.to_ne_bytes());
    bytes.extend(scheduler.priority.to_ne_bytes());
    for nanoseconds in [scheduler.runtime, scheduler.deadline, scheduler.period] {
        bytes.extend(nanoseconds.to_ne_bytes());
    }
    bytes
}

/// A mask with these bits, in whole words.
pub(crate) fn bits(numbers: &[u32]) -> Vec<u8> {
    let words = numbers.iter().max().map_or(0, |max| *max as usize / 64 + 1);
    let mut mask = vec![0u8; words * 8];
    for number in numbers {
        if let Some(byte) = mask.get_mut(*number as usize / 8) {
            *byte |= 1 << (number % 8);
        }
    }
    mask
}

/// Looks for the program as `execvp(3)` does, in the container, as its user.
fn find(plan: &mut Builder, process: &Process, wishes: &Wishes) {
    if !wishes.exact_env && value(&process.env, "HOME").is_none_or(str::is_empty) {
        plan.about("process.env HOME");
        plan.push(Op::FindHome { uid: process.uid });
    }
    plan.about("process.args");
    let candidates = match &wishes.program {
        Some(path) => plan.texts([path]),
        None => plan.texts(candidates(process)),
    };
    plan.push(Op::FindProgram { candidates });
}

/// The last value of a variable.
fn value<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter().rev().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
}

fn candidates(process: &Process) -> Vec<String> {
    let name = process.args.first().map_or("", String::as_str);
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    let path = value(&process.env, "PATH").unwrap_or("");
    path.split(':').filter(|dir| !dir.is_empty()).map(|dir| format!("{dir}/{name}")).collect()
}

fn exec(plan: &mut Builder, process: &Process, more: &[String]) {
    plan.about("process.args");
    let argv = plan.texts(&process.args);
    // An empty HOME is none: the one that was found follows.
    let own = process.env.iter().filter(|entry| *entry != "HOME=");
    let envp = plan.texts(own.chain(more));
    plan.push(Op::Exec { argv, envp });
}

/// What the runtime itself adds: where to notify, and the sockets that were passed.
fn environment(wishes: &Wishes) -> Vec<String> {
    let mut env = Vec::new();
    if wishes.notify.is_some() {
        env.push("NOTIFY_SOCKET=/run/notify/notify.sock".to_owned());
    }
    if wishes.listen_fds > 0 {
        env.push(format!("LISTEN_FDS={}", wishes.listen_fds));
        env.push("LISTEN_PID=1".to_owned());
    }
    env
}
