//! A creator that is killed at any moment leaves nothing that a forced delete does not find.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use runtime_core::{Create, Runtime};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::{Random, World, children, null};

const STATE: &str = "KILLED_STATE";
const BUNDLE: &str = "KILLED_BUNDLE";
const ID: &str = "KILLED_ID";

/// What the killed process does: containers come, run and go.
#[test]
#[ignore = "a part of another test"]
fn containers_without_end() {
    let [state, bundle, id] = [STATE, BUNDLE, ID].map(|name| std::env::var(name).unwrap());
    let runtime = Runtime::new(state);
    println!("begins");
    for count in 0.. {
        let id = format!("{id}{count}");
        let request = Create { stdio: [0; 3].map(|_| Some(null())), ..Create::of(&bundle) };
        let mut container = runtime.create(&id, &request).unwrap();
        if count % 2 == 0 {
            container.start().unwrap();
        }
        runtime.delete_forced(&id).unwrap();
    }
}

fn creator(world: &World, bundle: &Path, id: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "containers_without_end"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env(STATE, world.dir.join("state")).env(BUNDLE, bundle).env(ID, id);
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("begins")));
    child
}

/// Reaps orphans until there are none; they end without being told to.
fn all_children_end(what: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
        assert!(Instant::now() < deadline, "{what}: {:?}", children());
    }
}

/// Who gets the orphans, for as long as this lives.
struct Heir;

impl Heir {
    fn new() -> Self {
        set_child_subreaper(true).unwrap();
        Self
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        let _ = set_child_subreaper(false);
    }
}

/// One creator's life, cut off at a moment that is awaited with its containers' prefix. How many containers were there?
fn kill_at(world: &World, bundle: &Path, round: &str, moment: impl FnOnce(&str)) -> usize {
    let prefix = world.id(&format!("{round}-"));
    let mut child = creator(world, bundle, &prefix);
    moment(&prefix);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = ids(world);
    for id in &left {
        let _ = world.runtime.load(id).map(|container| container.state().unwrap());
        let errors = world.runtime.delete_forced(id).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert!(errors.is_empty(), "{errors:?}");
    }
    left.len()
}

fn ids(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.dir.join("state")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// How long a creator takes for a few containers: machines differ.
fn few_lives(world: &World, bundle: &Path) -> Duration {
    let mut span = Duration::ZERO;
    kill_at(world, bundle, "measured", |prefix| {
        let begin = Instant::now();
        let number = |id: String| id.strip_prefix(prefix)?.parse::<u32>().ok();
        world::until("a second container", || ids(world).into_iter().filter_map(number).any(|number| number >= 1));
        span = begin.elapsed() * 4;
    });
    span
}

fn every_moment(world: &World, rounds: usize, change: impl FnOnce(&mut serde_json::Value)) {
    let bundle = world.bundle(&world.id("bundle"), |config| {
        config["process"]["args"] = json!(["/bin/sleep", "1000"]);
        change(config);
    });
    let _heir = Heir::new();
    let before = world.look();
    let span = few_lives(world, &bundle);
    let mut random = Random(7);
    let mut found = 0;
    for round in 0..rounds {
        let moment = span.mul_f64(f64::from(u32::try_from(random.below(1000)).unwrap()) / 1000.0);
        found += kill_at(world, &bundle, &round.to_string(), |_| std::thread::sleep(moment));
        all_children_end(&format!("round {round}, killed after {moment:?}"));
        before.assert_unchanged(world, &format!("round {round}, killed after {moment:?}"));
    }
    assert!(found > rounds / 2, "only {found} of {rounds} were killed while there was a container, in {span:?}");
}

#[test]
fn a_killed_creator_leaves_nothing_that_a_forced_delete_does_not_find() {
    let Some(world) = World::new() else { return };
    every_moment(&world, 100, |_| ());
}

#[test]
fn nor_does_one_that_makes_user_namespaces_and_runs_hooks() {
    let Some(world) = World::new() else { return };
    every_moment(&world, 30, |config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        config["hooks"] = json!({"createRuntime": [{"path": "/bin/true"}], "createContainer": [{"path": "/bin/true"}]});
    });
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A process that holds a network namespace of its own.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Names, numbers, states, addresses. A carrier takes its time.
fn interfaces() -> String {
    sh("ip -o addr show up | cut -d'\\' -f1; ip -o link | sed s/NO-CARRIER,// | cut -d' ' -f1-3")
}

#[test]
fn interfaces_in_a_namespace_that_outlives_a_killed_create_come_back() {
    let Some(world) = World::new() else { return };
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    sh("ip link add v0 type veth peer name v1; ip addr add 10.1.2.3/24 dev v0; ip link set v0 up; ip -6 addr flush dev v0");
    let holder = Holder(Command::new("unshare").args(["-n", "sleep", "1000"]).spawn().unwrap());
    let path = format!("/proc/{}/ns/net", holder.0.id());
    let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    world::until("the namespace", || std::fs::read_link(&path).unwrap() != own);
    let marker = world.dir.join("marker");
    let script = format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", marker.display());
    let bundle = world.bundle(&world.id("hooked"), |config| {
        config["linux"]["netDevices"] = json!({"v0": {"name": "lan0"}, "v1": {}});
        let all = config["linux"]["namespaces"].as_array_mut().unwrap();
        all.retain(|namespace| namespace["type"] != "network");
        all.push(json!({"type": "network", "path": path}));
        config["hooks"] = json!({"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]});
    });
    let there = || sh(&format!("nsenter -t {} -n ip -o link", holder.0.id()));
    let (before, look) = (interfaces(), world.look());
    let id = world.id("hooked");
    let child = Holder(creator(&world, &bundle, &id));
    world::until("the hook", || marker.exists());
    assert!(there().contains("lan0@") && there().contains("v1@"), "{}", there());
    drop(child);
    sh(&format!("kill -9 $(cat {})", marker.display()));
    assert!(world.runtime.delete_forced(&format!("{id}0")).unwrap().is_empty());
    assert_eq!((interfaces(), there().lines().count()), (before.clone(), 1), "{}", there());
    look.assert_unchanged(&world, "interfaces");
}

/// Its parent is dead, and it waits for it without a system call: an agent does not take its listener.
#[test]
fn a_create_that_is_killed_while_an_agent_keeps_it_waiting_leaves_nothing() {
    use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
    use std::os::fd::AsRawFd;
    let Some(world) = World::new() else { return };
    let path = world.dir.join("agent.sock");
    let stream = || socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let (deaf, first) = (stream(), stream());
    bind(deaf.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&deaf, Backlog::new(0).unwrap()).unwrap();
    connect(first.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    let bundle = world.bundle(&world.id("bundle"), |config| {
        config["process"]["noNewPrivileges"] = json!(false);
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path,
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
        });
    });
    let _heir = Heir::new();
    let before = world.look();
    let id = world.id("kept");
    let child = Holder(creator(&world, &bundle, &id));
    let record = world.dir.join("state").join(format!("{id}0/state.json"));
    world::until("the init", || std::fs::read_to_string(&record).is_ok_and(|text| text.contains(r#""init":"#)));
    std::thread::sleep(Duration::from_millis(100));
    drop(child);
    world.runtime.delete_forced(&format!("{id}0")).unwrap();
    all_children_end("kept waiting");
    before.assert_unchanged(&world, "kept waiting");
}
