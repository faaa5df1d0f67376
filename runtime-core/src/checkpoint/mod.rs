//! Saving a container that runs, and bringing it back: criu's work, and what criu has to be told for it.
//!
//! criu is a program. It is started as a child, told over a socket what to do (`criu swrk FD`), and asks back on the way:
//!
//! ```text
//! checkpoint                                        restore
//!   how, and where to      ── Dump ──▶                where from, and how     ── Restore ──▶
//!   what is not its own                               what to put there instead
//!                          ◀── pages ready                                    ◀── namespaces: hooks run
//!                                                                             ◀── terminal: its master goes to whoever waits
//!                                                                             ◀── restored: the container is recorded
//!                          ◀── done                                           ◀── done
//! ```
//!
//! Invariants: no container is touched by this room, but for mount points: it knows neither state directories' contents nor cgroups. What a
//! call has started has ended when it returns. A container that is never saved has nothing to do with any of this.

mod descriptors;
mod directories;
mod external;
mod message;
mod request;
mod root;
mod swrk;
mod sys;

pub(crate) use descriptors::of as standard_streams;
pub(crate) use external::{Bind, binds};
pub use request::{Checkpoint, CriuCgroups, CriuOption, Extent, Images, PageServer};
pub(crate) use root::MountedRoot;
pub(crate) use swrk::{Answer, Criu, Notice};

use crate::config::Config;
use crate::error::{Error, Result};
use directories::{Directories, Missing};
use external::Joined;
use message::{CgroupRoot, Features, Kind, Options};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// criu's log while saving. containerd copies it.
const DUMP_LOG: &str = "dump.log";

/// criu's log while restoring. containerd copies it.
const RESTORE_LOG: &str = "restore.log";

/// All there is to say.
const LOG_LEVEL: i32 = 4;

/// Networks are the engine's business: criu makes the namespace, and nothing in it.
const EMPTY: u32 = nix::libc::CLONE_NEWNET.cast_unsigned();

/// Where criu looks for what overrules everything told here.
const CONFIG: &str = "/etc/criu/runc.conf";

/// The annotation that names another place, or, empty, none.
const CONFIG_ANNOTATION: &str = "org.criu.config";

/// A container to save.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) config: &'a Config,
    /// Its first process.
    pub(crate) pid: i32,
    /// What of it is the host's.
    pub(crate) binds: &'a [Bind],
    /// The cgroup by which all its processes can be stopped.
    pub(crate) freezer: Option<&'a Path>,
    /// Where its standard streams led when it was created.
    pub(crate) streams: &'a [String],
}

impl Subject<'_> {
    /// Saves it.
    pub(crate) fn save(&self, request: &Checkpoint) -> Result<()> {
        let images = &request.images;
        let directories = Directories::open(images, DUMP_LOG, Missing::Make)?;
        if let Some(parent) = &request.parent {
            directories::check_parent(&images.path, parent)?;
        }
        let mut ready = PagesReady(request.status_fd.map(sys::duplicate).transpose()?);
        let mut criu = Criu::start([const { Stdio::null }; 3].map(|null| null()), Vec::new())?;
        criu.can(request)?;
        let mut options = options(images, &directories, self.config);
        self.describe(&mut options, request)?;
        let kind = match request.extent {
            Extent::Memory => Kind::PreDump,
            Extent::Whole | Extent::WholeAndGoOn => {
                self.name_what_is_not_its_own(&mut options)?;
                descriptors::write(&images.path, self.streams)?;
                Kind::Dump
            }
        };
        let done = criu.work(kind, options, &mut |notice| match notice {
            Notice::PagesReady => ready.tell(),
            _ => Ok(()),
        })?;
        done.map_err(|said| directories.failed("save", &said))
    }

    fn describe(&self, options: &mut Options, request: &Checkpoint) -> Result<()> {
        options.log_file = Some(DUMP_LOG.into());
        options.root = Some(self.config.rootfs.display().to_string());
        options.pid = Some(self.pid);
        options.leave_running = Some(request.extent != Extent::Whole);
        options.freeze_cgroup = self.freezer.map(|path| path.display().to_string());
        options.external = external::saved_namespaces(&self.config.namespaces)?;
        if let Some(parent) = &request.parent {
            options.parent_img = Some(parent.display().to_string());
            options.track_mem = Some(true);
        }
        if request.extent == Extent::Memory {
            options.track_mem = Some(true);
        }
        options.page_server = request
            .page_server
            .as_ref()
            .map(|server| message::PageServer { address: Some(server.address.clone()), port: Some(server.port.into()) });
        Ok(())
    }

    fn name_what_is_not_its_own(&self, options: &mut Options) -> Result<()> {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid));
        options.external.extend(external::saved(self.config, self.binds, &root)?);
        Ok(())
    }
}

/// Whoever waits for lazy pages, until they are told.
struct PagesReady(Option<OwnedFd>);

impl PagesReady {
    /// The end of a reader does not undo a checkpoint.
    fn tell(&mut self) -> Result<()> {
        let written = self.0.take().map_or(Ok(1), |fd| nix::unistd::write(&fd, &[0]));
        match written {
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(Error::call("write", "--status-fd", errno)),
        }
    }
}

impl Criu {
    /// Refuses what this criu, or this kernel, has not.
    fn can(&mut self, request: &Checkpoint) -> Result<()> {
        if request.extent == Extent::Memory {
            self.needs_feature("saving memory beforehand", Features { mem_track: Some(true), ..Features::default() })?;
        }
        if request.images.has(CriuOption::LazyPages) {
            self.needs_feature("lazy pages", Features { lazy_pages: Some(true), ..Features::default() })?;
        }
        Ok(())
    }
}

/// A container to bring back.
#[derive(Debug)]
pub(crate) struct Comeback<'a> {
    pub(crate) config: &'a Config,
    pub(crate) images: &'a Images,
    /// What of it is the host's.
    pub(crate) binds: &'a [Bind],
    /// The security profile to have instead of the saved one: `TYPE:NAME`.
    pub(crate) lsm_profile: Option<&'a str>,
    /// The security context of its mounts, instead of the saved one.
    pub(crate) lsm_mount_context: Option<&'a str>,
}

/// A container on its way back: a criu that waits for the word.
#[derive(Debug)]
pub(crate) struct Restoring {
    criu: Criu,
    directories: Directories,
    options: Options,
}

impl Comeback<'_> {
    /// Gets everything ready. The standard streams are the container's to come.
    pub(crate) fn prepare(&self, stdio: [Stdio; 3]) -> Result<Restoring> {
        let directories = Directories::open(self.images, RESTORE_LOG, Missing::Refuse)?;
        let joined = Joined::open(&self.config.namespaces)?;
        let mut options = options(self.images, &directories, self.config);
        options.log_file = Some(RESTORE_LOG.into());
        options.evasive_devices = Some(true);
        options.rst_sibling = Some(true);
        options.lsm_profile = self.lsm_profile.map(str::to_owned);
        options.lsm_mount_context = self.lsm_mount_context.map(str::to_owned);
        options.external = external::restored(self.binds, &self.config.rootfs)?;
        options.join_ns = joined.joined;
        options.inherit_fd = joined.inherited;
        options.inherit_fd.extend(descriptors::inherited(&descriptors::read(&self.images.path)?));
        let criu = Criu::start(stdio, joined.files)?;
        if self.lsm_profile.or(self.lsm_mount_context).is_some() {
            criu.needs((3, 16), "another security profile")?;
        }
        Ok(Restoring { criu, directories, options })
    }
}

impl Restoring {
    /// The process that is to be in the container's cgroups: what it restores is where it is.
    pub(crate) fn pid(&self) -> i32 {
        self.criu.pid()
    }

    /// Restores. `cgroups` are those that criu is in: controllers, and the path in their hierarchy.
    pub(crate) fn run(mut self, root: &MountedRoot, cgroups: BTreeMap<String, String>, answer: &mut Answer<'_>) -> Result<()> {
        self.options.root = Some(root.path().display().to_string());
        let cgroups = cgroups.into_iter().map(|(controllers, path)| CgroupRoot { controllers: Some(controllers), path });
        self.options.cg_root = cgroups.collect();
        let done = self.criu.work(Kind::Restore, self.options, answer)?;
        done.map_err(|said| self.directories.failed("restore", &said))
    }
}

/// What is said to criu whatever it is to do.
fn options(images: &Images, directories: &Directories, config: &Config) -> Options {
    let mut options = Options {
        images_dir_fd: directories.images_fd(),
        work_dir_fd: directories.work_fd(),
        log_level: Some(LOG_LEVEL),
        notify_scripts: Some(true),
        orphan_pts_master: Some(true),
        empty_ns: Some(EMPTY),
        config_file: config_file(config),
        ..Options::default()
    };
    images.apply(&mut options);
    options
}

fn config_file(config: &Config) -> Option<String> {
    let named = config.annotations.get(CONFIG_ANNOTATION).map_or(CONFIG, String::as_str);
    Some(named.to_owned()).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests;
