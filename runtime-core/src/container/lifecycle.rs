//! What several verbs share: telling hooks the state, entering a container with a hook, sweeping up.

use crate::cgroup::Placement;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{self, Inside, Kind, Place};
use crate::socket;
use crate::spawn::Child;
use crate::state::{Record, State, Status};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use oci_spec::runtime::LinuxSeccomp;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long a killed process may take to end before it is given up, and a seccomp agent to take or answer something.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The state as hooks get it on stdin.
pub(super) fn state_json(record: &Record, status: Status) -> Result<Vec<u8>> {
    serde_json::to_vec(&State::of(record, status)).map_err(|error| Error::new(ErrorKind::Hook, format!("state: {error}")))
}

/// A placement as the record keeps it.
pub(super) fn cgroup_value(placement: &Placement) -> Result<Option<serde_json::Value>> {
    let value = serde_json::to_value(placement).map_err(|error| Error::new(ErrorKind::Unsupported, format!("cgroup: {error}")))?;
    Ok(Some(value))
}

/// The way into the namespaces of a process, for a hook.
pub(super) fn inside(config: &Config, pid: i32) -> Result<Inside> {
    let open = |name: &str| -> Result<OwnedFd> {
        let path = format!("/proc/{pid}/{name}");
        File::open(&path).map(OwnedFd::from).map_err(|error| Error::io("open", &path, error))
    };
    let own = &config.namespaces;
    // With all of them open before, the user namespace goes first: it brings the right to the rest, for whoever has none.
    let wanted = [
        (&own.user, "ns/user"),
        (&own.cgroup, "ns/cgroup"),
        (&own.ipc, "ns/ipc"),
        (&own.uts, "ns/uts"),
        (&own.network, "ns/net"),
        (&own.mount, "ns/mnt"),
    ];
    let private = wanted.iter().filter(|(membership, _)| membership.is_private());
    let namespaces = private.map(|(_, name)| open(name)).collect::<Result<_>>()?;
    let pid_namespace = if own.pid.is_private() { Some(open("ns/pid")?) } else { None };
    let ids = own.user.is_private().then_some((0, 0));
    Ok(Inside { namespaces, pid_namespace, cwd: config.rootfs.clone(), ids })
}

/// Lets the child load a filter, and hands its listener to the agent that waits for it: runtime-spec, config-linux, "The Container
/// Process State".
pub(super) fn deliver_listener(child: &mut Child<'_>, seccomp: Option<&LinuxSeccomp>, state: &State) -> Result<()> {
    child.go()?;
    let listener = child.take_listener()?;
    let Some((seccomp, path)) = seccomp.and_then(|seccomp| Some((seccomp, seccomp.listener_path().as_ref()?))) else { return Ok(()) };
    let mut message = serde_json::json!({
        "ociVersion": state.oci_version,
        "fds": ["seccompFd"],
        "pid": child.pid(),
        "state": state,
    });
    if let Some(metadata) = seccomp.listener_metadata() {
        message["metadata"] = metadata.as_str().into();
    }
    // The second half is what runc's users look for.
    let connect = "linux.seccomp.listenerPath: failed to connect with seccomp agent";
    let agent = socket::connect_within(path, PATIENCE).map_err(|error| error.during(connect))?;
    let sent = socket::send_with_fd(agent, listener, message.to_string().as_bytes());
    let timed_out = |errno| if errno == Errno::EAGAIN { Errno::ETIMEDOUT } else { errno };
    sent.map_err(|errno| Error::call("sendmsg", path, timed_out(errno)).during("linux.seccomp.listenerPath"))
}

/// Kills whatever is in the cgroups, and removes them.
pub(super) fn sweep(placement: &Placement) -> Result<()> {
    if placement.is_none() {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    while !placement.is_empty()? {
        placement.kill_all(Signal::SIGKILL as i32)?;
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::WrongState, "container init still running"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    placement.remove()
}

/// Removes the cgroups once they are empty; those that somebody else lives in stay.
pub(super) fn clear(placement: &Placement) -> Result<()> {
    const GRACE: Duration = Duration::from_secs(5);
    let deadline = Instant::now() + GRACE;
    while !placement.is_none() {
        let busy = match placement.is_empty()? {
            // On v1 an orphan joins one hierarchy after the other, until it finds that nobody waits for it.
            true => match placement.remove() {
                Err(error) if error.errno() == Some(Errno::EBUSY as i32) => Err(error),
                done => return done,
            },
            false => Ok(()),
        };
        if Instant::now() > deadline {
            return busy;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Waits until a killed process has ended, and reaps it if it is the caller's child.
pub(super) fn wait_for_end(record: &Record) -> Result<()> {
    let Some(init) = record.init else { return Ok(()) };
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(50);
    while init.is_alive()? {
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::WrongState, "container init still running"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    reap(init.pid);
    Ok(())
}

/// A child of the caller's must not stay a zombie; anybody else's is none of our business.
fn reap(pid: i32) {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    while waitpid(nix::unistd::Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)) == Err(Errno::EINTR) {}
}

/// `poststop`: runtime-spec, runtime, "Lifecycle", 13. Failures are warnings.
pub(super) fn poststop(record: &Record) -> Vec<Error> {
    match state_json(record, Status::Stopped) {
        Ok(state) => hooks::run_all(Kind::Poststop, &record.poststop, &state, Place::Host { cwd: Some(&record.bundle) }),
        Err(error) => vec![error],
    }
}
