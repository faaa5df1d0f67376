//! The vocabulary: what an init can be told to do. In story order; one op is one system call or one short fixed sequence.
//!
//! Ops are `Copy`, of fixed layout and without pointers, so that the same bytes mean the same to both sides. Strings and tables
//! are offsets into the plan's arena, file descriptors are [`Slot`]s of a small table.

/// A NUL-terminated string in the arena; `len` does not count the NUL.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text {
    /// Offset of the first byte.
    pub at: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Several NUL-terminated strings in a row.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Texts {
    /// Offset of the first.
    pub at: u32,
    /// How many.
    pub count: u32,
}

/// Bytes in the arena, aligned to 8.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blob {
    /// Offset of the first byte.
    pub at: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A place in the init's table of file descriptors.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// The conversation with the parent.
    pub const CONTROL: Self = Self(0);
    /// The memory file that holds the record and the plan.
    pub const PLAN: Self = Self(1);
    /// The init's own program; closed by its exec.
    pub const SELF: Self = Self(2);
    /// The first one that the parent may fill.
    pub const FIRST: u32 = 3;
    /// How many there can be.
    pub const LIMIT: u32 = 1024;
    /// The container's root, once it is open.
    pub const ROOT: Self = Self(Self::LIMIT - 1);
    /// No file descriptor.
    pub const NONE: Self = Self(u32::MAX);
}

/// What [`Op::OpenTarget`] makes where nothing is.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A directory, and those above it, with mode 0755.
    Directory,
    /// An empty file, and the directories above it.
    File,
    /// A directory, where neither it nor anything above it may be a symbolic link: `/proc` and `/sys`.
    RealDirectory,
    /// Nothing: it must be there.
    Existing,
}

/// One step of the init.
#[repr(C, u32)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Tell the parent that this point is reached, and wait for its word.
    Meet {
        /// Which point, one of the parent's numbers.
        point: u32,
    },
    /// The same by the shared page alone, without a system call: a filter that is loaded may be about any of them.
    MeetUnheard {
        /// Which point, one of the parent's numbers.
        point: u32,
    },
    /// `setsid(2)`.
    SetSid,
    /// `prctl(PR_SET_PDEATHSIG)`: what becomes of the init when the parent dies.
    DeathSignal {
        /// The signal, or 0 for none.
        signal: u32,
    },
    /// `prctl(PR_SET_DUMPABLE, 0)`: nobody may look into the init.
    Hide,
    /// `prctl(PR_SET_DUMPABLE, 1)`: whoever is the same user may.
    Show,
    /// `keyctl(KEYCTL_JOIN_SESSION_KEYRING)`; a kernel without keyrings, or a full quota, is no error.
    SessionKeyring {
        /// The keyring's name.
        name: Text,
    },
    /// Write `0` to an open `cgroup.procs`: attach this process.
    AttachCgroup {
        /// The open file.
        procs: Slot,
    },
    /// `setns(2)`.
    Join {
        /// The namespace file, or a pidfd.
        of: Slot,
        /// `CLONE_NEW*`.
        kind: u32,
    },
    /// `unshare(2)`.
    Unshare {
        /// `CLONE_NEW*`.
        kind: u32,
    },
    /// Write to a file of the host's, before anything is joined or mounted.
    WriteFile {
        /// The host's path.
        path: Text,
        /// What to write.
        value: Text,
    },
    /// Continue in a child of the parent's, in these new namespaces; this process reports the child and ends.
    Hop {
        /// `CLONE_NEW*`, or 0 when only joined ones are to be entered.
        kind: u32,
    },
    /// Become uid and gid 0 of the user namespace.
    BecomeRoot {
        /// 1: drop the supplementary groups first.
        clear_groups: u32,
    },
    /// Bring the loopback interface up.
    LoopbackUp,
    /// Open a route socket of this network namespace, hand it to the parent, and wait for its word.
    LendRoute {
        /// Which point, one of the parent's numbers.
        point: u32,
    },
    /// `prlimit(2)` of this process.
    Rlimit {
        /// `RLIMIT_*`.
        resource: u32,
        /// The soft limit.
        soft: u64,
        /// The hard limit.
        hard: u64,
    },
    /// `mount(2)` with only propagation flags.
    Propagation {
        /// The mount point.
        path: Text,
        /// `MS_*`.
        flags: u32,
    },
    /// `umount2(2)` with `MNT_DETACH`; what is no mount point here is none.
    Unmount {
        /// The host's path.
        path: Text,
    },
    /// `open_tree(2)` with `OPEN_TREE_CLONE`: a detached bind mount.
    CloneTree {
        /// The host's path.
        from: Text,
        /// 1: with the mounts below.
        recursive: u32,
        /// Receives the mount.
        to: Slot,
    },
    /// `openat2(2)` with `O_PATH`, on the host's side, before the switch.
    OpenPath {
        /// The host's path.
        path: Text,
        /// Receives the file.
        to: Slot,
    },
    /// `fsopen(2)`, `fsconfig(2)` for each option, `fsmount(2)`: a detached new file system.
    NewFs {
        /// The type.
        fstype: Text,
        /// `source=`; empty for none.
        source: Text,
        /// Key and value in turn; an empty value makes a flag of the key.
        options: Texts,
        /// `MOUNT_ATTR_*`.
        attr: u32,
        /// Take `mode=` from this directory if it was not made just now, or [`Slot::NONE`].
        mode_of: Slot,
        /// Receives the mount.
        to: Slot,
    },
    /// `mount_setattr(2)` on an open mount.
    SetAttr {
        /// The mount.
        mount: Slot,
        /// `MOUNT_ATTR_*`.
        set: u32,
        /// `MOUNT_ATTR_*`.
        clear: u32,
        /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, `MS_UNBINDABLE`, or 0.
        propagation: u32,
        /// 1: with the mounts below.
        recursive: u32,
    },
    /// `mount(2)` with `MS_REMOUNT | MS_BIND` on an open mount that is attached, keeping the flags it has: before Linux 5.14.
    RemountBind {
        /// The mount.
        mount: Slot,
        /// `MS_*` to add.
        set: u32,
        /// `MS_*` to take away.
        clear: u32,
        /// The private procfs.
        proc: Slot,
    },
    /// `mount(2)` on an open mount point: a file system whose options `fsconfig(2)` cannot be told; and on an open mount that is attached,
    /// with `MS_REMOUNT` or propagation flags.
    Mount {
        /// The mount point, or the mount.
        on: Slot,
        /// The type, or nothing.
        fstype: Text,
        /// The source, or nothing.
        source: Text,
        /// `MS_*`.
        flags: u32,
        /// The options, comma-separated.
        data: Text,
        /// The private procfs.
        proc: Slot,
    },
    /// `setxattr(2)` of `security.selinux`, on the root of an open mount.
    Label {
        /// The mount.
        mount: Slot,
        /// The label.
        label: Text,
        /// The private procfs.
        proc: Slot,
    },
    /// Hand an open mount to the parent, who has rights over its file system, and wait for its word.
    LendMount {
        /// Which point, one of the parent's numbers.
        point: u32,
        /// The mount, which stays here too.
        mount: Slot,
    },
    /// Take a mount the parent made.
    Move {
        /// The parent's slot.
        from: Slot,
        /// Receives it.
        to: Slot,
    },
    /// Open a mount point inside the root, making what is missing.
    OpenTarget {
        /// The container's path.
        path: Text,
        /// What to make.
        target: Target,
        /// Receives the mount point.
        to: Slot,
    },
    /// `move_mount(2)`: a detached mount onto an open mount point, which is closed.
    Attach {
        /// The mount.
        mount: Slot,
        /// The mount point.
        on: Slot,
        /// 1: it stays open, for flags that only an attached mount takes.
        keep: u32,
    },
    /// Attach the root's tree to its own path, and keep it open.
    AttachRoot {
        /// The tree.
        mount: Slot,
        /// The host's path.
        path: Text,
    },
    /// Copy what a directory holds into an open directory: `tmpcopyup`.
    CopyUp {
        /// The directory to be shadowed.
        from: Slot,
        /// Where its contents go.
        to: Slot,
    },
    /// `mknodat(2)` in an open directory; an equal node is left as it is.
    MakeNode {
        /// The directory.
        dir: Slot,
        /// The name in it.
        name: Text,
        /// Type and permissions.
        mode: u32,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
    /// `symlinkat(2)` in an open directory; something of that name is left as it is.
    MakeSymlink {
        /// The directory.
        dir: Slot,
        /// The name in it.
        name: Text,
        /// What it says.
        target: Text,
    },
    /// `unlinkat(2)` of whatever has that name, then `symlinkat(2)`: `/dev/ptmx`.
    ReplaceBySymlink {
        /// The directory.
        dir: Slot,
        /// The name in it.
        name: Text,
        /// What it says.
        target: Text,
    },
    /// `pivot_root(2)` to the root's tree and detach the old one.
    Pivot {
        /// 1: make the old root a slave before it goes, so that nothing propagates back.
        slave: u32,
    },
    /// `mount(2)` with `MS_MOVE` to `/` and `chroot(2)`: `--no-pivot`.
    MoveRoot,
    /// `chroot(2)`, where the mount namespace is the runtime's own.
    Chroot,
    /// `chroot(2)` to another process's root, where it has no mount namespace of its own.
    EnterRoot {
        /// That root.
        of: Slot,
    },
    /// A private procfs that nothing of the container can cover.
    OpenProc {
        /// Receives its root.
        to: Slot,
    },
    /// Write to a file of the private procfs.
    WriteProc {
        /// Its root.
        proc: Slot,
        /// The path below it.
        path: Text,
        /// What to write.
        value: Text,
    },
    /// Open a new terminal of the container's devpts, send its master, and keep the other end.
    Console {
        /// The connected socket.
        socket: Slot,
        /// Rows; 0 with `columns` 0 for unset.
        rows: u32,
        /// Columns.
        columns: u32,
        /// 1: bind it to `/dev/console`.
        bind: u32,
    },
    /// `sethostname(2)`.
    HostName {
        /// The name.
        name: Text,
    },
    /// `setdomainname(2)`.
    DomainName {
        /// The name.
        name: Text,
    },
    /// Open a directory of the container's, no link in its path, and see that a file system of this kind is mounted there.
    OpenFs {
        /// The container's path.
        path: Text,
        /// `f_type` of `statfs(2)`.
        magic: u32,
        /// Receives it.
        to: Slot,
    },
    /// Make a path read-only, if it is there.
    ReadOnlyPath {
        /// Where the path begins.
        root: Slot,
        /// The path.
        path: Text,
        /// The private procfs, where it takes `mount(2)`: before Linux 5.14. Else [`Slot::NONE`].
        proc: Slot,
    },
    /// Open the container's `/dev/null`, and see that it is the null device.
    OpenNull {
        /// Receives it.
        to: Slot,
    },
    /// Cover a path, if it is there: a file by the null device, a directory by an empty file system.
    MaskPath {
        /// Where the path begins.
        root: Slot,
        /// The path.
        path: Text,
        /// The null device.
        null: Slot,
        /// Holds the empty file system once there is one.
        empty: Slot,
        /// `context=` of the empty file system; empty for none.
        label: Text,
    },
    /// Where a standard stream is the host's null device, make it the container's: through the host's, its node could be changed.
    ReopenNull,
    /// Give stdin, stdout and stderr to a user, as far as they are ours to give.
    OwnStdio {
        /// The user.
        uid: u32,
    },
    /// `prctl(PR_SET_NO_NEW_PRIVS)`.
    NoNewPrivs,
    /// `sched_setattr(2)`.
    Scheduler {
        /// `struct sched_attr`.
        attr: Blob,
    },
    /// `sched_setaffinity(2)`.
    Affinity {
        /// `cpu_set_t`.
        cpus: Blob,
    },
    /// `ioprio_set(2)`.
    IoPriority {
        /// Class and level.
        value: u32,
    },
    /// `personality(2)`.
    Personality {
        /// The domain.
        domain: u32,
    },
    /// `set_mempolicy(2)`.
    MemoryPolicy {
        /// Mode and flags.
        mode: u32,
        /// The node mask.
        nodes: Blob,
    },
    /// `prctl(PR_CAPBSET_DROP)` for each capability not in the set.
    BoundingSet {
        /// The capabilities to keep.
        keep: u64,
    },
    /// `setgroups(2)`.
    Groups {
        /// The gids, as `u32`s.
        gids: Blob,
    },
    /// `setresgid(2)` and `setresuid(2)`, keeping the permitted capabilities.
    Ids {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// `capset(2)`.
    Capabilities {
        /// The effective set.
        effective: u64,
        /// The permitted set.
        permitted: u64,
        /// The inheritable set.
        inheritable: u64,
    },
    /// `prctl(PR_CAP_AMBIENT)`: clear, then raise each.
    Ambient {
        /// The set.
        raise: u64,
    },
    /// `umask(2)`.
    Umask {
        /// The mask.
        mask: u32,
    },
    /// Make a directory, and those above it, inside the root: `process.cwd`.
    MakeCwd {
        /// The container's path.
        path: Text,
    },
    /// `chdir(2)`; failure is kept for a later try when `retry` is 1.
    ChangeDirectory {
        /// The container's path.
        path: Text,
        /// 1: another user tries again after this.
        retry: u32,
    },
    /// See that the working directory is inside the root.
    VerifyCwd,
    /// Find `HOME` in the container's `/etc/passwd`; it joins the environment.
    FindHome {
        /// Whose.
        uid: u32,
    },
    /// Find the program: the first candidate that can be executed.
    FindProgram {
        /// Paths to try, in order.
        candidates: Texts,
    },
    /// Load a seccomp filter.
    Seccomp {
        /// `struct sock_filter`s.
        program: Blob,
        /// `SECCOMP_FILTER_FLAG_*`.
        flags: u32,
        /// 1: the filter has a listener, which the parent takes before this goes on.
        listener: u32,
    },
    /// Wait until somebody opens the gate; from then on report there.
    Park {
        /// Read one byte: go.
        go: Slot,
        /// Reports from now on.
        report: Slot,
    },
    /// `execve(2)` of what [`Op::FindProgram`] found.
    Exec {
        /// `argv`.
        argv: Texts,
        /// `envp`.
        envp: Texts,
    },
}
