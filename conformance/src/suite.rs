//! Plays all cases with all runtimes, a few at a time, each in a process of its own.

use crate::accepted;
use crate::case::Case;
use crate::cases;
use crate::judge::{Verdict, judge};
use crate::left;
use crate::play::Stage;
use crate::record::Record;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What is played.
pub(crate) struct Suite {
    /// The cases with their places in the whole table.
    pub(crate) cases: Vec<(usize, Case)>,
    /// The runtimes judged.
    pub(crate) runtimes: Vec<PathBuf>,
    /// The runtime they are compared with.
    pub(crate) reference: Option<PathBuf>,
    /// How many plays at a time.
    pub(crate) jobs: usize,
    /// Where bundles are made.
    pub(crate) dir: PathBuf,
    /// Whether bundles and outputs stay.
    pub(crate) keep: Keep,
}

/// What happens to the bundles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They stay, to be looked at.
    Bundles,
    /// They go when their case is over.
    Nothing,
}

/// One case with all runtimes.
pub(crate) struct Row {
    pub(crate) case: Case,
    /// In the order of the suite's runtimes.
    pub(crate) verdicts: Vec<Verdict>,
}

impl Suite {
    /// Plays everything; `tell` hears of each row in order of completion.
    pub(crate) fn play(&self, tell: &(dyn Fn(usize, &Row) + Sync)) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let rows: Mutex<Vec<(usize, Row)>> = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| self.work(&next, &rows, tell));
            }
        });
        let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|(at, _)| *at);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn work(&self, next: &AtomicUsize, rows: &Mutex<Vec<(usize, Row)>>, tell: &(dyn Fn(usize, &Row) + Sync)) {
        while let Some((index, case)) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let row = self.row(*index, case);
            let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
            tell(*index, &row);
            rows.push((*index, row));
        }
    }

    fn row(&self, index: usize, case: &Case) -> Row {
        let verdicts = self.verdicts(index, case, "");
        // Processes, ours and the reference's, run side by side with others: what differs by chance does not do so twice.
        let verdicts = match verdicts.iter().any(Verdict::only_differs) {
            true => self.verdicts(index, case, "again").into_iter().zip(verdicts).map(|(second, first)| second.after(first)).collect(),
            false => verdicts,
        };
        Row { case: case.clone(), verdicts }
    }

    fn verdicts(&self, index: usize, case: &Case, time: &str) -> Vec<Verdict> {
        let (model, who) = self.model(index, case);
        let reference = self.reference.as_ref().map(|runtime| self.record(model, &format!("{who}{time}"), runtime));
        let verdict = |(at, runtime): (usize, &PathBuf)| match (self.record(index, &format!("{at}{time}"), runtime), &reference) {
            (Err(err), _) => broken(&err),
            (_, Some(Err(err))) => broken(err),
            (Ok(record), Some(Ok(reference))) => judge(case, &record, Some(reference)),
            (Ok(record), None) => judge(case, &record, None),
        };
        self.runtimes.iter().enumerate().map(verdict).collect()
    }

    /// The case the reference plays for this one: another, where it is known to refuse this one. Two of one index must have two names.
    fn model(&self, index: usize, case: &Case) -> (usize, String) {
        let like = accepted::stand_in(&case.name).and_then(|like| cases::all().iter().position(|case| case.name == like));
        like.map_or_else(|| (index, "ref".to_owned()), |like| (like, format!("for{index}")))
    }

    fn record(&self, index: usize, who: &str, runtime: &Path) -> io::Result<Record> {
        let name = format!("c{index:03}r{who}");
        let dir = self.dir.join(&name);
        let id = format!("{}-{name}", self.dir.file_name().unwrap_or_default().display());
        let stage = Stage { runtime: runtime.to_owned(), dir, id: id.clone(), busybox: self.dir.join("busybox") };
        fs::create_dir(&stage.dir)?;
        let output = Command::new(std::env::current_exe()?).args(stage.words(index)).stdin(Stdio::null()).output()?;
        if self.keep == Keep::Nothing {
            fs::remove_dir_all(&stage.dir)?;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let value =
            serde_json::from_slice(&output.stdout).map_err(|err| io::Error::other(format!("the player told nothing ({err}): {said}")))?;
        let mut record = Record::from_json(&value).ok_or_else(|| io::Error::other(format!("the player's record is not one: {value}")))?;
        record.left.extend(swept(&id));
        Ok(record)
    }
}

/// Takes away, and tells, what the player could not see: a runtime may have unmounted the hierarchies under its feet.
fn swept(id: &str) -> Vec<String> {
    let found = left::cgroups(id);
    let told = found.iter().map(|path| format!("cgroup {}, unseen by the player", path.display())).collect();
    for cgroup in found.iter().rev() {
        left::remove(cgroup);
    }
    told
}

fn broken(err: &io::Error) -> Verdict {
    Verdict { failures: vec![format!("could not be played: {err}")], ..Verdict::default() }
}
