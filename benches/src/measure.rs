//! One sample: some commands, run by a process of their own whose children's use of the machine is then theirs alone.
//!
//! That process is a subreaper, so what a runtime leaves running is waited for and counted too.

use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a sample costs.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall_us: i64,
    pub(crate) cpu_us: i64,
    /// The peak of the largest process.
    pub(crate) rss_kib: i64,
}

/// Takes a sample.
pub(crate) fn measure(commands: &[Vec<String>]) -> io::Result<Sample> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("measure").args(commands.iter().map(|words| json!(words).to_string()));
    let output = child.stdin(Stdio::null()).output()?;
    let told: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| io::Error::other(format!("{commands:?}: {}", String::from_utf8_lossy(&output.stderr))))?;
    let number = |name: &str| told[name].as_i64().ok_or(io::ErrorKind::InvalidData);
    Ok(Sample { wall_us: number("wall_us")?, cpu_us: number("cpu_us")?, rss_kib: number("rss_kib")? })
}

/// The measuring process: one JSON list of words for each command.
pub(crate) fn serve(commands: &[OsString]) -> io::Result<()> {
    let commands = commands.iter().map(words).collect::<io::Result<Vec<_>>>()?;
    set_child_subreaper(true)?;
    let begin = Instant::now();
    commands.iter().try_for_each(|words| call(words))?;
    let wall_us = i64::try_from(begin.elapsed().as_micros()).map_err(io::Error::other)?;
    while waitpid(Pid::from_raw(-1), None).is_ok() {}
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu_us = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    writeln!(io::stdout(), "{}", json!({"wall_us": wall_us, "cpu_us": cpu_us, "rss_kib": used.max_rss()}))
}

fn words(text: &OsString) -> io::Result<Vec<String>> {
    Ok(serde_json::from_slice(text.as_encoded_bytes())?)
}

// Standard output is this process's answer.
fn call(words: &[String]) -> io::Result<()> {
    let (program, rest) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let status = Command::new(program).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{words:?}: {status}"))) }
}
