//! Deciding: from what is wanted and what the host can do to the list of what the child will do.
//!
//! Invariant: no I/O, no clock, no environment. The same [`Config`] and [`Host`] give the same [`Plan`], on any machine.

mod attach;
mod console;
mod devices;
mod identity;
mod limits;
#[cfg(feature = "checkpoint")]
mod mount_points;
mod mounts;
mod namespaces;
mod new_fs;
mod paths;
mod plan;
mod program;
mod render;
mod rootfs;
mod seccomp;
#[cfg(test)]
mod slots;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

#[cfg(feature = "checkpoint")]
pub(crate) use mount_points::mount_points;
pub(crate) use namespaces::lend_route;
pub(crate) use plan::{Circumstance, IdMap, Ids, Plan, Source, Step, UserNamespace, point};
pub(crate) use render::call;
pub(crate) use rootfs::is_shared;

use crate::config::{Config, Process};
use crate::error::Result;
use crate::host::Host;
use plan::Builder;
use runtime_init::Op;

/// What is asked of a create, beside its config.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) id: String,
    /// `--no-pivot`.
    pub(crate) no_pivot: bool,
    /// `--no-new-keyring`.
    pub(crate) keep_keyring: bool,
    /// There is a console socket.
    pub(crate) console: bool,
    /// Its cgroup comes to be around the process, once that is there.
    pub(crate) enters_cgroup: bool,
    /// The host's directory with the notify socket, and the variable that tells of it.
    pub(crate) notify: Option<String>,
    /// `LISTEN_FDS` to pass on.
    pub(crate) listen_fds: u32,
    /// The program's path, where `args[0]` is only its name.
    pub(crate) program: Option<String>,
    /// The environment is to be exactly what is given.
    pub(crate) exact_env: bool,
}

/// The plan of a container's first process.
pub(crate) fn create(config: &Config, host: &Host, wishes: &Wishes) -> Result<Plan> {
    if config.mount_label.is_some() {
        identity::check_selinux("linux.mountLabel", host)?;
    }
    let mut plan = Builder::new();
    namespaces::enter(&mut plan, config, host, wishes)?;
    namespaces::limit(&mut plan, config, host);
    rootfs::assemble(&mut plan, config, host, wishes)?;
    meet_for_hooks(&mut plan, config);
    rootfs::switch(&mut plan, config, host, wishes);
    console::open(&mut plan, config.process.as_ref(), wishes, console::Bind::Yes);
    rootfs::settle(&mut plan, config, host)?;
    namespaces::name(&mut plan, config);
    paths::set_parameters(&mut plan, config);
    identity::label(&mut plan, config.process.as_ref(), host)?;
    paths::restrict(&mut plan, config, host);
    meet_for_class(&mut plan, config);
    program::prepare(&mut plan, config, host, wishes)?;
    plan.finish()
}

/// The end of [`create`]'s plan, from the gate on, in the same words.
pub(crate) fn last_steps(config: &Config, host: &Host) -> Result<Plan> {
    let mut plan = Builder::new();
    program::last(&mut plan, config, host)?;
    plan.finish()
}

/// The plan of another process in a container that runs.
pub(crate) fn exec(inside: &Inside<'_>, process: &Process, host: &Host, wishes: &Wishes) -> Result<Plan> {
    let mut plan = Builder::new();
    namespaces::join_all(&mut plan, inside, process, (host, wishes));
    console::open(&mut plan, Some(process), wishes, console::Bind::No);
    if !devices::is_bound(inside.config) {
        plan.push(Op::ReopenNull);
    }
    identity::label(&mut plan, Some(process), host)?;
    meet_for_class(&mut plan, inside.config);
    program::run(&mut plan, inside, process, (host, wishes))?;
    plan.finish()
}

/// What an [`exec`] knows of the container it goes into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside<'a> {
    pub(crate) config: &'a Config,
    /// Which of the host's capabilities the process can have at most.
    pub(crate) has_user_namespace: bool,
}

fn meet_for_hooks(plan: &mut Builder, config: &Config) {
    let hooks = &config.hooks;
    if !(hooks.prestart.is_empty() && hooks.create_runtime.is_empty() && hooks.create_container.is_empty()) {
        plan.about("hooks");
        plan.push(Op::Meet { point: point::HOOKS });
    }
}

/// What counts caches knows tasks, and their children: the process is put there before it runs anything.
fn meet_for_class(plan: &mut Builder, config: &Config) {
    if config.intel_rdt.is_some() {
        plan.about("linux.intelRdt");
        plan.push(Op::Meet { point: point::CLASS });
    }
}
