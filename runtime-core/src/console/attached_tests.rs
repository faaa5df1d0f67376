//! A whole session on a terminal, from the other end of it.

#![allow(clippy::unwrap_used, clippy::zombie_processes)]

use super::*;
use crate::console::sys::{set_window_size, window_size};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// A process on a terminal of its own, relayed by pipes.
struct Session {
    attached: Attached,
    child: Child,
    keys: PipeWriter,
    screen: PipeReader,
}

fn session(script: &str) -> Session {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let (input, keys) = pipe().unwrap();
    let (screen, output) = pipe().unwrap();
    let relay = Relay::new(master, input.into(), output.into()).unwrap();
    let mut child = Command::new("setsid");
    child.args(["--ctty", "sh", "-c", script]);
    child.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
    let child = child.spawn().unwrap();
    let pidfd = Pidfd::open(child.id().try_into().unwrap()).unwrap().as_fd().try_clone_to_owned().unwrap();
    // After the spawn, which would hand the mask down.
    let mut attached = Attached::new(pidfd, Signals::block().unwrap());
    attached.relay = Some(relay);
    Session { attached, child, keys, screen }
}

fn text(mut screen: PipeReader) -> String {
    let mut text = String::new();
    screen.read_to_string(&mut text).unwrap();
    text
}

/// Sends signals to a thread from another one, after a moment.
fn later(thread: Pthread, signals: &'static [Signal]) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for &signal in signals {
            thread::sleep(Duration::from_millis(200));
            pthread_kill(thread, signal).unwrap();
        }
    })
}

#[test]
fn keys_go_in_and_output_comes_out_with_the_exit_code() {
    let Session { attached, mut keys, screen, .. } = session("stty -echo; echo ready; read line; echo got $line; exit 5");
    keys.write_all(b"word\n").unwrap();
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(5));
    assert!(text(screen).ends_with("ready\ngot word\n"));
}

#[test]
fn input_that_ends_does_not_end_the_process() {
    let Session { attached, keys, screen, .. } = session("sleep 0.2; echo still here");
    drop(keys);
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(0));
    assert_eq!(text(screen), "still here\n");
}

#[test]
fn everything_written_before_the_end_is_passed_on_to_a_slow_reader() {
    let Session { attached, screen, .. } = session("head -c 300000 /dev/zero | tr '\\0' x");
    let reader = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        text(screen)
    });
    attached.run().unwrap();
    assert_eq!(reader.join().unwrap().len(), 300_000);
}

#[test]
fn a_reader_that_left_does_not_stall_the_process() {
    let Session { attached, screen, .. } = session("head -c 300000 /dev/zero; exit 3");
    drop(screen);
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(3));
}

#[test]
fn a_terminal_that_is_closed_and_opened_again_goes_on() {
    let Session { attached, screen, .. } = session("tty=$(tty); exec <&- >&- 2>&-; sleep 0.2; echo again > $tty");
    attached.run().unwrap();
    assert!(text(screen).contains("again"));
}

#[test]
fn what_others_keep_writing_is_not_waited_for() {
    let Session { attached, screen, .. } = session("trap '' HUP; timeout 3 yes & sleep 0.2; exit 4");
    let reader = thread::spawn(move || text(screen).len());
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(4));
    reader.join().unwrap();
}

#[test]
fn signals_reach_the_process() {
    let Session { attached, .. } = session("trap 'exit 9' USR1; trap '' TERM; while :; do sleep 0.05; done");
    let sender = later(pthread_self(), &[Signal::SIGURG, Signal::SIGTERM, Signal::SIGUSR1]);
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(9));
    sender.join().unwrap();
}

#[test]
fn a_deadly_signal_is_the_exit_status() {
    let Session { attached, .. } = session("exec sleep 60");
    let sender = later(pthread_self(), &[Signal::SIGTERM]);
    let ended = attached.run().unwrap();
    assert_eq!((ended, ended.code()), (ExitStatus::Signal(15), 143));
    sender.join().unwrap();
}

#[test]
fn the_window_has_the_callers_size() {
    let caller = openpty(None, None).unwrap();
    let size = |row, col| Winsize { ws_row: row, ws_col: col, ws_xpixel: 0, ws_ypixel: 0 };
    let Session { mut attached, child, .. } = session("sleep 60");
    attached.terminal = Some(Raw::set(caller.slave.try_clone().unwrap()).unwrap());
    let master = attached.relay.as_ref().unwrap().master().try_clone_to_owned().unwrap();
    let (thread, pid) = (pthread_self(), child.id().try_into().unwrap());
    let resizer = thread::spawn(move || {
        set_window_size(&caller.master, size(33, 101)).unwrap();
        pthread_kill(thread, Signal::SIGWINCH).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while window_size(&master).unwrap().ws_col != 101 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        Pidfd::open(pid).unwrap().signal(9).unwrap();
        window_size(&master).unwrap()
    });
    assert_eq!(attached.run().unwrap(), ExitStatus::Signal(9));
    assert_eq!(resizer.join().unwrap(), size(33, 101));
}

#[test]
fn a_process_without_a_terminal_is_waited_for() {
    let child = Command::new("sh").args(["-c", "exit 6"]).spawn().unwrap();
    let pidfd = Pidfd::open(child.id().try_into().unwrap()).unwrap().as_fd().try_clone_to_owned().unwrap();
    assert_eq!(Attached::new(pidfd, Signals::block().unwrap()).run().unwrap(), ExitStatus::Code(6));
}

/// Runs one of the tests below in a process of its own.
fn alone(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("console::attached::tests::{name}"), "--ignored", "--test-threads=1"]);
    command
}

/// The relay takes the process's own stdio: hence a process of its own, with a terminal.
#[test]
fn the_callers_terminal_shows_the_containers_and_is_put_back() {
    let caller = openpty(&Winsize { ws_row: 44, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0 }, None).unwrap();
    let mut child =
        alone("attached_to_a_terminal").stdin(caller.slave.try_clone().unwrap()).stdout(caller.slave.try_clone().unwrap()).spawn().unwrap();
    let mut keys = std::fs::File::from(caller.master.try_clone().unwrap());
    let mut screen = String::new();
    let mut bytes = [0; 4096];
    while !screen.contains("passed") && !screen.contains("failed") {
        let length = keys.read(&mut bytes).unwrap();
        screen += &String::from_utf8_lossy(&bytes[..length]);
        if screen.ends_with("type> ") {
            // In raw mode nothing is echoed by the caller's terminal, and ^C is a byte like any other.
            keys.write_all(b"\x03").unwrap();
        }
    }
    assert!(child.wait().unwrap().success(), "{screen}");
    assert!(screen.contains("size 44 111\r\ntype> interrupted\r\n"), "{screen}");
    let after = nix::sys::termios::tcgetattr(&caller.slave).unwrap();
    assert!(after.local_flags.contains(nix::sys::termios::LocalFlags::ECHO));
}

#[test]
#[ignore = "run by the_callers_terminal_shows_the_containers_and_is_put_back"]
fn attached_to_a_terminal() {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let script = "stty -echo; trap 'echo interrupted; exit 8' INT; until [ $(stty size | cut -d' ' -f1) = 44 ]; do :; done; \
                  echo size $(stty size); printf 'type> '; while :; do sleep 0.05; done";
    let mut child = Command::new("setsid");
    child.args(["--ctty", "sh", "-c", script]);
    child.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
    let child = child.spawn().unwrap();
    let pidfd = Pidfd::open(child.id().try_into().unwrap()).unwrap().as_fd().try_clone_to_owned().unwrap();
    let attached = Attached::new(pidfd, Signals::block().unwrap()).with_terminal(master).unwrap();
    assert_eq!(attached.run().unwrap(), ExitStatus::Code(8));
}

/// Reaping takes every child, those of other tests too: hence a process of its own.
#[test]
fn orphans_are_reaped_and_the_process_is_not() {
    let alone = alone("orphans_are_reaped_alone").output().unwrap();
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
    assert!(String::from_utf8_lossy(&alone.stdout).contains("1 passed"));
}

#[test]
#[ignore = "run by orphans_are_reaped_and_the_process_is_not"]
fn orphans_are_reaped_alone() {
    let orphan = Command::new("sleep").arg("0.1").spawn().unwrap();
    let Session { attached, child, .. } = session("sleep 0.3; exit 7");
    let sender = later(pthread_self(), &[Signal::SIGCHLD]);
    assert_eq!(attached.with_orphans_reaped(child.id().try_into().unwrap()).run().unwrap(), ExitStatus::Code(7));
    sender.join().unwrap();
    assert_eq!(Pidfd::open(orphan.id().try_into().unwrap()).unwrap_err(), Errno::ESRCH);
}
