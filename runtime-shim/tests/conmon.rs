//! conmon's side of a container's end. It has a program of its own: a process that adopts the orphans of one test adopts those of all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use world::{World, until};

/// conmon is the subreaper: once the runtime has gone its way, the container's process is conmon's own child, and so is its end.
#[test]
fn conmon_reaps_the_container_and_reads_its_end() {
    let Some(world) = World::with_containers() else { return };
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let (bundle, file) = (world.bundle("exit 7"), world.path("pid"));
    world.shim(&["create", "--bundle", &bundle, "--pid-file", &file, "c1"]).ok();
    let pid = Pid::from_raw(fs::read_to_string(&file).unwrap().parse().unwrap());
    world.shim(&["start", "c1"]).ok();
    until("stopped, though nobody has waited for it", || world.state("c1")["status"] == "stopped");
    assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 7)));
}
