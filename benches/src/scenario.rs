//! The scenarios: which commands make one sample.

use crate::find;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who is measured.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Runtime,
    Floor,
}

/// What is measured.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Whether the floor can do it too.
    pub(crate) has_floor: bool,
    bundle: &'static str,
    /// The commands of a sample; `{id}` is new each time, `{kept}` is the container that was prepared.
    words: &'static [&'static [&'static str]],
}

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "run /bin/true", has_floor: true, bundle: "true", words: &[&["run", "--bundle", "{bundle}", "{id}"]] },
    Scenario {
        name: "create, start, delete",
        has_floor: false,
        bundle: "true",
        words: &[&["create", "--bundle", "{bundle}", "{id}"], &["start", "{id}"], &["delete", "--force", "{id}"]],
    },
    Scenario { name: "exec /bin/true", has_floor: false, bundle: "sleep", words: &[&["exec", "{kept}", "/bin/true"]] },
    Scenario { name: "run with 40 bind mounts", has_floor: false, bundle: "binds", words: &[&["run", "--bundle", "{bundle}", "{id}"]] },
];

impl Contender {
    pub(crate) fn runtime(path: &Path) -> io::Result<Self> {
        let program = find(path)?;
        let name = program.file_name().unwrap_or_default().display().to_string();
        Ok(Self { name, program, kind: Kind::Runtime })
    }

    pub(crate) fn floor(program: PathBuf) -> Self {
        Self { name: "floor".into(), program, kind: Kind::Floor }
    }

    pub(crate) fn is_floor(&self) -> bool {
        self.kind == Kind::Floor
    }

    /// A whole command line of this runtime.
    pub(crate) fn command(&self, dir: &Path, words: &[String]) -> Vec<String> {
        let root = dir.join(format!("root-{}", self.name)).display().to_string();
        [vec![self.program.display().to_string(), "--root".into(), root], words.to_vec()].concat()
    }

    /// Runs it, and wants it to work.
    pub(crate) fn call(&self, dir: &Path, words: &[&str]) -> io::Result<()> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let line = self.command(dir, &words);
        let (program, rest) = line.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let status = Command::new(program).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{} {words:?}: {status}", self.name))) }
    }

    /// The id of the container that stays for a whole scenario.
    pub(crate) fn kept(&self) -> String {
        format!("bench-{}-kept", self.name)
    }
}

impl Scenario {
    /// What has to be there before the first sample.
    pub(crate) fn prepare(&self, contender: &Contender, dir: &Path) -> io::Result<()> {
        if !self.keeps() {
            return Ok(());
        }
        let bundle = dir.join(self.bundle).display().to_string();
        contender.call(dir, &["create", "--bundle", &bundle, &contender.kept()])?;
        contender.call(dir, &["start", &contender.kept()])
    }

    /// And takes it away after the last.
    pub(crate) fn clear(&self, contender: &Contender, dir: &Path) -> io::Result<()> {
        if self.keeps() { contender.call(dir, &["delete", "--force", &contender.kept()]) } else { Ok(()) }
    }

    fn keeps(&self) -> bool {
        self.words.iter().any(|words| words.contains(&"{kept}"))
    }

    /// The commands of one sample.
    pub(crate) fn commands(&self, contender: &Contender, dir: &Path, round: usize) -> Vec<Vec<String>> {
        let id = format!("bench-{}-{round}", contender.name);
        if contender.is_floor() {
            let root = dir.join("rootfs").display().to_string();
            return vec![vec![contender.program.display().to_string(), root, format!("/sys/fs/cgroup/{id}"), "1".into()]];
        }
        let bundle = dir.join(self.bundle).display().to_string();
        let fill = |word: &&str| word.replace("{id}", &id).replace("{bundle}", &bundle).replace("{kept}", &contender.kept());
        self.words.iter().map(|words| contender.command(dir, &words.iter().map(fill).collect::<Vec<_>>())).collect()
    }
}
