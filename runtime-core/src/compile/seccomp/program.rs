//! Writing the program: sections become a chain of comparisons with the architecture, ranges become a binary search over the number.
//!
//! The program is written from its end: a jump goes forward only, so what it jumps to is there when the jump is written. A comparison jumps
//! 255 instructions at most; one that must go further goes to an unconditional jump next to it.

use super::Insn;
use super::abi::{Endian, Width};
use super::policy::{Comparison, Holds, Test};
use super::sections::{Clause, FOREIGN, Range, Section, Verdict};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// `BPF_MAXINSNS`.
const LIMIT: usize = 4096;
/// How far a comparison jumps, less the one instruction that can come between while it is written.
const REACH: usize = 254;

/// `A = seccomp_data[k]`.
const LOAD: u16 = 0x20;
/// `A &= k`.
const AND: u16 = 0x54;
/// `return k`.
const RETURN: u16 = 0x06;
/// `goto k`.
const JUMP: u16 = 0x05;
/// `A == k`.
const JUMP_EQUAL: u16 = 0x15;
/// `A > k`.
const JUMP_GREATER: u16 = 0x25;
/// `A >= k`.
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;

/// `offsetof(struct seccomp_data, nr)`.
const NUMBER: u32 = 0;
/// `offsetof(struct seccomp_data, arch)`.
const ARCH: u32 = 4;
/// `offsetof(struct seccomp_data, args)`.
const ARGUMENTS: u32 = 16;

/// The program of `sections`, for a kernel of that byte order.
pub(super) fn write(sections: &[Section], endian: Endian) -> Result<Vec<Insn>> {
    let mut writer = Writer { reversed: Vec::new(), endian, returns: HashMap::new(), asked: HashMap::new() };
    let mut next = writer.ret(FOREIGN);
    for section in sections.iter().rev() {
        let search = writer.search(&section.ranges);
        let begin = writer.load(NUMBER, search);
        next = writer.branch(JUMP_EQUAL, section.audit, Ways { yes: begin, no: next });
    }
    writer.load(ARCH, next);
    writer.reversed.reverse();
    match writer.reversed.len() {
        0..=LIMIT => Ok(writer.reversed),
        len => Err(Error::config("linux.seccomp", format_args!("the filter has {len} instructions; the kernel takes {LIMIT}"))),
    }
}

/// A place in the program, counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label(usize);

/// Where a comparison leads.
#[derive(Debug, Clone, Copy)]
struct Ways {
    yes: Label,
    no: Label,
}

impl Ways {
    fn swapped(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }
}

/// The program's end, growing towards its beginning.
struct Writer<'p> {
    reversed: Vec<Insn>,
    endian: Endian,
    /// The latest `return` of each value.
    returns: HashMap<u32, Label>,
    /// What asks about arguments: the names of one entry of a profile share their conditions.
    asked: HashMap<&'p Verdict, Label>,
}

impl<'p> Writer<'p> {
    fn push(&mut self, insn: Insn) -> Label {
        self.reversed.push(insn);
        Label(self.reversed.len())
    }

    /// How many instructions one written now would skip to get there.
    fn distance(&self, to: Label) -> usize {
        self.reversed.len() - to.0
    }

    /// Returns `value`, by an instruction that is in reach.
    fn ret(&mut self, value: u32) -> Label {
        match self.returns.get(&value) {
            Some(&label) if self.distance(label) <= REACH => label,
            _ => {
                let label = self.push(Insn { code: RETURN, jt: 0, jf: 0, k: value });
                self.returns.insert(value, label);
                label
            }
        }
    }

    /// The same place, or a jump to it, in reach of a comparison.
    fn near(&mut self, to: Label) -> Label {
        match self.distance(to) {
            0..=REACH => to,
            far => self.jump(far),
        }
    }

    fn jump(&mut self, distance: usize) -> Label {
        // A distance that does not fit is in a program that is longer than `LIMIT`, and is refused at the end.
        let k = u32::try_from(distance).unwrap_or(u32::MAX);
        self.push(Insn { code: JUMP, jt: 0, jf: 0, k })
    }

    /// Compares what was loaded with `k`.
    fn branch(&mut self, code: u16, k: u32, ways: Ways) -> Label {
        let yes = self.near(ways.yes);
        let no = self.near(ways.no);
        let short = |distance: usize| u8::try_from(distance).unwrap_or(u8::MAX);
        let (jt, jf) = (short(self.distance(yes)), short(self.distance(no)));
        self.push(Insn { code, jt, jf, k })
    }

    /// Goes on with an instruction that falls through: `then` must be what comes next.
    fn before(&mut self, insn: Insn, then: Label) -> Label {
        match self.distance(then) {
            0 => {}
            far => _ = self.jump(far),
        }
        self.push(insn)
    }

    fn load(&mut self, offset: u32, then: Label) -> Label {
        self.before(Insn { code: LOAD, jt: 0, jf: 0, k: offset }, then)
    }

    /// Finds the range of the number that was loaded, which is one of `ranges`.
    fn search(&mut self, ranges: &'p [Range]) -> Label {
        match ranges {
            [] => self.ret(FOREIGN),
            [one] => self.verdict(&one.verdict),
            _ => {
                let (lower, upper) = ranges.split_at(ranges.len() / 2);
                let yes = self.search(upper);
                let no = self.search(lower);
                self.branch(JUMP_GREATER_OR_EQUAL, upper[0].first, Ways { yes, no })
            }
        }
    }

    fn verdict(&mut self, verdict: &'p Verdict) -> Label {
        let (clauses, otherwise, width) = match verdict {
            Verdict::Return(action) => return self.ret(*action),
            Verdict::Ask { clauses, otherwise, width } => (clauses, *otherwise, *width),
        };
        if let Some(&label) = self.asked.get(verdict) {
            return label;
        }
        let last = self.ret(otherwise);
        let label = clauses.iter().rev().fold(last, |next, clause| self.clause(clause, width, next));
        self.asked.insert(verdict, label);
        label
    }

    /// Returns the clause's action if its tests hold, goes on at `next` if not.
    fn clause(&mut self, clause: &Clause, width: Width, next: Label) -> Label {
        let action = self.ret(clause.action);
        clause.tests.iter().rev().fold(action, |yes, test| self.test(test, width, Ways { yes, no: next }))
    }

    fn test(&mut self, test: &Test, width: Width, ways: Ways) -> Label {
        let ways = match test.holds {
            Holds::IfSo => ways,
            Holds::IfNot => ways.swapped(),
        };
        let low = self.low_half(test, ways);
        match width {
            Width::Half => low,
            Width::Full => self.high_half(test, low, ways),
        }
    }

    /// The lower half decides.
    fn low_half(&mut self, test: &Test, ways: Ways) -> Label {
        let (mask, value) = (low(test.mask), low(test.value));
        let code = match test.comparison {
            // Nothing is compared.
            Comparison::Equal if mask == 0 => return ways.yes,
            Comparison::Equal => JUMP_EQUAL,
            Comparison::Greater => JUMP_GREATER,
            Comparison::GreaterOrEqual => JUMP_GREATER_OR_EQUAL,
        };
        let branch = self.branch(code, value, ways);
        self.load_masked(self.offset(test.argument, Word::Low), mask, branch)
    }

    /// The upper half decides, unless it is equal.
    fn high_half(&mut self, test: &Test, low: Label, ways: Ways) -> Label {
        let (mask, value) = (high(test.mask), high(test.value));
        if test.comparison == Comparison::Equal && mask == 0 {
            return low;
        }
        let equal = self.branch(JUMP_EQUAL, value, Ways { yes: low, no: ways.no });
        let decided = match test.comparison {
            Comparison::Equal => equal,
            Comparison::Greater | Comparison::GreaterOrEqual => self.branch(JUMP_GREATER, value, Ways { yes: ways.yes, no: equal }),
        };
        self.load_masked(self.offset(test.argument, Word::High), mask, decided)
    }

    fn load_masked(&mut self, offset: u32, mask: u32, then: Label) -> Label {
        let then = match mask {
            u32::MAX => then,
            mask => self.before(Insn { code: AND, jt: 0, jf: 0, k: mask }, then),
        };
        self.load(offset, then)
    }

    /// Where half an argument is in `struct seccomp_data`.
    fn offset(&self, argument: u32, word: Word) -> u32 {
        let first = match self.endian {
            Endian::Little => Word::Low,
            Endian::Big => Word::High,
        };
        ARGUMENTS + 8 * argument + if word == first { 0 } else { 4 }
    }
}

/// Half an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Low,
    High,
}

fn low(value: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn high(value: u64) -> u32 {
    low(value >> 32)
}
