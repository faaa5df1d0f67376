//! `exec`: another program in a container that runs.

use crate::args::common::{CONSOLE_SOCKET, DETACH, PID_FILE, PIDFD_SOCKET, PRESERVE_FDS};
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::attach::{Foreground, Stdio, Then, Way};
use crate::compat::debug;
use crate::compat::exit::Code;
use crate::compat::log::Log;
use crate::compat::messages;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::{process, request};
use oci_spec::runtime::BoxBuilder;
use runtime_core::console::callers_size;
use runtime_core::{Container, Exec, IgnorePaused, Process, Terminal};

static CGROUP: Flag = Flag::texts("cgroup", "[CTRL,..:]PATH", "put the process into an existing cgroup below the container's")
    .more(
        "The path starts at the container's cgroup and cannot leave it. Where there are several hierarchies, cgroup v1, each may have a path of \
         its own behind its controllers: --cgroup memory:a --cgroup cpu,cpuacct:b.",
    );
static IGNORE_PAUSED: Flag = Flag::switch("ignore-paused", "do it in a paused container too; the program waits until it is resumed");

pub(crate) static VERB: Verb = Verb {
    name: "exec",
    summary: "run another program in a container",
    arguments: "<container-id> <command> [arguments...] | --process FILE <container-id>",
    about: "Flags stand before the id: what follows the command is the command's. Without --detach it stays until the program\n\
            ends and exits with its exit code (128 and the number for a signal); 255 means that the program did not run.",
    flags: &[
        &CONSOLE_SOCKET,
        &PIDFD_SOCKET,
        &process::CWD,
        &process::ENV,
        &process::TTY,
        &process::USER,
        &process::ADDITIONAL_GIDS,
        &process::PROCESS,
        &DETACH,
        &PID_FILE,
        &process::PROCESS_LABEL,
        &process::APPARMOR,
        &process::NO_NEW_PRIVS,
        &process::CAP,
        &PRESERVE_FDS,
        &CGROUP,
        &IGNORE_PAUSED,
    ],
    arity: Arity::AtLeast(1),
    order: Order::First,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    exec(settings, args).map_err(|failure| failure.during("exec failed").with_code(Code::EXEC))
}

fn exec(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let container = settings.runtime().load(args.id())?;
    let process = process::wanted(args, &container, &settings.log)?;
    let then = if args.on(&DETACH) { Then::Return } else { Then::Wait };
    match Way::find(then, process.terminal().unwrap_or(false), args.path(&CONSOLE_SOCKET))? {
        Way::Detached(terminal) => begin(&container, &asked(args, process, terminal)?, &settings.log).map(|_| Code::SUCCESS),
        Way::Attached(stdio) => {
            let process = sized(process, stdio);
            let (foreground, terminal) = Foreground::begin(stdio)?;
            let running = begin(&container, &asked(args, process, terminal)?, &settings.log)?;
            Ok(Code::of(foreground.attach(running.pidfd()?)?.run()?))
        }
    }
}

/// With the caller's size, so that the program's first look at its terminal sees it.
fn sized(mut process: oci_spec::runtime::Process, stdio: Stdio) -> oci_spec::runtime::Process {
    if let (Stdio::Terminal, Some((rows, columns))) = (stdio, callers_size()) {
        let size = BoxBuilder::default().height(rows).width(columns).build();
        process.set_console_size(size.ok());
    }
    process
}

fn asked(args: &Args, process: oci_spec::runtime::Process, terminal: Terminal) -> Result<Exec, Failure> {
    Ok(Exec {
        process,
        terminal,
        stdio: Default::default(),
        preserve_fds: request::preserved(args)?,
        pid_file: args.path(&PID_FILE),
        pidfd_socket: args.path(&PIDFD_SOCKET),
        cgroups: sub_cgroups(args)?,
        paused: if args.on(&IGNORE_PAUSED) { IgnorePaused::Yes } else { IgnorePaused::No },
        fail_at: None,
    })
}

/// `--cgroup`: one path for all hierarchies, or one for each of those of v1, none twice.
fn sub_cgroups(args: &Args) -> Result<Vec<String>, Failure> {
    let typed: Vec<String> = args.texts(&CGROUP).map(str::to_owned).collect();
    let refused = |one: &str, why: &str| Err(Failure::new(messages::bad_cgroup(one, why)));
    let mut seen = Vec::new();
    for one in &typed {
        let Some((controllers, _)) = one.split_once(':') else {
            if typed.len() > 1 {
                return refused(one, "missing <controller>: prefix");
            }
            continue;
        };
        for name in controllers.split(',') {
            match name {
                "" => return refused(one, "empty <controller> prefix"),
                _ if seen.contains(&name) => return refused(one, &format!("controller {name} specified multiple times")),
                _ => seen.push(name),
            }
        }
    }
    Ok(typed)
}

fn begin(container: &Container, asked: &Exec, log: &Log) -> Result<Process, Failure> {
    let begun = container.exec(asked).map_err(|error| Failure::refused(error, container.status(), messages::cannot_exec))?;
    debug::executed(log, &asked.process);
    Ok(begun)
}
