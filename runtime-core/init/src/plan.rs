//! The plan as the init reads it: a memory file, position-independent, mapped read-only.
//!
//! ```text
//! page 0          Record, shared with the parent
//! page 1          Header
//! header.ops      [Op]
//! header.arena    strings and tables
//! ```

use crate::op::{Blob, Op, Text, Texts};
use crate::sys::Errno;
use core::ffi::CStr;

/// What the second page begins with. All offsets count from the header.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// [`Header::MAGIC`].
    pub magic: u64,
    /// Length of everything, from the header on.
    pub len: u32,
    /// Offset of the first op.
    pub ops: u32,
    /// How many ops.
    pub op_count: u32,
    /// Offset of the arena.
    pub arena: u32,
    /// The file descriptor of slot 0; the others follow.
    pub first_fd: u32,
    /// How many slots are filled when the init starts.
    pub filled: u32,
    /// For tests: the step that fails, or `u32::MAX`.
    pub fail_pc: u32,
    /// For tests: its errno, or 0 to be killed there.
    pub fail_errno: i32,
}

impl Header {
    /// Says that both sides were built from the same vocabulary.
    pub const MAGIC: u64 = 0x7275_6e70_6c61_6e00 | size_of::<Op>() as u64;
}

/// A mapped plan.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    header: &'a Header,
    ops: &'a [Op],
    arena: &'a [u8],
}

impl<'a> Plan<'a> {
    /// Looks at a mapped plan.
    ///
    /// # Safety
    /// `header` must begin a mapping of `len` bytes, of a [`Header`] and [`Op`]s of this very crate, that outlives `'a` and that
    /// nobody writes to.
    ///
    /// # Errors
    /// `EINVAL` if the header is not this crate's, or a part lies outside.
    pub unsafe fn at(header: *const Header, len: usize) -> Result<Self, Errno> {
        // SAFETY: the caller vouches for the mapping, which is page-aligned and at least a page long.
        let head = unsafe { &*header };
        let fits = |at: u32, size: usize| (at as usize).checked_add(size).is_some_and(|end| end <= len);
        let ops_size = (head.op_count as usize).checked_mul(size_of::<Op>()).ok_or(Errno::EINVAL)?;
        if head.magic != Header::MAGIC || head.len as usize > len || !fits(head.ops, ops_size) || !fits(head.arena, 0) {
            return Err(Errno::EINVAL);
        }
        let base = header.cast::<u8>();
        // SAFETY: inside the mapping, as checked; the parent aligned it and wrote valid ops.
        let ops = unsafe { core::slice::from_raw_parts(base.add(head.ops as usize).cast::<Op>(), head.op_count as usize) };
        let arena_len = (head.len as usize).saturating_sub(head.arena as usize);
        // SAFETY: inside the mapping, as checked.
        let arena = unsafe { core::slice::from_raw_parts(base.add(head.arena as usize), arena_len) };
        Ok(Self { header: head, ops, arena })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// The ops, in order.
    #[must_use]
    pub fn ops(&self) -> &'a [Op] {
        self.ops
    }

    /// A string.
    ///
    /// # Errors
    /// `EINVAL` if it is not in the arena.
    pub fn text(&self, text: Text) -> Result<&'a CStr, Errno> {
        let end = (text.at as usize).checked_add(text.len as usize).and_then(|end| end.checked_add(1)).ok_or(Errno::EINVAL)?;
        let bytes = self.arena.get(text.at as usize..end).ok_or(Errno::EINVAL)?;
        CStr::from_bytes_with_nul(bytes).map_err(|_| Errno::EINVAL)
    }

    /// Several strings, in order.
    #[must_use]
    pub fn texts(&self, texts: Texts) -> Strings<'a> {
        Strings { rest: self.arena.get(texts.at as usize..).unwrap_or_default(), left: texts.count }
    }

    /// Bytes.
    ///
    /// # Errors
    /// `EINVAL` if they are not in the arena.
    pub fn blob(&self, blob: Blob) -> Result<&'a [u8], Errno> {
        let end = (blob.at as usize).checked_add(blob.len as usize).ok_or(Errno::EINVAL)?;
        self.arena.get(blob.at as usize..end).ok_or(Errno::EINVAL)
    }
}

/// The strings of a [`Texts`].
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        self.left = self.left.checked_sub(1)?;
        let text = CStr::from_bytes_until_nul(self.rest).ok()?;
        self.rest = self.rest.get(text.to_bytes_with_nul().len()..).unwrap_or_default();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    //! A plan that points outside of itself is refused, not followed.

    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    /// A header and an arena, aligned as a mapping is.
    #[repr(C, align(4096))]
    struct Page {
        header: Header,
        arena: [u8; 64],
    }

    impl Page {
        fn new(text: &[u8]) -> Self {
            let mut arena = [0; 64];
            arena[..text.len()].copy_from_slice(text);
            let at = size_of::<Header>() as u32;
            let header = Header { magic: Header::MAGIC, len: at + 64, ops: at, op_count: 0, arena: at, ..Header::default() };
            Self { header, arena }
        }

        fn plan(&self) -> Result<Plan<'_>, Errno> {
            // SAFETY: the page is larger than what the header may speak of, and holds no ops.
            unsafe { Plan::at((&raw const *self).cast(), size_of::<Header>() + self.arena.len()) }
        }
    }

    #[test]
    fn texts_and_blobs_are_found_by_their_place() {
        let page = Page::new(b"one\0two\0\0four\0");
        let plan = page.plan().unwrap();
        assert_eq!(plan.text(Text { at: 4, len: 3 }), Ok(c"two"));
        let all: Vec<_> = plan.texts(Texts { at: 0, count: 4 }).collect();
        assert_eq!(all, [c"one", c"two", c"", c"four"]);
        assert_eq!(plan.blob(Blob { at: 1, len: 2 }), Ok(&b"ne"[..]));
        assert_eq!(plan.texts(Texts { at: 0, count: 0 }).count(), 0);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let page = Page::new(b"one\0");
        let plan = page.plan().unwrap();
        for (at, len) in [(64, 0), (0, 64), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            assert_eq!(plan.text(Text { at, len }), Err(Errno::EINVAL), "{at} {len}");
        }
        assert_eq!(plan.blob(Blob { at: 60, len: 5 }), Err(Errno::EINVAL));
        assert_eq!(plan.text(Text { at: 0, len: 2 }), Err(Errno::EINVAL), "not where it ends");
        assert_eq!(plan.texts(Texts { at: 1000, count: 3 }).count(), 0);
    }

    #[test]
    fn a_header_of_another_build_is_refused() {
        let changes: [fn(&mut Header); 5] = [
            |header| header.magic ^= 1,
            |header| header.len += 1,
            |header| header.op_count = 100,
            |header| header.ops = u32::MAX,
            |header| header.arena = u32::MAX,
        ];
        for change in changes {
            let mut page = Page::new(b"");
            change(&mut page.header);
            assert_eq!(page.plan().err(), Some(Errno::EINVAL));
        }
    }
}
