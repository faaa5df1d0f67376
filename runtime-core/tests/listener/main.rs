//! Profiles that notify: an agent gets the listener and one message, answers, and what it answers is what the program sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agent;
#[path = "../world/mod.rs"]
mod world;

use agent::{Agent, Answer, Call};
use nix::errno::Errno;
use nix::libc;
use runtime_core::{Create, Exec, ExitStatus};
use serde_json::{Value, json};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use world::World;

/// Everything is allowed, and of these calls `path` is notified.
fn notifying(path: &Path, names: &[&str]) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": path,
        "listenerMetadata": "about web1",
        "syscalls": [{"names": names, "action": "SCMP_ACT_NOTIFY"}],
    })
}

fn bundle(world: &World, id: &str, profile: Value, script: &str) -> PathBuf {
    world.bundle(id, |config| {
        config["linux"]["seccomp"] = profile;
        config["root"]["readonly"] = json!(false);
        config["annotations"] = json!({"com.example.key": "x".repeat(5000)});
        config["process"]["args"] = json!(["/bin/sh", "-c", script]);
    })
}

/// `mkdir` is done by the agent, under another name; that of `/forbidden` fails with an errno that no `mkdir` has.
fn emulate_mkdir(call: &Call) -> Answer {
    assert!(call.number == libc::SYS_mkdir || call.number == libc::SYS_mkdirat, "{}", call.number);
    let path = call.text(usize::from(call.number == libc::SYS_mkdirat), 100);
    if path == "/forbidden" {
        return Answer::Errno(Errno::ENOMEDIUM);
    }
    std::fs::create_dir(format!("/proc/{}/root{path}-by-agent", call.pid)).unwrap();
    Answer::Value(0)
}

const MKDIR: &str = "/bin/busybox mkdir /tmp/a && ls /tmp; /bin/busybox mkdir /forbidden; rm -r /tmp/*";

#[test]
fn an_agent_makes_directories_in_the_containers_stead() {
    let Some(world) = World::new() else { return };
    for no_new_privileges in [true, false] {
        let id = world.id("mkdir");
        let agent = Agent::new(&world.dir.join("agent.sock"), emulate_mkdir);
        let bundle = bundle(&world, &id, notifying(&agent.path, &["mkdir", "mkdirat"]), MKDIR);
        let mut config: Value = serde_json::from_slice(&std::fs::read(bundle.join("config.json")).unwrap()).unwrap();
        config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        std::fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        let (_, out) = world.run(&id, &bundle).unwrap();
        assert!(out.starts_with("a-by-agent\n") && out.contains("'/forbidden': No medium found"), "{out}");
        assert_eq!(agent.finish().len(), 1);
    }
}

#[test]
fn the_agent_is_told_whose_listener_it_gets() {
    let Some(world) = World::new() else { return };
    let id = world.id("state");
    let agent = Agent::new(&world.dir.join("agent.sock"), |_| Answer::Continue);
    let bundle = bundle(&world, &id, notifying(&agent.path, &["getpid"]), "exec sleep 1000");
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    let pid = container.init_pid().unwrap();
    container.start().unwrap();
    world.runtime.delete_forced(&id).unwrap();
    let [heard] = agent.finish().try_into().unwrap();
    let message = &heard.message;
    assert_eq!(message["ociVersion"], message["state"]["ociVersion"]);
    assert!(message["ociVersion"].as_str().is_some_and(|version| version.starts_with("1.")), "{message}");
    assert_eq!((&message["fds"], &message["pid"], &message["metadata"]), (&json!(["seccompFd"]), &json!(pid), &json!("about web1")));
    let state = &message["state"];
    assert_eq!((&state["id"], &state["status"], &state["pid"]), (&json!(id), &json!("creating"), &json!(pid)));
    assert_eq!((&state["bundle"], &state["annotations"]["com.example.key"]), (&json!(bundle), &json!("x".repeat(5000))));
}

#[test]
fn metadata_that_nobody_gave_is_not_told() {
    let Some(world) = World::new() else { return };
    let id = world.id("plain");
    let agent = Agent::new(&world.dir.join("agent.sock"), |_| Answer::Continue);
    let mut profile = notifying(&agent.path, &["mkdir"]);
    profile.as_object_mut().unwrap().remove("listenerMetadata");
    let bundle = bundle(&world, &id, profile, "exit 3");
    assert_eq!(world.run(&id, &bundle).unwrap().0, 3);
    let heard = agent.finish();
    let mut members: Vec<&String> = heard[0].message.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["fds", "ociVersion", "pid", "state"]);
}

#[test]
fn what_the_agent_returns_is_what_the_program_gets() {
    let Some(world) = World::new() else { return };
    let id = world.id("fake");
    let agent = Agent::new(&world.dir.join("agent.sock"), |call| match call.number {
        libc::SYS_getpid => Answer::Value(4242),
        libc::SYS_write if call.text(1, 6) == "secret" => Answer::Value(call.args[2].cast_signed()),
        _ => Answer::Continue,
    });
    let bundle = bundle(&world, &id, notifying(&agent.path, &["getpid", "write"]), "echo $$; echo secret; echo public");
    assert_eq!(world.run(&id, &bundle).unwrap(), (0, "4242\npublic\n".to_owned()));
    assert!(agent.finish()[0].calls.contains(&libc::SYS_write));
}

/// Nothing of what the runtime says or does depends on a call that an agent answers, wrongly even: neither at create nor at start.
#[test]
fn calls_by_which_a_runtime_talks_can_be_notified_of_and_answered_with_lies() {
    let Some(world) = World::new() else { return };
    let id = world.id("lies");
    let agent = Agent::new(&world.dir.join("agent.sock"), |call| match call.number {
        libc::SYS_exit_group => Answer::Continue,
        _ => Answer::Value(0),
    });
    let talk = ["write", "writev", "sendmsg", "sendto", "recvmsg", "recvfrom", "fcntl", "close", "prctl", "openat", "futex", "exit_group"];
    let bundle = self::bundle(&world, &id, notifying(&agent.path, &talk), "exit 7");
    assert_eq!(world.run(&id, &bundle).unwrap(), (7, String::new()));
    // All that the init does under the filter: it closes the listener, the socket of its parent, and the gate.
    assert_eq!(agent.finish()[0].calls[..3], [libc::SYS_close; 3]);
}

/// Without `noNewPrivileges` the filter is there while much is still to be done, and to be told.
#[test]
fn what_is_written_under_a_filter_may_be_lost() {
    let Some(world) = World::new() else { return };
    let id = world.id("lost");
    let agent = Agent::new(&world.dir.join("agent.sock"), |call| Answer::Value(call.args[2].cast_signed()));
    let bundle = world.bundle(&id, |config| {
        config["linux"]["seccomp"] = notifying(&agent.path, &["write", "sendmsg"]);
        config["process"]["noNewPrivileges"] = json!(false);
        config["process"]["args"] = json!(["/bin/sh", "-c", "echo lost; exit 7"]);
    });
    let begin = std::time::Instant::now();
    assert_eq!(world.run(&id, &bundle).unwrap(), (7, String::new()));
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    let mut config: Value = serde_json::from_slice(&std::fs::read(bundle.join("config.json")).unwrap()).unwrap();
    config["process"]["cwd"] = json!("/bin/sh");
    std::fs::write(bundle.join("config.json"), config.to_string()).unwrap();
    // Its failure is lost, too; its end is not.
    let error = world.runtime.create(&id, &world.silent(&bundle)).unwrap_err().to_string();
    assert!(error.contains("exited with 1 at step") && error.ends_with("process.cwd: chdir"), "{error}");
}

/// An agent may keep a program from running, for ever even; it does not keep a create, a start, an exec.
#[test]
fn an_agent_that_never_answers_is_not_waited_for_without_end() {
    let Some(world) = World::new() else { return };
    let before = world.look();
    let make = |name: &str, calls: &[&str], answer: fn(&Call) -> Answer| {
        let agent = Agent::new(&world.dir.join(format!("{name}.sock")), answer);
        let bundle = world.bundle(&world.id(name), |config| {
            config["linux"]["seccomp"] = notifying(&agent.path, calls);
            config["process"]["noNewPrivileges"] = json!(name == "start");
            config["process"]["args"] = json!(["/bin/sleep", "1000"]);
        });
        (agent, world.id(name), world.silent(&bundle))
    };
    let create = make("create", &["capset"], |_| Answer::Never);
    let start = make("start", &["execve"], |_| Answer::Never);
    let exec = make("exec", &["execve"], |call| if call.text(0, 10) == "/bin/sleep" { Answer::Continue } else { Answer::Never });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = world.runtime.create(&create.1, &create.2).unwrap_err().to_string();
            let words = "linux.seccomp.listenerPath: no answer from the seccomp agent for 10 s at step ";
            assert!(error.starts_with(words) && error.ends_with(": process.capabilities: capset"), "{error}");
        });
        scope.spawn(|| {
            let mut container = world.runtime.create(&start.1, &start.2).unwrap();
            container.start().unwrap();
            assert_eq!(container.status().unwrap().to_string(), "running");
            world.runtime.delete_forced(&start.1).unwrap();
        });
        scope.spawn(|| {
            let mut container = world.runtime.create(&exec.1, &exec.2).unwrap();
            container.start().unwrap();
            let process = json!({"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": []});
            let process = container.exec(&Exec::of(serde_json::from_value(process).unwrap())).unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid()), nix::sys::signal::SIGKILL).unwrap();
            assert_eq!(process.wait().unwrap(), ExitStatus::Signal(9));
            world.runtime.delete_forced(&exec.1).unwrap();
        });
    });
    [create, start, exec].into_iter().for_each(|(agent, ..)| drop(agent.finish()));
    before.assert_unchanged(&world, "agents that never answer");
}

#[test]
fn every_call_of_the_way_to_the_program_can_be_notified_of() {
    let Some(world) = World::new() else { return };
    for (no_new_privileges, read) in [(true, 1), (false, 2)] {
        let id = world.id("every");
        let agent = Agent::new(&world.dir.join("agent.sock"), |_| Answer::Continue);
        let names = ["read", "write", "sendmsg", "close", "fcntl", "execve", "execveat", "prctl", "capset", "setresuid", "openat", "chdir"];
        let bundle = world.bundle(&id, |config| {
            config["linux"]["seccomp"] = notifying(&agent.path, &names);
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["process"]["args"] = json!(["/bin/sh", "-c", "exit 5"]);
        });
        assert_eq!(world.run(&id, &bundle).unwrap().0, 5);
        let calls = agent.finish().remove(0).calls;
        let exec = calls.iter().position(|call| *call == libc::SYS_execve).expect("an execve");
        assert!(calls[..exec].iter().filter(|call| **call == libc::SYS_read).count() >= read, "{calls:?}");
    }
}

#[test]
fn a_process_that_is_executed_later_has_a_listener_of_its_own() {
    let Some(world) = World::new() else { return };
    let id = world.id("exec");
    let agent = Agent::new(&world.dir.join("agent.sock"), emulate_mkdir);
    let bundle = bundle(&world, &id, notifying(&agent.path, &["mkdir", "mkdirat"]), "exec sleep 1000");
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let init = container.init_pid().unwrap();
    let args = ["/bin/busybox", "mkdir", "/tmp/later"];
    let process = json!({"args": args, "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"], "noNewPrivileges": true});
    let request = Exec { stdio: [0; 3].map(|_| Some(world::null())), ..Exec::of(serde_json::from_value(process).unwrap()) };
    let process = container.exec(&request).unwrap();
    let pid = process.pid();
    assert_eq!(process.wait().unwrap(), ExitStatus::Code(0));
    assert!(world.rootfs().join("tmp/later-by-agent").is_dir());
    world.runtime.delete_forced(&id).unwrap();
    let [first, second] = agent.finish().try_into().unwrap();
    assert!(first.calls.is_empty() && second.calls.len() == 1, "{first:?} {second:?}");
    let message = &second.message;
    assert_eq!((&message["pid"], &message["state"]["pid"], &message["state"]["status"]), (&json!(pid), &json!(init), &json!("running")));
}

/// The init must not hold the listener itself, or a call waits for an agent that there is no more.
#[test]
fn the_calls_of_an_agent_that_has_ended_are_not_there() {
    let Some(world) = World::new() else { return };
    let id = world.id("ended");
    let path = world.dir.join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || drop(agent::receive(listener.accept().unwrap().0).expect("a message")));
    let names = ["mkdir", "mkdirat", "execve"];
    let bundle = bundle(&world, &id, notifying(&path, &names[..2]), "/bin/busybox mkdir /tmp/a");
    let (code, out) = world.run(&id, &bundle).unwrap();
    agent.join().unwrap();
    assert!(code == 1 && out.contains("Function not implemented"), "{code} {out}");
    std::fs::remove_file(&path).unwrap();

    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || drop(agent::receive(listener.accept().unwrap().0).expect("a message")));
    let bundle = self::bundle(&world, &id, notifying(&path, &names[2..]), "true");
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    agent.join().unwrap();
    let error = container.start().unwrap_err().to_string();
    container.delete().unwrap();
    assert!(error.starts_with("exec ") && error.contains("ENOSYS"), "{error}");
}

#[test]
fn a_listener_that_nobody_takes_is_an_error_and_leaves_nothing() {
    let Some(world) = World::new() else { return };
    let id = world.id("nobody");
    let (deaf, file) = (world.dir.join("deaf.sock"), world.dir.join("file"));
    drop(UnixListener::bind(&deaf).unwrap());
    std::fs::write(&file, "").unwrap();
    let before = world.look();
    let gone = world.dir.join("gone.sock");
    for (path, why) in [
        (
            deaf.as_path(),
            format!(
                "linux.seccomp.listenerPath: failed to connect with seccomp agent: connect {}: connection refused (ECONNREFUSED)",
                deaf.display()
            ),
        ),
        (
            &gone,
            format!(
                "linux.seccomp.listenerPath: failed to connect with seccomp agent: connect {}: no such file or directory (ENOENT)",
                gone.display()
            ),
        ),
        (
            &file,
            format!(
                "linux.seccomp.listenerPath: failed to connect with seccomp agent: connect {}: connection refused (ECONNREFUSED)",
                file.display()
            ),
        ),
        (Path::new("agent.sock"), "config.json: linux.seccomp.listenerPath: \"agent.sock\" is not absolute".to_owned()),
    ] {
        let bundle = bundle(&world, &id, notifying(path, &["mkdir"]), "true");
        assert_eq!(world.runtime.create(&id, &Create::of(&bundle)).unwrap_err().to_string(), why);
        before.assert_unchanged(&world, &why);
    }
}
