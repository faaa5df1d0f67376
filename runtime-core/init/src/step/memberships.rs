//! Namespaces, cgroups, keyrings: what a process is a member of.

use super::{Done, Init};
use crate::op::{Slot, Text};
use crate::sys::{self, Errno, o};

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING)`. A kernel without keyrings has none to leak; a full quota is the user's affair.
pub(crate) fn session_keyring(init: &Init<'_>, name: Text) -> Done {
    match sys::join_session_keyring(init.plan.text(name)?) {
        Ok(keyring) => {
            // Other processes of the same user may search it, or an exec would not find it: possessor all, user view, read, search.
            let _ = sys::set_key_permissions(keyring, 0x3f1b_0000);
            Ok(())
        }
        Err(Errno::ENOSYS | Errno::EDQUOT | Errno::EPERM | Errno::EACCES) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes `0`, "the writer", to an open `cgroup.procs`.
pub(crate) fn attach_cgroup(init: &mut Init<'_>, procs: Slot) -> Done {
    sys::write(init.fd(procs)?, b"0")?;
    init.clear(procs);
    Ok(())
}

/// `setns(2)`.
pub(crate) fn join(init: &mut Init<'_>, of: Slot, kind: u32) -> Done {
    sys::setns(init.fd(of)?, kind)?;
    init.clear(of);
    Ok(())
}

/// Writes to a file of the host's: `/proc/self/oom_score_adj`, `/proc/self/timens_offsets`.
pub(crate) fn write_file(init: &Init<'_>, path: Text, value: Text) -> Done {
    let fd = sys::openat(sys::AT_FDCWD, init.plan.text(path)?, o::WRONLY)?;
    let written = sys::write(fd, init.plan.text(value)?.to_bytes());
    sys::close(fd);
    Ok(written.map(drop)?)
}
