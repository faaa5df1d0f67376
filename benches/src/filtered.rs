//! What a seccomp filter costs the program: system calls in a loop, inside a container, under the profile Docker gives every one.

use crate::scenario::Contender;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `--filter` knows it by.
pub(crate) const NAME: &str = "system calls under Docker's profile";
const SOURCE: &str = include_str!("../filtered.c");
const PROFILE: &str = include_str!("../../conformance/src/profiles/docker.json");

/// The medians of one runtime, in picoseconds a call.
pub(crate) struct Filtered {
    pub(crate) name: String,
    /// A call that is always allowed.
    pub(crate) allowed_ps: i64,
    /// A call with rules about its argument.
    pub(crate) asked_ps: i64,
}

/// Interleaved, like everything; the last one is the first runtime without a profile.
pub(crate) fn measure(contenders: &[&Contender], dir: &Path, rounds: usize) -> io::Result<Vec<Filtered>> {
    build(dir)?;
    bundle(dir, "filtered", &serde_json::from_str(PROFILE)?)?;
    bundle(dir, "unfiltered", &Value::Null)?;
    let able: Vec<&Contender> = contenders.iter().copied().filter(|one| able(one, dir)).collect();
    let first = able.first().map(|first| (*first, "unfiltered"));
    let players: Vec<(&Contender, &str)> = able.iter().map(|one| (*one, "filtered")).chain(first).collect();
    let mut samples = vec![Vec::new(); players.len()];
    for _ in 0..rounds {
        for (samples, (contender, bundle)) in samples.iter_mut().zip(&players) {
            samples.push(sample(contender, bundle, dir)?);
        }
    }
    Ok(players.iter().zip(samples).map(|((contender, bundle), samples)| summary(contender, bundle, &samples)).collect())
}

fn summary(contender: &Contender, bundle: &str, samples: &[(i64, i64)]) -> Filtered {
    let median = |of: fn(&(i64, i64)) -> i64| {
        let mut values: Vec<i64> = samples.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    };
    let name = if bundle == "filtered" { contender.name.clone() } else { "no profile".into() };
    Filtered { name, allowed_ps: median(|sample| sample.0), asked_ps: median(|sample| sample.1) }
}

/// Can it take part on this host?
fn able(contender: &Contender, dir: &Path) -> bool {
    sample(contender, "filtered", dir).map_err(|err| eprintln!("without {}: {err}", contender.name)).is_ok()
}

/// One container, whose program tells.
fn sample(contender: &Contender, bundle: &str, dir: &Path) -> io::Result<(i64, i64)> {
    let words = ["run", "--bundle", &dir.join(bundle).display().to_string(), &contender.kept()].map(str::to_owned);
    let line = contender.command(dir, &words);
    let (program, rest) = line.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let output = Command::new(program).args(rest).stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = told.split_whitespace().filter_map(|word| word.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(allowed), Some(asked)) => Ok((allowed, asked)),
        _ => Err(io::Error::other(format!("{}: {told} {}", contender.name, String::from_utf8_lossy(&output.stderr)))),
    }
}

fn build(dir: &Path) -> io::Result<()> {
    let source = dir.join("filtered.c");
    fs::write(&source, SOURCE)?;
    let done = Command::new("gcc").args(["-O2", "-static", "-o"]).arg(dir.join("rootfs/bin/filtered")).arg(&source).output()?;
    if done.status.success() { Ok(()) } else { Err(io::Error::other(format!("gcc: {}", String::from_utf8_lossy(&done.stderr)))) }
}

/// The bundle `true` with another program, and a profile.
fn bundle(dir: &Path, name: &str, profile: &Value) -> io::Result<()> {
    let mut config: Value = serde_json::from_slice(&fs::read(dir.join("true/config.json"))?)?;
    config["process"]["args"] = json!(["/bin/filtered"]);
    config["linux"]["seccomp"] = profile.clone();
    fs::create_dir(dir.join(name))?;
    fs::write(dir.join(name).join("config.json"), config.to_string())
}
