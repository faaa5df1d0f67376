//! A profile of the shape and size that engines make.

use super::super::Insn;
use super::super::abi::{Abi, Call, Endian};
use super::{Data, compile, machine, profile, run};
use expect_test::expect;
use oci_spec::runtime::Arch;
use oci_spec::runtime::LinuxSeccompAction as Action;

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0;

fn engine_profile() -> super::LinuxSeccomp {
    profile(include_str!("docker.json"))
}

fn outcome(arch: u32, number: u32, args: [u64; 6]) -> machine::Outcome {
    let filter = compile(&engine_profile(), Arch::ScmpArchX86_64).expect("a filter");
    machine::check(&filter.program);
    run(&filter.program, &Data { number, arch, args }, Endian::Little)
}

#[test]
fn an_engines_profile_does_what_engines_rely_on() {
    for (what, arch, number, args, want) in [
        ("getppid", X86_64, 110, [0; 6], ALLOW),
        ("mount", X86_64, 165, [0; 6], EPERM),
        ("clone of a thread", X86_64, 56, [0x003d_0f00, 0, 0, 0, 0, 0], ALLOW),
        ("clone of a user namespace", X86_64, 56, [0x1000_0011, 0, 0, 0, 0, 0], EPERM),
        ("clone3", X86_64, 435, [0; 6], ENOSYS),
        ("socket AF_INET", X86_64, 41, [2, 1, 0, 0, 0, 0], ALLOW),
        ("socket AF_VSOCK", X86_64, 41, [40, 1, 0, 0, 0, 0], EPERM),
        ("personality PER_LINUX32", X86_64, 135, [8, 0, 0, 0, 0, 0], ALLOW),
        ("personality ADDR_NO_RANDOMIZE", X86_64, 135, [0x4_0000, 0, 0, 0, 0, 0], EPERM),
        ("a call between those it knows", X86_64, 467 - 11, [0; 6], ALLOW),
        ("a call newer than the profile", X86_64, 467, [0; 6], ENOSYS),
        ("read of x32", X86_64, 0x4000_0000, [0; 6], ALLOW),
        ("a call x32 does not have yet", X86_64, 0x4000_0300, [0; 6], ENOSYS),
        ("mount of i386", I386, 21, [0; 6], EPERM),
        ("getppid of i386", I386, 64, [0; 6], ALLOW),
        ("getppid of aarch64", 0xc000_00b7, 173, [0; 6], KILL),
    ] {
        assert_eq!(outcome(arch, number, args).returned, want, "{what}");
    }
}

const REAL: [(&str, &str); 2] = [
    ("docker", include_str!("../../../../../conformance/src/profiles/docker.json")),
    ("podman", include_str!("../../../../../conformance/src/profiles/podman.json")),
];

/// What the kernel finds out when it is given a filter (`seccomp_is_const_allow`): from then on it does not run the filter for these.
fn is_always_allowed(program: &[Insn], arch: u32, number: u32) -> bool {
    let (mut at, mut acc) = (0, 0);
    loop {
        let Insn { code, jt, jf, k } = program[at];
        let skip = |holds: bool| usize::from(if holds { jt } else { jf });
        at += 1;
        match code {
            0x06 => return k == ALLOW,
            0x20 if k == 0 => acc = number,
            0x20 if k == 4 => acc = arch,
            0x05 => at += k as usize,
            0x15 => at += skip(acc == k),
            0x25 => at += skip(acc > k),
            0x35 => at += skip(acc >= k),
            // An argument, or an instruction the kernel does not look through.
            _ => return false,
        }
    }
}

#[test]
fn the_kernel_sees_that_what_engines_always_allow_is_always_allowed() {
    for (name, json) in REAL {
        let profile = profile(json);
        let filter = compile(&profile, Arch::ScmpArchX86_64).expect("a filter");
        machine::check(&filter.program);
        let rules = profile.syscalls().as_deref().unwrap_or_default();
        let always = rules.iter().filter(|rule| rule.action() == Action::ScmpActAllow && rule.args().as_ref().is_none_or(Vec::is_empty));
        let names: Vec<&String> = always.flat_map(|rule| rule.names()).collect();
        for (arch, abi) in [(X86_64, Abi::X86_64), (I386, Abi::X86)] {
            let numbers: Vec<u32> = names.iter().filter_map(|name| Call::named(name)?.number(abi)).collect();
            assert!(numbers.len() > 250, "{name}: {}", numbers.len());
            assert!(numbers.iter().all(|&number| is_always_allowed(&filter.program, arch, number)), "{name}, {abi:?}");
        }
        assert!(!is_always_allowed(&filter.program, X86_64, 135), "personality has conditions");
    }
}

/// What the profile costs: change these lines only with a word about why.
#[test]
fn an_engines_profile_costs_a_binary_search() {
    let filter = compile(&engine_profile(), Arch::ScmpArchX86_64).expect("a filter");
    let steps = |arch, number| outcome(arch, number, [0; 6]).steps;
    let worst = (0..1024).map(|number| steps(X86_64, number)).max().expect("a number");
    let table = format!(
        "instructions: {}\ngetppid: {}\nread: {}\nclone: {}\ngetppid of x32: {}\ngetppid of i386: {}\nthe longest of x86_64: {worst}\n",
        filter.program.len(),
        steps(X86_64, 110),
        steps(X86_64, 0),
        steps(X86_64, 56),
        steps(X86_64, 0x4000_0000 + 110),
        steps(I386, 64),
    );
    expect![[r#"
        instructions: 333
        getppid: 11
        read: 11
        clone: 15
        getppid of x32: 11
        getppid of i386: 12
        the longest of x86_64: 16
    "#]]
    .assert_eq(&table);
}
