//! The container's terminal.

use super::{Done, Init, root};
use crate::op::{Op, Slot, Target};
use crate::sys::{self, Errno, Fd, o};

const TIOCSCTTY: u32 = 0x540e;
const TIOCSWINSZ: u32 = 0x5414;
const TIOCSPTLCK: u32 = 0x4004_5431;
const TIOCGPTPEER: u32 = 0x5441;
const DEVPTS: u64 = 0x1cd1;

/// `struct winsize`.
#[repr(C)]
struct WindowSize {
    rows: u16,
    columns: u16,
    pixels: [u16; 2],
}

/// Opens a new terminal, sends the master away, and makes the other end the controlling terminal and the standard streams.
pub(crate) fn open(init: &mut Init<'_>, op: Op) -> Done {
    let Op::Console { socket, rows, columns, bind } = op else { return Err(Errno::EINVAL.into()) };
    let master = open_master(init)?;
    let slave = open_slave(master)?;
    if rows != 0 || columns != 0 {
        let size = WindowSize { rows: rows as u16, columns: columns as u16, pixels: [0; 2] };
        // SAFETY: TIOCSWINSZ reads a `struct winsize`, which this is.
        unsafe { sys::ioctl_with(slave, TIOCSWINSZ, &size) }?;
    }
    sys::send_fd(init.fd(socket)?, master, b"/dev/ptmx")?;
    init.clear(socket);
    sys::close(master);
    if bind != 0 {
        bind_console(init, slave)?;
    }
    for stream in 0..3 {
        sys::dup3(slave, stream, 0)?;
    }
    sys::close(slave);
    sys::ioctl_value(0, TIOCSCTTY, 0)?;
    Ok(())
}

/// The multiplexer of the container's own devpts; anything else at that path is an attack.
fn open_master(init: &Init<'_>) -> sys::Result<Fd> {
    let master = root::open_in(init.fd(Slot::ROOT)?, c"/dev/pts/ptmx", o::RDWR | o::NOCTTY, 0)?;
    if sys::fstatfs(master)? != DEVPTS {
        sys::close(master);
        return Err(Errno::ENODEV);
    }
    Ok(master)
}

/// The other end, without walking a path.
fn open_slave(master: Fd) -> sys::Result<Fd> {
    // SAFETY: TIOCSPTLCK reads an `int`.
    unsafe { sys::ioctl_with(master, TIOCSPTLCK, &0i32) }?;
    sys::ioctl_value(master, TIOCGPTPEER, o::RDWR | o::NOCTTY | o::CLOEXEC).map(|fd| fd as Fd)
}

fn bind_console(init: &Init<'_>, slave: Fd) -> Done {
    let (on, _) = root::open_or_make(init.fd(Slot::ROOT)?, c"/dev/console", Target::File)?;
    let tree = sys::open_tree(slave, c"", 0)?;
    sys::move_mount(tree, on)?;
    sys::close(tree);
    sys::close(on);
    Ok(())
}
