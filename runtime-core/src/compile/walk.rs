//! For tests: a plan is walked as the init will walk it, by what each op reads, takes and leaves. What the init would refuse as an invalid
//! argument is found here with words: an empty slot, a text outside of the arena, or one with a NUL in it.

#![allow(clippy::unwrap_used)]

use super::plan::Plan;
use runtime_init::{Blob, Op, Slot, Text, Texts};
use std::collections::BTreeSet;

/// The slots that hold something, as a walk through a plan finds and leaves them.
struct Held {
    now: BTreeSet<u32>,
    ever_read: BTreeSet<u32>,
}

impl Held {
    fn at_start(plan: &Plan) -> Self {
        let filled = Slot::FIRST + u32::try_from(plan.sources.len()).unwrap();
        Self { now: (0..filled).collect(), ever_read: BTreeSet::new() }
    }

    fn read(&mut self, slots: &[Slot]) -> Result<(), String> {
        for slot in slots {
            self.ever_read.insert(slot.0);
            if !self.now.contains(&slot.0) {
                return Err(format!("slot {} is empty", slot.0));
            }
        }
        Ok(())
    }

    /// Reads them, and leaves them empty.
    fn take(&mut self, slots: &[Slot]) -> Result<(), String> {
        self.read(slots)?;
        self.now.retain(|held| !slots.iter().any(|slot| slot.0 == *held));
        Ok(())
    }

    fn fill(&mut self, slot: Slot) {
        assert!((Slot::FIRST..Slot::LIMIT).contains(&slot.0), "{slot:?} is nobody's to fill");
        self.now.insert(slot.0);
    }

    /// What a step needs, takes and leaves: the comment over each op, as code.
    fn follow(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Meet { .. } | Op::LendRoute { .. } | Op::Hop { .. } => self.read(&[Slot::CONTROL])?,
            Op::AttachCgroup { procs: slot } | Op::Join { of: slot, .. } | Op::EnterRoot { of: slot } => self.take(&[slot])?,
            Op::CloneTree { to, .. } | Op::OpenPath { to, .. } | Op::OpenProc { to } => self.fill(to),
            Op::NewFs { mode_of, to, .. } => {
                self.read(if mode_of == Slot::NONE { &[] } else { std::slice::from_ref(&mode_of) })?;
                self.fill(to);
            }
            Op::Label { mount, proc, .. } => self.read(&[mount, proc])?,
            Op::LendMount { mount, .. } => self.read(&[Slot::CONTROL, mount])?,
            Op::SetAttr { mount, .. } => self.read(&[mount])?,
            Op::RemountBind { mount, proc, .. } | Op::Mount { on: mount, proc, .. } => self.read(&[mount, proc])?,
            Op::Move { from, to } => {
                self.take(&[from])?;
                self.fill(to);
            }
            Op::OpenTarget { to, .. } | Op::OpenNull { to } | Op::OpenFs { to, .. } => {
                self.read(&[Slot::ROOT])?;
                self.fill(to);
            }
            Op::Attach { mount, on, keep: 0 } => self.take(&[mount, on])?,
            Op::Attach { mount, on, .. } => {
                self.read(&[mount])?;
                self.take(&[on])?;
            }
            Op::AttachRoot { mount, .. } => {
                self.take(&[mount])?;
                self.fill(Slot::ROOT);
            }
            Op::CopyUp { from, to } => self.read(&[from, to])?,
            Op::MakeNode { dir, .. } | Op::MakeSymlink { dir, .. } | Op::ReplaceBySymlink { dir, .. } => self.read(&[dir])?,
            Op::Pivot { .. } | Op::MoveRoot | Op::Chroot | Op::MakeCwd { .. } => self.read(&[Slot::ROOT])?,
            Op::ReadOnlyPath { root, proc: Slot::NONE, .. } => self.read(&[root])?,
            Op::ReadOnlyPath { root, proc, .. } => self.read(&[root, proc])?,
            Op::WriteProc { proc, .. } => self.read(&[proc])?,
            Op::Console { socket, .. } => {
                self.read(&[Slot::ROOT])?;
                self.take(&[socket])?;
            }
            Op::MaskPath { root, null, .. } => self.read(&[root, null])?,
            Op::Park { go, report } => {
                self.take(&[go, Slot::CONTROL])?;
                self.read(&[report])?;
                self.now.retain(|held| *held == report.0);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Walks a plan as the init will.
pub(super) fn walk(plan: &Plan) -> Result<(), String> {
    let (mut held, mut read) = (Held::at_start(plan), Read { arena: &plan.arena, parts: Vec::new() });
    for step in &plan.steps {
        let followed = held.follow(step.op).and_then(|()| read.follow(step.op));
        followed.map_err(|why| format!("{why}: {:?}, about {:?}", step.op, plan.subject(step)))?;
    }
    read.end()?;
    let brought = Slot::FIRST..Slot::FIRST + u32::try_from(plan.sources.len()).unwrap();
    match brought.into_iter().find(|slot| !held.ever_read.contains(slot)) {
        Some(slot) => Err(format!("slot {slot} is brought for nothing")),
        None => Ok(()),
    }
}

/// The parts of the arena that somebody reads.
struct Read<'a> {
    arena: &'a [u8],
    parts: Vec<(usize, usize)>,
}

impl Read<'_> {
    fn text(&mut self, Text { at, len }: Text) -> Result<(), String> {
        let (at, end) = (at as usize, at as usize + len as usize);
        let bytes = self.arena.get(at..=end).ok_or("a text ends outside of the arena")?;
        self.parts.push((at, end + 1));
        match bytes.iter().position(|&byte| byte == 0) {
            Some(nul) if nul == len as usize => Ok(()),
            other => Err(format!("the NUL of a text of {len} bytes is at {other:?}")),
        }
    }

    fn texts(&mut self, Texts { at, count }: Texts) -> Result<(), String> {
        let mut end = at as usize;
        for _ in 0..count {
            let rest = self.arena.get(end..).unwrap_or_default();
            end += 1 + rest.iter().position(|&byte| byte == 0).ok_or("a list of texts ends outside of the arena")?;
        }
        self.parts.push((at as usize, end));
        Ok(())
    }

    fn blob(&mut self, Blob { at, len }: Blob) -> Result<(), String> {
        let (at, end) = (at as usize, at as usize + len as usize);
        self.parts.push((at, end));
        if at % 8 != 0 || end > self.arena.len() { Err(format!("bytes at {at} to {end}")) } else { Ok(()) }
    }

    fn follow(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::SessionKeyring { name: text }
            | Op::HostName { name: text }
            | Op::DomainName { name: text }
            | Op::Propagation { path: text, .. }
            | Op::Unmount { path: text }
            | Op::CloneTree { from: text, .. }
            | Op::OpenPath { path: text, .. }
            | Op::OpenTarget { path: text, .. }
            | Op::OpenFs { path: text, .. }
            | Op::AttachRoot { path: text, .. }
            | Op::Label { label: text, .. }
            | Op::MakeNode { name: text, .. }
            | Op::ReadOnlyPath { path: text, .. }
            | Op::MakeCwd { path: text }
            | Op::ChangeDirectory { path: text, .. } => self.text(text),
            Op::WriteFile { path: one, value: other }
            | Op::WriteProc { path: one, value: other, .. }
            | Op::MakeSymlink { name: one, target: other, .. }
            | Op::ReplaceBySymlink { name: one, target: other, .. } => self.text(one).and_then(|()| self.text(other)),
            Op::MaskPath { path, label, .. } => self.text(path).and_then(|()| if label.len > 0 { self.text(label) } else { Ok(()) }),
            Op::Mount { fstype, source, data, .. } => [fstype, source, data].into_iter().try_for_each(|text| self.text(text)),
            Op::NewFs { fstype, source, options, .. } => {
                self.text(fstype)?;
                self.text(source)?;
                self.texts(options)
            }
            Op::Scheduler { attr: blob }
            | Op::Affinity { cpus: blob }
            | Op::MemoryPolicy { nodes: blob, .. }
            | Op::Groups { gids: blob }
            | Op::Seccomp { program: blob, .. } => self.blob(blob),
            Op::FindProgram { candidates } => self.texts(candidates),
            Op::Exec { argv, envp } => self.texts(argv).and_then(|()| self.texts(envp)),
            _ => Ok(()),
        }
    }

    /// What nobody reads was written for nothing, or hides behind a NUL in the midst of a list. Zeros before aligned bytes are neither.
    fn end(mut self) -> Result<(), String> {
        self.parts.sort_unstable();
        let mut read = 0;
        for (at, end) in self.parts.into_iter().chain([(self.arena.len(), self.arena.len())]) {
            let between = self.arena.get(read..at).unwrap_or_default();
            if between.len() > 7 || between.iter().any(|&byte| byte != 0) {
                return Err(format!("nobody reads {:?}", String::from_utf8_lossy(between)));
            }
            read = read.max(end);
        }
        Ok(())
    }
}

#[test]
fn a_plan_that_cannot_be_walked_is_found() {
    use super::plan::{Builder, scratch};
    let wrong = |make: fn(&mut Builder)| {
        let mut plan = Builder::new();
        make(&mut plan);
        walk(&plan.finish().unwrap()).unwrap_err()
    };
    assert!(
        wrong(|plan| plan.push(Op::SetAttr { mount: scratch::MOUNT, set: 0, clear: 0, propagation: 0, recursive: 0 })).contains("is empty")
    );
    assert!(wrong(|plan| plan.push(Op::HostName { name: Text { at: 0, len: 7 } })).contains("outside"));
    assert!(wrong(|plan| _ = plan.text("a")).contains("nobody reads \"a"));
    let inner = |plan: &mut Builder| {
        let path = plan.text("a\0b");
        plan.push(Op::HostName { name: path });
    };
    assert!(wrong(inner).contains("Some(1)"));
    let hidden = |plan: &mut Builder| {
        let candidates = plan.texts(["a\0b", "c"]);
        plan.push(Op::FindProgram { candidates });
    };
    assert!(wrong(hidden).contains("nobody reads \"c"));
}
