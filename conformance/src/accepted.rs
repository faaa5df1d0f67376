//! The differences from the reference that are accepted, each with its reason.
//!
//! This is the whole list. A difference that is not here fails the comparison; an entry that nothing needs any more should go.
//! The reference is runc 1.1, which follows version 1.0.2 of the specification; what later versions ask for is the usual reason.

use crate::glob;
use crate::judge::{Difference, Side};

/// Lines that only one of the two has, and why that is fine.
pub(crate) struct Accepted {
    /// Pattern for the case's name.
    case: &'static str,
    /// Pattern for the section.
    section: &'static str,
    /// Pattern for a line only the reference has.
    reference: &'static str,
    /// Pattern for a line only the candidate has.
    candidate: &'static str,
    /// Why the candidate need not follow.
    reason: &'static str,
}

/// The candidate does something else altogether.
const fn whole(case: &'static str, reason: &'static str) -> Accepted {
    lines(case, "*", "*", "*", reason)
}

const fn lines(
    case: &'static str,
    section: &'static str,
    reference: &'static str,
    candidate: &'static str,
    reason: &'static str,
) -> Accepted {
    Accepted { case, section, reference, candidate, reason }
}

/// The table.
pub(crate) const ACCEPTED: &[Accepted] = &[
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
    whole("time-namespace/*", "time namespaces came with version 1.1 of the specification"),
    whole("process/domainname", "domainname came with version 1.1 of the specification"),
    whole("process/scheduler*|process/io-priority*", "scheduler and ioPriority came with version 1.1 of the specification"),
    whole("process/personality*", "runc 1.1 ignores the personality"),
    whole("net-devices/*", "netDevices came with version 1.3 of the specification"),
    whole("intel-rdt/*", "the specification demands an error without resctrl; runc 1.1 goes on without"),
    whole("seccomp/flags", "runc 1.1 refuses the flags the specification lists"),
    whole("mounts/tmpfs-defaults", "the specification lists the option; runc hands it to the file system, which refuses it"),
    whole("mounts/rbind-ratime|mounts/rbind-rnostrictatime", "runc 1.1 asks the kernel to clear what cannot be cleared alone"),
    whole("mounts/none-at-all|mounts/null-list|masked/proc-itself", "runc needs the container's /proc to close descriptors"),
    whole("mounts/dev-is-a-symlink", "an image must not choose where /dev is mounted (CVE-2026-41579)"),
    whole("rlimits/few-files", "runc needs descriptors of its own under the container's limit"),
    whole("rlimits/twice", "the specification demands an error; runc takes the last"),
    whole("cgroup/cpu-idle|cgroup/cpu-burst", "runc 1.1 knows neither"),
    whole("cgroup/pids-zero", "0 is a limit since version 1.3 of the specification"),
    whole("cgroup/devices-bad-access", "runc takes letters it does not know for all access"),
    whole("user-namespace/joined*", "runc 1.1 wants maps for a user namespace that has its own"),
    whole(
        "hooks/startContainer-fails|hooks/startContainer-times-out|hooks/startContainer-is-missing",
        "the failure of a startContainer hook must reach who called start",
    ),
    whole("options/preserve-fds-missing", "runc hands descriptors of its own to the container when the caller has none there"),
    whole("exec/process", "runc 1.1 ignores the umask and the OOM score of a process document"),
    whole("shape/list-missing-root", "a root that was named and is not there is an error since runc 1.5"),
    whole("bad-input/nul-in-hostname", "runc cuts the name at the NUL"),
    lines("bad-input/null", "exits", "create 2", "create 1", "runc crashes"),
    whole("bad-input/a-config-of-64-mebibytes", "a config has a size limit; runc has none"),
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
        "/mnt * - tmpfs  mode=711,rw",
        "/mnt * - tmpfs tmpfs mode=711,rw",
        "a mount without a source is shown with its type for one",
    ),
    lines("mounts/dev-noexec", "root", "/dev directory 755 *", "/dev directory 700 *", "the mode the options name"),
    whole("mounts/bind-by-type-only", "a mount of type bind is a bind, as users of the type expect"),
    lines("mounts/cgroup-writable", "writable", "", "/sys/fs/cgroup yes", "the config does not say read-only"),
    lines(
        "root/propagation-*",
        "mountinfo",
        "*",
        "*",
        "the root's propagation is the config's, where runc ends private; all else is a slave of the host, so that nothing leaks",
    ),
    lines("user/known-without-home", "env", "HOME=", "HOME=/", "an empty home in the image's passwd is no home: /"),
    whole("user/group-too-big", "a group id may be as large as the kernel takes"),
    whole("user/umask-too-big", "a umask has nine bits; runc cuts the rest off"),
    whole(
        "capabilities/effective-without-permitted|capabilities/not-granted-to-the-runtime",
        "the specification asks for a warning where a capability cannot be granted, and to go on",
    ),
    whole("cwd/dangling", "a link that leads nowhere is followed inside the root and its target made, as for a mount's destination"),
    whole("process/annotation-with-empty-key", "the specification forbids an empty key"),
    whole("devices/relative-path", "the specification asks for a full path"),
    whole("devices/a-default-one", "runc does not get to open a /dev/null that the config lists"),
    whole("devices/over-a-file", "the specification demands an error where something else is at the path"),
    whole("masked/below-a-file|read-only/below-a-file", "what is below a file is not there, and is skipped like all that is not"),
    lines("masked/twice|read-only/twice", "mountinfo", "/data*", "", "a path that was named before is not mounted a second time"),
    whole("masked/relative|masked/empty-path|read-only/relative", "the specification asks for absolute paths"),
    lines("read-only/root-itself", "mountinfo", "*", "", "runc stacks a copy of all mounts over the root, where nobody sees it"),
    whole("user-namespace/maps-without-namespace", "maps without a user namespace would be without effect, and are refused"),
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
    whole(
        "hooks/poststart-fails*|hooks/poststart-times-out|hooks/poststart-is-missing",
        "poststart hooks run in start, and their failure stops the container: version 1.3 of the specification",
    ),
    lines("hooks/poststop-fails", "hooks.stdout", "", "second", "the specification asks for the remaining poststop hooks to run"),
    whole("program/relative-path-entry|program/dot-in-path", "relative entries of PATH count, as in execvp(3)"),
    lines(
        "seccomp/deny-by-default-with-nothing-allowed",
        "exits",
        "run 1",
        "run 132",
        "the filter is the last thing loaded, so it is the process that dies; runc fails in its own init",
    ),
    whole("seccomp/empty", "the specification demands a defaultAction"),
    lines("update/refused-whole", "cgroup2", "*", "*", "an update that is refused changes nothing; runc leaves what it had written"),
    lines("cgroup/path-busy", "exits", "create2 0", "create2 1", "a cgroup in use is refused, as runc does since 1.2"),
    whole("lifecycle/no-process", "the specification allows to create a container without a process"),
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
    whole("exec/tty-without-one|exec/process-with-terminal", "a terminal is made for exec where the caller has none"),
    lines(
        "exec/no-interpreter-line|exec/garbage",
        "exits",
        "exec 1",
        "exec 255",
        "a program that cannot be run is exec's own failure: 255",
    ),
];

/// The reason a difference is accepted for, if it is.
pub(crate) fn reason(case: &str, difference: &Difference) -> Option<&'static str> {
    let fits = |rule: &&Accepted| {
        let line = if difference.side == Side::Reference { rule.reference } else { rule.candidate };
        glob::matches(rule.case, case) && glob::matches(rule.section, &difference.section) && glob::matches(line, &difference.line)
    };
    ACCEPTED.iter().find(fits).map(|rule| rule.reason)
}

#[cfg(test)]
mod tests {
    use super::{ACCEPTED, reason};
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
        assert!(reason("time-namespace/new", &difference("status", "Uid: 0", Side::Reference)).is_some());
    }
}
