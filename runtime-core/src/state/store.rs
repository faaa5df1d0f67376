//! The state directory: which containers there are, who may change one, and how one comes and goes.
//!
//! A container's lock is its directory's `flock(2)`: it goes with its holder, however that ends, and leaves no file behind.
//! Invariants: nothing is renamed or removed but under the lock; a symbolic link is never followed below the root.

use super::record::{Phase, Record};
use super::{Gate, Signs, id};
use crate::error::{Error, ErrorKind, Result};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, mode_t};
use nix::unistd::{UnlinkatFlags, mkdir, unlinkat};
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{ErrorKind as IoKind, Read, Write};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const RECORD: &str = "state.json";
const RECORD_NEXT: &str = "state.json.next";
const CONFIG: &str = "config.json";
const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// The state directory.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

/// A container's directory, open for reading: what it says stays consistent while others delete and create under the same id.
#[derive(Debug)]
pub(crate) struct Entry {
    dir: File,
    path: PathBuf,
}

/// A container's directory that nobody else may change.
#[derive(Debug)]
pub(crate) struct Locked(Entry);

impl Store {
    /// The state directory at `root`, which [`create`](Self::create) makes if need be.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a container's directory is, or would be.
    pub(crate) fn path_of(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// Makes the container's directory with its first record in it, and locks it.
    pub(crate) fn create(&self, record: &Record) -> Result<Locked> {
        id::check(&record.id)?;
        let path = self.root.join(&record.id);
        loop {
            self.make(&path)?;
            let entry = match lock(&path) {
                // A forced delete came between, and took the empty directory for the rest of a killed create.
                Err(error) if error.errno() == Some(Errno::ENOENT as i32) => continue,
                entry => entry?,
            };
            match entry.write(record) {
                // So it did here: nothing can be made in a directory that was removed.
                Err(error) if error.errno() == Some(Errno::ENOENT as i32) => {}
                Ok(()) => return Ok(entry),
                Err(error) => {
                    let _ = entry.remove();
                    return Err(error);
                }
            }
        }
    }

    /// Makes the container's directory, and the root's on first use.
    fn make(&self, path: &Path) -> Result<()> {
        let mode = Mode::from_bits_truncate(0o711);
        let made = match mkdir(path, mode) {
            Err(Errno::ENOENT) => {
                self.make_root()?;
                mkdir(path, mode)
            }
            made => made,
        };
        match made {
            Err(Errno::EEXIST) => Err(Error::new(ErrorKind::AlreadyExists, "container with given ID already exists")),
            made => made.map_err(|errno| Error::call("mkdir", path, errno)),
        }
    }

    /// The sticky bit keeps those away who clear `$XDG_RUNTIME_DIR` of what looks forgotten.
    fn make_root(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o1700).create(&self.root);
        made.map_err(|error| Error::io("mkdir", &self.root, error))
    }

    /// Opens a container's directory for reading.
    pub(crate) fn open(&self, id: &str) -> Result<Entry> {
        id::check(id)?;
        let path = self.root.join(id);
        let dir = openat(AT_FDCWD, &path, DIRECTORY, Mode::empty()).map_err(|errno| not_found(errno, "open", &path))?;
        Ok(Entry { dir: dir.into(), path })
    }

    /// Opens a container's directory for changing; waits until nobody else does. What a killed create left is opened too: it
    /// has no record, and can be removed.
    pub(crate) fn lock(&self, id: &str) -> Result<Locked> {
        id::check(id)?;
        let path = self.root.join(id);
        loop {
            let entry = lock(&path).map_err(|error| if error.errno() == Some(Errno::ENOENT as i32) { missing() } else { error })?;
            // Whoever held the lock may have removed the directory, and somebody made it anew.
            if is_at(&entry, &path)? {
                return Ok(entry);
            }
        }
    }

    /// The ids that have a directory, sorted: complete ones, and what killed creates left. Foreign files are passed over.
    pub(crate) fn ids(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.root).map_err(|error| Error::io("open", &self.root, error))?;
        let mut ids: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| id::is_valid(name))
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

impl Entry {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The record; `NotFound` if there is none: not yet, not any more, or since a killed create left none.
    pub(crate) fn record(&self) -> Result<Record> {
        Record::from_bytes(&self.read(RECORD)?).map_err(|error| error.during(self.path.display()))
    }

    /// The configuration the container was created from.
    pub(crate) fn config(&self) -> Result<Vec<u8>> {
        self.read(CONFIG)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(self, name, flags, Mode::empty()).map(File::from);
        let mut bytes = Vec::new();
        let read = file.map_err(|errno| not_found(errno, "open", &self.path.join(name)))?.read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|error| Error::io("read", self.path.join(name), error))
    }

    /// What the status is told from, with as few looks as will do.
    pub(crate) fn signs(&self, record: &Record) -> Result<Signs> {
        let alive = record.init.map_or(Ok(false), |init| init.is_alive())?;
        let busy = record.phase == Phase::Creating && !alive && self.is_busy()?;
        Ok(Signs { phase: record.phase, alive, busy, gated: alive && Gate::is_there(self)? })
    }

    /// Does somebody else hold the lock?
    fn is_busy(&self) -> Result<bool> {
        let again = openat(self, ".", DIRECTORY, Mode::empty()).map_err(|errno| not_found(errno, "open", &self.path))?;
        match File::from(again).try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(Error::io("flock", &self.path, error)),
        }
    }
}

impl AsFd for Entry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Locked {
    /// Replaces the record. A state directory does not survive a reboot, so nothing is flushed to a disk.
    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        self.write_around(record, || Ok(()))
    }

    /// The same, with a change that is made when there is room for the record, and that the record tells of only if it was made.
    pub(crate) fn write_around(&self, record: &Record, change: impl FnOnce() -> Result<()>) -> Result<()> {
        self.put(RECORD_NEXT, &record.to_bytes()?)?;
        change().inspect_err(|_| self.take_away(RECORD_NEXT))?;
        renameat(self, RECORD_NEXT, self, RECORD).map_err(|errno| Error::call("rename", self.path.join(RECORD), errno))
    }

    /// Keeps the configuration. Nobody reads it before the phase is `Created`.
    pub(crate) fn write_config(&self, bytes: &[u8]) -> Result<()> {
        self.put(CONFIG, bytes)
    }

    /// Writes a file whole; on a full disk, what was begun is taken away again.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(self, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from);
        let mut file = file.map_err(|errno| Error::call("open", self.path.join(name), errno))?;
        file.write_all(bytes).map_err(|error| {
            self.take_away(name);
            Error::io("write", self.path.join(name), error)
        })
    }

    fn take_away(&self, name: &str) {
        let _ = unlinkat(self, name, UnlinkatFlags::NoRemoveDir);
    }

    /// Lets others change it again.
    pub(crate) fn release(self) -> Result<Entry> {
        let dir = self.dir.try_clone().map_err(|error| Error::io("dup", &self.path, error))?;
        Ok(Entry { dir, path: self.path.clone() })
    }

    /// Removes the directory, whatever is in it; the record last, so that a killed delete can be repeated.
    pub(crate) fn remove(self) -> Result<()> {
        empty(self.as_fd(), &self.path, Some(RECORD))?;
        match unlinkat(&*self, RECORD, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(Error::call("unlink", self.path.join(RECORD), errno)),
        }
        // By its path, and yet this one: only the lock's holder could have put another in its place.
        unlinkat(AT_FDCWD, &self.path, UnlinkatFlags::RemoveDir).map_err(|errno| Error::call("rmdir", &self.path, errno))
    }
}

impl Deref for Locked {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.0
    }
}

impl AsFd for Locked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Said aloud, because a child of another thread may hold a copy of the descriptor until its exec.
        let _ = self.dir.unlock();
    }
}

/// Opens and locks; `ENOENT` is the caller's to explain.
fn lock(path: &Path) -> Result<Locked> {
    let dir = openat(AT_FDCWD, path, DIRECTORY, Mode::empty()).map(File::from).map_err(|errno| Error::call("open", path, errno))?;
    loop {
        match dir.lock() {
            Ok(()) => return Ok(Locked(Entry { dir, path: path.into() })),
            Err(error) if error.kind() == IoKind::Interrupted => {}
            Err(error) => return Err(Error::io("flock", path, error)),
        }
    }
}

/// Is this open directory still the one at `path`?
fn is_at(entry: &Locked, path: &Path) -> Result<bool> {
    let same = |there: &FileStat, here: &FileStat| (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino);
    let here = fstat(entry).map_err(|errno| Error::call("stat", path, errno))?;
    match fstatat(AT_FDCWD, path, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => Ok(false),
        there => there.map(|there| same(&there, &here)).map_err(|errno| Error::call("stat", path, errno)),
    }
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "container does not exist").with_errno(Errno::ENOENT)
}

fn not_found(errno: Errno, call: &str, path: &Path) -> Error {
    if errno == Errno::ENOENT { missing() } else { Error::call(call, path, errno) }
}

/// Removes everything in a directory but `kept`. A mount point in it stays, and is an error.
fn empty(dir: BorrowedFd<'_>, path: &Path, kept: Option<&str>) -> Result<()> {
    let mut names = Dir::openat(dir, ".", DIRECTORY, Mode::empty()).map_err(|errno| Error::call("open", path, errno))?;
    for name in names.iter() {
        let name = name.map_err(|errno| Error::call("readdir", path, errno))?;
        let text = name.file_name().to_bytes();
        if text != b"." && text != b".." && Some(text) != kept.map(str::as_bytes) {
            remove_at(dir, path, &name)?;
        }
    }
    Ok(())
}

fn remove_at(dir: BorrowedFd<'_>, path: &Path, entry: &nix::dir::Entry) -> Result<()> {
    let name = entry.file_name();
    let path = path.join(name.to_string_lossy().as_ref());
    let removed = if is_directory(dir, entry) {
        let inner = openat(dir, name, DIRECTORY, Mode::empty()).map_err(|errno| Error::call("open", &path, errno))?;
        empty(inner.as_fd(), &path, None)?;
        unlinkat(dir, name, UnlinkatFlags::RemoveDir)
    } else {
        unlinkat(dir, name, UnlinkatFlags::NoRemoveDir)
    };
    removed.map_err(|errno| Error::call("unlink", path, errno))
}

/// Not every file system tells the type while listing.
fn is_directory(dir: BorrowedFd<'_>, entry: &nix::dir::Entry) -> bool {
    let told = |stat: FileStat| stat.st_mode & mode_t::from(nix::libc::S_IFMT) == nix::libc::S_IFDIR;
    match entry.file_type() {
        Some(kind) => kind == Type::Directory,
        None => fstatat(dir, entry.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(told),
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
