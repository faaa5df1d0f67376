//! `tmpcopyup`: a new file system begins with what the directory under it holds.

use super::{Done, Init};
use crate::op::Slot;
use crate::sys::{self, Errno, Fd, Stat, o};
use core::ffi::CStr;

/// Directories nested deeper than this are not copied.
const DEPTH: u32 = 32;

/// Copies a directory's contents: directories, files, links, nodes, with their owners and permissions.
pub(crate) fn copy_up(init: &Init<'_>, from: Slot, to: Slot) -> Done {
    let from = sys::openat(init.fd(from)?, c".", o::RDONLY | o::DIRECTORY)?;
    let to = sys::openat(init.fd(to)?, c".", o::RDONLY | o::DIRECTORY)?;
    let stat = sys::fstat(from)?;
    let result =
        sys::fchmod(to, stat.mode & 0o7777).and_then(|()| sys::fchown(to, stat.uid, stat.gid)).and_then(|()| directory(from, to, DEPTH));
    sys::close(from);
    sys::close(to);
    Ok(result?)
}

fn directory(from: Fd, to: Fd, depth: u32) -> sys::Result<()> {
    let mut buffer = [0u8; 4096];
    loop {
        let filled = sys::getdents64(from, &mut buffer)?;
        if filled == 0 {
            return Ok(());
        }
        let mut rest = buffer.get(..filled).ok_or(Errno::EINVAL)?;
        while let Some((name, next)) = entry(rest) {
            if name != c"." && name != c".." {
                copy(from, to, name, depth)?;
            }
            rest = next;
        }
    }
}

/// The name of the first `struct linux_dirent64`, and the others.
fn entry(bytes: &[u8]) -> Option<(&CStr, &[u8])> {
    let len = u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?);
    let (this, next) = bytes.split_at_checked(len as usize)?;
    Some((CStr::from_bytes_until_nul(this.get(19..)?).ok()?, next))
}

fn copy(from: Fd, to: Fd, name: &CStr, depth: u32) -> sys::Result<()> {
    let stat = sys::fstatat(from, name)?;
    match stat.kind() {
        Stat::DIRECTORY => copy_directory(from, to, name, (stat, depth))?,
        Stat::REGULAR => copy_file(from, to, name, stat)?,
        Stat::LINK => copy_link(from, to, name)?,
        _ => sys::mknodat(to, name, stat.mode, stat.rdev)?,
    }
    // A file has its owner already: to set it once more would take the set-user-id bit away.
    if stat.kind() != Stat::REGULAR {
        sys::fchownat(to, name, stat.uid, stat.gid)?;
    }
    sys::utimensat(to, name, stat.times)
}

fn copy_directory(from: Fd, to: Fd, name: &CStr, (stat, depth): (Stat, u32)) -> sys::Result<()> {
    let depth = depth.checked_sub(1).ok_or(Errno::ELOOP)?;
    sys::mkdirat(to, name, stat.mode & 0o7777)?;
    let from = sys::openat(from, name, o::RDONLY | o::DIRECTORY | o::NOFOLLOW)?;
    let to = sys::openat(to, name, o::RDONLY | o::DIRECTORY | o::NOFOLLOW)?;
    let result = directory(from, to, depth);
    sys::close(from);
    sys::close(to);
    result
}

fn copy_file(from: Fd, to: Fd, name: &CStr, stat: Stat) -> sys::Result<()> {
    sys::mknodat(to, name, Stat::REGULAR | 0o600, 0)?;
    let from = sys::openat(from, name, o::RDONLY | o::NOFOLLOW)?;
    let to = sys::openat(to, name, o::WRONLY | o::NOFOLLOW)?;
    let result = copy_bytes(from, to).and_then(|()| sys::fchown(to, stat.uid, stat.gid)).and_then(|()| sys::fchmod(to, stat.mode & 0o7777));
    sys::close(from);
    sys::close(to);
    result
}

fn copy_bytes(from: Fd, to: Fd) -> sys::Result<()> {
    let mut buffer = [0u8; 16384];
    loop {
        let count = sys::read(from, &mut buffer)?;
        let mut rest = buffer.get(..count).ok_or(Errno::EINVAL)?;
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            let written = sys::write(to, rest)?;
            rest = rest.get(written..).ok_or(Errno::EINVAL)?;
        }
    }
}

fn copy_link(from: Fd, to: Fd, name: &CStr) -> sys::Result<()> {
    let mut buffer = [0u8; 4096];
    let len = sys::readlinkat(from, name, &mut buffer)?;
    // A target as long as the buffer was cut.
    let target = buffer.get(..=len).and_then(|target| CStr::from_bytes_until_nul(target).ok()).ok_or(Errno::ENAMETOOLONG)?;
    sys::symlinkat(target, to, name)
}

#[cfg(test)]
#[path = "copy_up_tests.rs"]
mod tests;
