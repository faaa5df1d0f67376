//! What a caller asks for.

use super::message::{self, Options};
use std::path::PathBuf;

/// Where the images of a container are, and what criu makes of what is not the container's alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// The directory with the images.
    pub path: PathBuf,
    /// Where criu writes its log and other files of its own; none is the images' directory.
    pub work_path: Option<PathBuf>,
    /// What criu does beyond what it does by itself.
    pub options: Vec<CriuOption>,
    /// What criu does with cgroups.
    pub cgroups: CriuCgroups,
}

impl Images {
    /// The images in this directory, and nothing special.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// What criu does only if it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriuOption {
    /// Keep open TCP connections.
    TcpEstablished,
    /// Leave out TCP connections that are not yet open.
    TcpSkipInFlight,
    /// Bring TCP connections back closed.
    TcpClose,
    /// Give open files that have no name any more one, for as long as it takes.
    LinkRemap,
    /// Take unix sockets whose other end is outside.
    ExternalUnixSockets,
    /// Take a process that belongs to the session of a shell outside.
    ShellJob,
    /// Keep file locks.
    FileLocks,
    /// Drop from earlier images what later ones replace.
    AutoDedup,
    /// Bring memory when it is touched.
    LazyPages,
}

/// What criu does with cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CriuCgroups {
    /// What it does by itself.
    #[default]
    Default,
    /// Set what a cgroup holds if it had to be made.
    Soft,
    /// Set what a cgroup holds.
    Full,
    /// Refuse to restore into cgroups that are there.
    Strict,
    /// Leave them alone.
    Ignore,
}

/// What [`Container::checkpoint`](crate::Container::checkpoint) is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where the images go; directories that are missing are made.
    pub images: Images,
    /// The directory of earlier images, relative to that of the new ones. Only what has changed since is saved.
    pub parent: Option<PathBuf>,
    /// How much is saved.
    pub extent: Extent,
    /// A server that takes the memory pages, or one to be, for [`CriuOption::LazyPages`].
    pub page_server: Option<PageServer>,
    /// The number of an open descriptor that a NUL byte is written to when lazy pages can be asked for.
    pub status_fd: Option<i32>,
}

/// How much of a container is saved, and what becomes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// All; its processes end.
    #[default]
    Whole,
    /// All; its processes go on.
    WholeAndGoOn,
    /// Its memory, for a later checkpoint to have less to save; its processes go on.
    Memory,
}

/// Where a page server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageServer {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
}

impl Images {
    pub(super) fn has(&self, option: CriuOption) -> bool {
        self.options.contains(&option)
    }

    /// As criu takes it; a switch that is not turned on is not there.
    pub(super) fn apply(&self, options: &mut Options) {
        for option in &self.options {
            *option.field(options) = Some(true);
        }
        options.manage_cgroups = Some(true);
        options.manage_cgroups_mode = Some(self.cgroups.mode().into());
    }
}

impl CriuOption {
    fn field(self, options: &mut Options) -> &mut Option<bool> {
        match self {
            Self::TcpEstablished => &mut options.tcp_established,
            Self::TcpSkipInFlight => &mut options.tcp_skip_in_flight,
            Self::TcpClose => &mut options.tcp_close,
            Self::LinkRemap => &mut options.link_remap,
            Self::ExternalUnixSockets => &mut options.ext_unix_sk,
            Self::ShellJob => &mut options.shell_job,
            Self::FileLocks => &mut options.file_locks,
            Self::AutoDedup => &mut options.auto_dedup,
            Self::LazyPages => &mut options.lazy_pages,
        }
    }
}

impl CriuCgroups {
    fn mode(self) -> message::CgroupMode {
        match self {
            Self::Default => message::CgroupMode::Default,
            Self::Soft => message::CgroupMode::Soft,
            Self::Full => message::CgroupMode::Full,
            Self::Strict => message::CgroupMode::Strict,
            Self::Ignore => message::CgroupMode::Ignore,
        }
    }
}

impl Checkpoint {
    /// A checkpoint into this directory, and nothing special.
    #[must_use]
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self { images: Images::of(path), ..Self::default() }
    }
}
