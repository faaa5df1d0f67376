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
