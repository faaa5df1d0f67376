//! Compares what OCI runtimes cost: wall time, CPU, memory. Interleaved (A B C A B C …), told as ratios of medians.
//!
//! Never asserts a time: a number is only worth something beside its neighbour from the same minute of the same machine.
//!
//! ```text
//! benches --private-cgroup2 ./runtime-shim runc crun
//! ```

mod args;
mod bundle;
mod filtered;
mod floor;
mod measure;
mod parked;
mod scenario;
mod table;

use args::Args;
use measure::Sample;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use scenario::{Contender, SCENARIOS, Scenario};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Every sample of one contender in one scenario.
pub(crate) struct Column {
    pub(crate) scenario: &'static str,
    pub(crate) contender: String,
    pub(crate) samples: Vec<Sample>,
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("benches: {err}");
            ExitCode::FAILURE
        }
    }
}

// The first is this program calling itself.
fn run(words: &[OsString]) -> io::Result<()> {
    match words.split_first() {
        Some((verb, commands)) if verb == "measure" => measure::serve(commands),
        Some((verb, _)) if verb == "--help" => io::stdout().write_all(args::HELP.as_bytes()),
        _ => bench(&args::parse(words.iter().cloned()).map_err(io::Error::other)?),
    }
}

fn bench(args: &Args) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Err(io::Error::other("must be root: containers are made"));
    }
    if args.private_cgroup2 {
        private_cgroup2()?;
    }
    let dir = std::env::temp_dir().join(format!("benches{}", std::process::id()));
    fs::create_dir(&dir)?;
    let told = measure_all(args, &dir);
    fs::remove_dir_all(&dir)?;
    io::stdout().write_all(told?.as_bytes())
}

fn measure_all(args: &Args, dir: &Path) -> io::Result<String> {
    bundle::make(dir)?;
    let mut contenders: Vec<Contender> = args.runtimes.iter().map(|path| Contender::runtime(path)).collect::<io::Result<_>>()?;
    match floor::build(dir) {
        Ok(program) => contenders.push(Contender::floor(program)),
        Err(err) => writeln!(io::stderr(), "without the floor: {err}")?,
    }
    let mut columns = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&args.filter)) {
        columns.extend(interleave(scenario, &contenders, args.rounds, dir)?);
    }
    let parked = |contender: &Contender| parked::measure(contender, dir).map_err(|err| eprintln!("without a parked one: {err}")).ok();
    let parked: Vec<_> = contenders.iter().filter(|contender| !contender.is_floor()).filter_map(parked).collect();
    let filtered = if filtered::NAME.contains(&args.filter) { filtered(&contenders, dir, args.rounds) } else { Vec::new() };
    Ok(table::render(&columns, &parked, args.rounds) + &table::filtered(&filtered))
}

fn filtered(contenders: &[Contender], dir: &Path, rounds: usize) -> Vec<filtered::Filtered> {
    let runtimes: Vec<&Contender> = contenders.iter().filter(|contender| !contender.is_floor()).collect();
    filtered::measure(&runtimes, dir, rounds).map_err(|err| eprintln!("without calls under a filter: {err}")).unwrap_or_default()
}

/// One sample of everybody, then the next: what the machine does meanwhile hits all of them.
fn interleave(scenario: &'static Scenario, contenders: &[Contender], rounds: usize, dir: &Path) -> io::Result<Vec<Column>> {
    let able: Vec<&Contender> = contenders.iter().filter(|contender| able(scenario, contender, dir)).collect();
    let new = |contender: &&Contender| Column { scenario: scenario.name, contender: contender.name.clone(), samples: Vec::new() };
    let mut columns: Vec<Column> = able.iter().map(new).collect();
    for round in 1..=rounds {
        for (column, contender) in columns.iter_mut().zip(&able) {
            column.samples.push(measure::measure(&scenario.commands(contender, dir, round))?);
        }
    }
    able.iter().try_for_each(|contender| scenario.clear(contender, dir))?;
    Ok(columns)
}

/// Can it take part on this host? The sample that tells also warms caches up.
fn able(scenario: &Scenario, contender: &Contender, dir: &Path) -> bool {
    if contender.is_floor() && !scenario.has_floor {
        return false;
    }
    let first = scenario.prepare(contender, dir).and_then(|()| measure::measure(&scenario.commands(contender, dir, 0)));
    first.map_err(|err| eprintln!("without {} in {:?}: {err}", contender.name, scenario.name)).is_ok()
}

fn private_cgroup2() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)?;
    // Nothing there to unmount is as good.
    let _ = umount2("/sys/fs/cgroup", MntFlags::MNT_DETACH);
    mount(Some("cgroup2"), "/sys/fs/cgroup", Some("cgroup2"), MsFlags::empty(), None::<&str>)?;
    Ok(())
}

/// A runtime named by path or found in PATH.
pub(crate) fn find(runtime: &Path) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let nearby = fs::canonicalize(runtime).ok().filter(|path| path.is_file());
    let in_path = || std::env::split_paths(&path).map(|dir| dir.join(runtime)).find(|path| path.is_file());
    nearby.or_else(in_path).ok_or_else(|| io::Error::other(format!("{}: no such runtime", runtime.display())))
}
