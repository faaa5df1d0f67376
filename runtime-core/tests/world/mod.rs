//! A place of its own for a test: a root file system with busybox in it, a state directory, bundles; and the question what is left.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot build its world has failed")]

use runtime_core::spec::{self, Cgroups};
use runtime_core::{Create, Runtime};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What busybox is asked to be.
const APPLETS: [&str; 17] =
    ["sh", "true", "sleep", "cat", "ls", "pwd", "id", "readlink", "kill", "mount", "stat", "touch", "grep", "env", "wc", "head", "echo"];

/// One test at a time: descriptors, children and mounts are the whole process's.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) struct World {
    pub(crate) dir: PathBuf,
    pub(crate) runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// A world, or none, with a word, where there can be none.
    pub(crate) fn new() -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if !nix::unistd::geteuid().is_root() {
            println!("SKIP: needs root");
            return None;
        }
        let Some(busybox) = busybox() else {
            println!("SKIP: needs a busybox in PATH");
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("runtime-core-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        let world = Self { runtime: Runtime::new(dir.join("state")), dir, _turn: turn };
        image(&world.rootfs(), &busybox);
        Some(world)
    }

    /// The root file system that bundles have, unless they say otherwise.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.dir.join("rootfs")
    }

    /// An id that no other world uses, since cgroups are named after it.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.dir.file_name().unwrap().to_str().unwrap())
    }

    /// A bundle whose program is a shell script.
    pub(crate) fn script(&self, id: &str, script: &str) -> PathBuf {
        self.bundle(id, |config| config["process"]["args"] = json!(["/bin/sh", "-c", script]))
    }

    /// A bundle with the default config, changed.
    pub(crate) fn bundle(&self, id: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut config = self.config(id);
        change(&mut config);
        let bundle = self.dir.join("bundles").join(id);
        fs::create_dir_all(&bundle).unwrap();
        fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        bundle
    }

    fn config(&self, id: &str) -> Value {
        let cgroups = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { Cgroups::V2 } else { Cgroups::V1 };
        let mut config: Value = serde_json::from_str(&spec::default(cgroups)).unwrap();
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/true"]);
        config["root"]["path"] = json!(self.rootfs());
        config["linux"]["cgroupsPath"] = json!(format!("/{id}"));
        config
    }

    /// A create whose program's streams lead nowhere.
    pub(crate) fn silent(&self, bundle: &Path) -> Create {
        Create { stdio: [0; 3].map(|_| Some(null())), ..Create::of(bundle) }
    }

    /// Runs a bundle to its end: its exit code, and what it wrote.
    pub(crate) fn run(&self, id: &str, bundle: &Path) -> runtime_core::Result<(i32, String)> {
        self.run_with(id, Create::of(bundle))
    }

    /// The same, of a request that has no streams yet but stdin, perhaps.
    pub(crate) fn run_with(&self, id: &str, mut request: Create) -> runtime_core::Result<(i32, String)> {
        let path = self.dir.join(format!("{id}.out"));
        let out = File::create(&path).unwrap();
        let [stdin, ..] = request.stdio;
        request.stdio = [stdin.or_else(|| Some(null())), Some(out.try_clone().unwrap().into()), Some(out.into())];
        let mut container = self.runtime.create(id, &request)?;
        let code = container.start().and_then(|()| container.wait());
        let deleted = self.runtime.delete_forced(id);
        let code = code?.code();
        deleted?;
        Ok((code, fs::read_to_string(path).unwrap()))
    }

    /// What there is now, to be compared with what there is later.
    pub(crate) fn look(&self) -> Traces {
        Traces { descriptors: descriptors(), children: children(), mounts: mounts(), places: self.places() }
    }

    /// State directories and cgroups of this world's containers.
    fn places(&self) -> Vec<PathBuf> {
        let prefix = self.id("");
        let of_world = |dir: PathBuf| {
            let names = fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|name| name.starts_with(&prefix)).map(|name| dir.join(name)).collect::<Vec<_>>()
        };
        let mut places: Vec<_> = hierarchies().into_iter().chain([self.dir.join("state")]).flat_map(of_world).collect();
        places.sort();
        places
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let ids = fs::read_dir(self.dir.join("state")).into_iter().flatten().flatten();
        for id in ids.filter_map(|entry| entry.file_name().into_string().ok()) {
            let _ = self.runtime.delete_forced(&id);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What a container could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Traces {
    pub(crate) descriptors: BTreeMap<i32, String>,
    pub(crate) children: Vec<String>,
    pub(crate) mounts: Vec<String>,
    pub(crate) places: Vec<PathBuf>,
}

impl Traces {
    /// Nothing has come to be since.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, world: &World, what: &str) {
        let now = world.look();
        assert_eq!(self.descriptors.len(), now.descriptors.len(), "descriptors, {what}: {:?} {:?}", self.descriptors, now.descriptors);
        assert_eq!(self.children, now.children, "children, {what}");
        assert_eq!(self.mounts, now.mounts, "mounts, {what}");
        assert_eq!(self.places, now.places, "cgroups and state, {what}");
    }
}

fn busybox() -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/bin"]).map(|dir| Path::new(dir).join("busybox")).find(|file| file.is_file())
}

fn image(rootfs: &Path, busybox: &Path) {
    for dir in ["bin", "etc", "proc", "sys", "dev", "tmp"] {
        fs::create_dir_all(rootfs.join(dir)).unwrap();
    }
    fs::copy(busybox, rootfs.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
    }
    fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n").unwrap();
}

/// A config without the mounts that begin with this.
pub(crate) fn without_mount(config: &mut Value, prefix: &str) {
    config["mounts"].as_array_mut().unwrap().retain(|mount| !mount["destination"].as_str().unwrap().starts_with(prefix));
}

pub(crate) fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

fn descriptors() -> BTreeMap<i32, String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let own = entries.filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?.display().to_string();
        Some((entry.file_name().to_str()?.parse().ok()?, target))
    });
    let mut all: BTreeMap<i32, String> = own.filter(|(_, target)| !target.ends_with("/fd")).collect();
    // The init's program is opened once for all containers of a process.
    let program = all.iter().find(|(_, target)| target.starts_with("/memfd:runtime-init")).map(|(fd, _)| *fd);
    program.map(|fd| all.remove(&fd));
    all
}

/// Every child, zombies too, as `pid` or `pid zombie`.
pub(crate) fn children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let mut pids: Vec<String> = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    pids.sort();
    let named = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        format!("{pid}{}", if stat.contains(") Z ") { " zombie" } else { "" })
    };
    pids.iter().map(named).collect()
}

fn mounts() -> Vec<String> {
    // The id and the order may change with what others do on this host.
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut points: Vec<String> = mountinfo.lines().filter_map(|line| line.split(' ').nth(4).map(str::to_owned)).collect();
    points.retain(|point| point.contains("runtime-core-"));
    points.sort();
    points
}

/// Where cgroups are mounted.
fn hierarchies() -> Vec<PathBuf> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let cgroups = mountinfo.lines().filter(|line| line.contains(" - cgroup"));
    cgroups.filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from).collect()
}

/// Waits for something that is about to be so.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A reproducible sequence of numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
