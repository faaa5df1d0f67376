//! Reading: a bundle's `config.json` becomes a [`Config`] whose fields can be used without asking whether they are valid.
//!
//! Invariant: nothing here touches the host. A [`Config`] depends on the bytes of `config.json` and on the bundle's path, on nothing else.
//!
//! ```
//! # fn main() -> Result<(), runtime_core::Error> {
//! let json = br#"{"ociVersion": "1.3.0", "root": {"path": "rootfs"}}"#;
//! let config = runtime_core::config::from_slice(json, "/bundle".as_ref())?;
//! assert_eq!(config.rootfs.to_str(), Some("/bundle/rootfs"));
//!
//! let wrong = runtime_core::config::from_slice(br#"{"root": {"path": ""}}"#, "/bundle".as_ref());
//! assert_eq!(wrong.unwrap_err().to_string(), "config.json: root.path: must not be empty");
//! # Ok(())
//! # }
//! ```

use crate::error::{Error, Result};
use nix::libc;
use oci_spec::runtime::{LinuxIntelRdt, LinuxResources, LinuxSeccomp};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

pub(crate) mod capabilities;
#[cfg(test)]
mod case;
mod check;
mod devices;
pub(crate) mod hooks;
pub(crate) mod mount_options;
mod mounts;
#[cfg(test)]
pub(crate) mod mutation;
pub(crate) mod namespaces;
mod net_devices;
mod nul;
mod numbers;
mod paths;
pub(crate) mod policy;
mod process;
mod read;
mod resctrl;
mod resources;
mod rules;
mod scheduling;
mod shape;
pub(crate) mod sysctl;
mod tolerant;

pub use process::process;
pub use read::{Bundle, from_slice, open, parse_process, read};
pub(crate) use resctrl::intel_rdt;
pub use resources::parse_resources;

/// A property, and why it is not accepted.
fn refuse<T>(property: impl Display, why: impl Display) -> Result<T> {
    Err(Error::config(one_line(&property.to_string()), one_line(&why.to_string())))
}

/// What was read can have line ends and worse in it; an error is one line.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A `config.json` that has been read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ociVersion`, as written.
    pub oci_version: String,
    /// The bundle's directory, absolute.
    pub bundle: PathBuf,
    /// `root.path`, absolute (relative ones are resolved against the bundle).
    pub rootfs: PathBuf,
    /// `root.readonly`.
    pub rootfs_readonly: bool,
    /// `linux.rootfsPropagation`.
    pub rootfs_propagation: Option<Propagation>,
    /// `mounts`, in order.
    pub mounts: Vec<Mount>,
    /// `process`; a container without one can be created, not started.
    pub process: Option<Process>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `domainname`.
    pub domainname: Option<String>,
    /// `hooks`.
    pub hooks: Hooks,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `linux.namespaces`.
    pub namespaces: Namespaces,
    /// `linux.uidMappings`.
    pub uid_mappings: Vec<IdMapping>,
    /// `linux.gidMappings`.
    pub gid_mappings: Vec<IdMapping>,
    /// `linux.timeOffsets`.
    pub time_offsets: TimeOffsets,
    /// `linux.devices`: what the config adds to the default nodes.
    pub devices: Vec<Device>,
    /// `linux.cgroupsPath`, as written.
    pub cgroups_path: Option<String>,
    /// `linux.resources`.
    pub resources: Option<LinuxResources>,
    /// `linux.sysctl`, keys as written.
    pub sysctl: BTreeMap<String, String>,
    /// `linux.maskedPaths`, absolute, without duplicates.
    pub masked_paths: Vec<String>,
    /// `linux.readonlyPaths`, absolute, without duplicates.
    pub readonly_paths: Vec<String>,
    /// `linux.mountLabel`.
    pub mount_label: Option<String>,
    /// `linux.seccomp`.
    pub seccomp: Option<LinuxSeccomp>,
    /// `linux.personality.domain`, as `personality(2)` takes it.
    pub personality: Option<u32>,
    /// `linux.memoryPolicy`.
    pub memory_policy: Option<MemoryPolicy>,
    /// `linux.netDevices`: the host's name of an interface → its name inside.
    pub net_devices: BTreeMap<String, String>,
    /// `linux.intelRdt`.
    pub intel_rdt: Option<LinuxIntelRdt>,
    /// What was read and set aside with a word to the user: an unknown capability, say.
    pub warnings: Vec<String>,
}

/// `process`: the program and who it is.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// `terminal`.
    pub terminal: bool,
    /// `consoleSize` as (rows, columns); none without a terminal.
    pub console_size: Option<(u16, u16)>,
    /// `args`, at least one, the first not empty.
    pub args: Vec<String>,
    /// `env`, entries as written, each `KEY=value`, a later one of the same key last.
    pub env: Vec<String>,
    /// `cwd`, absolute.
    pub cwd: String,
    /// `user.uid`.
    pub uid: u32,
    /// `user.gid`.
    pub gid: u32,
    /// `user.umask`.
    pub umask: Option<u32>,
    /// `user.additionalGids`.
    pub additional_gids: Vec<u32>,
    /// `capabilities`; none means the property is absent.
    pub capabilities: Option<Capabilities>,
    /// `rlimits`.
    pub rlimits: Vec<Rlimit>,
    /// `noNewPrivileges`.
    pub no_new_privileges: bool,
    /// `oomScoreAdj`; unset means unchanged.
    pub oom_score_adj: Option<i32>,
    /// `apparmorProfile`.
    pub apparmor_profile: Option<String>,
    /// `selinuxLabel`.
    pub selinux_label: Option<String>,
    /// `scheduler`.
    pub scheduler: Option<Scheduler>,
    /// `ioPriority` as `ioprio_set(2)` takes it.
    pub io_priority: Option<u16>,
    /// `execCPUAffinity.initial`, as CPU numbers.
    pub affinity_initial: Option<Vec<u32>>,
    /// `execCPUAffinity.final`, as CPU numbers.
    pub affinity_final: Option<Vec<u32>>,
}

/// The five sets, each a mask with bit n for capability n.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The bounding set.
    pub bounding: u64,
    /// The effective set.
    pub effective: u64,
    /// The permitted set.
    pub permitted: u64,
    /// The inheritable set.
    pub inheritable: u64,
    /// The ambient set.
    pub ambient: u64,
}

/// One `rlimits` entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// `RLIMIT_*`, as `prlimit(2)` takes it.
    pub resource: u32,
    /// The soft limit, in the resource's unit.
    pub soft: u64,
    /// The hard limit, in the resource's unit.
    pub hard: u64,
}

/// `scheduler`, as `sched_setattr(2)` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler {
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub runtime: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub deadline: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub period: u64,
}

/// `linux.memoryPolicy`, as `set_mempolicy(2)` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// `MPOL_*`, or-ed with `MPOL_F_*`.
    pub mode: u32,
    /// The nodes' numbers.
    pub nodes: Vec<u32>,
}

/// The namespaces a container is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// `mount`.
    pub mount: Membership,
    /// `pid`.
    pub pid: Membership,
    /// `network`.
    pub network: Membership,
    /// `ipc`.
    pub ipc: Membership,
    /// `uts`.
    pub uts: Membership,
    /// `user`.
    pub user: Membership,
    /// `cgroup`.
    pub cgroup: Membership,
    /// `time`.
    pub time: Membership,
}

/// Whose namespace of one type a container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Membership {
    /// The runtime's.
    #[default]
    Inherit,
    /// One of its own.
    New,
    /// The one at this absolute path.
    Join(PathBuf),
}

impl Membership {
    /// Is the namespace another than the runtime's?
    #[must_use]
    pub fn is_private(&self) -> bool {
        *self != Self::Inherit
    }
}

/// One line of `uid_map` or `gid_map`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMapping {
    /// The first id inside.
    pub inside: u32,
    /// The first id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// `linux.timeOffsets`, each (seconds, nanoseconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeOffsets {
    /// Of `CLOCK_MONOTONIC`.
    pub monotonic: Option<(i64, u32)>,
    /// Of `CLOCK_BOOTTIME`.
    pub boottime: Option<(i64, u32)>,
}

/// One `linux.devices` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where, absolute, in the container.
    pub path: String,
    /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`.
    pub kind: u32,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner, in the container's ids.
    pub uid: u32,
    /// Group, in the container's ids.
    pub gid: u32,
}

/// One `mounts` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, absolute, in the container, lexically cleaned (no `.`, `..` or double slash).
    pub destination: String,
    /// What is mounted there.
    pub what: MountWhat,
    /// What the options say, apart.
    pub options: MountOptions,
}

/// What a mount is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountWhat {
    /// A new file system.
    Fs {
        /// `type`.
        fstype: String,
        /// `source`, as written; the type's name if unset.
        source: String,
    },
    /// A file or directory of the host; `source` is absolute.
    Bind {
        /// The host's path.
        source: PathBuf,
        /// `rbind`: with the mounts below it.
        recursive: bool,
    },
    /// The container's cgroup hierarchy (type `cgroup`).
    Cgroup,
    /// An existing mount with other options (`remount` without `bind`).
    Remount,
}

/// `mounts[].options`, sorted by what the kernel does with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// `MOUNT_ATTR_*` to set on this mount.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear on this mount.
    pub clear: u64,
    /// `MOUNT_ATTR_*` to set on this mount and all below it.
    pub recursive_set: u64,
    /// `MOUNT_ATTR_*` to clear on this mount and all below it.
    pub recursive_clear: u64,
    /// `MS_*` bits that are the superblock's: `sync`, `dirsync`, `mand`, `lazytime`, `silent`, `iversion`.
    pub superblock: u64,
    /// `MS_*` bits of that sort that a negative option (`async`, `nolazytime`, …) takes away.
    pub superblock_clear: u64,
    /// Propagation changes, in order.
    pub propagation: Vec<Propagation>,
    /// What the file system itself gets: `size=64m`, `newinstance`.
    pub data: Vec<String>,
    /// `tmpcopyup`.
    pub copy_up: bool,
    /// `remount` together with `bind`.
    pub remount: bool,
    /// `idmap` or `ridmap`, with their mappings.
    pub id_map: Option<MountIdMap>,
}

/// The ids a mount is seen with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountIdMap {
    /// `ridmap`: for the mounts below it too.
    pub recursive: bool,
    /// Empty: the container's user namespace's.
    pub uid_mappings: Vec<IdMapping>,
    /// Empty: the container's user namespace's.
    pub gid_mappings: Vec<IdMapping>,
}

/// A propagation change, of one mount or of a mount and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// To what.
    pub kind: PropagationKind,
    /// The `r` forms.
    pub recursive: bool,
}

/// `mount_namespaces(7)`, "Propagation types".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropagationKind {
    /// `MS_SHARED`.
    Shared,
    /// `MS_SLAVE`.
    Slave,
    /// `MS_PRIVATE`.
    Private,
    /// `MS_UNBINDABLE`.
    Unbindable,
}

impl PropagationKind {
    /// The `MS_*` flag.
    #[must_use]
    pub fn flag(self) -> u64 {
        match self {
            Self::Shared => libc::MS_SHARED,
            Self::Slave => libc::MS_SLAVE,
            Self::Private => libc::MS_PRIVATE,
            Self::Unbindable => libc::MS_UNBINDABLE,
        }
    }
}

/// `hooks`, each kind in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Deprecated: in the runtime's namespaces, before `createRuntime`.
    pub prestart: Vec<Hook>,
    /// In the runtime's namespaces, before `pivot_root`.
    pub create_runtime: Vec<Hook>,
    /// In the container's namespaces, before `pivot_root`.
    pub create_container: Vec<Hook>,
    /// In the container's namespaces, before the program.
    pub start_container: Vec<Hook>,
    /// In the runtime's namespaces, after the program was started.
    pub poststart: Vec<Hook>,
    /// In the runtime's namespaces, after the container was deleted.
    pub poststop: Vec<Hook>,
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hook {
    /// The program, absolute.
    pub path: PathBuf,
    /// Its arguments, the program's name first; empty means `[path]`.
    pub args: Vec<String>,
    /// Its environment; none means the property is absent.
    pub env: Option<Vec<String>>,
    /// After this many seconds it is killed and has failed.
    pub timeout_s: Option<u64>,
}
