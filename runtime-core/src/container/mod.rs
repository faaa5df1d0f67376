//! The story: what happens to a container, from `create` to `delete`. Each verb is one short page; what it takes is in other rooms.

#[cfg(feature = "checkpoint")]
mod checkpoint;
mod create;
mod delete;
mod exec;
mod facts;
mod kill;
mod lifecycle;
mod request;
#[cfg(feature = "checkpoint")]
mod restore;
mod start;

pub use exec::{Exec, IgnorePaused, Process};
pub use request::{Create, Keyring, Pivot, Rootless, Terminal};
#[cfg(feature = "checkpoint")]
pub use restore::Restore;

use crate::cgroup::{CgroupDriver, Placement};
use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::state::{Entry, Record, State, Status, Store};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Where containers' state lives, and how this host's cgroups are driven.
///
/// ```no_run
/// use runtime_core::{Create, Runtime};
///
/// let runtime = Runtime::new("/run/my-containers");
/// let mut web = runtime.create("web1", &Create::of("/srv/bundles/web"))?;
/// web.start()?;
/// web.kill(15)?;
/// # Ok::<(), runtime_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Runtime {
    store: Store,
    driver: CgroupDriver,
    rootless: Rootless,
    resctrl: Option<PathBuf>,
}

impl Runtime {
    /// The containers whose state is below `root`; it is made when it is needed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { store: Store::new(root), driver: CgroupDriver::default(), rootless: Rootless::default(), resctrl: None }
    }

    /// Who makes cgroups for new containers. Those that exist keep theirs.
    #[must_use]
    pub fn with_cgroup_driver(mut self, driver: CgroupDriver) -> Self {
        self.driver = driver;
        self
    }

    /// What a refused cgroup means.
    #[must_use]
    pub fn with_rootless(mut self, rootless: Rootless) -> Self {
        self.rootless = rootless;
        self
    }

    /// For tests: where Intel RDT is, whatever the host says.
    #[doc(hidden)]
    #[must_use]
    pub fn with_resctrl(mut self, root: impl Into<PathBuf>) -> Self {
        self.resctrl = Some(root.into());
        self
    }

    /// The container with this id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::InvalidId`].
    pub fn load(&self, id: &str) -> Result<Container> {
        Container::of(&self.store, self.store.open(id)?)
    }

    /// All containers, by id, opened one after the other. What cannot be read, since it is just coming or going, is left out.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if the state directory cannot be read: `ENOENT` where there is none.
    pub fn list(&self) -> Result<impl Iterator<Item = Container>> {
        Ok(self.store.ids()?.into_iter().filter_map(|id| self.load(&id).ok()))
    }
}

/// A container that exists: created, running, paused or stopped.
#[derive(Debug)]
pub struct Container {
    store: Store,
    entry: Entry,
    record: Record,
    /// Read when it is first needed.
    config: OnceLock<Config>,
}

impl Container {
    fn of(store: &Store, entry: Entry) -> Result<Self> {
        let record = entry.record()?;
        Ok(Self { store: store.clone(), entry, record, config: OnceLock::new() })
    }

    /// One that was made just now.
    fn made(store: &Store, (entry, record): (Entry, Record), config: Config) -> Self {
        let config = as_restored(config, &record).into();
        Self { store: store.clone(), entry, record, config }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Where in its life it is, now.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if `/proc` or its cgroup cannot be read.
    pub fn status(&self) -> Result<Status> {
        self.entry.signs(&self.record)?.status(|| self.placement()?.is_frozen())
    }

    /// What `state` prints: runtime-spec, runtime, "State".
    ///
    /// # Errors
    /// As [`Container::status`].
    pub fn state(&self) -> Result<State> {
        Ok(State::of(&self.record, self.status()?))
    }

    /// Its first process, as the caller sees it; none when it has ended.
    #[must_use]
    pub fn init_pid(&self) -> Option<i32> {
        self.record.init.filter(|init| init.is_alive().unwrap_or(false)).map(|init| init.pid)
    }

    /// The configuration it was created from, whatever the bundle says by now, with the limits of the last update.
    ///
    /// # Errors
    /// [`ErrorKind::Call`] if it cannot be read.
    pub fn config(&self) -> Result<&Config> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let mut read = config::from_slice(&self.entry.config()?, &self.record.bundle)?;
        read.resources = self.record.resources.clone().or(read.resources);
        Ok(self.config.get_or_init(|| as_restored(read, &self.record)))
    }

    /// `process` of that configuration, as the file has it: what `exec` starts from.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if it has none.
    pub fn process(&self) -> Result<oci_spec::runtime::Process> {
        let value: serde_json::Value = serde_json::from_slice(&self.entry.config()?).map_err(|error| Error::config("process", error))?;
        let process = value.get("process").ok_or_else(|| Error::config("process", "process property must not be empty"))?;
        config::parse_process(process.to_string().as_bytes()).map(|(process, _)| process)
    }

    /// Its place among the cgroups; nowhere, if it has none.
    fn placement(&self) -> Result<Placement> {
        placement(&self.record)
    }
}

/// The config, with the namespace that it has not asked for.
fn as_restored(mut config: Config, record: &Record) -> Config {
    if record.time_namespace {
        config.namespaces.time = config::Membership::New;
    }
    config
}

/// A record's place among the cgroups.
fn placement(record: &Record) -> Result<Placement> {
    let Some(value) = &record.cgroup else { return Ok(Placement::default()) };
    serde_json::from_value(value.clone()).map_err(|error| Error::new(ErrorKind::Unsupported, format!("read state.json: cgroup: {error}")))
}
