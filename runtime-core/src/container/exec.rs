//! `exec`: another process in a container that runs.

use super::start::not_running;
use super::{Container, Terminal, facts, lifecycle};
use crate::cgroup::Placement;
use crate::compile::{self, Inside, Plan, Wishes, point};
use crate::config::{self, Config, Hook};
use crate::error::{Error, ErrorKind, Result};
use crate::pidfd::{ExitStatus, Pidfd};
use crate::prepare::{self, Given};
use crate::spawn::{Child, Event, FailAt, Launch};
use crate::state::Status;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// May a process be started in a paused container? It waits, then, with the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IgnorePaused {
    /// It is an error.
    #[default]
    No,
    /// It may: `--ignore-paused`.
    Yes,
}

/// What [`Container::exec`] is asked for.
#[derive(Debug)]
pub struct Exec {
    /// The process, as `process` of a `config.json` has it.
    pub process: oci_spec::runtime::Process,
    /// Who gets the master of the terminal.
    pub terminal: Terminal,
    /// stdin, stdout and stderr of the program; none means the caller's.
    pub stdio: [Option<OwnedFd>; 3],
    /// How many descriptors from 3 on the program gets.
    pub preserve_fds: u32,
    /// Receives the pid, in decimal, without a newline.
    pub pid_file: Option<PathBuf>,
    /// Receives a pidfd.
    pub pidfd_socket: Option<PathBuf>,
    /// Sub-cgroups of the container's: one `path`, or on v1 any number of `controller,…:path`.
    pub cgroups: Vec<String>,
    /// May the container be paused?
    pub paused: IgnorePaused,
    /// For tests: where the process fails.
    #[doc(hidden)]
    pub fail_at: Option<FailAt>,
}

impl Exec {
    /// This process, and nothing special.
    #[must_use]
    pub fn of(process: oci_spec::runtime::Process) -> Self {
        Self {
            process,
            terminal: Terminal::default(),
            stdio: Default::default(),
            preserve_fds: 0,
            pid_file: None,
            pidfd_socket: None,
            cgroups: Vec::new(),
            paused: IgnorePaused::default(),
            fail_at: None,
        }
    }
}

/// A process that [`Container::exec`] started: a child of the caller's.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    pidfd: Pidfd,
}

impl Process {
    /// Its process id, as the caller sees it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A pidfd of it.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if there are no descriptors left.
    pub fn pidfd(&self) -> Result<OwnedFd> {
        self.pidfd.as_fd().try_clone_to_owned().map_err(|error| Error::io("dup", "pidfd", error))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if somebody else has reaped it.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.pidfd.wait().map_err(|errno| Error::call("waitid", self.pid.to_string(), errno))
    }
}

/// Of a cgroup that was asked for, in the words that others look for.
fn not_entered(error: Error, request: &Exec) -> Error {
    let no_file = error.kind() == ErrorKind::Call && !request.cgroups.is_empty();
    if no_file { error.during("error adding pid of the process to cgroups") } else { error }
}

impl Container {
    /// Runs another process in the container.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`], [`ErrorKind::Paused`], [`ErrorKind::InvalidConfig`], [`ErrorKind::Program`],
    /// [`ErrorKind::Step`], [`ErrorKind::Call`].
    pub fn exec(&self, request: &Exec) -> Result<Process> {
        let placement = self.placement()?.enterable();
        self.check_state(request)?;
        super::create::check_preserved(request.preserve_fds)?;
        let config = self.config()?;
        let process = with_defaults(&request.process, config)?;
        let placement = placement.within(&request.cgroups).map_err(|error| not_entered(error, request))?;
        let wishes = self.exec_wishes(request);
        let planned = self.exec_plan(config, &process, (&placement, &wishes));
        let (plan, cgroup) = planned.map_err(|error| not_entered(error, request))?;
        let moved = |error: &Error| matches!(error.errno(), Some(nix::libc::EBUSY | nix::libc::EOPNOTSUPP));
        let refused = |error: &Error| matches!(error.errno(), Some(nix::libc::EACCES | nix::libc::EPERM));
        let elsewhere: Option<OwnedFd>;
        let led: Plan;
        let mut child = match self.exec_child(&plan, request, (&placement, cgroup.as_ref())) {
            // The container has put its processes into cgroups below, and a cgroup with children holds none itself.
            Err(error) if cgroup.is_some() && request.cgroups.is_empty() && moved(&error) => {
                elsewhere = placement.of_process(self.init_pid().ok_or_else(not_running)?)?.directory()?;
                self.exec_child(&plan, request, (&placement, elsewhere.as_ref()))?
            }
            // A user may not move processes between two parts of the host's cgroups; that user's systemd may.
            Err(error) if placement.is_unified() && placement.is_entered() && refused(&error) => {
                led = self.exec_plan(config, &process, (&placement, &Wishes { enters_cgroup: true, ..wishes }))?.0;
                self.exec_child(&led, request, (&placement, None))?
            }
            Err(error) if moved(&error) => return Err(not_entered(error, request)),
            other => other?,
        };
        self.follow(&mut child, config, &placement)?;
        if let Some(path) = &request.pidfd_socket {
            facts::send_pidfd(path, child.pidfd())?;
        }
        request.pid_file.as_deref().map_or(Ok(()), |path| facts::write_pid_file(path, child.pid()))?;
        let pid = child.pid();
        Ok(Process { pid, pidfd: child.release().into() })
    }

    /// Starts a `startContainer` hook: a program of the container's image, so with the program's rights and no others.
    pub(super) fn start_hook(&self, config: &Config, hook: &Hook, stdio: [OwnedFd; 3]) -> Result<Pidfd> {
        let path = hook.path.display().to_string();
        let base = config.process.clone().unwrap_or_default();
        let process = config::Process {
            args: if hook.args.is_empty() { vec![path.clone()] } else { hook.args.clone() },
            env: hook.env.clone().unwrap_or(base.env),
            cwd: "/".into(),
            terminal: false,
            ..base
        };
        let wishes = Wishes { id: self.id().to_owned(), program: Some(path), exact_env: hook.env.is_some(), ..Wishes::default() };
        let placement = self.placement()?.enterable();
        let (plan, cgroup) = self.exec_plan(config, &process, (&placement, &wishes))?;
        let request = Exec { stdio: stdio.map(Some), ..Exec::of(oci_spec::runtime::Process::default()) };
        let mut child = self.exec_child(&plan, &request, (&placement, cgroup.as_ref()))?;
        self.follow(&mut child, config, &placement)?;
        Ok(child.release().into())
    }

    /// Until the program runs.
    fn follow(&self, child: &mut Child<'_>, config: &Config, placement: &Placement) -> Result<()> {
        while let Event::Reached(at) = child.next()? {
            if at == point::CGROUP {
                placement.adopt(child.pid())?;
            }
            match at {
                point::LISTENER | point::LAST_LISTENER => lifecycle::deliver_listener(child, config.seccomp.as_ref(), &self.state()?)?,
                point::CLASS => {
                    self.record.resctrl.iter().try_for_each(|group| group.join(child.pid()))?;
                    child.go()?;
                }
                _ => child.go()?,
            }
        }
        Ok(())
    }

    fn check_state(&self, request: &Exec) -> Result<()> {
        match self.status()? {
            Status::Stopped => Err(Error::new(ErrorKind::NotRunning, "cannot exec in a stopped container")),
            Status::Paused if request.paused == IgnorePaused::No => {
                Err(Error::new(ErrorKind::Paused, "cannot exec in a paused container (use --ignore-paused to override)"))
            }
            Status::Creating => Err(not_running()),
            _ => Ok(()),
        }
    }

    fn exec_wishes(&self, request: &Exec) -> Wishes {
        Wishes { id: self.id().to_owned(), console: !matches!(request.terminal, Terminal::Inherit), ..Wishes::default() }
    }

    fn exec_plan(
        &self,
        config: &Config,
        process: &config::Process,
        (placement, wishes): (&Placement, &Wishes),
    ) -> Result<(Plan, Option<OwnedFd>)> {
        let cgroup = placement.directory()?;
        let host = facts::host_of(config, placement, self.init_pid().ok_or_else(not_running)?);
        let inside = Inside { config, has_user_namespace: config.namespaces.user.is_private() };
        Ok((compile::exec(&inside, process, &host, wishes)?, cgroup))
    }

    fn exec_child<'a>(
        &self,
        plan: &'a Plan,
        request: &'a Exec,
        (placement, cgroup): (&Placement, Option<&'a OwnedFd>),
    ) -> Result<Child<'a>> {
        let init = self.init_pid().ok_or_else(not_running)?;
        let procs = if placement.is_unified() { Vec::new() } else { placement.procs_files()? };
        let given = Given { console: facts::console(&request.terminal)?, init: Some(init), procs, gate: None };
        let fds = prepare::open(plan, given)?;
        let stdio = request.stdio.each_ref().map(|fd| fd.as_ref().map(AsFd::as_fd));
        let cgroup = cgroup.map(AsFd::as_fd);
        Child::launch(&Launch { plan, fds, stdio, preserve: request.preserve_fds, cgroup, fail_at: request.fail_at })
    }
}

/// What the process document says nothing of is as for the container's own program; its rlimits are the caller's, as with other runtimes.
fn with_defaults(wanted: &oci_spec::runtime::Process, config: &Config) -> Result<config::Process> {
    let mut process = config::process(wanted)?;
    let Some(own) = &config.process else { return Ok(process) };
    process.capabilities = process.capabilities.or(own.capabilities);
    process.no_new_privileges = wanted.no_new_privileges().unwrap_or(own.no_new_privileges);
    process.apparmor_profile = process.apparmor_profile.or_else(|| own.apparmor_profile.clone());
    process.selinux_label = process.selinux_label.or_else(|| own.selinux_label.clone());
    if wanted.exec_cpu_affinity().is_none() {
        process.affinity_initial.clone_from(&own.affinity_initial);
        process.affinity_final.clone_from(&own.affinity_final);
    }
    Ok(process)
}
