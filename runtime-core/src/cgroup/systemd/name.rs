//! Units by their names: what `cgroupsPath` means to systemd, and where the cgroups of a unit are.

use crate::error::{Error, Result};
use std::path::PathBuf;

const SLICE: &str = ".slice";

/// `slice:prefix:name` as the slice and the unit's name.
pub(super) fn parse<'a>(path: &'a str, default_slice: &'a str) -> Result<(&'a str, String)> {
    let refuse = |what: String| Err(Error::config("linux.cgroupsPath", what));
    let mut parts = path.split(':');
    let (Some(slice), Some(prefix), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return refuse(format!("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {path:?} instead"));
    };
    if name.is_empty() || path.contains('/') {
        return refuse(format!("{path:?} names no unit"));
    }
    Ok((if slice.is_empty() { default_slice } else { slice }, unit(prefix, name)))
}

/// A scope's name, or the slice's that the name is.
pub(super) fn unit(prefix: &str, name: &str) -> String {
    match (prefix, name) {
        (_, name) if name.ends_with(SLICE) => name.to_owned(),
        ("", name) => format!("{name}.scope"),
        (prefix, name) => format!("{prefix}-{name}.scope"),
    }
}

/// Where a slice is: `a-b.slice` is in `a.slice`, and `-.slice` is the root of all.
pub(super) fn expand(slice: &str) -> Result<PathBuf> {
    let invalid = || Error::config("linux.cgroupsPath", format_args!("invalid slice name: {slice}"));
    let name = slice.strip_suffix(SLICE).filter(|name| !name.is_empty() && !slice.contains('/')).ok_or_else(invalid)?;
    if name == "-" {
        return Ok(PathBuf::new());
    }
    if name.split('-').any(str::is_empty) {
        return Err(invalid());
    }
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    Ok(ends.map(|end| format!("{}{SLICE}", &name[..end])).collect())
}

/// Where a unit is, below its manager's own cgroup.
pub(super) fn place(slice: &str, unit: &str) -> Result<PathBuf> {
    let above = expand(slice)?;
    if unit.ends_with(SLICE) { expand(unit) } else { Ok(above.join(unit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_slice_and_a_scope() {
        let table = [
            ("system.slice:runc:web1", "system.slice", "runc-web1.scope"),
            (":cri-containerd:abc", "user.slice", "cri-containerd-abc.scope"),
            ("a-b.slice::x", "a-b.slice", "x.scope"),
            ("a.slice:p:a-pod.slice", "a.slice", "a-pod.slice"),
        ];
        for (path, slice, unit) in table {
            assert_eq!(parse(path, "user.slice").unwrap(), (slice, unit.to_owned()), "{path}");
        }
    }

    #[test]
    fn a_path_of_another_form_is_refused_in_the_words_that_engines_know() {
        for path in ["/a/b", "a:b", "a:b:c:d"] {
            let error = parse(path, "system.slice").unwrap_err().to_string();
            let words = format!("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {path:?} instead");
            assert!(error.contains(&words), "{error}");
        }
        for path in ["a.slice:b:", "a.slice:../../b:c", "a.slice:b:c/d"] {
            assert!(parse(path, "system.slice").is_err(), "{path}");
        }
    }

    #[test]
    fn a_slice_is_inside_those_it_is_named_after() {
        let table = [("a.slice", "a.slice"), ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"), ("-.slice", "")];
        for (slice, path) in table {
            assert_eq!(expand(slice).unwrap(), PathBuf::from(path), "{slice}");
        }
        for slice in ["", ".slice", "a", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice", "a.scope"] {
            assert!(expand(slice).is_err(), "{slice}");
        }
    }

    #[test]
    fn a_slice_of_its_own_is_placed_by_its_own_name() {
        assert_eq!(place("a.slice", "a-pod.slice").unwrap(), PathBuf::from("a.slice/a-pod.slice"));
        assert_eq!(place("a-b.slice", "x.scope").unwrap(), PathBuf::from("a.slice/a-b.slice/x.scope"));
    }
}
