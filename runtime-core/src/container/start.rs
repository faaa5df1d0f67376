//! `start`, signals, freezing: what happens to a container that exists.

use super::{Container, lifecycle};
use crate::cgroup::{OomWatch, Scope, Stats, Update};
use crate::compile;
use crate::config::{self, Config, Hook};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{self, Kind, Place};
use crate::host::Host;
use crate::notify::Notify;
use crate::pidfd::{ExitStatus, Pidfd};
use crate::resctrl::Group;
use crate::spawn;
use crate::state::{Gate, Outcome, Status};
use nix::sys::signal::Signal;
use oci_spec::runtime::{LinuxIntelRdt, LinuxResources};
use runtime_init::Report;
use std::os::fd::OwnedFd;

impl Container {
    /// Starts the program, and returns when it runs.
    ///
    /// # Errors
    /// [`ErrorKind::WrongState`] unless the container is created; [`ErrorKind::Hook`], [`ErrorKind::Program`],
    /// [`ErrorKind::Step`]: the container is stopped then.
    pub fn start(&mut self) -> Result<()> {
        let entry = self.store.lock(self.id())?;
        self.record = entry.record()?;
        match self.status()? {
            Status::Created => {}
            Status::Stopped => return Err(wrong("cannot start a container that has stopped")),
            Status::Running => return Err(wrong("cannot start an already running container")),
            other => return Err(wrong(format!("cannot start a container in the {other} state"))),
        }
        let config = self.config()?;
        if config.process.is_none() {
            return Err(Error::config("process", "process property must not be empty"));
        }
        let notify = self.record.notify_socket.as_ref().map(|_| Notify::listen(entry.path())).transpose()?;
        let state = lifecycle::state_json(&self.record, Status::Created)?;
        if !config.hooks.start_container.is_empty() {
            let start = |hook: &Hook, stdio| self.start_hook(config, hook, stdio);
            self.or_stop(hooks::run(Kind::StartContainer, &config.hooks.start_container, &state, Place::Process(&start)))?;
        }
        // A seccomp agent may hold the program back; it must not hold whoever starts it.
        let patience = config.seccomp.as_ref().and_then(|seccomp| seccomp.listener_path().as_ref()).map(|_| lifecycle::PATIENCE);
        let outcome = Gate::open(&entry, patience)?;
        self.or_stop(Self::told(outcome, config))?;
        let state = lifecycle::state_json(&self.record, Status::Running)?;
        let place = Place::Host { cwd: Some(&self.record.bundle) };
        self.or_stop(hooks::run(Kind::Poststart, &config.hooks.poststart, &state, place))?;
        drop(entry);
        self.tell_host(notify.as_ref())
    }

    /// What became of the program.
    fn told(outcome: Outcome, config: &Config) -> Result<()> {
        match outcome {
            Outcome::Exec | Outcome::Held => Ok(()),
            Outcome::Gone => Err(wrong("container process is already dead")),
            Outcome::Reported(bytes) => {
                let mut report = Report::from_bytes(&bytes).ok_or_else(|| wrong("the init sent no report"))?;
                let plan = compile::last_steps(config, &Host::look())?;
                // Counted from the end.
                report.pc = usize::try_from(report.value)
                    .ok()
                    .and_then(|left| plan.steps.len().checked_sub(left)?.try_into().ok())
                    .unwrap_or(report.pc);
                Err(spawn::failure(&plan, &report))
            }
        }
    }

    /// A container whose start failed is stopped.
    fn or_stop(&self, result: Result<()>) -> Result<()> {
        result.inspect_err(|_| {
            let _ = self.record.init.map(|init| init.signal(Signal::SIGKILL as i32));
            let _ = lifecycle::wait_for_end(&self.record);
        })
    }

    fn tell_host(&self, notify: Option<&Notify>) -> Result<()> {
        let (Some(notify), Some(host)) = (notify, &self.record.notify_socket) else { return Ok(()) };
        let pidfd = self.pidfd()?;
        notify.forward(pidfd, self.record.init.map_or(0, |init| init.pid), host).map(drop)
    }

    /// Every process in the container's cgroups, as the caller sees them.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if the cgroups cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        let placement = self.placement()?;
        if placement.is_none() {
            return Err(Error::new(ErrorKind::Unsupported, "the container has no cgroup that tells its processes"));
        }
        placement.pids()
    }

    /// Stops all processes until [`Container::resume`].
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] unless it is created or running.
    pub fn pause(&self) -> Result<()> {
        let _entry = self.store.lock(self.id())?;
        match self.status()? {
            Status::Created | Status::Running => self.placement()?.freeze(),
            _ => Err(not_running()),
        }
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// [`ErrorKind::NotPaused`] unless it is paused.
    pub fn resume(&self) -> Result<()> {
        let _entry = self.store.lock(self.id())?;
        match self.status()? {
            Status::Paused => self.placement()?.thaw(),
            _ => Err(Error::new(ErrorKind::NotPaused, "container not paused")),
        }
    }

    /// Sets other limits; those that are not named stay, and devices are left as they are. If one is refused, none is changed.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] if it has ended; [`ErrorKind::Call`] if the kernel refuses a limit.
    pub fn update(&mut self, resources: &LinuxResources) -> Result<()> {
        let entry = self.store.lock(self.id())?;
        // Somebody else's update may have come between.
        self.record = entry.record()?;
        if self.status()? == Status::Stopped {
            return Err(not_running());
        }
        self.config.take();
        let set = self.config()?.resources.clone().unwrap_or_default();
        let update = Update::of(&set, resources);
        let placement = self.placement()?;
        let mut record = self.record.clone();
        record.resources = Some(update.limits);
        // What cannot be written down is not to be so either.
        entry.write_around(&record, || placement.apply(Some(&update.writes), Scope::Update).inspect_err(|_| placement.take_back(&set)))?;
        self.record = record;
        self.config.take();
        Ok(())
    }

    /// Sets other schemata of Intel RDT.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it was created without `linux.intelRdt`; [`ErrorKind::Call`] if the kernel refuses a schema.
    pub fn update_rdt(&self, rdt: LinuxIntelRdt) -> Result<()> {
        let _entry = self.store.lock(self.id())?;
        let missing = || Error::new(ErrorKind::Unsupported, "updating a non-existent Intel RDT configuration is not supported");
        let group = self.record.resctrl.as_ref().ok_or_else(missing)?;
        group.set(&config::intel_rdt(rdt)?)
    }

    /// What the container uses now.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if the cgroups cannot be read.
    pub fn stats(&self) -> Result<Stats> {
        let intel_rdt = self.record.resctrl.as_ref().map(Group::stats).transpose()?.unwrap_or_default();
        Ok(Stats { intel_rdt, ..self.placement()?.stats()? })
    }

    /// Watches for processes killed for want of memory.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if the cgroups cannot be watched.
    pub fn watch_oom(&self) -> Result<OomWatch> {
        self.placement()?.watch_oom()
    }

    /// A pidfd of the first process.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] if it has ended.
    pub fn pidfd(&self) -> Result<OwnedFd> {
        let init = self.record.init.ok_or_else(not_running)?;
        spawn::sys::pidfd_open(init.pid).map_err(|_| not_running())
    }

    /// Waits for the end of the first process, which must be a child of the caller's.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if it is not.
    pub fn wait(&self) -> Result<ExitStatus> {
        let pid = self.record.init.map_or(0, |init| init.pid);
        Pidfd::from(self.pidfd()?).wait().map_err(|errno| Error::call("waitid", pid.to_string(), errno))
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::WrongState, what)
}

pub(super) fn not_running() -> Error {
    Error::new(ErrorKind::NotRunning, "container not running")
}
