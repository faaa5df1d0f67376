//! Deciding what happens to each number: a section for each architecture the kernel can report, in it the ranges of numbers that fare alike.
//!
//! The ranges of a section cover all numbers. Which rule wins: one without conditions before all others, then the profile's order.

use super::abi::{ARM_PRIVATE, Abi, Width, X32_BIT, audit};
use super::policy::{Newer, Policy, Rule, Test, masked};
use nix::libc;
use oci_spec::runtime::Arch;

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
pub(super) fn decide(policy: &Policy) -> Vec<Section> {
    let mut audits = Vec::new();
    for token in policy.archs.iter().map(|&arch| audit(arch)) {
        if !audits.contains(&token) {
            audits.push(token);
        }
    }
    audits.into_iter().map(|audit| Section { audit, ranges: ranges(&numberings(policy, audit)) }).collect()
}

/// The ABIs that share one `AUDIT_ARCH_*`.
fn numberings(policy: &Policy, token: u32) -> Vec<Numbering> {
    let abi = |&arch: &Arch| (audit(arch) == token).then(|| Numbering::new(Abi::of(arch), policy));
    policy.archs.iter().filter_map(abi).collect()
}

/// Asks about every number at which the answer can change.
fn ranges(numberings: &[Numbering]) -> Vec<Range> {
    let mut edges = vec![0, ARM_PRIVATE, X32_BIT, SKIPPED];
    edges.extend(numberings.iter().flat_map(Numbering::edges));
    edges.sort_unstable();
    edges.dedup();
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
    /// In the order of the numbers.
    named: Vec<(u32, Verdict)>,
    /// The greatest number the profile names, whatever it says of it; none if newer calls are nothing special.
    newest: Option<u32>,
    default: u32,
}

impl Numbering {
    fn new(abi: Abi, policy: &Policy) -> Self {
        let mut clauses: Vec<(u32, Clause)> = policy.rules.iter().flat_map(|rule| places(abi, rule)).collect();
        // Stable: the rules about one number stay in order.
        clauses.sort_by_key(|(number, _)| *number);
        let newest = clauses.iter().rev().map(|(number, _)| *number).find(|&number| !abi.is_private(number));
        let about_one = clauses.chunk_by(|(one, _), (next, _)| one == next);
        let named = about_one.map(|clauses| (clauses[0].0, among(clauses, policy.default, abi.width()))).collect();
        Self { abi, named, newest: newest.filter(|_| policy.newer == Newer::Enosys), default: policy.default }
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
        match self.named.binary_search_by_key(&number, |(named, _)| *named) {
            Ok(at) => self.named[at].1.clone(),
            Err(_) if self.is_unknown(number) => Verdict::Return(ENOSYS),
            Err(_) => Verdict::Return(self.default),
        }
    }

    /// Is this a call that the profile's author cannot have known?
    fn is_unknown(&self, number: u32) -> bool {
        let Some(newest) = self.newest else { return false };
        (number > newest && !self.abi.is_private(number)) || self.abi.unknown_call() == Some(number)
    }

    /// The numbers that may fare otherwise than the one before.
    fn edges(&self) -> impl Iterator<Item = u32> {
        let named = self.named.iter().map(|(number, _)| *number).chain(self.newest).chain(self.abi.unknown_call());
        named.flat_map(|number| [number, number.saturating_add(1)])
    }
}

/// The numbers that a rule is about: the call's own, and that of the call it can be made through.
fn places(abi: Abi, rule: &Rule) -> impl Iterator<Item = (u32, Clause)> {
    let own = rule.call.number(abi).map(|number| (number, Clause { tests: rule.tests.clone(), action: rule.action }));
    own.into_iter().chain(through(abi, rule))
}

/// `socket(AF_INET, …)` as `socketcall(1, …)`. A condition on the first argument gives way to "which call"; the other conditions stay, as
/// in libseccomp, although what they look at is then the pointer to the arguments.
fn through(abi: Abi, rule: &Rule) -> Option<(u32, Clause)> {
    let detour = rule.detour?;
    let number = detour.through.number(abi)?;
    let others = rule.tests.iter().copied().filter(|test| test.argument != 0);
    let tests = std::iter::once(masked(0, detour.mask, detour.which)).chain(others).collect();
    Some((number, Clause { tests, action: rule.action }))
}

/// What the clauses about one number come to.
fn among(clauses: &[(u32, Clause)], default: u32, width: Width) -> Verdict {
    // A rule that says what would happen anyway is no rule: it does not stop a later one.
    let clauses = || clauses.iter().map(|(_, clause)| clause).filter(|clause| clause.action != default);
    match clauses().find(|clause| clause.tests.is_empty()) {
        Some(always) => Verdict::Return(always.action),
        None if clauses().next().is_none() => Verdict::Return(default),
        None => Verdict::Ask { clauses: clauses().cloned().collect(), otherwise: default, width },
    }
}
