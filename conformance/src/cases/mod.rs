//! The cases, by topic.

use crate::case::Case;

mod bad_input;
mod cgroups;
mod commands;
mod defaults;
mod exec;
mod filesystem;
mod hooks;
mod lifecycle;
mod mounts;
mod namespaces;
mod process;
mod programs;
mod seccomp;

/// All of them; a case's place in this list is its number.
pub(crate) fn all() -> Vec<Case> {
    let topics = [
        defaults::cases(),
        namespaces::cases(),
        mounts::cases(),
        process::cases(),
        filesystem::cases(),
        hooks::cases(),
        programs::cases(),
        seccomp::cases(),
        cgroups::cases(),
        lifecycle::cases(),
        exec::cases(),
        commands::cases(),
        bad_input::cases(),
    ];
    topics.concat()
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::glob;
    use std::path::Path;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = all().into_iter().map(|case| case.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_cases_that_the_tables_name_exist() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let table = ["properties.md", "engines.md", "security.md"].map(|page| std::fs::read_to_string(docs.join(page)).unwrap()).concat();
        let rows = table.lines().filter_map(|line| line.strip_suffix('|')?.rsplit_once('|'));
        let named = rows.flat_map(|(_, tests)| tests.split('`').skip(1).step_by(2)).filter(|name| name.contains('/'));
        let cases = all();
        let missing: Vec<_> = named.filter(|name| !cases.iter().any(|case| glob::matches(name, &case.name))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
