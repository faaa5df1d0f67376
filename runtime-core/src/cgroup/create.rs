//! A placement's directories: made, filled with what they need before a process can enter, and removed.
//!
//! Invariant: a `create` that fails leaves nothing it made; `remove` takes away the container's own directories and what is inside them,
//! never a parent.

use super::file;
use super::place::{Group, Placement, Version};
use super::resources;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkdir;
use oci_spec::runtime::LinuxResources;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `create` leaves in its caller's hands.
#[derive(Debug)]
pub(crate) struct Created {
    /// Was every directory made now? One that was there before may have limits and device filters of its own.
    pub(crate) fresh: bool,
    /// v2 alone: the directory, for `CLONE_INTO_CGROUP`.
    pub(crate) directory: Option<OwnedFd>,
}

/// The v1 hierarchy that is systemd's own.
const SYSTEMD: &str = "name=systemd";

/// How engines know that a threaded cgroup cannot have the controllers asked for.
const NO_DOMAIN: &str = "cannot enter cgroupv2";

impl Placement {
    /// Makes the directories. Those that a rootless caller is refused are struck from the placement, so save it again.
    pub(crate) fn create(&mut self, resources: Option<&LinuxResources>) -> Result<Created> {
        if self.is_entered() {
            let found = Self { groups: self.groups.iter().filter(|group| group.dir.is_dir()).cloned().collect(), ..self.clone() };
            found.refuse_occupied()?;
            return Ok(Created { fresh: true, directory: None });
        }
        let mut made = Made::default();
        let mut kept = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            match made.group(group, self.version(), resources) {
                Ok(()) => kept.push(group.clone()),
                Err(Failure::Call(_, _, errno)) if self.tolerates(errno) => {}
                Err(failure) => return Err(made.undo(failure.into())),
            }
        }
        self.groups = Self { groups: kept, ..self.clone() }.enterable().groups;
        let mut found = Self { groups: std::mem::take(&mut made.found), ..self.clone() };
        found.groups.retain(|group| self.groups.contains(group));
        found.refuse_occupied().map_err(|error| made.undo(error))?;
        let directory = self.directory().map_err(|error| made.undo(error))?;
        Ok(Created { fresh: found.groups.is_empty(), directory })
    }

    /// Has systemd make the directory around a process: what [`create`](Self::create) leaves undone where it cannot be empty.
    pub(crate) fn enter(&self, pid: i32, resources: Option<&LinuxResources>) -> Result<Created> {
        let Some(unit) = &self.unit else { return Ok(Created { fresh: false, directory: self.directory()? }) };
        unit.start(pid, resources)?;
        self.fill(pid, unit.is_slice(), resources).inspect_err(|_| {
            // The init of a pid namespace would not hear systemd's SIGTERM.
            let _ = self.kill_all(nix::libc::SIGKILL);
            let _ = self.remove();
        })
    }

    /// What systemd leaves undone: on v1 the controllers it does not know, and a slice takes no process along.
    fn fill(&self, pid: i32, is_slice: bool, resources: Option<&LinuxResources>) -> Result<Created> {
        let own = self.groups.iter().find(|group| group.version == Version::Two || group.controllers.iter().any(|name| name == SYSTEMD));
        if let Some(own) = own.filter(|_| !is_slice) {
            let pids = super::processes::pids_below(&own.dir)?;
            if !pids.contains(&pid) {
                let what = format!("systemd did not put process {pid} into its unit: {pids:?}");
                return Err(Error::new(ErrorKind::Unsupported, what));
            }
        }
        let mut made = Made::default();
        self.groups.iter().try_for_each(|group| made.group(group, self.version(), resources))?;
        if is_slice || !self.is_unified() {
            self.attach(pid)?;
        }
        // systemd has set limits and a device filter by now.
        Ok(Created { fresh: false, directory: self.directory()? })
    }

    /// The v2 directory as a file descriptor; none on v1 and hybrid.
    pub(crate) fn directory(&self) -> Result<Option<OwnedFd>> {
        let Some(dir) = self.unified().filter(|_| self.is_unified()) else { return Ok(None) };
        let fd = file::open_with(dir, OFlag::O_PATH | OFlag::O_DIRECTORY).map_err(|errno| Error::call("open", dir, errno))?;
        Ok(Some(fd))
    }

    /// A place somebody lives in, or that is frozen, is no place for a new container.
    fn refuse_occupied(&self) -> Result<()> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let mut pids = Vec::new();
        for group in &self.groups {
            pids.extend(super::processes::pids_below(&group.dir)?);
        }
        pids.sort_unstable();
        pids.dedup();
        if !pids.is_empty() {
            let what = format!("container's cgroup is not empty: {} process(es) found", pids.len());
            return Err(Error::new(ErrorKind::WrongState, what));
        }
        match self.is_frozen()? {
            true => Err(Error::new(ErrorKind::WrongState, "container's cgroup unexpectedly frozen")),
            false => Ok(()),
        }
    }

    /// Removes the directories and every sub-cgroup in them. Gone already is as good.
    pub(crate) fn remove(&self) -> Result<()> {
        let mut first = self.unit.as_ref().map_or(Ok(()), super::systemd::Unit::stop);
        // A mount point is never a container's own.
        for group in self.groups.iter().filter(|group| group.dir != group.mount) {
            match remove_tree(&group.dir) {
                Err(error) if first.is_ok() => first = Err(error),
                _ => {}
            }
        }
        first
    }
}

/// What a `create` has done, in case it must be undone.
#[derive(Default)]
struct Made {
    dirs: Vec<PathBuf>,
    found: Vec<Group>,
}

/// A call that failed, its errno still at hand, or an error that is final.
enum Failure {
    Call(&'static str, PathBuf, Errno),
    Final(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Call(call, path, errno) => Self::call(call, path, errno),
            Failure::Final(error) => error,
        }
    }
}

impl Made {
    fn group(&mut self, group: &Group, limits: Version, resources: Option<&LinuxResources>) -> std::result::Result<(), Failure> {
        let new = self.mkdir(&group.dir)?;
        if !new {
            self.found.push(group.clone());
        }
        match group.version {
            Version::One if group.controllers.iter().any(|name| name == "cpuset") => inherit_cpuset(group, new),
            // Beside v1 hierarchies the unified one has nothing to limit with.
            Version::Two if limits == Version::Two => enable_controllers(group, resources),
            Version::One | Version::Two => Ok(()),
        }
    }

    /// Makes a directory and the parents it lacks. Is it new?
    fn mkdir(&mut self, dir: &Path) -> std::result::Result<bool, Failure> {
        match mkdir(dir, Mode::from_bits_truncate(0o755)) {
            Ok(()) => {
                self.dirs.push(dir.to_owned());
                Ok(true)
            }
            Err(Errno::EEXIST) => Ok(false),
            Err(Errno::ENOENT) => match dir.parent() {
                Some(parent) => self.mkdir(parent).and_then(|_| self.mkdir(dir)),
                None => Err(Failure::Call("mkdir", dir.to_owned(), Errno::ENOENT)),
            },
            Err(errno) => Err(Failure::Call("mkdir", dir.to_owned(), errno)),
        }
    }

    fn undo(&mut self, error: Error) -> Error {
        for dir in self.dirs.drain(..).rev() {
            // The error that brought us here is the one to tell.
            let _ = nix::unistd::unlinkat(nix::fcntl::AT_FDCWD, &dir, nix::unistd::UnlinkatFlags::RemoveDir);
        }
        error
    }
}

/// A v1 cpuset without CPUs or memory nodes takes no process, and a new one has none.
fn inherit_cpuset(group: &Group, new: bool) -> std::result::Result<(), Failure> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        match group.dir.parent() {
            Some(parent) if new => fill_cpuset(&group.dir.join(name), &cpuset(parent, &group.mount, name)?)?,
            _ => drop(cpuset(&group.dir, &group.mount, name)?),
        }
    }
    Ok(())
}

/// What a cpuset holds, after it was given its parent's where it held nothing.
fn cpuset(dir: &Path, mount: &Path, name: &str) -> std::result::Result<String, Failure> {
    let path = dir.join(name);
    let own = file::read(&path).map_err(|errno| Failure::Call("read", path.clone(), errno))?;
    let parent = dir.parent().filter(|_| own.trim().is_empty() && dir != mount);
    let Some(parent) = parent else { return Ok(own) };
    let inherited = cpuset(parent, mount, name)?;
    fill_cpuset(&path, &inherited)?;
    Ok(inherited)
}

fn fill_cpuset(path: &Path, value: &str) -> std::result::Result<(), Failure> {
    file::write(path, value.trim()).map_err(|errno| Failure::Call("write", path.to_owned(), errno))
}

/// Sees to it that the directory has every controller the hierarchy has. One that cannot be had is missed by the limit that needs it.
fn enable_controllers(group: &Group, resources: Option<&LinuxResources>) -> std::result::Result<(), Failure> {
    let read = |dir: &Path| file::read(&dir.join("cgroup.controllers"));
    let missing = |errno| Failure::Call("read", group.dir.join("cgroup.controllers"), errno);
    let all = read(&group.mount).map_err(missing)?;
    if read(&group.dir).map_err(missing)? == all {
        return Ok(());
    }
    let wanted: Vec<String> = all.split_whitespace().map(|name| format!("+{name}")).collect();
    let ancestors: Vec<&Path> = group.dir.ancestors().skip(1).take_while(|dir| dir.starts_with(&group.mount)).collect();
    for dir in ancestors.into_iter().rev() {
        let path = dir.join("cgroup.subtree_control");
        // All at once is one call; one the kernel refuses (a CPU controller beside realtime processes, say) must not take the others with it.
        if file::write(&path, &wanted.join(" ")).is_err() {
            let _ = wanted.iter().filter(|one| file::write(&path, one).is_err()).count();
        }
    }
    leave_invalid_state(&group.dir, resources)
}

/// Below a threaded cgroup a new one is "domain invalid" and takes no process: it becomes threaded too, unless a limit needs a domain.
fn leave_invalid_state(dir: &Path, resources: Option<&LinuxResources>) -> std::result::Result<(), Failure> {
    let path = dir.join("cgroup.type");
    let kind = file::read(&path).unwrap_or_default();
    let kind = kind.trim();
    let needs_domain = resources.is_some_and(resources::need_domain);
    let at = dir.display();
    match kind {
        "domain invalid" if needs_domain => Err(format!("{NO_DOMAIN} \"{at}\" with domain controllers -- it is in an invalid state")),
        "domain threaded" | "threaded" if needs_domain => {
            Err(format!("{NO_DOMAIN} \"{at}\" with domain controllers -- it is in {kind} mode"))
        }
        "domain invalid" => {
            let _ = file::write(&path, "threaded");
            Ok(())
        }
        _ => Ok(()),
    }
    .map_err(|what| Failure::Final(Error::new(ErrorKind::Unsupported, what)))
}

/// Removes a cgroup, its sub-cgroups first.
///
/// The usual case is one `rmdir`. A cgroup whose last process was killed a moment ago stays busy until that process is reaped.
fn remove_tree(dir: &Path) -> Result<()> {
    if rmdir(dir).is_ok() {
        return Ok(());
    }
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        // A read-only mount answers EROFS to the rmdir of what is not there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("open", dir, error)),
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    rmdir_patiently(dir).map_err(|errno| Error::call("rmdir", dir, errno))
}

/// At most 0.8 s, most of it in the last tries.
fn rmdir_patiently(dir: &Path) -> nix::Result<()> {
    let mut delay = Duration::from_micros(100);
    for _ in 0..13 {
        match rmdir(dir) {
            Err(Errno::EBUSY) => std::thread::sleep(delay),
            done => return done,
        }
        delay *= 2;
    }
    rmdir(dir)
}

fn rmdir(dir: &Path) -> nix::Result<()> {
    match nix::unistd::unlinkat(nix::fcntl::AT_FDCWD, dir, nix::unistd::UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        done => done,
    }
}
