//! `/etc/passwd` as images have it: whole, broken, long.

#![allow(clippy::unwrap_used)]

use super::*;
use std::fs::{self, File};
use std::os::fd::AsRawFd;

/// What a user's `HOME` is, by this file.
fn home(passwd: &str, uid: u32) -> String {
    let name = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let path = std::env::temp_dir().join(format!("passwd-{}-{name}", std::process::id()));
    fs::write(&path, passwd).unwrap();
    let mut home = Line::new(b"HOME=/");
    search(File::open(&path).unwrap().as_raw_fd(), uid, &mut home);
    fs::remove_file(&path).unwrap();
    assert_eq!(home.text.last(), Some(&0));
    String::from_utf8(home.bytes().to_vec()).unwrap()
}

#[test]
fn the_first_line_of_a_user_tells_its_home() {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100::/home/user:\ntwin:x:1000:100::/home/twin:/bin/sh\n";
    assert_eq!(home(passwd, 0), "HOME=/root");
    assert_eq!(home(passwd, 1000), "HOME=/home/user");
    assert_eq!(home(passwd, 100), "HOME=/");
}

#[test]
fn a_last_line_needs_no_end() {
    assert_eq!(home("a:x:1:1::/a:/bin/sh\nb:x:2:2::/b", 2), "HOME=/b");
    assert_eq!(home("", 2), "HOME=/");
}

#[test]
fn broken_lines_are_passed_over() {
    let passwd = "\n#\n::::\nx\na:x:-1:0::/minus:\na:x::0::/none:\na:x:5 :0::/space:\na:x:99999999999:0::/large:\na:x:5\na:x:5:0::\nb:x:5:0::/five:\n";
    assert_eq!(home(passwd, 5), "HOME=/five");
    for uid in [0, 1, u32::MAX, 1_215_752_191] {
        assert_eq!(home(passwd, uid), "HOME=/", "{uid}");
    }
}

#[test]
fn a_long_line_hides_no_other() {
    let long = "x".repeat(5000);
    let passwd = format!("a:x:1:1:{long}:/lost:/bin/sh\nb:x:2:2::/b:/bin/sh\n{long}\nc:x:3:3::/c:/bin/sh\n");
    assert_eq!(home(&passwd, 1), "HOME=/");
    assert_eq!(home(&passwd, 2), "HOME=/b");
    assert_eq!(home(&passwd, 3), "HOME=/c");
}

#[test]
fn a_line_on_the_edge_of_what_is_read_at_once_is_whole() {
    for before in 2000..2060 {
        let passwd = format!("{}\nb:x:7:7::/home/seven:/bin/sh\n", "#".repeat(before));
        assert_eq!(home(&passwd, 7), "HOME=/home/seven", "{before}");
    }
}

#[test]
fn a_number_is_digits() {
    assert_eq!(
        [number(b"0"), number(b"4294967295"), number(b"4294967296"), number(b""), number(b"1a")],
        [Some(0), Some(u32::MAX), None, None, None]
    );
}

#[test]
fn only_what_can_be_executed_is_a_program() {
    let this = std::env::current_exe().unwrap().to_str().unwrap().to_string();
    let this = std::ffi::CString::new(this).unwrap();
    assert_eq!(executable(&this), Ok(()));
    assert_eq!(executable(c"/"), Err(Errno::EISDIR));
    assert_eq!(executable(c"/etc/passwd"), Err(Errno::EACCES));
    assert_eq!(executable(c"/not/there"), Err(Errno::ENOENT));
    assert_eq!(executable(c"/etc/passwd/x"), Err(Errno::ENOTDIR));
}
