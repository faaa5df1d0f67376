//! Walking and making paths, as any user: a root is only a directory's descriptor here.

#![allow(clippy::unwrap_used)]

use super::*;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

/// A directory with a `root` in it, and `outside` beside that.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("root-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("root")).unwrap();
        fs::create_dir(dir.join("outside")).unwrap();
        Self(dir)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// What a path is opened as: where it lies below the root.
    fn open(&self, path: &str, target: Target) -> sys::Result<PathBuf> {
        let root = File::open(self.root()).unwrap();
        let (fd, _) = open_or_make(root.as_raw_fd(), &CString::new(path).unwrap(), target)?;
        let at = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        sys::close(fd);
        Ok(at.strip_prefix(self.root()).unwrap().to_owned())
    }

    fn is_untouched_outside(&self) -> bool {
        fs::read_dir(self.0.join("outside")).unwrap().count() == 0 && fs::read_dir(&self.0).unwrap().count() == 2
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_missing_of_a_path_is_made_and_what_is_there_is_kept() {
    let scratch = Scratch::new("make");
    fs::create_dir(scratch.root().join("a")).unwrap();
    fs::set_permissions(scratch.root().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(scratch.open("/a//b/./c/", Target::Directory), Ok("a/b/c".into()));
    assert_eq!(scratch.open("a/b/c", Target::Existing), Ok("a/b/c".into()));
    assert_eq!(fs::metadata(scratch.root().join("a")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(scratch.open("/", Target::Directory), Ok("".into()));
}

#[test]
fn a_file_is_made_at_the_end_and_directories_above_it() {
    let scratch = Scratch::new("file");
    assert_eq!(scratch.open("/x/y/file", Target::File), Ok("x/y/file".into()));
    assert!(fs::metadata(scratch.root().join("x/y/file")).unwrap().is_file());
    assert_eq!(scratch.open("/x/y/file/below", Target::Directory), Err(Errno::ENOTDIR));
    assert_eq!(scratch.open("/x/y/file", Target::Directory), Ok("x/y/file".into()));
}

#[test]
fn what_must_exist_is_not_made() {
    let scratch = Scratch::new("existing");
    assert_eq!(scratch.open("/a/b", Target::Existing), Err(Errno::ENOENT));
    assert_eq!(fs::read_dir(scratch.root()).unwrap().count(), 0);
}

#[test]
fn no_way_leads_out_of_the_root() {
    let scratch = Scratch::new("out");
    let outside = scratch.0.join("outside");
    let up = "../".repeat(30);
    let relative = format!("{up}{}", outside.strip_prefix("/").unwrap().display());
    symlink(&outside, scratch.root().join("absolute")).unwrap();
    symlink(&relative, scratch.root().join("climbing")).unwrap();
    symlink("absolute/deeper", scratch.root().join("twice")).unwrap();
    let inside = outside.strip_prefix("/").unwrap();
    for (path, expected) in [
        ("/../../outside/a".into(), "outside/a".into()),
        (format!("/{up}etc"), "etc".into()),
        ("/absolute/b".into(), inside.join("b")),
        ("/climbing/c".into(), inside.join("c")),
        ("/twice/d".into(), inside.join("deeper/d")),
    ] {
        assert_eq!(scratch.open(&path, Target::Directory), Ok(expected), "{path}");
    }
    assert_eq!(scratch.open("/climbing/file", Target::File), Ok(inside.join("file")));
    assert!(scratch.is_untouched_outside());
}

#[test]
fn links_that_go_in_circles_come_to_an_end() {
    let scratch = Scratch::new("circle");
    symlink("two", scratch.root().join("one")).unwrap();
    symlink("one", scratch.root().join("two")).unwrap();
    symlink("grows/x", scratch.root().join("grows")).unwrap();
    for path in ["/one", "/one/a", "/grows", "/grows/y"] {
        assert_eq!(scratch.open(path, Target::Directory), Err(Errno::ELOOP), "{path}");
    }
    let names: Vec<_> = fs::read_dir(scratch.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn a_real_directory_is_not_behind_a_link() {
    let scratch = Scratch::new("real");
    fs::create_dir(scratch.root().join("tmp")).unwrap();
    symlink("tmp", scratch.root().join("proc")).unwrap();
    symlink("nowhere", scratch.root().join("sys")).unwrap();
    assert_eq!(scratch.open("/proc", Target::RealDirectory), Err(Errno::ELOOP));
    assert_eq!(scratch.open("/proc/below", Target::RealDirectory), Err(Errno::ELOOP));
    assert_eq!(scratch.open("/sys", Target::RealDirectory), Err(Errno::ELOOP));
    assert_eq!(scratch.open("/new/proc", Target::RealDirectory), Ok("new/proc".into()));
    assert!(!scratch.root().join("nowhere").exists());
}

#[test]
fn magic_links_are_no_way_either() {
    let scratch = Scratch::new("magic");
    let host = File::open("/").unwrap();
    for path in [format!("/proc/self/fd/{}", 0), "/proc/self/root".into(), "/proc/self/cwd/x".into()] {
        let opened = open_or_make(host.as_raw_fd(), &CString::new(path.as_str()).unwrap(), Target::Existing).map(|(fd, _)| fd);
        assert_eq!(opened, Err(Errno::ELOOP), "{path}");
    }
    assert!(scratch.is_untouched_outside());
}

#[test]
fn a_path_too_long_is_an_error() {
    let scratch = Scratch::new("long");
    assert_eq!(scratch.open(&"/x".repeat(3000), Target::Directory), Err(Errno::ENAMETOOLONG));
    assert_eq!(scratch.open(&"y".repeat(300), Target::Directory), Err(Errno::ENAMETOOLONG));
}

#[test]
fn an_equal_node_is_left_and_another_refused() {
    let scratch = Scratch::new("node");
    let root = File::open(scratch.root()).unwrap();
    let fifo = 0o010_000;
    sys::mknodat(root.as_raw_fd(), c"fifo", fifo | 0o600, 0).unwrap();
    assert!(fs::metadata(scratch.root().join("fifo")).unwrap().file_type().is_fifo());
    assert_eq!(same_node(root.as_raw_fd(), c"fifo", fifo | 0o666, 0), Ok(()));
    let other = same_node(root.as_raw_fd(), c"fifo", Stat::CHARACTER | 0o666, makedev(1, 3));
    assert_eq!(other.map_err(|failure| failure.errno), Err(Errno::EEXIST));
    fs::write(scratch.root().join("file"), "").unwrap();
    assert!(same_node(root.as_raw_fd(), c"file", Stat::CHARACTER | 0o666, makedev(1, 3)).is_err());
}

#[test]
fn names_are_taken_from_a_path_one_by_one() {
    let names = |path: &str| {
        let (mut start, mut names) = (0, Vec::new());
        while let Some(len) = next_name(path.as_bytes(), &mut start) {
            names.push(path.get(start..start + len).unwrap().to_owned());
            start += len;
        }
        names
    };
    assert_eq!(names("//a/bc//d/"), ["a", "bc", "d"]);
    assert_eq!(names("a"), ["a"]);
    assert_eq!(names("///"), [""; 0]);
    assert_eq!(names(""), [""; 0]);
}
