//! What the kernel's own files say of a program that was given attributes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use runtime_core::{Create, ErrorKind, Exec, FailAt};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use world::World;

/// Runs a program with a changed config: what it wrote.
fn seen(world: &World, args: &[&str], change: impl FnOnce(&mut Value)) -> String {
    let id = world.id("seen");
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(args);
        change(config);
    });
    let (code, text) = world.run(&id, &bundle).unwrap();
    assert_eq!(code, 0, "{text}");
    text
}

/// The words a create is refused with.
fn refused(world: &World, change: impl FnOnce(&mut Value)) -> String {
    let id = world.id("refused");
    let bundle = world.bundle(&id, change);
    let before = world.look();
    let error = world.runtime.create(&id, &world.silent(&bundle)).unwrap_err();
    before.assert_unchanged(world, &error.to_string());
    error.to_string()
}

/// The value of a line like `policy   :   3`.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

#[test]
fn every_memory_policy_is_the_programs() {
    let Some(world) = World::new() else { return };
    if !fs::exists("/proc/self/numa_maps").unwrap() {
        return println!("SKIP: a kernel without NUMA");
    }
    let cases = [
        ("MPOL_DEFAULT", None, &[][..], "default"),
        ("MPOL_LOCAL", Some(""), &[], "local"),
        ("MPOL_BIND", Some("0"), &[], "bind:0"),
        ("MPOL_BIND", Some("0"), &["MPOL_F_STATIC_NODES"], "bind=static:0"),
        ("MPOL_BIND", Some("0"), &["MPOL_F_RELATIVE_NODES"], "bind=relative:0"),
        ("MPOL_PREFERRED", Some("0"), &[], "prefer:0"),
        // Without nodes it is another word for local.
        ("MPOL_PREFERRED", Some(""), &[], "local"),
        ("MPOL_PREFERRED_MANY", Some("0"), &[], "prefer (many):0"),
        ("MPOL_INTERLEAVE", Some("0"), &[], "interleave:0"),
        ("MPOL_WEIGHTED_INTERLEAVE", Some("0"), &[], "weighted interleave:0"),
    ];
    for (mode, nodes, flags, expected) in cases {
        let policy = json!({"mode": mode, "nodes": nodes, "flags": flags});
        let maps = seen(&world, &["/bin/head", "-n", "1", "/proc/self/numa_maps"], |config| config["linux"]["memoryPolicy"] = policy);
        let policy = maps.split_once(' ').unwrap().1;
        assert!(policy.starts_with(&format!("{expected} ")), "{mode} {nodes:?} {flags:?}: {maps}");
    }
    let balancing = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]});
    let maps = seen(&world, &["/bin/head", "-n", "1", "/proc/self/numa_maps"], |config| config["linux"]["memoryPolicy"] = balancing);
    assert!(maps.contains(" bind"), "{maps}");
    let none = json!({"mode": "MPOL_BIND", "nodes": "1000"});
    let error = refused(&world, |config| config["linux"]["memoryPolicy"] = none);
    assert_eq!(error, "linux.memoryPolicy: set_mempolicy: invalid argument (EINVAL)");
}

#[test]
fn clocks_are_offset_in_a_time_namespace() {
    let Some(world) = World::new() else { return };
    let offsets = json!({"monotonic": {"secs": 86400, "nanosecs": 5}, "boottime": {"secs": -10}});
    let offset = seen(&world, &["/bin/cat", "/proc/self/timens_offsets"], |config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
        config["linux"]["timeOffsets"] = offsets;
    });
    let words: Vec<Vec<&str>> = offset.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words, [["monotonic", "86400", "5"], ["boottime", "-10", "0"]], "{offset}");
}

#[test]
fn a_scheduler_is_the_programs_and_no_cpu_is_the_callers() {
    let Some(world) = World::new() else { return };
    let sched = |world: &World, scheduler: Value| {
        let text = seen(world, &["/bin/cat", "/proc/self/sched"], |config| config["process"]["scheduler"] = scheduler);
        (line(&text, "policy").to_owned(), line(&text, "prio").to_owned())
    };
    let is = |policy: &str, priority: &str| (policy.to_owned(), priority.to_owned());
    assert_eq!(sched(&world, json!({"policy": "SCHED_OTHER", "nice": 7})), is("0", "127"));
    assert_eq!(sched(&world, json!({"policy": "SCHED_BATCH", "nice": -5})), is("3", "115"));
    assert_eq!(sched(&world, json!({"policy": "SCHED_IDLE"})), is("5", "120"));
    // This thread keeps to one CPU. The kernel gives no deadlines to what does.
    let mut one = nix::sched::CpuSet::new();
    one.set(0).unwrap();
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &one).unwrap();
    let all = fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    let status = seen(&world, &["/bin/cat", "/proc/self/status"], |_| {});
    assert_eq!(line(&status, "Cpus_allowed_list"), all.trim());
    let deadline = json!({"policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 20_000_000, "period": 20_000_000, "flags": ["SCHED_RESET_ON_FORK"]});
    assert_eq!(sched(&world, deadline), is("6", "-1"));
}

#[test]
fn what_is_told_of_io_and_of_the_machine() {
    let Some(world) = World::new() else { return };
    let id = world.id("io");
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(["/bin/sleep", "100"]);
        config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 6});
        config["linux"]["personality"] = json!({"domain": "LINUX32"});
    });
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let pid = container.init_pid().unwrap().to_string();
    let class = Command::new("ionice").args(["-p", &pid]).output().unwrap().stdout;
    assert_eq!(String::from_utf8(class).unwrap().trim(), "best-effort: prio 6");
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/personality")).unwrap().trim(), "00000008");
    world.runtime.delete_forced(&id).unwrap();
}

#[test]
fn another_process_has_its_own_cpus_and_the_first_has_not() {
    let Some(world) = World::new() else { return };
    if std::thread::available_parallelism().unwrap().get() < 2 {
        return println!("SKIP: one CPU");
    }
    let id = world.id("cpus");
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(["/bin/sleep", "100"]);
        config["process"]["execCPUAffinity"] = json!({"initial": "0", "final": "1"});
    });
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let allowed = |pid: i32| line(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap(), "Cpus_allowed_list").to_owned();
    let first = container.init_pid().unwrap();
    assert_eq!(allowed(first), fs::read_to_string("/sys/devices/system/cpu/online").unwrap().trim());
    let with = |affinity: Value| {
        let mut process = serde_json::to_value(container.process().unwrap()).unwrap();
        process["execCPUAffinity"] = affinity;
        let request = Exec { stdio: [0; 3].map(|_| Some(world::null())), ..Exec::of(serde_json::from_value(process).unwrap()) };
        let process = container.exec(&request).unwrap();
        let cpus = allowed(process.pid());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid()), nix::sys::signal::Signal::SIGKILL).unwrap();
        process.wait().unwrap();
        cpus
    };
    assert_eq!(with(json!({"final": "0"})), "0");
    assert_eq!(with(json!({"initial": "1"})), "1");
    assert_eq!(with(json!({"initial": "0", "final": "1"})), "1");
    // What its document says nothing of is as the container's config has it.
    assert_eq!(with(Value::Null), "1");
    world.runtime.delete_forced(&id).unwrap();
}

#[test]
fn who_a_program_is_stands_in_its_status() {
    let Some(world) = World::new() else { return };
    let status = seen(&world, &["/bin/cat", "/proc/self/status"], |config| {
        config["process"]["user"] = json!({"uid": 1000, "gid": 1000, "additionalGids": [5, 20]});
        let sets = ["bounding", "effective", "permitted", "inheritable", "ambient"];
        config["process"]["capabilities"] = sets.iter().map(|set| ((*set).to_owned(), json!(["CAP_KILL"]))).collect();
    });
    assert_eq!((line(&status, "Umask"), line(&status, "Groups")), ("0022", "5 20"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(line(&status, set), "0000000000000020", "{set}");
    }
}

#[test]
fn labels_without_their_modules_are_refused_by_name() {
    let Some(world) = World::new() else { return };
    let disabled = "selinux label is specified in config, but selinux is disabled or not supported";
    if !fs::exists("/sys/fs/selinux/enforce").unwrap() {
        let error = refused(&world, |config| config["process"]["selinuxLabel"] = json!("a:b:c:s0"));
        assert_eq!(error, format!("config.json: process.selinuxLabel: {disabled}"));
        let error = refused(&world, |config| config["linux"]["mountLabel"] = json!("a:b:c:s0"));
        assert_eq!(error, format!("config.json: linux.mountLabel: {disabled}"));
    }
    // Podman looks for the back-quoted path.
    let error = refused(&world, |config| config["process"]["apparmorProfile"] = json!("fantasy"));
    let words = match fs::exists("/sys/kernel/security/apparmor").unwrap() {
        true => "not loaded: write `/proc/self/attr/apparmor/exec`: no such file or directory (ENOENT)",
        false => "write `/proc/self/attr/exec`: invalid argument (EINVAL)",
    };
    assert_eq!(error, format!("process.apparmorProfile \"fantasy\": {words}"));
}

/// A profile that lets everything be done but read one file, loaded for as long as it is wanted.
struct Profile {
    name: String,
    file: PathBuf,
}

impl Profile {
    fn load(world: &World) -> Option<Self> {
        let has_parser = ["/sbin", "/usr/sbin", "/usr/bin"].iter().any(|dir| Path::new(dir).join("apparmor_parser").exists());
        if !has_parser || !fs::exists("/sys/kernel/security/apparmor/.load").unwrap() {
            println!("SKIP: needs AppArmor and its parser");
            return None;
        }
        let name = world.id("profile");
        let file = world.dir.join("profile");
        let rules = "file, capability, network, signal, ptrace, mount, umount, deny /etc/passwd r,";
        fs::write(&file, format!("profile {name} flags=(attach_disconnected) {{ {rules} }}\n")).unwrap();
        let profile = Self { name, file };
        assert!(profile.parser("--replace"));
        Some(profile)
    }

    fn parser(&self, what: &str) -> bool {
        Command::new("apparmor_parser").args([what, "--skip-cache"]).arg(&self.file).status().unwrap().success()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.parser("--remove");
    }
}

#[test]
fn a_profile_that_is_loaded_confines_every_program() {
    let Some(world) = World::new() else { return };
    let Some(profile) = Profile::load(&world) else { return };
    let confined = format!("{} (enforce)\n", profile.name);
    let script = "cat /proc/self/attr/apparmor/current; cat /etc/passwd 2>/dev/null || echo denied";
    for no_new_privileges in [false, true] {
        let text = seen(&world, &["/bin/sh", "-c", script], |config| {
            config["process"]["apparmorProfile"] = json!(profile.name);
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        });
        assert_eq!(text, format!("{confined}denied\n"), "{no_new_privileges}");
    }
    let id = world.id("confined");
    let bundle = world.bundle(&id, |config| config["process"]["args"] = json!(["/bin/sleep", "100"]));
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    for (asked, expected) in [(Value::Null, "unconfined\n"), (json!(profile.name), &confined)] {
        let mut process = serde_json::to_value(container.process().unwrap()).unwrap();
        process["apparmorProfile"] = asked;
        let request = Exec { stdio: [0; 3].map(|_| Some(world::null())), ..Exec::of(serde_json::from_value(process).unwrap()) };
        let process = container.exec(&request).unwrap();
        assert_eq!(fs::read_to_string(format!("/proc/{}/attr/apparmor/current", process.pid())).unwrap(), expected);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid()), nix::sys::signal::Signal::SIGKILL).unwrap();
        process.wait().unwrap();
    }
    world.runtime.delete_forced(&id).unwrap();
}

/// What the caller's own process and directory have, in another category: that needs no more of the policy than its levels.
#[test]
fn selinux_labels_are_the_programs_and_its_mounts() {
    let Some(world) = World::new() else { return };
    if !fs::exists("/sys/fs/selinux/enforce").unwrap() {
        return println!("SKIP: a kernel without SELinux");
    }
    let elsewhere =
        |label: &str| format!("{}:s0:c1,c2", label.trim_matches(['\0', '\n']).splitn(4, ':').take(3).collect::<Vec<_>>().join(":"));
    let label_of = |path: &Path| String::from_utf8(Command::new("stat").args(["-c", "%C"]).arg(path).output().unwrap().stdout).unwrap();
    let own = elsewhere(&fs::read_to_string("/proc/self/attr/current").unwrap());
    let mounts = elsewhere(&label_of(&world.dir));
    let id = world.id("labelled");
    let bundle = world.bundle(&id, |config| {
        config["process"]["selinuxLabel"] = json!(own);
        config["process"]["noNewPrivileges"] = json!(false);
        config["process"]["args"] = json!(["/bin/sleep", "100"]);
        config["linux"]["mountLabel"] = json!(mounts);
    });
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let proc = PathBuf::from(format!("/proc/{}", container.state().unwrap().pid));
    assert_eq!(fs::read_to_string(proc.join("attr/current")).unwrap().trim_end_matches('\0'), own);
    for path in ["root/dev", "root/dev/pts", "root/dev/shm", "root/dev/mqueue"] {
        assert_eq!(label_of(&proc.join(path)).trim(), mounts, "{path}");
    }
    world.runtime.delete_forced(&id).unwrap();
}

#[test]
fn a_create_container_hook_begins_in_the_root_file_system() {
    let Some(world) = World::new() else { return };
    let out = world.dir.join("cwd");
    let script = format!("pwd >{}", out.display());
    seen(&world, &["/bin/true"], |config| {
        config["hooks"] = json!({"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]});
    });
    assert_eq!(fs::read_to_string(out).unwrap().trim(), world.rootfs().to_str().unwrap());
}

#[test]
fn what_is_no_object_is_named() {
    let Some(world) = World::new() else { return };
    let id = world.id("shape");
    let bundle = world.bundle(&id, |config| config["mounts"].as_array_mut().unwrap().push(json!(["/data"])));
    let error = world.runtime.create(&id, &world.silent(&bundle)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().ends_with("]: invalid type: a list, expected an object"), "{error}");
}

#[test]
fn a_scheduler_that_needs_every_cpu_is_told_why_it_is_refused() {
    let Some(world) = World::new() else { return };
    let id = world.id("deadline");
    for (cpus, words) in [("0", "process scheduler can't be used together with AllowedCPUs: "), ("", "")] {
        let bundle = world.bundle(&id, |config| {
            config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 5});
            config["linux"]["resources"]["cpu"] = json!({"cpus": cpus});
        });
        let plan = world.runtime.plan(&id, &Create::of(&bundle)).unwrap();
        let step =
            plan.lines().skip_while(|line| !line.starts_with("death-signal")).position(|line| line.starts_with("scheduler")).unwrap();
        let fail_at = Some(FailAt { step: step.try_into().unwrap(), errno: 1 });
        let error = world.runtime.create(&id, &Create { fail_at, ..world.silent(&bundle) }).unwrap_err();
        assert_eq!(error.to_string(), format!("process.scheduler: {words}sched_setattr: operation not permitted (EPERM)"));
    }
}

/// More layers than `mount(2)` has room for in its page, and one too long for `fsconfig(2)`.
#[test]
fn an_overlay_has_its_layers_however_long_their_names() {
    let Some(world) = World::new() else { return };
    let layers = world.dir.join("layers");
    let layer = |number: usize| layers.join(format!("{number:0>120}"));
    for number in 0..40 {
        fs::create_dir_all(layer(number)).unwrap();
        fs::write(layer(number).join(format!("{number}")), "").unwrap();
    }
    for count in [2, 3, 40] {
        let lower: Vec<_> = (0..count).map(|number| layer(number).to_str().unwrap().to_owned()).collect();
        let files = seen(&world, &["/bin/ls", "/mnt"], |config| {
            let options = json!([format!("lowerdir={}", lower.join(":")), "rslave"]);
            let mount = json!({"destination": "/mnt", "type": "overlay", "source": "overlay", "options": options});
            config["mounts"].as_array_mut().unwrap().push(mount);
        });
        assert_eq!(files.lines().count(), count, "{files}");
    }
}
