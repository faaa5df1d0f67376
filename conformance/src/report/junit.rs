//! JUnit XML: a suite for each runtime.

use crate::report::{escape, name};
use crate::suite::{Row, Suite};
use std::fmt::Write;

/// The whole run.
pub(crate) fn render(suite: &Suite, rows: &[Row]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (at, runtime) in suite.runtimes.iter().enumerate() {
        let verdicts = || rows.iter().filter_map(|row| Some((row, row.verdicts.get(at)?)));
        let failed = verdicts().filter(|(_, verdict)| !verdict.is_passed()).count();
        let _ = writeln!(text, "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">", escape(&name(runtime)), rows.len());
        for (row, verdict) in verdicts() {
            let (topic, case) = row.case.name.split_once('/').unwrap_or(("", &row.case.name));
            let seconds = verdict.took_ms as f64 / 1000.0;
            let _ = write!(text, "<testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\">", escape(topic), escape(case));
            if let Some(first) = verdict.objections().next() {
                let _ = write!(
                    text,
                    "<failure message=\"{}\">{}</failure>",
                    escape(first),
                    escape(&verdict.objections().map(String::as_str).collect::<Vec<_>>().join("\n"))
                );
            }
            text.push_str("</testcase>\n");
        }
        text.push_str("</testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}
