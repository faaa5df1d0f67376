//! The table of properties: every row whole, every test that it names there.

use super::source::Source;

/// Path, relative to the top.
pub(crate) const PATH: &str = "docs/properties.md";

/// The rows of all its tables: the line's number, and the cells.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let rows = text.lines().zip(1..).filter(|(line, _)| line.starts_with("| ") && !line.starts_with("| property"));
    rows.map(|(line, at)| (at, line.trim_matches('|').split('|').map(str::trim).collect()))
}

/// Rows that lack a word.
pub(crate) fn holes(text: &str) -> Vec<String> {
    let has_hole = |cells: &[&str]| cells.len() != 6 || cells.iter().any(|cell| cell.is_empty());
    rows(text).filter(|(_, cells)| has_hole(cells)).map(|(line, _)| format!("{PATH}:{line}: a row is not six full cells")).collect()
}

/// Functions that are named and not there. What has a slash is a conformance case, and looked at there.
pub(crate) fn missing(text: &str, sources: &[Source]) -> Vec<String> {
    let named = rows(text).flat_map(|(line, cells)| {
        let tests = cells.last().copied().unwrap_or_default();
        tests.split('`').skip(1).step_by(2).map(move |test| (line, test)).collect::<Vec<_>>()
    });
    let is_there = |test: &str| sources.iter().any(|source| source.text.contains(&format!("fn {test}(")));
    let absent = named.filter(|(_, test)| !test.contains('/') && !is_there(test));
    absent.map(|(line, test)| format!("{PATH}:{line}: there is no test {test}")).collect()
}

#[test]
fn a_hole_and_a_test_that_is_gone_are_seen() {
    let table =
        "| property | a | b | c | d | e |\n|---|---|---|---|---|---|\n| `p` | done | yes |  | yes | `no_such_test`, `group/case` |\n";
    assert_eq!(holes(table), [format!("{PATH}:3: a row is not six full cells")]);
    assert_eq!(missing(table, &[]), [format!("{PATH}:3: there is no test no_such_test")]);
}
