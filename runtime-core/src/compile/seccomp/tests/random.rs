//! Random profiles × random calls: the program and the oracle agree.

use super::super::abi::{Call, audit, endian};
use super::super::table::{BY_ABI, EVERYWHERE};
use super::machine::{Data, check, run};
use super::oracle::judge;
use super::{compile, profile};
use crate::compile::seccomp::abi::Abi;
use oci_spec::runtime::LinuxSeccompOperator as Operator;
use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompArg, LinuxSyscall};
use serde_json::{Value, json};
use std::collections::HashMap;

/// xorshift64*: the same numbers every time, so that a failure can be seen again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// The architectures a kernel serves, its own first.
const KERNELS: [&[Arch]; 13] = [
    &[Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32],
    &[Arch::ScmpArchX86],
    &[Arch::ScmpArchAarch64, Arch::ScmpArchArm],
    &[Arch::ScmpArchS390x, Arch::ScmpArchS390],
    &[Arch::ScmpArchMips64, Arch::ScmpArchMips, Arch::ScmpArchMips64n32],
    &[Arch::ScmpArchMipsel64, Arch::ScmpArchMipsel, Arch::ScmpArchMipsel64n32],
    &[Arch::ScmpArchPpc64le],
    &[Arch::ScmpArchPpc64, Arch::ScmpArchPpc],
    &[Arch::ScmpArchParisc64, Arch::ScmpArchParisc],
    &[Arch::ScmpArchRiscv64],
    &[Arch::ScmpArchLoongarch64],
    &[Arch::ScmpArchM68k],
    &[Arch::ScmpArchSheb, Arch::ScmpArchSh],
];

const VALUES: [u64; 12] =
    [0, 1, 2, 16, 40, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 0x7e02_0000, u64::MAX, 0x8000_0000_0000_0000, 0xffff_ffff_0000_0000];
pub(super) const OPERATORS: [&str; 7] =
    ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];
const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
];

pub(super) fn value(random: &mut Random) -> u64 {
    let near = random.one(&VALUES).wrapping_add(random.one(&[0, 0, 1, u64::MAX]));
    if random.below(8) == 0 { random.next() } else { near }
}

fn name(random: &mut Random) -> &'static str {
    match random.below(12) {
        0 => random.one(&["no_such_call", "sys_read", "write2"]),
        1 => random.one(&["socket", "connect", "semop", "shmat", "socketcall", "ipc"]),
        2 | 3 => EVERYWHERE[random.below(EVERYWHERE.len())].0,
        _ => BY_ABI[random.below(BY_ABI.len())].0,
    }
}

fn arg(random: &mut Random) -> Value {
    json!({"index": random.below(6), "op": random.one(&OPERATORS), "value": value(random), "valueTwo": value(random)})
}

fn action(random: &mut Random, count: usize) -> (&'static str, Option<u32>) {
    let action = ACTIONS[random.below(count)];
    let takes_errno = matches!(action, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE");
    (action, (takes_errno && random.below(2) == 0).then(|| random.one(&[0, 1, 22, 38, 4095, 65535])))
}

fn rule(random: &mut Random) -> Value {
    let names: Vec<_> = (0..1 + random.below(4)).map(|_| name(random)).collect();
    let (action, errno) = action(random, ACTIONS.len());
    let count = random.one(&[0, 0, 1, 1, 2, 3, 6]);
    let args: Vec<_> = (0..count).map(|_| arg(random)).collect();
    match errno {
        Some(errno) => json!({"names": names, "action": action, "errnoRet": errno, "args": args}),
        None => json!({"names": names, "action": action, "args": args}),
    }
}

fn random_profile(random: &mut Random, kernel: &[Arch]) -> LinuxSeccomp {
    let (default, errno) = action(random, ACTIONS.len() - 1);
    let mut listed: Vec<Arch> = kernel.iter().copied().filter(|_| random.below(3) > 0).collect();
    if random.below(8) == 0 {
        listed.push(random.one(&[Arch::ScmpArchNative, Arch::ScmpArchRiscv64, Arch::ScmpArchPpc]));
    }
    listed.retain(|&arch| arch != Arch::ScmpArchNative);
    let rules: Vec<_> = (0..random.one(&[0, 1, 3, 8, 30, 90])).map(|_| rule(random)).collect();
    let mut json = json!({"defaultAction": default, "architectures": listed, "syscalls": rules, "listenerPath": "/run/agent"});
    if let Some(errno) = errno {
        json["defaultErrnoRet"] = json!(errno);
    }
    profile(&json.to_string())
}

/// A number that is likely to be at an edge.
fn number(random: &mut Random, profile: &LinuxSeccomp, abi: Abi) -> u32 {
    let names: Vec<&str> = profile.syscalls().iter().flatten().flat_map(|rule| rule.names()).map(String::as_str).collect();
    let named = (!names.is_empty()).then(|| random.one(&names)).filter(|_| random.below(4) > 0);
    let named = named.and_then(|name| Call::named(name)?.number(abi));
    let through = Call::named(random.one(&["socketcall", "ipc"])).and_then(|call| call.number(abi)).filter(|_| random.below(6) == 0);
    let other =
        random.one(&[0, 1, 300, 470, 1000, 0x3fff_ffff, 0x4000_0000, 0x4000_01ff, 0xf_0000, 0xf_0005, 0x7fff_ffff, 0x8000_0000, u32::MAX]);
    let near = through.or(named).unwrap_or(other);
    near.wrapping_add(random.one(&[0, 0, 0, 1, u32::MAX]))
}

fn data(random: &mut Random, profile: &LinuxSeccomp, arch: Arch) -> Data {
    let values: Vec<u64> =
        profile.syscalls().iter().flatten().flat_map(|rule| rule.args().iter().flatten()).map(|arg| arg.value()).collect();
    let mut args = [0; 6].map(|_: u64| match values.is_empty() || random.below(2) == 0 {
        true => value(random),
        false => random.one(&values).wrapping_add(random.one(&[0, 0, 1, u64::MAX, 1 << 32])),
    });
    if random.below(3) == 0 {
        args[0] = 1 + random.below(24) as u64 + random.one(&[0, 0, 0, 1 << 16, 1 << 32]);
    }
    let data = Data { number: number(random, profile, Abi::of(arch)), arch: audit(arch), args };
    if random.below(2) == 0 { aimed(random, profile, data) } else { data }
}

/// At the conditions of one rule: each holds, or just not; or one of them only just not.
fn aimed(random: &mut Random, profile: &LinuxSeccomp, mut data: Data) -> Data {
    let is_of = |abi: Abi, name: &str| Call::named(name).and_then(|call| call.number(abi)) == Some(data.number);
    let all = KERNELS.iter().copied().flatten().filter(|arch| audit(**arch) == data.arch).map(|arch| Abi::of(*arch));
    let abis: Vec<Abi> = all.collect();
    let rules = profile.syscalls().iter().flatten();
    let about = |rule: &&LinuxSyscall| rule.names().iter().any(|name| abis.iter().any(|abi| is_of(*abi, name)));
    let rules: Vec<&LinuxSyscall> = rules.filter(about).collect();
    if rules.is_empty() {
        return data;
    }
    let args: Vec<LinuxSeccompArg> = random.one(&rules).args().clone().unwrap_or_default();
    let miss = random.below(1 + 2 * args.len());
    for (at, arg) in args.iter().enumerate() {
        data.args[arg.index()] = edge(random, arg, if at == miss { Edge::Miss } else { Edge::Hit });
    }
    data
}

#[derive(PartialEq)]
enum Edge {
    Hit,
    Miss,
}

/// An argument that is as near to the condition's border as can be, on this side or that; of all words that the border is in.
fn edge(random: &mut Random, arg: &LinuxSeccompArg, edge: Edge) -> u64 {
    let (value, step) = (arg.value(), random.one(&[1, 1 << 32, (1 << 32) + 1, (1 << 32) - 1]));
    let (below, above) = (value.wrapping_sub(step), value.wrapping_add(step));
    let bit = 1u64 << random.below(64);
    let (hit, miss) = match arg.op() {
        Operator::ScmpCmpEq => (value, random.one(&[below, above, value ^ bit])),
        Operator::ScmpCmpNe => (random.one(&[below, above, value ^ bit]), value),
        Operator::ScmpCmpLt => (below, random.one(&[value, above])),
        Operator::ScmpCmpLe => (random.one(&[value, below]), above),
        Operator::ScmpCmpGe => (random.one(&[value, above]), below),
        Operator::ScmpCmpGt => (above, random.one(&[value, below])),
        Operator::ScmpCmpMaskedEq => {
            let hit = arg.value_two().unwrap_or_default() & value | random.next() & !value;
            (hit, hit ^ bit)
        }
    };
    if edge == Edge::Hit { hit } else { miss }
}

#[test]
fn the_program_does_what_the_profile_says() {
    let mut random = Random(0x5eed);
    let mut compiled = 0;
    let mut seen: HashMap<u32, usize> = HashMap::new();
    let mut far = 0;
    for round in 0..390 {
        let kernel = KERNELS[round % KERNELS.len()];
        let profile = random_profile(&mut random, kernel);
        let filter = match compile(&profile, kernel[0]) {
            Ok(filter) => filter,
            Err(error) if error.to_string().contains("the kernel takes") => continue,
            Err(error) => panic!("{error}"),
        };
        compiled += 1;
        far += usize::from(filter.program.iter().any(|insn| insn.code == 0x05 && insn.k > 255));
        check(&filter.program);
        for _ in 0..120 {
            let arch = if random.below(20) == 0 { Arch::ScmpArchArm } else { random.one(kernel) };
            let data = data(&mut random, &profile, arch);
            let got = run(&filter.program, &data, endian(kernel[0])).returned;
            let want = judge(&profile, kernel[0], &data);
            *seen.entry(want & 0xffff_0000).or_default() += 1;
            assert_eq!(
                got,
                want,
                "round {round}: {data:x?} {arch:?}: {got:#x}, not {want:#x}\n{}",
                serde_json::to_string(&profile).expect("json")
            );
        }
    }
    assert!(compiled > 350, "only {compiled} profiles were not too long");
    // Every action there is comes out often, and jumps go further than a comparison can.
    assert!(seen.len() == 8 && seen.values().all(|&count| count > 150), "{seen:x?}");
    assert!(far > 15, "{far}");
}

#[test]
fn a_profile_of_thousands_of_conditions_still_jumps_where_it_should() {
    let mut random = Random(77);
    for _ in 0..20 {
        let rules: Vec<_> = (0..120)
            .map(|_| {
                json!({"names": [random.one(&["ioctl", "prctl", "mmap", "clone"])], "action": ACTIONS[random.below(5)],
            "args": [arg(&mut random), arg(&mut random)]})
            })
            .collect();
        let profile =
            profile(&json!({"defaultAction": "SCMP_ACT_TRAP", "architectures": ["SCMP_ARCH_X86"], "syscalls": rules}).to_string());
        let filter = compile(&profile, Arch::ScmpArchX86_64).expect("a filter");
        check(&filter.program);
        assert!(filter.program.len() > 600, "{}", filter.program.len());
        for _ in 0..2000 {
            let arch = random.one(&[Arch::ScmpArchX86_64, Arch::ScmpArchX86]);
            let data = data(&mut random, &profile, arch);
            let got = run(&filter.program, &data, endian(Arch::ScmpArchX86_64)).returned;
            assert_eq!(got, judge(&profile, Arch::ScmpArchX86_64, &data), "{data:x?}");
        }
    }
}
