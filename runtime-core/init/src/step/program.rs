//! The program: where it starts, what it is, what it is given.

use super::{Done, Init};
use crate::op::{Text, Texts};
use crate::sys::{self, Errno, Stat, o};
use core::ffi::CStr;

/// `chdir(2)`. Root may be barred where the user is not, and the other way round: one of two tries has to succeed.
pub(crate) fn change_directory(init: &mut Init<'_>, path: Text, retry: u32) -> Done {
    if init.arrived {
        return Ok(());
    }
    match sys::chdir(init.plan.text(path)?) {
        Ok(()) => init.arrived = true,
        Err(_) if retry != 0 => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(())
}

/// `getcwd(2)` of a directory outside the root answers `(unreachable)…`, or an error.
pub(crate) fn verify_cwd() -> Done {
    let mut buffer = [0u8; 4096];
    match sys::getcwd(&mut buffer) {
        Ok(_) if buffer.first() == Some(&b'/') => Ok(()),
        Ok(_) | Err(Errno::ENOENT) => Err(Errno::ENOENT.into()),
        Err(errno) => Err(errno.into()),
    }
}

/// The first candidate that can be executed. The failure told is that of the last: there is one where the name has a slash.
pub(crate) fn find(init: &mut Init<'_>, candidates: Texts) -> Done {
    let mut failure = Errno::ENOENT;
    for path in init.plan.texts(candidates) {
        match executable(path) {
            Ok(()) => {
                init.program = Some(path);
                return Ok(());
            }
            Err(errno) => failure = errno,
        }
    }
    Err(failure.into())
}

fn executable(path: &CStr) -> sys::Result<()> {
    let fd = sys::openat(sys::AT_FDCWD, path, o::PATH)?;
    let stat = sys::fstat(fd);
    sys::close(fd);
    if stat?.kind() == Stat::DIRECTORY {
        return Err(Errno::EISDIR);
    }
    match sys::faccessat2(sys::AT_FDCWD, path, sys::X_OK) {
        // A filter that does not know the call; the exec will tell.
        Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        other => other,
    }
}

/// Finds the home of a user in the container's `/etc/passwd`; `/` where there is none.
pub(crate) fn find_home(init: &mut Init<'_>, uid: u32) -> Done {
    let mut home = Line::new(b"HOME=/");
    if let Ok(fd) = sys::openat(sys::AT_FDCWD, c"/etc/passwd", o::RDONLY | o::NOCTTY) {
        let is_file = sys::fstat(fd).is_ok_and(|stat| stat.kind() == Stat::REGULAR);
        if is_file {
            search(fd, uid, &mut home);
        }
        sys::close(fd);
    }
    init.home.text = home.text;
    init.home.len = home.len;
    Ok(())
}

/// A line of bounded length; what is too long is lost.
struct Line {
    text: [u8; 512],
    len: usize,
}

impl Line {
    fn new(begin: &[u8]) -> Self {
        let mut line = Self { text: [0; 512], len: 0 };
        for &byte in begin {
            line.push(byte);
        }
        line
    }

    fn push(&mut self, byte: u8) {
        // The last byte stays NUL.
        if self.len < self.text.len().saturating_sub(1)
            && let Some(place) = self.text.get_mut(self.len)
        {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

fn search(fd: sys::Fd, uid: u32, home: &mut Line) {
    let mut buffer = [0u8; 2048];
    let mut line = Line::new(b"");
    loop {
        let count = match sys::read(fd, &mut buffer) {
            Ok(0) | Err(_) => return take(&line, uid, home).unwrap_or(()),
            Ok(count) => count,
        };
        for &byte in buffer.iter().take(count) {
            if byte != b'\n' {
                line.push(byte);
            } else if take(&line, uid, home).is_some() {
                return;
            } else {
                line = Line::new(b"");
            }
        }
    }
}

/// `name:password:uid:gid:gecos:home:shell`, if it is that user's.
fn take(line: &Line, uid: u32, home: &mut Line) -> Option<()> {
    let mut fields = line.bytes().split(|&byte| byte == b':');
    let its_uid = fields.nth(2).and_then(number)?;
    let directory = fields.nth(2)?;
    if its_uid != uid || directory.is_empty() {
        return None;
    }
    *home = Line::new(b"HOME=");
    for &byte in directory {
        home.push(byte);
    }
    Some(())
}

fn number(digits: &[u8]) -> Option<u32> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// `execve(2)`.
pub(crate) fn exec(init: &Init<'_>, argv: Texts, envp: Texts) -> Done {
    let program = init.program.ok_or(Errno::ENOENT)?;
    let argv = pointers(init, argv, None)?;
    let home = (init.home.len > 0).then_some(init.home.text.as_ptr());
    let envp = pointers(init, envp, home)?;
    // SAFETY: both tables point to NUL-terminated strings of the plan or of `init.home`, whose last byte is always NUL, and end with 0.
    Err(unsafe { sys::execve(program, argv.as_ptr(), envp.as_ptr()) }.into())
}

/// A table of pointers as `execve(2)` takes it.
fn pointers(init: &Init<'_>, texts: Texts, more: Option<*const u8>) -> sys::Result<&'static [usize]> {
    let table = sys::map_words((texts.count as usize).saturating_add(2))?;
    let all = init.plan.texts(texts).map(|text| text.as_ptr() as usize).chain(more.map(|text| text as usize));
    for (place, pointer) in table.iter_mut().zip(all) {
        *place = pointer;
    }
    Ok(table)
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
