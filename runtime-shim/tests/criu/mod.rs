//! A stand-in for criu: it talks as `criu swrk` does, keeps what it was told, and plays the part that a test has written for it.
//!
//! The test program is itself the stand-in: a script of the name `criu` runs it with [`FD`] in its environment. Its reading and writing of
//! protocol buffers is its own, so that a mistake in the runtime's is none here too.

use crate::world::World;
use nix::sys::socket::{ControlMessage, MsgFlags, recv, send, sendmsg};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says which descriptor is the socket.
const FD: &str = "STAND_IN_FD";

/// Says which descriptor is the standard output.
const OUT: &str = "STAND_IN_OUT";

/// Says where the part is, and where to keep what was told.
const DIR: &str = "STAND_IN_DIR";

const DUMP: u64 = 1;
const RESTORE: u64 = 2;
const PRE_DUMP: u64 = 4;
const NOTIFY: u64 = 6;
const FEATURE_CHECK: u64 = 9;
const VERSION: u64 = 10;

/// Fields that are messages themselves: by their numbers from the top.
const NESTED: [&str; 6] = ["2", "2.11", "2.25", "2.27", "2.39", "5"];

/// A criu for a world's calls.
pub(crate) struct StandIn {
    dir: PathBuf,
}

impl StandIn {
    /// One that can all, and does what it is told; `part` changes that.
    pub(crate) fn new(world: &World, part: &Value) -> Self {
        let dir = world.dir.join("criu");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("part"), part.to_string()).unwrap();
        let _ = fs::remove_file(dir.join("told"));
        let program = std::env::current_exe().unwrap();
        // What a restored process writes goes where criu's own output would go; that stays open under a number that is free.
        let script = format!(
            "#!/bin/sh\nout=7; [ $2 != 7 ] || out=8; eval \"exec $out>&1\"\n\
             {OUT}=$out {DIR}={dir} {FD}=$2 exec {program} --exact stand_in --nocapture >{dir}/said 2>&1\n",
            dir = dir.display(),
            program = program.display()
        );
        fs::write(dir.join("criu"), script).unwrap();
        fs::set_permissions(dir.join("criu"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    /// Where to find it.
    pub(crate) fn path(&self) -> String {
        format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.dir.display())
    }

    /// What it was told, request by request.
    pub(crate) fn told(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("told")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The request of a kind.
    #[track_caller]
    pub(crate) fn request(&self, kind: &str) -> Value {
        let number = match kind {
            "dump" => DUMP,
            "restore" => RESTORE,
            _ => PRE_DUMP,
        };
        let told = self.told();
        told.iter().find(|request| request["1"] == json!([number])).unwrap_or_else(|| panic!("no {kind} in {told:#?}")).clone()
    }
}

/// Plays the part, if this process is a stand-in.
pub(crate) fn play() {
    let Ok(fd) = std::env::var(FD) else { return };
    let dir = PathBuf::from(std::env::var_os(DIR).unwrap());
    let part: Value = serde_json::from_str(&fs::read_to_string(dir.join("part")).unwrap()).unwrap();
    let talk = Talk { fd: fd.parse().unwrap(), dir, part };
    while let Some(request) = talk.hear() {
        let kind = request["1"][0].as_u64().unwrap();
        let more = talk.answer(kind, &request);
        if !more {
            break;
        }
    }
}

struct Talk {
    fd: i32,
    dir: PathBuf,
    part: Value,
}

impl Talk {
    /// The next request, kept with what can be seen of the caller while it waits.
    fn hear(&self) -> Option<Value> {
        let mut bytes = vec![0; 1 << 16];
        let length = recv(self.fd, &mut bytes, MsgFlags::empty()).unwrap_or(0);
        if length == 0 {
            return None;
        }
        let mut request = read(&bytes[..length], "");
        self.look_around(&mut request);
        let told = fs::read_to_string(self.dir.join("told")).unwrap_or_default();
        fs::write(self.dir.join("told"), format!("{told}{request}\n")).unwrap();
        Some(request)
    }

    fn look_around(&self, request: &mut Value) {
        let caller = nix::unistd::getppid();
        let link = |fd: &Value| fs::read_link(format!("/proc/{caller}/fd/{fd}")).map_or(Value::Null, |path| json!(path));
        let opts = &request["2"][0];
        let root = opts["13"][0].as_str().unwrap_or("none").to_owned();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let inherited = opts["27"].as_array().into_iter().flatten();
        let there = inherited.map(|one| fs::read_link(format!("/proc/self/fd/{}", one["2"][0])).map_or(Value::Null, |path| json!(path)));
        let seen = json!({
            "images": link(&opts["1"][0]), "work": link(&opts["17"][0]), "inherited": there.collect::<Vec<_>>(),
            "root is mounted": mounts.lines().any(|line| line.split(' ').nth(4) == Some(&root)),
            "cgroup": fs::read_to_string("/proc/self/cgroup").unwrap(),
        });
        request["seen"] = seen;
    }

    /// Are there more requests to come?
    fn answer(&self, kind: u64, request: &Value) -> bool {
        match kind {
            VERSION => {
                let version =
                    self.part["version"].as_array().map_or_else(|| vec![4, 2], |list| list.iter().filter_map(Value::as_u64).collect());
                self.say(kind, true, &bytes_field(10, &[number_field(1, version[0]), number_field(2, version[1])].concat()));
            }
            FEATURE_CHECK => {
                let able = u64::from(self.part["features"].as_bool().unwrap_or(true));
                self.say(kind, true, &bytes_field(8, &[number_field(1, able), number_field(2, able)].concat()));
            }
            RESTORE => return self.restore(),
            _ => return self.dump(kind, request),
        }
        true
    }

    fn dump(&self, kind: u64, request: &Value) -> bool {
        let opts = &request["2"][0];
        let work = ["17", "1"].iter().find_map(|field| opts[field][0].as_i64()).unwrap();
        fs::write(format!("/proc/{}/fd/{work}/dump.log", nix::unistd::getppid()), "(00.1) Warn (criu/x.c:1): no\n").unwrap();
        for script in ["network-lock", "status-ready", "post-dump", "network-unlock"] {
            self.notify(script, &[]);
        }
        if let Some(error) = self.part["error"].as_str() {
            self.say(kind, false, &[number_field(7, 22), bytes_field(9, error.as_bytes())].concat());
            return false;
        }
        if opts["3"][0] != 1 {
            let pid = opts["2"][0].as_i64().unwrap().to_string();
            Command::new("kill").args(["-9", &pid]).status().unwrap();
        }
        self.say(kind, true, &[]);
        false
    }

    fn restore(&self) -> bool {
        let program = self.part["program"].as_str().unwrap_or("while :; do sleep 0.1; done");
        // Its parent's end makes it the child of whoever adopts.
        let mut call = Command::new("/bin/sh");
        let child = call.args(["-c", &format!("exec >&${OUT}; {program}")]).stdin(Stdio::null()).spawn().unwrap();
        let pid = u64::from(child.id());
        fs::write(self.dir.join("pid"), pid.to_string()).unwrap();
        let mut agreed = self.notify("setup-namespaces", &number_field(2, pid));
        if let Some(error) = self.part["error"].as_str() {
            agreed = false;
            self.say(RESTORE, false, &bytes_field(9, error.as_bytes()));
        } else if agreed {
            if self.part["terminal"] == true {
                let master = fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
                self.notify_with("orphan-pts-master", master.as_raw_fd());
            }
            agreed = self.notify("post-restore", &number_field(2, pid)) && self.notify("post-resume", &[]);
            self.say(RESTORE, agreed, &bytes_field(4, &number_field(1, pid)));
        } else {
            self.say(RESTORE, false, &[]);
        }
        if !agreed {
            Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        }
        false
    }

    /// Did the caller agree?
    fn notify(&self, script: &str, more: &[u8]) -> bool {
        self.say(NOTIFY, true, &bytes_field(5, &[bytes_field(1, script.as_bytes()), more.to_vec()].concat()));
        self.hear().is_some_and(|answer| answer["3"] == json!([1]))
    }

    fn notify_with(&self, script: &str, fd: i32) {
        let message = response(NOTIFY, true, &bytes_field(5, &bytes_field(1, script.as_bytes())));
        let fds = [fd];
        sendmsg::<()>(self.fd, &[IoSlice::new(&message)], &[ControlMessage::ScmRights(&fds)], MsgFlags::empty(), None).unwrap();
        self.hear();
    }

    fn say(&self, kind: u64, success: bool, more: &[u8]) {
        send(self.fd, &response(kind, success, more), MsgFlags::empty()).unwrap();
    }
}

fn response(kind: u64, success: bool, more: &[u8]) -> Vec<u8> {
    [number_field(1, kind), number_field(2, u64::from(success)), more.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn number_field(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

fn bytes_field(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A message as an object: the field's number, and the list of its values.
fn read(mut bytes: &[u8], at: &str) -> Value {
    let mut fields = Map::new();
    while !bytes.is_empty() {
        let key = take(&mut bytes);
        let path = if at.is_empty() { (key >> 3).to_string() } else { format!("{at}.{}", key >> 3) };
        let value = match key & 7 {
            0 => json!(take(&mut bytes).cast_signed()),
            2 => {
                let length = usize::try_from(take(&mut bytes)).unwrap();
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                if NESTED.contains(&path.as_str()) { read(inner, &path) } else { json!(String::from_utf8(inner.to_vec()).unwrap()) }
            }
            other => panic!("wire type {other} of field {path}"),
        };
        let list = fields.entry((key >> 3).to_string()).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(value);
    }
    Value::Object(fields)
}

fn take(bytes: &mut &[u8]) -> u64 {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
}

/// Is there a criu that works here? If not, why.
pub(crate) fn real() -> Result<(), String> {
    let path = ["/usr/sbin/criu", "/usr/bin/criu", "/usr/local/sbin/criu", "/usr/local/bin/criu"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(path) = path else { return Err("no criu".into()) };
    let said = Command::new(path).arg("check").output().unwrap();
    let why = String::from_utf8_lossy(&said.stderr).lines().last().unwrap_or_default().to_owned();
    if said.status.success() { Ok(()) } else { Err(format!("criu does not work here: {why}")) }
}
