//! Where `seccompiler` can say what a profile says (one action, one architecture), its program and ours agree.

use super::super::Insn;
use super::super::abi::{Abi, Call, Endian, audit};
use super::machine::{Data, run};
use super::random::{OPERATORS, Random, value};
use super::{compile, profile};
use oci_spec::runtime::Arch;
use seccompiler::SeccompCmpOp as Op;
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TARGETS: [(Arch, TargetArch); 3] = [
    (Arch::ScmpArchX86_64, TargetArch::x86_64),
    (Arch::ScmpArchAarch64, TargetArch::aarch64),
    (Arch::ScmpArchRiscv64, TargetArch::riscv64),
];
const NAMES: [&str; 10] = ["read", "socket", "clone", "personality", "ioctl", "mmap", "mseal", "execve", "getppid", "openat2"];

/// A condition in both languages.
fn condition(random: &mut Random, index: u8) -> (Value, SeccompCondition) {
    let (op, value, two) = (random.one(&OPERATORS), value(random), value(random));
    let theirs = match op {
        "SCMP_CMP_NE" => Op::Ne,
        "SCMP_CMP_LT" => Op::Lt,
        "SCMP_CMP_LE" => Op::Le,
        "SCMP_CMP_EQ" => Op::Eq,
        "SCMP_CMP_GE" => Op::Ge,
        "SCMP_CMP_GT" => Op::Gt,
        _ => Op::MaskedEq(value),
    };
    // Theirs compares with all of the value, ours with what the mask leaves of it.
    let compared = if op == "SCMP_CMP_MASKED_EQ" { two & value } else { value };
    let ours = json!({"index": index, "op": op, "value": value, "valueTwo": two});
    (ours, SeccompCondition::new(index, SeccompCmpArgLen::Qword, theirs, compared).expect("a condition"))
}

fn rule(random: &mut Random) -> (&'static str, Vec<Value>, Vec<SeccompCondition>) {
    let name = random.one(&NAMES);
    let indices: Vec<u8> = (0..6).filter(|_| random.below(4) == 0).collect();
    let (ours, theirs) = indices.into_iter().map(|index| condition(random, index)).unzip();
    (name, ours, theirs)
}

#[test]
fn seccompiler_says_the_same() {
    let mut random = Random(4711);
    for round in 0..600 {
        let (arch, target) = TARGETS[round % 3];
        let (mut ours, mut theirs) = (Vec::new(), BTreeMap::<i64, Vec<SeccompRule>>::new());
        for _ in 0..random.below(12) {
            let (name, args, conditions) = rule(&mut random);
            let number = i64::from(Call::named(name).expect("a call").number(Abi::of(arch)).expect("a number"));
            let always = args.is_empty() || theirs.get(&number).is_some_and(Vec::is_empty);
            ours.push(json!({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": args}));
            let known = theirs.entry(number).or_default();
            // Theirs has "always" as no rule at all.
            if always { known.clear() } else { known.push(SeccompRule::new(conditions).expect("a rule")) }
        }
        let filter = SeccompFilter::new(theirs, SeccompAction::Allow, SeccompAction::Errno(7), target).expect("theirs");
        let theirs: Vec<Insn> = BpfProgram::try_from(filter)
            .expect("their program")
            .into_iter()
            .map(|insn| Insn { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k })
            .collect();
        let profile = profile(&json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ours}).to_string());
        let ours = compile(&profile, arch).expect("ours").program;
        for _ in 0..200 {
            let number = Call::named(random.one(&NAMES)).expect("a call").number(Abi::of(arch)).expect("a number");
            let data = Data { number, arch: audit(arch), args: [0; 6].map(|_: u64| value(&mut random)) };
            assert_eq!(run(&ours, &data, Endian::Little).returned, run(&theirs, &data, Endian::Little).returned, "{data:x?} {profile:?}");
        }
    }
}
