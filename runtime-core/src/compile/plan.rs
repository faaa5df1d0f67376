//! The plan in the making, and made: ops, what they are about, the bytes they point to, and what the parent has to bring.

use crate::config::{IdMapping, Rlimit};
use crate::error::{Error, ErrorKind, Result};
use runtime_init::{Blob, Op, Slot, Text, Texts};
use std::path::{Path, PathBuf};

/// A compiled plan: everything a child will do, in order, and what it needs for that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The steps, in order.
    pub(crate) steps: Vec<Step>,
    /// The bytes the ops' texts, tables and blobs are in.
    pub(crate) arena: Vec<u8>,
    /// What fills the slots from [`Slot::FIRST`] on before the child starts.
    pub(crate) sources: Vec<Source>,
    /// How the child is cloned.
    pub(crate) clone: Clone3,
    /// What the parent gives to the mounts that it is lent, and where they are from.
    id_maps: Vec<(IdMap, PathBuf)>,
    /// What the steps are about: places in `config.json`.
    subjects: Vec<String>,
}

/// One op, and what it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) circumstance: Circumstance,
    subject: u32,
}

/// What a failure of a step may come of, beside what it does and is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circumstance {
    Usual,
    /// The container may not use every CPU.
    FewerCpus,
}

/// How the first process is cloned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clone3 {
    /// `CLONE_NEW*`.
    pub(crate) namespaces: u32,
    /// Born in its cgroup: `CLONE_INTO_CGROUP`.
    pub(crate) into_cgroup: bool,
    /// What the parent writes once there is a new user namespace.
    pub(crate) user: Option<UserNamespace>,
}

/// A new user namespace, as its parent makes it usable.
#[derive(Debug, Clone)]
pub(crate) struct UserNamespace {
    pub(crate) uid_mappings: Vec<IdMapping>,
    pub(crate) gid_mappings: Vec<IdMapping>,
    /// Limits that only somebody outside may raise.
    pub(crate) rlimits: Vec<Rlimit>,
    /// May the parent write any map?
    pub(crate) privileged: bool,
    /// May the child drop its supplementary groups?
    pub(crate) clear_groups: bool,
}

/// A file descriptor the parent brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A namespace's file.
    Namespace(PathBuf),
    /// A pidfd of the container's init.
    Init,
    /// The root directory of the container's init.
    InitRoot,
    /// The nth `cgroup.procs` of the container's cgroups.
    CgroupProcs(usize),
    /// The console socket, connected.
    ConsoleSocket,
    /// A detached bind mount of a host's path, made with the parent's rights.
    Tree { path: PathBuf, recursive: bool, id_map: Option<IdMap> },
    /// What `start` writes to.
    Gate,
    /// What `start` reads from.
    GateReport,
}

/// Ids seen as others through a mount: only who has rights over its file system may have it so, and no container's root has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdMap {
    pub(crate) ids: Ids,
    /// The mounts below too.
    pub(crate) recursive: bool,
}

/// Which ids are seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ids {
    /// By these mappings.
    Mapped { uid_mappings: Vec<IdMapping>, gid_mappings: Vec<IdMapping> },
    /// As in a user namespace that is there.
    Of(PathBuf),
}

/// The slots of what lives only for a few steps. They count down from the last, the parent's count up from the first.
pub(crate) mod scratch {
    use runtime_init::Slot;

    pub(crate) const MOUNT: Slot = Slot(Slot::LIMIT - 2);
    pub(crate) const TARGET: Slot = Slot(Slot::LIMIT - 3);
    pub(crate) const DEV: Slot = Slot(Slot::LIMIT - 4);
    pub(crate) const NULL: Slot = Slot(Slot::LIMIT - 5);
    pub(crate) const EMPTY: Slot = Slot(Slot::LIMIT - 6);
    pub(crate) const PROC: Slot = Slot(Slot::LIMIT - 7);
    pub(crate) const PROC_MOUNT: Slot = Slot(Slot::LIMIT - 8);
    pub(crate) const SYS_MOUNT: Slot = Slot(Slot::LIMIT - 9);
    pub(crate) const COUNT: u32 = 9;
}

/// Where parent and child meet.
pub(crate) mod point {
    /// The mounts are there, the root is not yet switched: `prestart`, `createRuntime`, `createContainer`.
    pub(crate) const HOOKS: u32 = 1;
    /// A filter with a listener is about to be loaded.
    pub(crate) const LISTENER: u32 = 2;
    /// The same, and nothing is said after it: [`CREATED`] too.
    pub(crate) const LAST_LISTENER: u32 = 5;
    /// All is done but the program: the parent records the container.
    pub(crate) const CREATED: u32 = 3;
    /// Nothing is done yet: the parent has the process put into its cgroup.
    pub(crate) const CGROUP: u32 = 4;
    /// The network namespace is there, and a socket of it comes along: `netDevices`.
    pub(crate) const NETWORK: u32 = 6;
    /// The process has the number it will keep: `intelRdt`.
    pub(crate) const CLASS: u32 = 7;
    /// A mount comes along, to get the first of the plan's id maps; one higher, the second; and so on.
    pub(crate) const ID_MAP: u32 = 8;
}

/// Builds a [`Plan`], op after op.
#[derive(Debug)]
pub(crate) struct Builder {
    plan: Plan,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let plan = Plan {
            steps: Vec::with_capacity(160),
            arena: Vec::with_capacity(8192),
            sources: Vec::new(),
            clone: Clone3::default(),
            id_maps: Vec::new(),
            subjects: vec![String::new()],
        };
        Self { plan }
    }

    /// The ops from here on are about this property.
    pub(crate) fn about(&mut self, property: impl Into<String>) {
        self.plan.subjects.push(property.into());
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.push_under(Circumstance::Usual, op);
    }

    pub(crate) fn push_under(&mut self, circumstance: Circumstance, op: Op) {
        let subject = u32::try_from(self.plan.subjects.len() - 1).unwrap_or(0);
        self.plan.steps.push(Step { op, circumstance, subject });
    }

    pub(crate) fn clone3(&mut self) -> &mut Clone3 {
        &mut self.plan.clone
    }

    fn here(&self) -> u32 {
        u32::try_from(self.plan.arena.len()).unwrap_or(u32::MAX)
    }

    /// A string. Strings hold no NUL: `config` has seen to it.
    pub(crate) fn text(&mut self, text: impl AsRef<[u8]>) -> Text {
        let bytes = text.as_ref();
        let at = self.here();
        self.plan.arena.extend_from_slice(bytes);
        self.plan.arena.push(0);
        Text { at, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }

    /// Several strings in a row.
    pub(crate) fn texts<T: AsRef<[u8]>>(&mut self, texts: impl IntoIterator<Item = T>) -> Texts {
        let at = self.here();
        let count = texts.into_iter().map(|text| self.text(text)).count();
        Texts { at, count: u32::try_from(count).unwrap_or(u32::MAX) }
    }

    /// Bytes, aligned to 8.
    pub(crate) fn blob(&mut self, bytes: &[u8]) -> Blob {
        self.plan.arena.resize(self.plan.arena.len().next_multiple_of(8), 0);
        let at = self.here();
        self.plan.arena.extend_from_slice(bytes);
        Blob { at, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }

    /// A slot that the parent fills.
    pub(crate) fn source(&mut self, source: Source) -> Slot {
        self.plan.sources.push(source);
        Slot(Slot::FIRST + u32::try_from(self.plan.sources.len() - 1).unwrap_or(u32::MAX - Slot::FIRST))
    }

    /// The mount, of this source, gets an id map of the parent's.
    pub(crate) fn lend(&mut self, mount: Slot, map: IdMap, source: &Path) {
        let nth = u32::try_from(self.plan.id_maps.len()).unwrap_or(u32::MAX - point::ID_MAP);
        self.plan.id_maps.push((map, source.to_owned()));
        self.push(Op::LendMount { point: point::ID_MAP + nth, mount });
    }

    pub(crate) fn finish(self) -> Result<Plan> {
        let filled = Slot::FIRST as usize + self.plan.sources.len();
        if filled > (Slot::LIMIT - scratch::COUNT) as usize {
            return Err(Error::new(ErrorKind::Unsupported, format!("too many mounts that need the runtime's own rights: {filled}")));
        }
        if u32::try_from(self.plan.arena.len()).is_err() {
            return Err(Error::new(ErrorKind::InvalidConfig, "config.json: too large"));
        }
        Ok(self.plan)
    }
}

impl Plan {
    /// What a step is about, as a place in `config.json`; empty for what has none.
    pub(crate) fn subject(&self, step: &Step) -> &str {
        self.subjects.get(step.subject as usize).map_or("", String::as_str)
    }

    /// What a mount that is lent at this point is to get.
    pub(crate) fn id_map(&self, at: u32) -> Option<&(IdMap, PathBuf)> {
        self.id_maps.get(at.checked_sub(point::ID_MAP)? as usize)
    }

    /// The string an op points to.
    pub(crate) fn text(&self, text: Text) -> String {
        let bytes = self.arena.get(text.at as usize..(text.at + text.len) as usize).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The strings an op points to.
    pub(crate) fn texts(&self, texts: Texts) -> Vec<String> {
        let rest = self.arena.get(texts.at as usize..).unwrap_or_default();
        rest.split(|&byte| byte == 0).take(texts.count as usize).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }
}
