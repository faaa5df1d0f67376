//! What a container takes from the host beside namespaces and cgroups: interfaces, and a class of Intel RDT.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use nix::sched::{CloneFlags, unshare};
use runtime_core::{Create, Exec, FailAt};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use world::World;

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A world whose host has a network namespace for this thread alone, with a pair of interfaces in it.
fn with_interfaces() -> Option<World> {
    let world = World::new()?;
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    sh("ip link add v0 type veth peer name v1; ip addr add 10.1.2.3/24 dev v0; ip link set v0 up");
    Some(world)
}

fn moves(script: &str, devices: Value) -> impl FnOnce(&mut Value) {
    let args = json!(["/bin/sh", "-c", script]);
    move |config| {
        config["process"]["args"] = args;
        config["linux"]["netDevices"] = devices;
    }
}

/// Addresses, names and states; a carrier takes its time.
fn interfaces() -> String {
    sh("ip -o -4 addr; ip -o link | sed s/NO-CARRIER,// | cut -d' ' -f1-3")
}

const SHOW: &str = "cat /proc/net/dev /proc/net/fib_trie";

#[test]
fn an_interface_is_inside_and_up_with_its_address() {
    let Some(world) = with_interfaces() else { return };
    let id = world.id("net");
    let bundle = world.bundle(&id, moves(SHOW, json!({"v0": {"name": "lan%d"}})));
    let (code, seen) = world.run(&id, &bundle).unwrap();
    assert!(code == 0 && seen.contains("lan0:") && seen.contains("10.1.2.3") && !seen.contains("v0"), "{seen}");
    // Its namespace is gone, and it with it.
    assert!(!sh("ip link").contains("v0"));
}

#[test]
fn an_interface_is_inside_a_user_namespace_too() {
    let Some(world) = with_interfaces() else { return };
    let id = world.id("net-user");
    let bundle = world.bundle(&id, |config| {
        moves(SHOW, json!({"v0": {}}))(config);
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    });
    let (code, seen) = world.run(&id, &bundle).unwrap();
    assert!(code == 0 && seen.contains("v0:") && seen.contains("10.1.2.3"), "{seen}");
}

#[test]
fn an_interface_stays_in_a_joined_namespace() {
    let Some(world) = with_interfaces() else { return };
    let id = world.id("net-join");
    let mut holder = Command::new("unshare").args(["-n", "sleep", "100"]).spawn().unwrap();
    let path = format!("/proc/{}/ns/net", holder.id());
    let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
    world::until("the namespace", || fs::read_link(&path).unwrap() != own);
    let bundle = world.bundle(&id, |config| {
        moves("true", json!({"v0": {}}))(config);
        let all = config["linux"]["namespaces"].as_array_mut().unwrap();
        all.retain(|namespace| namespace["type"] != "network");
        all.push(json!({"type": "network", "path": path}));
    });
    assert_eq!(world.run(&id, &bundle).unwrap().0, 0);
    let there = sh(&format!("nsenter -t {} -n ip addr show v0", holder.id()));
    assert!(there.contains("10.1.2.3/24") && there.contains(",UP"), "{there}");
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn a_create_that_fails_brings_its_interfaces_back() {
    let Some(world) = with_interfaces() else { return };
    let id = world.id("net-fail");
    let bundle = world.bundle(&id, moves("true", json!({"v0": {"name": "eth0"}, "v1": {}})));
    let plan = world.runtime.plan(&id, &Create::of(&bundle)).unwrap();
    let (before, addresses) = (world.look(), interfaces());
    let steps = plan.lines().skip_while(|line| !line.starts_with("death-signal"));
    let first = steps.clone().position(|line| line.starts_with("lend-route")).expect(&plan);
    let last = steps.clone().position(|line| line.starts_with("meet 3")).unwrap();
    for (step, errno) in [(first, 5), (first, 0), (first + 1, 5), (last, 5), (last, 0)] {
        let fail_at = Some(FailAt { step: step.try_into().unwrap(), errno });
        world.runtime.create(&id, &Create { fail_at, ..world.silent(&bundle) }).unwrap_err();
        before.assert_unchanged(&world, &format!("after {step}"));
        assert_eq!(interfaces(), addresses, "after {step}");
    }
    let missing = world.bundle(&id, moves("true", json!({"v0": {}, "v9": {}})));
    let error = world.runtime.create(&id, &world.silent(&missing)).unwrap_err();
    assert_eq!(error.to_string(), "linux.netDevices.v9: RTM_GETLINK v9: no such device (ENODEV)");
    assert_eq!(interfaces(), addresses);
}

/// A tree that looks like resctrl, with one class in it.
fn resctrl(world: &World) -> PathBuf {
    let root = world.dir.join("resctrl");
    fs::create_dir_all(root.join("gold/mon_groups")).unwrap();
    fs::create_dir_all(root.join("info/L3")).unwrap();
    for (file, text) in [("schemata", "L3:0=fff\n"), ("gold/schemata", "L3:0=f\n"), ("info/L3/cbm_mask", "fff\n")] {
        fs::write(root.join(file), text).unwrap();
    }
    fs::write(root.join("info/L3/min_cbm_bits"), "2").unwrap();
    fs::write(root.join("info/L3/num_closids"), "16").unwrap();
    root
}

fn tasks(dir: &Path) -> i32 {
    fs::read_to_string(dir.join("tasks")).unwrap().parse().unwrap()
}

#[test]
fn a_container_is_in_its_class_from_create_to_delete() {
    let Some(mut world) = World::new() else { return };
    let root = resctrl(&world);
    world.runtime = world.runtime.clone().with_resctrl(&root);
    let id = world.id("rdt");
    let rdt = json!({"closID": "gold", "enableMonitoring": true});
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(["/bin/sleep", "100"]);
        config["linux"]["intelRdt"] = rdt;
    });
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    let (class, monitoring) = (root.join("gold"), root.join("gold/mon_groups").join(&id));
    let init = container.init_pid().unwrap();
    assert_eq!((tasks(&class), tasks(&monitoring)), (init, init));
    container.start().unwrap();
    let process = container.exec(&Exec::of(container.process().unwrap())).unwrap();
    assert_eq!((tasks(&class), tasks(&monitoring)), (process.pid(), process.pid()));
    container.update_rdt(serde_json::from_value(json!({"l3CacheSchema": "L3:0=3"})).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(class.join("schemata")).unwrap(), "L3:0=3\n");
    assert_eq!(container.stats().unwrap().intel_rdt["l3_cache_schema"], "L3:0=3");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid()), nix::sys::signal::Signal::SIGKILL).unwrap();
    process.wait().unwrap();
    // The kernel's directories go with their files.
    fs::remove_file(monitoring.join("tasks")).unwrap();
    world.runtime.delete_forced(&id).unwrap();
    assert!(class.exists() && !monitoring.exists());
}

#[test]
fn a_class_of_its_own_goes_with_a_create_that_fails_or_is_killed() {
    let Some(mut world) = World::new() else { return };
    let root = resctrl(&world);
    let id = world.id("rdt-fail");
    let bundle = world.bundle(&id, |config| config["linux"]["intelRdt"] = json!({}));
    let error = world.runtime.create(&id, &world.silent(&bundle)).unwrap_err();
    assert_eq!(error.to_string(), "config.json: linux.intelRdt: no resctrl mount");
    world.runtime = world.runtime.clone().with_resctrl(&root);
    let fail_at = Some(FailAt { step: 1, errno: 5 });
    world.runtime.create(&id, &Create { fail_at, ..world.silent(&bundle) }).unwrap_err();
    assert!(!root.join(&id).exists());
    // What a killed create leaves: its record, and perhaps the directory.
    let container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    assert_eq!(tasks(&root.join(&id)), container.init_pid().unwrap());
    fs::remove_file(root.join(&id).join("tasks")).unwrap();
    world.runtime.delete_forced(&id).unwrap();
    assert!(!root.join(&id).exists());
}
