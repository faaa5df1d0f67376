//! Whose numbers a system call is made with: the facts about each architecture of the runtime-spec.
//!
//! An [`Abi`] owns a column of the table of numbers. Several ABIs can share one `AUDIT_ARCH_*`, which is all the kernel tells a filter:
//! x32 is x86_64 with bit 30 of the number set.

use super::table::{BY_ABI, EVERYWHERE, NO};
use oci_spec::runtime::Arch;

/// `__X32_SYSCALL_BIT`.
pub(super) const X32_BIT: u32 = 1 << 30;
/// `__ARM_NR_BASE`: calls private to ARM begin here, far above the others.
pub(super) const ARM_PRIVATE: u32 = 0xf_0000;

/// A column of the table of numbers; the order is the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abi {
    X86,
    X86_64,
    X32,
    Arm,
    Aarch64,
    Loongarch64,
    M68k,
    Mips,
    Mips64,
    Mips64n32,
    Parisc,
    Parisc64,
    Ppc,
    Ppc64,
    Riscv64,
    S390,
    S390x,
    Sh,
}

/// How much of an argument's register a call of the ABI reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Width {
    /// 32 bits: the upper half is not compared.
    Half,
    /// 64 bits.
    Full,
}

/// The order of the two halves of an argument in `struct seccomp_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Abi {
    /// The ABI an architecture of the spec stands for.
    pub(super) fn of(arch: Arch) -> Self {
        match arch {
            Arch::ScmpArchX86 => Self::X86,
            Arch::ScmpArchX86_64 => Self::X86_64,
            Arch::ScmpArchX32 => Self::X32,
            Arch::ScmpArchArm => Self::Arm,
            Arch::ScmpArchAarch64 => Self::Aarch64,
            Arch::ScmpArchLoongarch64 => Self::Loongarch64,
            Arch::ScmpArchM68k => Self::M68k,
            Arch::ScmpArchMips | Arch::ScmpArchMipsel => Self::Mips,
            Arch::ScmpArchMips64 | Arch::ScmpArchMipsel64 => Self::Mips64,
            Arch::ScmpArchMips64n32 | Arch::ScmpArchMipsel64n32 => Self::Mips64n32,
            Arch::ScmpArchParisc => Self::Parisc,
            Arch::ScmpArchParisc64 => Self::Parisc64,
            Arch::ScmpArchPpc => Self::Ppc,
            Arch::ScmpArchPpc64 | Arch::ScmpArchPpc64le => Self::Ppc64,
            Arch::ScmpArchRiscv64 => Self::Riscv64,
            Arch::ScmpArchS390 => Self::S390,
            Arch::ScmpArchS390x => Self::S390x,
            Arch::ScmpArchSh | Arch::ScmpArchSheb => Self::Sh,
            Arch::ScmpArchNative => Self::of(NATIVE),
        }
    }

    /// How wide an argument is.
    pub(super) fn width(self) -> Width {
        match self {
            Self::X86_64 | Self::Aarch64 | Self::Loongarch64 | Self::Mips64 => Width::Full,
            Self::Parisc64 | Self::Ppc64 | Self::Riscv64 | Self::S390x => Width::Full,
            _ => Width::Half,
        }
    }

    /// What is added to a number of the table.
    fn base(self) -> u32 {
        match self {
            Self::X32 => X32_BIT,
            Self::Mips => 4000,
            Self::Mips64 => 5000,
            Self::Mips64n32 => 6000,
            _ => 0,
        }
    }

    /// Is this number in a range of its own, where a greater one is no sign of a newer kernel?
    pub(super) fn is_private(self, number: u32) -> bool {
        self == Self::Arm && number >= ARM_PRIVATE
    }

    /// The number that stands for "a call this kernel does not know", if the ABI has one: `setup(2)` of s390, which no one calls.
    pub(super) fn unknown_call(self) -> Option<u32> {
        matches!(self, Self::S390 | Self::S390x).then_some(0)
    }
}

/// `AUDIT_ARCH_*`: how the kernel names the architecture to a filter.
pub(super) fn audit(arch: Arch) -> u32 {
    match arch {
        Arch::ScmpArchNative => audit(NATIVE),
        // The spec's value is libseccomp's, made up to tell x32 from x86_64.
        Arch::ScmpArchX32 => Arch::ScmpArchX86_64 as u32,
        other => other as u32,
    }
}

/// How `native`'s kernel lays out the arguments.
pub(super) fn endian(native: Arch) -> Endian {
    match native {
        Arch::ScmpArchNative => endian(NATIVE),
        Arch::ScmpArchMips | Arch::ScmpArchMips64 | Arch::ScmpArchMips64n32 => Endian::Big,
        Arch::ScmpArchPpc | Arch::ScmpArchPpc64 | Arch::ScmpArchS390 | Arch::ScmpArchS390x => Endian::Big,
        Arch::ScmpArchParisc | Arch::ScmpArchParisc64 | Arch::ScmpArchM68k | Arch::ScmpArchSheb => Endian::Big,
        _ => Endian::Little,
    }
}

/// The architecture this program was built for.
pub(crate) const NATIVE: Arch = match () {
    () if cfg!(target_arch = "x86") => Arch::ScmpArchX86,
    () if cfg!(all(target_arch = "x86_64", target_pointer_width = "32")) => Arch::ScmpArchX32,
    () if cfg!(target_arch = "x86_64") => Arch::ScmpArchX86_64,
    () if cfg!(target_arch = "arm") => Arch::ScmpArchArm,
    () if cfg!(target_arch = "aarch64") => Arch::ScmpArchAarch64,
    () if cfg!(target_arch = "riscv64") => Arch::ScmpArchRiscv64,
    () if cfg!(target_arch = "loongarch64") => Arch::ScmpArchLoongarch64,
    () if cfg!(target_arch = "s390x") => Arch::ScmpArchS390x,
    () if cfg!(all(target_arch = "powerpc64", target_endian = "little")) => Arch::ScmpArchPpc64le,
    () if cfg!(target_arch = "powerpc64") => Arch::ScmpArchPpc64,
    () if cfg!(target_arch = "powerpc") => Arch::ScmpArchPpc,
    () if cfg!(all(target_arch = "mips64", target_endian = "little")) => Arch::ScmpArchMipsel64,
    () if cfg!(target_arch = "mips64") => Arch::ScmpArchMips64,
    () if cfg!(all(target_arch = "mips", target_endian = "little")) => Arch::ScmpArchMipsel,
    () if cfg!(target_arch = "mips") => Arch::ScmpArchMips,
    () if cfg!(target_arch = "m68k") => Arch::ScmpArchM68k,
    () => panic!("no seccomp filter can be made for this architecture"),
};

/// A system call, by its name; its number is the [`Abi`]'s.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    Everywhere(u32),
    ByAbi(&'static [u32; 18]),
}

impl Call {
    /// The call of that name, if any ABI has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Ok(row) = BY_ABI.binary_search_by_key(&name, |row| row.0) {
            return Some(Self::ByAbi(&BY_ABI[row].1));
        }
        EVERYWHERE.binary_search_by_key(&name, |row| row.0).ok().map(|row| Self::Everywhere(EVERYWHERE[row].1))
    }

    /// Its number, if `abi` has it.
    pub(super) fn number(self, abi: Abi) -> Option<u32> {
        let number = match self {
            Self::Everywhere(number) => number,
            Self::ByAbi(row) => row[abi as usize],
        };
        (number != NO).then(|| number + abi.base())
    }
}

/// A call that old ABIs make through another one, which takes *which* as its first argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detour {
    /// `socketcall` or `ipc`.
    pub(super) through: Call,
    /// The first argument's bits that say which.
    pub(super) mask: u64,
    /// What they are.
    pub(super) which: u64,
}

/// How `name` can also be called, where the ABI has `socketcall(2)` or `ipc(2)`.
pub(super) fn detour(name: &str) -> Option<Detour> {
    // The upper half of ipc's first argument is a version, which the kernel ignores for most calls.
    among(&SOCKETCALL, "socketcall", u64::MAX, name).or_else(|| among(&IPC, "ipc", 0xffff, name))
}

fn among(calls: &[(&str, u64)], through: &str, mask: u64, name: &str) -> Option<Detour> {
    let (_, which) = *calls.iter().find(|(known, _)| *known == name)?;
    Some(Detour { through: Call::named(through)?, mask, which })
}

/// `SYS_*` of `linux/net.h`.
const SOCKETCALL: [(&str, u64); 20] = [
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];

/// The calls of `linux/ipc.h`.
const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];
