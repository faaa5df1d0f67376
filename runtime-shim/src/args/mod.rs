//! The arguments: what can be typed, as data.
//!
//! Every flag is one [`Flag`] and every verb one [`Verb`]. The parser ([`read`]), the help texts ([`help`]), the manual and the completions of
//! the shells (`manual`) walk these tables; nothing else knows a flag's name. Invariant: no I/O, no environment.
//!
//! ```ignore
//! static BUNDLE: Flag = Flag::text("bundle", "DIR", "directory with config.json").short("b");
//! let dir = args.text(&BUNDLE);
//! ```

pub(crate) mod common;
mod flag;
mod global;
mod help;
#[cfg(test)]
mod manual;
mod read;

pub(crate) use flag::{Flag, Shown, Takes};
pub(crate) use read::{Asked, command, globals};

use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use global::{CGROUP_MANAGER, DEBUG, GLOBALS, LOG, LOG_FORMAT, LOG_LEVEL, ROOT, ROOTLESS, SYSTEMD_CGROUP};

/// One verb: how it is typed, what it says about itself, what it does.
pub(crate) struct Verb {
    /// What is typed.
    pub(crate) name: &'static str,
    /// One line, for the list of verbs.
    pub(crate) summary: &'static str,
    /// The arguments, as the usage line shows them.
    pub(crate) arguments: &'static str,
    /// What the help page says below the usage line.
    pub(crate) about: &'static str,
    /// Its own flags; `--help` is everybody's.
    pub(crate) flags: &'static [&'static Flag],
    /// How many arguments it takes.
    pub(crate) arity: Arity,
    /// Where its flags may stand.
    pub(crate) order: Order,
    /// The work.
    pub(crate) run: fn(&Settings, &Args) -> Result<Code, Failure>,
}

/// How many arguments a verb takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arity {
    /// This many.
    Exactly(usize),
    /// This many or more.
    AtLeast(usize),
    /// From the first to the second, both included.
    Between(usize, usize),
}

/// Where flags may stand among the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Before, between and after them.
    Anywhere,
    /// Before the first: what follows it belongs to somebody else (a program's own arguments).
    First,
}

/// The value of a typed flag, already of its kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Switch(bool),
    Text(String),
    Number(i64),
    Duration(Duration),
}

/// What was typed after a verb (or before it, for the global flags).
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) given: Vec<(&'static Flag, Value)>,
    pub(crate) words: Vec<String>,
}

impl Args {
    fn last(&self, flag: &Flag) -> Option<&Value> {
        self.given.iter().rev().find(|(given, _)| given.long == flag.long).map(|(_, value)| value)
    }

    /// Was a switch turned on?
    pub(crate) fn on(&self, flag: &Flag) -> bool {
        self.switch(flag) == Some(true)
    }

    /// A switch, if it was typed at all.
    pub(crate) fn switch(&self, flag: &Flag) -> Option<bool> {
        match self.last(flag)? {
            Value::Switch(on) => Some(*on),
            _ => None,
        }
    }

    /// The text of a flag; the last one wins, and an empty one is none.
    pub(crate) fn text(&self, flag: &Flag) -> Option<&str> {
        match self.last(flag)? {
            Value::Text(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// Every text of a flag, in the order typed.
    pub(crate) fn texts<'a>(&'a self, flag: &'a Flag) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(|(given, _)| given.long == flag.long).filter_map(|(_, value)| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A flag's text as a path that stays right when the working directory changes.
    pub(crate) fn path(&self, flag: &Flag) -> Option<PathBuf> {
        self.text(flag).map(|text| std::path::absolute(text).unwrap_or_else(|_| text.into()))
    }

    /// The number of a flag.
    pub(crate) fn number(&self, flag: &Flag) -> Option<i64> {
        match self.last(flag)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Every number of a flag, in the order typed.
    pub(crate) fn numbers<'a>(&'a self, flag: &'a Flag) -> impl Iterator<Item = i64> {
        self.given.iter().filter(|(given, _)| given.long == flag.long).filter_map(|(_, value)| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// The duration of a flag.
    pub(crate) fn duration(&self, flag: &Flag) -> Option<Duration> {
        match self.last(flag)? {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// The first argument: every verb that has arguments begins with the container's id.
    pub(crate) fn id(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The arguments after the id.
    pub(crate) fn rest(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}
