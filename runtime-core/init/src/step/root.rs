//! The container's root: walking into it, making nodes in it, switching to it. Paths are only ever walked from its descriptor.

use super::{Done, Init};
use crate::op::{Op, Slot, Target, Text};
use crate::sys::{self, Errno, Fd, OpenHow, Stat, makedev, o, resolve};
use core::ffi::CStr;

/// The longest path the kernel takes.
const PATH_MAX: usize = 4096;

/// `openat2(2)` inside a root: no path leads out of it.
pub(crate) fn open_in(root: Fd, path: &CStr, flags: u64, more: u64) -> sys::Result<Fd> {
    sys::openat2(root, path, OpenHow { flags, mode: 0, resolve: resolve::IN_ROOT | resolve::NO_MAGICLINKS | more })
}

/// Was a path there before it was opened?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Was {
    /// It was.
    There,
    /// It was made.
    Missing,
}

/// Opens a path, making what is missing of it.
pub(crate) fn open_or_make(root: Fd, path: &CStr, target: Target) -> sys::Result<(Fd, Was)> {
    let more = if target == Target::RealDirectory { resolve::NO_SYMLINKS } else { 0 };
    match open_in(root, path, o::PATH, more) {
        Err(Errno::ENOENT) if target != Target::Existing => Ok((make(root, path, target, more)?, Was::Missing)),
        other => Ok((other?, Was::There)),
    }
}

/// Walks a path one name after the other, making those that are missing.
fn make(root: Fd, path: &CStr, target: Target, more: u64) -> sys::Result<Fd> {
    let mut path = Path::new(path.to_bytes())?;
    for _ in 0..LINKS {
        let mut longer = Path::new(b"")?;
        match make_along(root, &path, (target, more), &mut longer) {
            Err(Errno::ELOOP) if longer.len > 0 && more == 0 => path = longer,
            other => return other,
        }
    }
    Err(Errno::ELOOP)
}

/// As many symbolic links as the kernel follows.
const LINKS: u32 = 40;

/// A path in a buffer, with a NUL after it.
struct Path {
    bytes: [u8; PATH_MAX],
    len: usize,
}

impl Path {
    fn new(text: &[u8]) -> sys::Result<Self> {
        let mut path = Self { bytes: [0; PATH_MAX], len: 0 };
        path.push(text)?;
        Ok(path)
    }

    fn push(&mut self, text: &[u8]) -> sys::Result<()> {
        let end = self.len.saturating_add(text.len());
        // One byte stays for the NUL.
        if end >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        self.bytes.get_mut(self.len..end).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(text);
        self.len = end;
        Ok(())
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The end of it, from this byte on.
    fn from(&self, start: usize) -> sys::Result<&CStr> {
        let rest = self.bytes.get(start..).ok_or(Errno::EINVAL)?;
        CStr::from_bytes_until_nul(rest).map_err(|_| Errno::EINVAL)
    }
}

/// A name of a path on the way along it.
struct Name<'a> {
    /// The path, up to the end of this name.
    until: Path,
    /// Where in it the name begins.
    start: usize,
    after: &'a [u8],
}

impl<'a> Name<'a> {
    fn of(path: &'a Path, (start, end): (usize, usize)) -> sys::Result<Self> {
        let (until, after) = path.text().split_at_checked(end).ok_or(Errno::EINVAL)?;
        Ok(Self { until: Path::new(until)?, start, after })
    }

    fn name(&self) -> sys::Result<&CStr> {
        self.until.from(self.start)
    }

    fn before(&self) -> &[u8] {
        self.until.text().get(..self.start).unwrap_or_default()
    }

    fn is_last(&self) -> bool {
        self.after.iter().all(|&byte| byte == b'/')
    }
}

/// As [`make`], up to the first link that leads nowhere: that is `ELOOP`, with the path to go on with in `longer`.
fn make_along(root: Fd, path: &Path, (target, more): (Target, u64), longer: &mut Path) -> sys::Result<Fd> {
    let mut at = sys::openat(root, c".", o::PATH | o::DIRECTORY)?;
    let mut start = 0usize;
    while let Some(len) = next_name(path.text(), &mut start) {
        let end = start.saturating_add(len);
        let name = Name::of(path, (start, end))?;
        let next = enter_or_make((root, at), &name, (target, more), longer);
        sys::close(at);
        at = next?;
        start = end;
    }
    Ok(at)
}

/// The last name is made as the target, those before it as directories.
fn enter_or_make((root, dir): (Fd, Fd), name: &Name<'_>, (target, more): (Target, u64), longer: &mut Path) -> sys::Result<Fd> {
    let enter = || open_in(root, name.until.from(0)?, o::PATH, more);
    match enter() {
        Err(Errno::ENOENT) => make_one(dir, name.name()?, if name.is_last() { target } else { Target::Directory })?,
        there => return there,
    }
    match enter() {
        // Something is there, and yet leads nowhere.
        Err(Errno::ENOENT) => Err(follow(dir, name, longer)),
        made => made,
    }
}

/// Where a link that leads nowhere would lead: `longer` becomes the path to go on with.
fn follow(dir: Fd, link: &Name<'_>, longer: &mut Path) -> Errno {
    let mut target = [0u8; PATH_MAX];
    let Ok(len) = link.name().and_then(|name| sys::readlinkat(dir, name, &mut target)) else { return Errno::ENOENT };
    let target = target.get(..len).unwrap_or_default();
    let begin = if target.first() == Some(&b'/') { &b""[..] } else { link.before() };
    match longer.push(begin).and_then(|()| longer.push(target)).and_then(|()| longer.push(link.after)) {
        Ok(()) => Errno::ELOOP,
        Err(errno) => errno,
    }
}

/// The length of the next name in a path; `start` moves to its first byte.
fn next_name(path: &[u8], start: &mut usize) -> Option<usize> {
    let rest = path.get(*start..)?;
    let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
    *start = start.saturating_add(slashes);
    let len = rest.get(slashes..)?.iter().take_while(|&&byte| byte != b'/').count();
    (len > 0).then_some(len)
}

fn make_one(dir: Fd, name: &CStr, target: Target) -> sys::Result<()> {
    let made = match target {
        Target::File => sys::mknodat(dir, name, Stat::REGULAR | 0o755, 0),
        _ => sys::mkdirat(dir, name, 0o755),
    };
    match made {
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

/// Opens a mount point.
pub(crate) fn open_target(init: &mut Init<'_>, path: Text, target: Target, to: Slot) -> Done {
    let (fd, was) = open_or_make(init.fd(Slot::ROOT)?, init.plan.text(path)?, target)?;
    init.target_was = was;
    Ok(init.put(to, fd)?)
}

/// `mknodat(2)`; a node already there must be the same one.
pub(crate) fn make_node(init: &Init<'_>, op: Op) -> Done {
    let Op::MakeNode { dir, name, mode, major, minor, uid, gid } = op else { return Err(Errno::EINVAL.into()) };
    let (dir, name, device) = (init.fd(dir)?, init.plan.text(name)?, makedev(major, minor));
    match sys::mknodat(dir, name, mode, device) {
        Err(Errno::EEXIST) => same_node(dir, name, mode, device),
        Ok(()) if uid != 0 || gid != 0 => Ok(sys::fchownat(dir, name, uid, gid)?),
        other => Ok(other?),
    }
}

fn same_node(dir: Fd, name: &CStr, mode: u32, device: u64) -> Done {
    let stat = sys::fstatat(dir, name)?;
    match stat.kind() == mode & Stat::TYPE && stat.rdev == device {
        true => Ok(()),
        false => Err(Errno::EEXIST.into()),
    }
}

/// `symlinkat(2)`, where nothing is.
pub(crate) fn make_symlink(init: &Init<'_>, dir: Slot, name: Text, target: Text) -> Done {
    match sys::symlinkat(init.plan.text(target)?, init.fd(dir)?, init.plan.text(name)?) {
        Err(Errno::EEXIST) => Ok(()),
        other => Ok(other?),
    }
}

/// `unlinkat(2)`, then `symlinkat(2)`.
pub(crate) fn replace_by_symlink(init: &Init<'_>, dir: Slot, name: Text, target: Text) -> Done {
    match sys::unlinkat(init.fd(dir)?, init.plan.text(name)?) {
        Err(Errno::ENOENT) | Ok(()) => make_symlink(init, dir, name, target),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the working directory, where it is missing.
pub(crate) fn make_cwd(init: &Init<'_>, path: Text) -> Done {
    let (fd, _) = open_or_make(init.fd(Slot::ROOT)?, init.plan.text(path)?, Target::Directory)?;
    sys::close(fd);
    Ok(())
}

/// `pivot_root(".", ".")`: the old root lies on the new one, and is detached.
pub(crate) fn pivot(init: &Init<'_>, slave: u32) -> Done {
    let old = if slave == 0 { None } else { Some(sys::openat(sys::AT_FDCWD, c"/", o::PATH | o::DIRECTORY)?) };
    sys::fchdir(init.fd(Slot::ROOT)?)?;
    sys::pivot_root(c".", c".")?;
    if let Some(old) = old {
        sys::fchdir(old)?;
        sys::mount(c"", c".", c"", sys::MS_SLAVE | sys::MS_REC, c"")?;
        sys::close(old);
    }
    sys::umount_detach(c".")?;
    Ok(sys::chdir(c"/")?)
}

/// `mount(MS_MOVE)` over the old root, for a root that cannot be pivoted away: an initramfs.
pub(crate) fn move_root(init: &Init<'_>) -> Done {
    sys::fchdir(init.fd(Slot::ROOT)?)?;
    sys::mount(c".", c"/", c"", sys::MS_MOVE, c"")?;
    sys::chroot(c".")?;
    Ok(sys::chdir(c"/")?)
}

/// `chroot(2)`.
pub(crate) fn chroot(init: &Init<'_>) -> Done {
    change_root(init.fd(Slot::ROOT)?)
}

/// `chroot(2)` to another process's root.
pub(crate) fn enter(init: &mut Init<'_>, of: Slot) -> Done {
    change_root(init.fd(of)?)?;
    init.clear(of);
    Ok(())
}

fn change_root(to: Fd) -> Done {
    sys::fchdir(to)?;
    sys::chroot(c".")?;
    Ok(sys::chdir(c"/")?)
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
