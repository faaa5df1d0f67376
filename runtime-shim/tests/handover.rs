//! What is handed over between a caller, the runtime and a process: descriptors, sockets, terminals, variables, keys, numbers of processes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;
use world::{SHIM, Said, World, finish, has};

/// The runtime as a shell calls it: `before` may set variables and open descriptors.
fn from_shell(world: &World, before: &str, words: &str) -> Said {
    let line = format!("{before} exec {SHIM} --root {} {words}", world.root().display());
    finish(Command::new("/bin/sh").args(["-c", &line]).current_dir(&world.dir))
}

/// Which of some descriptors a program has, and the variables that tell of them.
const LOOK: &str = "for fd in 3 4 5; do test -e /proc/$$/fd/$fd && printf $fd; done; echo \" $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES\"";

/// podman's `--preserve-fds` and socket activation: the sockets come first, then as many as were asked for.
#[test]
fn podman_hands_sockets_and_more_descriptors_to_a_container() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle(LOOK);
    let files = "exec 3</dev/null 4</dev/null 5</dev/null;";
    let run =
        |listen: &str, words: &str| from_shell(&world, &format!("{files} {listen}"), &format!("run --bundle {bundle} {words} c1")).ok();
    let listen = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a";
    assert_eq!(run("", ""), "   \n");
    assert_eq!(run("", "--preserve-fds 2"), "34   \n");
    assert_eq!(run(listen, ""), "3 1 1 \n");
    assert_eq!(run(listen, "--preserve-fds 1"), "34 1 1 \n");
    assert_eq!(run("LISTEN_PID=1 LISTEN_FDS=1", ""), "   \n", "they were somebody else's");
}

/// As in runc, the sockets of an activated caller are a container's, not an exec's.
#[test]
fn exec_hands_on_what_is_asked_for_and_no_sockets() {
    let Some(world) = World::running() else { return };
    fs::write(world.path("look"), LOOK).unwrap();
    let before = "exec 3</dev/null 4</dev/null; look=$(cat look); LISTEN_PID=$$ LISTEN_FDS=1";
    assert_eq!(from_shell(&world, before, "exec --preserve-fds=1 c1 sh -c \"$look\"").ok(), "3   \n");
    assert_eq!(from_shell(&world, before, "exec c1 sh -c \"$look\"").ok(), "   \n");
}

#[test]
fn a_descriptor_that_is_not_there_is_named_before_anything_runs() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("true");
    let said = from_shell(&world, "exec 3</dev/null 4<&-;", &format!("run --bundle {bundle} --preserve-fds 2 c1"));
    said.fails(1, "unable to stat preserved-fd 1 (of 2): no such file or directory");
    for many in ["2147483645", "2147483647", "4294967295"] {
        let words = format!("unable to stat preserved-fd 0 (of {many}): no such file or directory");
        world.shim(&["create", "--bundle", &bundle, "--preserve-fds", many, "c1"]).fails(1, &words);
    }
    world.shim(&["create", "--bundle", &bundle, "--preserve-fds", "-1", "c1"]).fails(1, "preserve-fds");
    assert_eq!(world.shim(&["list", "-q"]).code, 1, "a root was made for nothing");
}

/// What systemd hears of a service whose container is ready. The last message brings a descriptor, which is closed unread here.
fn heard_by_systemd(host: &UnixDatagram) -> [String; 3] {
    [(); 3].map(|()| {
        let mut message = [0; 100];
        let length = host.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    })
}

/// Says something to the service manager, as `sd_notify(3)` does, and stays.
fn notifying(message: &str) -> Value {
    let script = format!(
        "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; \
         send(S, '{message}', 0, pack_sockaddr_un($ENV{{NOTIFY_SOCKET}})) or die; sleep 100"
    );
    json!(["/usr/bin/perl", "-e", script])
}

/// podman's `--sdnotify=container`, and a unit of type notify.
#[test]
fn systemd_hears_that_a_container_is_ready_and_who_it_is() {
    let Some(world) = World::with_containers().filter(|_| has("perl")) else { return println!("SKIP: needs root and perl") };
    let bundle = world.bundle_with(notifying("STATUS=soon\nREADY=1\nMAINPID=7"), |_| ());
    let socket = world.path("host.sock");
    let host = UnixDatagram::bind(&socket).unwrap();
    let call = |words: &[&str]| finish(world.call(words).env("NOTIFY_SOCKET", &socket));
    std::thread::scope(|scope| {
        let heard = scope.spawn(|| heard_by_systemd(&host));
        call(&["create", "--bundle", &bundle, "c1"]).ok();
        call(&["start", "c1"]).ok();
        let [ready, main, barrier] = heard.join().unwrap();
        assert_eq!((ready.as_str(), barrier.as_str()), ("READY=1\n", "BARRIER=1"));
        assert_eq!(main, format!("MAINPID={}\n", world.state("c1")["pid"]));
    });
    call(&["delete", "--force", "c1"]).ok();
    std::thread::scope(|scope| {
        let heard = scope.spawn(|| heard_by_systemd(&host));
        call(&["run", "--detach", "--bundle", &bundle, "c1"]).ok();
        assert_eq!(heard.join().unwrap()[1], format!("MAINPID={}\n", world.state("c1")["pid"]));
    });
}

/// go-runc takes the variable away; then there is nothing inside, and nobody waits.
#[test]
fn containerd_starts_a_container_without_a_service_manager() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("echo \"[$NOTIFY_SOCKET]\"; test -e /run/notify || echo none");
    assert_eq!(world.shim(&["run", "--bundle", &bundle, "c1"]).ok(), "[]\nnone\n");
}

/// The number in a pidfd's `fdinfo`.
fn pid_of(pidfd: &OwnedFd) -> i64 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap().trim().parse().unwrap()
}

/// go-runc's `PidfdSocket`, for each of the three that make a process.
#[test]
fn containerd_receives_a_pidfd_of_what_it_creates_runs_and_executes() {
    let Some(world) = World::with_containers() else { return };
    let (bundle, socket, file) = (world.bundle("sleep 100"), world.path("pidfd.sock"), world.path("exec.pid"));
    let listener = UnixListener::bind(&socket).unwrap();
    let receive = || runtime_core::console::receive_terminal(listener.accept().unwrap().0).unwrap();
    for verb in [&["create"][..], &["run", "--detach"]] {
        world.shim(&[verb, &["--bundle", &bundle, "--pidfd-socket", &socket, "c1"]].concat()).ok();
        assert_eq!(pid_of(&receive()), world.state("c1")["pid"]);
        world.shim(&["delete", "--force", "c1"]).ok();
    }
    world.shim(&["run", "-d", "--bundle", &bundle, "c1"]).ok();
    world.shim(&["exec", "--detach", "--pidfd-socket", &socket, "--pid-file", &file, "c1", "sleep", "50"]).ok();
    assert_eq!(pid_of(&receive()).to_string(), fs::read_to_string(&file).unwrap());
    world.shim(&["delete", "--force", "c1"]).ok();
    world.shim(&["create", "--bundle", &bundle, "--pidfd-socket", "/nosuch", "c1"]).fails(1, "/nosuch: no such file or directory");
}

/// docker's and podman's `exec -t`: containerd and conmon hold the terminal; runc's own users have one.
#[test]
fn conmon_receives_the_terminal_of_an_exec() {
    let Some(world) = World::running() else { return };
    let (socket, process) = (world.path("console.sock"), world.path("process.json"));
    let wanted = json!({"terminal": true, "user": {"uid": 0, "gid": 0}, "args": ["/usr/bin/tty"], "cwd": "/", "env": ["PATH=/bin"]});
    fs::write(&process, wanted.to_string()).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    world.shim(&["exec", "--pid-file", "p", "--process", &process, "--detach", "--console-socket", &socket, "c1"]).ok();
    let master = runtime_core::console::receive_terminal(listener.accept().unwrap().0).unwrap();
    let mut text = [0; 64];
    let n = fs::File::from(master).read(&mut text).unwrap();
    assert_eq!(String::from_utf8_lossy(&text[..n]).trim(), "/dev/pts/0");
}

/// The four ways in which a terminal and a socket do not go together are refused in the words that scripts know.
#[test]
fn a_terminal_without_a_holder_and_a_socket_without_a_terminal_are_refused() {
    let Some(world) = World::running() else { return };
    let (needs_socket, needs_terminal) = (
        "cannot allocate tty if runc will detach without setting console socket",
        "cannot use console socket if runc will not detach or allocate tty",
    );
    world.shim(&["exec", "-t", "-d", "c1", "true"]).fails(255, needs_socket);
    world.shim(&["exec", "-d", "--console-socket", "s", "c1", "true"]).fails(255, needs_terminal);
    world.shim(&["exec", "-t", "--console-socket", "s", "c1", "true"]).fails(255, needs_terminal);
    world.shim(&["exec", "--console-socket", "s", "c1", "true"]).fails(255, needs_terminal);
    let bundle = world.bundle_with(json!(["true"]), |config| config["process"]["terminal"] = true.into());
    world.shim(&["create", "--bundle", &bundle, "c2"]).fails(1, needs_socket);
    world.shim(&["run", "-d", "--bundle", &bundle, "c2"]).fails(1, needs_socket);
    world.shim(&["run", "--console-socket", "s", "--bundle", &bundle, "c2"]).fails(1, needs_terminal);
}

/// Docker passes `--no-new-keyring` on request; else the container has a keyring of its own name.
#[test]
fn a_container_has_a_session_keyring_of_its_own_unless_it_is_told_not_to() {
    let Some(world) = World::with_containers().filter(|_| fs::exists("/proc/keys").is_ok_and(|is| is)) else { return };
    let keys = |id: &str, flags: &[&str]| {
        let bundle = world.bundle(&format!("grep -c ' _ses.{id}' /proc/keys"));
        world.shim(&[&["run", "--bundle", &bundle], flags, &[id]].concat()).out
    };
    // The kernel keeps a key for a while after its last user.
    assert_eq!(keys(&format!("{}-a", world.name()), &[]), "1\n");
    assert_eq!(keys(&format!("{}-b", world.name()), &["--no-new-keyring"]), "0\n");
}

/// The engines are elsewhere than the bundle; a relative file is theirs.
#[test]
fn a_relative_pid_file_is_the_callers() {
    let Some(world) = World::with_containers() else { return };
    let bundle = world.bundle("sleep 100");
    world.shim(&["create", "--bundle", &bundle, "--pid-file", "here.pid", "c1"]).ok();
    assert_eq!(fs::read_to_string(world.path("here.pid")).unwrap(), world.state("c1")["pid"].to_string());
    world.shim(&["exec", "--pid-file", "exec.pid", "c1", "true"]).ok();
    assert!(fs::read_to_string(world.path("exec.pid")).unwrap().parse::<i32>().is_ok());
    world.shim(&["delete", "--force", "c1"]).ok();
    world.shim(&["create", "--bundle", &bundle, "--pid-file", "/nosuch/pid", "c1"]).fails(1, "no such file or directory");
    assert_eq!(world.shim(&["list", "-q"]).ok(), "");
}

/// runc's `exec --cgroup`, in the hierarchies of v1.
#[test]
fn exec_enters_a_sub_cgroup_of_each_hierarchy() {
    let Some(world) = World::running().filter(|_| !fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap()) else { return };
    let own = world.name();
    let dirs = ["memory", "pids"].map(|name| {
        let path = format!("/sys/fs/cgroup/{name}/{own}/sub-{name}");
        fs::create_dir(&path).unwrap();
        path
    });
    let exec = |words: &[&str]| world.shim(&[&["exec"], words, &["c1", "cat", "/proc/self/cgroup"]].concat());
    let said = exec(&["--cgroup", "memory:sub-memory", "--cgroup=pids:sub-pids"]).ok();
    let place = |name: &str| said.lines().find_map(|line| line.split_once(&format!(":{name}:"))).unwrap().1.to_owned();
    assert_eq!([place("memory"), place("pids")], [format!("/{own}/sub-memory"), format!("/{own}/sub-pids")]);
    assert_eq!(place("devices"), format!("/{own}"));
    exec(&["--cgroup", ".."]).fails(255, "bad sub cgroup path");
    exec(&["--cgroup", "nosuch"]).fails(255, "adding pid to cgroups: stat ");
    exec(&["--cgroup", "whaaat:/"]).fails(255, "unknown controller whaaat");
    exec(&["--cgroup", "a", "--cgroup", "b"]).fails(255, "invalid --cgroup argument: a (missing <controller>: prefix)");
    exec(&["--cgroup", ":a"]).fails(255, "(empty <controller> prefix)");
    exec(&["--cgroup", "pids:a", "--cgroup", "memory,pids:b"]).fails(255, "controller pids specified multiple times");
    exec(&["--cgroup", "/"]).ok();
    dirs.iter().for_each(|dir| fs::remove_dir(dir).unwrap());
}

/// Where programs in memory files are forbidden, and those in the temporary directory too.
#[test]
fn a_container_runs_where_memory_files_may_not_be_executed() {
    let Some(world) = World::with_containers() else { return };
    if !fs::exists("/proc/sys/vm/memfd_noexec").unwrap() || !has("unshare") {
        return println!("SKIP: needs vm.memfd_noexec and unshare");
    }
    let (bundle, root) = (world.bundle("echo ran"), world.root());
    let script = format!(
        "echo 2 >/proc/sys/vm/memfd_noexec && mkdir temporary && mount -t tmpfs -o noexec tmpfs temporary && \
         TMPDIR=$PWD/temporary {SHIM} --root {} run --bundle {bundle} c1 && ls temporary",
        root.display()
    );
    let words = ["--pid", "--fork", "--mount", "--mount-proc", "sh", "-ec", &script];
    let said = finish(Command::new("unshare").args(words).current_dir(&world.dir));
    assert_eq!(said.ok(), "ran\n");
}
