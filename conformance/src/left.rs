//! What a runtime leaves behind: cgroups, mounts, processes, state.

use crate::devices;
use crate::patience;
use crate::play::Stage;
use crate::reap::{self, Children, Reaper};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CGROUPS: &str = "/sys/fs/cgroup";
const HIDDEN: &str = "/sys/fs/cgroup/unified";
/// The parent of cgroups that cases put somewhere; runtimes may leave parents in place.
pub(crate) const SHELF: &str = "conformance-shelf";
/// How deep below the hierarchy's top a container's cgroup is looked for.
const DEPTH: usize = 6;
/// A killed process may need a moment.
const GRACE: Duration = Duration::from_millis(500);

/// Everything of this container that is still there, one line each.
pub(crate) fn look(stage: &Stage, reaper: &mut Reaper) -> Vec<String> {
    let mut left = Vec::new();
    if reaper.settle(patience::of(GRACE)) == Children::Living {
        left.extend(reap::children().into_iter().map(|(_, comm)| format!("process {comm}")));
    }
    left.extend(cgroups(&stage.id).iter().map(|path| format!("cgroup {}", path.display())));
    left.extend(mounts(&stage.dir).iter().map(|path| format!("mount {path}")));
    left.extend(devices::changed());
    left.extend(state(&stage.dir.join("root")).iter().map(|path| format!("state {}", path.display())));
    left
}

/// The cgroups whose name holds the container's id.
pub(crate) fn cgroups(id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    search(Path::new(CGROUPS), id, DEPTH, &mut found);
    found
}

fn search(dir: &Path, id: &str, depth: usize, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name().to_string_lossy().contains(id) && !hidden(&entry.path()) {
            found.push(entry.path());
        }
        if depth > 0 {
            search(&entry.path(), id, depth - 1, found);
        }
    }
}

// Where a hierarchy is hidden behind an empty file system, what a runtime writes there goes away with it.
fn hidden(dir: &Path) -> bool {
    dir.starts_with(HIDDEN) && !is_cgroup(dir)
}

fn is_cgroup(dir: &Path) -> bool {
    ["tasks", "cgroup.events"].iter().any(|file| dir.join(file).exists())
}

/// Takes a cgroup away, or what a runtime mistook for one.
pub(crate) fn remove(dir: &Path) {
    let _ = if is_cgroup(dir) { fs::remove_dir(dir) } else { fs::remove_dir_all(dir) };
}

// The bundle's own fixtures are mounts below `source`.
fn mounts(dir: &Path) -> Vec<String> {
    let own = dir.join("source").display().to_string();
    below(dir).into_iter().filter(|point| !point.starts_with(&own)).collect()
}

/// The mount points below `dir`, the deepest last.
pub(crate) fn below(dir: &Path) -> Vec<String> {
    let dir = dir.display().to_string();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(|line| line.split(' ').nth(4)).filter(|point| point.starts_with(&dir)).map(ToOwned::to_owned).collect()
}

// A cache that serves every container is not this container's.
fn state(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.file_name().is_none_or(|name| name != ".cache")).collect()
}

/// Takes away the parents that runtimes made.
pub(crate) fn clear_shelf() {
    for cgroup in cgroups(SHELF) {
        clear(&cgroup);
    }
}

fn clear(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).for_each(|entry| clear(&entry.path()));
    remove(dir);
}
