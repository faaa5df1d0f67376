//! Verdicts as text: TAP for people and pipes, JUnit for build servers, HTML for a matrix of runtimes.

pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod tap;

use std::path::Path;

/// What a runtime is called in reports.
pub(crate) fn name(runtime: &Path) -> String {
    runtime.file_name().unwrap_or(runtime.as_os_str()).display().to_string()
}

/// Text between tags or in an attribute.
fn escape(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control() || *c == '\n').map(|c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    });
    shown.collect()
}
