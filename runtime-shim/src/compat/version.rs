//! What `--version` says.

/// The version of runtime-spec this runtime implements.
const SPEC: &str = "1.3.0";

/// Lines of `name: value` after a first one with the word "version".
///
/// The name is our own and not `runc`: go-runc fills its version only from a line that starts `runc version `, but it takes any other for
/// "unknown" without an error, and nothing is decided on it; a false name would be. moby takes the word after "version", podman and cri-o
/// show the text as it is.
pub(crate) fn text() -> String {
    let commit = option_env!("RUNTIME_SHIM_COMMIT").map_or_else(String::new, |commit| format!("commit: {commit}\n"));
    format!("runtime-shim version {}\n{commit}spec: {SPEC}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// moby: any line with the word "version", the version after it.
    #[test]
    fn moby_finds_the_version_after_the_word() {
        let said = text();
        let line = said.lines().find(|line| line.contains("version")).unwrap_or_default();
        assert_eq!(line.split("version").nth(1).map(str::trim), Some(env!("CARGO_PKG_VERSION")));
    }

    /// go-runc splits the other lines at the first `: `.
    #[test]
    fn go_runc_can_split_every_other_line() {
        for line in text().lines().skip(1) {
            assert!(line.split_once(": ").is_some(), "{line}");
        }
    }
}
