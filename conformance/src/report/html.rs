//! A matrix: cases down, runtimes across. One file, no script.

use crate::judge::Verdict;
use crate::report::{escape, name};
use crate::suite::{Row, Suite};
use std::fmt::Write;

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><title>Conformance</title><style>
body{font:14px/1.4 system-ui,sans-serif;margin:2em}table{border-collapse:collapse}
th,td{border:1px solid #ccc;padding:2px 8px;text-align:left;vertical-align:top}
thead th{position:sticky;top:0;background:#fff}.ok{background:#dfd}.no{background:#fdd}.differs{background:#ffd}
small{color:#666}li{max-width:70em;overflow-wrap:anywhere}</style>
";

/// The whole run.
pub(crate) fn render(suite: &Suite, rows: &[Row]) -> String {
    let mut text = String::from(HEAD);
    let _ = writeln!(text, "<h1>Conformance</h1><p>{} cases{}</p>", rows.len(), reference(suite));
    text.push_str("<table><thead><tr><th>case</th>");
    for (at, runtime) in suite.runtimes.iter().enumerate() {
        let passed = rows.iter().filter(|row| row.verdicts.get(at).is_some_and(Verdict::is_passed)).count();
        let _ = write!(text, "<th>{}<br><small>{passed} of {}</small></th>", escape(&name(runtime)), rows.len());
    }
    text.push_str("</tr></thead>\n");
    for row in rows {
        let _ = write!(text, "<tr><th>{}<br><small>{}</small></th>", escape(&row.case.name), escape(row.case.spec));
        row.verdicts.iter().for_each(|verdict| text.push_str(&cell(verdict)));
        text.push_str("</tr>\n");
    }
    text.push_str("</table>\n");
    text
}

fn reference(suite: &Suite) -> String {
    suite.reference.as_ref().map(|path| format!(", compared with {}", escape(&name(path)))).unwrap_or_default()
}

fn cell(verdict: &Verdict) -> String {
    let (class, word) = match (verdict.objections().count(), verdict.accepted.len()) {
        (0, 0) => ("ok", "ok".to_owned()),
        (0, n) => ("differs", format!("ok, {n} accepted")),
        (n, _) => ("no", format!("{n} against it")),
    };
    let failures = verdict.objections().map(|why| format!("<li>{}</li>", escape(why)));
    let accepted = verdict.accepted.iter().map(|(what, why)| format!("<li>{} <small>{}</small></li>", escape(what), escape(why)));
    let items: String = failures.chain(accepted).collect();
    match items.as_str() {
        "" => format!("<td class={class}>{word}</td>"),
        _ => format!("<td class={class}><details><summary>{word}</summary><ul>{items}</ul></details></td>"),
    }
}
