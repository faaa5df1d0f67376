//! Makes bundles: a root file system of busybox alone, things to mount and to mask, and the config.
//!
//! Nothing is taken from the host but busybox itself, so a case sees the same everywhere.

use crate::case::Fixture;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

const APPLETS: &str = "sh cat ls mount umount id stat true false sleep readlink tr sort uname grep hostname pwd echo head wc rm ip \
    ionice touch mkdir ps kill env test printf stty tty od chmod nproc dd sed cut tail mknod sysctl unshare sha256sum";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/bin/false
alice:x:1000:1000::/home/alice:/bin/sh
homeless:x:1001:1001:::/bin/sh
broken line
";

const GROUP: &str = "root:x:0:
daemon:x:1:
alice:x:1000:
wheel:x:10:root,alice
";

/// Directories of the root file system, with their modes.
const DIRECTORIES: &[(&str, u32)] = &[
    ("bin", 0o755),
    ("dev", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
    ("etc", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("home/alice", 0o755),
    ("usr/bin", 0o755),
    ("mnt", 0o755),
    ("private", 0o700),
    ("data/inner", 0o755),
];

/// Files of the root file system, with their modes and texts.
const FILES: &[(&str, u32, &str)] = &[
    ("etc/passwd", 0o644, PASSWD),
    ("etc/group", 0o644, GROUP),
    ("data/file", 0o644, "in the image\n"),
    ("data/secret", 0o600, "nobody may read this\n"),
    ("bin/plain", 0o644, "not a program\n"),
    ("bin/text", 0o755, "echo no interpreter\n"),
    ("bin/garbage", 0o755, "\u{7f}ELF is not enough\n"),
    ("bin/lost", 0o755, "#!/does/not/exist\n"),
    ("bin/script", 0o755, "#!/bin/sh\necho script \"$0\" \"$@\"\n"),
    ("usr/bin/tool", 0o755, "#!/bin/sh\necho tool \"$0\" \"$@\"\n"),
];

/// Symlinks of the root file system.
const LINKS: &[(&str, &str)] = &[
    ("to-data", "data"),
    ("to-file", "data/file"),
    ("absolute", "/data/inner"),
    ("outside", "../../../../../../data"),
    ("dangling", "/not/there"),
    ("loop", "loop"),
];

/// Where busybox is, if it is there at all.
pub(crate) fn busybox() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/bin".into(), "/usr/bin".into()]).map(|dir| dir.join("busybox")).find(|file| file.is_file())
}

/// Makes `{dir}/bundle` and everything around it, but for the config.
pub(crate) fn make(dir: &Path, busybox: &Path, fixtures: &[Fixture]) -> io::Result<()> {
    let root = dir.join("bundle/rootfs");
    for name in ["bundle/rootfs", "out", "hooks"] {
        fs::create_dir_all(dir.join(name))?;
    }
    fs::set_permissions(dir.join("hooks"), Permissions::from_mode(0o1777))?;
    tree(&root)?;
    programs(&root, busybox)?;
    source(&dir.join("source"))?;
    fixtures.iter().try_for_each(|fixture| furnish(&root, *fixture))
}

fn tree(root: &Path) -> io::Result<()> {
    for (name, mode) in DIRECTORIES {
        fs::create_dir_all(root.join(name))?;
        fs::set_permissions(root.join(name), Permissions::from_mode(*mode))?;
    }
    for (name, mode, text) in FILES {
        fs::write(root.join(name), text)?;
        fs::set_permissions(root.join(name), Permissions::from_mode(*mode))?;
    }
    LINKS.iter().try_for_each(|(name, target)| symlink(target, root.join(name)))?;
    chown(root.join("home/alice"), Some(1000), Some(1000))
}

// One inode for all bundles where the file system allows it: two megabytes for each case add up.
fn programs(root: &Path, busybox: &Path) -> io::Result<()> {
    let target = root.join("bin/busybox");
    fs::hard_link(busybox, &target).or_else(|_| fs::copy(busybox, &target).map(drop))?;
    APPLETS.split_whitespace().try_for_each(|name| symlink("busybox", root.join("bin").join(name)))
}

fn source(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir.join("sub"))?;
    fs::write(dir.join("file"), "from the host\n")?;
    fs::write(dir.join("sub/file"), "from below\n")?;
    fs::write(dir.join("program"), "#!/bin/sh\necho ran\n")?;
    fs::set_permissions(dir.join("program"), Permissions::from_mode(0o755))
}

fn furnish(root: &Path, fixture: Fixture) -> io::Result<()> {
    match fixture {
        Fixture::OwnedBy(id) => own(root, id),
        Fixture::Without(path) => {
            let path = root.join(path);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
        }
        Fixture::Symlink(path, target) => {
            furnish(root, Fixture::Without(path)).or_else(|err| if err.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(err) })?;
            symlink(target, root.join(path))
        }
        Fixture::PrivateHost | Fixture::Submount | Fixture::Holder(_) | Fixture::Controller(_) => Ok(()),
    }
}

fn own(dir: &Path, id: u32) -> io::Result<()> {
    chown(dir, Some(id), Some(id))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            own(&entry.path(), id)?;
        } else if entry.file_name() != "busybox" {
            std::os::unix::fs::lchown(entry.path(), Some(id), Some(id))?;
        }
    }
    Ok(())
}

/// Every path below `root` with its type and mode, to tell what a runtime leaves in an image.
pub(crate) fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(facts) = fs::metadata(root) {
        list(root, root, facts.dev(), &mut lines);
    }
    lines.sort();
    lines
}

// A mount that a runtime left there is told elsewhere.
fn list(root: &Path, dir: &Path, device: u64, lines: &mut Vec<String>) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        let Ok(facts) = entry.metadata() else { continue };
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        lines.push(format!("/{name} {:o}", facts.permissions().mode()));
        if facts.is_dir() && facts.dev() == device {
            list(root, &path, device, lines);
        }
    }
}
