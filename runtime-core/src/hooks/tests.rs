//! Hooks of the host, as programs that misbehave.

#![allow(clippy::unwrap_used)]

use super::*;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const HERE: Place<'static> = Place::Host { cwd: None };

fn sh(script: &str) -> Hook {
    Hook { path: "/bin/sh".into(), args: vec!["sh".into(), "-c".into(), script.into()], env: None, timeout_s: None }
}

fn error(hook: Hook, place: Place<'_>) -> String {
    let error = run(Kind::Poststart, &[hook], b"{}", place).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    error.to_string()
}

/// A path nobody else uses, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hooks-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_state_is_on_stdin() {
    let out = Scratch::new("stdin");
    run(Kind::Prestart, &[sh(&format!("cat > {}", out.0.display()))], b"{\"id\":\"web1\"}", HERE).unwrap();
    assert_eq!(out.text(), "{\"id\":\"web1\"}");
}

#[test]
fn what_the_caller_has_left_open_is_not_a_hooks() {
    // Born without CLOEXEC.
    let left = nix::unistd::dup(File::open("/dev/null").unwrap()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&left);
    let seen = |change: &dyn Fn(&mut Command)| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("test -e /proc/self/fd/{number} && echo open")]).stdin(Stdio::null());
        change(&mut command);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(seen(&|_| ()), "open\n");
    for closing in [sys::Closing::Range, sys::Closing::each(), sys::Closing::known()] {
        assert_eq!(seen(&|command| sys::isolate(command, closing)), "", "{closing:?}");
    }
}

#[test]
fn a_large_state_and_a_large_output_do_not_stall_each_other() {
    let state = vec![b'x'; 3 << 20];
    run(Kind::Prestart, &[sh("cat; cat /dev/zero | head -c 3000000 >&2")], &state, HERE).unwrap();
}

#[test]
fn a_hook_need_not_read_its_stdin() {
    let state = vec![b'x'; 3 << 20];
    run(Kind::Prestart, &[sh("exit 0"), sh("exec <&-; sleep 0.05")], &state, HERE).unwrap();
}

#[test]
fn an_absent_environment_is_the_runtimes_and_a_given_one_is_all_there_is() {
    let out = Scratch::new("env");
    let hook = sh(&format!("tr '\\0' '\\n' < /proc/$$/environ > {}", out.0.display()));
    run(Kind::Prestart, std::slice::from_ref(&hook), b"", HERE).unwrap();
    let mut seen: Vec<_> = out.text().lines().map(String::from).collect();
    let mut ours: Vec<_> = std::env::vars().map(|(key, value)| format!("{key}={value}")).collect();
    seen.sort();
    ours.sort();
    assert_eq!(seen.join("\n"), ours.join("\n"));

    let env = Some(vec!["A=1=2".into(), "B=".into(), "PATH=/usr/bin:/bin".into()]);
    run(Kind::Prestart, &[Hook { env, ..hook }], b"", HERE).unwrap();
    assert_eq!(out.text(), "A=1=2\nB=\nPATH=/usr/bin:/bin\n");
}

#[test]
fn the_first_argument_is_the_programs_name() {
    let mut hook = sh("echo $0 $1 >&2; exit 1");
    hook.args = ["other-name", "-c", "tr '\\0' ' ' < /proc/$$/cmdline >&2; exit 1"].map(String::from).to_vec();
    assert!(error(hook, HERE).contains("output: other-name -c tr"));
    let bare = Hook { path: "/bin/false".into(), args: vec![], env: None, timeout_s: None };
    assert_eq!(error(bare, HERE), "error running poststart hook #0: /bin/false: exit status 1");
}

#[test]
fn a_hook_runs_where_it_is_told() {
    let told = Place::Host { cwd: Some(Path::new("/proc/sys")) };
    assert!(error(sh("pwd; exit 1"), told).ends_with("output: /proc/sys"));
}

#[test]
fn a_failure_names_the_hook_and_its_last_words_on_one_line() {
    let said = error(sh("echo one; echo two >&2; exit 3"), HERE);
    assert_eq!(said, "error running poststart hook #0: /bin/sh: exit status 3, output: one; two");
    assert_eq!(error(sh("kill -9 $$"), HERE), "error running poststart hook #0: /bin/sh: killed by signal 9 (SIGKILL)");
    let long = error(sh("head -c 100000 /dev/zero | tr '\\0' x; echo END; exit 1"), HERE);
    assert!(long.ends_with("xEND") && long.len() < 5000, "{}", long.len());
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let hook = Hook { path: "/no/such".into(), args: vec![], env: None, timeout_s: None };
    assert_eq!(error(hook, HERE), "error running poststart hook #0: exec /no/such: no such file or directory (ENOENT)");
}

#[test]
fn a_hook_out_of_time_is_killed_and_reaped() {
    let out = Scratch::new("timeout");
    let hook = Hook { timeout_s: Some(1), ..sh(&format!("echo $$ > {}; exec sleep 60", out.0.display())) };
    let began = Instant::now();
    assert_eq!(error(hook, HERE), "error running poststart hook #0: /bin/sh: timed out after 1 s");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!Path::new("/proc").join(out.text().trim()).exists());
}

#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    let began = Instant::now();
    run(Kind::Poststart, &[sh("sleep 5 & exit 0")], b"{}", HERE).unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn after_a_failure_no_hook_runs_but_poststops() {
    let out = Scratch::new("order");
    let note = |text: &str| format!("echo {text} >> {}", out.0.display());
    let hooks = [sh(&note("1")), sh(&format!("{}; exit 1", note("2"))), sh(&note("3"))];
    let failed = run(Kind::Poststart, &hooks, b"{}", HERE).unwrap_err();
    assert!(failed.to_string().starts_with("error running poststart hook #1: "));
    assert_eq!(out.text(), "1\n2\n");
    let warnings = run_all(Kind::Poststop, &hooks, b"{}", HERE);
    assert_eq!((warnings.len(), out.text().as_str()), (1, "1\n2\n1\n2\n3\n"));
}

#[test]
fn a_blocked_signal_is_not_blocked_in_a_hook() {
    use nix::sys::signal::{SigSet, Signal};
    let mut set = SigSet::empty();
    set.add(Signal::SIGTERM);
    set.thread_block().unwrap();
    assert!(error(sh("grep SigBlk /proc/self/status; exit 1"), HERE).ends_with("SigBlk:\t0000000000000000"));
    set.thread_unblock().unwrap();
}

/// A process with namespaces of its own, killed in the end.
struct Other(Child);

impl Other {
    fn new() -> Self {
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                "hostname inside; mount -t tmpfs t /mnt; echo; exec sleep 60",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        Self(child)
    }

    fn inside(&self) -> Inside {
        let of = |name: &str| OwnedFd::from(File::open(format!("/proc/{}/ns/{name}", self.0.id())).unwrap());
        Inside {
            namespaces: vec![of("uts"), of("mnt")],
            pid_namespace: Some(of("pid_for_children")),
            cwd: "/proc".into(),
            ids: Some((0, 0)),
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_hook_of_the_container_runs_in_its_namespaces_and_needs_root() {
    let other = Other::new();
    let inside = other.inside();
    let said = error(sh("hostname; stat -fc %T /mnt; echo $$; cat; exit 5"), Place::Container(&inside));
    let (start, pid) = said.rsplit_once("; ").map(|(start, _)| start.rsplit_once("; ").unwrap()).unwrap();
    assert_eq!(start, "error running poststart hook #0: /bin/sh: exit status 5, output: inside; tmpfs");
    assert!(pid.parse::<u32>().unwrap() < 100, "{said}");
    assert!(said.ends_with("{}"));
}

#[test]
fn a_hook_of_the_container_is_killed_when_its_time_is_up_and_needs_root() {
    let other = Other::new();
    let inside = other.inside();
    let out = Scratch::new("inner");
    let hook = Hook { timeout_s: Some(1), ..sh(&format!("cat /proc/self/status > {}; exec sleep 60", out.0.display())) };
    assert!(error(hook, Place::Container(&inside)).contains("timed out after 1 s"));
    let host_pid = out.text().lines().find_map(|line| line.strip_prefix("PPid:").map(|pid| pid.trim().to_owned())).unwrap();
    let gone = || fs::read_to_string(format!("/proc/{host_pid}/stat")).map_or(true, |stat| stat.contains(") Z"));
    let deadline = Instant::now() + Duration::from_secs(5);
    while !gone() {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_script_found_on_the_host_runs_in_the_container_and_needs_root() {
    let other = Other::new();
    let script = Scratch::new("script");
    fs::write(&script.0, "#!/bin/sh\nhostname; echo $1; exit 1\n").unwrap();
    fs::set_permissions(&script.0, fs::Permissions::from_mode(0o755)).unwrap();
    let hook = Hook { path: script.0.clone(), args: vec!["x".into(), "arg".into()], env: None, timeout_s: None };
    let inside = other.inside();
    assert!(error(hook, Place::Container(&inside)).ends_with("output: inside; arg"));
}

#[test]
fn a_namespace_that_cannot_be_joined_is_told_apart_from_a_failed_exec() {
    let none = File::open("/dev/null").unwrap().into();
    let inside = Inside { namespaces: vec![none], pid_namespace: None, cwd: "/".into(), ids: None };
    let said = error(sh("true"), Place::Container(&inside));
    assert_eq!(said, "error running poststart hook #0: setns /bin/sh: invalid argument (EINVAL)");
}
