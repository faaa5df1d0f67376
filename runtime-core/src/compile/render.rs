//! The plan as text: what `--dry-run` prints, what tests compare, and the words of an error.

use super::plan::{IdMap, Plan, Source, Step, scratch};
use nix::libc;
use runtime_init::report::part;
use runtime_init::{Op, Slot, Target};
use std::fmt::{self, Display};

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clone, sources, steps, .. } = self;
        let into = if clone.into_cgroup { " into-cgroup" } else { "" };
        writeln!(f, "clone{}{into}", namespaces(clone.namespaces))?;
        if let Some(user) = &clone.user {
            for (kind, mappings) in [("uid", &user.uid_mappings), ("gid", &user.gid_mappings)] {
                for map in mappings {
                    writeln!(f, "map-{kind} {} {} {}", map.inside, map.outside, map.count)?;
                }
            }
        }
        for (index, source) in sources.iter().enumerate() {
            writeln!(f, "bring s{} {}", Slot::FIRST as usize + index, bring(source))?;
        }
        for step in steps {
            writeln!(f, "{}", Line(self, step))?;
        }
        Ok(())
    }
}

fn bring(source: &Source) -> String {
    match source {
        Source::Namespace(path) => format!("namespace {}", path.display()),
        Source::Init => "pidfd".into(),
        Source::InitRoot => "root of init".into(),
        Source::CgroupProcs(index) => format!("cgroup.procs {index}"),
        Source::ConsoleSocket => "console socket".into(),
        Source::Tree { path, recursive, id_map } => {
            let map = id_map.as_ref().map_or("", mapped);
            format!("tree {}{}{map}", path.display(), if *recursive { " rec" } else { "" })
        }
        Source::Gate => "gate".into(),
        Source::GateReport => "gate report".into(),
    }
}

fn mapped(map: &IdMap) -> &'static str {
    if map.recursive { " ridmap" } else { " idmap" }
}

/// ` mount,pid` of `CLONE_NEW*`.
fn namespaces(flags: u32) -> String {
    const NAMES: [(i32, &str); 8] = [
        (libc::CLONE_NEWUSER, "user"),
        (libc::CLONE_NEWNS, "mount"),
        (libc::CLONE_NEWPID, "pid"),
        (libc::CLONE_NEWNET, "network"),
        (libc::CLONE_NEWIPC, "ipc"),
        (libc::CLONE_NEWUTS, "uts"),
        (libc::CLONE_NEWCGROUP, "cgroup"),
        (super::namespaces::CLONE_NEWTIME, "time"),
    ];
    let names: Vec<_> = NAMES.iter().filter(|(flag, _)| flags & flag.cast_unsigned() != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { String::new() } else { format!(" {}", names.join(",")) }
}

/// A slot as plans are read: the scratch ones have names.
fn slot(slot: Slot) -> String {
    match slot {
        Slot::ROOT => "root".into(),
        Slot::NONE => "-".into(),
        scratch::MOUNT => "mount".into(),
        scratch::TARGET => "target".into(),
        scratch::DEV => "dev".into(),
        scratch::NULL => "null".into(),
        scratch::EMPTY => "empty".into(),
        scratch::PROC => "proc".into(),
        scratch::PROC_MOUNT => "/proc".into(),
        scratch::SYS_MOUNT => "/sys".into(),
        Slot(n) => format!("s{n}"),
    }
}

fn rec(recursive: u32) -> &'static str {
    if recursive == 0 { "" } else { " rec" }
}

fn target(target: Target) -> &'static str {
    match target {
        Target::Directory => "dir",
        Target::File => "file",
        Target::RealDirectory => "real-dir",
        Target::Existing => "existing",
    }
}

/// One step.
struct Line<'a>(&'a Plan, &'a Step);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan, step) = self;
        let text = |text| format!("{:?}", plan.text(text));
        write!(f, "{}", name(&step.op))?;
        match step.op {
            Op::Meet { point } | Op::MeetUnheard { point } | Op::LendRoute { point } => write!(f, " {point}"),
            Op::SetSid | Op::Hide | Op::Show | Op::LoopbackUp | Op::MoveRoot | Op::Chroot => Ok(()),
            Op::NoNewPrivs | Op::VerifyCwd | Op::ReopenNull => Ok(()),
            Op::DeathSignal { signal } => write!(f, " {signal}"),
            Op::SessionKeyring { name } | Op::HostName { name } | Op::DomainName { name } => write!(f, " {}", text(name)),
            Op::AttachCgroup { procs } => write!(f, " {}", slot(procs)),
            Op::Join { of, kind } => write!(f, " {}{}", slot(of), namespaces(kind)),
            Op::Unshare { kind } | Op::Hop { kind } => write!(f, "{}", namespaces(kind)),
            Op::WriteFile { path, value } => write!(f, " {} {}", text(path), text(value)),
            Op::BecomeRoot { clear_groups } => write!(f, "{}", if clear_groups == 0 { "" } else { " without-groups" }),
            Op::Rlimit { resource, soft, hard } => write!(f, " {resource} {soft} {hard}"),
            Op::Propagation { path, flags } => write!(f, " {} {flags:#x}", text(path)),
            Op::Unmount { path } => write!(f, " {}", text(path)),
            Op::CloneTree { from, recursive, to } => write!(f, " {}{} -> {}", text(from), rec(recursive), slot(to)),
            Op::OpenPath { path, to } => write!(f, " {} -> {}", text(path), slot(to)),
            Op::SetAttr { mount, set, clear, propagation, recursive } => {
                write!(f, " {} +{set:#x} -{clear:#x} {propagation:#x}{}", slot(mount), rec(recursive))
            }
            Op::RemountBind { mount, set, clear, .. } => write!(f, " {} +{set:#x} -{clear:#x}", slot(mount)),
            Op::Mount { on, fstype, source, flags, data, .. } => {
                write!(f, " {} {} {flags:#x} {} -> {}", text(fstype), text(source), text(data), slot(on))
            }
            Op::Label { mount, label, .. } => write!(f, " {} {}", slot(mount), text(label)),
            Op::LendMount { point, mount } => write!(f, " {}{}", slot(mount), plan.id_map(point).map_or("", |(map, _)| mapped(map))),
            Op::Move { from, to } => write!(f, " {} -> {}", slot(from), slot(to)),
            Op::OpenTarget { path, target: kind, to } => write!(f, " {} {} -> {}", text(path), target(kind), slot(to)),
            Op::Attach { mount, on, keep } => write!(f, " {} -> {}{}", slot(mount), slot(on), if keep == 0 { "" } else { " keep" }),
            Op::AttachRoot { mount, path } => write!(f, " {} -> {}", slot(mount), text(path)),
            Op::CopyUp { from, to } => write!(f, " {} -> {}", slot(from), slot(to)),
            Op::MakeNode { dir, name, mode, major, minor, uid, gid } => {
                write!(f, " {} {} {mode:o} {major}:{minor} {uid}:{gid}", slot(dir), text(name))
            }
            Op::MakeSymlink { dir, name, target } | Op::ReplaceBySymlink { dir, name, target } => {
                write!(f, " {} {} {}", slot(dir), text(name), text(target))
            }
            _ => self.rest(f),
        }
    }
}

impl Line<'_> {
    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan, step) = self;
        let text = |text| format!("{:?}", plan.text(text));
        match step.op {
            Op::NewFs { fstype, source, options, attr, mode_of, to } => {
                let pairs = plan.texts(options);
                let options: Vec<_> = pairs.chunks(2).map(|pair| pair.join("=")).collect();
                let mode = if mode_of == Slot::NONE { "" } else { " mode-of-target" };
                write!(f, " {} {} {} {attr:#x}{mode} -> {}", text(fstype), text(source), options.join(","), slot(to))
            }
            Op::Pivot { slave } => write!(f, "{}", if slave == 0 { "" } else { " slave" }),
            Op::EnterRoot { of } => write!(f, " {}", slot(of)),
            Op::OpenProc { to } | Op::OpenNull { to } => write!(f, " -> {}", slot(to)),
            Op::WriteProc { path, value, .. } => write!(f, " {} {}", text(path), text(value)),
            Op::Console { socket, rows, columns, bind } => {
                write!(f, " {} {rows}x{columns}{}", slot(socket), if bind == 0 { "" } else { " /dev/console" })
            }
            Op::OpenFs { path, magic, to } => write!(f, " {} {magic:#x} -> {}", text(path), slot(to)),
            Op::ReadOnlyPath { root, path, .. } | Op::MaskPath { root, path, .. } => write!(f, " {} {}", slot(root), text(path)),
            Op::MakeCwd { path } => write!(f, " {}", text(path)),
            Op::OwnStdio { uid } | Op::FindHome { uid } => write!(f, " {uid}"),
            Op::IoPriority { value } => write!(f, " {value:#x}"),
            Op::Personality { domain } => write!(f, " {domain:#x}"),
            Op::MemoryPolicy { mode, nodes } => write!(f, " {mode:#x} {} bytes", nodes.len),
            Op::Scheduler { attr } => write!(f, " {} bytes", attr.len),
            Op::Affinity { cpus } => write!(f, " {} bytes", cpus.len),
            Op::BoundingSet { keep } => write!(f, " {keep:#x}"),
            Op::Groups { gids } => write!(f, " {} groups", gids.len / 4),
            Op::Ids { uid, gid } => write!(f, " {uid}:{gid}"),
            Op::Capabilities { effective, permitted, inheritable } => write!(f, " {effective:#x} {permitted:#x} {inheritable:#x}"),
            Op::Ambient { raise } => write!(f, " {raise:#x}"),
            Op::Umask { mask } => write!(f, " {mask:04o}"),
            Op::ChangeDirectory { path, retry } => write!(f, " {}{}", text(path), if retry == 0 { "" } else { " may-fail" }),
            Op::FindProgram { candidates } => write!(f, " {}", plan.texts(candidates).join(":")),
            Op::Seccomp { program, flags, listener } => {
                write!(f, " {} instructions {flags:#x}{}", program.len / 8, if listener == 0 { "" } else { " listener" })
            }
            Op::Park { go, report } => write!(f, " {} {}", slot(go), slot(report)),
            Op::Exec { argv, envp } => write!(f, " {:?} {:?}", plan.texts(argv), plan.texts(envp)),
            _ => Ok(()),
        }
    }
}

/// The op's name, as plans are read.
fn name(op: &Op) -> String {
    let debug = format!("{op:?}");
    let camel = debug.split([' ', '{']).next().unwrap_or("");
    let mut name = String::new();
    for (at, letter) in camel.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The system call that failed in a step, as its man page has it.
pub(crate) fn call(op: &Op, detail: u32) -> &'static str {
    match op {
        Op::Meet { .. } | Op::Park { .. } => "read",
        Op::MeetUnheard { .. } => "wait for the runtime",
        Op::SetSid => "setsid",
        Op::DeathSignal { .. } | Op::Hide | Op::Show | Op::NoNewPrivs | Op::BoundingSet { .. } | Op::Ambient { .. } => "prctl",
        Op::SessionKeyring { .. } => "keyctl",
        Op::AttachCgroup { .. } | Op::WriteFile { .. } | Op::WriteProc { .. } => "write",
        Op::Join { .. } => "setns",
        Op::Unshare { .. } => "unshare",
        Op::Hop { .. } => "clone",
        Op::BecomeRoot { .. } | Op::Ids { .. } => "setresuid",
        Op::LoopbackUp => "bring lo up",
        Op::LendRoute { .. } => "socket",
        Op::Label { .. } => "setxattr",
        Op::LendMount { .. } => "sendmsg",
        Op::Rlimit { .. } => "setrlimit",
        Op::Propagation { .. } | Op::RemountBind { .. } | Op::Mount { .. } | Op::MoveRoot => "mount",
        Op::Unmount { .. } => "umount2",
        Op::CloneTree { .. } => "open_tree",
        Op::OpenPath { .. } | Op::OpenTarget { .. } | Op::OpenNull { .. } | Op::ReopenNull | Op::OpenProc { .. } | Op::OpenFs { .. } => {
            "open"
        }
        Op::NewFs { .. } => match detail {
            part::OPEN => "fsopen",
            part::MOUNT => "fsmount",
            _ => "fsconfig",
        },
        Op::SetAttr { .. } => "mount_setattr",
        Op::Move { .. } => "move",
        Op::Attach { .. } | Op::AttachRoot { .. } => "move_mount",
        Op::CopyUp { .. } => "copy",
        Op::MakeNode { .. } => "mknod",
        Op::MakeSymlink { .. } | Op::ReplaceBySymlink { .. } => "symlink",
        Op::Pivot { .. } => "pivot_root",
        Op::Chroot | Op::EnterRoot { .. } => "chroot",
        Op::Console { .. } => "open a terminal",
        Op::HostName { .. } => "sethostname",
        Op::DomainName { .. } => "setdomainname",
        Op::ReadOnlyPath { .. } | Op::MaskPath { .. } => "mount",
        Op::OwnStdio { .. } => "fchown",
        Op::Scheduler { .. } => "sched_setattr",
        Op::Affinity { .. } => "sched_setaffinity",
        Op::IoPriority { .. } => "ioprio_set",
        Op::Personality { .. } => "personality",
        Op::MemoryPolicy { .. } => "set_mempolicy",
        Op::Groups { .. } => "setgroups",
        Op::Capabilities { .. } => "capset",
        Op::Umask { .. } => "umask",
        Op::MakeCwd { .. } => "mkdir",
        Op::ChangeDirectory { .. } => "chdir",
        Op::VerifyCwd => "getcwd",
        Op::FindHome { .. } | Op::FindProgram { .. } => "stat",
        Op::Seccomp { .. } => "seccomp",
        Op::Exec { .. } => "exec",
    }
}
