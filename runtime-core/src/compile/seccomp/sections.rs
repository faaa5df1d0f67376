//! Deciding what happens to each number: a section for each architecture the kernel can report, in it the ranges of numbers that fare alike.
//!
//! The ranges of a section cover all numbers. Which rule wins: one without conditions before all others, then the profile's order.

use super::abi::{ARM_PRIVATE, Abi, Call, Width, X32_BIT, audit, detour};
use super::policy::{Newer, Policy, Rule, Test, masked};
use nix::libc;
use oci_spec::runtime::Arch;
use std::collections::{BTreeMap, BTreeSet};

/// What a call of an architecture gets that the profile does not list. The thread, not the process: as libseccomp does.
pub(super) const FOREIGN: u32 = libc::SECCOMP_RET_KILL_THREAD;
/// What a call gets that is newer than the profile.
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
/// A tracer's number for "skip this call"; it is of no ABI.
const SKIPPED: u32 = u32::MAX;

/// Everything about one `AUDIT_ARCH_*`.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) audit: u32,
    /// Ascending, the first from 0; neighbours differ.
    pub(super) ranges: Vec<Range>,
}

/// The numbers from `first` to the next range's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) verdict: Verdict,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    /// Always this.
    Return(u32),
    /// The action of the first clause that holds.
    Ask { clauses: Vec<Clause>, otherwise: u32, width: Width },
}

/// An action and its conditions, of which all must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Clause {
    pub(super) tests: Vec<Test>,
    pub(super) action: u32,
}

/// The sections of `policy`, the kernel's own architecture first.
pub(super) fn decide(policy: &Policy<'_>) -> Vec<Section> {
    let mut audits = Vec::new();
    for token in policy.archs.iter().map(|&arch| audit(arch)) {
        if !audits.contains(&token) {
            audits.push(token);
        }
    }
    audits.into_iter().map(|audit| Section { audit, ranges: ranges(&numberings(policy, audit)) }).collect()
}

/// The ABIs that share one `AUDIT_ARCH_*`.
fn numberings<'p>(policy: &'p Policy<'p>, token: u32) -> Vec<Numbering> {
    let abi = |&arch: &Arch| (audit(arch) == token).then(|| Numbering::new(Abi::of(arch), policy));
    policy.archs.iter().filter_map(abi).collect()
}

/// Asks about every number at which the answer can change.
fn ranges(numberings: &[Numbering]) -> Vec<Range> {
    let mut edges: BTreeSet<u32> = numberings.iter().flat_map(Numbering::edges).collect();
    edges.extend([0, ARM_PRIVATE, X32_BIT, SKIPPED]);
    let mut ranges: Vec<Range> = Vec::new();
    for first in edges {
        let verdict = verdict(numberings, first);
        if ranges.last().is_none_or(|last| last.verdict != verdict) {
            ranges.push(Range { first, verdict });
        }
    }
    ranges
}

fn verdict(numberings: &[Numbering], number: u32) -> Verdict {
    match numberings.iter().find(|numbering| numbering.owns(number)) {
        Some(numbering) => numbering.verdict(number),
        // Killing the tracee is no answer to its tracer.
        None if number == SKIPPED => Verdict::Return(numberings.first().map_or(FOREIGN, |numbering| numbering.default)),
        None => Verdict::Return(FOREIGN),
    }
}

/// One ABI's numbers and what becomes of them.
struct Numbering {
    abi: Abi,
    named: BTreeMap<u32, Verdict>,
    /// The greatest number the profile names, whatever it says of it; none if newer calls are nothing special.
    newest: Option<u32>,
    default: u32,
}

impl Numbering {
    fn new(abi: Abi, policy: &Policy<'_>) -> Self {
        let mut clauses: BTreeMap<u32, Vec<Clause>> = BTreeMap::new();
        for rule in &policy.rules {
            for (number, clause) in places(abi, rule) {
                clauses.entry(number).or_default().push(clause);
            }
        }
        let newest = clauses.keys().rev().copied().find(|&number| !abi.is_private(number));
        let named = clauses.into_iter().map(|(number, clauses)| (number, among(clauses, policy.default, abi.width())));
        Self { abi, named: named.collect(), newest: newest.filter(|_| policy.newer == Newer::Enosys), default: policy.default }
    }

    /// Are calls with this number this ABI's?
    fn owns(&self, number: u32) -> bool {
        match self.abi {
            Abi::X32 => number >= X32_BIT,
            Abi::X86_64 => number < X32_BIT,
            _ => true,
        }
    }

    fn verdict(&self, number: u32) -> Verdict {
        match self.named.get(&number) {
            Some(verdict) => verdict.clone(),
            None if self.is_unknown(number) => Verdict::Return(ENOSYS),
            None => Verdict::Return(self.default),
        }
    }

    /// Is this a call that the profile's author cannot have known?
    fn is_unknown(&self, number: u32) -> bool {
        let Some(newest) = self.newest else { return false };
        (number > newest && !self.abi.is_private(number)) || self.abi.unknown_call() == Some(number)
    }

    fn edges(&self) -> Vec<u32> {
        let single = |number: u32| [number, number.saturating_add(1)];
        let named = self.named.keys().copied().chain(self.newest).chain(self.abi.unknown_call());
        named.flat_map(single).collect()
    }
}

/// The numbers that a rule is about: the call's own, and that of the call it can be made through.
fn places(abi: Abi, rule: &Rule<'_>) -> Vec<(u32, Clause)> {
    let own = rule.call.number(abi).map(|number| (number, Clause { tests: rule.tests.clone(), action: rule.action }));
    own.into_iter().chain(through(abi, rule)).collect()
}

/// `socket(AF_INET, …)` as `socketcall(1, …)`. A condition on the first argument gives way to "which call"; the other conditions stay, as
/// in libseccomp, although what they look at is then the pointer to the arguments.
fn through(abi: Abi, rule: &Rule<'_>) -> Option<(u32, Clause)> {
    let detour = detour(rule.name)?;
    let number = Call::named(detour.through)?.number(abi)?;
    let others = rule.tests.iter().copied().filter(|test| test.argument != 0);
    let tests = std::iter::once(masked(0, detour.mask, detour.which)).chain(others).collect();
    Some((number, Clause { tests, action: rule.action }))
}

/// What the clauses about one number come to.
fn among(mut clauses: Vec<Clause>, default: u32, width: Width) -> Verdict {
    // A rule that says what would happen anyway is no rule: it does not stop a later one.
    clauses.retain(|clause| clause.action != default);
    if let Some(always) = clauses.iter().find(|clause| clause.tests.is_empty()) {
        return Verdict::Return(always.action);
    }
    if clauses.is_empty() { Verdict::Return(default) } else { Verdict::Ask { clauses, otherwise: default, width } }
}
