//! The compiled program is compared with what the profile says, read a second time and without thought of speed.
#![allow(clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

mod docker;
mod kernel;
mod machine;
mod oracle;
mod random;
mod rules;
mod seccompiler;
mod tables;

use super::{Filter, Kernel, Listener, NATIVE};
use crate::error::Result;
use machine::{Data, run};
use oci_spec::runtime::{Arch, LinuxSeccomp};

/// The profile a text says.
fn profile(json: &str) -> LinuxSeccomp {
    serde_json::from_str(json).expect("a profile")
}

/// The filter for a kernel that knows every flag.
fn compile(profile: &LinuxSeccomp, native: Arch) -> Result<Filter> {
    super::compile(profile, Kernel { native, flags: u32::MAX })
}

/// Its filter for x86_64.
fn filter(json: &str) -> Filter {
    compile(&profile(json), Arch::ScmpArchX86_64).expect("a filter")
}
