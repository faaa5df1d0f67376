//! The kernel takes the programs, and they do there what they do here. Each case runs in a process of its own: a filter is for life.
#![allow(unsafe_code)]

use super::{NATIVE, compile, profile};
use nix::libc;
use seccompiler::sock_filter;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

const CASE: &str = "SECCOMP_TEST_PROFILE";

/// A call, and the errno it is to fail with (0: none).
type Wanted = (libc::c_long, [u64; 3], i32);

/// Runs this test alone in a new process, which finds `profile` in its environment.
fn alone(test: &str, profile: &str) -> ExitStatus {
    let name = format!("compile::seccomp::tests::kernel::{test}");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &name, "--test-threads=1"]).env(CASE, profile).stdout(Stdio::null()).stderr(Stdio::inherit());
    command.status().expect("a process")
}

fn install(json: &str) {
    let filter = compile(&profile(json), NATIVE).expect("a filter");
    let program: Vec<sock_filter> =
        filter.program.iter().map(|insn| sock_filter { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k }).collect();
    seccompiler::apply_filter(&program).expect("the kernel takes it");
}

fn errno_of((number, [a, b, c], _): Wanted) -> i32 {
    // SAFETY: the tests make calls that take no pointers, or fail before the kernel looks at one (it is null).
    match unsafe { libc::syscall(number, a, b, c) } {
        -1 => nix::errno::Errno::last_raw(),
        _ => 0,
    }
}

/// Checks in a process of its own that the calls fail as wanted under `profile`.
fn check(test: &str, profile: &str, wanted: &[Wanted]) {
    let Ok(given) = std::env::var(CASE) else {
        assert!(alone(test, profile).success(), "{profile}");
        return;
    };
    install(&given);
    let got: Vec<_> = wanted.iter().map(|&one| (one.0, one.1, errno_of(one))).collect();
    assert_eq!(got, wanted);
}

#[test]
fn a_denied_call_returns_the_profiles_errno() {
    check(
        "a_denied_call_returns_the_profiles_errno",
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["uname"],"action":"SCMP_ACT_ERRNO","errnoRet":42},
            {"names":["getpriority"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":4294967296,"op":"SCMP_CMP_GE"}]}]}"#,
        &[
            (libc::SYS_uname, [0; 3], 42),
            (libc::SYS_getpriority, [0, 1 << 32, 0], 0),
            (libc::SYS_getpriority, [1, u64::from(u32::MAX), 0], libc::ESRCH),
            (libc::SYS_getpriority, [1, 1 << 32, 0], libc::EPERM),
            (libc::SYS_getppid, [0; 3], 0),
        ],
    );
}

#[test]
fn an_engines_profile_holds_on_this_kernel() {
    check(
        "an_engines_profile_holds_on_this_kernel",
        include_str!("docker.json"),
        &[
            (libc::SYS_getppid, [0; 3], 0),
            (libc::SYS_umount2, [0; 3], libc::EPERM),
            (libc::SYS_clone3, [0; 3], libc::ENOSYS),
            (libc::SYS_socket, [40, 1, 0], libc::EPERM),
            (libc::SYS_personality, [0xffff_ffff, 0, 0], 0),
            (468, [0; 3], libc::ENOSYS),
            (2000, [0; 3], libc::ENOSYS),
        ],
    );
}

#[test]
fn a_killed_process_dies_of_sigsys() {
    let Ok(given) = std::env::var(CASE) else {
        let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["uname"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#;
        assert_eq!(alone("a_killed_process_dies_of_sigsys", profile).signal(), Some(libc::SIGSYS));
        return;
    };
    install(&given);
    errno_of((libc::SYS_uname, [0; 3], 0));
}
