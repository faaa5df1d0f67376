//! Cgroups that systemd makes: a unit for each container, asked for over D-Bus.
//!
//! A scope begins with a process, so the child is born outside, waits, and is put into the scope; limits follow by the files, as everywhere.
//! systemd is told the ones it knows too, or it would undo them when it reloads. On v1 it makes the cgroups of the controllers it knows; the
//! others are made, and all are entered, by the files.
//!
//! Invariants: a start that fails leaves no unit; whoever deletes needs nothing but the saved [`Unit`]; every wait ends.

mod address;
mod annotation;
mod bus;
mod device;
mod gvariant;
mod message;
mod name;
mod property;
#[cfg(test)]
mod tests;

use super::devices;
use super::place::{Placement, Version, Wanted};
use crate::error::{Error, ErrorKind, Result};
use bus::{Answer, Bus, Manager, manager_call, property};
use message::{Body, Property, Value, named};
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) use property::{round, round_quota};

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
    #[serde(default = "unified")]
    version: Version,
    /// What annotations ask for, until it starts.
    #[serde(skip)]
    wished: Vec<Property>,
}

fn unified() -> Version {
    Version::Two
}

/// Is the systemd that a root in a user namespace would ask that of a user outside? Where it cannot be told, it is root's.
pub(crate) fn is_of_another() -> bool {
    address::owner().is_some_and(|owner| owner != 0)
}

impl Placement {
    /// Notes the properties that annotations ask for. Nobody else than systemd is asked.
    pub(crate) fn with_properties(mut self, annotations: &BTreeMap<String, String>) -> Result<Self> {
        if let Some(unit) = &mut self.unit {
            unit.wished = annotation::properties(annotations)?;
        }
        Ok(self)
    }

    /// Tells systemd of other limits.
    ///
    /// On v1 it writes its rules about devices anew whenever it is told anything, and in between nothing is allowed: nobody may run then.
    pub(super) fn tell(&self, resources: &LinuxResources) -> Result<()> {
        let Some(unit) = &self.unit else { return Ok(()) };
        let held = unit.version == Version::One && !self.is_frozen()? && self.freeze().is_ok();
        let told = unit.update(resources);
        if held {
            self.thaw()?;
        }
        told
    }

    /// Has systemd put a process where the caller may not: the container's cgroup, or one below.
    pub(crate) fn adopt(&self, pid: i32) -> Result<()> {
        let Some(unit) = &self.unit else { return self.attach(pid) };
        let dir = self.main().unwrap_or_else(|| Path::new(""));
        let inner = dir.ancestors().find(|dir| dir.ends_with(&unit.name)).and_then(|top| dir.strip_prefix(top).ok());
        unit.attach(&mut Bus::connect(unit.manager)?, &Path::new("/").join(inner.unwrap_or_else(|| Path::new(""))), pid)
    }
}

impl Unit {
    /// The unit that a container wants, of the host's systemd or the caller's own. Makes nothing.
    pub(super) fn of(wanted: &Wanted<'_>, rootless: bool, version: Version) -> Result<Self> {
        let (manager, slice) = if rootless { (Manager::User, "user.slice") } else { (Manager::System, "system.slice") };
        if rootless && version == Version::One {
            return Err(Error::new(ErrorKind::Unsupported, "cannot use rootless systemd cgroups manager on cgroup v1"));
        }
        let (slice, name) = match wanted.path.filter(|path| !path.is_empty()) {
            Some(path) => name::parse(path, slice)?,
            None => (slice, name::unit(PREFIX, wanted.id)),
        };
        Ok(Self { manager, name, slice: slice.to_owned(), id: wanted.id.to_owned(), version, wished: Vec::new() })
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
        self.start_over(&mut Bus::connect(self.manager)?, pid, resources)
    }

    fn start_over(&self, bus: &mut Bus, pid: i32, resources: Option<&LinuxResources>) -> Result<()> {
        let failed = |error: Error| error.during(format_args!("unable to start unit {:?}", self.name));
        let properties = self.properties(pid, resources, bus.version()?)?;
        let job = self.ask_to_start(bus, &properties).map_err(failed)?;
        let ended = bus.wait_for_job(&job).and_then(|result| match result.as_str() {
            "done" => Ok(()),
            other => Err(Error::new(ErrorKind::Call, format!("its job ended with {other:?}"))),
        });
        ended.map_err(|error| {
            // From here on it is ours, if it has come to be at all; and this connection's time may be over.
            let _ = self.stop_over(bus).or_else(|_| self.stop());
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

    /// Later ones win: what the config limits, over what its annotations say.
    fn properties(&self, pid: i32, resources: Option<&LinuxResources>, systemd: u32) -> Result<Vec<Property>> {
        let mut properties = vec![named("Description", Value::Text(format!("OCI container {}", self.id)))];
        if self.is_slice() {
            properties.push(named("Wants", Value::Texts(vec![self.slice.clone()])));
        } else {
            properties.push(named("Slice", Value::Text(self.slice.clone())));
            properties.push(named("Delegate", Value::Switch(true)));
            properties.push(named("PIDs", Value::Numbers(vec![pid.cast_unsigned()])));
        }
        let io = if self.version == Version::One { "BlockIOAccounting" } else { "IOAccounting" };
        let accounting = ["MemoryAccounting", "CPUAccounting", io, "TasksAccounting"];
        properties.extend(accounting.map(|name| named(name, Value::Switch(true))));
        properties.push(named("DefaultDependencies", Value::Switch(false)));
        properties.extend(self.wished.iter().cloned());
        properties.extend(self.devices(resources, systemd)?);
        properties.extend(self.limits(resources, systemd)?);
        Ok(properties)
    }

    fn devices(&self, resources: Option<&LinuxResources>, systemd: u32) -> Result<Vec<Property>> {
        let drivers = std::fs::read_to_string("/proc/devices").unwrap_or_default();
        let telling = device::Telling { systemd, filtered: self.version == Version::Two, drivers: &drivers };
        Ok(device::properties(&devices::access(resources)?, telling))
    }

    fn limits(&self, resources: Option<&LinuxResources>, systemd: u32) -> Result<Vec<Property>> {
        match (resources, self.version) {
            (None, _) => Ok(Vec::new()),
            (Some(resources), Version::One) => Ok(property::legacy(resources, systemd)),
            (Some(resources), Version::Two) => property::unified(resources, systemd),
        }
    }

    /// Tells systemd of other limits; they end with the unit. Of devices it is told nothing.
    fn update(&self, resources: &LinuxResources) -> Result<()> {
        self.update_over(&mut Bus::connect(self.manager)?, resources)
    }

    fn update_over(&self, bus: &mut Bus, resources: &LinuxResources) -> Result<()> {
        let properties = self.limits(Some(resources), bus.version()?)?;
        if properties.is_empty() {
            return Ok(());
        }
        let body = Body::default().text(&self.name).switch(true).properties(&properties);
        let done = bus.need(&manager_call("SetUnitProperties", "sba(sv)", body));
        done.map(drop).map_err(|error| error.during(format_args!("unable to set properties of unit {:?}", self.name)))
    }

    /// Puts a process into a cgroup of its own, named from the unit's as `/`.
    fn attach(&self, bus: &mut Bus, inner: &Path, pid: i32) -> Result<()> {
        let body = Body::default().text(&self.name).text(&inner.display().to_string()).numbers(&[pid.cast_unsigned()]);
        let done = bus.need(&manager_call("AttachProcessesToUnit", "ssau", body));
        done.map(drop).map_err(|error| error.during(format_args!("unable to put a process into unit {:?}", self.name)))
    }

    /// Stops it, and waits until it is gone. Gone already is as good.
    pub(super) fn stop(&self) -> Result<()> {
        self.stop_over(&mut Bus::connect(self.manager)?)
    }

    fn stop_over(&self, bus: &mut Bus) -> Result<()> {
        let failed = |error: Error| error.during(format_args!("unable to stop unit {:?}", self.name));
        let call = manager_call("StopUnit", "ss", Body::default().text(&self.name).text("replace"));
        match bus.call(&call).map_err(failed)? {
            // What does not stop is seen when its cgroup cannot be removed.
            Answer::Done(message) => drop(bus.wait_for_job(&message.text().unwrap_or_default())),
            Answer::Refused { name, .. } if name == NO_SUCH_UNIT => return Ok(()),
            Answer::Refused { words, .. } => return Err(failed(Error::new(ErrorKind::Call, words))),
        }
        self.forget(bus)
    }

    /// A unit that failed, for want of memory say, stays in systemd's memory until it is told to forget it. Any other it does not know.
    fn forget(&self, bus: &mut Bus) -> Result<()> {
        bus.call(&manager_call("ResetFailedUnit", "s", Body::default().text(&self.name))).map(drop)
    }
}

/// Where the caller's own systemd has its units.
fn own_cgroup() -> Result<PathBuf> {
    let answer = Bus::connect(Manager::User)?.need(&property(bus::OBJECT, bus::MANAGER, "ControlGroup"))?;
    let path = answer.variant_text().ok_or_else(|| Error::new(ErrorKind::Call, "systemd did not say where its cgroup is"))?;
    Ok(PathBuf::from(path.trim_start_matches('/')))
}
