//! Which devices a container may use: `linux.resources.devices`, and the few that every container needs.
//!
//! The rules count in order, from "nothing is allowed" on; for each of reading, writing and making a node the last rule about a device decides.
//! v2 runs them as a program ([`program`]); v1 knows one list without order, so [`table`] works that list out, and refuses what it cannot say.
//!
//! Invariant: devices are set at `create` only.

use super::create::Created;
use super::file;
use super::place::{Placement, Refusal, Version, is_permission};
use super::sys;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use oci_spec::runtime::LinuxResources;
use rules::Rule;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

mod program;
mod rules;
mod table;

pub(super) use rules::Kind;

const PROPERTY: &str = "linux.resources.devices";

/// What the rules come to, for whoever has a filter beside ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Every device.
    All,
    /// Every device but some, or what no list can say.
    AllBut,
    /// These alone.
    Only(Vec<Pattern>),
}

/// Some devices, and what may be done with them. No number means every number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) kind: Kind,
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    /// Of `rwm`.
    pub(super) uses: String,
}

/// What a container may do with devices, those that every container has among them.
pub(super) fn access(resources: Option<&LinuxResources>) -> Result<Access> {
    let asked = resources.and_then(|resources| resources.devices().as_deref()).unwrap_or_default();
    let rules = rules::parse(asked)?;
    Ok(table::work_out(&rules).map_or(Access::AllBut, |table| table.access()))
}

/// Sets the filter of a container that is being created.
pub(super) fn apply(placement: &Placement, resources: Option<&LinuxResources>, created: &Created) -> Result<()> {
    if placement.is_none() {
        return Ok(());
    }
    let asked = resources.and_then(|resources| resources.devices().as_deref()).unwrap_or_default();
    let rules = rules::parse(asked)?;
    let done = match placement.version() {
        Version::One => write_table(placement, &table::work_out(&rules).map_err(|error| error.during(PROPERTY))?),
        Version::Two => filter(&rules, created),
    };
    match done {
        Err(error) if may_go_without(placement, &error) => Ok(()),
        done => done.map_err(|error| error.during(PROPERTY)),
    }
}

/// A rootless caller, and one in a user namespace, can neither filter devices nor make nodes of them.
fn may_go_without(placement: &Placement, error: &Error) -> bool {
    let refused = error.errno().is_some_and(|raw| is_permission(Errno::from_raw(raw)));
    placement.refusal == Refusal::Tolerated || refused && in_user_namespace()
}

/// The first user namespace maps every id to itself.
fn in_user_namespace() -> bool {
    let map = file::read(Path::new("/proc/self/uid_map")).unwrap_or_default();
    !map.is_empty() && map.split_whitespace().ne(["0", "0", "4294967295"])
}

fn write_table(placement: &Placement, table: &table::Table) -> Result<()> {
    let Some(dir) = placement.dir("devices") else {
        // Without the controller every device is open to the container.
        return Err(Error::new(ErrorKind::Unsupported, "the devices cgroup controller is not mounted"));
    };
    let (all, exceptions) = table.files();
    file::set(&dir.join(all), "a")?;
    let path = dir.join(exceptions);
    let failed = |errno| Error::call("write", &path, errno);
    let file = file::open_with(&path, OFlag::O_WRONLY).map_err(failed)?;
    table.lines().try_for_each(|line| file::put(&file, &line)).map_err(failed)
}

fn filter(rules: &[Rule], created: &Created) -> Result<()> {
    let failed = |call: &'static str| move |errno| Error::call(call, "device filter", errno);
    let Some(cgroup) = &created.directory else { return Ok(()) };
    let program = program::compile(rules).ok_or_else(|| Error::new(ErrorKind::Unsupported, "more rules than the kernel takes"))?;
    let program = load(&program).map_err(failed("bpf(BPF_PROG_LOAD)"))?;
    match created.fresh {
        true => sys::attach_device_program(cgroup.as_fd(), program.as_fd(), None),
        false => replace(cgroup.as_fd(), program.as_fd()),
    }
    .map_err(failed("bpf(BPF_PROG_ATTACH)"))
}

/// Before Linux 5.11 programs counted as locked memory, of which a caller has little.
fn load(program: &[sys::Instruction]) -> nix::Result<OwnedFd> {
    match sys::load_device_program(program) {
        Err(Errno::EPERM) => with_locked_memory(|| sys::load_device_program(program)),
        done => done,
    }
}

fn with_locked_memory<T>(call: impl FnOnce() -> nix::Result<T>) -> nix::Result<T> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY)?;
    let done = call();
    setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard)?;
    done
}

/// Puts the filter in the place of those that are there, so that at no moment none holds.
fn replace(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> nix::Result<()> {
    let mut old = Vec::new();
    for id in sys::device_programs(cgroup)? {
        match sys::program_by_id(id) {
            Ok(fd) => old.push(fd),
            // An LSM may hide a program. It can only forbid more.
            Err(errno) if is_permission(errno) => {}
            Err(errno) => return Err(errno),
        }
    }
    if let [only] = old.as_slice() {
        match sys::attach_device_program(cgroup, program, Some(only.as_fd())) {
            // Linux < 5.6 cannot replace.
            Err(Errno::EINVAL) => {}
            done => return done,
        }
    }
    sys::attach_device_program(cgroup, program, None)?;
    old.iter().try_for_each(|old| sys::detach_device_program(cgroup, old.as_fd()))
}
