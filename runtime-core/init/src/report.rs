//! What comes home: a fixed record on the control socket, and a page that outlives the sender.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// One message of the init, written at once.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// What it says.
    pub kind: ReportKind,
    /// The step, as an index into the plan.
    pub pc: u32,
    /// The errno of a failure.
    pub errno: i32,
    /// Which part of the step failed: one of [`part`]'s numbers.
    pub detail: u32,
    /// A process id, a point's number, how many steps are left.
    pub value: i64,
}

/// What a [`Report`] says.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// A meeting point is reached; `value` is its number.
    Reached = 1,
    /// A step failed; with it, `value` steps were to be done.
    Failed = 2,
    /// The init goes on as process `value`.
    Hopped = 3,
}

impl Report {
    /// The record as it goes over the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; size_of::<Self>()] {
        let mut bytes = [0; size_of::<Self>()];
        let fields = [(self.kind as u32).to_ne_bytes(), self.pc.to_ne_bytes(), self.errno.to_ne_bytes(), self.detail.to_ne_bytes()];
        let (head, tail) = bytes.split_at_mut(16);
        for (to, from) in head.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&from);
        }
        tail.copy_from_slice(&self.value.to_ne_bytes());
        bytes
    }

    /// The record back from the wire; none if the bytes are not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |n: usize| -> Option<u32> {
            let at = n.checked_mul(4)?;
            Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
        };
        let kind = match word(0)? {
            1 => ReportKind::Reached,
            2 => ReportKind::Failed,
            3 => ReportKind::Hopped,
            _ => return None,
        };
        let value = i64::from_ne_bytes(bytes.get(16..24)?.try_into().ok()?);
        Some(Self { kind, pc: word(1)?, errno: word(2)?.cast_signed(), detail: word(3)?, value })
    }
}

/// The flight recorder: a page both sides see. It tells the last step of an init that died without a word.
#[repr(C)]
#[derive(Debug)]
pub struct Record {
    /// The step being done.
    pub pc: AtomicU32,
    /// The listener of a seccomp filter just loaded, plus one; 0 for none yet.
    pub listener: AtomicI32,
    /// 1 once the parent has taken the listener.
    pub taken: AtomicU32,
    /// The point that is reached without a word on the socket; 0 for none yet.
    pub reached: AtomicU32,
    /// 1 once the parent lets it go on from there.
    pub go: AtomicU32,
}

impl Record {
    /// The size of the page.
    pub const SIZE: usize = 4096;

    /// Note the step that begins.
    pub fn enter(&self, pc: u32) {
        self.pc.store(pc, Ordering::Relaxed);
    }
}

/// The parts of [`Op::NewFs`](crate::Op::NewFs): a failure's `detail`. Options count up from [`part::OPTIONS`].
pub mod part {
    /// `fsopen(2)`.
    pub const OPEN: u32 = 1;
    /// `fsconfig(2)` with `source`.
    pub const SOURCE: u32 = 2;
    /// `fsconfig(2)` with `FSCONFIG_CMD_CREATE`.
    pub const CREATE: u32 = 3;
    /// `fsmount(2)`.
    pub const MOUNT: u32 = 4;
    /// `fsconfig(2)` of the first option.
    pub const OPTIONS: u32 = 16;
}

#[cfg(test)]
mod tests {
    use super::{Report, ReportKind};

    #[test]
    fn a_report_comes_back_as_it_was_sent() {
        for kind in [ReportKind::Reached, ReportKind::Failed, ReportKind::Hopped] {
            let report = Report { kind, pc: 7, errno: -8, detail: 9, value: i64::MIN };
            assert_eq!(Report::from_bytes(&report.to_bytes()), Some(report));
        }
    }

    #[test]
    fn bytes_that_are_no_report_are_none() {
        let mut bytes = Report { kind: ReportKind::Failed, pc: 1, errno: 2, detail: 3, value: 4 }.to_bytes();
        assert_eq!(Report::from_bytes(bytes.split_last().map_or(&[], |(_, rest)| rest)), None);
        bytes.fill(0);
        assert_eq!(Report::from_bytes(&bytes), None);
    }
}
