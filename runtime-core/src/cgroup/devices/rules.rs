//! One rule about devices, and those that every container gets.

use super::Pattern;
use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};
use std::fmt;

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cgroup) enum Kind {
    Any,
    Block,
    Char,
}

/// Making a node, reading, writing: the kernel's bits.
pub(super) const MKNOD: u32 = 1;
pub(super) const READ: u32 = 2;
pub(super) const WRITE: u32 = 4;
pub(super) const ALL: u32 = MKNOD | READ | WRITE;

/// Allows or denies some uses of some devices. No number means every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) allow: bool,
    pub(super) kind: Kind,
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    pub(super) access: u32,
}

/// What every container may: make any node, and use null, zero, full, random, urandom, tty, ptmx, the pts's and tun.
const ALWAYS: [Rule; 11] = [
    node(Kind::Char),
    node(Kind::Block),
    open(1, Some(3)),
    open(1, Some(8)),
    open(1, Some(7)),
    open(5, Some(0)),
    open(1, Some(5)),
    open(1, Some(9)),
    open(136, None),
    open(5, Some(2)),
    open(10, Some(200)),
];

const fn node(kind: Kind) -> Rule {
    Rule { allow: true, kind, major: None, minor: None, access: MKNOD }
}

const fn open(major: u32, minor: Option<u32>) -> Rule {
    Rule { allow: true, kind: Kind::Char, major: Some(major), minor, access: ALL }
}

/// The config's rules and, after them, those of every container.
pub(super) fn parse(asked: &[LinuxDeviceCgroup]) -> Result<Vec<Rule>> {
    let mut rules = Vec::with_capacity(asked.len() + ALWAYS.len());
    for (index, rule) in asked.iter().enumerate() {
        rules.push(one(index, rule)?);
    }
    rules.extend(ALWAYS);
    Ok(rules)
}

fn one(index: usize, asked: &LinuxDeviceCgroup) -> Result<Rule> {
    let refuse = |what: String| Error::config(format_args!("linux.resources.devices[{index}]"), what);
    let kind = match asked.typ() {
        None | Some(LinuxDeviceType::A) => Kind::Any,
        Some(LinuxDeviceType::B) => Kind::Block,
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => Kind::Char,
        Some(LinuxDeviceType::P) => return Err(refuse("a fifo is no device that can be limited".into())),
    };
    // −1 is how v1 tools write "every".
    let number = |number: Option<i64>| match number {
        None | Some(-1) => Ok(None),
        Some(value) => u32::try_from(value).map(Some).map_err(|_| refuse(format!("{value} is no device number"))),
    };
    let access = access(asked.access().as_deref().unwrap_or_default()).map_err(refuse)?;
    Ok(Rule { allow: asked.allow(), kind, major: number(asked.major())?, minor: number(asked.minor())?, access })
}

fn access(text: &str) -> std::result::Result<u32, String> {
    if text.is_empty() {
        return Err("access cannot be empty".into());
    }
    text.chars().try_fold(0, |access, letter| match letter {
        'r' => Ok(access | READ),
        'w' => Ok(access | WRITE),
        'm' => Ok(access | MKNOD),
        _ => Err(format!("access {text:?} has a letter that is none of r, w, m")),
    })
}

impl Rule {
    /// Is every device the other speaks of one of this rule's?
    pub(super) fn covers(&self, inner: &Self) -> bool {
        let wider = |outer: Option<u32>, inner: Option<u32>| outer.is_none() || outer == inner;
        self.kind == inner.kind && wider(self.major, inner.major) && wider(self.minor, inner.minor)
    }

    /// Without what it says of them.
    pub(super) fn pattern(&self) -> Pattern {
        Pattern { kind: self.kind, major: self.major, minor: self.minor, uses: self.uses() }
    }

    /// Of `rwm`.
    fn uses(&self) -> String {
        [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')].iter().filter(|(bit, _)| self.access & bit != 0).map(|(_, letter)| letter).collect()
    }

    /// Does the rule speak of this device?
    #[cfg(test)]
    pub(super) fn is_about(&self, kind: Kind, major: u32, minor: u32) -> bool {
        (self.kind == Kind::Any || self.kind == kind)
            && self.major.is_none_or(|own| own == major)
            && self.minor.is_none_or(|own| own == minor)
    }
}

/// As v1's files want it: `c 1:* rw`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let kind = match self.kind {
            Kind::Any => 'a',
            Kind::Block => 'b',
            Kind::Char => 'c',
        };
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.uses())
    }
}

/// What the rules say of one use of one device, the slow and plain way: the model that the program and the table are tested against.
#[cfg(test)]
pub(super) fn allows(rules: &[Rule], kind: Kind, major: u32, minor: u32, access: u32) -> bool {
    [MKNOD, READ, WRITE].into_iter().filter(|bit| access & bit != 0).all(|bit| {
        let last = rules.iter().rfind(|rule| rule.is_about(kind, major, minor) && rule.access & bit != 0);
        last.is_some_and(|rule| rule.allow)
    })
}

/// Rules made of few numbers, so that they meet often.
#[cfg(test)]
pub(super) fn random_rules(seed: u64, count: usize) -> Vec<Rule> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 20) % below).unwrap_or_default()
    };
    let kinds = [Kind::Any, Kind::Block, Kind::Char];
    let majors = [None, Some(0), Some(1), Some(0xfff)];
    let minors = [None, Some(0), Some(1), Some(0xf_ffff)];
    (0..count)
        .map(|_| Rule {
            allow: next(3) != 0,
            kind: kinds[next(3) as usize],
            major: majors[next(4) as usize],
            minor: minors[next(4) as usize],
            access: 1 + next(7),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Vec<Rule>> {
        parse(&serde_json::from_str::<Vec<LinuxDeviceCgroup>>(json).unwrap())
    }

    #[test]
    fn without_rules_only_what_every_container_needs_is_allowed() {
        let rules = parsed("[]").unwrap();
        assert_eq!(rules[0].to_string(), "c *:* m");
        assert!(allows(&rules, Kind::Char, 1, 3, ALL));
        assert!(allows(&rules, Kind::Char, 136, 7, READ | WRITE));
        assert!(allows(&rules, Kind::Block, 8, 0, MKNOD));
        assert!(!allows(&rules, Kind::Block, 8, 0, READ));
        assert!(!allows(&rules, Kind::Char, 1, 1, READ));
    }

    #[test]
    fn a_rule_of_the_config_is_read_as_written() {
        let rules = parsed(r#"[{"allow":true,"type":"b","major":8,"minor":-1,"access":"mr"}, {"allow":false,"access":"rwm"}]"#).unwrap();
        assert_eq!((rules[0].to_string().as_str(), rules[0].allow), ("b 8:* rm", true));
        assert_eq!((rules[1].to_string().as_str(), rules[1].allow), ("a *:* rwm", false));
    }

    #[test]
    fn a_rule_without_access_is_refused() {
        let error = parsed(r#"[{"allow":true,"type":"c"}]"#).unwrap_err();
        assert_eq!(error.to_string(), "config.json: linux.resources.devices[0]: access cannot be empty");
    }
}
