//! The table of numbers against another one, which is generated from the kernel's sources.

use super::super::abi::{Abi, Call, Endian, Width, audit, endian};
use super::super::table::{BY_ABI, EVERYWHERE};
use super::machine::{Data, run};
use nix::libc;
use oci_spec::runtime::Arch;

/// Names that are no calls of the kernel any program can make, or are another's second name.
const NOT_CALLS: [&str; 4] = ["arch_specific_syscall", "fstatat", "riscv_flush_icache", "syscalls"];

macro_rules! compare {
    ($abi:expr, $theirs:ident) => {
        for call in syscalls::$theirs::Sysno::iter() {
            let number = u32::try_from(call.id()).expect("a number");
            let name = call.name().trim_start_matches("r#");
            match Call::named(name).and_then(|call| call.number($abi)) {
                Some(ours) => assert_eq!(ours, number, "{name} of {:?}", $abi),
                None => assert!(is_odd(name, number, $abi), "{name} ({number}) of {:?} is not known", $abi),
            }
        }
    };
}

/// Is it no call that a profile would name? Calls with 64 bits of time are of 32-bit ABIs only; the other table gives some to all.
fn is_odd(name: &str, number: u32, abi: Abi) -> bool {
    (abi.width() == Width::Full && (403..424).contains(&number))
        || NOT_CALLS.contains(&name)
        || name.starts_with("reserved")
        || name.starts_with("unused")
}

#[test]
fn the_numbers_are_the_kernels() {
    compare!(Abi::X86, x86);
    compare!(Abi::X86_64, x86_64);
    compare!(Abi::Arm, arm);
    compare!(Abi::Aarch64, aarch64);
    compare!(Abi::Mips, mips);
    compare!(Abi::Mips64, mips64);
    compare!(Abi::Ppc, powerpc);
    compare!(Abi::Ppc64, powerpc64);
    compare!(Abi::Riscv64, riscv64);
    compare!(Abi::S390x, s390x);
}

#[test]
fn the_tables_are_sorted_and_share_no_name() {
    assert!(BY_ABI.is_sorted_by(|one, next| one.0 < next.0));
    assert!(EVERYWHERE.is_sorted_by(|one, next| one.0 < next.0));
    assert!(EVERYWHERE.iter().all(|(name, _)| BY_ABI.iter().all(|(other, _)| name != other)));
}

#[test]
fn calls_up_to_linux_6_17_are_known_everywhere() {
    for (name, number) in [
        ("set_mempolicy_home_node", 450),
        ("cachestat", 451),
        ("fchmodat2", 452),
        ("map_shadow_stack", 453),
        ("futex_wake", 454),
        ("futex_wait", 455),
        ("futex_requeue", 456),
        ("statmount", 457),
        ("listmount", 458),
        ("lsm_get_self_attr", 459),
        ("lsm_set_self_attr", 460),
        ("lsm_list_modules", 461),
        ("mseal", 462),
        ("setxattrat", 463),
        ("removexattrat", 466),
        ("open_tree_attr", 467),
        ("file_getattr", 468),
        ("file_setattr", 469),
    ] {
        for (abi, base) in [(Abi::X86_64, 0), (Abi::X32, 0x4000_0000), (Abi::Loongarch64, 0), (Abi::Sh, 0), (Abi::Mips64n32, 6000)] {
            assert_eq!(Call::named(name).and_then(|call| call.number(abi)), Some(base + number), "{name} of {abi:?}");
        }
    }
    assert_eq!(Call::named("uretprobe").and_then(|call| call.number(Abi::X86_64)), Some(335));
    assert!(Call::named("uretprobe").and_then(|call| call.number(Abi::Aarch64)).is_none());
}

/// `linux/audit.h`: the number of the ELF machine, and whether its registers have 64 bits, and its bytes the little end first.
#[test]
fn the_kernels_names_of_architectures_are_those_of_linux_audit_h() {
    const WIDE: u32 = 0x8000_0000;
    const LITTLE: u32 = 0x4000_0000;
    const N32: u32 = 0x2000_0000;
    for (name, machine, convention) in [
        ("X86", libc::EM_386, LITTLE),
        ("X86_64", libc::EM_X86_64, WIDE | LITTLE),
        ("X32", libc::EM_X86_64, WIDE | LITTLE),
        ("ARM", libc::EM_ARM, LITTLE),
        ("AARCH64", 183, WIDE | LITTLE),
        ("MIPS", libc::EM_MIPS, 0),
        ("MIPS64", libc::EM_MIPS, WIDE),
        ("MIPS64N32", libc::EM_MIPS, WIDE | N32),
        ("MIPSEL", libc::EM_MIPS, LITTLE),
        ("MIPSEL64", libc::EM_MIPS, WIDE | LITTLE),
        ("MIPSEL64N32", libc::EM_MIPS, WIDE | LITTLE | N32),
        ("PPC", libc::EM_PPC, 0),
        ("PPC64", libc::EM_PPC64, WIDE),
        ("PPC64LE", libc::EM_PPC64, WIDE | LITTLE),
        ("RISCV64", 243, WIDE | LITTLE),
        ("S390", libc::EM_S390, 0),
        ("S390X", libc::EM_S390, WIDE),
        ("PARISC", libc::EM_PARISC, 0),
        ("PARISC64", libc::EM_PARISC, WIDE),
        ("LOONGARCH64", 258, WIDE | LITTLE),
        ("M68K", libc::EM_68K, 0),
        ("SH", libc::EM_SH, LITTLE),
        ("SHEB", libc::EM_SH, 0),
    ] {
        let arch: Arch = serde_json::from_value(format!("SCMP_ARCH_{name}").into()).expect("an architecture of the specification");
        assert_eq!(audit(arch), u32::from(machine) | convention, "{name}");
        assert_eq!(endian(arch) == Endian::Little, convention & LITTLE != 0, "{name}");
        // x32 and n32 have wide registers and 32-bit calls.
        let wide = convention & WIDE != 0 && convention & N32 == 0 && name != "X32";
        assert_eq!(Abi::of(arch).width() == Width::Full, wide, "{name}");
    }
}

/// x86's socketcall(2) and ipc(2), with the numbers of `linux/net.h` and `linux/ipc.h`. The oracle takes our word for them.
#[test]
fn a_call_that_is_made_through_another_is_the_same_call() {
    const SOCKETCALL: u32 = 102;
    const IPC: u32 = 117;
    let names = r#"["connect","sendmmsg","semget","shmat"]"#;
    let json = format!(
        r#"{{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],
            "syscalls":[{{"names":{names},"action":"SCMP_ACT_ERRNO","errnoRet":7}}]}}"#
    );
    let filter = super::filter(&json);
    let returned = |number: u32, which: u64| {
        let data = Data { number, arch: audit(Arch::ScmpArchX86), args: [which, 0, 0, 0, 0, 0] };
        run(&filter.program, &data, Endian::Little).returned
    };
    const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | 7;
    // The upper half of ipc's first argument is a version.
    for (number, which) in [(SOCKETCALL, 3), (SOCKETCALL, 20), (IPC, 2), (IPC, 21), (IPC, 21 | 1 << 16)] {
        assert_eq!(returned(number, which), REFUSED, "{number} {which}");
    }
    for (number, which) in [(SOCKETCALL, 2), (SOCKETCALL, 3 | 1 << 16), (IPC, 1), (IPC, 3), (IPC, 22)] {
        assert_eq!(returned(number, which), libc::SECCOMP_RET_ALLOW, "{number} {which}");
    }
}
