//! What engines read, byte by byte: files, messages on sockets, JSON. A reader here is written as the engine's own is, and uses nothing of ours.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recv, recvmsg};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use world::{SHIM, Said, World, finish, has, has_controller, until};

/// A process document, as engines write it.
fn document(world: &World, terminal: bool, script: &str) -> String {
    let path = world.path("process.json");
    let args = ["/bin/sh", "-c", script];
    let process = json!({"terminal": terminal, "user": {"uid": 0, "gid": 0}, "args": args, "cwd": "/", "env": ["PATH=/usr/bin:/bin"]});
    fs::write(&path, process.to_string()).unwrap();
    path
}

/// What came with one message: its bytes, and its descriptors.
fn message(stream: &UnixStream) -> (Vec<u8>, Vec<RawFd>) {
    // conmon has room for a name of 4096 bytes, go-runc for one of 4096 too.
    let (mut bytes, mut space) = (vec![0; 4096], cmsg_space!([RawFd; 8]));
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let got = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC).unwrap();
    let of = |control| match control {
        ControlMessageOwned::ScmRights(descriptors) => descriptors,
        other => panic!("{other:?}"),
    };
    let descriptors = got.cmsgs().unwrap().flat_map(of).collect();
    let length = got.bytes;
    (bytes[..length].to_vec(), descriptors)
}

/// go-runc (console.go): one control message of one descriptor, the name in the bytes. conmon (cmsg.c): the same, fewer than 4096 bytes.
#[test]
fn go_runc_and_conmon_receive_one_message_with_one_descriptor() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle_with(json!(["sleep", "100"]), |config| config["process"]["terminal"] = true.into());
    let (console, pidfd) = (world.path("console.sock"), world.path("pidfd.sock"));
    let listeners = [&console, &pidfd].map(|path| UnixListener::bind(path).unwrap());
    let heard_once = || {
        for listener in &listeners {
            let stream = listener.accept().unwrap().0;
            let (name, descriptors) = message(&stream);
            assert_eq!(descriptors.len(), 1);
            assert!(!name.is_empty() && name.len() < 4096, "{name:?}");
            // Nothing more comes: the runtime has closed its end.
            assert_eq!(recv(stream.as_raw_fd(), &mut [0], MsgFlags::empty()), Ok(0));
        }
    };
    let sockets = ["--console-socket", &console, "--pidfd-socket", &pidfd];
    world.shim(&[&["create", "--bundle", &bundle][..], &sockets, &["c1"]].concat()).ok();
    heard_once();
    world.shim(&["start", "c1"]).ok();
    let process = document(&world, true, "sleep 50");
    world.shim(&[&["exec", "--process", &process, "--detach", "--pid-file", "p"][..], &sockets, &["c1"]].concat()).ok();
    heard_once();
}

/// BuildKit (executor.go, `procKiller.Kill`) reads the file again and again while exec still works: it must appear whole.
#[test]
fn buildkit_never_reads_half_a_pid() {
    let Some(world) = World::with_containers() else { return };
    let (file, older) = (world.path("pid"), world.path("older"));
    let replaced = |words: &[&str]| {
        fs::write(&file, "older").unwrap();
        let _ = fs::remove_file(&older);
        fs::hard_link(&file, &older).unwrap();
        world.shim(words).ok();
        // Had it been written in place, the other name would show it.
        assert_eq!(fs::read_to_string(&older).unwrap(), "older");
        assert!(fs::read_to_string(&file).unwrap().parse::<i32>().is_ok_and(|pid| pid > 1), "{words:?}");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
    };
    let bundle = world.bundle("sleep 100");
    replaced(&["run", "-d", "--bundle", &bundle, "--pid-file", &file, "c1"]);
    replaced(&["exec", "--process", &document(&world, false, "true"), "--pid-file", &file, "c1"]);
    let hidden = fs::read_dir(&world.dir).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "a half is left");
}

/// BuildKit stays attached with a pid file, once `state` says `running`, and finds the config by the state's `bundle`.
#[test]
fn buildkit_executes_attached_once_the_state_says_running() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    let mut run = world.call(&["run", "--bundle", &bundle, "--keep", "c1"]).spawn().unwrap();
    until("running", || world.shim(&["state", "c1"]).out.contains("\"running\""));
    let known = world.state("c1")["bundle"].as_str().unwrap().to_owned();
    assert!(Path::new(&known).join("config.json").is_file(), "{known}");
    let process = document(&world, false, "cat; exit 6");
    let words = ["exec", "--process", &process, "--pid-file", "p", "c1"];
    fs::write(world.path("input"), "through").unwrap();
    let said = finish(world.call(&words).stdin(fs::File::open(world.path("input")).unwrap()));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (6, "through", ""));
    world.shim(&["kill", "c1", "9"]).ok();
    assert_eq!(run.wait().unwrap().code(), Some(137));
    world.shim(&["delete", "c1"]).ok();
}

/// containerd (task/service.go) and conmon (cgroup.c) look in `/proc/PID/cgroup` for where to watch memory, as soon as create has returned.
#[test]
fn containerd_and_conmon_find_the_cgroup_of_what_was_created() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["create", "--bundle", &bundle, "--pid-file", "p", "c1"]).ok();
    let pid = fs::read_to_string(world.path("p")).unwrap();
    // Of hierarchies that are not mounted, nothing is asked.
    let is_v2 = fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap();
    let cgroups = || {
        let all = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        all.lines().filter(|line| !is_v2 || line.starts_with("0::")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let end = format!(":/{}", world.name());
    let at_create = cgroups();
    assert!(at_create.lines().all(|line| line.ends_with(&end)), "{at_create}");
    world.shim(&["start", "c1"]).ok();
    assert_eq!(cgroups(), at_create);
}

/// conmon and containerd give the container its three streams with create; the runtime itself writes nothing to them.
#[test]
fn conmon_gives_a_container_its_streams_with_create() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("cat; echo err >&2");
    fs::write(world.path("input"), "through").unwrap();
    let file = |name: &str| fs::File::create(world.path(name)).unwrap();
    let mut create = world.call(&["create", "--bundle", &bundle, "c1"]);
    create.stdin(fs::File::open(world.path("input")).unwrap()).stdout(file("out")).stderr(file("err"));
    assert!(create.status().unwrap().success());
    world.shim(&["start", "c1"]).ok();
    world.wait_for("c1", "stopped");
    assert_eq!(["out", "err"].map(|name| fs::read_to_string(world.path(name)).unwrap()), ["through", "err\n"]);
}

/// conmon-rs (server.rs): globals twice, with `=`; exec with `-d`, `--tty` and the command's words.
#[test]
fn conmon_rs_says_its_root_twice_and_executes_words() {
    let Some(world) = World::with_containers() else { return };
    let root = format!("--root={}", world.root().display());
    let call = |words: &[&str]| finish(&mut world.bare(&[&[root.as_str(), "--systemd-cgroup=false", &root], words].concat()));
    let (bundle, socket) = (world.bundle("sleep 100"), world.path("console.sock"));
    let listener = UnixListener::bind(&socket).unwrap();
    call(&["create", "--bundle", &bundle, "--pid-file", "p", "c1"]).ok();
    call(&["start", "c1"]).ok();
    call(&["exec", "-d", &format!("--console-socket={socket}"), "--tty", "--pid-file=q", "c1", "tty"]).ok();
    assert_eq!(message(&listener.accept().unwrap().0).1.len(), 1);
    assert!(fs::read_to_string(world.path("q")).unwrap().parse::<i32>().is_ok());
    call(&["exec", "-d", "--pid-file=r", "c1", "sleep", "50"]).ok();
    assert!(fs::read_to_string(world.path("r")).unwrap().parse::<i32>().is_ok());
}

/// `ttyCmd` of cri-o: an attached exec on a terminal of the caller's, whose size follows.
#[test]
fn cri_o_executes_on_a_terminal_that_changes_its_size() {
    let Some(world) = World::running().filter(|_| has("setsid") && has("stty")) else { return };
    let process = document(&world, true, r#"stty size; until [ "$(stty size)" = "33 44" ]; do sleep 0.05; done; exit 4"#);
    let size = nix::pty::Winsize { ws_row: 11, ws_col: 22, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(&size, None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut call = Command::new("setsid");
    call.args(["--ctty", "--wait", SHIM, "--root"]).arg(world.root()).args(["exec", "--process", &process, "c1"]);
    let mut running = call.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let (mut text, mut part) = (String::new(), [0; 256]);
    let mut master = fs::File::from(pty.master);
    while !text.contains('\n') {
        let count = master.read(&mut part).unwrap();
        text.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    assert_eq!(text.trim_end(), "11 22");
    let resized = Command::new("stty").args(["rows", "33", "cols", "44"]).stdin(master.try_clone().unwrap()).status();
    assert!(resized.unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(4));
}

/// containerd and BuildKit pass `--debug` on: the last record of level error is the one (process/utils.go).
#[test]
fn containerd_finds_the_error_among_debug_records() {
    let world = World::new();
    let log = world.path("log.json");
    world.shim(&["--debug", "--log", &log, "--log-format", "json", "--rootless=false", "start", "nope"]).fails(1, "does not exist");
    let text = fs::read_to_string(&log).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<&Value> = records.iter().filter(|record| record["level"] == "error").collect();
    assert!(records.len() > errors.len(), "{text}");
    assert_eq!(errors.len(), 1, "{text}");
    assert_eq!(errors[0]["msg"], "container does not exist");
}

/// podman's `--cgroups=disabled` is `--cgroup-manager disabled` through conmon: the container stays where its caller is.
#[test]
fn podman_runs_a_container_without_cgroups() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("cat /proc/self/cgroup");
    let said = world.shim(&["--cgroup-manager", "disabled", "run", "--bundle", &bundle, "c1"]).ok();
    assert_eq!(said, fs::read_to_string("/proc/self/cgroup").unwrap());
}

/// Every number and text of a document by its path; elements of lists have the same.
fn leaves(value: &Value, path: &str, all: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, &format!("{path}.{key}"), all)),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, &format!("{path}[]"), all)),
        leaf => all.push((path.to_owned(), leaf.clone())),
    }
}

/// go-runc (events.go) decodes `events --stats` into named numbers: every name that runc has on this host is there.
#[test]
fn go_runc_decodes_every_number_that_runc_has() {
    let Some(world) = World::running().filter(|_| has("runc")) else { return println!("SKIP: needs root and runc") };
    let bundle = world.path("bundle");
    let path = world.dir.join("bundle/config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    config["linux"]["cgroupsPath"] = format!("/{}-runc", world.name()).into();
    fs::write(&path, config.to_string()).unwrap();
    let id = format!("{}-runc", world.name());
    let runc = |words: &[&str]| finish(Command::new("runc").arg("--root").arg(world.path("runc")).args(words).current_dir(&world.dir));
    runc(&["run", "-d", "--bundle", &bundle, &id]).ok();
    let theirs = runc(&["events", "--stats", &id]);
    runc(&["delete", "--force", &id]).ok();
    let named = |said: Said| {
        let mut all = Vec::new();
        leaves(&serde_json::from_str(&said.ok()).unwrap(), "", &mut all);
        // How many there are of these is the kernel's, at that moment.
        all.retain(|(path, _)| !path.contains(".raw.") && !path.contains("blkio"));
        all
    };
    let ours: BTreeSet<String> = named(world.shim(&["events", "--stats", "c1"])).into_iter().map(|(path, _)| path).collect();
    // What is not there is 0 for who decodes it.
    let theirs: BTreeSet<String> = named(theirs).into_iter().filter(|(_, value)| *value != 0).map(|(path, _)| path).collect();
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(theirs.contains(".id"), "{theirs:?}");
}

/// podman: `update --resources=FILE`; cri-o: `--resources -`, both with a whole `linux.resources`. Neither says how cgroups are made.
#[test]
fn podman_and_cri_o_update_from_a_file_and_from_stdin() {
    let Some(world) = World::running().filter(|_| has_controller("pids")) else { return };
    let limit = || {
        let event: Value = serde_json::from_str(&world.shim(&["events", "--stats", "c1"]).ok()).unwrap();
        event["data"]["pids"]["limit"].as_u64()
    };
    let resources = |limit: u64| json!({"devices": [{"allow": false, "access": "rwm"}], "memory": {}, "cpu": {}, "pids": {"limit": limit}});
    fs::write(world.path("r"), resources(31).to_string()).unwrap();
    world.shim(&[&format!("--root={}", world.root().display()), "update", &format!("--resources={}", world.path("r")), "c1"]).ok();
    assert_eq!(limit(), Some(31));
    fs::write(world.path("r"), resources(32).to_string()).unwrap();
    finish(world.call(&["update", "--resources", "-", "c1"]).stdin(fs::File::open(world.path("r")).unwrap())).ok();
    assert_eq!(limit(), Some(32));
    world.shim(&["exec", "c1", "sh", "-c", "true </dev/null"]).ok();
}

/// Callers have passed to create what only run knows: go-runc's `CreateOpts.args` has `--detach`.
#[test]
fn go_runc_may_detach_a_create_and_move_its_root() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["create", "--bundle", &bundle, "--no-pivot", "--no-new-keyring", "--detach", "--preserve-fds", "0", "c1"]).ok();
    world.shim(&["start", "c1"]).ok();
    assert_eq!(world.state("c1")["status"], "running");
}

/// cri-o reads both streams of `features` as one document, and its two versions first (config.go); containerd, moby and cri-o look for `rro` and
/// id-mapped mounts. What this host's runc lists, we do too.
#[test]
fn cri_o_reads_features_and_finds_no_less_than_runc_has() {
    let said = finish(&mut World::new().bare(&["features"])).ok();
    let ours: Value = serde_json::from_str(&said).unwrap();
    let version = |name: &str| ours[name].as_str().unwrap().split('.').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>();
    assert!(version("ociVersionMin") <= version("ociVersionMax"));
    assert_eq!(ours["linux"]["mountExtensions"]["idmap"]["enabled"], true);
    if !has("runc") {
        return println!("SKIP: needs runc");
    }
    let theirs = Command::new("runc").arg("features").output().unwrap().stdout;
    let theirs: Value = serde_json::from_slice(&theirs).unwrap();
    let lists =
        ["/hooks", "/mountOptions", "/linux/namespaces", "/linux/capabilities", "/linux/seccomp/actions", "/linux/seccomp/operators"];
    for list in lists {
        let all = |features: &Value| features.pointer(list).unwrap().as_array().unwrap().clone();
        let known = all(&ours);
        let missing: Vec<Value> = all(&theirs).into_iter().filter(|word| !known.contains(word)).collect();
        assert!(missing.is_empty(), "{list}: {missing:?}");
    }
    for fact in ["/linux/cgroup/v1", "/linux/cgroup/v2", "/linux/cgroup/systemd", "/linux/seccomp/enabled", "/linux/apparmor/enabled"] {
        assert_eq!(ours.pointer(fact), theirs.pointer(fact), "{fact}");
    }
}

/// podman (oci_util.go) takes a path in back quotes, below an `attr` of `/proc` and with `/exec` at its end, for a label that could not be set.
#[test]
fn podman_finds_that_a_label_could_not_be_set() {
    let Some(world) = World::running() else { return };
    let said = world.shim(&["exec", "--apparmor", "nosuch", "c1", "true"]);
    said.fails(255, "");
    let quoted = said.err.split('`').nth(1).unwrap_or_default();
    assert!(quoted.starts_with("/proc/") && quoted.contains("/attr/") && quoted.ends_with("/exec"), "{said:?}");
}

/// conmon gives the engine what create wrote to stderr, up to 8 KiB: one line, and nothing of it in the streams of a container that is not.
#[test]
fn conmon_hands_on_one_line_of_a_create_that_failed() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle_with(json!(["nosuch"]), |_| ());
    let said = world.shim(&["create", "--bundle", &bundle, "--pid-file", "p", "c1"]);
    said.fails(1, "executable file not found in $PATH");
    assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1));
    assert!(said.err.len() < 8192 && !fs::exists(world.path("p")).unwrap(), "{said:?}");
}

/// podman pauses, resumes and updates in an environment of one variable; conmon has none of its own either.
#[test]
fn podman_pauses_resumes_and_updates_without_a_path() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, id) = (world.bundle("sleep 100"), world.name());
    let call = |words: &[&str]| finish(world.bare(words).env("XDG_RUNTIME_DIR", "/run"));
    call(&["create", "--bundle", &bundle, id]).ok();
    call(&["start", id]).ok();
    call(&["pause", id]).ok();
    assert!(call(&["state", id]).ok().contains("\"paused\""));
    call(&["resume", id]).ok();
    let resources = if has_controller("pids") { r#"{"pids":{"limit":33}}"# } else { "{}" };
    fs::write(world.path("r"), resources).unwrap();
    call(&["update", &format!("--resources={}", world.path("r")), id]).ok();
    call(&["kill", "--all", id, "9"]).ok();
    until("stopped", || call(&["state", id]).out.contains("\"stopped\""));
    call(&["delete", "--force", id]).ok();
}

/// moby's runtimes with arguments are a script that executes this program under whatever name: nothing depends on it.
#[test]
fn moby_calls_it_through_a_script() {
    let world = World::new();
    let script = world.path("wrapped");
    let mut file = fs::File::create(&script).unwrap();
    writeln!(file, "#!/bin/sh\nexec {SHIM} --debug=false \"$@\"").unwrap();
    drop(file);
    let said = finish(Command::new("/bin/sh").args([&script, "--version"]).current_dir(&world.dir)).ok();
    assert_eq!(said, finish(&mut world.bare(&["--version"])).ok());
    finish(Command::new("/bin/sh").args([&script, "state", "nope"]).current_dir(&world.dir)).fails(1, "container does not exist");
}
