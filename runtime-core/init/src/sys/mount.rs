//! Mounts.

use super::call::syscall;
use super::{AT_EMPTY_PATH, AT_RECURSIVE, Fd, Result};
use core::ffi::CStr;

/// `struct mount_attr`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct MountAttr {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_*` propagation.
    pub propagation: u64,
    /// With `MOUNT_ATTR_IDMAP`, the user namespace.
    pub user: u64,
}

/// `MOUNT_ATTR_RDONLY`.
pub const MOUNT_ATTR_RDONLY: u32 = 1;
/// `MOUNT_ATTR_IDMAP`.
pub const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;
/// `MS_RDONLY`.
pub const MS_RDONLY: u32 = 1;
/// `MS_REMOUNT`.
pub const MS_REMOUNT: u32 = 32;
/// `MS_BIND`.
pub const MS_BIND: u32 = 4096;
/// `MS_MOVE`.
pub const MS_MOVE: u32 = 8192;
/// `MS_REC`.
pub const MS_REC: u32 = 16384;
/// `MS_SLAVE`.
pub const MS_SLAVE: u32 = 1 << 19;

/// `mount(2)`.
pub fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: u32, data: &CStr) -> Result<()> {
    // SAFETY: all four end with NUL; the kernel reads them.
    unsafe { syscall!(MOUNT, source, target, fstype, flags, data) }.map(drop)
}

/// `setxattr(2)`.
pub fn setxattr(path: &CStr, name: &CStr, value: &[u8]) -> Result<()> {
    // SAFETY: both texts end with NUL, and `value` has as many bytes as are told; the kernel reads them.
    unsafe { syscall!(SETXATTR, path, name, value.as_ptr(), value.len(), 0usize) }.map(drop)
}

/// `umount2(2)` with `MNT_DETACH`.
pub fn umount_detach(path: &CStr) -> Result<()> {
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(UMOUNT2, path, 2usize) }.map(drop)
}

/// `pivot_root(2)`.
pub fn pivot_root(new: &CStr, old: &CStr) -> Result<()> {
    // SAFETY: both end with NUL; the kernel reads them.
    unsafe { syscall!(PIVOT_ROOT, new, old) }.map(drop)
}

/// `open_tree(2)` with `OPEN_TREE_CLONE`; an empty path clones what `dir` itself is. `flags` is 0 or [`AT_RECURSIVE`].
pub fn open_tree(dir: Fd, path: &CStr, flags: u32) -> Result<Fd> {
    let flags = flags | AT_EMPTY_PATH | 1 | super::o::CLOEXEC as u32;
    // SAFETY: the path ends with NUL; the kernel reads it.
    unsafe { syscall!(OPEN_TREE, dir, path, flags) }.map(|fd| fd as Fd)
}

/// `move_mount(2)`, both by descriptor.
pub fn move_mount(mount: Fd, on: Fd) -> Result<()> {
    // SAFETY: both strings are literals; 0x44 is MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH.
    unsafe { syscall!(MOVE_MOUNT, mount, c"", on, c"", 0x44usize) }.map(drop)
}

/// `move_mount(2)` to a path of the host's.
pub fn move_mount_to(mount: Fd, path: &CStr) -> Result<()> {
    // SAFETY: the path ends with NUL; 0x14 is MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS.
    unsafe { syscall!(MOVE_MOUNT, mount, c"", super::AT_FDCWD, path, 0x14usize) }.map(drop)
}

/// `fsopen(2)`.
pub fn fsopen(fstype: &CStr) -> Result<Fd> {
    // SAFETY: the name ends with NUL; 1 is FSOPEN_CLOEXEC.
    unsafe { syscall!(FSOPEN, fstype, 1usize) }.map(|fd| fd as Fd)
}

/// `fsconfig(2)` with `FSCONFIG_SET_FLAG`.
pub fn fsconfig_flag(context: Fd, key: &CStr) -> Result<()> {
    // SAFETY: the key ends with NUL; the kernel reads it.
    unsafe { syscall!(FSCONFIG, context, 0usize, key, 0usize, 0usize) }.map(drop)
}

/// `fsconfig(2)` with `FSCONFIG_SET_STRING`.
pub fn fsconfig_string(context: Fd, key: &CStr, value: &CStr) -> Result<()> {
    // SAFETY: both end with NUL; the kernel reads them.
    unsafe { syscall!(FSCONFIG, context, 1usize, key, value, 0usize) }.map(drop)
}

/// `fsconfig(2)` with `FSCONFIG_CMD_CREATE`.
pub fn fsconfig_create(context: Fd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(FSCONFIG, context, 6usize, 0usize, 0usize, 0usize) }.map(drop)
}

/// `fsmount(2)`.
pub fn fsmount(context: Fd, attr: u32) -> Result<Fd> {
    // SAFETY: no memory is involved; 1 is FSMOUNT_CLOEXEC.
    unsafe { syscall!(FSMOUNT, context, 1usize, attr) }.map(|fd| fd as Fd)
}

/// `mount_setattr(2)` of an open mount; `flags` is 0 or [`AT_RECURSIVE`].
pub fn mount_setattr(mount: Fd, flags: u32, attr: MountAttr) -> Result<()> {
    debug_assert!(flags & !AT_RECURSIVE == 0);
    // SAFETY: `attr` lives across the call, its size given with it; the kernel reads it.
    unsafe { syscall!(MOUNT_SETATTR, mount, c"", flags | AT_EMPTY_PATH, &raw const attr, size_of::<MountAttr>()) }.map(drop)
}
