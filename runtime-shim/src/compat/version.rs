//! What `--version` says.

/// The version of runtime-spec this runtime implements.
const SPEC: &str = "1.3.0";

/// Lines of `name: value` after a first one with the word "version".
///
/// The name is the one we were called by: go-runc fills its version only from a line that starts `runc version `, and takes any other for
/// "unknown" without an error. moby takes the word after "version", podman and cri-o show the text as it is.
pub(crate) fn text(name: &str) -> String {
    said(name, option_env!("RUNTIME_SHIM_COMMIT"))
}

/// Who builds it says from which commit, as runc's makefile does; without a word there is no line.
fn said(name: &str, commit: Option<&str>) -> String {
    let commit = commit.map_or_else(String::new, |commit| format!("commit: {commit}\n"));
    format!("{name} version {}\n{commit}spec: {SPEC}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// moby's `parseRuntimeVersion`: what stands behind "version" in a line that has the word, and what stands behind `commit:` in another.
    #[test]
    fn moby_finds_the_version_after_the_word_and_the_commit_if_it_is_told() {
        let parsed = |commit| {
            let (mut version, mut found) = (None, None);
            for line in said("runc", commit).lines() {
                if line.contains("version") {
                    version = line.rsplit("version").next().map(|text| text.trim().to_owned());
                } else if let Some(text) = line.strip_prefix("commit:") {
                    found = Some(text.trim().to_owned());
                }
            }
            (version, found)
        };
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        assert_eq!(parsed(None), (version.clone(), None));
        assert_eq!(parsed(Some("v1-0-g12")), (version, Some("v1-0-g12".to_owned())));
    }

    /// go-runc splits the other lines at the first `: `.
    #[test]
    fn go_runc_can_split_every_other_line() {
        for line in text("runc").lines().skip(1) {
            assert!(line.split_once(": ").is_some(), "{line}");
        }
    }
}
