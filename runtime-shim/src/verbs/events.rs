//! `events`: what a container uses, once or again and again, one JSON object a line.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::{events, messages};
use crate::failure::Failure;
use crate::say;
use crate::settings::Settings;
use runtime_core::cgroup::OomEvent;
use runtime_core::{Container, Status};
use std::time::{Duration, Instant};

static INTERVAL: Flag = Flag::duration("interval", "DURATION", "time between two looks, such as 500ms; the default is 5s")
    .more("A number with a unit, or several: ns, us, ms, s, m, h.");
static STATS: Flag = Flag::switch("stats", "look once, at once");

pub(crate) static VERB: Verb = Verb {
    name: "events",
    summary: "show what a container uses, as JSON lines",
    arguments: "<container-id>",
    about: "Ends when the container has stopped.",
    flags: &[&INTERVAL, &STATS],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let container = settings.runtime().load(args.id())?;
    let interval = args.duration(&INTERVAL).unwrap_or(Duration::from_secs(5));
    if interval.is_zero() {
        return Err(Failure::new("duration interval must be greater than 0"));
    }
    if container.status()? == Status::Stopped {
        return Err(Failure::new(messages::not_running(args.id())));
    }
    if args.on(&STATS) {
        return show(&container);
    }
    watch(&container, interval)
}

/// Sleeps in the watch for lack of memory, which also ends with the container.
fn watch(container: &Container, interval: Duration) -> Result<Code, Failure> {
    let mut oom = container.watch_oom()?;
    let mut next = Instant::now() + interval;
    loop {
        match oom.next(Some(next.saturating_duration_since(Instant::now())))? {
            OomEvent::Oom => say(&events::oom(container.id())?)?,
            OomEvent::Gone => return Ok(Code::SUCCESS),
            // v1 does not tell when the last process is gone, only when the cgroup is.
            OomEvent::Nothing if container.status()? == Status::Stopped => return Ok(Code::SUCCESS),
            OomEvent::Nothing => {
                next += interval;
                show(container)?
            }
        };
    }
}

fn show(container: &Container) -> Result<Code, Failure> {
    say(&events::stats(container.id(), &container.stats()?)?)
}
