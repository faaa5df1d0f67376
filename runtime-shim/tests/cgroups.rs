//! Limits, signals and leftovers of real containers, on whatever cgroups the host has. Each needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use world::{Said, World, finish, until};

/// The directory of the world's container that a controller is steered from; none where the host does not have it.
fn directory(world: &World, controller: &str) -> Option<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let unified = fs::read_to_string(top.join("cgroup.controllers"));
    let has = |list: String| matches!(controller, "freezer" | "devices") || list.split_whitespace().any(|one| one == controller);
    match unified {
        Ok(list) => has(list).then(|| top.join(world.name())),
        Err(_) => Some(top.join(controller)).filter(|dir| dir.is_dir()).map(|dir| dir.join(world.name())),
    }
}

fn is_v1() -> bool {
    !Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

fn value(world: &World, controller: &str, name: &str) -> String {
    fs::read_to_string(directory(world, controller).unwrap().join(name)).unwrap().trim().to_owned()
}

/// A world with such a controller, and a container that sleeps in it with these resources.
fn with(controller: &str, resources: Value) -> Option<World> {
    let world = World::with_containers()?;
    if directory(&world, controller).is_none() {
        println!("SKIP: no {controller} controller");
        return None;
    }
    let bundle = world.bundle_with(json!(["sleep", "100"]), |config| config["linux"]["resources"] = resources);
    world.shim(&["run", "--detach", "--bundle", &bundle, "c1"]).ok();
    Some(world)
}

/// `update --resources -` with this document.
fn update_from(world: &World, document: &str) -> Said {
    let mut call = world.call(&["update", "--resources", "-", "c1"]);
    let mut running = call.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    Said::from(running.wait_with_output().unwrap())
}

fn kept(world: &World) -> Value {
    let text = fs::read_to_string(world.root().join("c1/state.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["resources"].clone()
}

fn processes(world: &World) -> usize {
    let listed: Option<Vec<i32>> = serde_json::from_str(&world.shim(&["ps", "--format", "json", "c1"]).ok()).unwrap();
    listed.map_or(0, |listed| listed.len())
}

#[test]
fn an_update_is_kept_for_the_next() {
    let Some(world) = with("memory", json!({"memory": {"limit": 67_108_864, "swap": 134_217_728}, "cpu": {"quota": 50_000}})) else {
        return;
    };
    world.shim(&["update", "--memory", "90m", "--cpu-period", "200000", "c1"]).ok();
    let memory = json!({"limit": 94_371_840, "swap": 134_217_728});
    assert_eq!(kept(&world), json!({"memory": memory, "cpu": {"quota": 50_000, "period": 200_000}}));
    update_from(&world, r#"{"memory": {"reservation": 1048576}, "pids": {}, "devices": [{"allow": true, "access": "rwm"}]} behind"#).ok();
    assert_eq!(kept(&world)["memory"], json!({"limit": 94_371_840, "swap": 134_217_728, "reservation": 1_048_576}));
    assert_eq!(kept(&world)["pids"], Value::Null);
    if is_v1() {
        assert_eq!(value(&world, "memory", "memory.memsw.limit_in_bytes"), "134217728");
        assert_eq!(
            (value(&world, "cpu", "cpu.cfs_quota_us"), value(&world, "cpu", "cpu.cfs_period_us")),
            ("50000".into(), "200000".into())
        );
    }
}

#[test]
fn an_update_that_is_refused_is_not_kept() {
    let Some(world) = with("memory", json!({"memory": {"limit": 67_108_864}})) else { return };
    let refused = world.shim(&["update", "--memory", "80m", "--cpu-quota", "10", "c1"]);
    refused.fails(1, "linux.resources.cpu.quota: write /sys/fs/cgroup/");
    assert_eq!(kept(&world), Value::Null);
    if is_v1() {
        assert_eq!(value(&world, "memory", "memory.limit_in_bytes"), "67108864");
    }
    update_from(&world, "{").fails(1, "EOF while parsing");
    world.shim(&["kill", "c1", "KILL"]).ok();
    world.wait_for("c1", "stopped");
    world.shim(&["update", "--memory", "80m", "c1"]).fails(1, "container not running");
}

#[test]
fn a_paused_container_takes_an_update_and_stays_paused() {
    let Some(world) = with("pids", json!({})) else { return };
    world.shim(&["pause", "c1"]).ok();
    world.shim(&["update", "--pids-limit", "30", "c1"]).ok();
    assert_eq!((value(&world, "pids", "pids.max"), world.state("c1")["status"].as_str()), ("30".into(), Some("paused")));
    world.shim(&["resume", "c1"]).ok();
    assert_eq!(world.state("c1")["status"], "running");
}

/// Neither the init nor an exec needs more of the limit than the program itself.
#[test]
fn a_limit_of_processes_is_for_programs() {
    for (limit, told) in [(0, "1"), (1, "1"), (2, "2")] {
        let Some(world) = with("pids", json!({"pids": {"limit": limit}})) else { return };
        assert_eq!(value(&world, "pids", "pids.max"), told);
        if is_v1() {
            world.shim(&["exec", "c1", "true"]).ok();
        }
    }
}

/// The program is what a limit of memory is for: what runs before it needs next to nothing.
#[test]
fn a_container_of_little_memory_runs() {
    let Some(world) = with("memory", json!({"memory": {"limit": 1_048_576}})) else { return };
    assert_eq!(world.state("c1")["status"], "running");
}

#[test]
fn too_little_memory_is_told_as_such() {
    let Some(world) = World::with_containers() else { return };
    if directory(&world, "memory").is_none() {
        return println!("SKIP: no memory controller");
    }
    let resources = json!({"memory": {"limit": 4096}});
    let bundle = world.bundle_with(json!(["sleep", "100"]), |config| config["linux"]["resources"] = resources);
    let failed = world.shim(&["create", "--bundle", &bundle, "c1"]);
    // On v2 the limit is there before the init is, so that its exec fails.
    let how = if is_v1() { "killed by SIGKILL at step " } else { "execveat runtime-init: cannot allocate memory (ENOMEM)" };
    failed.fails(1, &format!("create failed: container init was OOM-killed (memory limit too low?): {how}"));
    assert!(!directory(&world, "memory").unwrap().exists());
}

/// Issue 4047 of runc: `kill KILL` and `delete` reach those whom the init left behind.
#[test]
fn a_shared_pid_namespace_leaves_nobody_behind() {
    for verb in [&["kill", "c1", "KILL"][..], &["delete", "c1"]] {
        let Some(world) = World::with_containers() else { return };
        let bundle = world.bundle_with(json!(["sh", "-c", "sleep 101 & sleep 102 & exec sleep 103"]), |config| {
            config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "pid");
        });
        world.shim(&["run", "--detach", "--bundle", &bundle, "c1"]).ok();
        until("all are there", || processes(&world) == 3);
        let init = world.state("c1")["pid"].to_string();
        Command::new("kill").args(["-9", &init]).status().unwrap();
        world.wait_for("c1", "stopped");
        assert_eq!(processes(&world), 2);
        world.shim(&["kill", "c1", "TERM"]).fails(1, "container not running");
        world.shim(verb).ok();
        if verb[0] == "kill" {
            until("nobody is left", || processes(&world) == 0);
            world.shim(&["delete", "c1"]).ok();
        }
        assert!(!directory(&world, "freezer").unwrap().exists());
    }
}

#[test]
fn all_processes_are_signalled_without_cgroups_too() {
    let Some(world) = World::with_containers() else { return };
    // The first process of a pid namespace does not hear a signal it has no handler for; its children do.
    let bundle = world.bundle("sleep 101 & sleep 102 & wait; sleep 1");
    let call = |words: &[&str]| finish(&mut world.call(&[&["--cgroup-manager", "disabled"], words].concat()));
    call(&["run", "--detach", "--bundle", &bundle, "c1"]).ok();
    assert!(!directory(&world, "freezer").unwrap().exists());
    let init = world.state("c1")["pid"].as_i64().unwrap();
    let children = || fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap_or_default().split_whitespace().count();
    until("both are there", || children() == 2);
    call(&["kill", "c1", "TERM"]).ok();
    assert_eq!(children(), 2);
    call(&["kill", "--all", "c1", "TERM"]).ok();
    world.wait_for("c1", "stopped");
    call(&["kill", "--all", "c1", "TERM"]).ok();
}

#[test]
fn cgroups_that_the_container_made_pause_with_it_and_go_with_it() {
    let Some(world) = with("freezer", json!({})) else { return };
    let top = directory(&world, "freezer").unwrap();
    let nested = top.join("a/b");
    fs::create_dir_all(&nested).unwrap();
    let init = world.state("c1")["pid"].to_string();
    fs::write(nested.join("cgroup.procs"), &init).unwrap();
    world.shim(&["pause", "c1"]).ok();
    let frozen = || match is_v1() {
        true => fs::read_to_string(nested.join("freezer.state")).unwrap().trim() == "FROZEN",
        false => fs::read_to_string(nested.join("cgroup.events")).unwrap().contains("frozen 1"),
    };
    until("the nested one is frozen", frozen);
    world.shim(&["resume", "c1"]).ok();
    until("the nested one goes on", || !frozen());
    world.shim(&["delete", "--force", "c1"]).ok();
    assert!(!top.exists());
}

#[test]
fn events_end_with_the_container() {
    let Some(world) = with("memory", json!({})) else { return };
    let out = world.dir.join("events");
    let mut call = world.call(&["events", "--interval", "50ms", "c1"]);
    let mut events = call.stdout(fs::File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    until("two lines are there", || fs::read_to_string(&out).unwrap().lines().count() >= 2);
    world.shim(&["kill", "c1", "KILL"]).ok();
    assert!(events.wait().unwrap().success());
    for line in fs::read_to_string(&out).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((line["type"].as_str(), line["id"].as_str()), (Some("stats"), Some("c1")));
        assert!(line["data"]["memory"]["raw"].is_object(), "{line}");
    }
    world.shim(&["events", "--stats", "c1"]).fails(1, "container with id c1 is not running");
    world.shim(&["events", "--interval", "0", "c1"]).fails(1, "duration interval must be greater than 0");
}

#[test]
fn events_tell_of_a_kill_for_want_of_memory() {
    let Some(world) = with("memory", json!({"memory": {"limit": 16_777_216, "swap": 16_777_216}})) else { return };
    let out = world.dir.join("events");
    let mut call = world.call(&["events", "--interval", "50ms", "c1"]);
    let mut events = call.stdout(fs::File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    until("it watches", || fs::read_to_string(&out).unwrap().lines().count() >= 1);
    assert_eq!(world.shim(&["exec", "c1", "tail", "/dev/zero"]).code, 137);
    until("it tells", || fs::read_to_string(&out).unwrap().contains("{\"type\":\"oom\",\"id\":\"c1\"}\n"));
    world.shim(&["delete", "--force", "c1"]).ok();
    assert!(events.wait().unwrap().success());
}

/// runc's cgroup_delegation.bats: a new cgroup namespace and a writable mount together, and neither alone, hand the cgroup over.
#[test]
fn a_container_owns_the_cgroup_that_it_may_write() {
    use std::os::unix::fs::MetadataExt;
    if is_v1() {
        return println!("SKIP: v1 is not delegated");
    }
    let wanted = [("rw", true, 100_000), ("ro", true, 0), ("rw", false, 0)];
    for (option, own, owner) in wanted {
        let Some(world) = World::with_containers() else { return };
        let bundle = world.bundle_with(json!(["sleep", "100"]), |config| {
            let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
            config["linux"]["uidMappings"] = maps.clone();
            config["linux"]["gidMappings"] = maps;
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.push(json!({"type": "user"}));
            namespaces.extend(own.then(|| json!({"type": "cgroup"})));
            let mount = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", option]});
            config["mounts"].as_array_mut().unwrap().push(mount);
        });
        for path in [&world.dir, &world.dir.join("bundle"), &world.dir.join("bundle/rootfs")] {
            std::os::unix::fs::chown(path, Some(100_000), Some(100_000)).unwrap();
        }
        world.shim(&["run", "--detach", "--bundle", &bundle, "c1"]).ok();
        let dir = directory(&world, "freezer").unwrap();
        let told = ["", "cgroup.procs", "cgroup.subtree_control"].map(|name| fs::metadata(dir.join(name)).unwrap().uid());
        assert_eq!(told, [owner; 3], "{option} {own}");
        // What limits the container stays the host's.
        assert_eq!(fs::metadata(dir.join("cgroup.freeze")).unwrap().uid(), 0);
        let made = world.shim(&["exec", "c1", "mkdir", "/sys/fs/cgroup/inner"]);
        assert_eq!(made.code == 0, owner != 0, "{made:?}");
        world.shim(&["delete", "--force", "c1"]).ok();
        assert!(!dir.exists());
    }
}
