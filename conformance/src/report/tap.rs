//! Test Anything Protocol, version 14.

use crate::suite::{Row, Suite};
use std::fmt::Write;

/// The whole run.
pub(crate) fn render(suite: &Suite, rows: &[Row]) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", rows.len() * suite.runtimes.len());
    let mut number = 0;
    for row in rows {
        for (runtime, verdict) in suite.runtimes.iter().zip(&row.verdicts) {
            number += 1;
            let ok = if verdict.is_passed() { "ok" } else { "not ok" };
            let _ = writeln!(text, "{ok} {number} - {}: {} # {} ms", super::name(runtime), row.case.name, verdict.took_ms);
            for why in verdict.objections() {
                let _ = writeln!(text, "  # {}", why.replace('\n', " "));
            }
            for (what, why) in &verdict.accepted {
                let _ = writeln!(text, "  # accepted: {what} ({why})");
            }
        }
    }
    text
}
