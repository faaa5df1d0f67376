//! The differences from the reference that are accepted, each with its reason.
//!
//! This is the whole list, and it says no more than it must: lines, or that one of the two refuses. A difference that is not here fails the comparison; an entry that nothing needs any more should go.
//! The reference is runc 1.1, which follows version 1.0.2 of the specification; what later versions ask for is the usual reason.
//! With runc 1.3 there are a few more, most of them at the end.

use crate::glob;
use crate::judge::{Difference, Side};

/// A difference, and why it is fine.
pub(crate) struct Accepted {
    /// Pattern for the case's name.
    case: &'static str,
    what: What,
    /// Why the candidate need not follow.
    reason: &'static str,
}

enum What {
    /// Lines that only one of the two has, by patterns for the section and for each one's line.
    Lines { section: &'static str, reference: &'static str, candidate: &'static str },
    /// The reference refuses what the candidate does: it is compared with what the reference makes of this other case.
    Does { like: &'static str },
    /// The candidate refuses what the reference does; if it does not, that is a failure.
    Refuses,
}

/// The candidate does what the reference refuses, and it comes out as `like` does with the reference.
const fn does(case: &'static str, like: &'static str, reason: &'static str) -> Accepted {
    Accepted { case, what: What::Does { like }, reason }
}

/// The candidate refuses what the reference does.
const fn refuses(case: &'static str, reason: &'static str) -> Accepted {
    Accepted { case, what: What::Refuses, reason }
}

const fn lines(
    case: &'static str,
    section: &'static str,
    reference: &'static str,
    candidate: &'static str,
    reason: &'static str,
) -> Accepted {
    Accepted { case, what: What::Lines { section, reference, candidate }, reason }
}

/// The table.
pub(crate) const ACCEPTED: &[Accepted] = &[
    lines("time-namespace/new|time-namespace/offsets", "ns", "time host", "time own", "it is what was asked for"),
    lines("time-namespace/joined", "ns", "time host", "time held", "it is what was asked for"),
    lines(
        "time-namespace/offsets",
        "time",
        "boottime*0*0|monotonic*0*0",
        "boottime*1337*3141519|monotonic*7881*2718281",
        "it is what was asked for",
    ),
    lines("user-namespace/joined*", "ns", "* own", "* held", "it is what was asked for"),
    lines("user-namespace/joined-with-its-network", "net", "1: lo*", "", "nobody has set up the network that is joined"),
    lines(
        "user-namespace/joined-with-its-network",
        "dev",
        "",
        "/dev/mqueue directory 1777 65534:65534 *",
        "the queues of an ipc namespace that is joined are its owner's",
    ),
    lines("rlimits/few-files", "exits", "run 1", "run 0", "the init takes what files it needs before the limit is lowered"),
    lines("rlimits/few-files", "stdout", "", "5", "the init takes what files it needs before the limit is lowered"),
    lines("user/group-too-big", "id", "*groups=10(wheel),20,1000(alice)", "*groups=4294967294", "it is what was asked for"),
    lines("user/group-too-big", "status", "Groups: 10 20 1000", "Groups: 4294967294", "it is what was asked for"),
    lines(
        "capabilities/not-granted-to-the-runtime",
        "status",
        "Cap*: 0000000000002001",
        "Cap*: 0000000000000001|Cap*: 0000000001000001",
        "the two differ in what is asked for, and one of it is not to be had everywhere",
    ),
    lines(
        "devices/a-default-one",
        "dev|masked",
        "* character special file 666 *",
        "* character special file 600 *",
        "it is what was asked for",
    ),
    lines("masked/proc-itself", "mountinfo", "", "/proc/* - tmpfs tmpfs *", "it is what was asked for"),
    lines("mounts/dev-is-a-symlink", "fds", "", "* 0 -> /mnt/null", "attached, the caller's own descriptors are handed on"),
    lines(
        "exec/detached",
        "exec.fds",
        "lr-x------ 0 -> /dev/null",
        "lrwx------ 0 -> /dev/null",
        "a stdin that is /dev/null becomes the container's own, for reading and writing",
    ),
    lines(
        "*",
        "*json|hooks.state",
        "*.ociVersion = *",
        "*.ociVersion = *",
        "each runtime tells the version of the specification it follows",
    ),
    lines(
        "*",
        "fds|*.fds",
        "* -> pipe",
        "* 0 -> /dev/null|* 1 -> DIR/out/*|* 2 -> DIR/out/*",
        "attached, the caller's own descriptors are handed on instead of being copied through pipes",
    ),
    lines(
        "*",
        "stdio|*.stdio",
        "* fifo *",
        "* regular file *|* character special file *",
        "attached, the caller's own descriptors are handed on",
    ),
    lines(
        "*",
        "mountinfo|*.mountinfo",
        "* relatime,ro root=/ [] - tmpfs tmpfs *ro*",
        "* relatime,ro root=/ [] - tmpfs tmpfs *nr_inodes=1,ro,size=4k*",
        "a mask is a file system of one inode, as runc makes it since 1.5",
    ),
    lines(
        "*",
        "writable|*.writable",
        "/sys/fs/cgroup yes",
        "",
        "the config says read-only; runc leaves the directory of the hierarchies writable",
    ),
    lines(
        "*",
        "mountinfo|*.mountinfo",
        "/sys/fs/cgroup nodev,noexec,nosuid,relatime,rw root=/ * tmpfs *",
        "/sys/fs/cgroup nodev,noexec,nosuid,relatime,ro root=/ * tmpfs *",
        "the config says read-only; runc leaves the directory of the hierarchies writable",
    ),
    lines(
        "*",
        "root|*.root",
        "/sys/fs/cgroup directory 555 *",
        "/sys/fs/cgroup directory 755 *",
        "the mode the config names; runc takes the image's instead",
    ),
    lines(
        "*",
        "writable|*.writable",
        "* /sys/fs/cgroup/.written: Permission denied",
        "* /sys/fs/cgroup/.written: Read-only file system",
        "the config says read-only",
    ),
    does(
        "time-namespace/new|time-namespace/offsets|time-namespace/joined",
        "default/run",
        "time namespaces came with version 1.1 of the specification",
    ),
    refuses("intel-rdt/*", "the specification demands an error without resctrl; runc 1.1 goes on without"),
    refuses("net-devices/*", "netDevices came with version 1.3 of the specification"),
    refuses("time-namespace/offsets-without-namespace", "time namespaces came with version 1.1 of the specification"),
    lines("process/domainname", "names", "(none)", "example.org", "domainname came with version 1.1 of the specification"),
    lines(
        "process/scheduler",
        "process",
        "terminal 0 priority * nice * rt 0 policy 0",
        "terminal 0 priority 25 nice 5 rt 0 policy 3",
        "scheduler and ioPriority came with version 1.1 of the specification",
    ),
    lines(
        "process/io-priority",
        "process",
        "none: prio 0",
        "best-effort: prio 6",
        "scheduler and ioPriority came with version 1.1 of the specification",
    ),
    refuses("process/scheduler-unknown|process/io-priority-unknown", "scheduler and ioPriority came with version 1.1 of the specification"),
    lines("process/personality", "process", "00000000|x86_64", "00000008|i686", "runc 1.1 ignores the personality"),
    refuses("process/personality-unknown", "runc 1.1 ignores the personality"),
    does("seccomp/flags", "seccomp/deny-one", "runc 1.1 refuses the flags the specification lists"),
    does(
        "mounts/tmpfs-defaults",
        "mounts/tmpfs-rw",
        "the specification lists the option; runc hands it to the file system, which refuses it",
    ),
    does(
        "mounts/rbind-ratime|mounts/rbind-rnostrictatime",
        "mounts/rbind-rrw",
        "runc 1.1 asks the kernel to clear what cannot be cleared alone",
    ),
    lines("mounts/none-at-all|mounts/null-list", "exits", "run 1", "run 0", "runc needs the container's /proc to close descriptors"),
    lines("mounts/none-at-all|mounts/null-list", "stdout", "", "*", "runc needs the container's /proc to close descriptors"),
    does("masked/proc-itself", "masked/none", "runc needs the container's /proc to close descriptors"),
    refuses("rlimits/twice", "the specification demands an error; runc takes the last"),
    lines("cgroup/cpu-idle", "cgroup", "cpu.idle = 0|cpu.shares = 1024", "cpu.idle = 1|cpu.shares = 3", "runc 1.1 knows neither"),
    lines("cgroup/cpu-burst", "cgroup", "cpu.cfs_burst_us = 0", "cpu.cfs_burst_us = 10000", "runc 1.1 knows neither"),
    lines("cgroup/pids-zero", "cgroup", "pids.max = max", "pids.max = 1", "0 is a limit since version 1.3 of the specification"),
    refuses("cgroup/devices-bad-access", "runc takes letters it does not know for all access"),
    does(
        "user-namespace/joined|user-namespace/joined-with-its-network",
        "user-namespace/mapped",
        "runc 1.1 wants maps for a user namespace that has its own",
    ),
    lines(
        "hooks/startContainer-fails|hooks/startContainer-times-out|hooks/startContainer-is-missing",
        "exits",
        "start 0",
        "start 1",
        "the failure of a startContainer hook must reach who called start",
    ),
    refuses("options/preserve-fds-missing", "runc hands descriptors of its own to the container when the caller has none there"),
    lines(
        "exec/process",
        "exec.stdout",
        "0|88|Umask:*0022",
        "300|77|Umask:*0077",
        "runc 1.1 ignores the umask and the OOM score of a process document, and Go at times raises the soft limit of files to the hard one",
    ),
    refuses("shape/list-missing-root", "a root that was named and is not there is an error since runc 1.5"),
    refuses("bad-input/nul-in-hostname", "runc cuts the name at the NUL"),
    lines("bad-input/null", "exits", "create 2", "create 1", "runc crashes"),
    refuses("bad-input/a-config-of-64-mebibytes", "a config has a size limit; runc has none"),
    lines(
        "mounts/tmpfs-*|mounts/over-another|mounts/below-another",
        "mountinfo",
        "/mnt * - tmpfs tmpfs *rw*",
        "/mnt * - tmpfs tmpfs *mode=*",
        "a tmpfs has the mount point's mode from its birth; runc changes the mode afterwards, which mountinfo does not show",
    ),
    lines(
        "mounts/tmpfs-copy-up|mounts/tmpfs-keeps-mode",
        "stdout",
        "tmpfs tmpfs rw",
        "tmpfs tmpfs rw,mode=*",
        "a tmpfs has the mount point's mode from its birth; runc changes the mode afterwards, which mountinfo does not show",
    ),
    lines("mounts/tmpfs-options", "mnt", "*", "*", "the mode the options name; runc puts the mount point's in its place"),
    lines("mounts/tmpfs-without-source", "mnt", "/mnt directory 755 *", "/mnt directory 711 *", "the mode the options name"),
    lines(
        "mounts/tmpfs-without-source",
        "mountinfo",
        "/mnt * - tmpfs  *mode=711,rw",
        "/mnt * - tmpfs tmpfs *mode=711,rw",
        "a mount without a source is shown with its type for one",
    ),
    lines("mounts/dev-noexec", "root", "/dev directory 755 *", "/dev directory 700 *", "the mode the options name"),
    does("mounts/bind-by-type-only", "mounts/bind-directory", "a mount of type bind is a bind, as users of the type expect"),
    lines("mounts/cgroup-writable", "writable", "", "/sys/fs/cgroup yes", "the config does not say read-only"),
    lines(
        "root/propagation-*",
        "mountinfo",
        "*",
        "*",
        "the root's propagation is the config's, where runc ends private; all else is a slave of the host, so that nothing leaks",
    ),
    lines("user/known-without-home", "env", "HOME=", "HOME=/", "an empty home in the image's passwd is no home: /"),
    does("user/group-too-big", "user/groups", "a group id may be as large as the kernel takes"),
    refuses("user/umask-too-big", "a umask has nine bits; runc cuts the rest off"),
    does(
        "capabilities/effective-without-permitted",
        "capabilities/bounding-only",
        "the specification asks for a warning where a capability cannot be granted, and to go on",
    ),
    does(
        "capabilities/not-granted-to-the-runtime",
        "capabilities/usual-sets",
        "the specification asks for a warning where a capability cannot be granted, and to go on",
    ),
    does(
        "cwd/dangling",
        "cwd/missing",
        "a link that leads nowhere is followed inside the root and its target made, as for a mount's destination",
    ),
    refuses("process/annotation-with-empty-key", "the specification forbids an empty key"),
    refuses("devices/relative-path", "the specification asks for a full path"),
    does("devices/a-default-one", "default/run", "runc does not get to open a /dev/null that the config lists"),
    refuses("devices/over-a-file", "the specification demands an error where something else is at the path"),
    does("masked/below-a-file", "masked/none", "what is below a file is not there, and is skipped like all that is not"),
    does("read-only/below-a-file", "read-only/none", "what is below a file is not there, and is skipped like all that is not"),
    lines("masked/twice|read-only/twice", "mountinfo", "/data*", "", "a path that was named before is not mounted a second time"),
    refuses("masked/relative|masked/empty-path|read-only/relative", "the specification asks for absolute paths"),
    lines("read-only/root-itself", "mountinfo", "*", "", "runc stacks a copy of all mounts over the root, where nobody sees it"),
    refuses("user-namespace/maps-without-namespace", "maps without a user namespace would be without effect, and are refused"),
    lines(
        "*",
        "mountinfo|*.mountinfo",
        "* root=DIR/* [] - *",
        "* root=DIR/* [master] - *",
        "the root and binds are the host's slaves; since 1.2, runc has the mount private that the root is on",
    ),
    lines(
        "*",
        "mountinfo|*.mountinfo",
        "* root=DIR/* [shared] - *",
        "* root=DIR/* [shared master] - *",
        "the root and binds are the host's slaves; since 1.2, runc has the mount private that the root is on",
    ),
    lines(
        "*",
        "status|*.status",
        "SigBlk: fffffffe7ffbfeff",
        "SigBlk: 0000000000000000",
        "what Go's runtime blocks while it makes a thread; runc 1.3 was seen to leave it to the program",
    ),
    lines(
        "user-namespace/*|devices/in-a-user-namespace",
        "mountinfo|*.mountinfo",
        "/sys/fs/cgroup nodev,noexec,nosuid,relatime,ro root=/ [*] - cgroup2 cgroup2 *rw",
        "/sys/fs/cgroup nodev,noexec,nosuid,relatime,ro root=*/ID [*] - cgroup2 cgroup2 *rw",
        "without a cgroup namespace, who is root in a user namespace alone is shown its own cgroup; runc shows the host's",
    ),
    lines(
        "user-namespace/*|devices/in-a-user-namespace",
        "dev|*.dev",
        "/dev/mqueue directory 1777 0:65534 *",
        "/dev/mqueue directory 1777 0:0 *",
        "the queues are of the container's root group; runc's are of a group without a mapping",
    ),
    lines(
        "hooks/*-sees|hooks/*-sees-without-env",
        "hooks.state",
        "",
        ".created = TIME|.owner = \"\"|.rootfs = \"DIR/bundle/rootfs\"",
        "hooks get the state that the state command prints; the specification allows more properties than its own",
    ),
    lines("hooks/poststop-sees*", "hooks.state", "", ".pid = 0", "pid is 0 for a stopped container, as the state command prints it"),
    lines("hooks/poststop-sees*", "hooks.fds", "* 10 -> /dev/null", "", "a descriptor that runc leaks"),
    lines("hooks/createContainer-sees*", "hooks.env", "TERM=xterm", "", "a hook without env gets the runtime's own, not the container's"),
    lines(
        "hooks/poststart-sees*",
        "hooks.state",
        ".status = \"created\"",
        ".status = \"running\"",
        "poststart hooks run when start has started the program; runc runs them in create",
    ),
    lines(
        "hooks/poststart-fails|hooks/poststart-times-out|hooks/poststart-is-missing",
        "exits",
        "create 1|state 1|state2 1",
        "create 0|state 0|state2 0",
        "poststart hooks run in start, and their failure stops the container: version 1.3 of the specification",
    ),
    lines(
        "hooks/poststart-fails|hooks/poststart-times-out|hooks/poststart-is-missing",
        "state.json",
        "",
        ".* = *",
        "poststart hooks run in start, and their failure stops the container: version 1.3 of the specification",
    ),
    lines(
        "hooks/poststart-fails|hooks/poststart-times-out|hooks/poststart-is-missing",
        "state2.json",
        "",
        ".* = *",
        "poststart hooks run in start, and their failure stops the container: version 1.3 of the specification",
    ),
    lines(
        "hooks/poststart-fails-in-run",
        "stdout",
        "",
        "ran",
        "poststart hooks run in start, and their failure stops the container: version 1.3 of the specification",
    ),
    lines("hooks/poststop-fails", "hooks.stdout", "", "second", "the specification asks for the remaining poststop hooks to run"),
    lines("program/relative-path-entry|program/dot-in-path", "exits", "run 1", "run 0", "relative entries of PATH count, as in execvp(3)"),
    lines(
        "seccomp/deny-by-default-with-nothing-allowed",
        "exits",
        "run 1",
        "run 132",
        "the filter is the last thing loaded, so it is the process that dies; runc fails in its own init",
    ),
    refuses("seccomp/empty", "the specification demands a defaultAction"),
    lines("update/refused-whole", "cgroup2", "*", "*", "an update that is refused changes nothing; runc leaves what it had written"),
    lines("cgroup/path-busy", "exits", "create2 0", "create2 1", "a cgroup in use is refused, as runc does since 1.2"),
    lines(
        "lifecycle/no-process",
        "exits",
        "create 1|state 1",
        "create 0|state 0",
        "the specification allows to create a container without a process",
    ),
    lines("lifecycle/no-process", "state.json", "", ".* = *", "the specification allows to create a container without a process"),
    lines("help/*", "help.stdout|h.stdout|topic.stdout|topic2.stdout|nothing.stdout", "*", "*", "help texts are each runtime's own"),
    lines("commands/switch-with-a-value", "delete2.stdout", "*", "*", "help texts are each runtime's own"),
    lines("commands/value-missing|commands/number-that-is-none", "stdout", "*", "*", "help texts are each runtime's own"),
    refuses("commands/root-is-slash", "the root of the file system is no place for state, which newer versions of runc refuse too"),
    lines("commands/pidfd-socket", "exits", "create 1", "create 0", "runc knows the flag since 1.2"),
    lines("commands/pidfd-socket", "console", "", "1 descriptor with a name", "runc knows the flag since 1.2"),
    lines("commands/pidfd-socket", "stdout", "*", "", "runc knows the flag since 1.2"),
    lines("commands/version", "version.stdout|v.stdout", "*", "*", "each runtime has its own name and version"),
    lines("commands/features", "features.json", "*", "*", "each runtime has its own features"),
    lines("lifecycle/signal-negative", "kill.stdout", "*", "*", "help texts are each runtime's own"),
    lines("lifecycle/signal-real-time", "exits", "kill 1", "kill 0", "real-time signals have names here"),
    lines("id/none|id/too-many|options/unknown", "stdout|*.stdout|state.table", "*", "*", "help texts are each runtime's own"),
    lines(
        "shape/spec|shape/spec-rootless",
        "host2.stdout",
        "*\"CAP_AUDIT_WRITE\",|*\"CAP_KILL\",|*\"CAP_NET_BIND_SERVICE\"|*\"ambient\": [|*],",
        "",
        "the example has no ambient capabilities, as since runc 1.5",
    ),
    lines(
        "shape/spec|shape/spec-rootless",
        "host2.stdout",
        "*\"hostname\": \"runc\",",
        "*\"hostname\": \"container\",",
        "runc names itself",
    ),
    lines(
        "shape/spec|shape/spec-rootless",
        "host2.stdout",
        "*\"ociVersion\": *",
        "*\"ociVersion\": *",
        "each runtime tells the version it follows",
    ),
    lines(
        "exec/tty-without-one|exec/process-with-terminal",
        "exits",
        "exec 255",
        "exec 0",
        "a terminal is made for exec where the caller has none",
    ),
    lines("exec/tty-without-one", "exec.stdout", "", "/dev/pts/0", "a terminal is made for exec where the caller has none"),
    lines(
        "exec/no-interpreter-line|exec/garbage",
        "exits",
        "exec 1",
        "exec 255",
        "a program that cannot be run is exec's own failure: 255",
    ),
    // Where runc 1.3 is another than 1.1, and this runtime is as 1.1 was.
    lines(
        "rlimits/no-processes-as-user|env/too-long|hooks/startContainer-fails-in-run|program/script-without-interpreter-line",
        "exits",
        "run 255",
        "run 1",
        "a container that cannot begin ends run with 1; with 255 of runc 1.3",
    ),
    lines(
        "program/script-with-missing-interpreter|program/garbage|program/with-nul",
        "exits",
        "run 255",
        "run 1",
        "a container that cannot begin ends run with 1; with 255 of runc 1.3",
    ),
    does(
        "mounts/bind-defaults|mounts/bind-with-data",
        "mounts/bind-directory",
        "a bind has no data; runc 1.3 refuses it, 1.1 passes it over",
    ),
    lines("masked/same-as-read-only", "exits", "run 1", "run 0", "masked is read-only too; runc 1.3 stumbles over it"),
    lines("masked/same-as-read-only", "image|mountinfo|paths", "", "*", "masked is read-only too; runc 1.3 stumbles over it"),
    lines(
        "hooks/startContainer-times-out",
        "state2.json",
        ".pid = PID|.status = \"running\"",
        ".pid = 0|.status = \"stopped\"",
        "with its hook the container has failed; runc 1.3 has it running for a while",
    ),
    lines("mounts/destination-file-is-made", "image", "+ /made/file 100644", "+ /made/file 100755", "the mode of runc 1.1; another of 1.3"),
    lines(
        "capabilities/unset",
        "status",
        "Cap*: 000001*",
        "Cap*: 0000000000000000",
        "without a list no capability is granted; runc 1.3 takes none away",
    ),
    lines("env/unset", "env", "", "HOME=/root", "HOME is set without env, too; not by runc 1.3"),
    lines("exec/process-minimal", "exec.stdout", "", "HOME=/root", "HOME is set without env, too; not by runc 1.3"),
    lines(
        "hooks/poststop-fails|hooks/poststop-times-out|hooks/poststop-is-missing",
        "exits",
        "delete 1",
        "delete 0",
        "a poststop hook that fails is a warning by the specification; delete of runc 1.3 fails",
    ),
    lines(
        "hooks/createContainer-sees-without-env",
        "hooks.env",
        "",
        "PATH=*",
        "a hook without env gets the runtime's own; of runc 1.3 none",
    ),
    lines(
        "update/period-keeps-quota",
        "cgroup4",
        "cpu.max = max 800000",
        "cpu.max = 500000 800000",
        "a quota stays; on v2, runc 1.3 forgets it when something else is updated",
    ),
];

/// The case whose outcome with the reference stands in for this one's, where the reference refuses this one.
pub(crate) fn stand_in(case: &str) -> Option<&'static str> {
    matching(case).find_map(|rule| match rule.what {
        What::Does { like } => Some(like),
        _ => None,
    })
}

/// The reason a difference is accepted for, if it is.
pub(crate) fn reason(case: &str, difference: &Difference) -> Option<&'static str> {
    matching(case).find(|rule| rule.is_for(difference)).map(|rule| rule.reason)
}

/// Why a runtime should refuse a case that the reference does not refuse.
pub(crate) fn should_refuse(case: &str) -> Option<&'static str> {
    matching(case).find(|rule| matches!(rule.what, What::Refuses)).map(|rule| rule.reason)
}

fn matching(case: &str) -> impl Iterator<Item = &'static Accepted> {
    ACCEPTED.iter().filter(move |rule| glob::matches(rule.case, case))
}

impl Accepted {
    fn is_for(&self, difference: &Difference) -> bool {
        match (&self.what, difference.side) {
            (What::Lines { section, reference, candidate }, side) => {
                let line = if side == Side::Reference { reference } else { candidate };
                glob::matches(section, &difference.section) && glob::matches(line, &difference.line)
            }
            (What::Refuses, Side::Reference) => difference.section != "exits" || difference.line.ends_with(" 0"),
            (What::Refuses, Side::Candidate) => difference.section == "exits" && difference.line.ends_with(" 1"),
            (What::Does { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCEPTED, reason, should_refuse, stand_in};
    use crate::cases;
    use crate::glob;
    use crate::judge::{Difference, Side};

    #[test]
    fn every_entry_is_for_a_case_there_is() {
        let cases = cases::all();
        for rule in ACCEPTED {
            for one in rule.case.split('|') {
                assert!(cases.iter().any(|case| glob::matches(one, &case.name)), "{one}");
            }
        }
    }

    #[test]
    fn an_entry_is_only_for_its_own_side_and_section() {
        let difference = |section: &str, line: &str, side| Difference { section: section.into(), line: line.into(), side };
        assert!(reason("a/b", &difference("exec.fds", "lr-x------ 0 -> pipe", Side::Reference)).is_some());
        assert!(reason("a/b", &difference("exec.fds", "lr-x------ 7 -> DIR/secret", Side::Candidate)).is_none());
        assert!(reason("a/b", &difference("status", "Uid: 0", Side::Reference)).is_none());
    }

    #[test]
    fn a_refusal_is_one_and_nothing_else() {
        let difference = |section: &str, line: &str, side| Difference { section: section.into(), line: line.into(), side };
        let fine = |section: &str, line: &str, side| reason("seccomp/empty", &difference(section, line, side)).is_some();
        assert!(fine("exits", "run 0", Side::Reference) && fine("exits", "run 1", Side::Candidate));
        assert!(fine("stdout", "made", Side::Reference) && !fine("stdout", "made", Side::Candidate));
        assert!(!fine("exits", "run 137", Side::Candidate) && !fine("exits", "run 0", Side::Candidate));
        assert!(should_refuse("seccomp/empty").is_some() && should_refuse("seccomp/flags").is_none());
    }

    #[test]
    fn a_stand_in_is_a_case_there_is() {
        let cases = cases::all();
        for like in ACCEPTED.iter().filter_map(|rule| stand_in(rule.case.split('|').next()?)) {
            assert!(cases.iter().any(|case| case.name == like), "{like}");
        }
    }
}
