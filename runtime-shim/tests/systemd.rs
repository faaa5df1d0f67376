//! `--systemd-cgroup` on a host with cgroup v1, with a stand-in for its systemd: hosts that have both are rare by now.
//!
//! The stand-in listens where systemd does, in a mount namespace of the test's own. It makes the cgroup of systemd's own hierarchy and moves
//! the process there, as systemd does; the controllers are the runtime's to make and join.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use world::{SHIM, Said, World, finish};

const CGROUPS: &str = "/sys/fs/cgroup";

/// What systemd was asked, call by call.
type Heard = Arc<Mutex<Vec<String>>>;

struct Host {
    world: World,
    heard: Heard,
    slice: String,
}

impl Host {
    fn new() -> Option<Self> {
        let world = World::with_containers()?;
        let is_v1 = ["systemd", "devices", "memory", "pids", "freezer"].iter().all(|name| Path::new(CGROUPS).join(name).is_dir());
        if !is_v1 || Path::new("/run/systemd/system").exists() || !world::has("unshare") {
            println!("SKIP: needs cgroup v1, without a systemd that runs it");
            return None;
        }
        let heard = Heard::default();
        let run = world.dir.join("run/systemd");
        fs::create_dir_all(run.join("system")).unwrap();
        let listener = UnixListener::bind(run.join("private")).unwrap();
        let slice = format!("{}.slice", world.name().replace('-', "_"));
        let (of, shared) = (slice.clone(), Arc::clone(&heard));
        std::thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap(), &of, &shared)));
        Some(Self { world, heard, slice })
    }

    fn shim(&self, words: &[&str]) -> Said {
        let (run, state) = (self.world.path("run"), self.world.path("state"));
        // containerd, Podman and CRI-O say it of a container that is made, and may leave it out later.
        let driver = if words.first() == Some(&"run") { "--systemd-cgroup" } else { "" };
        let script = format!("mount --bind {run} /run && exec \"$0\" {driver} --root {state} \"$@\"");
        let mut call = Command::new("unshare");
        call.args(["--mount", "sh", "-c", &script, SHIM]).args(words).current_dir(&self.world.dir);
        finish(&mut call)
    }

    /// The container's cgroups in each hierarchy, if they are there.
    fn cgroups(&self) -> Vec<PathBuf> {
        let hierarchies = fs::read_dir(CGROUPS).unwrap().flatten().filter(|entry| !entry.file_type().unwrap().is_symlink());
        let scopes = hierarchies.map(|entry| entry.path().join(&self.slice).join("p-web1.scope"));
        scopes.filter(|scope| scope.is_dir()).collect()
    }

    fn read(&self, file: &str) -> String {
        let (controller, _) = file.split_once('.').unwrap();
        fs::read_to_string(Path::new(CGROUPS).join(controller).join(&self.slice).join("p-web1.scope").join(file)).unwrap().trim().to_owned()
    }

    fn take_heard(&self) -> String {
        std::mem::take(&mut *self.heard.lock().unwrap()).join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = finish(&mut self.world.call(&["kill", "web1", "KILL"]));
        let _ = self.shim(&["delete", "--force", "web1"]);
        for hierarchy in fs::read_dir(CGROUPS).unwrap().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&self.slice));
        }
    }
}

fn serve(mut stream: UnixStream, slice: &str, heard: &Heard) {
    let mut greeting = Vec::new();
    while !greeting.ends_with(b"BEGIN\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        greeting.extend(byte);
    }
    stream.write_all(b"OK 0123\r\n").unwrap();
    let mut prefix = [0; 16];
    while stream.read_exact(&mut prefix).is_ok() {
        let number = |at: usize| u32::from_le_bytes(prefix[at..at + 4].try_into().unwrap());
        let mut rest = vec![0; (number(12) as usize).next_multiple_of(8) + number(4) as usize];
        stream.read_exact(&mut rest).unwrap();
        stream.write_all(&answer(number(8), &rest, slice, heard)).unwrap();
    }
}

fn answer(serial: u32, call: &[u8], slice: &str, heard: &Heard) -> Vec<u8> {
    let text: String = call.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' }).collect();
    heard.lock().unwrap().push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    let scope = Path::new(CGROUPS).join("systemd").join(slice).join("p-web1.scope");
    match text {
        text if text.contains("StartTransientUnit") => {
            fs::create_dir_all(&scope).unwrap();
            fs::write(scope.join("cgroup.procs"), pid(call).to_string()).unwrap();
            reply(serial, "o", b"\x06\0\0\0/job/1\0")
        }
        text if text.contains("StopUnit") => {
            let _ = fs::remove_dir(&scope);
            reply(serial, "o", b"\x06\0\0\0/job/1\0")
        }
        text if text.contains("Version") => reply(serial, "v", b"\x01s\0\0\x03\0\0\x00245\0"),
        // The job is over.
        text if text.contains(" Get ") => refuse(serial),
        _ => reply(serial, "", b""),
    }
}

/// The one number in the property `PIDs`.
fn pid(call: &[u8]) -> u32 {
    let name = b"PIDs\0\x02au\0";
    let end = call.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    let at = end.next_multiple_of(4) + 4;
    u32::from_le_bytes(call[at..at + 4].try_into().unwrap())
}

fn reply(to: u32, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = [b"\x05\x01u\0".as_slice(), &to.to_le_bytes()].concat();
    if !signature.is_empty() {
        fields.extend([b"\x08\x01g\0\x01", signature.as_bytes(), b"\0"].concat());
    }
    message(2, &fields, body)
}

fn refuse(to: u32) -> Vec<u8> {
    message(3, &[b"\x05\x01u\0".as_slice(), &to.to_le_bytes(), b"\x04\x01s\0\x03\0\0\0a.b\0"].concat(), b"")
}

fn message(kind: u8, fields: &[u8], body: &[u8]) -> Vec<u8> {
    let number = |count: usize| u32::try_from(count).unwrap().to_le_bytes();
    let mut bytes = [&[b'l', kind, 1, 1], &number(body.len())[..], &number(1), &number(fields.len()), fields].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(body);
    bytes
}

#[test]
fn a_scope_of_cgroup_v1_is_systemds_and_its_controllers_are_joined_by_files() {
    let Some(host) = Host::new() else { return };
    let bundle = host.world.bundle_with(json!(["sleep", "100"]), |config| {
        config["linux"]["cgroupsPath"] = format!("{}:p:web1", host.slice).into();
        config["linux"]["resources"] = json!({"memory": {"limit": 67_108_864}, "cpu": {"quota": 12_345}, "pids": {"limit": 9}});
        config["annotations"]["org.systemd.property.TimeoutStopSec"] = "uint32 23".into();
    });
    host.shim(&["run", "--detach", "--bundle", &bundle, "web1"]).ok();
    let heard = host.take_heard();
    let told = ["p-web1.scope", "BlockIOAccounting", "MemoryLimit", "TasksMax", "CPUQuotaPerSecUSec", "TimeoutStopUSec", "DevicePolicy"];
    for word in told.iter().chain(&["strict", "char-136", "/dev/char/1:3", &host.slice]) {
        assert!(heard.contains(word), "{word}: {heard}");
    }

    let pid = host.world.state("web1")["pid"].to_string();
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = format!(":/{}/p-web1.scope", host.slice);
    let elsewhere: Vec<_> = own.lines().filter(|line| !line.ends_with(&path)).collect();
    assert_eq!(elsewhere, Vec::<&str>::new());
    assert_eq!(host.read("memory.limit_in_bytes"), "67108864");
    // In whole hundredths of a CPU, as systemd has it.
    assert_eq!(host.read("cpu.cfs_quota_us"), "13000");
    assert!(
        !fs::read_to_string(Path::new(CGROUPS).join("devices").join(&host.slice).join("p-web1.scope/devices.list"))
            .unwrap()
            .starts_with('a')
    );

    host.shim(&["update", "--pids-limit", "12", "web1"]).ok();
    let heard = host.take_heard();
    assert!(heard.contains("SetUnitProperties") && heard.contains("TasksMax") && !heard.contains("Device"), "{heard}");
    assert_eq!((host.read("pids.max"), host.read("freezer.state")), ("12".to_owned(), "THAWED".to_owned()));
    let inside = host.shim(&["exec", "web1", "cat", "/proc/self/cgroup"]).ok();
    assert!(inside.lines().all(|line| line.ends_with(&path)), "{inside}");

    host.shim(&["delete", "--force", "web1"]).ok();
    assert!(host.take_heard().contains("StopUnit"));
    assert_eq!(host.cgroups(), Vec::<PathBuf>::new());
}

#[test]
fn without_a_systemd_it_is_said_at_once() {
    let Some(world) = World::with_containers() else { return };
    if Path::new("/run/systemd/system").exists() {
        println!("SKIP: there is a systemd");
        return;
    }
    let bundle = world.bundle_with(json!(["true"]), |config| config["linux"]["cgroupsPath"] = "system.slice:p:web1".into());
    let said = world.shim(&["--systemd-cgroup", "run", "--bundle", &bundle, "web1"]);
    said.fails(1, "systemd not running on this host, cannot use systemd cgroups manager");
}

#[test]
fn a_systemd_that_is_gone_is_named() {
    let Some(host) = Host::new() else { return };
    fs::remove_file(host.world.dir.join("run/systemd/private")).unwrap();
    let bundle = host.world.bundle_with(json!(["true"]), |config| config["linux"]["cgroupsPath"] = format!("{}:p:web1", host.slice).into());
    host.shim(&["run", "--bundle", &bundle, "web1"]).fails(1, "cannot connect to systemd: connect /run/systemd/private: no such file");
    assert_eq!(host.cgroups(), Vec::<PathBuf>::new());
}
