//! Compiling: a seccomp profile becomes one BPF program for the kernel.
//!
//! Three steps, a file each: [`policy`] reads the profile and rejects what cannot be meant; [`sections`] decides what happens to each
//! number of each architecture; [`program`] writes that down as a binary search, so that no call pays for the length of the profile.
//!
//! Invariants: nothing here touches the host, and nothing is installed. The program only loads the number, the architecture and the
//! arguments, compares, and returns; it never reads the instruction pointer. So Linux ≥ 5.11 finds out by itself, when the filter is
//! installed, which calls are always allowed, and does not run the program for them at all.
//!
//! ```text
//! {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"}]}
//!
//!     load arch;  x86_64? no -> kill
//!     load number;  >= 0x40000000? -> kill (x32)
//!     >= 2? no -> allow;  yes -> errno 38: newer than the newest call the profile knows
//! ```

use crate::error::Result;
use oci_spec::runtime::{Arch, LinuxSeccomp};
use std::path::PathBuf;

mod abi;
mod policy;
mod program;
mod sections;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use abi::NATIVE;

/// The kernel that a filter is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    /// Its own architecture.
    pub(crate) native: Arch,
    /// The flags it knows.
    pub(crate) flags: u32,
}

/// What `seccomp(SECCOMP_SET_MODE_FILTER, flags, program)` is given, and who hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// At most 4096 instructions.
    pub(crate) program: Vec<Insn>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub(crate) flags: u32,
    /// Where the descriptor goes; set exactly if `flags` has [`NEW_LISTENER`](crate::host::seccomp::NEW_LISTENER).
    pub(crate) listener: Option<Listener>,
}

impl Filter {
    /// The program as the kernel reads it: `struct sock_filter`s.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.program.len() * size_of::<Insn>());
        for insn in &self.program {
            bytes.extend(insn.code.to_ne_bytes());
            bytes.extend([insn.jt, insn.jf]);
            bytes.extend(insn.k.to_ne_bytes());
        }
        bytes
    }
}

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Insn {
    /// What to do.
    pub(crate) code: u16,
    /// How many instructions to skip if the comparison holds.
    pub(crate) jt: u8,
    /// How many if it does not.
    pub(crate) jf: u8,
    /// The constant.
    pub(crate) k: u32,
}

/// The agent that answers the notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    /// `listenerPath`: its socket.
    pub(crate) path: PathBuf,
    /// `listenerMetadata`: what it is told, beside the state.
    pub(crate) metadata: Option<String>,
}

/// The filter that does what `profile` says.
pub(crate) fn compile(profile: &LinuxSeccomp, kernel: Kernel) -> Result<Filter> {
    let policy = policy::read(profile, kernel)?;
    let sections = sections::decide(&policy);
    let program = program::write(&sections, abi::endian(kernel.native))?;
    Ok(Filter { program, flags: policy.flags, listener: policy.listener })
}
