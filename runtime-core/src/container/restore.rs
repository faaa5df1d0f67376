//! `restore`: a container that was saved is brought back, with the processes it had.

use super::checkpoint::outside;
use super::create::{self, Attempt, Reached};
use super::{Container, Runtime, Terminal, facts};
use crate::cgroup::Placement;
use crate::checkpoint::{Comeback, Images, MountedRoot, Notice};
use crate::compile::{self, point};
use crate::config::{Bundle, Config, Membership};
use crate::error::{Error, ErrorKind, Result};
use crate::prepare::{self, Given};
use crate::spawn::{Child, Event, Launch};
use crate::state::check_id;
use crate::{notify, socket};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

/// What [`Runtime::restore`] is asked for.
#[derive(Debug, Default)]
pub struct Restore {
    /// Where the images are.
    pub images: Images,
    /// The directory with `config.json`: the one it was saved with, or one that makes the same of it.
    pub bundle: PathBuf,
    /// What is in it, where the caller has read it already.
    pub read: Option<Bundle>,
    /// Who gets the master of the terminal.
    pub terminal: Terminal,
    /// stdin, stdout and stderr, in place of the pipes that it had; none means the caller's.
    pub stdio: [Option<OwnedFd>; 3],
    /// Receives the first process's pid, in decimal, without a newline.
    pub pid_file: Option<PathBuf>,
    /// The host's socket, if the container had one to tell when it is ready.
    pub notify_socket: Option<PathBuf>,
    /// The security profile to have instead of the saved one: `TYPE:NAME`.
    pub lsm_profile: Option<String>,
    /// The security context of its mounts, instead of the saved one.
    pub lsm_mount_context: Option<String>,
}

impl Restore {
    /// A restore of this bundle from these images, and nothing special.
    #[must_use]
    pub fn of(bundle: impl Into<PathBuf>, images: impl Into<PathBuf>) -> Self {
        Self { bundle: bundle.into(), images: Images::of(images), ..Self::default() }
    }
}

impl Runtime {
    /// Brings a container back from what [`Container::checkpoint`] has saved. It runs then, a child of the caller's.
    ///
    /// # Errors
    /// As [`Runtime::create`]; [`ErrorKind::Unsupported`] if criu is missing or too old, [`ErrorKind::Checkpoint`] if criu cannot restore it.
    /// Nothing of the container is left then.
    pub fn restore(&self, id: &str, request: &Restore) -> Result<Container> {
        check_id(id)?;
        let bundle = create::bundle(request.read.as_ref(), &request.bundle)?;
        let config = &bundle.config;
        create::check_terminal(config, &request.terminal)?;
        let placement = self.place(id, config)?;
        let mut record = create::record(id, config, &placement, request.notify_socket.as_deref())?;
        record.resctrl = self.group(id, config)?;
        let entry = self.store.create(&record)?;
        let mut attempt = Attempt { entry, record, placement, reached: Reached::Nothing, moved: None };
        match attempt.restore(&bundle, request) {
            Ok(()) => Ok(Container::made(&self.store, (attempt.entry.release()?, attempt.record), bundle.into_owned().config)),
            Err(error) => Err(attempt.undo(error)),
        }
    }
}

impl Attempt {
    fn restore(&mut self, bundle: &Bundle, request: &Restore) -> Result<()> {
        let config = &bundle.config;
        let mut console = facts::console(&request.terminal)?;
        if request.notify_socket.is_some() {
            notify::make_directory(self.entry.path())?;
        }
        make_mount_points(config, &self.placement)?;
        let binds = outside(config, &self.placement, (&self.record, self.entry.path()));
        let comeback = Comeback {
            config,
            images: &request.images,
            binds: &binds,
            lsm_profile: request.lsm_profile.as_deref(),
            lsm_mount_context: request.lsm_mount_context.as_deref(),
        };
        let root = MountedRoot::mount(&config.rootfs, self.entry.path())?;
        let restoring = comeback.prepare(stdio(request, &self.record)?)?;
        self.confine(restoring.pid(), config)?;
        let cgroups = Placement::names_of_process(restoring.pid())?;
        let mut answer = |notice| match notice {
            Notice::Namespaces(pid) => self.host_hooks(pid, config).map(drop),
            Notice::Restored(pid) => self.settle_restored(pid, bundle),
            // Only the container's own has somebody to take it; those of other sessions end.
            Notice::Terminal(master) => console.take().map_or(Ok(()), |console| socket::send_fd(console, master, b"/dev/ptmx")),
            Notice::PagesReady | Notice::Other => Ok(()),
        };
        restoring.run(&root, cgroups, &mut answer)?;
        let pid = self.record.init.map(|init| init.pid).ok_or_else(|| Error::new(ErrorKind::Checkpoint, "criu restored no process"))?;
        request.pid_file.as_deref().map_or(Ok(()), |path| facts::write_pid_file(path, pid))
    }

    /// Makes the cgroups, and the class of Intel RDT, and puts a process there. What it starts is there too.
    fn confine(&mut self, pid: i32, config: &Config) -> Result<()> {
        if let (Some(group), Some(rdt)) = (&mut self.record.resctrl, &config.intel_rdt) {
            group.make(rdt)?;
            group.join(pid)?;
        }
        let created = self.placement.create(config.resources.as_ref())?;
        if self.placement.is_entered() {
            return self.enter(pid, config);
        }
        self.reached = Reached::Cgroups;
        self.placement.attach(pid)?;
        self.reached = Reached::Process;
        self.limit(config, &created)
    }

    /// From here on it is a container, whatever becomes of its creator: criu goes on only after this.
    fn settle_restored(&mut self, pid: i32, bundle: &Bundle) -> Result<()> {
        let own = std::fs::read_link("/proc/self/ns/time").ok();
        let theirs = std::fs::read_link(format!("/proc/{pid}/ns/time")).ok();
        self.record.time_namespace = bundle.config.namespaces.time == Membership::Inherit && own != theirs;
        self.record(pid, &bundle.bytes)
    }
}

/// criu's standard streams become the container's where that had pipes.
fn stdio(request: &Restore, record: &crate::state::Record) -> Result<[Stdio; 3]> {
    let mut stdio = [const { None }; 3];
    for (stream, given) in stdio.iter_mut().zip(&request.stdio) {
        *stream = Some(match given {
            _ if record.terminal => Stdio::null(),
            Some(fd) => fd.try_clone().map(Stdio::from).map_err(|error| Error::io("dup", "stdio", error))?,
            None => Stdio::inherit(),
        });
    }
    Ok(stdio.map(|stream| stream.unwrap_or_else(Stdio::null)))
}

/// What mounts are put on may be gone: a container is restored into a copy of its root, too.
fn make_mount_points(config: &Config, placement: &Placement) -> Result<()> {
    if config.namespaces.mount != Membership::New {
        return Ok(());
    }
    let plan = compile::mount_points(config, &facts::host(config, placement))?;
    let fds = prepare::open(&plan, Given::default())?;
    let launch = Launch { plan: &plan, fds, stdio: [None; 3], preserve: 0, cgroup: None, fail_at: None };
    let mut child = Child::launch(&launch)?;
    match child.next()? {
        // It is not needed any more, and ends with this.
        Event::Reached(point::CREATED) => Ok(()),
        _ => Err(Error::new(ErrorKind::Step, "the mount points were not made")),
    }
}
