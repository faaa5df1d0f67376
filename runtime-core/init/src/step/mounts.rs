//! Mounts: made detached, sealed, and only then attached to a descriptor.

use super::{Done, Failure, Init, root};
use crate::op::{Op, Slot, Text};
use crate::report::part;
use crate::sys::{self, AT_RECURSIVE, Errno, Fd, MountAttr, OpenHow, Stat, makedev, o, resolve};
use core::ffi::CStr;

fn of(detail: u32) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { errno, detail }
}

/// `PROC_SUPER_MAGIC`.
const PROC: u64 = 0x9fa0;

/// 0 or [`AT_RECURSIVE`].
fn recursion(recursive: u32) -> u32 {
    if recursive == 0 { 0 } else { AT_RECURSIVE }
}

/// `mount(2)` with propagation flags.
pub(crate) fn propagation(init: &Init<'_>, path: Text, flags: u32) -> Done {
    Ok(sys::mount(c"", init.plan.text(path)?, c"", flags, c"")?)
}

/// `umount2(2)`.
pub(crate) fn unmount(init: &Init<'_>, path: Text) -> Done {
    match sys::umount_detach(init.plan.text(path)?) {
        Err(Errno::ENOENT | Errno::EINVAL) => Ok(()),
        result => Ok(result?),
    }
}

/// `open_tree(2)`.
pub(crate) fn clone_tree(init: &mut Init<'_>, from: Text, recursive: u32, to: Slot) -> Done {
    let fd = sys::open_tree(sys::AT_FDCWD, init.plan.text(from)?, recursion(recursive))?;
    Ok(init.put(to, fd)?)
}

/// `openat2(2)` with `O_PATH`.
pub(crate) fn open_path(init: &mut Init<'_>, path: Text, to: Slot) -> Done {
    let fd = sys::openat(sys::AT_FDCWD, init.plan.text(path)?, o::PATH)?;
    Ok(init.put(to, fd)?)
}

/// `fsopen(2)`, `fsconfig(2)`, `fsmount(2)`.
pub(crate) fn new_fs(init: &mut Init<'_>, op: Op) -> Done {
    let Op::NewFs { fstype, source, options, attr, mode_of, to } = op else { return Err(Errno::EINVAL.into()) };
    let context = sys::fsopen(init.plan.text(fstype)?).map_err(of(part::OPEN))?;
    if source.len > 0 {
        sys::fsconfig_string(context, c"source", init.plan.text(source)?).map_err(of(part::SOURCE))?;
    }
    // What was only just made for it has no mode of its own: the file system's default is the better one.
    if mode_of != Slot::NONE && init.target_was == root::Was::There {
        mode_from(context, init.fd(mode_of)?)?;
    }
    let mut texts = init.plan.texts(options);
    let mut detail = part::OPTIONS;
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        option(context, key, value).map_err(of(detail))?;
        detail = detail.saturating_add(1);
    }
    sys::fsconfig_create(context).map_err(of(part::CREATE))?;
    let mount = sys::fsmount(context, attr).map_err(of(part::MOUNT))?;
    sys::close(context);
    Ok(init.put(to, mount)?)
}

fn option(context: Fd, key: &CStr, value: &CStr) -> sys::Result<()> {
    match value.is_empty() {
        true => sys::fsconfig_flag(context, key),
        false => sys::fsconfig_string(context, key, value),
    }
}

/// `mode=`, as the directory that is about to be covered has it.
fn mode_from(context: Fd, dir: Fd) -> Done {
    let mode = sys::fstat(dir)?.mode & 0o7777;
    let mut text = [0u8; 6];
    for (at, byte) in text.iter_mut().take(5).enumerate() {
        let shift = 12u32.saturating_sub((at as u32).saturating_mul(3));
        *byte = b'0' | (mode.wrapping_shr(shift) & 7) as u8;
    }
    let text = CStr::from_bytes_until_nul(&text).map_err(|_| Errno::EINVAL)?;
    Ok(sys::fsconfig_string(context, c"mode", text)?)
}

/// `mount_setattr(2)`.
pub(crate) fn set_attr(init: &Init<'_>, op: Op) -> Done {
    let Op::SetAttr { mount, set, clear, propagation, recursive } = op else { return Err(Errno::EINVAL.into()) };
    let attr = MountAttr { set: u64::from(set), clear: u64::from(clear), propagation: u64::from(propagation), user: 0 };
    Ok(sys::mount_setattr(init.fd(mount)?, recursion(recursive), attr)?)
}

/// `mount(2)` with `MS_REMOUNT | MS_BIND`. The flags it has must be given again, or the kernel takes them for cleared.
pub(crate) fn remount_bind(init: &Init<'_>, op: Op) -> Done {
    let Op::RemountBind { mount, set, clear, proc } = op else { return Err(Errno::EINVAL.into()) };
    let mount = init.fd(mount)?;
    Ok(remount_on(init.fd(proc)?, mount, (mount_flags(mount)? & !clear) | set)?)
}

/// The `MS_*` flags a mount has, from `statfs(2)`.
fn mount_flags(fd: Fd) -> sys::Result<u32> {
    const KEPT: u64 = 1 | 2 | 4 | 8 | 1024 | 2048;
    const MOVED: [(u64, u32); 2] = [(4096, 1 << 21), (8192, 256)];
    let flags = sys::statfs_flags(fd)?;
    let moved = MOVED.iter().filter(|(st, _)| flags & st != 0).fold(0, |sum, (_, ms)| sum | ms);
    Ok((flags & KEPT) as u32 | moved)
}

/// Other flags for an open mount.
fn remount_on(proc: Fd, mount: Fd, flags: u32) -> sys::Result<()> {
    on_path_of(proc, mount, |path| sys::mount(c"", path, c"", sys::MS_REMOUNT | sys::MS_BIND | flags, c""))
}

/// Some calls take only a path: the descriptor's, in a procfs that nothing of the container can cover.
fn on_path_of(proc: Fd, fd: Fd, call: impl FnOnce(&CStr) -> sys::Result<()>) -> sys::Result<()> {
    sys::fchdir(proc)?;
    let done = call(FdPath::of(fd).text());
    sys::chdir(c"/")?;
    done
}

/// `mount(2)`.
pub(crate) fn mount(init: &Init<'_>, op: Op) -> Done {
    let Op::Mount { on, fstype, source, flags, data, proc } = op else { return Err(Errno::EINVAL.into()) };
    let (fstype, source, data) = (init.plan.text(fstype)?, init.plan.text(source)?, init.plan.text(data)?);
    Ok(on_path_of(init.fd(proc)?, init.fd(on)?, |path| sys::mount(source, path, fstype, flags, data))?)
}

/// `setxattr(2)`.
pub(crate) fn label(init: &Init<'_>, mount: Slot, label: Text, proc: Slot) -> Done {
    let label = init.plan.text(label)?.to_bytes();
    Ok(on_path_of(init.fd(proc)?, init.fd(mount)?, |path| sys::setxattr(path, c"security.selinux", label))?)
}

/// `move_mount(2)`.
pub(crate) fn attach(init: &mut Init<'_>, mount: Slot, on: Slot, keep: u32) -> Done {
    sys::move_mount(init.fd(mount)?, init.fd(on)?)?;
    init.clear(on);
    if keep == 0 {
        init.clear(mount);
    }
    Ok(())
}

/// `move_mount(2)` of the root's tree over its own path, so that it is a mount point that can be pivoted to.
pub(crate) fn attach_root(init: &mut Init<'_>, mount: Slot, path: Text) -> Done {
    let fd = init.fd(mount)?;
    sys::move_mount_to(fd, init.plan.text(path)?)?;
    let root = sys::openat(fd, c".", o::PATH | o::DIRECTORY)?;
    init.clear(mount);
    Ok(init.put(Slot::ROOT, root)?)
}

/// A procfs of our own, of which nothing is covered; where the kernel refuses that (an already covered `/proc` in a user
/// namespace), the host's, opened before the container has a say.
pub(crate) fn open_proc(init: &mut Init<'_>, to: Slot) -> Done {
    let own = sys::fsopen(c"proc").and_then(|context| {
        let mount = sys::fsconfig_create(context).and_then(|()| sys::fsmount(context, 0));
        sys::close(context);
        mount
    });
    let fd = match own {
        Ok(fd) => fd,
        Err(_) => sys::openat(sys::AT_FDCWD, c"/proc", o::PATH | o::DIRECTORY)?,
    };
    if sys::fstatfs(fd)? != PROC {
        return Err(Errno::ENODEV.into());
    }
    Ok(init.put(to, fd)?)
}

/// Writes to a file of the private procfs.
pub(crate) fn write_proc(init: &Init<'_>, proc: Slot, path: Text, value: Text) -> Done {
    let how = OpenHow { flags: o::WRONLY, mode: 0, resolve: resolve::BENEATH | resolve::NO_XDEV | resolve::NO_MAGICLINKS };
    let file = sys::openat2(init.fd(proc)?, init.plan.text(path)?, how)?;
    let written = sys::write(file, init.plan.text(value)?.to_bytes());
    sys::close(file);
    Ok(written.map(drop)?)
}

/// Opens a path that may be missing.
fn if_there(root: Fd, path: &CStr) -> sys::Result<Option<Fd>> {
    match root::open_in(root, path, o::PATH, 0) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        other => other.map(Some),
    }
}

/// Opens what is mounted on a path, if it is what it should be.
pub(crate) fn open_fs(init: &mut Init<'_>, path: Text, magic: u32, to: Slot) -> Done {
    let fd = root::open_in(init.fd(Slot::ROOT)?, init.plan.text(path)?, o::PATH | o::DIRECTORY, resolve::NO_SYMLINKS)?;
    init.put(to, fd)?;
    if sys::fstatfs(fd)? == u64::from(magic) { Ok(()) } else { Err(Errno::ENODEV.into()) }
}

/// Covers a path by itself, read-only.
pub(crate) fn read_only_path(init: &Init<'_>, root: Slot, path: Text, proc: Slot) -> Done {
    let Some(on) = if_there(init.fd(root)?, init.plan.text(path)?)? else { return Ok(()) };
    let tree = sys::open_tree(on, c"", AT_RECURSIVE)?;
    if proc == Slot::NONE {
        sys::mount_setattr(tree, 0, MountAttr { set: u64::from(sys::MOUNT_ATTR_RDONLY), ..MountAttr::default() })?;
        sys::move_mount(tree, on)?;
    } else {
        sys::move_mount(tree, on)?;
        remount_on(init.fd(proc)?, tree, sys::MS_RDONLY | mount_flags(tree)?)?;
    }
    sys::close(tree);
    sys::close(on);
    Ok(())
}

/// The container's null device, if it is one: what masks a path must not be something else.
fn null_device(init: &Init<'_>, flags: u64) -> sys::Result<Fd> {
    let fd = root::open_in(init.fd(Slot::ROOT)?, c"/dev/null", flags, 0)?;
    match sys::fstat(fd) {
        Ok(stat) if is_null(&stat) => Ok(fd),
        _ => {
            sys::close(fd);
            Err(Errno::ENODEV)
        }
    }
}

fn is_null(stat: &Stat) -> bool {
    stat.kind() == Stat::CHARACTER && stat.rdev == makedev(1, 3)
}

/// Opens the container's null device.
pub(crate) fn open_null(init: &mut Init<'_>, to: Slot) -> Done {
    let fd = null_device(init, o::PATH)?;
    Ok(init.put(to, fd)?)
}

/// Swaps the host's null device for the container's. A container without one keeps the host's.
pub(crate) fn reopen_null(init: &Init<'_>) -> Done {
    let mut own = None;
    for stream in 0..3 {
        if !sys::fstat(stream).is_ok_and(|stat| is_null(&stat)) {
            continue;
        }
        let fd = match own {
            Some(fd) => fd,
            None => match null_device(init, o::RDWR) {
                Ok(fd) => fd,
                Err(_) => return Ok(()),
            },
        };
        own = Some(fd);
        sys::dup3(fd, stream, 0)?;
    }
    if let Some(fd) = own {
        sys::close(fd);
    }
    Ok(())
}

/// Covers a path so that nothing of it can be seen.
pub(crate) fn mask_path(init: &mut Init<'_>, op: Op) -> Done {
    let Op::MaskPath { root, path, null, empty, label } = op else { return Err(Errno::EINVAL.into()) };
    let Some(on) = if_there(init.fd(root)?, init.plan.text(path)?)? else { return Ok(()) };
    let is_directory = sys::fstat(on)?.kind() == Stat::DIRECTORY;
    let cover = if is_directory {
        if !init.holds(empty) {
            let fs = empty_fs(init.plan.text(label)?)?;
            init.put(empty, fs)?;
            sys::move_mount(fs, on)?;
            sys::close(on);
            return Ok(());
        }
        sys::open_tree(init.fd(empty)?, c"", 0)?
    } else {
        sys::open_tree(init.fd(null)?, c"", 0)?
    };
    sys::move_mount(cover, on)?;
    sys::close(cover);
    sys::close(on);
    Ok(())
}

/// A read-only file system with nothing in it; the first masked directory gets it, the others share it.
fn empty_fs(label: &CStr) -> sys::Result<Fd> {
    let context = sys::fsopen(c"tmpfs")?;
    sys::fsconfig_string(context, c"source", c"tmpfs")?;
    sys::fsconfig_string(context, c"nr_blocks", c"1")?;
    sys::fsconfig_string(context, c"nr_inodes", c"1")?;
    if !label.is_empty() {
        sys::fsconfig_string(context, c"context", label)?;
    }
    sys::fsconfig_flag(context, c"ro")?;
    sys::fsconfig_create(context)?;
    let mount = sys::fsmount(context, sys::MOUNT_ATTR_RDONLY);
    sys::close(context);
    mount
}

/// `self/fd/N`, below a procfs.
struct FdPath([u8; 32]);

impl FdPath {
    fn of(fd: Fd) -> Self {
        let mut text = [0u8; 32];
        let mut digits = [0u8; 10];
        let mut rest = fd.unsigned_abs();
        let mut count = 0usize;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' | (rest % 10) as u8;
            rest /= 10;
            count = count.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        let number = digits.iter().skip(digits.len().saturating_sub(count));
        for (to, from) in text.iter_mut().zip(b"self/fd/".iter().chain(number)) {
            *to = *from;
        }
        Self(text)
    }

    fn text(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::FdPath;

    #[test]
    fn a_descriptor_has_a_path() {
        for (fd, path) in [(0, c"self/fd/0"), (10, c"self/fd/10"), (1023, c"self/fd/1023"), (i32::MAX, c"self/fd/2147483647")] {
            assert_eq!(FdPath::of(fd).text(), path);
        }
    }
}
