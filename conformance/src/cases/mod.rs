//! The cases, by topic.

use crate::case::Case;

mod bad_input;
mod cgroups;
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
        bad_input::cases(),
    ];
    topics.concat()
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = all().into_iter().map(|case| case.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
