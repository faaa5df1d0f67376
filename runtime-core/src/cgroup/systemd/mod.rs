//! Cgroups that systemd makes: a unit for each container, asked for over D-Bus.
//!
//! A scope begins with a process, so the child is born outside, waits, and is put into the scope; limits follow by the files, as everywhere.
//! systemd is told the ones it knows too, or it would undo them when it reloads.
//!
//! Invariants: v2 only; a start that fails leaves no unit; whoever deletes needs nothing but the saved [`Unit`].

mod bus;
mod message;
mod name;
mod property;

use super::place::Wanted;
use super::resources;
use crate::error::{Error, ErrorKind, Result};
use bus::{Answer, Bus, Manager, manager_call, property};
use message::{Body, Property, Value};
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub(super) use property::round;

/// What a unit is called by, where the config has no name for it.
const PREFIX: &str = "runtime-shim";

const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// A container's unit. Saved with the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    manager: Manager,
    pub(super) name: String,
    slice: String,
    id: String,
}

impl Unit {
    /// The unit that a container wants, of the host's systemd or the caller's own. Makes nothing.
    pub(super) fn of(wanted: &Wanted<'_>, rootless: bool) -> Result<Self> {
        let (manager, slice) = if rootless { (Manager::User, "user.slice") } else { (Manager::System, "system.slice") };
        let (slice, name) = match wanted.path.filter(|path| !path.is_empty()) {
            Some(path) => name::parse(path, slice)?,
            None => (slice, name::unit(PREFIX, wanted.id)),
        };
        Ok(Self { manager, name, slice: slice.to_owned(), id: wanted.id.to_owned() })
    }

    /// Its cgroup, below the mount point.
    pub(super) fn place(&self) -> Result<PathBuf> {
        let below = name::place(&self.slice, &self.name)?;
        if !Path::new("/run/systemd/system").is_dir() {
            let what = "systemd not running on this host, cannot use systemd cgroups manager";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        match self.manager {
            Manager::System => Ok(below),
            Manager::User => Ok(own_cgroup()?.join(below)),
        }
    }

    pub(super) fn is_slice(&self) -> bool {
        self.name.ends_with(".slice")
    }

    /// Starts it with a process in it, and waits until it is there.
    pub(super) fn start(&self, pid: i32, resources: Option<&LinuxResources>) -> Result<()> {
        let failed = |error: Error| error.during(format_args!("unable to start unit {:?}", self.name));
        let mut bus = Bus::connect(self.manager)?;
        let job = self.ask_to_start(&mut bus, &self.properties(pid, resources)?).map_err(failed)?;
        let ended = bus.wait_for_job(&job).and_then(|result| match result.as_str() {
            "done" => Ok(()),
            other => Err(Error::new(ErrorKind::Call, format!("its job ended with {other:?}"))),
        });
        ended.map_err(|error| {
            // It is ours, if it has come to be at all.
            let _ = self.stop();
            failed(error)
        })
    }

    fn ask_to_start(&self, bus: &mut Bus, properties: &[Property]) -> Result<String> {
        let body = Body::default().text(&self.name).text("replace").properties(properties).no_other_units();
        let call = manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))", body);
        let answer = match bus.call(&call)? {
            // A unit of this name that has failed is kept to be looked at. One that runs is not given up by this.
            Answer::Refused { name, .. } if name == UNIT_EXISTS => {
                self.forget(bus)?;
                bus.call(&call)?
            }
            answer => answer,
        };
        match answer {
            Answer::Done(message) => message.text().ok_or_else(|| Error::new(ErrorKind::Call, "systemd named no job")),
            Answer::Refused { words, .. } => Err(Error::new(ErrorKind::Call, words)),
        }
    }

    fn properties(&self, pid: i32, resources: Option<&LinuxResources>) -> Result<Vec<Property>> {
        let mut properties = vec![("Description", Value::Text(format!("OCI container {}", self.id)))];
        if self.is_slice() {
            properties.push(("Wants", Value::Texts(vec![self.slice.clone()])));
        } else {
            properties.push(("Slice", Value::Text(self.slice.clone())));
            properties.push(("Delegate", Value::Switch(true)));
            properties.push(("PIDs", Value::Numbers(vec![pid.cast_unsigned()])));
        }
        let accounting = ["CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"];
        properties.extend(accounting.map(|name| (name, Value::Switch(true))));
        properties.push(("DefaultDependencies", Value::Switch(false)));
        properties.extend(limits(resources)?);
        Ok(properties)
    }

    /// Tells systemd of other limits; they end with the unit.
    pub(super) fn update(&self, resources: &LinuxResources) -> Result<()> {
        let properties = limits(Some(resources))?;
        if properties.is_empty() {
            return Ok(());
        }
        let body = Body::default().text(&self.name).switch(true).properties(&properties);
        let call = manager_call("SetUnitProperties", "sba(sv)", body);
        let done = Bus::connect(self.manager)?.need(&call);
        done.map(drop).map_err(|error| error.during(format_args!("unable to set properties of unit {:?}", self.name)))
    }

    /// Stops it, and waits until it is gone. Gone already is as good.
    pub(super) fn stop(&self) -> Result<()> {
        let failed = |error: Error| error.during(format_args!("unable to stop unit {:?}", self.name));
        let mut bus = Bus::connect(self.manager)?;
        let call = manager_call("StopUnit", "ss", Body::default().text(&self.name).text("replace"));
        match bus.call(&call).map_err(failed)? {
            // What does not stop is seen when its cgroup cannot be removed.
            Answer::Done(message) => drop(bus.wait_for_job(&message.text().unwrap_or_default())),
            Answer::Refused { name, .. } if name == NO_SUCH_UNIT => return Ok(()),
            Answer::Refused { words, .. } => return Err(failed(Error::new(ErrorKind::Call, words))),
        }
        self.forget(&mut bus)
    }

    /// A unit that failed, for want of memory say, stays in systemd's memory until it is told to forget it. Any other it does not know.
    fn forget(&self, bus: &mut Bus) -> Result<()> {
        bus.call(&manager_call("ResetFailedUnit", "s", Body::default().text(&self.name))).map(drop)
    }
}

fn limits(resources: Option<&LinuxResources>) -> Result<Vec<Property>> {
    let Some(resources) = resources else { return Ok(Vec::new()) };
    let files = resources::files(resources)?;
    Ok(property::of(files.iter().map(|(file, value)| (file.as_str(), value.as_str()))))
}

/// Where the caller's own systemd has its units.
fn own_cgroup() -> Result<PathBuf> {
    let answer = Bus::connect(Manager::User)?.need(&property(bus::OBJECT, bus::MANAGER, "ControlGroup"))?;
    let path = answer.variant_text().ok_or_else(|| Error::new(ErrorKind::Call, "systemd did not say where its cgroup is"))?;
    Ok(PathBuf::from(path.trim_start_matches('/')))
}
