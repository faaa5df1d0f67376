//! Messages as bytes, and interfaces of a kernel.

#![allow(clippy::unwrap_used)]

use super::message::{Answer, Naming, add_address, answers, get_link, send_away};
use super::*;
use nix::sched::{CloneFlags, unshare};
use std::process::Command;

#[test]
fn a_move_is_one_request() {
    let bytes = send_away(Naming { index: 7, name: "eth%d", new_index: 9 }, 5).into_bytes();
    let mut expected = vec![60, 0, 0, 0, 16, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expected.extend([0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([10, 0, 3, 0, b'e', b't', b'h', b'%', b'd', 0, 0, 0]);
    expected.extend([8, 0, 28, 0, 5, 0, 0, 0, 8, 0, 49, 0, 9, 0, 0, 0]);
    assert_eq!(bytes, expected);
    assert_eq!(get_link("lo").into_bytes().len(), 40);
}

#[test]
fn answers_are_read_with_bounds() {
    let refusal = [36, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xed, 0xff, 0xff, 0xff];
    let mut whole = refusal.to_vec();
    whole.resize(36, 0);
    whole.extend([20, 0, 0, 0, 3, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answers(&whole), [Answer::Refused(Errno::ENODEV), Answer::Interrupted, Answer::Done]);
    for len in 0..36 {
        assert_eq!(answers(&whole[..len]), [], "{len}");
    }
    // Lengths that lie: of the message, of a part of it.
    assert_eq!(answers(&[4, 0, 0, 0, 16, 0, 0, 0]), []);
    let mut link = vec![40, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    link.extend([0; 16]);
    link.extend([200, 0, 3, 0, b'x', 0, 0, 0]);
    assert_eq!(answers(&link), []);
}

/// A network namespace for this thread, so that the host's interfaces are not touched; none, with a word, without the right to it.
fn own_namespace() -> bool {
    let own = unshare(CloneFlags::CLONE_NEWNET).is_ok();
    if !own {
        println!("SKIP: needs root");
    }
    own
}

/// Waits in a network namespace of its own.
fn other_namespace() -> std::process::Child {
    let child = Command::new("unshare").args(["-n", "sleep", "100"]).spawn().unwrap();
    let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    while std::fs::read_link(format!("/proc/{}/ns/net", child.id())).unwrap() == own {
        std::thread::yield_now();
    }
    child
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A route socket of a process's namespace, as its init would lend it.
fn lent(pid: u32) -> OwnedFd {
    let path = format!("/proc/{pid}/ns/net");
    std::thread::spawn(move || {
        nix::sched::setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        Route::open().unwrap().into_socket()
    })
    .join()
    .unwrap()
}

/// What `ip` says, in the namespace of a process.
fn inside(pid: u32, args: &str) -> String {
    sh(&format!("nsenter -t {pid} -n ip {args}"))
}

#[test]
fn an_interface_moves_with_its_addresses_and_comes_back() {
    if !own_namespace() {
        return;
    }
    sh("ip link add v0 mtu 1400 type veth peer name v1; ip link set v0 up; ip link set v1 up");
    sh(
        "ip addr add 10.1.2.3/24 brd 10.1.2.255 dev v0; ip addr add 10.9.9.9 peer 10.9.9.8 dev v0; ip addr add 127.0.0.9/8 scope host dev v0",
    );
    sh("ip -6 addr add fd00::5/64 nodad dev v0; ip -6 addr add fd00::6/64 dev v0 valid_lft 1000 preferred_lft 1000");
    let before = sh("ip -br link show v0");
    let mut other = other_namespace();
    let pid = other.id();
    let mut moving = Move::between(pid.cast_signed(), lent(pid)).unwrap();
    moving.take(("v0", "lan%d"), |_| Ok(())).unwrap();
    let addresses = inside(pid, "addr show lan0");
    for part in
        ["mtu 1400", ",UP", "inet 10.1.2.3/24 brd 10.1.2.255 scope global", "inet 10.9.9.9 peer 10.9.9.8/32", "fd00::5/64 scope global"]
    {
        assert!(addresses.contains(part), "{part}: {addresses}");
    }
    assert!(!addresses.contains("127.0.0.9") && !addresses.contains("fd00::6"), "{addresses}");
    assert!(!sh("ip -br link").contains("v0"));
    assert!(moving.undo().is_empty());
    assert_eq!(sh("ip -br link show v0"), before);
    let addresses = sh("ip addr show v0");
    assert!(["10.1.2.3/24", "127.0.0.9", "fd00::5"].iter().all(|part| addresses.contains(part)), "{addresses}");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn what_cannot_move_stays_and_says_why() {
    if !own_namespace() {
        return;
    }
    sh("ip link add v0 type veth peer name v1; ip addr add 10.1.2.3/24 dev v0");
    let mut other = other_namespace();
    let pid = other.id();
    inside(pid, "link add taken type veth peer name other");
    let mut moving = Move::between(pid.cast_signed(), lent(pid)).unwrap();
    let mut check = |outside: &str, name: &str, expected: &str| {
        assert_eq!(moving.take((outside, name), |_| Ok(())).unwrap_err().to_string(), format!("linux.netDevices.{outside}: {expected}"));
    };
    check("none", "none", "RTM_GETLINK none: no such device (ENODEV)");
    check("v0", "taken", "RTM_NEWLINK taken: file exists (EEXIST)");
    check("v0", "lo", "RTM_NEWLINK lo: file exists (EEXIST)");
    check("lo", "lo1", "RTM_NEWLINK lo1: invalid argument (EINVAL)");
    // Two templates in a name are for the kernel to refuse: it has moved the interface by then.
    check("v0", "a%d%d", "RTM_NEWLINK a%d%d: invalid argument (EINVAL)");
    assert!(moving.undo().is_empty());
    assert!(sh("ip addr show v0").contains("10.1.2.3/24"));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_number_that_is_taken_inside_is_replaced() {
    if !own_namespace() {
        return;
    }
    sh("ip link add v0 type veth peer name v1");
    let mut other = other_namespace();
    let pid = other.id();
    inside(pid, "link add one type veth peer name two");
    let mut moving = Move::between(pid.cast_signed(), lent(pid)).unwrap();
    moving.take(("v0", "v0"), |_| Ok(())).unwrap();
    moving.take(("v1", "w%d"), |_| Ok(())).unwrap();
    let names = inside(pid, "-br link");
    assert!(names.contains("v0@") && names.contains("w0@"), "{names}");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn an_address_is_added_as_it_was() {
    let kernel = [
        [52, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].as_slice(),
        &[2, 24, 0x80, 0, 7, 0, 0, 0],
        &[8, 0, 1, 0, 10, 0, 0, 1, 8, 0, 2, 0, 10, 0, 0, 1, 6, 0, 3, 0, b'e', 0, 0, 0],
        &[0; 4],
    ];
    let found = answers(&kernel.concat());
    let [Answer::Address(address)] = found.as_slice() else { unreachable!("{found:?}") };
    assert!(address.is_kept());
    let again = add_address(address, 3).into_bytes();
    // The label is gone, the flags are those that were asked for.
    assert_eq!(again[16..], [2, 24, 0, 0, 3, 0, 0, 0, 8, 0, 8, 0, 0, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 1, 8, 0, 2, 0, 10, 0, 0, 1]);
}
