//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "benches [options] RUNTIME...
Compares what OCI runtimes cost. Needs root and a static busybox; gcc for the floor.

  --rounds N          samples of each (default 30)
  --filter TEXT       only scenarios whose name holds TEXT
  --private-cgroup2   a pure cgroup v2 hierarchy on /sys/fs/cgroup, for this process alone; the floor needs one
";

/// The command line, understood.
pub(crate) struct Args {
    pub(crate) runtimes: Vec<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) filter: String,
    pub(crate) private_cgroup2: bool,
}

/// Understands the words, or says what is wrong with them.
pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Args, String> {
    let mut args = Args { runtimes: Vec::new(), rounds: 30, filter: String::new(), private_cgroup2: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{} needs a value", word.display()));
        match word.to_str().unwrap_or_default() {
            "--rounds" => args.rounds = value()?.to_string_lossy().parse().map_err(|err| format!("--rounds: {err}"))?,
            "--filter" => args.filter = value()?.to_string_lossy().into_owned(),
            "--private-cgroup2" => args.private_cgroup2 = true,
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
            _ => args.runtimes.push(word.into()),
        }
    }
    match (args.runtimes.is_empty(), args.rounds) {
        (true, _) => Err("no runtime was named".into()),
        (_, 0) => Err("--rounds: at least one".into()),
        _ => Ok(args),
    }
}
