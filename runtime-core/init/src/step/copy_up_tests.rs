//! A tree is copied as it is.

#![allow(clippy::unwrap_used)]

use super::*;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("copy-up-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("from")).unwrap();
        fs::create_dir(dir.join("to")).unwrap();
        Self(dir)
    }

    fn from(&self, name: &str) -> PathBuf {
        self.0.join("from").join(name)
    }

    fn to(&self, name: &str) -> PathBuf {
        self.0.join("to").join(name)
    }

    fn copy(&self) -> sys::Result<()> {
        let open = |path: &str| File::open(self.0.join(path)).unwrap();
        directory(open("from").as_raw_fd(), open("to").as_raw_fd(), DEPTH)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn files_directories_links_and_nodes_arrive_with_their_modes_and_times() {
    let scratch = Scratch::new("all");
    let large = vec![7u8; 100_000];
    fs::create_dir_all(scratch.from("dir/deeper")).unwrap();
    fs::write(scratch.from("dir/deeper/file"), &large).unwrap();
    fs::set_permissions(scratch.from("dir/deeper/file"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(scratch.from("dir"), fs::Permissions::from_mode(0o1750)).unwrap();
    symlink("/not/there", scratch.from("link")).unwrap();
    sys::mknodat(sys::AT_FDCWD, &std::ffi::CString::new(scratch.from("fifo").to_str().unwrap()).unwrap(), 0o010_640, 0).unwrap();
    scratch.copy().unwrap();
    assert_eq!(fs::read(scratch.to("dir/deeper/file")).unwrap(), large);
    assert_eq!((mode(&scratch.to("dir/deeper/file")), mode(&scratch.to("dir"))), (0o4751, 0o1750));
    assert_eq!(fs::read_link(scratch.to("link")).unwrap(), Path::new("/not/there"));
    assert!(fs::metadata(scratch.to("fifo")).unwrap().file_type().is_fifo());
    for name in ["dir", "dir/deeper/file", "link"] {
        let time = |path: PathBuf| fs::symlink_metadata(path).unwrap().modified().unwrap();
        assert_eq!(time(scratch.from(name)), time(scratch.to(name)), "{name}");
    }
}

#[test]
fn a_thousand_entries_arrive() {
    let scratch = Scratch::new("many");
    (0..1000).for_each(|number| fs::write(scratch.from(&format!("a-rather-long-name-{number}")), "").unwrap());
    scratch.copy().unwrap();
    assert_eq!(fs::read_dir(scratch.0.join("to")).unwrap().count(), 1000);
}

#[test]
fn what_is_nested_too_deep_is_an_error_not_an_overflow() {
    let scratch = Scratch::new("deep");
    fs::create_dir_all(scratch.from(&"d/".repeat(40))).unwrap();
    assert_eq!(scratch.copy(), Err(Errno::ELOOP));
}
