//! The freezer: a paused container's processes stop where they are.
//!
//! Invariant: freezing ends, frozen or thawed; a container is never left half-way.

use super::file;
use super::place::{Placement, Version};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As long as a frozen state is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Placement {
    /// Stops every process, and waits until they are stopped.
    pub(crate) fn freeze(&self) -> Result<()> {
        let (version, dir) = self.freezer()?;
        let frozen = match version {
            Version::One => freeze_v1(&dir),
            Version::Two => freeze_v2(&dir),
        };
        // Half-frozen is worse than running.
        frozen.inspect_err(|_| drop(self.thaw()))
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) -> Result<()> {
        let (version, dir) = self.freezer()?;
        let path = match version {
            Version::One => dir.join("freezer.state"),
            Version::Two => dir.join("cgroup.freeze"),
        };
        let value = if version == Version::One { "THAWED" } else { "0" };
        match file::write(&path, value) {
            Err(errno) if !file::is_gone(errno) => Err(Error::call("write", path, errno)),
            _ => Ok(()),
        }
    }

    /// Was the container frozen itself, not only a cgroup around it? One that cannot be is not.
    pub(crate) fn is_frozen(&self) -> Result<bool> {
        let Ok((version, dir)) = self.freezer() else { return Ok(false) };
        let path = match version {
            Version::One => dir.join("freezer.self_freezing"),
            Version::Two => dir.join("cgroup.freeze"),
        };
        match file::read(&path) {
            Ok(text) => Ok(text.trim() == "1"),
            Err(errno) if file::is_gone(errno) => Ok(false),
            Err(errno) => Err(Error::call("read", path, errno)),
        }
    }

    fn freezer(&self) -> Result<(Version, PathBuf)> {
        let version = self.version();
        match self.dir("freezer") {
            Some(dir) => Ok((version, dir.to_owned())),
            None => Err(Error::new(ErrorKind::Unsupported, "cannot toggle freezer: cgroups not configured for container")),
        }
    }
}

/// v1 can stay in FREEZING for as long as processes come in; asking again helps, and so does letting it thaw now and then.
fn freeze_v1(dir: &Path) -> Result<()> {
    let path = dir.join("freezer.state");
    let start = Instant::now();
    for attempt in 1_u32.. {
        if attempt.is_multiple_of(50) {
            file::set(&path, "THAWED")?;
            std::thread::sleep(Duration::from_millis(10));
        }
        file::set(&path, "FROZEN")?;
        if file::need(&path)?.trim() == "FROZEN" {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_micros(if attempt < 25 { 10 } else { 1000 }));
    }
    Err(Error::call("write", path, Errno::EBUSY).during("unable to freeze"))
}

fn freeze_v2(dir: &Path) -> Result<()> {
    let path = dir.join("cgroup.freeze");
    file::write(&path, "1").map_err(|errno| Error::call("write", &path, errno).during("freezer not supported"))?;
    match wait_for(&dir.join("cgroup.events"), "frozen", PATIENCE)? {
        true => Ok(()),
        false => Err(Error::call("poll", dir.join("cgroup.events"), Errno::ETIMEDOUT).during("unable to freeze")),
    }
}

/// Waits until the file of `key value` lines says 1 for the key. The kernel wakes who polls it at every change.
fn wait_for(path: &Path, key: &str, patience: Duration) -> Result<bool> {
    let failed = |call: &'static str| move |errno| Error::call(call, path, errno);
    let file = file::open_with(path, OFlag::O_RDONLY).map_err(failed("open"))?;
    let deadline = Instant::now() + patience;
    loop {
        let mut bytes = [0; 512];
        let n = nix::sys::uio::pread(&file, &mut bytes, 0).map_err(failed("read"))?;
        let text = std::str::from_utf8(bytes.get(..n).unwrap_or_default()).unwrap_or_default();
        if file::value_of(text, key) == Some(1) {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLPRI)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("poll")(errno)),
        }
    }
}
