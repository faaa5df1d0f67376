//! `create`: everything but the program.

use super::{Container, Create, Pivot, Runtime, Terminal, facts, lifecycle};
use crate::cgroup::{Created, Placement, Scope};
use crate::compile::{self, Plan, point};
use crate::config::{self, Bundle, Config, Membership};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{self, Kind, Place};
use crate::host::{self, Host};
use crate::network::Move;
use crate::notify;
use crate::prepare::{self, Given};
use crate::resctrl::Group;
use crate::spawn::{Child, Event, Launch};
use crate::state::{Gate, Identity, Locked, Phase, Record, State, Status, check_id};
use std::borrow::Cow;
use std::os::fd::AsFd;
use std::path::Path;

impl Runtime {
    /// Creates a container: its namespaces, cgroups, mounts and limits are there, and its first process waits for
    /// [`Container::start`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], [`ErrorKind::InvalidId`], [`ErrorKind::AlreadyExists`], [`ErrorKind::Program`],
    /// [`ErrorKind::Hook`], [`ErrorKind::Step`], [`ErrorKind::Call`]. Nothing of the container is left then.
    pub fn create(&self, id: &str, request: &Create) -> Result<Container> {
        check_id(id)?;
        let bundle = bundle(request.read.as_ref(), &request.bundle)?;
        let config = &bundle.config;
        check_preserved(request.preserve_fds)?;
        check_terminal(config, &request.terminal)?;
        let placement = self.place(id, config)?;
        let mut record = record(id, config, &placement, request.notify_socket.as_deref())?;
        record.resctrl = self.group(id, config)?;
        let entry = self.store.create(&record)?;
        let mut attempt = Attempt { entry, record, placement, reached: Reached::Nothing, moved: None };
        match attempt.run(self, &bundle, request) {
            Ok(()) => Ok(Container::made(&self.store, (attempt.entry.release()?, attempt.record), bundle.into_owned().config)),
            Err(error) => Err(attempt.undo(error)),
        }
    }

    /// What [`Runtime::create`] would do, step by step, as text. Touches nothing.
    ///
    /// # Errors
    /// As [`Runtime::create`], as far as it is known beforehand.
    pub fn plan(&self, id: &str, request: &Create) -> Result<String> {
        check_id(id)?;
        let config = &bundle(request.read.as_ref(), &request.bundle)?.config;
        let placement = self.place(id, config)?;
        self.group(id, config)?;
        let host = host_for(request, config, &placement);
        let plan = compile::create(config, &host, &self.wishes(id, request))?;
        let cgroups = placement.directories().map(|(_, path)| format!("cgroup {}\n", path.display()));
        let limits = config.resources.as_ref().map_or_else(|| Ok(Vec::new()), |resources| placement.preview(resources))?;
        let limits = limits.into_iter().map(|line| format!("limit {line}\n"));
        Ok(cgroups.chain(limits).collect::<String>() + &plan.to_string())
    }
}

/// A create under way, that is undone if it fails.
pub(super) struct Attempt {
    pub(super) entry: Locked,
    pub(super) record: Record,
    pub(super) placement: Placement,
    pub(super) reached: Reached,
    /// The host's interfaces that are inside.
    pub(super) moved: Option<Move>,
}

/// How far a create came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    /// What is in the cgroups, if there are any, is somebody else's.
    Nothing,
    /// The cgroups are ours.
    Cgroups,
    /// There was a process.
    Process,
}

/// Where a conversation leaves the init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It waits for a word.
    Waiting,
    /// It waits at the gate, or is on its way there.
    Parked,
}

impl Attempt {
    fn run(&mut self, runtime: &Runtime, bundle: &Bundle, request: &Create) -> Result<()> {
        let config = &bundle.config;
        let created = self.placement.create(config.resources.as_ref())?;
        let own = !self.placement.is_entered();
        self.reached = if own { Reached::Cgroups } else { Reached::Nothing };
        let host = host_for(request, config, &self.placement);
        if request.notify_socket.is_some() {
            notify::make_directory(self.entry.path())?;
        }
        let plan = compile::create(config, &host, &runtime.wishes(&self.record.id, request))?;
        if own {
            self.limit(config, &created)?;
        }
        if let (Some(group), Some(rdt)) = (&mut self.record.resctrl, &config.intel_rdt) {
            group.make(rdt)?;
        }
        let mut child = self.launch(&plan, &created, request)?;
        self.reached = if own { Reached::Process } else { Reached::Nothing };
        let left = self.converse(&mut child, &plan, config)?;
        self.settle(&child, &bundle.bytes, request)?;
        if left == Left::Waiting {
            child.go()?;
        }
        drop(child.release());
        Ok(())
    }

    fn launch<'a>(&self, plan: &'a Plan, created: &'a Created, request: &'a Create) -> Result<Child<'a>> {
        let Gate { go, report } = Gate::make(&self.entry).map_err(|error| error.during(self.entry.path().display()))?;
        let given = Given { console: facts::console(&request.terminal)?, init: None, procs: self.procs()?, gate: Some((go, report)) };
        let stdio = request.stdio.each_ref().map(|fd| fd.as_ref().map(AsFd::as_fd));
        let cgroup = created.directory.as_ref().map(AsFd::as_fd);
        let fds = prepare::open(plan, given)?;
        Child::launch(&Launch { plan, fds, stdio, preserve: request.preserve_fds, cgroup, fail_at: request.fail_at })
    }

    fn procs(&self) -> Result<Vec<std::os::fd::OwnedFd>> {
        if self.placement.is_unified() || self.placement.is_entered() { Ok(Vec::new()) } else { self.placement.procs_files() }
    }

    /// systemd makes a cgroup around the process that is there by now.
    pub(super) fn enter(&mut self, pid: i32, config: &Config) -> Result<()> {
        let created = self.placement.enter(pid, config.resources.as_ref())?;
        self.reached = Reached::Process;
        self.limit(config, &created)
    }

    pub(super) fn limit(&self, config: &Config, created: &Created) -> Result<()> {
        self.placement.apply(config.resources.as_ref(), Scope::Create(created))?;
        self.delegate(config)
    }

    /// A container that manages its own cgroups owns them: its own namespace, mounted writable.
    fn delegate(&self, config: &Config) -> Result<()> {
        use crate::config::MountWhat;
        const READ_ONLY: u64 = 1;
        let writable = config.mounts.iter().any(|mount| mount.what == MountWhat::Cgroup && mount.options.set & READ_ONLY == 0);
        let Some(process) = config.process.as_ref().filter(|_| writable && config.namespaces.cgroup == Membership::New) else {
            return Ok(());
        };
        let owner = config.uid_mappings.iter().find(|map| (map.inside..map.inside + map.count).contains(&process.uid));
        match owner {
            Some(map) => self.placement.delegate(map.outside + (process.uid - map.inside), None),
            None if config.namespaces.user == Membership::Inherit => self.placement.delegate(process.uid, None),
            None => Ok(()),
        }
    }

    /// Until everything but the program is there.
    fn converse(&mut self, child: &mut Child<'_>, plan: &Plan, config: &Config) -> Result<Left> {
        loop {
            match child.next()? {
                Event::Reached(point::CGROUP) => self.enter(child.pid(), config)?,
                Event::Reached(point::NETWORK) => self.move_interfaces(child, config)?,
                Event::Reached(point::CLASS) => self.record.resctrl.iter().try_for_each(|group| group.join(child.pid()))?,
                Event::Reached(point::HOOKS) => self.hooks(child, config)?,
                Event::Reached(point::LISTENER) => {
                    self.listener(child, config)?;
                    continue;
                }
                Event::Reached(point::LAST_LISTENER) => return self.listener(child, config).map(|()| Left::Parked),
                Event::Reached(at) => match plan.id_map(at) {
                    Some((map, path)) => prepare::map_ids(&child.take_lent()?, path, map)?,
                    None => return Ok(Left::Waiting),
                },
                Event::Executed => return Err(Error::new(ErrorKind::Step, "the init ran the program before it was started")),
            }
            child.go()?;
        }
    }

    /// A namespace that is joined does not end with a killed create: what it has of the host's is written down first.
    fn move_interfaces(&mut self, child: &mut Child<'_>, config: &Config) -> Result<()> {
        let Self { entry, record, moved, .. } = self;
        let socket = child.take_lent()?;
        let moving = moved.insert(Move::between(child.pid(), socket)?);
        for (outside, inside) in &config.net_devices {
            moving.take((outside, inside), |trail| {
                let Membership::Join(path) = &config.namespaces.network else { return Ok(()) };
                record.interfaces = Some((path.clone(), trail.clone()));
                entry.write(record)
            })?;
        }
        Ok(())
    }

    fn listener(&mut self, child: &mut Child<'_>, config: &Config) -> Result<()> {
        self.record.init = Identity::of(child.pid())?;
        // From here on its agent may keep it, and its creator's death is not its own any more: a forced delete must know it.
        self.entry.write(&self.record)?;
        lifecycle::deliver_listener(child, config.seccomp.as_ref(), &State::of(&self.record, Status::Creating))
    }

    /// The hooks of `create`, in the order of runtime-spec, runtime, "Lifecycle", 3 to 5.
    fn hooks(&mut self, child: &Child<'_>, config: &Config) -> Result<()> {
        let state = self.host_hooks(child.pid(), config)?;
        if config.hooks.create_container.is_empty() {
            return Ok(());
        }
        let inside = lifecycle::inside(config, child.pid())?;
        hooks::run(Kind::CreateContainer, &config.hooks.create_container, &state, Place::Container(&inside))
    }

    /// Those that run outside. Returns the state that they were told.
    pub(super) fn host_hooks(&mut self, pid: i32, config: &Config) -> Result<Vec<u8>> {
        self.record.init = Identity::of(pid)?;
        let state = lifecycle::state_json(&self.record, Status::Creating)?;
        let host = Place::Host { cwd: Some(&config.bundle) };
        hooks::run(Kind::Prestart, &config.hooks.prestart, &state, host)?;
        hooks::run(Kind::CreateRuntime, &config.hooks.create_runtime, &state, host)?;
        Ok(state)
    }

    /// The record that makes it a container, and word to those who asked for it.
    fn settle(&mut self, child: &Child<'_>, bytes: &[u8], request: &Create) -> Result<()> {
        self.record(child.pid(), bytes)?;
        if let Some(path) = &request.pidfd_socket {
            facts::send_pidfd(path, child.pidfd())?;
        }
        request.pid_file.as_deref().map_or(Ok(()), |path| facts::write_pid_file(path, child.pid()))
    }

    /// The record of a container that is there, with this first process.
    pub(super) fn record(&mut self, pid: i32, bytes: &[u8]) -> Result<()> {
        self.record.init = Identity::of(pid)?;
        self.record.cgroup = lifecycle::cgroup_value(&self.placement)?;
        self.record.phase = Phase::Created;
        self.record.interfaces = None;
        #[cfg(feature = "checkpoint")]
        if !self.record.terminal {
            self.record.streams = crate::checkpoint::standard_streams(pid);
        }
        self.entry.write_config(bytes)?;
        self.entry.write(&self.record)
    }

    /// Nothing is left; what was wrong first is what is told.
    pub(super) fn undo(self, mut error: Error) -> Error {
        // The kernel would not bring them back: what is virtual ends with its namespace.
        if let Some(moved) = self.moved {
            let _ = moved.undo();
        }
        if self.reached == Reached::Process && self.placement.lacked_memory() {
            error = error.during("container init was OOM-killed (memory limit too low?)");
        }
        if self.reached >= Reached::Cgroups {
            let _ = lifecycle::sweep(&self.placement);
        }
        let record = self.record;
        let _ = record.resctrl.as_ref().map(Group::undo);
        let _ = self.entry.remove();
        if self.reached == Reached::Process {
            let _ = lifecycle::poststop(&record);
        }
        error
    }
}

pub(super) fn record(id: &str, config: &Config, placement: &Placement, notify: Option<&Path>) -> Result<Record> {
    let mut record = Record::new(id);
    record.oci_version.clone_from(&config.oci_version);
    record.bundle.clone_from(&config.bundle);
    record.rootfs.clone_from(&config.rootfs);
    record.annotations.clone_from(&config.annotations);
    record.cgroup = lifecycle::cgroup_value(placement)?;
    record.poststart.clone_from(&config.hooks.poststart);
    record.poststop.clone_from(&config.hooks.poststop);
    record.terminal = config.process.as_ref().is_some_and(|process| process.terminal);
    record.notify_socket = notify.map(Path::to_owned);
    Ok(record)
}

fn host_for(request: &Create, config: &Config, placement: &Placement) -> Host {
    let whole = if request.pivot == Pivot::Move { host::whole_mounts(&config.rootfs) } else { Vec::new() };
    Host { whole, ..facts::host(config, placement).pretend(request.kernel) }
}

/// A terminal needs somebody to take its master, and the other way round.
pub(super) fn check_terminal(config: &Config, terminal: &Terminal) -> Result<()> {
    let wants = config.process.as_ref().is_some_and(|process| process.terminal);
    match (terminal, wants) {
        (Terminal::Inherit, true) => {
            Err(Error::new(ErrorKind::InvalidConfig, "cannot allocate tty if runc will detach without setting console socket"))
        }
        (Terminal::Socket(_), false) => {
            Err(Error::new(ErrorKind::InvalidConfig, "cannot use console socket if runc will not detach or allocate tty"))
        }
        _ => Ok(()),
    }
}

/// The bundle, unless the caller has read it already.
pub(super) fn bundle<'a>(read: Option<&'a Bundle>, path: &Path) -> Result<Cow<'a, Bundle>> {
    match read {
        Some(bundle) => Ok(Cow::Borrowed(bundle)),
        None => config::open(path).map(Cow::Owned),
    }
}

/// The descriptors to pass on must be the caller's to pass on: open, and not closed by an exec. A number that merely happens to be
/// open would hand the container something of the host's.
pub(super) fn check_preserved(count: u32) -> Result<()> {
    let is_passed =
        |index: u32| i32::try_from(index).ok().and_then(|index| index.checked_add(3)).is_some_and(crate::spawn::sys::is_inherited);
    if let Some(missing) = (0..count).find(|&index| !is_passed(index)) {
        let what = format!("unable to stat preserved-fd {missing} (of {count}): no such file or directory");
        return Err(Error::new(ErrorKind::InvalidConfig, what));
    }
    Ok(())
}
