//! The rules as a program for the kernel's verifier: `BPF_PROG_TYPE_CGROUP_DEVICE`.
//!
//! It runs at every open and mknod of a device and answers 1 (allowed) or 0. The rules are tried from the last to the first, because the last one
//! counts. `r3` holds what is still undecided of the uses asked for: an allowing rule takes its own out, and once none is left the answer is 1; a
//! denying rule that meets one of them answers 0.
//!
//! ```text
//! r2 = kind   r3 = uses   r4 = major   r5 = minor
//! for each rule, the last first:
//!     if r2 ≠ kind or r4 ≠ major or r5 ≠ minor: next rule       (only those the rule names)
//!     allow: r3 &= !uses; if r3 ≠ 0: next rule; return 1
//!     deny:  r0 = r3 & uses; if r0 = 0: next rule; return 0
//! return 0
//! ```

use super::super::sys::Instruction;
use super::rules::{ALL, Kind, Rule};

const LOAD_WORD: u8 = 0x61;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const MOVE: u8 = 0xb7;
/// The upper half of the register becomes zero, so every 32-bit number can be compared with.
const MOVE_WORD: u8 = 0xb4;
const MOVE_REGISTER: u8 = 0xbf;
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const JUMP_UNLESS_EQUAL_REGISTER: u8 = 0x5d;
const EXIT: u8 = 0x95;

const KIND: u8 = 2;
const USES: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// The program of some rules.
pub(super) fn compile(rules: &[Rule]) -> Vec<Instruction> {
    // The context is three words: the uses above the kind, the major number, the minor number.
    let mut program = vec![
        load(KIND, 0),
        from_register(USES, KIND),
        with(AND, KIND, 0xffff),
        with(SHIFT_RIGHT, USES, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for rule in rules.iter().rev() {
        block(rule, &mut program);
        // What came before a rule about everything does not count, and the verifier of old kernels refuses what cannot be reached.
        if decides_all(rule) {
            return program;
        }
    }
    program.extend(answer(0));
    program
}

fn decides_all(rule: &Rule) -> bool {
    rule.kind == Kind::Any && rule.major.is_none() && rule.minor.is_none() && rule.access == ALL
}

fn block(rule: &Rule, program: &mut Vec<Instruction>) {
    let mut block = Vec::with_capacity(9);
    match rule.kind {
        Kind::Any => {}
        Kind::Block => block.push(with(JUMP_UNLESS_EQUAL, KIND, 1)),
        Kind::Char => block.push(with(JUMP_UNLESS_EQUAL, KIND, 2)),
    }
    rule.major.into_iter().for_each(|number| unless_equal(MAJOR, number, &mut block));
    rule.minor.into_iter().for_each(|number| unless_equal(MINOR, number, &mut block));
    let uses = rule.access.cast_signed();
    match (rule.allow, rule.access == ALL) {
        (_, true) => {}
        (true, false) => block.extend([with(AND, USES, !uses), with(JUMP_UNLESS_EQUAL, USES, 0)]),
        (false, false) => block.extend([from_register(0, USES), with(AND, 0, uses), with(JUMP_IF_EQUAL, 0, 0)]),
    }
    block.extend(answer(i32::from(rule.allow)));
    aim_past_the_end(&mut block);
    program.extend(block);
}

/// Every jump of a block leaves it for the next rule.
fn aim_past_the_end(block: &mut [Instruction]) {
    let len = block.len();
    for (at, instruction) in block.iter_mut().enumerate() {
        if matches!(instruction.code, JUMP_IF_EQUAL | JUMP_UNLESS_EQUAL | JUMP_UNLESS_EQUAL_REGISTER) {
            // A block has at most eleven instructions.
            instruction.offset = i16::try_from(len - at - 1).unwrap_or_default();
        }
    }
}

/// A jump compares with a signed number of 32 bits; a greater one goes through a register.
fn unless_equal(register: u8, number: u32, block: &mut Vec<Instruction>) {
    match i32::try_from(number) {
        Ok(number) => block.push(with(JUMP_UNLESS_EQUAL, register, number)),
        Err(_) => {
            block.push(with(MOVE_WORD, 0, number.cast_signed()));
            block.push(Instruction { code: JUMP_UNLESS_EQUAL_REGISTER, registers: register, offset: 0, value: 0 });
        }
    }
}

fn answer(value: i32) -> [Instruction; 2] {
    [with(MOVE, 0, value), with(EXIT, 0, 0)]
}

fn with(code: u8, register: u8, value: i32) -> Instruction {
    Instruction { code, registers: register, offset: 0, value }
}

fn from_register(to: u8, from: u8) -> Instruction {
    Instruction { code: MOVE_REGISTER, registers: from << 4 | to, offset: 0, value: 0 }
}

fn load(to: u8, offset: i16) -> Instruction {
    Instruction { code: LOAD_WORD, registers: 1 << 4 | to, offset, value: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{allows, parse, random_rules};
    use super::*;

    /// Runs a program as the kernel does, as far as our instructions go.
    fn run(program: &[Instruction], kind: Kind, major: u32, minor: u32, access: u32) -> bool {
        let kind = if kind == Kind::Block { 1 } else { 2 };
        let context = [access << 16 | kind, major, minor];
        let mut registers = [0_u64; 6];
        let mut at = 0;
        loop {
            let Instruction { code, registers: names, offset, value } = program[at];
            let (to, from) = ((names & 15) as usize, (names >> 4) as usize);
            at += 1;
            let wide = i64::from(value) as u64;
            let jumps = match code {
                LOAD_WORD => {
                    registers[to] = context[offset as usize / 4].into();
                    false
                }
                AND => {
                    registers[to] &= wide;
                    false
                }
                SHIFT_RIGHT => {
                    registers[to] >>= value;
                    false
                }
                MOVE => {
                    registers[to] = wide;
                    false
                }
                MOVE_WORD => {
                    registers[to] = u64::from(value as u32);
                    false
                }
                MOVE_REGISTER => {
                    registers[to] = registers[from];
                    false
                }
                JUMP_IF_EQUAL => registers[to] == wide,
                JUMP_UNLESS_EQUAL => registers[to] != wide,
                JUMP_UNLESS_EQUAL_REGISTER => registers[to] != registers[from],
                EXIT => return registers[0] == 1,
                other => panic!("no such instruction: {other:#x}"),
            };
            if jumps {
                at = at.strict_add_signed(offset.into());
            }
        }
    }

    fn agree(rules: &[Rule]) {
        let program = compile(rules);
        for kind in [Kind::Block, Kind::Char] {
            for major in [0, 1, 7, u32::MAX] {
                for minor in [0, 1, 7, u32::MAX] {
                    for access in 1..=ALL {
                        let (got, expected) = (run(&program, kind, major, minor, access), allows(rules, kind, major, minor, access));
                        assert_eq!(got, expected, "{kind:?} {major}:{minor} {access} by {rules:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_program_answers_as_the_rules_in_order_do() {
        for seed in 0..2000 {
            agree(&random_rules(seed, (seed % 12) as usize));
        }
    }

    #[test]
    fn the_default_config_needs_few_instructions() {
        let deny_all = r#"[{"allow":false,"access":"rwm"}]"#;
        let rules = parse(&serde_json::from_str::<Vec<_>>(deny_all).unwrap()).unwrap();
        agree(&rules);
        assert!(compile(&rules).len() <= 64, "{}", compile(&rules).len());
    }

    #[test]
    fn nothing_follows_a_rule_about_everything() {
        let everything = Rule { allow: true, kind: Kind::Any, major: None, minor: None, access: ALL };
        let narrow = Rule { allow: false, kind: Kind::Char, major: Some(1), ..everything };
        assert_eq!(compile(&[narrow, everything]), compile(&[everything]));
    }
}
