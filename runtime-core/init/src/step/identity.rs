//! Who the process is, and what it may do.

use super::Done;
use crate::sys::{self, Errno, Stat, makedev};

const PR_SET_DUMPABLE: u32 = 4;
const PR_SET_KEEPCAPS: u32 = 8;
const PR_CAPBSET_DROP: u32 = 24;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_CAP_AMBIENT: u32 = 47;
const PR_CAP_AMBIENT_RAISE: u64 = 2;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;

/// `prctl(PR_SET_DUMPABLE, 0)`.
pub(crate) fn hide() -> Done {
    Ok(sys::prctl(PR_SET_DUMPABLE, 0, 0)?)
}

/// `prctl(PR_SET_DUMPABLE, 1)`.
pub(crate) fn show() -> Done {
    Ok(sys::prctl(PR_SET_DUMPABLE, 1, 0)?)
}

/// `prctl(PR_SET_NO_NEW_PRIVS)`.
pub(crate) fn no_new_privs() -> Done {
    Ok(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, 0)?)
}

/// Groups, gid, uid, in the order that keeps the right to the next.
pub(crate) fn become_root(clear_groups: u32) -> Done {
    if clear_groups != 0 {
        sys::setgroups(&[])?;
    }
    sys::setgid(0)?;
    Ok(sys::setuid(0)?)
}

/// Gives the standard streams to a user. The null device is everybody's; what may not be given (a socket, a file of another file
/// system, a read-only one) stays as it is.
pub(crate) fn own_stdio(uid: u32) -> Done {
    for fd in 0..3 {
        let Ok(stat) = sys::fstat(fd) else { continue };
        let is_null = stat.kind() == Stat::CHARACTER && stat.rdev == makedev(1, 3);
        if is_null || stat.uid == uid {
            continue;
        }
        match sys::fchown(fd, uid, stat.gid) {
            Err(Errno::EINVAL | Errno::EPERM | Errno::EROFS) | Ok(()) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// `prctl(PR_CAPBSET_DROP)` for each capability not in the set, up to the last the kernel knows.
pub(crate) fn bounding_set(keep: u64) -> Done {
    for capability in 0..64u32 {
        if keep & 1u64.wrapping_shl(capability) != 0 {
            continue;
        }
        match sys::prctl(PR_CAPBSET_DROP, u64::from(capability), 0) {
            Err(Errno::EINVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

/// `setresgid(2)` and `setresuid(2)`, keeping the permitted capabilities over the change.
pub(crate) fn ids(uid: u32, gid: u32) -> Done {
    sys::prctl(PR_SET_KEEPCAPS, 1, 0)?;
    sys::setgid(gid)?;
    sys::setuid(uid)?;
    Ok(sys::prctl(PR_SET_KEEPCAPS, 0, 0)?)
}

/// `prctl(PR_CAP_AMBIENT)`: clear, then raise each.
pub(crate) fn ambient(raise: u64) -> Done {
    sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0)?;
    for capability in 0..64u64 {
        if raise & 1u64.wrapping_shl(capability as u32) != 0 {
            sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)?;
        }
    }
    Ok(())
}

/// `umask(2)`.
pub(crate) fn umask(mask: u32) -> Done {
    sys::umask(mask);
    Ok(())
}
