//! `ps`: the processes of a container.

use super::Format;
use crate::args::common::FORMAT;
use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::state;
use crate::failure::Failure;
use crate::say;
use crate::settings::Settings;
use std::process::{Command, Stdio};

pub(crate) static VERB: Verb = Verb {
    name: "ps",
    summary: "list the processes of a container",
    arguments: "<container-id> [ps options]",
    about: "The table is the host's ps, run with the options given (-ef if there are none), without the lines of other processes.",
    flags: &[&FORMAT],
    arity: Arity::AtLeast(1),
    order: Order::First,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let pids = settings.runtime().load(args.id())?.pids()?;
    say(&match Format::of(args.text(&FORMAT))? {
        Format::Json => state::pids(&pids)?,
        Format::Table => only(&pids, &host_ps(args.rest())?)?,
    })
}

fn host_ps(options: &[String]) -> Result<String, Failure> {
    let mut ps = Command::new("ps");
    match options {
        [] => ps.arg("-ef"),
        _ => ps.args(options),
    };
    let ran = ps.stdin(Stdio::null()).output().map_err(|error| Failure::io("run", "ps".as_ref(), &error))?;
    match ran.status.success() {
        true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        false => Err(Failure::new(format!("ps: {}: {}", ran.status, complaint(&ran.stderr)))),
    }
}

/// The first line that `ps` complains in; the rest is its help. Who asked sees nothing of its stderr but this.
fn complaint(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

/// The header, and the lines whose process is one of `pids`.
fn only(pids: &[i32], table: &str) -> Result<String, Failure> {
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split_whitespace().position(|title| title == "PID");
    let column = column.ok_or_else(|| Failure::new("ps: its output has no PID column"))?;
    let pid = |line: &str| line.split_whitespace().nth(column)?.parse::<i32>().ok();
    let kept = lines.filter(|line| pid(line).is_some_and(|pid| pids.contains(&pid)));
    Ok(std::iter::once(header).chain(kept).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line() {
        assert_eq!(complaint(b"\nerror: unsupported option (BSD syntax)\n\nUsage:\n ps\n"), "error: unsupported option (BSD syntax)");
    }

    /// moby's `docker top` looks for the PID column of what containerd's shim hands on.
    #[test]
    fn lines_are_kept_by_the_pid_column_wherever_it_is() {
        let table = "COMMAND   PID\nsh         10\nps         11\nodd\n";
        assert_eq!(only(&[10], table).ok().as_deref(), Some("COMMAND   PID\nsh         10\n"));
        assert!(only(&[10], "COMMAND\nsh\n").is_err());
    }
}
