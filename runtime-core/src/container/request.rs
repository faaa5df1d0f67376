//! What a caller asks for.

use crate::cgroup::CgroupDriver;
use crate::config::Bundle;
use crate::spawn::FailAt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// What a refused cgroup means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rootless {
    /// An error for root, no cgroup for others.
    #[default]
    Auto,
    /// No cgroup.
    Yes,
    /// An error.
    No,
}

/// How the old root goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pivot {
    /// By `pivot_root(2)`.
    #[default]
    Root,
    /// By `MS_MOVE`, where the root is an initramfs: `--no-pivot`.
    Move,
}

/// The container's session keyring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keyring {
    /// One of its own.
    #[default]
    New,
    /// The caller's: `--no-new-keyring`.
    Inherit,
}

/// Who gets the master of the terminal.
#[derive(Debug, Default)]
pub enum Terminal {
    /// Nobody: there is none.
    #[default]
    Inherit,
    /// Whoever listens on this socket.
    Socket(PathBuf),
    /// Whoever has the other end of this one.
    Fd(OwnedFd),
}

/// What `create` is asked for.
#[derive(Debug, Default)]
pub struct Create {
    /// The directory with `config.json`.
    pub bundle: PathBuf,
    /// What is in it, where the caller has read it already.
    pub read: Option<Bundle>,
    /// Who gets the master of the terminal.
    pub terminal: Terminal,
    /// stdin, stdout and stderr of the program; none means the caller's.
    pub stdio: [Option<OwnedFd>; 3],
    /// How many descriptors from 3 on the program gets.
    pub preserve_fds: u32,
    /// How many of them are sockets to tell of in `LISTEN_FDS`.
    pub listen_fds: u32,
    /// How the old root goes.
    pub pivot: Pivot,
    /// The container's session keyring.
    pub keyring: Keyring,
    /// Receives a pidfd of the init.
    pub pidfd_socket: Option<PathBuf>,
    /// Receives the init's pid, in decimal, without a newline.
    pub pid_file: Option<PathBuf>,
    /// The host's socket to tell when the program is ready: `$NOTIFY_SOCKET`.
    pub notify_socket: Option<PathBuf>,
    /// For tests: where the init fails.
    #[doc(hidden)]
    pub fail_at: Option<FailAt>,
    /// For tests: as if the kernel were this old, its version's first two numbers.
    #[doc(hidden)]
    pub kernel: Option<(u32, u32)>,
}

impl Create {
    /// A create of this bundle, and nothing special.
    #[must_use]
    pub fn of(bundle: impl Into<PathBuf>) -> Self {
        Self { bundle: bundle.into(), ..Self::default() }
    }
}

impl Rootless {
    /// May a container go without cgroups that are refused?
    pub(super) fn tolerates(self, driver: CgroupDriver) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Auto if !nix::unistd::geteuid().is_root() => true,
            Self::Auto if !crate::host::in_user_namespace() => false,
            // Whether its root was given cgroups, a namespace cannot tell; whose systemd there is, can be told.
            Self::Auto => driver != CgroupDriver::Systemd || crate::cgroup::is_of_another(),
        }
    }
}
