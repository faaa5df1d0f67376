//! The loop: for each op, one step.

use crate::op::{Op, Slot};
use crate::plan::{Header, Plan};
use crate::report::{Record, Report, ReportKind};
use crate::step;
use crate::step::root::Was;
use crate::sys::{self, Errno, Fd};
use core::ffi::CStr;
use core::sync::atomic::Ordering;

/// A step that failed: the errno, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub errno: Errno,
    /// Which part, for the parent's words.
    pub detail: u32,
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self { errno, detail: 0 }
    }
}

/// What the init carries from step to step.
pub(crate) struct Init<'a> {
    pub(crate) plan: Plan<'a>,
    pub(crate) record: &'a Record,
    pub(crate) program: Option<&'a CStr>,
    pub(crate) home: Home,
    /// What the last opened mount point was.
    pub(crate) target_was: Was,
    /// Is the working directory the program's?
    pub(crate) arrived: bool,
    report_to: Fd,
    slots: [Fd; Slot::LIMIT as usize],
}

/// `HOME=…`, once it is known.
pub(crate) struct Home {
    pub(crate) text: [u8; 512],
    pub(crate) len: usize,
}

const EMPTY: Fd = -1;

impl<'a> Init<'a> {
    fn new(plan: Plan<'a>, record: &'a Record) -> Self {
        let header = plan.header();
        let mut slots = [EMPTY; Slot::LIMIT as usize];
        for (at, slot) in slots.iter_mut().enumerate().take(header.filled as usize) {
            *slot = (header.first_fd as Fd).saturating_add(at as Fd);
        }
        let home = Home { text: [0; 512], len: 0 };
        let control = slots.first().copied().unwrap_or(EMPTY);
        Self { plan, record, program: None, home, target_was: Was::There, arrived: false, report_to: control, slots }
    }

    /// The descriptor in a slot.
    pub(crate) fn fd(&self, slot: Slot) -> sys::Result<Fd> {
        match self.slots.get(slot.0 as usize) {
            Some(&fd) if fd != EMPTY => Ok(fd),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Is there a descriptor in a slot?
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.fd(slot).is_ok()
    }

    /// Puts a descriptor into a slot; the one it held is closed.
    pub(crate) fn put(&mut self, slot: Slot, fd: Fd) -> sys::Result<()> {
        let place = self.slots.get_mut(slot.0 as usize).ok_or(Errno::EINVAL)?;
        let old = core::mem::replace(place, fd);
        if old != EMPTY {
            sys::close(old);
        }
        Ok(())
    }

    /// Moves a descriptor from one slot to another.
    pub(crate) fn shift(&mut self, from: Slot, to: Slot) -> sys::Result<()> {
        let fd = self.fd(from)?;
        if let Some(place) = self.slots.get_mut(from.0 as usize) {
            *place = EMPTY;
        }
        self.put(to, fd)
    }

    /// Closes what a slot holds.
    pub(crate) fn clear(&mut self, slot: Slot) {
        let _ = self.put(slot, EMPTY);
    }

    /// Closes what is in all other slots.
    pub(crate) fn keep_only(&mut self, kept: [Slot; 2]) {
        (0..Slot::LIMIT).map(Slot).filter(|slot| !kept.contains(slot)).for_each(|slot| self.clear(slot));
    }

    /// The descriptors the parent gave do not outlive the exec.
    fn end_with_exec(&self) -> sys::Result<()> {
        sys::close_on_exec_from(self.plan.header().first_fd).or_else(|_| {
            // Linux < 5.11 knows only how to close a range; remove with the 5.10 support row in host.
            self.slots.iter().filter(|&&fd| fd != EMPTY).try_for_each(|&fd| sys::close_on_exec(fd))
        })
    }

    /// From now on, reports go there.
    pub(crate) fn report_to(&mut self, fd: Fd) {
        self.report_to = fd;
    }

    /// Sends a report, whole.
    pub(crate) fn report(&self, report: Report) -> sys::Result<()> {
        loop {
            match sys::write(self.report_to, &report.to_bytes()) {
                Err(Errno::EINTR) => {}
                other => return other.map(drop),
            }
        }
    }
}

/// Walks the plan behind `control`'s neighbour, and ends by executing the container's program, or by reporting why not.
pub fn run(control: Fd) -> ! {
    let plan_fd = control.saturating_add(1);
    match map(plan_fd) {
        Ok((record, plan)) => walk(Init::new(plan, record)),
        Err(errno) => {
            let report = Report { kind: ReportKind::Failed, pc: u32::MAX, errno: errno.0, detail: 0, value: 0 };
            let _ = sys::write(control, &report.to_bytes());
            sys::exit(1)
        }
    }
}

/// The record and the plan, mapped.
fn map(fd: Fd) -> sys::Result<(&'static Record, Plan<'static>)> {
    let len = (sys::fstat(fd)?.size as usize).checked_sub(Record::SIZE).ok_or(Errno::EINVAL)?;
    let record = sys::map_file(fd, 0, Record::SIZE, sys::Access::Share)?.cast::<Record>();
    let header = sys::map_file(fd, Record::SIZE, len, sys::Access::Read)?.cast::<Header>();
    // SAFETY: a fresh mapping of a page that stays to the end, all zeros or what the parent stored in the same atomics.
    let record = unsafe { &*record };
    // SAFETY: a fresh mapping of `len` bytes that stays to the end; the parent has written the plan and does not touch it again.
    let plan = unsafe { Plan::at(header, len) }?;
    Ok((record, plan))
}

fn walk(mut init: Init<'_>) -> ! {
    sys::reset_signals();
    sys::umask(0);
    if let Err(errno) = init.end_with_exec() {
        let _ = init.report(Report { kind: ReportKind::Failed, pc: u32::MAX, errno: errno.0, detail: 0, value: 0 });
        sys::exit(1);
    }
    let header = *init.plan.header();
    let count = init.plan.ops().len();
    for (index, op) in init.plan.ops().iter().enumerate() {
        let pc = index as u32;
        init.record.enter(pc);
        let result = if pc == header.fail_pc { fail(header.fail_errno) } else { step(&mut init, *op) };
        if let Err(Failure { errno, detail }) = result {
            let left = count.saturating_sub(index) as i64;
            let _ = init.report(Report { kind: ReportKind::Failed, pc, errno: errno.0, detail, value: left });
            sys::exit(1);
        }
    }
    sys::exit(1)
}

/// For tests: this step fails, or is the last thing the process does.
fn fail(errno: i32) -> Result<(), Failure> {
    match errno {
        0 => sys::exit(137),
        _ => Err(Errno(errno).into()),
    }
}

/// Where the parent learns the step from.
pub(crate) fn here(init: &Init<'_>) -> u32 {
    init.record.pc.load(Ordering::Relaxed)
}

fn step(init: &mut Init<'_>, op: Op) -> Result<(), Failure> {
    use step::{console, identity, meet, memberships, mounts, program, root};
    match op {
        Op::Meet { point } => meet::meet(init, point),
        Op::MeetUnheard { point } => meet::meet_unheard(init, point),
        Op::SetSid => Ok(sys::setsid()?),
        Op::DeathSignal { signal } => meet::death_signal(signal),
        Op::Hide => identity::hide(),
        Op::Show => identity::show(),
        Op::SessionKeyring { name } => memberships::session_keyring(init, name),
        Op::AttachCgroup { procs } => memberships::attach_cgroup(init, procs),
        Op::Join { of, kind } => memberships::join(init, of, kind),
        Op::Unshare { kind } => Ok(sys::unshare(kind)?),
        Op::WriteFile { path, value } => memberships::write_file(init, path, value),
        Op::Hop { kind } => meet::hop(init, kind),
        Op::BecomeRoot { clear_groups } => identity::become_root(clear_groups),
        Op::LoopbackUp => Ok(sys::loopback_up()?),
        Op::LendRoute { point } => meet::lend_route(init, point),
        Op::Rlimit { resource, soft, hard } => Ok(sys::setrlimit(resource, soft, hard)?),
        Op::Propagation { path, flags } => mounts::propagation(init, path, flags),
        Op::Unmount { path } => mounts::unmount(init, path),
        Op::CloneTree { from, recursive, to } => mounts::clone_tree(init, from, recursive, to),
        Op::OpenPath { path, to } => mounts::open_path(init, path, to),
        Op::NewFs { .. } => mounts::new_fs(init, op),
        Op::SetAttr { .. } => mounts::set_attr(init, op),
        Op::RemountBind { .. } => mounts::remount_bind(init, op),
        Op::Mount { .. } => mounts::mount(init, op),
        Op::LendMount { point, mount } => meet::lend(init, point, init.fd(mount)?),
        Op::Move { from, to } => Ok(init.shift(from, to)?),
        Op::OpenTarget { path, target, to } => root::open_target(init, path, target, to),
        Op::Label { mount, label, proc } => mounts::label(init, mount, label, proc),
        Op::Attach { mount, on, keep } => mounts::attach(init, mount, on, keep),
        Op::AttachRoot { mount, path } => mounts::attach_root(init, mount, path),
        Op::CopyUp { from, to } => step::copy_up::copy_up(init, from, to),
        Op::MakeNode { .. } => root::make_node(init, op),
        Op::MakeSymlink { dir, name, target } => root::make_symlink(init, dir, name, target),
        Op::ReplaceBySymlink { dir, name, target } => root::replace_by_symlink(init, dir, name, target),
        Op::Pivot { slave } => root::pivot(init, slave),
        Op::MoveRoot => root::move_root(init),
        Op::Chroot => root::chroot(init),
        Op::EnterRoot { of } => root::enter(init, of),
        Op::OpenProc { to } => mounts::open_proc(init, to),
        Op::WriteProc { proc, path, value } => mounts::write_proc(init, proc, path, value),
        Op::Console { .. } => console::open(init, op),
        Op::HostName { name } => Ok(sys::sethostname(init.plan.text(name)?)?),
        Op::DomainName { name } => Ok(sys::setdomainname(init.plan.text(name)?)?),
        Op::OpenFs { path, magic, to } => mounts::open_fs(init, path, magic, to),
        Op::ReadOnlyPath { root, path, proc } => mounts::read_only_path(init, root, path, proc),
        Op::OpenNull { to } => mounts::open_null(init, to),
        Op::MaskPath { .. } => mounts::mask_path(init, op),
        Op::ReopenNull => mounts::reopen_null(init),
        Op::OwnStdio { uid } => identity::own_stdio(uid),
        Op::NoNewPrivs => identity::no_new_privs(),
        Op::Scheduler { attr } => Ok(sys::sched_setattr(init.plan.blob(attr)?)?),
        Op::Affinity { cpus } => Ok(sys::sched_setaffinity(init.plan.blob(cpus)?)?),
        Op::IoPriority { value } => Ok(sys::ioprio_set(value)?),
        Op::Personality { domain } => Ok(sys::personality(domain)?),
        Op::MemoryPolicy { mode, nodes } => Ok(sys::set_mempolicy(mode, init.plan.blob(nodes)?)?),
        Op::BoundingSet { keep } => identity::bounding_set(keep),
        Op::Groups { gids } => Ok(sys::setgroups(init.plan.blob(gids)?)?),
        Op::Ids { uid, gid } => identity::ids(uid, gid),
        Op::Capabilities { effective, permitted, inheritable } => Ok(sys::capset(effective, permitted, inheritable)?),
        Op::Ambient { raise } => identity::ambient(raise),
        Op::Umask { mask } => identity::umask(mask),
        Op::MakeCwd { path } => root::make_cwd(init, path),
        Op::ChangeDirectory { path, retry } => program::change_directory(init, path, retry),
        Op::VerifyCwd => program::verify_cwd(),
        Op::FindHome { uid } => program::find_home(init, uid),
        Op::FindProgram { candidates } => program::find(init, candidates),
        Op::Seccomp { program, flags, listener } => meet::seccomp(init, program, flags, listener),
        Op::Park { go, report } => meet::park(init, go, report),
        Op::Exec { argv, envp } => program::exec(init, argv, envp),
    }
}
