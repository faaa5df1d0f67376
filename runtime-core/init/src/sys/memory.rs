//! Memory.

use super::call::syscall;
use super::{Fd, Result};

/// `mmap(2)` of a file, from `offset` on.
///
/// The mapping is never taken away: it ends with the process image.
pub fn map_file(fd: Fd, offset: usize, len: usize, access: Access) -> Result<*mut u8> {
    let (protection, flags) = match access {
        Access::Read => (1usize, 2usize),
        Access::Share => (3, 1),
    };
    // SAFETY: the kernel chooses the address, so no existing mapping is touched.
    unsafe { syscall!(MMAP, 0usize, len, protection, flags, fd, offset) }.map(|at| at as *mut u8)
}

/// How [`map_file`] maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `PROT_READ`, `MAP_PRIVATE`.
    Read,
    /// `PROT_READ | PROT_WRITE`, `MAP_SHARED`.
    Share,
}

/// `mmap(2)` of fresh zeroed words.
pub fn map_words(count: usize) -> Result<&'static mut [usize]> {
    let len = count.saturating_mul(size_of::<usize>());
    // SAFETY: the kernel chooses the address; private anonymous memory, `PROT_READ | PROT_WRITE`.
    let at = unsafe { syscall!(MMAP, 0usize, len, 3usize, 0x22usize, -1i32, 0usize) }?;
    // SAFETY: a new mapping of that length, aligned to a page, zeroed, and nobody else's.
    Ok(unsafe { core::slice::from_raw_parts_mut(at as *mut usize, count) })
}
