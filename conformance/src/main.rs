//! Judges any OCI runtime binary from outside, and compares it with a reference on the same bundles.
//!
//! Never links a crate of this project: a runtime is a path, and is judged by what its containers see, how it exits, and what it leaves.
//!
//! ```text
//! conformance --reference runc ./runtime-shim
//! ```

mod accepted;
mod args;
mod bundle;
mod case;
mod cases;
mod cgroupfs;
mod config;
mod console;
mod devices;
mod glob;
mod hold;
mod judge;
mod left;
mod normal;
mod patience;
mod play;
mod reap;
mod record;
mod report;
mod suite;

use args::{Args, Cgroups};
use case::{Case, Fixture};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use suite::{Keep, Row, Suite};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&words) {
        Ok(code) => code,
        Err(err) => {
            eprintln!("conformance: {err}");
            ExitCode::from(2)
        }
    }
}

// The first three are this program calling itself.
fn run(words: &[OsString]) -> io::Result<ExitCode> {
    let (verb, rest) = words.split_first().map_or(("", words), |(verb, rest)| (verb.to_str().unwrap_or(""), rest));
    match verb {
        "play" => play(rest).map(|()| ExitCode::SUCCESS),
        "hold" => hold::hold(&rest.first().map(|kinds| kinds.to_string_lossy()).unwrap_or_default()).map(|()| ExitCode::SUCCESS),
        "idle" => hold::idle().map(|()| ExitCode::SUCCESS),
        "--help" | "-h" => io::stdout().write_all(args::HELP.as_bytes()).map(|()| ExitCode::SUCCESS),
        _ => judge(&args::parse(words.iter().cloned()).map_err(io::Error::other)?),
    }
}

fn play(words: &[OsString]) -> io::Result<()> {
    let (index, stage) = play::Stage::parse(words).ok_or(io::ErrorKind::InvalidInput)?;
    let cases = cases::all();
    let case = cases.get(index).ok_or(io::ErrorKind::NotFound)?;
    writeln!(io::stdout(), "{}", play::play(case, &stage)?.to_json())
}

fn judge(args: &Args) -> io::Result<ExitCode> {
    let cases: Vec<_> = cases::all().into_iter().enumerate().filter(|(_, case)| case.name.contains(&args.filter)).collect();
    if args.list {
        cases.iter().try_for_each(|(_, case)| writeln!(io::stdout(), "{}\t{}", case.name, case.spec))?;
        return Ok(ExitCode::SUCCESS);
    }
    let dir = workplace(args)?;
    let found = |path: &PathBuf| find(path);
    let runtimes = args.runtimes.iter().map(found).collect::<io::Result<_>>()?;
    let reference = args.reference.as_ref().map(found).transpose()?;
    let (cases, elsewhere): (Vec<_>, Vec<_>) = cases.into_iter().partition(|(_, case)| playable(case));
    for (_, case) in elsewhere {
        writeln!(io::stderr(), "not played, the host lacks the cgroup controller: {}", case.name)?;
    }
    let suite = Suite { cases, runtimes, reference, jobs: args.jobs.max(1), dir, keep: args.keep };
    let rows = suite.play(&|_, _| {});
    finish(&suite)?;
    tell(args, &suite, &rows)
}

fn playable(case: &Case) -> bool {
    case.fixtures.iter().all(|fixture| !matches!(fixture, Fixture::Controller(name) if !cgroupfs::has(name)))
}

fn workplace(args: &Args) -> io::Result<PathBuf> {
    if !nix::unistd::geteuid().is_root() {
        return Err(io::Error::other("must be root: containers are made"));
    }
    let busybox = bundle::busybox().ok_or_else(|| io::Error::other("no busybox in PATH: bundles are made of it"))?;
    let dir = std::env::temp_dir().join(format!("conformance{}", std::process::id()));
    fs::create_dir(&dir)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)?;
    hierarchies(args.cgroups)?;
    if args.keep == Keep::Nothing {
        in_memory(&dir)?;
    }
    fs::copy(busybox, dir.join("busybox"))?;
    Ok(dir)
}

// Bundles are many small files: a disk would take longer to make them than a runtime to run them. And they see the same everywhere.
fn in_memory(dir: &Path) -> nix::Result<()> {
    mount(Some("tmpfs"), dir, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
}

// Players run in the bundle's directory, so a runtime's path must not depend on where we are.
fn find(runtime: &Path) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let nearby = fs::canonicalize(runtime).ok().filter(|path| path.is_file());
    let in_path = || std::env::split_paths(&path).map(|dir| dir.join(runtime)).find(|path| path.is_file());
    nearby.or_else(in_path).ok_or_else(|| io::Error::other(format!("{}: no such runtime", runtime.display())))
}

fn hierarchies(cgroups: Cgroups) -> io::Result<()> {
    match cgroups {
        Cgroups::V1 if Path::new("/sys/fs/cgroup/unified").exists() => {
            mount(Some("none"), "/sys/fs/cgroup/unified", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
        }
        Cgroups::V2 => {
            let _ = umount2("/sys/fs/cgroup", MntFlags::MNT_DETACH);
            mount(Some("cgroup2"), "/sys/fs/cgroup", Some("cgroup2"), MsFlags::empty(), None::<&str>)?;
        }
        Cgroups::V1 | Cgroups::Host => {}
    }
    Ok(())
}

fn finish(suite: &Suite) -> io::Result<()> {
    left::clear_shelf();
    match suite.keep {
        Keep::Nothing => {
            umount2(&suite.dir, MntFlags::MNT_DETACH)?;
            fs::remove_dir(&suite.dir)
        }
        Keep::Bundles => writeln!(io::stderr(), "bundles and outputs: {}", suite.dir.display()),
    }
}

fn tell(args: &Args, suite: &Suite, rows: &[Row]) -> io::Result<ExitCode> {
    let tap = report::tap::render(suite, rows);
    match &args.tap {
        Some(file) => fs::write(file, tap)?,
        None => io::stdout().write_all(tap.as_bytes())?,
    }
    if let Some(file) = &args.junit {
        fs::write(file, report::junit::render(suite, rows))?;
    }
    if let Some(file) = &args.html {
        fs::write(file, report::html::render(suite, rows))?;
    }
    let failed = rows.iter().flat_map(|row| &row.verdicts).filter(|verdict| !verdict.is_passed()).count();
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
