//! The rules about devices as properties of a unit: systemd has a filter of its own, which it puts up again whenever it reloads.
//!
//! ```text
//! b 8:0 rw     /dev/block/8:0 rw
//! c 136:* rwm  char-136 rwm          before systemd 240 the driver's name: char-pts
//! c *:* m      char-* m
//! ```
//!
//! What systemd cannot say: exceptions from "everything", and a minor number of every major one.
//! On v2 its filter stands beside ours, so there it is told to let pass what ours decides. On v1 there is one list; it forbids until ours is written.

use super::super::devices::{Access, Kind, Pattern};
use super::message::{Property, Value, named};
use std::path::Path;

/// Since then systemd reads numbers from a path, whose node need not exist.
const NUMBERS: u32 = 240;

/// What one who is to say rules to systemd must know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling<'a> {
    pub(super) systemd: u32,
    /// Is there a filter of ours, on v2, that decides?
    pub(super) filtered: bool,
    /// `/proc/devices`.
    pub(super) drivers: &'a str,
}

/// `DevicePolicy` and `DeviceAllow`.
pub(super) fn properties(access: &Access, telling: Telling<'_>) -> Vec<Property> {
    match access {
        Access::All => open(),
        Access::AllBut if telling.filtered => open(),
        Access::AllBut => closed(),
        Access::Only(patterns) if telling.filtered && patterns.iter().any(|pattern| !is_sayable(pattern)) => open(),
        Access::Only(patterns) => {
            let entries = patterns.iter().filter_map(|pattern| entry(pattern, telling)).collect();
            closed().into_iter().chain([named("DeviceAllow", Value::Pairs(entries))]).collect()
        }
    }
}

fn open() -> Vec<Property> {
    vec![named("DeviceAllow", Value::Pairs(Vec::new())), named("DevicePolicy", Value::Text("auto".into()))]
}

/// An empty list takes away what was on it.
fn closed() -> Vec<Property> {
    vec![named("DeviceAllow", Value::Pairs(Vec::new())), named("DevicePolicy", Value::Text("strict".into()))]
}

fn is_sayable(pattern: &Pattern) -> bool {
    pattern.major.is_some() || pattern.minor.is_none()
}

fn entry(pattern: &Pattern, telling: Telling<'_>) -> Option<(String, String)> {
    let kind = if pattern.kind == Kind::Block { "block" } else { "char" };
    let old = telling.systemd < NUMBERS;
    let path = match (pattern.major, pattern.minor) {
        (None, Some(_)) => return None,
        (None, None) => format!("{kind}-*"),
        (Some(major), None) if old => format!("{kind}-{}", driver(telling.drivers, pattern.kind, major)?),
        (Some(major), None) => format!("{kind}-{major}"),
        (Some(major), Some(minor)) => {
            let path = format!("/dev/{kind}/{major}:{minor}");
            if old && !Path::new(&path).exists() {
                return None;
            }
            path
        }
    };
    Some((path, pattern.uses.clone()))
}

/// The name of a driver in `/proc/devices`, which lists those of character devices first.
fn driver(drivers: &str, kind: Kind, major: u32) -> Option<&str> {
    let (chars, blocks) = drivers.split_once("Block devices:")?;
    let mut lines = if kind == Kind::Block { blocks } else { chars }.lines();
    lines.find_map(|line| line.trim().split_once(' ').filter(|(number, _)| number.parse() == Ok(major)).map(|(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIVERS: &str = "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  7 loop\n136 other\n";
    const V2: Telling<'_> = Telling { systemd: 257, filtered: true, drivers: DRIVERS };

    fn pattern(kind: Kind, major: Option<u32>, minor: Option<u32>) -> Pattern {
        Pattern { kind, major, minor, uses: "rw".into() }
    }

    fn told(access: &Access, telling: Telling<'_>) -> String {
        let value = |value: Value| match value {
            Value::Pairs(pairs) => pairs.iter().map(|(path, uses)| format!("{path} {uses},")).collect(),
            Value::Text(text) => text,
            other => panic!("{other:?}"),
        };
        properties(access, telling).into_iter().map(|(name, own)| format!("{name}={}; ", value(own))).collect()
    }

    #[test]
    fn a_list_is_told_entry_by_entry() {
        let list = [pattern(Kind::Char, None, None), pattern(Kind::Char, Some(136), None), pattern(Kind::Block, Some(4000), Some(7))];
        let only = Access::Only(list.to_vec());
        let before = "DeviceAllow=; DevicePolicy=strict; DeviceAllow=char-* rw,";
        assert_eq!(told(&only, V2), format!("{before}char-136 rw,/dev/block/4000:7 rw,; "));
        assert_eq!(told(&only, Telling { systemd: 240, ..V2 }), told(&only, V2));
        // No such node here, and no such driver.
        assert_eq!(told(&only, Telling { systemd: 239, ..V2 }), format!("{before}char-pts rw,; "));
        let unknown = Access::Only(vec![pattern(Kind::Block, Some(1), None)]);
        assert_eq!(told(&unknown, Telling { systemd: 239, ..V2 }), "DeviceAllow=; DevicePolicy=strict; DeviceAllow=; ");
        assert_eq!(driver(DRIVERS, Kind::Block, 136), Some("other"));
    }

    #[test]
    fn what_systemd_cannot_say_is_left_to_our_filter_or_forbidden() {
        let v1 = Telling { filtered: false, ..V2 };
        let odd = Access::Only(vec![pattern(Kind::Char, None, Some(3)), pattern(Kind::Char, Some(1), Some(3))]);
        assert_eq!(told(&odd, V2), "DeviceAllow=; DevicePolicy=auto; ");
        assert_eq!(told(&odd, v1), "DeviceAllow=; DevicePolicy=strict; DeviceAllow=/dev/char/1:3 rw,; ");
        assert_eq!(told(&Access::AllBut, V2), "DeviceAllow=; DevicePolicy=auto; ");
        assert_eq!(told(&Access::AllBut, v1), "DeviceAllow=; DevicePolicy=strict; ");
        assert_eq!(told(&Access::All, v1), "DeviceAllow=; DevicePolicy=auto; ");
    }
}
