//! Paths inside a container, as text: absolute, clean, each once.

use super::refuse;
use crate::error::Result;
use std::collections::HashSet;
use std::fmt::Display;

/// `path` without `.`, `..` and double slashes, absolute; `..` at the root stays there.
pub(super) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Is every name of `path` a plain one, so that [`clean`] would not change it?
pub(super) fn is_clean(path: &str) -> bool {
    path == "/" || path.starts_with('/') && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

/// `path`, if it is absolute.
pub(super) fn absolute(path: &str, property: impl Display) -> Result<&str> {
    match path {
        "" => refuse(property, "must not be empty"),
        path if path.starts_with('/') => Ok(path),
        path => refuse(property, format_args!("{path:?} is not an absolute path")),
    }
}

/// `linux.maskedPaths` or `linux.readonlyPaths`: absolute, clean, each once.
pub(super) fn unique(paths: Vec<String>, property: &str) -> Result<Vec<String>> {
    let mut kept = Vec::with_capacity(paths.len());
    let mut seen = HashSet::with_capacity(paths.len());
    for (index, path) in paths.into_iter().enumerate() {
        absolute(&path, format_args!("{property}[{index}]"))?;
        let path = if is_clean(&path) { path } else { clean(&path) };
        if seen.insert(path.clone()) {
            kept.push(path);
        }
    }
    Ok(kept)
}
