//! Plays one case with one runtime, in a process of its own, and tells what was seen.
//!
//! The process is a subreaper and has a mount namespace of its own whose tree is shared, as on a host that
//! systemd set up: what a runtime leaks shows up here, and goes away with this process.

use crate::case::{Act, Case, Fixture, Step};
use crate::config::{self, Places};
use crate::console::Console;
use crate::normal::{self, Names};
use crate::reap::Reaper;
use crate::record::{Outcome, Record};
use crate::{bundle, cgroupfs, devices, hold, left, patience};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the steps of a case may take with one runtime.
const LIMIT: Duration = Duration::from_secs(20);
/// How long the removal of what is left may take.
const REMOVAL: Duration = Duration::from_secs(5);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Verbs that answer with a document.
const DOCUMENTS: &[&str] = &["state", "list", "ps", "events", "features"];

/// Where a case is played, and with what.
#[derive(Clone)]
pub(crate) struct Stage {
    /// The runtime.
    pub(crate) runtime: PathBuf,
    /// A directory that is only this play's.
    pub(crate) dir: PathBuf,
    /// The container's id.
    pub(crate) id: String,
    /// A copy of busybox that may be linked into bundles.
    pub(crate) busybox: PathBuf,
}

/// Plays `case`, cleans up, and tells.
pub(crate) fn play(case: &Case, stage: &Stage) -> io::Result<Record> {
    let begin = Instant::now();
    isolate(case, stage)?;
    bundle::make(&stage.dir, &stage.busybox, &case.fixtures)?;
    let mut player = Player::new(stage);
    player.furnish(case)?;
    player.deadline = Instant::now() + patience::of(LIMIT);
    let image = bundle::listing(&stage.dir.join("bundle/rootfs"));
    case.steps.iter().for_each(|step| player.step(step));
    player.gather(&image);
    player.record.left = left::look(stage, &mut player.reaper);
    player.clean();
    player.record.took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(player.record)
}

fn isolate(case: &Case, stage: &Stage) -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    propagate(MsFlags::MS_PRIVATE)?;
    devices::make(&stage.dir.join("dev"))?;
    if !case.fixtures.contains(&Fixture::PrivateHost) {
        propagate(MsFlags::MS_SHARED)?;
    }
    if case.fixtures.contains(&Fixture::Submount) {
        let sub = stage.dir.join("source/sub");
        fs::create_dir_all(&sub)?;
        mount(Some("tmpfs"), &sub, Some("tmpfs"), MsFlags::MS_NOSUID, Some("size=64k"))?;
    }
    Ok(())
}

fn propagate(kind: MsFlags) -> nix::Result<()> {
    mount(None::<&str>, "/", None::<&str>, kind | MsFlags::MS_REC, None::<&str>)
}

/// What a call of the runtime wrote, to be read when all is over: a container writes after `create` is done.
struct Output {
    section: String,
    verb: &'static str,
    file: PathBuf,
}

struct Player<'a> {
    stage: &'a Stage,
    deadline: Instant,
    places: Places,
    names: Names,
    reaper: Reaper,
    record: Record,
    outputs: Vec<Output>,
    console: Option<Console>,
    holder: Option<hold::Holder>,
    labels: BTreeMap<&'static str, usize>,
}

impl<'a> Player<'a> {
    fn new(stage: &'a Stage) -> Self {
        let dir = stage.dir.display().to_string();
        let mut places = Places::new();
        for (name, value) in [
            ("id", stage.id.clone()),
            ("bundle", format!("{dir}/bundle")),
            ("dir", dir.clone()),
            ("shelf", left::SHELF.to_owned()),
            ("runtime", stage.runtime.display().to_string()),
        ] {
            places.name(name, &value);
        }
        let mut names = Names::default();
        names.text(&dir, "DIR");
        // mountinfo tells roots from the top of their file system, which may be below where it is mounted.
        if let Some(name) = stage.dir.file_name() {
            names.text(&format!("/{}/", name.display()), "DIR/");
        }
        names.text(&stage.id, "ID");
        for (_, link) in hold::links("self") {
            names.namespace(link, "host");
        }
        let (reaper, record, outputs, labels) = (Reaper::default(), Record::default(), Vec::new(), BTreeMap::new());
        Self { stage, deadline: Instant::now(), places, names, reaper, record, outputs, console: None, holder: None, labels }
    }

    fn furnish(&mut self, case: &Case) -> io::Result<()> {
        for fixture in &case.fixtures {
            if let Fixture::Holder(kinds) = fixture {
                self.hold(kinds)?;
            }
        }
        if let Some(text) = config::text(&case.edits, &self.places) {
            fs::write(self.stage.dir.join("bundle/config.json"), text)?;
        }
        Ok(())
    }

    fn hold(&mut self, kinds: &str) -> io::Result<()> {
        let holder = hold::Holder::new(kinds)?;
        for (kind, link) in hold::links(&holder.pid.to_string()) {
            self.places.name(&format!("ns:{kind}"), &format!("/proc/{}/ns/{kind}", holder.pid));
            if kinds.split(',').any(|held| held == kind) {
                self.names.namespace(link, "held");
            }
        }
        self.holder = Some(holder);
        Ok(())
    }

    fn step(&mut self, step: &Step) {
        let label = self.label(step.label);
        let (code, error) = match &step.act {
            Act::Runtime(words) => self.runtime(step, &label, words),
            Act::Host(line) => self.shell(step, &label, line),
            Act::Wait => self.wait(),
            Act::Until(status) => self.until(status),
            Act::Cgroup => self.cgroup(&label),
            Act::Second(edits) => told(self.second(edits)),
            Act::Console => told(self.listen()),
        };
        self.record.outcomes.push(Outcome { label, code, error });
    }

    // The second `state` of a case is called `state2`.
    fn label(&mut self, label: &'static str) -> String {
        let count = self.labels.entry(label).and_modify(|count| *count += 1).or_insert(1);
        if *count == 1 { label.to_owned() } else { format!("{label}{count}") }
    }

    fn runtime(&mut self, step: &Step, label: &str, words: &[String]) -> (i32, String) {
        let words: Vec<String> = words.iter().map(|word| self.places.fill(word)).collect();
        let mut command = Command::new(&self.stage.runtime);
        command.arg("--root").arg(self.stage.dir.join("root")).args(&words).current_dir(self.stage.dir.join("bundle"));
        let ended = self.run(step, label, &mut command);
        if let Ok(pid) = fs::read_to_string(self.stage.dir.join("pid")) {
            self.places.name("pid", &pid);
        }
        match self.kept_back(step, label, &words) {
            Some(why) if ended.0 == 0 => (-1, why.to_owned()),
            _ => ended,
        }
    }

    /// What a call that succeeds must have made, and has not: a runtime that does nothing is not one that does it right.
    fn kept_back(&self, step: &Step, label: &str, words: &[String]) -> Option<&'static str> {
        let written = |file: PathBuf| fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0);
        let pid_file = words.iter().skip_while(|word| *word != "--pid-file").nth(1);
        let there = |file: &String| written(self.stage.dir.join("bundle").join(file));
        match pid_file {
            Some(file) if !there(file) => Some("success, but no pid file"),
            _ if step.label == "state" && !written(self.stage.dir.join("out").join(label).with_extension("out")) => {
                Some("success, but no document")
            }
            _ => None,
        }
    }

    fn shell(&mut self, step: &Step, label: &str, line: &str) -> (i32, String) {
        let mut command = Command::new(&self.stage.busybox);
        command.args(["sh", "-c", &self.places.fill(line)]).current_dir(&self.stage.dir);
        self.run(step, label, &mut command)
    }

    fn run(&mut self, step: &Step, label: &str, command: &mut Command) -> (i32, String) {
        let base = self.stage.dir.join("out").join(label);
        let out = base.with_extension("out");
        let err = base.with_extension("err");
        let section = if matches!(step.label, "run" | "create") { String::new() } else { format!("{label}.") };
        self.outputs.push(Output { section, verb: step.label, file: out.clone() });
        command.env_clear().env("PATH", PATH).envs(step.env.iter().copied());
        match spawn(command, step.stdin, &base, [&out, &err]) {
            Ok(pid) => self.end(pid, &err),
            Err(err) => (-1, err.to_string()),
        }
    }

    fn end(&mut self, pid: i32, err: &Path) -> (i32, String) {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let code = self.reaper.await_end(pid, remaining);
        let said = fs::read(err).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        match code {
            Some(code) => (code, said),
            None => {
                self.reaper.kill_all();
                (-1, format!("time ran out; {said}"))
            }
        }
    }

    fn wait(&mut self) -> (i32, String) {
        let pid = fs::read_to_string(self.stage.dir.join("pid")).unwrap_or_default();
        let Ok(pid) = pid.parse() else { return (-1, format!("no pid in the pid file: {pid:?}")) };
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        self.reaper.await_end(pid, remaining).map_or_else(|| (-1, "still there, or never was".to_owned()), |code| (code, String::new()))
    }

    fn until(&mut self, status: &str) -> (i32, String) {
        let wanted = format!("\"{status}\"");
        while Instant::now() < self.deadline {
            let output = self.quietly(&["state", &self.stage.id]).unwrap_or_default();
            if output.contains(&wanted) {
                return (0, String::new());
            }
            sleep(Duration::from_millis(10));
        }
        (-1, format!("never {status}"))
    }

    fn quietly(&mut self, words: &[&str]) -> io::Result<String> {
        let base = self.stage.dir.join("quiet");
        let mut command = Command::new(&self.stage.runtime);
        command.arg("--root").arg(self.stage.dir.join("root")).args(words).env_clear().env("PATH", PATH);
        let pid = spawn(&mut command, "", &base, [&base, &base.with_extension("err")])?;
        self.reaper.await_end(pid, patience::of(REMOVAL));
        fs::read_to_string(base)
    }

    fn cgroup(&mut self, label: &str) -> (i32, String) {
        let pid = fs::read_to_string(self.stage.dir.join("pid")).unwrap_or_default();
        let lines = cgroupfs::read(&pid);
        let empty = lines.is_empty();
        self.record.sections.insert(label.to_owned(), lines);
        if empty { (1, "no cgroup file was found".to_owned()) } else { (0, String::new()) }
    }

    fn second(&mut self, edits: &[crate::case::Edit]) -> io::Result<()> {
        let dir = self.stage.dir.join("second");
        fs::create_dir_all(&dir)?;
        let root = crate::case::Edit::Set("/root/path", "{bundle}/rootfs".into());
        let edits: Vec<_> = std::iter::once(root).chain(edits.iter().cloned()).collect();
        fs::write(dir.join("config.json"), config::text(&edits, &self.places).unwrap_or_default())
    }

    fn listen(&mut self) -> io::Result<()> {
        self.console = Some(Console::listen(&self.stage.dir.join("console.sock"))?);
        Ok(())
    }

    fn gather(&mut self, image: &[String]) {
        for output in std::mem::take(&mut self.outputs) {
            self.read(&output);
        }
        if let Some(console) = self.console.take() {
            let (message, text) = console.seen();
            self.sections("console.", &text);
            self.record.note("console", message);
        }
        if let Ok(log) = fs::read_to_string(self.stage.dir.join("hooks/log")) {
            self.sections("hooks.", &log);
        }
        let after = bundle::listing(&self.stage.dir.join("bundle/rootfs"));
        after.iter().filter(|line| !image.contains(line)).for_each(|line| self.record.note("image", format!("+ {line}")));
        image.iter().filter(|line| !after.contains(line)).for_each(|line| self.record.note("image", format!("- {line}")));
        for (name, lines) in &mut self.record.sections {
            *lines = self.names.section(name, lines);
        }
        if let Some(holder) = self.holder.take() {
            holder.end(&mut self.reaper);
        }
    }

    fn read(&mut self, output: &Output) {
        let text = fs::read(&output.file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let document = DOCUMENTS.contains(&output.verb);
        match serde_json::from_str(&text) {
            Ok(value) if document => {
                self.record.sections.insert(format!("{}json", output.section), normal::flat(&value));
            }
            _ if document => {
                let lines = text.lines().map(table_row).collect();
                self.record.sections.insert(format!("{}table", output.section), lines);
            }
            _ => self.sections(&output.section, &text),
        }
    }

    /// Splits what a look printed at its `== name` lines.
    fn sections(&mut self, prefix: &str, text: &str) {
        let mut section = format!("{prefix}stdout");
        for line in text.lines() {
            match line.strip_prefix("== ") {
                Some(name) => {
                    section = format!("{prefix}{name}");
                    self.record.sections.entry(section.clone()).or_default();
                }
                None => self.record.note(&section, line.trim_end_matches('\r')),
            }
        }
    }

    fn clean(&mut self) {
        if !self.record.left.is_empty() {
            for id in [self.stage.id.clone(), format!("{}-b", self.stage.id)] {
                let _ = self.quietly(&["delete", "--force", &id]);
            }
        }
        self.reaper.kill_all();
        for cgroup in left::cgroups(&self.stage.id).iter().rev() {
            left::remove(cgroup);
        }
        for point in left::below(&self.stage.dir).iter().rev() {
            let _ = umount2(point.as_str(), MntFlags::MNT_DETACH);
        }
    }
}

fn told(result: io::Result<()>) -> (i32, String) {
    result.map_or_else(|err| (-1, err.to_string()), |()| (0, String::new()))
}

// Column widths follow the longest name; a pid is any number, a time any time.
fn table_row(line: &str) -> String {
    let words = line.split_whitespace().map(|word| match word {
        _ if word.parse::<u32>().is_ok_and(|number| number > 0) => "N",
        _ if word.contains('T') && word.ends_with('Z') => "TIME",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn spawn(command: &mut Command, stdin: &str, base: &Path, [out, err]: [&Path; 2]) -> io::Result<i32> {
    let input = match stdin {
        "" => Stdio::null(),
        text => {
            let file = base.with_extension("in");
            fs::write(&file, text)?;
            File::open(file)?.into()
        }
    };
    let child = command.stdin(input).stdout(File::create(out)?).stderr(File::create(err)?).spawn()?;
    i32::try_from(child.id()).map_err(io::Error::other)
}

impl Stage {
    /// The words that start a player for the case at `index`.
    pub(crate) fn words(&self, index: usize) -> Vec<std::ffi::OsString> {
        let index = index.to_string();
        vec![
            "play".into(),
            index.into(),
            self.runtime.clone().into(),
            self.dir.clone().into(),
            (&self.id).into(),
            self.busybox.clone().into(),
        ]
    }

    /// The other direction.
    pub(crate) fn parse(words: &[std::ffi::OsString]) -> Option<(usize, Self)> {
        let [index, runtime, dir, id, busybox] = words else { return None };
        let stage = Self { runtime: runtime.into(), dir: dir.into(), id: id.to_str()?.to_owned(), busybox: busybox.into() };
        Some((index.to_str()?.parse().ok()?, stage))
    }
}
