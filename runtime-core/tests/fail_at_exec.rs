//! Every step of another process in a container fails once, and once is the last thing that process does: the error says which, nothing of
//! it is left, and the container runs on as if nobody had asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use runtime_core::{Container, Exec, FailAt, Result, Status, Terminal};
use serde_json::{Value, json};
use world::World;

/// A container that runs, and what is asked for of every other process.
struct Walk<'a> {
    world: &'a World,
    container: Container,
    process: Value,
}

/// How an attempt ended: with an error's text and number, or with a process and its exit code.
#[derive(Debug)]
enum Ended {
    Refused(String, Option<i32>),
    Ran(i32),
}

impl<'a> Walk<'a> {
    fn new(world: &'a World, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let id = world.id(name);
        let bundle = world.bundle(&id, |config| {
            config["process"]["args"] = json!(["/bin/sleep", "1000"]);
            change(config);
        });
        let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
        container.start().unwrap();
        let mut process = serde_json::to_value(container.process().unwrap()).unwrap();
        process["args"] = json!(["/bin/true"]);
        Self { world, container, process }
    }

    fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.process);
        self
    }

    /// Both ways, step after step, until there is none with that number. Returns what the steps are called.
    fn every_step(&self) -> Vec<String> {
        let before = self.world.look();
        let init = self.container.init_pid();
        let mut words = Vec::new();
        loop {
            let (died, failed) = (self.attempt(words.len(), 0), self.attempt(words.len(), Errno::EIO as i32));
            assert_eq!(self.container.status().unwrap(), Status::Running, "after {words:?}");
            assert_eq!(self.container.init_pid(), init, "after {words:?}");
            assert_eq!(self.container.pids().unwrap(), Vec::from_iter(init), "after {words:?}");
            before.assert_unchanged(self.world, &format!("after {words:?}"));
            match (died, failed) {
                (Ended::Refused(died, None), Ended::Refused(failed, Some(errno))) if errno == Errno::EIO as i32 => {
                    words.push(told(&died, &failed, words.len() + 1));
                }
                // A death at the exec cannot be told from a program that ended at once.
                (Ended::Ran(137), Ended::Refused(failed, Some(_))) => {
                    assert_eq!(failed, "exec /bin/true: input/output error (EIO)");
                    words.push("execve".to_owned());
                }
                (Ended::Ran(0), Ended::Ran(0)) => return words,
                other => panic!("{other:?} after {words:?}"),
            }
        }
    }

    fn attempt(&self, step: usize, errno: i32) -> Ended {
        match self.exec(Some(FailAt { step: step.try_into().unwrap(), errno })) {
            Ok(code) => Ended::Ran(code),
            Err(error) => Ended::Refused(error.to_string(), error.errno()),
        }
    }

    fn exec(&self, fail_at: Option<FailAt>) -> Result<i32> {
        let process = serde_json::from_value(self.process.clone()).unwrap();
        let (_ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let wants_terminal = self.process["terminal"] == json!(true);
        let request = Exec {
            stdio: [0; 3].map(|_| Some(world::null())),
            terminal: if wants_terminal { Terminal::Fd(theirs) } else { Terminal::Inherit },
            fail_at,
            ..Exec::of(process)
        };
        Ok(self.container.exec(&request)?.wait()?.code())
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        let _ = self.world.runtime.delete_forced(self.container.id());
    }
}

/// What a step is about and which call it makes, if both ways of failing tell the same.
#[track_caller]
fn told(died: &str, failed: &str, number: usize) -> String {
    let place = died.strip_prefix(&format!("exited with 137 at step {number} of ")).unwrap_or_else(|| panic!("{died} at step {number}"));
    let named = place.split_once(": ").unwrap().1;
    match failed.strip_prefix("exec: ") {
        Some(program) => assert_eq!(program, "\"/bin/true\": input/output error (EIO)"),
        None => assert!(failed.starts_with(named) && failed.ends_with(": input/output error (EIO)"), "{failed} is not {named}"),
    }
    named.to_owned()
}

/// A session, and the container's root, of which the rest is found.
const SESSION: [&str; 3] = ["process: setsid", "process: keyctl", "process: open"];

/// `/dev/null` becomes the container's own.
const NULL: [&str; 1] = ["process: open"];

/// What every program's process becomes, by the properties of `process`, when nothing is special.
const BECOMING: [&str; 17] = [
    "process: sched_setaffinity",
    "process.noNewPrivileges: prctl",
    "process.capabilities.bounding: prctl",
    "process.user.umask: umask",
    "process.cwd: chdir",
    "process.user: fchown",
    "process.user: setgroups",
    "process.user: setresuid",
    "process.cwd: chdir",
    "process.cwd: getcwd",
    "process.capabilities: capset",
    "process.capabilities.ambient: prctl",
    "process.env HOME: stat",
    "process.args: stat",
    "process.rlimits[0]: setrlimit",
    "process: prctl",
    "execve",
];

/// These steps and no others; where entering a cgroup is one, it is told which.
#[track_caller]
fn check(words: Vec<String>, entering: &[&str], streams: &[&str]) {
    let (cgroups, rest): (Vec<String>, Vec<String>) = words.into_iter().partition(|step| step.starts_with("linux.cgroupsPath"));
    assert_eq!(rest, [entering, &SESSION, streams, &BECOMING].concat());
    assert!(cgroups.iter().all(|step| step.ends_with(": write")), "{cgroups:?}");
    assert_eq!(cgroups.is_empty(), std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists());
}

#[test]
fn every_step_of_another_process_can_fail() {
    let Some(world) = World::new() else { return };
    let walk = Walk::new(&world, "plain", |_| {}).with(|process| {
        process["user"] = json!({"uid": 1000, "gid": 1000, "additionalGids": [7], "umask": 18});
        process["capabilities"] = json!({"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]});
        process["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]);
        process["cwd"] = json!("/tmp");
        process["oomScoreAdj"] = json!(100);
    });
    let entering = ["process: prctl", "process.oomScoreAdj: write", "process: prctl", "linux.namespaces: setns", "linux.namespaces: clone"];
    check(walk.every_step(), &entering, &NULL);
}

#[test]
fn every_step_of_another_process_with_a_terminal_can_fail() {
    let Some(world) = World::new() else { return };
    let walk = Walk::new(&world, "terminal", |_| {}).with(|process| process["terminal"] = json!(true));
    let entering = ["process: prctl", "process: prctl", "linux.namespaces: setns", "linux.namespaces: clone"];
    check(walk.every_step(), &entering, &["process.terminal: open a terminal", "process.terminal: open"]);
}

#[test]
fn every_step_of_another_process_in_a_user_namespace_can_fail() {
    let Some(world) = World::new() else { return };
    let walk = Walk::new(&world, "user", |config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    });
    let entering =
        ["process: prctl", "process: prctl", "linux.namespaces: setns", "linux.namespaces: setresuid", "linux.namespaces: clone"];
    check(walk.every_step(), &entering, &NULL);
}

/// Without a pid namespace to be born into it stays one process; without one of mounts it only has the container's root.
#[test]
fn every_step_of_another_process_that_stays_what_it_is_can_fail() {
    let Some(world) = World::new() else { return };
    let walk = Walk::new(&world, "host", |config| {
        config["linux"]["namespaces"] = json!([{"type": "mount"}]);
        config["hostname"] = Value::Null;
    });
    check(walk.every_step(), &["process: prctl", "process: prctl", "linux.namespaces: setns"], &NULL);
}
