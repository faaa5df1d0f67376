//! Turns records into verdicts: what the case demands, what is left behind, what differs from the reference.

use crate::accepted;
use crate::case::{Case, End, Sight, Wanted};
use crate::glob;
use crate::record::Record;
use std::collections::{BTreeMap, BTreeSet};

/// Who has the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Only the reference.
    Reference,
    /// Only the candidate.
    Candidate,
}

/// A line that only one of the two has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    pub(crate) section: String,
    pub(crate) line: String,
    pub(crate) side: Side,
}

/// What is thought of one case with one runtime.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Why the case fails, whatever the reference does.
    pub(crate) failures: Vec<String>,
    /// Differences from the reference that nobody accepts: why the case fails, too.
    pub(crate) differences: Vec<String>,
    /// Differences that are accepted, and why.
    pub(crate) accepted: Vec<(String, &'static str)>,
    /// Milliseconds it took.
    pub(crate) took_ms: u64,
}

impl Verdict {
    /// Everything that the case fails for; nothing when it does not fail.
    pub(crate) fn objections(&self) -> impl Iterator<Item = &String> {
        self.failures.iter().chain(&self.differences)
    }

    /// Did the case not fail?
    pub(crate) fn is_passed(&self) -> bool {
        self.objections().next().is_none()
    }

    /// Is it only another than the reference? Both may race, and one of them with itself.
    pub(crate) fn only_differs(&self) -> bool {
        self.failures.is_empty() && !self.differences.is_empty()
    }

    /// The verdict of a second play, that tells what only the first one had.
    pub(crate) fn after(mut self, first: Self) -> Self {
        if self.is_passed() {
            let once = |what| (what, "once; not when both were played again");
            self.accepted.extend(first.differences.into_iter().map(once));
        }
        self
    }
}

/// Judges a record alone, and beside the reference's where there is one.
pub(crate) fn judge(case: &Case, record: &Record, reference: Option<&Record>) -> Verdict {
    let mut verdict = Verdict { took_ms: record.took_ms, ..Verdict::default() };
    let ends = case.steps.iter().zip(&record.outcomes);
    verdict.failures.extend(ends.filter_map(|(step, outcome)| outcome.objection(step.end)));
    verdict.failures.extend(case.sights.iter().filter_map(|sight| unseen(sight, record)));
    verdict.failures.extend(record.left.iter().map(|what| format!("left behind: {what}")));
    verdict.failures.extend(unfinished(case, record));
    let differences = reference.map(|reference| differences(reference, record)).unwrap_or_default();
    verdict.failures.extend(reference.filter(|reference| !both_refuse(reference, record)).and_then(|_| too_lenient(case, &differences)));
    for difference in differences {
        match accepted::reason(&case.name, &difference) {
            Some(reason) => verdict.accepted.push((difference.to_string(), reason)),
            None => verdict.differences.push(difference.to_string()),
        }
    }
    verdict
}

// A newer reference may refuse by now what an older one did.
fn both_refuse(reference: &Record, record: &Record) -> bool {
    reference.outcomes.iter().zip(&record.outcomes).any(|(theirs, ours)| theirs.code != 0 && ours.code == 1)
}

// An accepted refusal that does not happen any more would otherwise look like agreement.
fn too_lenient(case: &Case, differences: &[Difference]) -> Option<String> {
    let why = accepted::should_refuse(&case.name)?;
    let refuses = |one: &Difference| one.side == Side::Candidate && one.section == "exits";
    (!differences.iter().any(refuses)).then(|| format!("is not refused: {why}"))
}

fn unseen(sight: &Sight, record: &Record) -> Option<String> {
    let lines = record.sections.get(sight.section).map(Vec::as_slice).unwrap_or_default();
    let present = lines.iter().any(|line| glob::matches(sight.line, line));
    match (sight.wanted, present) {
        (Wanted::Present, false) => Some(format!("{} has no line {:?}: {lines:?}", sight.section, sight.line)),
        (Wanted::Absent, true) => Some(format!("{} has a line {:?}", sight.section, sight.line)),
        _ => None,
    }
}

// A look that began has to come to its end; without this a container that dies half-way would only be noticed beside a reference.
fn unfinished(case: &Case, record: &Record) -> Option<String> {
    let fine = case.steps.iter().all(|step| step.end == End::Code(0));
    let begun = record.sections.contains_key("start");
    (fine && begun && !record.sections.contains_key("end")).then(|| "the look did not come to its end".to_owned())
}

/// Every line only one of them has. The order of lines within a section does not count.
pub(crate) fn differences(reference: &Record, candidate: &Record) -> Vec<Difference> {
    let (left, right) = (comparable(reference), comparable(candidate));
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let empty = Vec::new();
    names.into_iter().flat_map(|name| lines(name, left.get(name).unwrap_or(&empty), right.get(name).unwrap_or(&empty))).collect()
}

// Words of errors are each runtime's own; that there are exit codes is everybody's.
fn comparable(record: &Record) -> BTreeMap<String, Vec<String>> {
    let mut sections = record.sections.clone();
    sections.insert("exits".into(), record.outcomes.iter().map(|outcome| format!("{} {}", outcome.label, outcome.code)).collect());
    sections
}

fn lines(section: &str, reference: &[String], candidate: &[String]) -> Vec<Difference> {
    let mut counts: BTreeMap<&String, i64> = BTreeMap::new();
    reference.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    candidate.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let differing = counts.into_iter().filter(|(_, count)| *count != 0);
    let side = |count: i64| if count > 0 { Side::Reference } else { Side::Candidate };
    differing.map(|(line, count)| Difference { section: section.to_owned(), line: line.clone(), side: side(count) }).collect()
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = if self.side == Side::Reference { "only the reference has" } else { "only this runtime has" };
        write!(out, "{}: {who}: {}", self.section, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Side, differences, judge};
    use crate::case::Case;
    use crate::record::{Outcome, Record};

    fn record(line: &str, code: i32) -> Record {
        let mut record = Record::default();
        record.note("status", line);
        record.outcomes.push(Outcome { label: "run".into(), code, error: String::new() });
        record
    }

    #[test]
    fn a_difference_is_told_for_both_sides_and_exit_codes_count() {
        let found = differences(&record("Uid: 0", 0), &record("Uid: 1", 3));
        let told: Vec<_> = found.iter().map(|one| (one.section.as_str(), one.line.as_str(), one.side)).collect();
        assert_eq!(
            told,
            [
                ("exits", "run 0", Side::Reference),
                ("exits", "run 3", Side::Candidate),
                ("status", "Uid: 0", Side::Reference),
                ("status", "Uid: 1", Side::Candidate)
            ]
        );
    }

    #[test]
    fn a_case_fails_for_what_it_demands_for_what_is_left_and_for_a_difference() {
        let case = Case::new("a/b", "").sees("status", "Uid: 0").misses("status", "*bad*");
        assert!(judge(&case, &record("Uid: 0", 0), None).failures.is_empty());
        let bad = judge(&case, &record("Uid: bad", 1), Some(&record("Uid: 0", 0)));
        assert_eq!((bad.failures.len(), bad.differences.len(), bad.only_differs(), bad.is_passed()), (3, 4, false, false));
        let strict = Case::new("seccomp/empty", "");
        assert_eq!(judge(&strict, &record("a", 0), Some(&record("a", 0))).failures.len(), 1);
        assert!(judge(&strict, &record("a", 0), None).failures.is_empty());
        let strict = strict.ends(crate::case::End::Any);
        assert!(judge(&strict, &record("a", 1), Some(&record("a", 1))).failures.is_empty());
        assert!(!judge(&strict, &record("a", 0), Some(&record("a", 1))).is_passed());
        let other = judge(&Case::new("a/b", ""), &record("Uid: 1", 0), Some(&record("Uid: 0", 0)));
        assert!(other.only_differs() && !other.is_passed());
        let left = Record { left: vec!["cgroup /x".into()], ..record("Uid: 0", 0) };
        assert_eq!(judge(&case, &left, None).failures, ["left behind: cgroup /x"]);
    }
    #[test]
    fn a_second_play_forgives_a_difference_and_tells_of_it() {
        let case = Case::new("a/b", "");
        let judged = |line| judge(&case, &record(line, 0), Some(&record("Uid: 0", 0)));
        let second = judged("Uid: 0").after(judged("Uid: 1"));
        assert_eq!((second.is_passed(), second.accepted.len()), (true, 2));
        assert!(!judged("Uid: 1").after(judged("Uid: 2")).is_passed());
    }
}
