//! Sockets.

use super::call::syscall;
use super::{Fd, Result};
/// `struct msghdr`.
#[repr(C)]
struct Message {
    name: usize,
    name_len: usize,
    parts: *const Part,
    part_count: usize,
    control: *const Control,
    control_len: usize,
    flags: usize,
}

/// `struct iovec`.
#[repr(C)]
struct Part {
    at: *const u8,
    len: usize,
}

/// `struct cmsghdr` with one descriptor.
#[repr(C)]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    fd: Fd,
    pad: i32,
}

/// `sendmsg(2)` of one descriptor with some bytes: a terminal with its name, another one with a report.
pub fn send_fd(socket: Fd, fd: Fd, bytes: &[u8]) -> Result<()> {
    let part = Part { at: bytes.as_ptr(), len: bytes.len() };
    let control = Control { len: 20, level: 1, kind: 1, fd, pad: 0 };
    let message =
        Message { name: 0, name_len: 0, parts: &raw const part, part_count: 1, control: &raw const control, control_len: 24, flags: 0 };
    // SAFETY: all three structures live across the call; level and kind are SOL_SOCKET and SCM_RIGHTS. 0x4000 is MSG_NOSIGNAL.
    unsafe { syscall!(SENDMSG, socket, &raw const message, 0x4000usize) }.map(drop)
}

/// `socket(2)` to rtnetlink: `AF_NETLINK`, `SOCK_RAW | SOCK_CLOEXEC`, `NETLINK_ROUTE`.
pub fn route_socket() -> Result<Fd> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(SOCKET, 16usize, 0x8_0003usize, 0usize) }.map(|fd| fd as Fd)
}

/// `struct ifreq`, as far as flags go.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    pad: [u8; 22],
}

/// Bring `lo` up: `ioctl(SIOCSIFFLAGS)`.
pub fn loopback_up() -> Result<()> {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(*b"lo") {
        *to = from;
    }
    // SAFETY: no memory is involved: AF_INET, SOCK_DGRAM | SOCK_CLOEXEC.
    let socket = unsafe { syscall!(SOCKET, 2usize, 0x8_0002usize, 0usize) }? as Fd;
    let request = InterfaceFlags { name, flags: 0x41, pad: [0; 22] };
    // SAFETY: SIOCSIFFLAGS reads a `struct ifreq` of 40 bytes, which this is.
    let result = unsafe { super::ioctl_with(socket, 0x8914, &request) };
    super::close(socket);
    result
}
