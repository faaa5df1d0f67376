//! The tables of what is promised: every row whole, every test that it names there.

use super::source::Source;

/// A page with tables: its path, relative to the top, and how many columns they have. The last one names tests.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    columns: usize,
}

pub(crate) const PAGES: [Page; 3] = [
    Page { path: "docs/properties.md", columns: 6 },
    Page { path: "docs/engines.md", columns: 3 },
    Page { path: "docs/security.md", columns: 4 },
];

/// The rows of all its tables, without their heads: the line's number, and the cells.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let next = text.lines().skip(1).chain([""]);
    let rows = text.lines().zip(next).zip(1..).filter(|((line, next), _)| line.starts_with("| ") && !next.starts_with("|---"));
    rows.map(|((line, _), at)| (at, line.trim_matches('|').split('|').map(str::trim).collect()))
}

impl Page {
    /// Rows that lack a word.
    pub(crate) fn holes(&self, text: &str) -> Vec<String> {
        let has_hole = |cells: &[&str]| cells.len() != self.columns || cells.iter().any(|cell| cell.is_empty());
        let broken = rows(text).filter(|(_, cells)| has_hole(cells));
        broken.map(|(line, _)| format!("{}:{line}: a row is not {} full cells", self.path, self.columns)).collect()
    }

    /// Functions that are named and not there, and rows that name none. What has a slash is a conformance case, and looked at there.
    pub(crate) fn missing(&self, text: &str, sources: &[Source]) -> Vec<String> {
        let is_there = |test: &str| test.contains('/') || sources.iter().any(|source| source.text.contains(&format!("fn {test}(")));
        let of = |(line, cells): (usize, Vec<&str>)| {
            let named: Vec<&str> = cells.last().copied().unwrap_or_default().split('`').skip(1).step_by(2).collect();
            let none = named.is_empty().then(|| format!("{}:{line}: a row names no test", self.path));
            let absent = named.into_iter().filter(|test| !is_there(test));
            absent.map(|test| format!("{}:{line}: there is no test {test}", self.path)).chain(none).collect::<Vec<_>>()
        };
        rows(text).flat_map(of).collect()
    }
}

#[test]
fn a_hole_and_a_test_that_is_gone_are_seen() {
    let table = "| what | who | test |\n|---|---|---|\n| `p` | | `no_such_test`, `group/case` |\n| `q` | a | later |\n";
    let page = Page { path: "x.md", columns: 3 };
    assert_eq!(page.holes(table), ["x.md:3: a row is not 3 full cells"]);
    assert_eq!(page.missing(table, &[]), ["x.md:3: there is no test no_such_test", "x.md:4: a row names no test"]);
}
