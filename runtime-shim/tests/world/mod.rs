//! A place of its own for a test: a state root, a bundle, and a way to call the binary as engines do.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot build its world has failed")]

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const SHIM: &str = env!("CARGO_BIN_EXE_runtime-shim");

/// Directories that are removed, and containers that are deleted, when the test ends.
pub(crate) struct World {
    pub(crate) dir: PathBuf,
}

/// What a call left behind.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// The call succeeded and said nothing on stderr.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "stdout: {}", self.out);
        self.out
    }

    /// The call failed with this code, and its last line of stderr has these words.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &str) {
        let last = self.err.lines().last().unwrap_or_default();
        assert!(self.code == code && last.contains(words), "wanted {code} {words:?}: {self:?}");
    }
}

impl World {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("runtime-shim-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    /// A world for containers; none, with a word, where there may be none.
    pub(crate) fn with_containers() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("SKIP: needs root");
            return None;
        }
        Some(Self::new())
    }

    /// One with a container, `c1`, that runs for as long as the test.
    pub(crate) fn running() -> Option<Self> {
        let world = Self::with_containers()?;
        let bundle = world.bundle("sleep 100");
        world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
        Some(world)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// A name that no other world has.
    pub(crate) fn name(&self) -> &str {
        self.dir.file_name().unwrap().to_str().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// A call with nothing but the words: no root, no environment.
    pub(crate) fn bare(&self, words: &[&str]) -> Command {
        let mut call = Command::new(SHIM);
        call.args(words).current_dir(&self.dir).env_clear().stdin(Stdio::null());
        call
    }

    /// A call under the world's root.
    pub(crate) fn call(&self, words: &[&str]) -> Command {
        let root = self.root();
        let mut all = vec!["--root", root.to_str().unwrap()];
        all.extend(words);
        self.bare(&all)
    }

    /// A call to its end, its output in files: a detached container keeps its stdio, and a pipe would wait for it.
    pub(crate) fn shim(&self, words: &[&str]) -> Said {
        finish(&mut self.call(words))
    }

    pub(crate) fn state(&self, id: &str) -> Value {
        serde_json::from_str(&self.shim(&["state", id]).ok()).unwrap()
    }

    /// Waits until the container has a status.
    #[track_caller]
    pub(crate) fn wait_for(&self, id: &str, status: &str) {
        until(&format!("{id} is {status}"), || self.state(id)["status"] == status);
    }

    /// A bundle whose root filesystem is the host's programs, read-only, and whose program is a shell script.
    pub(crate) fn bundle(&self, script: &str) -> String {
        self.bundle_with(json!(["/bin/sh", "-c", script]), |_| ())
    }

    pub(crate) fn bundle_with(&self, args: Value, change: impl FnOnce(&mut Value)) -> String {
        let bundle = self.dir.join("bundle");
        fs::create_dir_all(bundle.join("rootfs")).unwrap();
        let mut config = config(args, host_programs(&bundle.join("rootfs")));
        // Worlds of tests that run at the same time use the same ids.
        config["linux"]["cgroupsPath"] = format!("/{}", self.name()).into();
        change(&mut config);
        fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        bundle.to_str().unwrap().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let ids = fs::read_dir(self.root()).into_iter().flatten().flatten();
        for id in ids.filter_map(|entry| entry.file_name().into_string().ok()) {
            let _ = self.call(&["delete", "--force", &id]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs a call whose output goes to files. One that does not end is a failure, not a test that hangs.
pub(crate) fn finish(call: &mut Command) -> Said {
    let dir = call.get_current_dir().unwrap().to_owned();
    let (out, err) = (dir.join("stdout"), dir.join("stderr"));
    let open = |path: &Path| Stdio::from(fs::File::create(path).unwrap());
    let mut running = call.stdout(open(&out)).stderr(open(&err)).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = running.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            running.kill().unwrap();
            panic!("does not end: {call:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Said { code: status.code().unwrap(), out: fs::read_to_string(out).unwrap(), err: fs::read_to_string(err).unwrap() }
}

/// Waits for something that is about to be so.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The mounts that bring the host's programs; a directory that is a link on the host is the same link inside.
fn host_programs(rootfs: &Path) -> Vec<Value> {
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}),
    ];
    for name in ["usr", "bin", "sbin", "lib", "lib64"] {
        let host = Path::new("/").join(name);
        match fs::read_link(&host) {
            Ok(target) => drop(std::os::unix::fs::symlink(target, rootfs.join(name))),
            Err(_) if host.exists() => {
                mounts.push(json!({"destination": host, "type": "bind", "source": host, "options": ["rbind", "ro"]}));
            }
            Err(_) => (),
        }
    }
    mounts
}

fn config(args: Value, mounts: Vec<Value>) -> Value {
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "args": args, "cwd": "/",
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        },
        "root": {"path": "rootfs"},
        "hostname": "world",
        "mounts": mounts,
        "annotations": {"world": "yes"},
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "network"}]}
    })
}

/// Can a controller of cgroups be used on this host?
pub(crate) fn has_controller(name: &str) -> bool {
    let v2 = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    let is = v2.map_or_else(|_| Path::new("/sys/fs/cgroup").join(name).is_dir(), |all| all.split_whitespace().any(|one| one == name));
    if !is {
        println!("SKIP: needs the {name} controller");
    }
    is
}

/// Is a program on this host?
pub(crate) fn has(program: &str) -> bool {
    let paths = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"];
    paths.iter().any(|dir| Path::new(dir).join(OsStr::new(program)).exists())
}
