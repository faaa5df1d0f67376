//! The floor: a C program that does only what the kernel must be asked for by the default config, with no config read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("../floor.c");
/// Only there does cloning into a cgroup work.
const PURE_V2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// Compiles it.
pub(crate) fn build(dir: &Path) -> io::Result<PathBuf> {
    if !Path::new(PURE_V2).exists() {
        return Err(io::Error::other("it needs a pure cgroup v2 host, or --private-cgroup2"));
    }
    let (source, program) = (dir.join("floor.c"), dir.join("floor"));
    fs::write(&source, SOURCE)?;
    let done = Command::new("gcc").args(["-O2", "-static", "-w", "-o"]).arg(&program).arg(&source).output()?;
    match done.status.success() {
        true => Ok(program),
        false => Err(io::Error::other(format!("gcc: {}", String::from_utf8_lossy(&done.stderr)))),
    }
}
