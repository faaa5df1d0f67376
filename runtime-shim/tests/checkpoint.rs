//! `checkpoint` and `restore`: what criu is told and answered, by a stand-in for it; and, where one works, a criu.

#![allow(clippy::unwrap_used, clippy::panic, clippy::zombie_processes, reason = "a test")]
#![allow(clippy::cast_possible_truncation, reason = "numbers are written seven bits at a time")]
#![cfg(feature = "checkpoint")]

mod criu;
mod world;

use criu::StandIn;
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::Path;
use world::{Said, World, finish, until};

/// Not a test, but where the script that tests call criu ends.
#[test]
fn stand_in() {
    criu::play();
}

/// A world with a stand-in.
struct Scene {
    world: World,
    criu: StandIn,
}

impl Scene {
    fn new(part: Value) -> Option<Self> {
        let world = World::with_containers()?;
        let criu = StandIn::new(&world, &part);
        Some(Self { world, criu })
    }

    fn call(&self, words: &[&str]) -> std::process::Command {
        let mut call = self.world.call(words);
        call.env("PATH", self.criu.path());
        call
    }

    fn shim(&self, words: &[&str]) -> Said {
        finish(&mut self.call(words))
    }

    /// A container that runs.
    fn container(&self, change: impl FnOnce(&mut Value)) {
        let bundle = self.world.bundle_with(json!(["/bin/sh", "-c", "while :; do sleep 0.1; done"]), change);
        self.world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    }

    /// A bundle, and images that were saved from it.
    fn images(&self, streams: &[&str], change: impl FnOnce(&mut Value)) -> (String, String) {
        let bundle = self.world.bundle_with(json!(["/bin/true"]), change);
        fs::create_dir_all(self.world.path("images")).unwrap();
        fs::write(self.world.path("images/descriptors.json"), json!(streams).to_string()).unwrap();
        (bundle, self.world.path("images"))
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        assert!(!self.world.root().join("c1").exists(), "state");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.world.dir.to_str().unwrap()), "{mounts}");
        until("its cgroups are gone", || cgroups(self.world.name()).is_empty());
    }
}

/// The cgroups of a name.
fn cgroups(name: &str) -> Vec<String> {
    let here = Path::new("/sys/fs/cgroup");
    let below = fs::read_dir(here).unwrap().flatten().map(|entry| entry.path());
    let all = below.chain([here.to_owned()]).map(|hierarchy| hierarchy.join(name));
    all.filter(|path| path.exists()).map(|path| path.display().to_string()).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// go-runc's call, with all that containerd can ask for.
#[test]
fn containerd_saves_a_container_and_it_is_gone() {
    let Some(scene) = Scene::new(json!({})) else { return };
    let extra = scene.world.path("extra");
    fs::create_dir(&extra).unwrap();
    scene.container(|config| {
        let mount = json!({"destination": "/mnt", "type": "bind", "source": extra, "options": ["bind"]});
        config["mounts"].as_array_mut().unwrap().push(mount);
        config["linux"]["maskedPaths"] = json!(["/proc/timer_list", "/proc/scsi", "/proc/nosuch"]);
    });
    let pid = scene.world.state("c1")["pid"].clone();
    let (images, work) = (scene.world.path("i/deep"), scene.world.path("w"));
    let words = ["checkpoint", "--image-path", &images, "--work-path", &work, "--tcp-established", "--ext-unix-sk", "--shell-job"];
    let more = ["--file-locks", "--manage-cgroups-mode", "ignore", "--empty-ns", "network", "--status-fd", "-1", "c1"];
    scene.shim(&[words.as_slice(), &more].concat()).ok();

    let told = scene.criu.request("dump");
    let opts = &told["2"][0];
    assert_eq!((&told["seen"]["images"], &told["seen"]["work"]), (&json!(images), &json!(work)));
    assert_eq!((&opts["2"], &opts["10"], &opts["12"]), (&json!([pid]), &json!(["dump.log"]), &json!([1])));
    assert_eq!((&opts["5"], &opts["4"], &opts["7"], &opts["8"]), (&json!([1]), &json!([1]), &json!([1]), &json!([1])), "{opts}");
    assert_eq!((&opts["3"], &opts["46"], &opts["18"]), (&json!([0]), &Value::Null, &Value::Null), "what was not asked for");
    assert_eq!((&opts["34"], &opts["38"], &opts["51"]), (&json!([0]), &json!([0x4000_0000]), &json!(["/etc/criu/runc.conf"])));
    assert!(texts(&opts["44"])[0].ends_with(scene.world.name()), "the cgroup to freeze: {opts}");
    let external = texts(&opts["37"]);
    assert!(external.contains(&"mnt[/mnt]:/mnt") && external.contains(&"mnt[/usr]:/usr"), "{external:?}");
    let masked: Vec<_> = external.iter().filter(|name| name.starts_with("mnt[/proc")).collect();
    assert_eq!(masked, [&"mnt[/proc/timer_list]:/dev/null"]);

    let streams: Vec<String> = serde_json::from_str(&fs::read_to_string(format!("{images}/descriptors.json")).unwrap()).unwrap();
    assert_eq!(streams[0], "/dev/null");
    assert!(Path::new(&work).join("dump.log").exists(), "containerd copies it");
    scene.world.shim(&["state", "c1"]).fails(1, "container does not exist");
    scene.nothing_is_left();
}

#[test]
fn a_container_goes_on_after_a_checkpoint_that_leaves_it_and_after_a_pre_dump() {
    let Some(scene) = Scene::new(json!({})) else { return };
    scene.container(|_| ());
    let (first, second) = (scene.world.path("first"), scene.world.path("second"));
    scene.shim(&["checkpoint", "--pre-dump", "--image-path", &first, "c1"]).ok();
    let opts = scene.criu.request("pre-dump")["2"][0].clone();
    assert_eq!((&opts["15"], &opts["14"], &opts["37"]), (&json!([1]), &Value::Null, &Value::Null));
    assert!(!Path::new(&first).join("descriptors.json").exists());
    assert_eq!(scene.criu.told()[1]["5"], json!([{"1": [1]}]), "can memory be tracked?");

    scene.shim(&["checkpoint", "--leave-running", "--parent-path", "../first", "--image-path", &second, "c1"]).ok();
    let opts = scene.criu.request("dump")["2"][0].clone();
    assert_eq!((&opts["15"], &opts["14"], &opts["3"]), (&json!([1]), &json!(["../first"]), &json!([1])));
    assert_eq!(scene.world.state("c1")["status"], "running");

    scene.shim(&["checkpoint", "--parent-path", "/first", "--image-path", &second, "c1"]).fails(1, "--parent-path must be relative");
    scene.shim(&["checkpoint", "--parent-path", "../none", "--image-path", &second, "c1"]).fails(1, "invalid --parent-path");
}

/// containerd waits for a byte on the other end of descriptor 3.
#[test]
fn lazy_pages_are_told_to_be_ready() {
    let Some(scene) = Scene::new(json!({})) else { return };
    scene.container(|_| ());
    let (images, status) = (scene.world.path("images"), scene.world.path("status"));
    let line = format!(
        "exec {} --root {} checkpoint --lazy-pages --page-server 127.0.0.1:27 --status-fd 3 --image-path {images} c1 3>{status}",
        world::SHIM,
        scene.world.root().display()
    );
    let mut call = std::process::Command::new("/bin/sh");
    finish(call.args(["-c", &line]).env("PATH", scene.criu.path()).current_dir(&scene.world.dir)).ok();
    assert_eq!(fs::read(status).unwrap(), [0]);
    let opts = scene.criu.request("dump")["2"][0].clone();
    assert_eq!((&opts["48"], &opts["11"], &opts["49"]), (&json!([1]), &json!([{"1": ["127.0.0.1"], "2": [27]}]), &Value::Null));
    assert_eq!(scene.criu.told()[1]["5"], json!([{"2": [1]}]));
}

#[test]
fn what_criu_cannot_save_goes_on() {
    let Some(scene) = Scene::new(json!({"error": "Error (criu/tty.c:1): found dangling tty\nand more"})) else { return };
    scene.container(|_| ());
    let said = scene.shim(&["checkpoint", "--image-path", &scene.world.path("i"), "c1"]);
    let log = scene.world.path("i/dump.log");
    said.fails(1, &format!("criu could not save the container: Error (criu/tty.c:1): found dangling tty (see {log})"));
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert_eq!(scene.world.state("c1")["status"], "running");
}

#[test]
fn an_old_criu_and_none_are_named() {
    let Some(scene) = Scene::new(json!({"version": [3, 14]})) else { return };
    scene.container(|_| ());
    let images = scene.world.path("i");
    let why = "saving and restoring containers needs criu 3.15 or newer; this one is 3.14";
    scene.shim(&["checkpoint", "--image-path", &images, "c1"]).fails(1, why);
    let mut without = scene.world.call(&["checkpoint", "--image-path", &images, "c1"]);
    finish(without.env("PATH", "/nonexistent")).fails(1, "criu is not installed");
    let Some(scene) = Scene::new(json!({"features": false})) else { return };
    scene.container(|_| ());
    scene.shim(&["checkpoint", "--pre-dump", "--image-path", &images, "c1"]).fails(1, "saving memory beforehand: criu or the kernel");
}

#[test]
fn only_what_runs_is_saved() {
    let Some(scene) = Scene::new(json!({})) else { return };
    let bundle = scene.world.bundle("true");
    scene.shim(&["checkpoint", "nope"]).fails(1, "container does not exist");
    scene.world.shim(&["create", "--bundle", &bundle, "c1"]).ok();
    scene.shim(&["checkpoint", "c1"]).fails(1, "container cannot be checkpointed in created state");
    assert!(scene.criu.told().is_empty());
}

/// go-runc's call, its single dash included.
#[test]
fn containerd_restores_a_container_and_it_runs() {
    let Some(scene) = Scene::new(json!({})) else { return };
    let (source, file, hook) = (scene.world.path("extra"), scene.world.path("pid"), scene.world.path("hook"));
    fs::create_dir(&source).unwrap();
    let (bundle, images) = scene.images(&["/dev/null", "pipe:[77]", "pipe:[78]"], |config| {
        let inner = json!({"destination": "/mnt/inner", "type": "bind", "source": "/dev", "options": ["bind"]});
        let outer = json!({"destination": "/mnt", "type": "bind", "source": source, "options": ["bind"]});
        config["mounts"].as_array_mut().unwrap().extend([outer, inner]);
        config["hooks"] = json!({"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", format!("cat >{hook}")]}],
            "poststop": [{"path": "/bin/rm", "args": ["rm", hook]}]});
        config["linux"]["resources"] = json!({"pids": {"limit": 77}});
    });
    let work = scene.world.path("work");
    let words = ["restore", "--image-path", &images, "--work-path", &work, "--tcp-close", "--detach", "--pid-file", &file];
    scene.shim(&[words.as_slice(), &["--no-pivot", "-no-subreaper", "--bundle", &bundle, "c1"]].concat()).ok();

    let state = scene.world.state("c1");
    assert_eq!((&state["status"], state["pid"].to_string()), (&json!("running"), fs::read_to_string(&file).unwrap()));
    let told = scene.criu.request("restore");
    let (opts, seen) = (&told["2"][0], &told["seen"]);
    assert_eq!((&seen["images"], &seen["work"], &seen["root is mounted"]), (&json!(images), &json!(work), &json!(true)));
    assert_eq!((&opts["10"], &opts["26"], &opts["52"], &opts["5"]), (&json!(["restore.log"]), &json!([1]), &json!([1]), &Value::Null));
    assert_eq!(opts["27"], json!([{"1": ["pipe:[77]"], "2": [1]}, {"1": ["pipe:[78]"], "2": [2]}]));
    assert!(texts(&opts["37"]).contains(&format!("mnt[/mnt]:{source}").as_str()), "{opts}");
    assert!(Path::new(&source).join("inner").is_dir(), "the mount point inside a bind mount");
    // criu is in the cgroups that it is told to restore into.
    let cgroup = seen["cgroup"].as_str().unwrap();
    assert!(cgroup.lines().all(|line| line.ends_with(scene.world.name()) || !line.contains("pids")), "{cgroup}");
    let roots = opts["25"].as_array().unwrap();
    assert!(roots.iter().any(|root| root["1"] == json!(["pids"]) || root["1"] == json!([""])), "{roots:?}");
    let hooked: Value = serde_json::from_str(&fs::read_to_string(&hook).unwrap()).unwrap();
    assert_eq!((&hooked["pid"], &hooked["status"]), (&state["pid"], &json!("creating")));
    assert!(!scene.world.root().join("c1/criu-root").exists());

    scene.world.shim(&["pause", "c1"]).ok();
    scene.world.shim(&["resume", "c1"]).ok();
    scene.world.shim(&["kill", "c1", "KILL"]).ok();
    scene.world.wait_for("c1", "stopped");
    scene.world.shim(&["delete", "c1"]).ok();
    assert!(!Path::new(&hook).exists(), "poststop ran");
    scene.nothing_is_left();
}

#[test]
fn an_attached_restore_ends_as_the_process_does() {
    let Some(scene) = Scene::new(json!({"program": "sleep 0.5; echo back; exit 7"})) else { return };
    let (bundle, images) = scene.images(&["", "pipe:[7]", ""], |_| ());
    let said = scene.shim(&["restore", "--image-path", &images, "--bundle", &bundle, "c1"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (7, "back\n", ""));
    scene.nothing_is_left();
}

#[test]
fn podman_gets_the_terminal_and_names_the_labels() {
    let Some(scene) = Scene::new(json!({"terminal": true})) else { return };
    let (bundle, images) = scene.images(&[], |config| config["process"]["terminal"] = true.into());
    let socket = scene.world.path("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    scene.shim(&["restore", "-d", "--image-path", &images, "--bundle", &bundle, "c1"]).fails(1, "cannot allocate tty");
    let words = ["restore", "-d", "--console-socket", &socket, "--lsm-profile", "selinux:a:b", "--lsm-mount-context", "c:d"];
    scene.shim(&[words.as_slice(), &["--image-path", &images, "--bundle", &bundle, "c1"]].concat()).ok();
    let terminal = runtime_core::console::receive_terminal(listener.accept().unwrap().0).unwrap();
    assert!(nix::unistd::isatty(&terminal).unwrap());
    let opts = scene.criu.request("restore")["2"][0].clone();
    assert_eq!((&opts["53"], &opts["63"], &opts["50"]), (&json!(["selinux:a:b"]), &json!(["c:d"]), &json!([1])));
}

#[test]
fn a_restore_that_fails_leaves_nothing() {
    let Some(scene) = Scene::new(json!({"error": "Error (criu/x.c:1): no"})) else { return };
    let (bundle, images) = scene.images(&["", "", ""], |_| ());
    let words = ["restore", "-d", "--image-path", &images, "--bundle", &bundle, "c1"];
    let said = scene.shim(&words);
    said.fails(1, &format!("criu could not restore the container: Error (criu/x.c:1): no (see {images}/restore.log)"));
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    scene.nothing_is_left();

    let scene = Scene { criu: StandIn::new(&scene.world, &json!({})), world: scene.world };
    scene.world.bundle_with(json!(["/bin/true"]), |config| config["hooks"] = json!({"createRuntime": [{"path": "/bin/false"}]}));
    scene.shim(&words).fails(1, "error running createRuntime hook #0");
    assert_eq!(scene.criu.told().last().unwrap()["3"], json!([0]), "criu is told to give up");
    scene.nothing_is_left();

    fs::remove_file(format!("{images}/descriptors.json")).unwrap();
    scene.shim(&words).fails(1, "descriptors.json: no such file or directory");
    scene.shim(&["restore", "-d", "--image-path", "/nonexistent", "--bundle", &bundle, "c1"]).fails(1, "open /nonexistent: no such file");
    scene.nothing_is_left();
}

/// A restore that was killed has mounted the root, and a forced delete takes it away.
#[test]
fn a_mount_that_a_killed_restore_has_left_is_removed() {
    let Some(scene) = Scene::new(json!({})) else { return };
    scene.container(|_| ());
    let root = scene.world.root().join("c1/criu-root");
    fs::create_dir(&root).unwrap();
    let mounted = std::process::Command::new("mount").args(["--bind", "/usr"]).arg(&root).status().unwrap();
    assert!(mounted.success());
    scene.world.shim(&["delete", "--force", "c1"]).ok();
    scene.nothing_is_left();
    assert!(Path::new("/usr/bin").is_dir());
}

/// The whole way, with a criu that works.
#[test]
fn a_container_counts_on_after_it_was_saved_and_restored() {
    let Some(world) = World::with_containers() else { return };
    if let Err(why) = criu::real() {
        println!("SKIP: {why}");
        return;
    }
    let shared = world.path("shared");
    fs::create_dir(&shared).unwrap();
    let script = "i=0; while :; do i=$((i+1)); echo $i >/mnt/count; sleep 0.05; done";
    let bundle = world.bundle_with(json!(["/bin/sh", "-c", script]), |config| {
        let mount = json!({"destination": "/mnt", "type": "bind", "source": shared, "options": ["bind"]});
        config["mounts"].as_array_mut().unwrap().push(mount);
    });
    let count = || {
        let mut text = String::new();
        fs::File::open(format!("{shared}/count"))
            .map_or(0, |mut file| file.read_to_string(&mut text).map_or(0, |_| text.trim().parse().unwrap_or(0)))
    };
    let images = world.path("images");
    let call = |words: &[&str]| {
        let mut call = world.call(words);
        let null = || fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        call.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdout(null()).stderr(fs::File::create(world.path("error")).unwrap());
        let status = call.status().unwrap();
        assert!(status.success(), "{words:?}: {}", fs::read_to_string(world.path("error")).unwrap());
    };
    let detached = format!("exec {} --root {} run -d --bundle {bundle} c1 >/dev/null 2>&1", world::SHIM, world.root().display());
    assert!(std::process::Command::new("/bin/sh").args(["-c", &detached]).status().unwrap().success());
    until("it counts", || count() > 3);
    call(&["checkpoint", "--image-path", &images, "c1"]);
    world.shim(&["state", "c1"]).fails(1, "container does not exist");
    let before = count();
    call(&["restore", "-d", "--image-path", &images, "--bundle", &bundle, "c1"]);
    until("it counts on", || count() > before);
    world.shim(&["exec", "c1", "/bin/true"]).ok();
}
