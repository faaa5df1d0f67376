//! A plan that points outside of itself is refused, not followed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::*;
use std::vec::Vec;

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
