//! The command line.

use crate::suite::Keep;
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "conformance [options] RUNTIME...
Judges OCI runtimes from outside. Needs root and a static busybox.

  --reference PATH   compare every case with what this runtime does
  --filter TEXT      only cases whose name holds TEXT
  --list             print the cases and end
  --tap FILE         TAP to FILE instead of standard output
  --junit FILE       JUnit XML to FILE
  --html FILE        a matrix of cases and runtimes to FILE
  --jobs N           play N cases at a time (default 3)
  --cgroups v1|v2    show the runtimes only this kind of hierarchy
  --keep             leave bundles and outputs in place, and tell where

Slow machines get their time with PATIENCE=200 in the environment: that many seconds a case, in place of 20.
";

/// Which cgroup hierarchies the runtimes see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Cgroups {
    /// Those of the host.
    #[default]
    Host,
    /// Without a unified one.
    V1,
    /// Only the unified one.
    V2,
}

/// The command line, understood.
pub(crate) struct Args {
    pub(crate) runtimes: Vec<PathBuf>,
    pub(crate) reference: Option<PathBuf>,
    pub(crate) filter: String,
    pub(crate) list: bool,
    pub(crate) tap: Option<PathBuf>,
    pub(crate) junit: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
    pub(crate) jobs: usize,
    pub(crate) cgroups: Cgroups,
    pub(crate) keep: Keep,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            runtimes: Vec::new(),
            reference: None,
            filter: String::new(),
            list: false,
            tap: None,
            junit: None,
            html: None,
            jobs: 3,
            cgroups: Cgroups::Host,
            keep: Keep::Nothing,
        }
    }
}

/// Understands the words, or says what is wrong with them.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Args, String> {
    let mut args = Args::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{} needs a value", word.display()));
        match word.to_str().unwrap_or_default() {
            "--reference" => args.reference = Some(value()?.into()),
            "--filter" => args.filter = value()?.to_string_lossy().into_owned(),
            "--list" => args.list = true,
            "--keep" => args.keep = Keep::Bundles,
            "--tap" => args.tap = Some(value()?.into()),
            "--junit" => args.junit = Some(value()?.into()),
            "--html" => args.html = Some(value()?.into()),
            "--jobs" => args.jobs = value()?.to_string_lossy().parse().map_err(|err| format!("--jobs: {err}"))?,
            "--cgroups" => args.cgroups = cgroups(&value()?)?,
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
            _ => args.runtimes.push(word.into()),
        }
    }
    if args.runtimes.is_empty() && !args.list { Err("no runtime was named".into()) } else { Ok(args) }
}

fn cgroups(value: &OsString) -> Result<Cgroups, String> {
    match value.to_str() {
        Some("v1") => Ok(Cgroups::V1),
        Some("v2") => Ok(Cgroups::V2),
        _ => Err(format!("--cgroups: {} is neither v1 nor v2", value.display())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Cgroups, parse};

    #[test]
    fn options_may_stand_anywhere_and_the_rest_are_runtimes() {
        let words = ["a", "--reference", "b", "--cgroups", "v2", "c", "--jobs", "5"];
        let args = parse(words.iter().map(Into::into)).unwrap();
        assert_eq!(args.runtimes.len(), 2);
        assert_eq!(args.reference.unwrap().to_str(), Some("b"));
        assert_eq!((args.cgroups, args.jobs), (Cgroups::V2, 5));
        for wrong in [&["--jobs"][..], &["--what", "a"], &["--cgroups", "v3", "a"], &[]] {
            assert!(parse(wrong.iter().map(Into::into)).is_err(), "{wrong:?}");
        }
    }
}
