//! The directories of images and logs, and what of criu's log is worth telling.

use super::request::Images;
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use std::fs::{DirBuilder, File};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Open directories: criu gets at them by this process's descriptors.
#[derive(Debug)]
pub(super) struct Directories {
    images: File,
    work: Option<File>,
    log: PathBuf,
}

/// Are directories that are missing made?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    Refuse,
}

impl Directories {
    /// Opens them. The one for work is made if need be.
    pub(super) fn open(images: &Images, log: &str, missing: Missing) -> Result<Self> {
        if missing == Missing::Make {
            make(&images.path)?;
        }
        let work = images.work_path.as_deref().map(|path| make(path).and_then(|()| open(path))).transpose()?;
        let log = images.work_path.as_ref().unwrap_or(&images.path).join(log);
        Ok(Self { images: open(&images.path)?, work, log })
    }

    pub(super) fn images_fd(&self) -> i32 {
        self.images.as_raw_fd()
    }

    pub(super) fn work_fd(&self) -> Option<i32> {
        self.work.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// criu failed: the one sentence that says most, and where the rest is.
    pub(super) fn failed(&self, doing: &str, said: &str) -> Error {
        let logged = first_error(&self.log);
        let why = logged.as_deref().unwrap_or(said);
        let colon = if why.is_empty() { "" } else { ": " };
        Error::new(ErrorKind::Checkpoint, format!("criu could not {doing} the container{colon}{why} (see {})", self.log.display()))
    }
}

/// The first error of a log: those that follow are mostly of its making.
fn first_error(log: &Path) -> Option<String> {
    let lines = BufReader::new(File::open(log).ok()?).lines();
    let line = lines.map_while(std::result::Result::ok).find(|line| line.contains("Error ("))?;
    let from = line.find("Error (").unwrap_or(0);
    Some(line.get(from..)?.trim().chars().filter(|c| !c.is_control()).take(400).collect())
}

/// A relative directory of earlier images, seen from that of the new ones.
pub(super) fn check_parent(images: &Path, parent: &Path) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorKind::InvalidConfig, why));
    if parent.is_absolute() {
        return refuse(format!("--parent-path must be relative: {}", parent.display()));
    }
    let path = images.join(parent);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Error::call("stat", path, Errno::ENOTDIR).during("invalid --parent-path")),
        Err(error) => Err(Error::io("stat", path, error).during("invalid --parent-path")),
    }
}

/// What is in memory is nobody else's to read.
fn make(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| Error::io("mkdir", path, error))
}

fn open(path: &Path) -> Result<File> {
    use nix::fcntl::{OFlag, open};
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, nix::sys::stat::Mode::empty()).map(File::from).map_err(|errno| Error::call("open", path, errno))
}
