//! The init's program: embedded here, run from a sealed memory file.

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::O_TMPFILE;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;

static ELF: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init.elf"));

/// The program, open: made once, the same for every container of this process.
pub(super) fn program() -> Result<BorrowedFd<'static>> {
    static PROGRAM: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(program) = PROGRAM.get() {
        return Ok(program.as_fd());
    }
    let made = sealed().or_else(|_| on_a_sealed_mount())?;
    Ok(PROGRAM.get_or_init(|| made).as_fd())
}

/// A memory file nobody can write to any more.
fn sealed() -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let failed = |errno| Error::call("memfd_create", "runtime-init", errno);
    let fd = match memfd_create(c"runtime-init", flags | MFdFlags::from_bits_retain(nix::libc::MFD_EXEC)) {
        // Linux < 6.3 does not know the flag, and needs none; remove with the 5.10 support row in host.
        Err(Errno::EINVAL) => memfd_create(c"runtime-init", flags),
        other => other,
    };
    let mut file = File::from(fd.map_err(failed)?);
    file.write_all(ELF).map_err(|error| Error::io("write", "runtime-init", error))?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all())).map_err(failed)?;
    Ok(file.into())
}

/// Where memory files may not be executed (`vm.memfd_noexec=2`): a file without a name, seen through a read-only mount of its own.
fn on_a_sealed_mount() -> Result<OwnedFd> {
    let dir = std::env::temp_dir();
    let made = File::options().read(true).write(true).mode(0o500).custom_flags(O_TMPFILE).open(&dir);
    let mut file = made.map_err(|error| Error::io("open", &dir, error))?;
    file.write_all(ELF).map_err(|error| Error::io("write", &dir, error))?;
    match super::sys::open_sealed(&file) {
        // Who may not mount can still open it for reading alone; it has no name, and nobody writes to what is being executed.
        Err(error) if error.errno() == Some(Errno::EPERM as i32) => super::sys::reopen(&file),
        opened => opened,
    }
}
