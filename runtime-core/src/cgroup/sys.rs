//! The two calls that nix does not have: `bpf(2)`, and `kill(2)` with a real-time signal.
//!
//! Invariant: what goes in are plain values and slices, what comes out are owned descriptors; no pointer outlives its call.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_ATTACH: libc::c_long = 8;
const BPF_PROG_DETACH: libc::c_long = 9;
const BPF_PROG_GET_FD_BY_ID: libc::c_long = 13;
const BPF_PROG_QUERY: libc::c_long = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
const BPF_F_REPLACE: u32 = 1 << 2;

/// One instruction, as `struct bpf_insn` lays it out: the registers are two halves of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    pub(super) code: u8,
    pub(super) registers: u8,
    pub(super) offset: i16,
    pub(super) value: i32,
}

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` needs.
#[repr(C)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The part that attaching and detaching need.
#[repr(C)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}

/// The part that `BPF_PROG_QUERY` needs.
#[repr(C)]
struct Query {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    padding: u32,
}

/// The part that `BPF_PROG_GET_FD_BY_ID` needs.
#[repr(C)]
struct ById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

/// Hands a device filter to the kernel's verifier.
pub(super) fn load_device_program(program: &[Instruction]) -> nix::Result<OwnedFd> {
    let load = Load {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        insns: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name: *b"oci_devices\0\0\0\0\0",
    };
    // SAFETY: `load` points at `program`, borrowed across the call, with its own length beside it, and at a static string; the log is off, so
    // the kernel writes nothing back.
    let fd = unsafe { bpf(BPF_PROG_LOAD, (&raw const load).cast_mut()) }?;
    owned(fd)
}

/// Attaches a device filter to a cgroup, beside those of the ancestors; in the place of `replaced` in one step where that is given.
pub(super) fn attach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>, replaced: Option<BorrowedFd<'_>>) -> nix::Result<()> {
    let flags = BPF_F_ALLOW_MULTI | if replaced.is_some() { BPF_F_REPLACE } else { 0 };
    let attach = Attach { attach_flags: flags, replace_bpf_fd: replaced.map_or(0, number), ..Attach::of(cgroup, program) };
    // SAFETY: `attach` holds numbers only, of descriptors that are borrowed across the call; the kernel reads it.
    unsafe { bpf(BPF_PROG_ATTACH, (&raw const attach).cast_mut()) }.map(drop)
}

/// Takes a device filter off a cgroup.
pub(super) fn detach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> nix::Result<()> {
    let attach = Attach::of(cgroup, program);
    // SAFETY: `attach` holds numbers only, of descriptors that are borrowed across the call; the kernel reads it.
    unsafe { bpf(BPF_PROG_DETACH, (&raw const attach).cast_mut()) }.map(drop)
}

impl Attach {
    fn of(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Self {
        let (target_fd, attach_bpf_fd) = (number(cgroup), number(program));
        Self { target_fd, attach_bpf_fd, attach_type: BPF_CGROUP_DEVICE, attach_flags: 0, replace_bpf_fd: 0 }
    }
}

/// The ids of the device filters attached to this very cgroup. The kernel allows 64.
pub(super) fn device_programs(cgroup: BorrowedFd<'_>) -> nix::Result<Vec<u32>> {
    let mut ids = [0_u32; 64];
    let mut query = Query {
        target_fd: number(cgroup),
        attach_type: BPF_CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: 64,
        padding: 0,
    };
    // SAFETY: the kernel writes at most `prog_cnt` numbers into `ids` and the count into `query`; both are locals, borrowed mutably and alive.
    unsafe { bpf(BPF_PROG_QUERY, &raw mut query) }?;
    let count = usize::try_from(query.prog_cnt).map_err(|_| Errno::E2BIG)?;
    Ok(ids.get(..count).ok_or(Errno::E2BIG)?.to_vec())
}

/// A loaded program by its id.
pub(super) fn program_by_id(id: u32) -> nix::Result<OwnedFd> {
    let by_id = ById { id, next_id: 0, open_flags: 0 };
    // SAFETY: `by_id` holds numbers only and lives across the call; the kernel reads it.
    let fd = unsafe { bpf(BPF_PROG_GET_FD_BY_ID, (&raw const by_id).cast_mut()) }?;
    owned(fd)
}

/// `kill(2)` with a signal that nix has no name for.
pub(super) fn kill(pid: i32, signal: i32) -> nix::Result<()> {
    // SAFETY: two numbers go in and no memory is shared; an unknown signal is the kernel's to refuse.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// # Safety
///
/// `attributes` must be valid for reads and writes of its size for the whole call, and what it points at must be as `command` wants it.
unsafe fn bpf<T>(command: libc::c_long, attributes: *mut T) -> nix::Result<libc::c_long> {
    // SAFETY: the caller vouches for `attributes`; its true size goes with it, and the kernel takes what lies beyond for zero.
    Errno::result(unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) })
}

fn owned(fd: libc::c_long) -> nix::Result<OwnedFd> {
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel made this descriptor for the bpf(2) call that returned it just now, and nobody else has seen its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    // A descriptor is never negative.
    fd.as_raw_fd().unsigned_abs()
}
