//! From what was looked up to what `compile` needs: the host's facts, and the caller's wishes.

use super::{Create, Keyring, Pivot, Runtime, Terminal};
use crate::cgroup::{CgroupDriver, Layout, Placement, Refusal, Wanted};
use crate::compile::{Wishes, is_shared};
use crate::config::{Config, Membership, Mount, MountWhat};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{self, Cgroups, Groups, Hierarchy, Host};
use crate::resctrl::Group;
use crate::{notify, socket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

impl Runtime {
    /// Where a container goes among the cgroups.
    pub(super) fn place(&self, id: &str, config: &Config) -> Result<Placement> {
        let refusal = if self.rootless.tolerates(self.driver) { Refusal::Tolerated } else { Refusal::Fatal };
        if self.driver == CgroupDriver::Disabled {
            return Ok(Placement::default());
        }
        let wanted = Wanted { path: config.cgroups_path.as_deref(), id, driver: self.driver, refusal };
        Layout::look()?.place(&wanted)?.with_properties(&config.annotations)
    }

    /// Where a container goes in resctrl.
    pub(super) fn group(&self, id: &str, config: &Config) -> Result<Option<Group>> {
        let Some(rdt) = &config.intel_rdt else { return Ok(None) };
        let missing = || Error::new(ErrorKind::Unsupported, "config.json: linux.intelRdt: no resctrl mount");
        let root = self.resctrl.clone().or_else(host::resctrl).ok_or_else(missing)?;
        Ok(Some(Group::place(rdt, id, &root)))
    }

    /// What the caller asked for, as `compile` needs it.
    pub(super) fn wishes(&self, id: &str, request: &Create) -> Wishes {
        let directory = |_: &PathBuf| notify::directory(&self.store.path_of(id)).display().to_string();
        Wishes {
            id: id.to_owned(),
            no_pivot: request.pivot == Pivot::Move,
            keep_keyring: request.keyring == Keyring::Inherit,
            console: !matches!(request.terminal, Terminal::Inherit),
            notify: request.notify_socket.as_ref().map(directory),
            listen_fds: request.listen_fds,
            enters_cgroup: self.driver == CgroupDriver::Systemd,
            ..Wishes::default()
        }
    }
}

/// The host, for this container.
pub(super) fn host(config: &Config, placement: &Placement) -> Host {
    let shared = is_shared(config).then(|| host::mount_point_of(&config.rootfs)).flatten();
    let files = config.mounts.iter().enumerate().filter_map(|(index, mount)| match &mount.what {
        MountWhat::Bind { source, .. } if is_file(source, config, index) => Some(source.clone()),
        _ => None,
    });
    let host = Host { cgroup: cgroups(placement), rootfs_parent: shared, files: files.collect(), ..Host::look() };
    match &config.namespaces.user {
        Membership::Join(path) => Host { groups: groups_behind(path).unwrap_or(host.groups), ..host },
        _ => host,
    }
}

/// Is the source of a mount something else than a directory? It may be there only through one of the mounts before it.
fn is_file(source: &Path, config: &Config, before: usize) -> bool {
    let error = match std::fs::metadata(source) {
        Ok(found) => return !found.is_dir(),
        Err(error) => error,
    };
    let Ok(inside) = source.strip_prefix(&config.rootfs) else { return true };
    let inside = Path::new("/").join(inside);
    let through = |(index, mount): (usize, &Mount)| match (&mount.what, inside.strip_prefix(&mount.destination)) {
        (MountWhat::Bind { source, .. }, Ok(rest)) => Some(is_file(&source.join(rest), config, index)),
        _ => None,
    };
    let earlier = config.mounts.iter().enumerate().take(before).rev();
    earlier.filter_map(through).next().unwrap_or_else(|| error.kind() != std::io::ErrorKind::NotFound)
}

/// The host, for another process in a container.
pub(super) fn host_of(config: &Config, placement: &Placement, init: i32) -> Host {
    Host { groups: Groups::of(init), ..host(config, placement) }
}

/// Of the user namespace at `/proc/<pid>/ns/user`; one that is mounted elsewhere does not tell.
fn groups_behind(namespace: &Path) -> Option<Groups> {
    let process = namespace.parent()?.parent()?;
    process.parent().filter(|proc| *proc == Path::new("/proc"))?;
    process.file_name().map(|pid| Groups::of(pid.display()))
}

/// How a container's cgroups are seen and joined.
pub(super) fn cgroups(placement: &Placement) -> Cgroups {
    match placement.is_none() {
        true => callers(),
        false => seen(placement),
    }
}

/// Those of the caller, for a container that has none of its own.
fn callers() -> Cgroups {
    match Layout::look().and_then(|layout| layout.callers()) {
        Ok(own) if !own.is_none() => Cgroups::Callers(Box::new(seen(&own))),
        _ => Cgroups::None,
    }
}

fn seen(placement: &Placement) -> Cgroups {
    let text = |path: &Path| path.display().to_string();
    let mut directories = placement.directories();
    if placement.is_unified() {
        return Cgroups::Unified { path: directories.next().map_or_else(String::new, |(_, path)| text(path)) };
    }
    Cgroups::Hierarchies(directories.map(|(controllers, path)| hierarchy(controllers, text(path))).collect())
}

fn hierarchy(controllers: &[String], path: String) -> Hierarchy {
    let options = controllers.join(",");
    Hierarchy { name: options.trim_start_matches("name=").to_owned(), options, path }
}

/// The socket that the terminal's master goes to.
pub(super) fn console(terminal: &Terminal) -> Result<Option<OwnedFd>> {
    match terminal {
        Terminal::Inherit => Ok(None),
        Terminal::Socket(path) => socket::connect(path).map(Some),
        Terminal::Fd(fd) => fd.try_clone().map(Some).map_err(|error| Error::io("dup", "console socket", error)),
    }
}

/// Writes a pid file whole, or not at all: decimal, without a newline.
pub(super) fn write_pid_file(path: &Path, pid: i32) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}"));
    let _ = std::fs::remove_file(&temporary);
    let write = || -> std::io::Result<()> {
        use std::io::Write;
        std::fs::File::create_new(&temporary)?.write_all(pid.to_string().as_bytes())?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path, error)
    })
}

/// Sends a pidfd to whoever listens: `--pidfd-socket`.
pub(super) fn send_pidfd(path: &Path, pidfd: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    socket::send_fd(socket::connect(path)?, pidfd, b"pidfd")
}
