//! The conversation with the parent.

use super::{Done, Init};
use crate::op::{Blob, Slot};
use crate::report::{Report, ReportKind};
use crate::run::here;
use crate::sys::{self, Errno, Fork};
use core::sync::atomic::{AtomicU32, Ordering};

/// Says where we are and waits for a word; a parent that is gone ends it.
pub(crate) fn meet(init: &Init<'_>, point: u32) -> Done {
    init.report(Report { kind: ReportKind::Reached, pc: here(init), errno: 0, detail: 0, value: i64::from(point) })?;
    wait_for_word(init.fd(Slot::CONTROL)?)
}

/// The same, and the parent gets a descriptor.
pub(crate) fn lend(init: &Init<'_>, point: u32, fd: sys::Fd) -> Done {
    let report = Report { kind: ReportKind::Reached, pc: here(init), errno: 0, detail: 0, value: i64::from(point) };
    let control = init.fd(Slot::CONTROL)?;
    sys::send_fd(control, fd, &report.to_bytes())?;
    wait_for_word(control)
}

/// A socket speaks for this network namespace, whoever uses it: the parent needs no way in.
pub(crate) fn lend_route(init: &Init<'_>, point: u32) -> Done {
    let socket = sys::route_socket()?;
    let lent = lend(init, point, socket);
    sys::close(socket);
    lent
}

fn wait_for_word(fd: sys::Fd) -> Done {
    loop {
        match sys::read(fd, &mut [0]) {
            Err(Errno::EINTR) => {}
            Ok(0) => sys::exit(1),
            other => return Ok(other.map(drop)?),
        }
    }
}

/// `prctl(PR_SET_PDEATHSIG)`.
pub(crate) fn death_signal(signal: u32) -> Done {
    Ok(sys::prctl(1, u64::from(signal), 0)?)
}

/// Goes on as a new child of the parent's. Namespaces of processes and clocks are entered only by being born into them.
pub(crate) fn hop(init: &Init<'_>, kind: u32) -> Done {
    match sys::fork_sibling(kind)? {
        // A fork forgets the death signal.
        Fork::There => {
            wait_for_word(init.fd(Slot::CONTROL)?)?;
            death_signal(9)
        }
        Fork::Here(pid) => {
            let hopped = Report { kind: ReportKind::Hopped, pc: here(init), errno: 0, detail: 0, value: i64::from(pid) };
            init.report(hopped)?;
            sys::exit(0)
        }
    }
}

/// Waits to be started, holding nothing but the gate. What goes wrong afterwards is the starter's to hear.
pub(crate) fn park(init: &mut Init<'_>, go: Slot, report: Slot) -> Done {
    init.keep_only([go, report]);
    wait_for_word(init.fd(go)?)?;
    init.report_to(init.fd(report)?);
    init.clear(go);
    Ok(())
}

/// How often a word of the shared page is looked at: some ten seconds to a minute, by the processor. A parent that lives takes microseconds.
const PATIENCE: u32 = 1 << 30;

/// Waits without a system call, since a filter may be about any of them.
fn wait_for_page(word: &AtomicU32) -> Done {
    for _ in 0..PATIENCE {
        if word.load(Ordering::Acquire) != 0 {
            return Ok(());
        }
        core::hint::spin_loop();
    }
    Err(Errno::ETIMEDOUT.into())
}

/// As [`meet`], where what is written may never arrive, and what is read may be somebody's invention.
pub(crate) fn meet_unheard(init: &Init<'_>, point: u32) -> Done {
    init.record.reached.store(point, Ordering::Release);
    wait_for_page(&init.record.go)
}

/// Loads the filter. With a listener, the parent takes it out of this process from outside.
pub(crate) fn seccomp(init: &Init<'_>, program: Blob, flags: u32, listener: u32) -> Done {
    let fd = sys::seccomp(init.plan.blob(program)?, flags)? as sys::Fd;
    if listener == 0 {
        return Ok(());
    }
    init.record.listener.store(fd.saturating_add(1), Ordering::Release);
    wait_for_page(&init.record.taken)?;
    // Kept here, it would hide from the kernel that an agent has ended, and calls would wait for it without end.
    sys::close(fd);
    Ok(())
}
