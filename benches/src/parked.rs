//! What a created container weighs while it waits for `start`.

use crate::scenario::Contender;
use std::fs;
use std::io;
use std::path::Path;

/// The memory of a parked first process.
pub(crate) struct Parked {
    pub(crate) name: String,
    /// Pages in memory, shared ones too.
    pub(crate) rss_kib: u64,
    /// Pages nobody else has.
    pub(crate) private_kib: u64,
}

/// Creates a container, looks, deletes it.
pub(crate) fn measure(contender: &Contender, dir: &Path) -> io::Result<Parked> {
    let id = contender.kept();
    let (bundle, pid) = (dir.join("true").display().to_string(), dir.join("pid").display().to_string());
    contender.call(dir, &["create", "--bundle", &bundle, "--pid-file", &pid, &id])?;
    let text = fs::read_to_string(&pid).and_then(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")));
    contender.call(dir, &["delete", "--force", &id])?;
    let text = text?;
    let sum = |names: &[&str]| names.iter().map(|name| kib(&text, name)).sum();
    Ok(Parked { name: contender.name.clone(), rss_kib: sum(&["Rss:"]), private_kib: sum(&["Private_Clean:", "Private_Dirty:"]) })
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}
