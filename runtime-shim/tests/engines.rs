//! What engines do with a runtime, call by call. Each test is named after its engine and makes that engine's calls, on real containers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use world::{Said, World, finish, has_controller, until};

/// The arguments containerd's shim puts before every verb; `criu` came from shims of containerd 1.
fn containerd(world: &World, words: &[&str]) -> Said {
    let log = world.path("log.json");
    world.shim(&[&["--log", log.as_str(), "--log-format", "json", "--rootless=false", "--criu", "criu"], words].concat())
}

/// The pid file as go-runc reads it: `strconv.Atoi` of the whole.
#[track_caller]
fn pid(path: &str) -> i32 {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// go-runc's `getLastRuntimeError`: every record must be JSON; the last with level error counts.
fn last_error(world: &World) -> String {
    let text = fs::read_to_string(world.path("log.json")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = records.iter().rfind(|record| record["level"] == "error").unwrap();
    last["msg"].as_str().unwrap().to_owned()
}

#[test]
fn containerd_creates_starts_kills_and_deletes() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, file) = (world.bundle("sleep 100"), world.path("init.pid"));
    containerd(&world, &["create", "--bundle", &bundle, "--pid-file", &file, "c1"]).ok();
    let state = world.state("c1");
    assert_eq!((state["status"].as_str(), state["pid"].as_i64()), (Some("created"), Some(pid(&file).into())));
    assert_eq!((state["bundle"].as_str(), state["annotations"]["world"].as_str()), (Some(bundle.as_str()), Some("yes")));
    containerd(&world, &["start", "c1"]).ok();
    assert_eq!(world.state("c1")["status"], "running");
    containerd(&world, &["kill", "c1", "9"]).ok();
    world.wait_for("c1", "stopped");
    assert_eq!(world.state("c1")["pid"], 0);
    containerd(&world, &["kill", "c1", "9"]).fails(1, "container not running");
    containerd(&world, &["kill", "--all", "c1", "9"]).ok();
    containerd(&world, &["delete", "c1"]).ok();
    containerd(&world, &["delete", "c1"]).fails(1, "does not exist");
    assert!(last_error(&world).contains("does not exist"));
    containerd(&world, &["delete", "--force", "c1"]).ok();
}

/// The shim gives a process file and a pid file, and must find the process among its own children's orphans.
#[test]
fn containerd_executes_a_process_from_a_file() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, file, process) = (world.bundle("sleep 100"), world.path("exec.pid"), world.path("process.json"));
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let wanted = json!({"user": {"uid": 0, "gid": 0}, "args": ["/bin/sleep", "50"], "cwd": "/", "env": ["PATH=/bin"],
        "capabilities": {"bounding": ["CAP_KILL", "CAP_OF_TOMORROW"]}});
    fs::write(&process, wanted.to_string()).unwrap();
    containerd(&world, &["exec", "--process", &process, "--detach", "--pid-file", &file, "c1"]).ok();
    let pids: Vec<i32> = serde_json::from_str(&world.shim(&["ps", "--format", "json", "c1"]).ok()).unwrap();
    assert!(pids.contains(&pid(&file)), "{pids:?}");
    let table = world.shim(&["ps", "--format", "table", "c1", "-efww"]).ok();
    let of = |line: &str| line.split_whitespace().nth(1).unwrap().parse::<i32>().unwrap();
    assert!(table.lines().skip(1).all(|line| pids.contains(&of(line))), "{table}");
    // An exec is over a moment before the kernel shows its words.
    until("ps shows the program", || world.shim(&["ps", "c1"]).ok().lines().any(|line| line.ends_with("/bin/sleep 50")));
}

/// go-runc: one message, one file descriptor, a name that is not empty; the runtime goes away and the terminal stays.
#[test]
fn containerd_receives_the_terminal() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle_with(json!(["/bin/sh", "-c", "tty; sleep 100"]), |config| config["process"]["terminal"] = true.into());
    let socket = world.path("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    world.shim(&["create", "--bundle", &bundle, "c0"]).fails(1, "");
    containerd(&world, &["create", "--bundle", &bundle, "--console-socket", &socket, "c1"]).ok();
    let mut terminal = fs::File::from(receive(&listener));
    containerd(&world, &["start", "c1"]).ok();
    let mut text = [0; 64];
    let n = terminal.read(&mut text).unwrap();
    assert_eq!(String::from_utf8_lossy(&text[..n]).trim(), "/dev/pts/0");
}

/// One message with one descriptor, or it fails.
fn receive(listener: &UnixListener) -> OwnedFd {
    runtime_core::console::receive_terminal(listener.accept().unwrap().0).unwrap()
}

/// The exit codes of `docker run` are made from these words.
#[test]
fn moby_finds_why_a_program_cannot_run() {
    let Some(world) = World::with_containers() else { return };
    let cases = [
        ("nosuch", "executable file not found in $PATH"),
        ("/nosuch", "no such file or directory"),
        ("/plain", "permission denied"),
        ("/usr", "permission denied|is a directory"),
        ("/plain/x", "not a directory"),
    ];
    for (program, words) in cases {
        let bundle = world.bundle_with(json!([program]), |_| ());
        fs::write(world.dir.join("bundle/rootfs/plain"), "").unwrap();
        for verb in ["run", "create"] {
            let said = world.shim(&[verb, "--bundle", &bundle, "c1"]);
            assert!(said.code != 0 && words.split('|').any(|words| said.err.contains(words)), "{verb} {program}: {said:?}");
            assert_eq!(world.shim(&["list", "-q"]).ok(), "", "{verb} {program} left something");
        }
    }
}

/// docker reads `commit:` and the version; its recursive read-only mounts need `rro`. containerd's user namespaces need both facts.
#[test]
fn moby_and_containerd_find_what_they_need_among_the_features() {
    let said: Value = serde_json::from_str(&World::new().shim(&["features"]).ok()).unwrap();
    let has = |list: &Value, word: &str| list.as_array().is_some_and(|list| list.contains(&word.into()));
    assert!(has(&said["mountOptions"], "rro"), "{said}");
    assert!(has(&said["linux"]["namespaces"], "user"), "{said}");
    assert_eq!(said["linux"]["mountExtensions"]["idmap"]["enabled"], true);
}

/// podman stops and removes with an environment of one variable, and no root.
#[test]
fn podman_kills_and_deletes_without_a_path() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    let id = world.name();
    let call = |words: &[&str]| finish(world.bare(words).env("XDG_RUNTIME_DIR", "/run"));
    call(&["create", "--bundle", &bundle, id]).ok();
    call(&["start", id]).ok();
    call(&["kill", id, "9"]).ok();
    until("stopped", || call(&["state", id]).out.contains("\"stopped\""));
    call(&["delete", "--force", id]).ok();
    call(&["state", id]).fails(1, "container does not exist");
}

/// conmon: no pid file means that exec failed, and the engine gets stderr; podman reads the log as one object.
#[test]
fn conmon_sees_a_failed_exec_by_the_missing_pid_file() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, file, process) = (world.bundle("sleep 100"), world.path("exec.pid"), world.path("process.json"));
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    fs::write(&process, json!({"user": {"uid": 0, "gid": 0}, "args": ["nosuch"], "cwd": "/", "env": ["PATH=/bin"]}).to_string()).unwrap();
    let said = containerd(&world, &["exec", "--pid-file", &file, "--process", &process, "--detach", "c1"]);
    said.fails(255, "executable file not found in $PATH");
    assert!(!fs::exists(&file).unwrap());
    let whole: Value = serde_json::from_str(&fs::read_to_string(world.path("log.json")).unwrap()).unwrap();
    assert_eq!(whole["level"], "error");
}

/// cri-o stays attached with pipes of its own and wants the program's code and bytes.
#[test]
fn cri_o_executes_attached() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let said = world.shim(&["exec", "c1", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (7, "out\n", "err\n"));
    assert_eq!(world.shim(&["exec", "c1", "sh", "-c", "kill -9 $$"]).code, 137);
    assert_eq!(
        world.shim(&["exec", "--cwd", "/usr", "-e", "A=b", "-u", "5:6", "c1", "sh", "-c", "echo $A $(pwd) $(id -u) $(id -g)"]).ok(),
        "b /usr 5 6\n"
    );
    let mut cat = world.call(&["exec", "c1", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cat.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(cat.wait_with_output().unwrap().stdout, b"through");
}

/// cri-o gives an attached exec a process document, and takes its code from the runtime.
#[test]
fn cri_o_executes_a_document_attached() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, process) = (world.bundle("sleep 100"), world.path("process.json"));
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let wanted = json!({"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "cat; exit 9"], "cwd": "/", "env": ["PATH=/bin"]});
    fs::write(&process, wanted.to_string()).unwrap();
    fs::write(world.path("input"), "through").unwrap();
    // Flags that describe a process mean nothing beside a document, nor do more words.
    let words = ["exec", "--process", &process, "--cwd", "/nosuch", "--env", "A", "c1", "false"];
    let said = finish(world.call(&words).stdin(fs::File::open(world.path("input")).unwrap()));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (9, "through", ""));
}

/// 255 is exec's own; engines and scripts tell it from the program's code.
#[test]
fn every_failure_of_exec_is_255() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    fs::write(world.path("broken.json"), "{").unwrap();
    fs::write(world.path("empty.json"), "{}").unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["nope", "true"], "exec failed: container does not exist"),
        (&["c1"], "exec failed: exec args cannot be empty"),
        (&["c1", "nosuch"], "executable file not found in $PATH"),
        (&["c1", "/nosuch"], "no such file or directory"),
        (&["--cwd", "relative", "c1", "true"], "cwd"),
        (&["--cwd", "/nosuch", "c1", "true"], "no such file or directory"),
        (&["--user", "root", "c1", "true"], "user"),
        (&["--user", "1:", "c1", "true"], "user"),
        (&["-g", "-1", "c1", "true"], "additional-gids"),
        (&["--process", "nosuch.json", "c1"], "nosuch.json: no such file or directory"),
        (&["--process", "broken.json", "c1"], "broken.json"),
        (&["--process", "empty.json", "c1"], "args must not be empty"),
        (&["--preserve-fds", "1", "c1", "true"], "unable to stat preserved-fd 0 (of 1)"),
        (&["--process-label", "a:b:c:d", "c1", "true"], "exec failed: "),
        (&["--pid-file", "/nosuch/pid", "c1", "true"], "no such file or directory"),
    ];
    for (words, sentence) in cases {
        let said = world.shim(&[&["exec"], *words].concat());
        assert!(said.code == 255 && said.err.lines().count() == 1 && said.err.contains(sentence), "{words:?}: {said:?}");
        assert_eq!(said.out, "", "{words:?}");
    }
    // A command line that is not understood is no failure of exec.
    assert_eq!(world.shim(&["exec", "--nosuch", "c1", "true"]).code, 1);
    assert_eq!(world.shim(&["exec"]).code, 1);
}

/// What `exec` says of a process on the command line: docker and podman say it in a document, people and runc's tests here.
#[test]
fn exec_takes_a_process_from_the_command_line() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle_with(json!(["sleep", "100"]), |config| {
        config["process"]["capabilities"] = json!({"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]});
        config["process"]["env"].as_array_mut().unwrap().push("A=config".into());
    });
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let exec = |flags: &[&str], script: &str| world.shim(&[&["exec"], flags, &["c1", "sh", "-c", script]].concat()).ok();
    let status =
        |flags: &[&str], name: &str| exec(flags, &format!("grep {name}: /proc/self/status")).split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(status(&[], "CapEff"), "0000000000000020");
    assert_eq!(status(&["--cap", "CAP_CHOWN", "-c", "CAP_FOWNER"], "CapEff"), "0000000000000029");
    assert_eq!(status(&["--cap", "CAP_CHOWN"], "CapInh"), "0000000000000000");
    assert_eq!([status(&[], "NoNewPrivs"), status(&["--no-new-privs"], "NoNewPrivs")], ["0", "1"]);
    assert_eq!(exec(&["-u=5:6", "-g", "7", "--additional-gids=8"], "id -u; id -G"), "5\n6 7 8\n");
    assert_eq!(exec(&[], "echo $A"), "config\n");
    assert_eq!(exec(&["-e", "A=b", "--env=C=d,e"], "echo $A $C"), "b d,e\n");
    assert_eq!(exec(&["--cwd=", "--user=", "--apparmor=", "--process-label="], "pwd; id -u"), "/\n0\n");
}

/// runc's tests, docker's `top`, and people: the host's `ps`, with options in one word or in many.
#[test]
fn moby_lists_processes_with_the_options_of_the_hosts_ps() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let pid = world.state("c1")["pid"].to_string();
    let first = |words: &[&str]| {
        let table = world.shim(&[&["ps"], words].concat()).ok();
        assert!(table.lines().skip(1).any(|line| line.split_whitespace().any(|word| word == pid)), "{words:?}: {table}");
        table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(first(&["c1"]), "UID PID PPID C STIME TTY TIME CMD");
    assert_eq!(first(&["c1", "-e", "-x"]), "PID TTY STAT TIME COMMAND");
    assert_eq!(first(&["--format", "table", "c1", "aux"]), "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND");
    assert_eq!(first(&["-f=table", "c1", "-eo", "comm,pid"]), "COMMAND PID");
    world.shim(&["ps", "c1", "--nosuch"]).fails(1, "ps: exit status: 1: error: unknown gnu long option");
    world.shim(&["ps", "c1", "-eo", "comm"]).fails(1, "PID");
    world.shim(&["ps", "--format", "xml", "c1"]).fails(1, "invalid format option");
    world.shim(&["kill", "c1", "KILL"]).ok();
    world.wait_for("c1", "stopped");
    assert_eq!(world.shim(&["ps", "c1"]).ok().lines().count(), 1);
    assert_eq!(world.shim(&["ps", "-f", "json", "c1"]).ok(), "null\n");
}

/// go-runc, podman and cri-o decode it; scripts read its lines.
#[test]
fn go_runc_and_podman_read_a_state() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["create", "--bundle", &bundle, "c1"]).ok();
    let said = world.shim(&["state", "c1"]).ok();
    let names: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(names, ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"]);
    assert!(said.starts_with("{\n  \"") && said.ends_with('}'), "{said}");
    let created = world.state("c1")["created"].as_str().unwrap().to_owned();
    // Go's time.RFC3339Nano.
    assert!(created.ends_with('Z') && created.as_bytes().get(10) == Some(&b'T') && created.len() >= 20, "{created}");
}

/// cri-o compares these words with their case when it kills, and takes any failure of `state` for a stopped container.
#[test]
fn cri_o_finds_that_a_container_is_gone() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("true");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    world.wait_for("c1", "stopped");
    world.shim(&["kill", "c1", "15"]).fails(1, "container not running");
    world.shim(&["exec", "c1", "true"]).fails(255, "cannot exec in a stopped container");
    world.shim(&["start", "c1"]).fails(1, "cannot start a container that has stopped");
    world.shim(&["pause", "c1"]).fails(1, "container not running");
}

/// BuildKit runs attached, sometimes keeps, and kills by number.
#[test]
fn buildkit_runs_attached_and_gets_the_code() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("echo out; exit 3");
    let said = world.shim(&["run", "--bundle", &bundle, "c1"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "out\n", ""));
    world.shim(&["state", "c1"]).fails(1, "container does not exist");
    assert_eq!(world.shim(&["run", "--bundle", &bundle, "--keep", "c1"]).code, 3);
    assert_eq!(world.state("c1")["status"], "stopped");
    world.shim(&["run", "--bundle", &bundle, "c1"]).fails(1, "container with given ID already exists");
    world.shim(&["delete", "c1"]).ok();
}

#[test]
fn an_attached_run_passes_signals_on() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("trap 'exit 9' TERM; while :; do sleep 0.1; done");
    let mut run = world.call(&["run", "--bundle", &bundle, "c1"]).spawn().unwrap();
    until("running", || world.shim(&["state", "c1"]).out.contains("\"running\""));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let to = nix::unistd::Pid::from_raw(i32::try_from(run.id()).unwrap());
    nix::sys::signal::kill(to, nix::sys::signal::SIGTERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(9));
}

/// buildah kills without a signal, and fails on a status it does not know.
#[test]
fn buildah_kills_without_a_signal_and_knows_every_status() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, file) = (world.bundle("trap 'exit 0' TERM; while :; do sleep 0.1; done"), world.path("pid"));
    world.shim(&["create", "--bundle", &bundle, "--pid-file", &file, "c1"]).ok();
    world.shim(&["start", "c1"]).ok();
    world.shim(&["start", "c1"]).fails(1, "cannot start an already running container");
    world.shim(&["delete", "c1"]).fails(1, "cannot delete container c1 that is not stopped: running");
    until("the trap is set", || world.shim(&["ps", "-f", "json", "c1"]).out.contains(','));
    world.shim(&["kill", "c1"]).ok();
    until("stopped", || {
        let status = world.state("c1")["status"].clone();
        assert!(["running", "stopped"].contains(&status.as_str().unwrap()));
        status == "stopped"
    });
    world.shim(&["delete", "c1"]).ok();
}

/// As with runc: in the log where there is one, else on stderr. go-runc looks for the last record of level error, and podman, which wants one
/// record, takes stderr where it finds more.
#[test]
fn what_a_config_has_and_the_container_has_not_is_a_warning() {
    let Some(world) = World::with_containers() else { return };
    let change = |name: &str| {
        let sets = json!({"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL", name]});
        world.bundle_with(json!(["true"]), |config| config["process"]["capabilities"] = sets)
    };
    let words = "can't raise ambient capability CAP_CHOWN: ";
    for verb in ["run", "create"] {
        let bundle = change("CAP_CHOWN");
        let said = world.shim(&[verb, "--bundle", &bundle, "c1"]);
        assert!(said.code == 0 && said.err.contains("level=warning") && said.err.contains(words), "{verb}: {said:?}");
        world.shim(&["delete", "--force", "c1"]).ok();
        containerd(&world, &[verb, "--bundle", &bundle, "c1"]).ok();
        world.shim(&["delete", "--force", "c1"]).ok();
        world.shim(&["--log-level=error", verb, "--bundle", &bundle, "c1"]).ok();
        world.shim(&["delete", "--force", "c1"]).ok();
        world.shim(&[verb, "--bundle", &change("CAP_KILL"), "c1"]).ok();
        world.shim(&["delete", "--force", "c1"]).ok();
    }
    let log = fs::read_to_string(world.path("log.json")).unwrap();
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.len() == 2 && records.iter().all(|record| record["level"] == "warning"), "{log}");
    assert!(log.contains(words), "{log}");
}

/// The init is the first of its pid namespace, and yet not deaf; as with runc, whose init ends by these and by no others.
#[test]
fn a_container_that_waits_for_its_start_ends_by_what_asks_it_to() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    for signal in ["HUP", "INT", "QUIT", "ABRT", "TERM", "STKFLT"] {
        world.shim(&["create", "--bundle", &bundle, "c1"]).ok();
        for other in ["WINCH", "CONT", "CHLD", "USR1", "TSTP", "RTMIN"] {
            world.shim(&["kill", "c1", other]).ok();
        }
        assert_eq!(world.state("c1")["status"], "created", "before {signal}");
        let pid = world.state("c1")["pid"].to_string();
        let sent = std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(sent.success(), "{signal}");
        until(&format!("stopped by {signal}"), || world.state("c1")["status"] == "stopped");
        world.shim(&["delete", "c1"]).ok();
    }
    world.shim(&["create", "--bundle", &bundle, "c1"]).ok();
    world.shim(&["kill", "c1"]).ok();
    until("stopped", || world.state("c1")["status"] == "stopped");
    world.shim(&["delete", "c1"]).ok();
    // cri-o and podman say `all` of a container that shares its processes, and may say it of any.
    world.shim(&["create", "--bundle", &bundle, "c1"]).ok();
    world.shim(&["kill", "--all", "c1", "15"]).ok();
    until("stopped", || world.state("c1")["status"] == "stopped");
    world.shim(&["delete", "c1"]).ok();
}

#[test]
fn a_container_is_paused_and_resumed() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    world.shim(&["resume", "c1"]).fails(1, "container not paused");
    world.shim(&["pause", "c1"]).ok();
    assert_eq!(world.state("c1")["status"], "paused");
    world.shim(&["exec", "c1", "true"]).fails(255, "cannot exec in a paused container (use --ignore-paused to override)");
    world.shim(&["resume", "c1"]).ok();
    world.shim(&["exec", "c1", "true"]).ok();
}

/// containerd and cri-o pass limits on stdin; the library's users read `events --stats`.
#[test]
fn containerd_updates_from_stdin_and_reads_stats() {
    let Some(world) = World::with_containers().filter(|_| has_controller("pids") && has_controller("memory")) else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    fs::write(world.path("limits"), r#"{"pids":{"limit":33}}"#).unwrap();
    finish(world.call(&["update", "--resources=-", "c1"]).stdin(fs::File::open(world.path("limits")).unwrap())).ok();
    let line = world.shim(&["events", "--stats", "c1"]).ok();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((event["type"].as_str(), event["id"].as_str(), line.lines().count()), (Some("stats"), Some("c1"), 1));
    assert_eq!(event["data"]["pids"]["limit"], 33);
    world.shim(&["update", "--pids-limit", "44", "--memory", "1g", "c1"]).ok();
    let event: Value = serde_json::from_str(&world.shim(&["events", "--stats", "c1"]).ok()).unwrap();
    assert_eq!((event["data"]["pids"]["limit"].as_u64(), event["data"]["memory"]["usage"]["limit"].as_u64()), (Some(44), Some(1 << 30)));
}

#[test]
fn events_end_with_the_container() {
    let Some(world) = World::with_containers().filter(|_| has_controller("memory")) else { return };
    let bundle = world.bundle("sleep 2");
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    let said = world.shim(&["events", "--interval=200ms", "c1"]).ok();
    // How many there are is a matter of how fast the machine is.
    assert!(!said.is_empty() && said.lines().all(|line| line.starts_with(r#"{"type":"stats","id":"c1""#)), "{said}");
}

#[test]
fn containers_are_listed_with_their_owner() {
    let Some(world) = World::with_containers() else { return };
    for id in ["c2", "c1"] {
        let bundle =
            world.bundle_with(json!(["sleep", "100"]), |config| config["linux"]["cgroupsPath"] = format!("/{}-{id}", world.name()).into());
        world.shim(&["create", "--bundle", &bundle, id]).ok();
    }
    assert_eq!(world.shim(&["list", "-q"]).ok(), "c1\nc2\n");
    let list: Value = serde_json::from_str(&world.shim(&["list", "--format=json"]).ok()).unwrap();
    assert_eq!(
        (list[0]["id"].as_str(), list[0]["owner"].as_str(), list[1]["status"].as_str()),
        (Some("c1"), Some("root"), Some("created"))
    );
    assert!(world.shim(&["list"]).ok().lines().nth(1).unwrap().ends_with("   root"));
}

#[test]
fn a_dry_run_prints_steps_and_touches_nothing() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("true");
    let plan = world.shim(&["create", "--dry-run", "--bundle", &bundle, "c1"]).ok();
    assert!(plan.contains("/proc"), "{plan}");
    assert_eq!(world.shim(&["run", "--dry-run", "--bundle", &bundle, "c1"]).ok(), plan);
    assert!(!world.root().exists());
}

/// runc's tests: a socket that hands over a pidfd instead of a number.
#[test]
fn containerd_receives_a_pidfd() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, socket) = (world.bundle("sleep 100"), world.path("pidfd.sock"));
    let listener = UnixListener::bind(&socket).unwrap();
    containerd(&world, &["create", "--bundle", &bundle, "--pidfd-socket", &socket, "c1"]).ok();
    let pidfd = receive(&listener);
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap().trim().to_owned();
    assert_eq!(pid, world.state("c1")["pid"].to_string());
}

#[test]
fn descriptors_are_passed_as_asked_and_no_others() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("for fd in 3 4 5; do test -e /proc/$$/fd/$fd && printf $fd; done");
    let passing = |words: &str| {
        let line =
            format!("exec {} --root {} run --bundle {bundle} {words} c1 3</dev/null 4</dev/null", world::SHIM, world.root().display());
        let out = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(passing("--preserve-fds 2"), "34");
    assert_eq!(passing("--preserve-fds 1"), "3");
    assert_eq!(passing(""), "");
}

/// An engine that is pinned to a CPU (or a shell under `taskset`) does not pin what it runs.
#[test]
fn runcs_suite_runs_and_executes_on_every_cpu() {
    let Some(world) = World::with_containers() else { return };
    let allowed = |pid: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.lines().find(|line| line.starts_with("Cpus_allowed_list:")).unwrap().to_owned()
    };
    let own = allowed("self");
    let pinned = |words: &[&str]| {
        let root = world.root();
        let mut call = std::process::Command::new("taskset");
        call.args(["-c", "0", world::SHIM, "--root", root.to_str().unwrap()]).args(words).current_dir(&world.dir).stdin(Stdio::null());
        finish(&mut call).ok()
    };
    pinned(&["run", "-d", "--bundle", &world.bundle("exec sleep 100"), "c1"]);
    assert_eq!(allowed(&world.state("c1")["pid"].to_string()), own);
    assert_eq!(pinned(&["exec", "c1", "grep", "Cpus_allowed_list", "/proc/self/status"]).trim_end(), own);
}

/// What the runtime itself opens does not count against the program's limit of open files.
#[test]
fn runcs_suite_gives_a_container_of_many_mounts_few_files() {
    let Some(world) = World::with_containers() else { return };
    let map = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
    let bundle = world.bundle_with(json!(["/bin/sh", "-c", "ulimit -n"]), |config| {
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 12, "hard": 12}]);
        let many = (0..20).map(|at| json!({"destination": format!("/m/{at}"), "source": "/usr", "options": ["bind"]}));
        config["mounts"].as_array_mut().unwrap().extend(many);
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        (config["linux"]["uidMappings"], config["linux"]["gidMappings"]) = (map.clone(), map.clone());
    });
    assert_eq!(world.shim(&["run", "--bundle", &bundle, "c1"]).ok(), "12\n");
}
