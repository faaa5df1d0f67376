//! The few calls of the parent that no crate wraps, safe to call.

use crate::error::{Error, Result};
use nix::errno::Errno;
use runtime_init::sys::{self, Access, Fd, MountAttr};
use runtime_init::{Header, Op, Record};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An errno as the parent's side has it.
fn errno(raw: sys::Errno) -> Errno {
    Errno::from_raw(raw.0)
}

fn own(fd: Fd) -> OwnedFd {
    // SAFETY: only called with what the kernel has just returned: a new descriptor that nobody else knows of.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::call("open", path, Errno::EINVAL))
}

/// `open_tree(2)` with `OPEN_TREE_CLONE`.
pub(crate) fn open_tree(path: &Path, recursive: bool) -> Result<OwnedFd> {
    let flags = if recursive { sys::AT_RECURSIVE } else { 0 };
    sys::open_tree(sys::AT_FDCWD, &c_path(path)?, flags).map(own).map_err(|raw| Error::call("open_tree", path, errno(raw)))
}

/// `mount_setattr(2)` with `MOUNT_ATTR_IDMAP`.
pub(crate) fn id_map(mount: BorrowedFd<'_>, user: BorrowedFd<'_>, recursive: bool) -> std::result::Result<(), Errno> {
    let flags = if recursive { sys::AT_RECURSIVE } else { 0 };
    let attr = MountAttr { set: sys::MOUNT_ATTR_IDMAP, user: user.as_raw_fd().unsigned_abs().into(), ..MountAttr::default() };
    sys::mount_setattr(mount.as_raw_fd(), flags, attr).map_err(errno)
}

/// A file through a detached read-only mount. Whatever is mounted where it lies, it may be executed.
pub(super) fn open_sealed(file: &File) -> Result<OwnedFd> {
    let failed = |call| move |raw| Error::call(call, "runtime-init", errno(raw));
    let tree = sys::open_tree(file.as_raw_fd(), c"", 0).map(own).map_err(failed("open_tree"))?;
    let attr = MountAttr { set: u64::from(sys::MOUNT_ATTR_RDONLY), clear: nix::libc::MOUNT_ATTR_NOEXEC, ..MountAttr::default() };
    sys::mount_setattr(tree.as_raw_fd(), 0, attr).map_err(failed("mount_setattr"))?;
    reopen(&tree)
}

/// What a descriptor is of, opened for reading.
pub(super) fn reopen(fd: &impl AsRawFd) -> Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    File::open(&path).map(OwnedFd::from).map_err(|error| Error::io("open", &path, error))
}

/// Is a descriptor open, and meant to live over an exec?
pub(crate) fn is_inherited(fd: Fd) -> bool {
    const FD_CLOEXEC: usize = 1;
    sys::fd_flags(fd).is_ok_and(|flags| flags & FD_CLOEXEC == 0)
}

/// `pidfd_open(2)`.
pub(crate) fn pidfd_open(pid: i32) -> Result<OwnedFd> {
    sys::pidfd_open(pid).map(own).map_err(|raw| Error::call("pidfd_open", pid.to_string(), errno(raw)))
}

/// `pidfd_getfd(2)`.
pub(super) fn pidfd_getfd(pidfd: BorrowedFd<'_>, fd: Fd) -> std::result::Result<OwnedFd, Errno> {
    sys::pidfd_getfd(pidfd.as_raw_fd(), fd).map(own).map_err(errno)
}

/// `prlimit(2)` of another process.
pub(super) fn prlimit(pid: i32, resource: u32, limits: [u64; 2]) -> std::result::Result<(), Errno> {
    sys::prlimit(pid, resource, limits).map_err(errno)
}

/// The flight recorder of a plan's memory file. It stays mapped while this lives.
#[derive(Debug)]
pub(super) struct Recorder(std::ptr::NonNull<Record>);

// SAFETY: the page holds atomics only, and the mapping belongs to no thread.
unsafe impl Send for Recorder {}
// SAFETY: as above; sharing a reference gives atomic access only.
unsafe impl Sync for Recorder {}

impl Recorder {
    pub(super) fn map(plan: BorrowedFd<'_>) -> Result<Self> {
        let at = sys::map_file(plan.as_raw_fd(), 0, Record::SIZE, Access::Share).map_err(|raw| Error::call("mmap", "plan", errno(raw)))?;
        std::ptr::NonNull::new(at.cast()).map(Self).ok_or_else(|| Error::call("mmap", "plan", Errno::EFAULT))
    }

    pub(super) fn record(&self) -> &Record {
        // SAFETY: mapped until drop, a page of zeros or of what the child stored in the same atomics.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // SAFETY: this very mapping, of this length; no reference to it outlives `self`.
        let _ = unsafe { nix::sys::mman::munmap(self.0.cast(), Record::SIZE) };
    }
}

/// A plan's bytes as its memory file has them, after the record's page.
pub(super) fn plan_bytes(header: Header, ops: &[Op], arena: &[u8]) -> Vec<u8> {
    let ops_at = size_of::<Header>().next_multiple_of(16);
    let arena_at = (ops_at + size_of_val(ops)).next_multiple_of(16);
    let mut bytes = vec![0u8; arena_at + arena.len()];
    let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let header = Header {
        magic: Header::MAGIC,
        len: word(bytes.len()),
        ops: word(ops_at),
        op_count: word(ops.len()),
        arena: word(arena_at),
        ..header
    };
    // SAFETY: the vector has room for a header at 0 and the ops at `ops_at`, as its length was counted from them; both are `Copy`
    // and of fixed layout, and nothing overlaps.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const header).cast::<u8>(), bytes.as_mut_ptr(), size_of::<Header>());
        std::ptr::copy_nonoverlapping(ops.as_ptr().cast::<u8>(), bytes.as_mut_ptr().add(ops_at), size_of_val(ops));
    }
    if let Some(place) = bytes.get_mut(arena_at..) {
        place.copy_from_slice(arena);
    }
    bytes
}
