//! What was seen when a case was played with a runtime; crosses from the player's process to the suite's as one line of JSON.

use crate::case::End;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The step's label.
    pub(crate) label: String,
    /// The exit code, 128 + the signal's number, or -1 when time ran out.
    pub(crate) code: i32,
    /// Standard error, or what kept the step from being done.
    pub(crate) error: String,
}

/// Everything seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// One for every step.
    pub(crate) outcomes: Vec<Outcome>,
    /// Lines by section.
    pub(crate) sections: BTreeMap<String, Vec<String>>,
    /// What was still there afterwards.
    pub(crate) left: Vec<String>,
    /// Milliseconds it took.
    pub(crate) took_ms: u64,
}

impl Outcome {
    /// Why this is not the wanted end, if it is not.
    pub(crate) fn objection(&self, end: End) -> Option<String> {
        let said = self.error.trim_end();
        let told = format!("{} ended with {}: {said}", self.label, self.code);
        match end {
            End::Any if self.code >= 0 => None,
            End::Code(code) if self.code == code => None,
            End::Failure if self.code > 0 => None,
            End::Refusal if self.code > 0 => unclear(said).map(|why| format!("{} refuses with {why}: {said:?}", self.label)),
            End::Any | End::Code(_) | End::Failure | End::Refusal => Some(told),
        }
    }
}

// What a person cannot use: silence, a stack trace, or a page. What is set aside of a config may be told before.
fn unclear(said: &str) -> Option<&'static str> {
    let crashed = ["panicked at", "goroutine ", "RUST_BACKTRACE", "core dumped"].iter().any(|word| said.contains(word));
    match said.lines().filter(|line| !line.contains(" level=warning ")).count() {
        _ if crashed => Some("a crash"),
        0 => Some("silence"),
        1 => None,
        _ => Some("more than one line"),
    }
}

impl Record {
    /// Adds a line to a section.
    pub(crate) fn note(&mut self, section: &str, line: impl Into<String>) {
        self.sections.entry(section.to_owned()).or_default().push(line.into());
    }

    pub(crate) fn to_json(&self) -> Value {
        let outcomes: Vec<Value> = self.outcomes.iter().map(|one| json!([one.label, one.code, one.error])).collect();
        json!({"outcomes": outcomes, "sections": self.sections, "left": self.left, "took_ms": self.took_ms})
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let outcomes = value["outcomes"].as_array()?.iter().map(outcome).collect::<Option<_>>()?;
        let sections =
            value["sections"].as_object()?.iter().map(|(name, lines)| Some((name.clone(), texts(lines)?))).collect::<Option<_>>()?;
        Some(Self { outcomes, sections, left: texts(&value["left"])?, took_ms: value["took_ms"].as_u64()? })
    }
}

fn outcome(value: &Value) -> Option<Outcome> {
    let code = i32::try_from(value[1].as_i64()?).ok()?;
    Some(Outcome { label: value[0].as_str()?.to_owned(), code, error: value[2].as_str()?.to_owned() })
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Record};
    use crate::case::End;

    #[test]
    fn a_record_survives_the_way_through_json() {
        let mut record = Record { left: vec!["mount /x".into()], took_ms: 7, ..Record::default() };
        record.note("status", "Uid: 0");
        record.outcomes.push(Outcome { label: "run".into(), code: -1, error: "time ran out".into() });
        assert_eq!(Record::from_json(&record.to_json()), Some(record));
    }

    #[test]
    fn a_refusal_is_one_clear_line() {
        let warned = "time=\"T\" level=warning msg=\"w\"\n";
        let cases =
            [(1, "no such thing\n", true), (0, "no", false), (1, "", false), (1, "a\nb", false), (1, "thread 'main' panicked at x", false)];
        let after_a_warning = [(1, format!("{warned}no"), true), (1, warned.to_owned(), false)];
        for (code, error, fine) in cases.map(|(code, error, fine)| (code, error.to_owned(), fine)).into_iter().chain(after_a_warning) {
            let outcome = Outcome { label: "run".into(), code, error: error.clone() };
            assert_eq!(outcome.objection(End::Refusal).is_none(), fine, "{error:?}");
        }
    }
}
