//! The rules as v1's files take them: everything or nothing, and a list of exceptions.
//!
//! The kernel's list has no order, and a use that is taken back must match its exception exactly; else the kernel says nothing and the hole is not
//! there. So the list is worked out here, and what it cannot express is an error.

use super::Access;
use super::rules::{ALL, Kind, Rule};
use crate::error::{Error, ErrorKind, Result};

/// What v1 is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Without an exception, is a device allowed?
    allowed: bool,
    exceptions: Vec<Rule>,
}

/// The list that some rules come to.
pub(super) fn work_out(rules: &[Rule]) -> Result<Table> {
    let mut table = Table { allowed: false, exceptions: Vec::new() };
    for rule in rules {
        table.take(rule)?;
    }
    Ok(table)
}

impl Table {
    /// The file that says everything or nothing, and the file for the exceptions.
    pub(super) fn files(&self) -> (&'static str, &'static str) {
        match self.allowed {
            true => ("devices.allow", "devices.deny"),
            false => ("devices.deny", "devices.allow"),
        }
    }

    /// The exceptions, as the file takes them.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.exceptions.iter().map(Rule::to_string)
    }

    /// The list for another filter, which may know no exceptions from everything.
    pub(super) fn access(&self) -> Access {
        match (self.allowed, self.exceptions.is_empty()) {
            (true, true) => Access::All,
            (true, false) => Access::AllBut,
            (false, _) => Access::Only(self.exceptions.iter().map(Rule::pattern).collect()),
        }
    }

    fn take(&mut self, rule: &Rule) -> Result<()> {
        match rule.kind {
            Kind::Any if rule.major.is_none() && rule.minor.is_none() && rule.access == ALL => {
                *self = Self { allowed: rule.allow, exceptions: Vec::new() };
                Ok(())
            }
            // `a` with numbers means everything to the kernel, whatever the numbers.
            Kind::Any => self.take(&Rule { kind: Kind::Block, ..*rule }).and_then(|()| self.take(&Rule { kind: Kind::Char, ..*rule })),
            Kind::Block | Kind::Char if rule.allow == self.allowed => self.remove(rule),
            Kind::Block | Kind::Char => {
                self.add(rule);
                Ok(())
            }
        }
    }

    fn add(&mut self, rule: &Rule) {
        let same = |own: &&mut Rule| (own.kind, own.major, own.minor) == (rule.kind, rule.major, rule.minor);
        match self.exceptions.iter_mut().find(same) {
            Some(own) => own.access |= rule.access,
            None => self.exceptions.push(*rule),
        }
    }

    fn remove(&mut self, rule: &Rule) -> Result<()> {
        let hole = self.exceptions.iter().find(|own| meets(own, rule) && !rule.covers(own));
        if let Some(own) = hole {
            let what = format!("rule [{rule}] not supported by devices cgroupv1 (cannot punch hole in existing wildcard rule [{own}])");
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        for own in self.exceptions.iter_mut().filter(|own| rule.covers(own)) {
            own.access &= !rule.access;
        }
        self.exceptions.retain(|own| own.access != 0);
        Ok(())
    }
}

/// Is there a use of a device that both speak of?
fn meets(one: &Rule, other: &Rule) -> bool {
    let both = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    one.kind == other.kind && one.access & other.access != 0 && both(one.major, other.major) && both(one.minor, other.minor)
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use super::super::rules::{MKNOD, READ, allows, parse, random_rules};
    use super::*;

    /// What the kernel makes of a table. One exception must cover all of the uses on an allow-list; on a deny-list any of them is enough.
    fn kernel_allows(table: &Table, kind: Kind, major: u32, minor: u32, access: u32) -> bool {
        let mut about = table.exceptions.iter().filter(|own| own.is_about(kind, major, minor));
        match table.allowed {
            true => !about.any(|own| own.access & access != 0),
            false => about.any(|own| access & !own.access == 0),
        }
    }

    #[test]
    fn a_table_answers_as_the_rules_in_order_do() {
        let mut expressible = 0;
        for seed in 0..5000 {
            let rules = random_rules(seed, (seed % 7) as usize);
            let Ok(table) = work_out(&rules) else { continue };
            expressible += 1;
            // One use at a time: the kernel does not add up what two exceptions allow.
            for access in [1, 2, 4] {
                for (major, minor) in [(0, 0), (0, 1), (1, 0), (1, 1), (7, 0), (0, 7), (7, 7), (0xfff, 1), (0xfff, 0xf_ffff)] {
                    for kind in [Kind::Block, Kind::Char] {
                        let (got, expected) =
                            (kernel_allows(&table, kind, major, minor, access), allows(&rules, kind, major, minor, access));
                        assert_eq!(got, expected, "{kind:?} {major}:{minor} {access}: {rules:?} as {table:?}");
                    }
                }
            }
        }
        assert!(expressible > 1000, "{expressible}");
    }

    #[test]
    fn the_default_config_is_an_allow_list() {
        let rules = parse(&[]).unwrap();
        let table = work_out(&rules).unwrap();
        assert_eq!(table.files(), ("devices.deny", "devices.allow"));
        assert_eq!(table.lines().count(), 11);
    }

    #[test]
    fn a_list_is_for_others_what_it_is_here() {
        let all = Rule { allow: true, kind: Kind::Any, major: None, minor: None, access: ALL };
        let but = Rule { allow: false, kind: Kind::Char, major: Some(1), minor: Some(11), access: ALL };
        assert_eq!(work_out(&[all]).unwrap().access(), Access::All);
        assert_eq!(work_out(&[all, but]).unwrap().access(), Access::AllBut);
        let one = Rule { allow: true, ..but };
        let pattern = Pattern { kind: Kind::Char, major: Some(1), minor: Some(11), uses: "rwm".into() };
        assert_eq!(work_out(&[one]).unwrap().access(), Access::Only(vec![pattern]));
    }

    #[test]
    fn a_hole_that_v1_would_not_make_is_refused() {
        let all_nodes = Rule { allow: true, kind: Kind::Char, major: None, minor: None, access: MKNOD | READ };
        let hole = Rule { allow: false, major: Some(1), minor: Some(3), ..all_nodes };
        let error = work_out(&[all_nodes, hole]).unwrap_err().to_string();
        assert!(error.contains("cannot punch hole in existing wildcard rule [c *:* rm]"), "{error}");
    }
}
