//! The kernel's machine: classic BPF, as far as seccomp allows it, over `struct seccomp_data`.

use super::super::Insn;
use super::super::abi::Endian;

/// A system call as a filter sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    pub(super) number: u32,
    /// `AUDIT_ARCH_*`.
    pub(super) arch: u32,
    pub(super) args: [u64; 6],
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `SECCOMP_RET_*`.
    pub(super) returned: u32,
    /// How many instructions it took.
    pub(super) steps: usize,
}

impl Data {
    fn word(&self, offset: u32, endian: Endian) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16..=60 if offset.is_multiple_of(4) => {
                let [low, high] = [self.args[(offset as usize - 16) / 8] as u32, (self.args[(offset as usize - 16) / 8] >> 32) as u32];
                let first = offset.is_multiple_of(8);
                if first == (endian == Endian::Little) { low } else { high }
            }
            _ => panic!("a load from {offset}, which no filter of ours does"),
        }
    }
}

/// Runs `program`; panics where the kernel would refuse it.
pub(super) fn run(program: &[Insn], data: &Data, endian: Endian) -> Outcome {
    let (mut at, mut acc, mut steps) = (0usize, 0u32, 0);
    loop {
        let insn = program.get(at).expect("the program does not run past its end");
        steps += 1;
        let skip = |holds: bool| usize::from(if holds { insn.jt } else { insn.jf });
        at += 1;
        match insn.code {
            0x20 => acc = data.word(insn.k, endian),
            0x54 => acc &= insn.k,
            0x05 => at += insn.k as usize,
            0x15 => at += skip(acc == insn.k),
            0x25 => at += skip(acc > insn.k),
            0x35 => at += skip(acc >= insn.k),
            0x06 => return Outcome { returned: insn.k, steps },
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// Every jump stays inside, and the last instruction returns: what `bpf_check_classic` asks.
pub(super) fn check(program: &[Insn]) {
    assert!((1..=4096).contains(&program.len()), "{} instructions", program.len());
    assert_eq!(program.last().expect("an instruction").code, 0x06);
    for (at, insn) in program.iter().enumerate() {
        let furthest = match insn.code {
            0x05 => insn.k as usize,
            0x15 | 0x25 | 0x35 => usize::from(insn.jt.max(insn.jf)),
            _ => 0,
        };
        assert!(at + 1 + furthest <= program.len() - usize::from(insn.code != 0x06), "{at}: {insn:?} leaves the program");
    }
}
