//! Containers of a user without privileges, and of root in a user namespace. The tests run as root, the runtime as somebody else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use world::{SHIM, Said, World, finish, has, until};

/// A user that has a name nowhere.
const NOBODY: u32 = 54_321;

/// A world that belongs to a user, with a binary the user can reach.
struct Guest {
    world: World,
    uid: u32,
    gid: u32,
}

impl Guest {
    fn new(uid: u32, gid: u32) -> Option<Self> {
        let world = World::with_containers()?;
        chown(&world.dir, Some(uid), Some(gid)).unwrap();
        fs::copy(SHIM, world.dir.join("runtime-shim")).unwrap();
        fs::create_dir(world.dir.join("runtime")).unwrap();
        chown(world.dir.join("runtime"), Some(uid), Some(gid)).unwrap();
        let guest = Self { world, uid, gid };
        if has("unshare") && !guest.program("unshare", &["--user", "true"]).status().unwrap().success() {
            println!("SKIP: needs user namespaces for users");
            return None;
        }
        Some(guest)
    }

    fn nobody() -> Option<Self> {
        Self::new(NOBODY, NOBODY)
    }

    /// A program as the user, as a login would start it.
    fn program(&self, program: impl AsRef<Path>, words: &[&str]) -> Command {
        let mut call = Command::new(program.as_ref());
        call.args(words).current_dir(&self.world.dir).stdin(Stdio::null()).uid(self.uid).gid(self.gid);
        call.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("XDG_RUNTIME_DIR", self.world.dir.join("runtime"));
        call
    }

    /// The runtime, without `--root`.
    fn shim(&self, words: &[&str]) -> Said {
        finish(&mut self.program(self.world.dir.join("runtime-shim"), words))
    }

    /// A container of a script, with the user as its root.
    fn bundle(&self, script: &str, change: impl FnOnce(&mut Value)) -> String {
        let bundle = self.world.bundle_with(json!(["/bin/sh", "-c", script]), |config| {
            in_user_namespace(config, &[[0, self.uid, 1]], &[[0, self.gid, 1]]);
            change(config);
        });
        for path in [bundle.clone(), format!("{bundle}/rootfs")] {
            chown(path, Some(self.uid), Some(self.gid)).unwrap();
        }
        bundle
    }

    fn run(&self, script: &str, change: impl FnOnce(&mut Value)) -> Said {
        let bundle = self.bundle(script, change);
        self.shim(&["run", "--bundle", &bundle, "c"])
    }

    fn status(&self) -> Value {
        serde_json::from_str::<Value>(&self.shim(&["state", "c"]).ok()).unwrap()["status"].clone()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.program(self.world.dir.join("runtime-shim"), &["delete", "--force", "c"]).status();
    }
}

/// A user namespace with these maps instead of a network namespace and a place among the cgroups, which a user cannot have.
fn in_user_namespace(config: &mut Value, uids: &[[u32; 3]], gids: &[[u32; 3]]) {
    let maps = |maps: &[[u32; 3]]| maps.iter().map(|map| json!({"containerID": map[0], "hostID": map[1], "size": map[2]})).collect();
    let linux = config["linux"].as_object_mut().unwrap();
    linux.remove("cgroupsPath");
    linux.insert("uidMappings".into(), maps(uids));
    linux.insert("gidMappings".into(), maps(gids));
    linux.insert("namespaces".into(), json!([{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "user"}]));
}

/// The caller's user namespace, if it has one, and no other.
fn without_user_namespace(config: &mut Value) {
    let linux = config["linux"].as_object_mut().unwrap();
    linux.remove("uidMappings");
    linux.remove("gidMappings");
    linux.insert("namespaces".into(), json!([{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]));
}

/// The words of a text, one blank between them.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_user_is_the_root_of_its_container_and_has_the_exit_code() {
    let Some(guest) = Guest::nobody() else { return };
    let said = guest.run("cat /proc/self/uid_map /proc/self/setgroups; echo x > /dev/null && stat -c %u /dev/null; exit 7", |_| ());
    assert_eq!((said.code, words(&said.out), said.err.as_str()), (7, format!("0 {NOBODY} 1 deny 65534"), ""));
}

#[test]
fn a_users_container_lives_as_roots_does() {
    let Some(guest) = Guest::nobody() else { return };
    let bundle = guest.bundle("exec sleep 60", |_| ());
    guest.shim(&["create", "--bundle", &bundle, "c"]).ok();
    assert_eq!(guest.status(), "created");
    assert!(guest.world.dir.join("runtime/runtime-shim/c").is_dir(), "the state is below XDG_RUNTIME_DIR");
    guest.shim(&["start", "c"]).ok();
    assert_eq!(guest.status(), "running");
    assert_eq!(guest.shim(&["list", "-q"]).ok(), "c\n");
    let said = guest.shim(&["exec", "c", "/bin/sh", "-c", "id -u; exit 9"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (9, "0\n", ""));
    guest.shim(&["exec", "c", "/nowhere"]).fails(255, "no such file or directory");
    guest.shim(&["delete", "c"]).fails(1, "that is not stopped: running");
    guest.shim(&["kill", "c", "KILL"]).ok();
    until("c is stopped", || guest.status() == "stopped");
    guest.shim(&["delete", "c"]).ok();
    guest.shim(&["state", "c"]).fails(1, "container does not exist");
}

#[test]
fn what_needs_a_cgroup_says_so_where_there_is_none() {
    let Some(guest) = Guest::nobody() else { return };
    let limited = guest.run("echo ran", |config| config["linux"]["resources"] = json!({"pids": {"limit": 20}}));
    limited.fails(1, "linux.resources.pids.limit: cannot set pids limit: container could not join or create cgroup");
    let placed = guest.run("echo ran", |config| config["linux"]["cgroupsPath"] = "/somewhere".into());
    placed.fails(1, "permission denied (EACCES)");
    let bundle = guest.bundle("exec sleep 60", |_| ());
    guest.shim(&["run", "--detach", "--bundle", &bundle, "c"]).ok();
    guest.shim(&["pause", "c"]).fails(1, "cannot toggle freezer: cgroups not configured for container");
}

/// CVE-2023-25809.
#[test]
fn the_callers_cgroups_are_seen_but_not_touched() {
    let Some(guest) = Guest::nobody() else { return };
    let said = guest.run("grep ' /sys/fs/cgroup[ /]' /proc/self/mountinfo; ls /sys/fs/cgroup", |config| {
        let mount = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]});
        config["mounts"].as_array_mut().unwrap().push(mount);
    });
    let (mounts, rest): (Vec<_>, Vec<_>) = said.out.lines().partition(|line| line.contains(" - "));
    assert!(said.code == 0 && !mounts.is_empty() && !rest.is_empty(), "{said:?}");
    assert!(mounts.iter().all(|line| line.split(' ').nth(5).unwrap().starts_with("ro")), "{said:?}");
}

#[test]
fn a_users_hooks_run_as_the_user_and_in_the_container_as_its_root() {
    let Some(guest) = Guest::nobody() else { return };
    let log = guest.world.path("log");
    let outside = json!([{"path": "/bin/sh", "args": ["sh", "-c", format!("id -u >> {log}")]}]);
    let inside = json!([{"path": "/bin/sh", "args": ["sh", "-c", format!("id -u >> {log}")]}]);
    let hooks = json!({"createRuntime": outside, "createContainer": inside, "poststop": outside});
    guest.run("exit 0", |config| config["hooks"] = hooks).ok();
    assert_eq!(words(&fs::read_to_string(log).unwrap()), format!("{NOBODY} 0 {NOBODY}"));
}

/// A hook and an exec in a container whose profile notifies each load the filter, and the agent gets each of the listeners.
#[test]
fn a_users_agent_gets_the_listeners_of_hooks_and_execs_too() {
    let Some(guest) = Guest::nobody() else { return };
    let path = guest.world.path("agent.sock");
    let agent = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    for no_new_privileges in [true, false] {
        let bundle = guest.bundle("exec sleep 60", |config| {
            config["process"]["noNewPrivileges"] = no_new_privileges.into();
            let syscalls = json!([{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]);
            config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "syscalls": syscalls});
            config["hooks"] = json!({"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 0"]}]});
        });
        guest.shim(&["create", "--bundle", &bundle, "c"]).ok();
        guest.shim(&["start", "c"]).ok();
        guest.shim(&["exec", "c", "true"]).ok();
        guest.shim(&["delete", "--force", "c"]).ok();
        for _ in ["the container", "its hook", "its exec"] {
            let mut message = String::new();
            agent.accept().unwrap().0.read_to_string(&mut message).unwrap();
            assert!(message.contains("seccompFd"), "{message}");
        }
    }
}

#[test]
fn what_a_user_cannot_have_is_refused_by_name() {
    let Some(guest) = Guest::nobody() else { return };
    let groups = guest.run("echo ran", |config| config["process"]["user"]["additionalGids"] = json!([7]));
    groups.fails(1, "process.user.additionalGids: cannot set any additional groups in a rootless container");
    let none = guest.run("echo ran", without_user_namespace);
    none.fails(1, "rootless container requires user namespaces");
}

#[test]
fn a_root_that_is_moved_is_a_root_for_a_user_too() {
    let Some(guest) = Guest::nobody() else { return };
    let bundle = guest.bundle("test -e /etc || echo alone", |_| ());
    assert_eq!(guest.shim(&["run", "--no-pivot", "--bundle", &bundle, "c"]).ok(), "alone\n");
}

/// Somebody who is ended with the test.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_user_joins_a_user_namespace_of_its_own() {
    let Some(guest) = Guest::nobody().filter(|_| has("unshare")) else { return println!("SKIP: needs unshare") };
    let holder = Held(guest.program("unshare", &["--user", "--map-root-user", "--net", "sleep", "60"]).spawn().unwrap());
    let file = |name: &str| format!("/proc/{}/{name}", holder.0.id());
    until("the namespace is mapped", || fs::read_to_string(file("uid_map")).is_ok_and(|map| words(&map) == format!("0 {NOBODY} 1")));
    let said = guest.run("readlink /proc/self/ns/user; id -u", |config| {
        without_user_namespace(config);
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.push(json!({"type": "user", "path": file("ns/user")}));
        namespaces.push(json!({"type": "network", "path": file("ns/net")}));
    });
    let namespace = fs::read_link(file("ns/user")).unwrap();
    assert_eq!(words(&said.ok()), format!("{} 0", namespace.display()));
}

#[test]
fn the_root_of_a_user_namespace_runs_containers_without_another() {
    let Some(guest) = Guest::nobody().filter(|_| has("unshare")) else { return println!("SKIP: needs unshare") };
    let bundle = guest.bundle("id -u; exit 3", without_user_namespace);
    let shim = guest.world.path("runtime-shim");
    let words = ["--user", "--map-root-user", "--mount", &shim, "run", "--bundle", &bundle, "c"];
    let said = finish(&mut guest.program("unshare", &words));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "0\n", ""));
}

/// Who may not mount keeps the init in a file without a name.
#[test]
fn a_user_runs_containers_where_memory_files_may_not_be_executed() {
    let tools = |_: &Guest| has("unshare") && has("setpriv");
    let Some(guest) = Guest::nobody().filter(tools) else { return println!("SKIP: needs unshare and setpriv") };
    if !fs::exists("/proc/sys/vm/memfd_noexec").unwrap() {
        return println!("SKIP: needs vm.memfd_noexec");
    }
    let (bundle, shim) = (guest.bundle("echo ran", |_| ()), guest.world.path("runtime-shim"));
    let as_guest = format!("setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups");
    let script = format!("echo 2 >/proc/sys/vm/memfd_noexec && TMPDIR=$XDG_RUNTIME_DIR exec {as_guest} {shim} run --bundle {bundle} c");
    let mut call = guest.program("unshare", &["--pid", "--fork", "--mount-proc", "sh", "-ec", &script]);
    assert_eq!(finish(call.uid(0).gid(0)).ok(), "ran\n");
}

/// A user with a range of subordinate ids: its uid and gid, and the first of each range.
fn subordinate() -> Option<([u32; 2], [u32; 2])> {
    let first = |file: &str, user: &str| {
        let text = fs::read_to_string(file).ok()?;
        let mut fields = text.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?.split(':');
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse::<u32>().ok()?);
        (count >= 10).then_some(first)
    };
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let ids = [fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?];
        Some((ids, [first("/etc/subuid", name)?, first("/etc/subgid", name)?]))
    })
}

#[test]
fn a_range_of_ids_is_mapped_by_newuidmap_and_has_groups() {
    if !(has("newuidmap") && has("newgidmap")) {
        return println!("SKIP: needs newuidmap and newgidmap");
    }
    let Some(([uid, gid], [uids, gids])) = subordinate() else { return println!("SKIP: needs a user in /etc/subuid and /etc/subgid") };
    let Some(guest) = Guest::new(uid, gid) else { return };
    let said = guest.run("cat /proc/self/uid_map; id -u; id -G", |config| {
        in_user_namespace(config, &[[0, uid, 1], [1, uids, 9]], &[[0, gid, 1], [1, gids, 9]]);
        config["process"]["user"] = json!({"uid": 5, "gid": 6, "additionalGids": [7]});
    });
    assert_eq!(words(&said.ok()), format!("0 {uid} 1 1 {uids} 9 5 6 7"));
    let alien = guest.run("echo ran", |config| in_user_namespace(config, &[[0, uid, 1], [1, 0, 9]], &[[0, gid, 1], [1, gids, 9]]));
    alien.fails(1, "newuidmap: ");
}

/// Root's container with maps, and a mount of a directory that only root can get to.
fn run_with_private_mount(options: &Value) -> Option<Said> {
    let world = World::with_containers()?;
    let private = world.dir.join("private");
    fs::create_dir_all(private.join("data")).unwrap();
    fs::write(private.join("data/file"), "").unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let bundle = world.bundle_with(json!(["/bin/sh", "-c", "stat -c %u:%g /data/file"]), |config| {
        in_user_namespace(config, &[[0, 100_000, 65_536]], &[[0, 200_000, 65_536]]);
        config["linux"]["cgroupsPath"] = format!("/{}", world.name()).into();
        let mount = json!({"destination": "/data", "type": "bind", "source": private.join("data"), "options": options});
        config["mounts"].as_array_mut().unwrap().push(mount);
    });
    chown(format!("{bundle}/rootfs"), Some(100_000), Some(200_000)).unwrap();
    let said = world.shim(&["run", "--bundle", &bundle, "c"]);
    if said.err.contains("mount_setattr") && said.err.contains("EINVAL") {
        println!("SKIP: needs a file system that can be id-mapped");
        return None;
    }
    Some(said)
}

#[test]
fn a_mount_is_made_with_the_rights_of_who_runs_the_runtime() {
    let Some(said) = run_with_private_mount(&json!(["rbind", "ro"])) else { return };
    assert_eq!(said.ok(), "65534:65534\n");
}

/// The source is there only once the mount before it is, and only in the container's mount namespace.
#[test]
fn an_id_mapped_mount_may_show_what_another_mount_has_brought() {
    let Some(world) = World::with_containers() else { return };
    let data = world.dir.join("data");
    fs::create_dir_all(data.join("below")).unwrap();
    fs::write(data.join("below/file"), "").unwrap();
    let rootfs = world.dir.join("bundle/rootfs");
    let bundle = world.bundle_with(json!(["/bin/sh", "-c", "stat -c %u:%g /mnt/below/file /data/file /one"]), |config| {
        in_user_namespace(config, &[[0, 100_000, 65_536]], &[[0, 200_000, 65_536]]);
        config["linux"]["cgroupsPath"] = format!("/{}", world.name()).into();
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({"destination": "/mnt", "type": "bind", "source": data, "options": ["rbind"]}));
        for (destination, source) in [("/data", "mnt/below"), ("/one", "mnt/below/file")] {
            mounts.push(json!({"destination": destination, "type": "bind", "source": rootfs.join(source), "options": ["rbind", "idmap"]}));
        }
    });
    chown(&rootfs, Some(100_000), Some(200_000)).unwrap();
    let said = world.shim(&["run", "--bundle", &bundle, "c"]);
    if said.err.contains("mount_setattr") && said.err.contains("EINVAL") {
        return println!("SKIP: needs a file system that can be id-mapped");
    }
    assert_eq!(said.ok(), "65534:65534\n0:0\n0:0\n");
}

#[test]
fn an_id_mapped_mount_shows_the_containers_ids() {
    for option in ["idmap", "ridmap"] {
        let Some(said) = run_with_private_mount(&json!(["rbind", option])) else { return };
        assert_eq!(said.ok(), "0:0\n", "{option}");
    }
}
