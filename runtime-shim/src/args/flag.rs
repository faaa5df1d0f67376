//! A flag, said once.

use super::Value;
use crate::compat::units;

/// One flag: its names, what it takes, what it says about itself.
pub(crate) struct Flag {
    /// The name after `--` (or after `-`: the two are the same).
    pub(crate) long: &'static str,
    /// A one-letter name, if it has one.
    pub(crate) short: Option<&'static str>,
    /// What it takes.
    pub(crate) takes: Takes,
    /// One line, for `--help`.
    pub(crate) about: &'static str,
    /// Is it listed?
    pub(crate) shown: Shown,
    /// What the manual and the completions know beside it.
    #[cfg(test)]
    pub(super) told: Told,
}

/// What only the manual and the completions tell. They are files that tests write: the program does not carry them.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// A paragraph; may be empty.
    pub(super) more: &'static str,
    /// The words a value is one of; empty where it can be anything.
    pub(super) words: &'static [&'static str],
}

/// What a flag takes. The text is the value's name in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or `=true` and `=false`.
    Switch,
    /// One text; the last one wins.
    Text(&'static str),
    /// A text each time it is typed; all count.
    Texts(&'static str),
    /// A whole number.
    Number(&'static str),
    /// A whole number each time it is typed, in decimal; all count.
    Numbers(&'static str),
    /// A time span such as `1m30s`.
    Duration(&'static str),
}

/// Is a flag listed in the help?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Listed,
    /// Taken, so that callers written for another runtime work; not offered.
    Hidden,
}

impl Flag {
    const fn new(long: &'static str, takes: Takes, about: &'static str) -> Self {
        Self {
            long,
            short: None,
            takes,
            about,
            shown: Shown::Listed,
            #[cfg(test)]
            told: Told { more: "", words: &[] },
        }
    }

    pub(crate) const fn switch(long: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Switch, about)
    }

    pub(crate) const fn text(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Text(value), about)
    }

    pub(crate) const fn texts(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Texts(value), about)
    }

    pub(crate) const fn number(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Number(value), about)
    }

    pub(crate) const fn numbers(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Numbers(value), about)
    }

    pub(crate) const fn duration(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self::new(long, Takes::Duration(value), about)
    }

    /// The same flag with a one-letter name.
    pub(crate) const fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    /// The same flag with a paragraph for the manual.
    #[cfg(test)]
    pub(crate) const fn more(mut self, more: &'static str) -> Self {
        self.told.more = more;
        self
    }

    /// The same flag: its paragraph is for the manual, which is not in the program.
    #[cfg(not(test))]
    pub(crate) const fn more(self, _: &'static str) -> Self {
        self
    }

    /// The same flag with the words that complete it.
    #[cfg(test)]
    pub(crate) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.told.words = words;
        self
    }

    /// The same flag: the shell knows its words, from a file.
    #[cfg(not(test))]
    pub(crate) const fn one_of(self, _: &'static [&'static str]) -> Self {
        self
    }

    /// The same flag, not listed.
    pub(crate) const fn hidden(mut self) -> Self {
        self.shown = Shown::Hidden;
        self
    }

    /// Does this name, without its dashes, mean this flag?
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.long == name || self.short == Some(name)
    }

    /// A typed text as this flag's value; none if it is not of its kind.
    pub(crate) fn value(&self, text: &str) -> Option<Value> {
        match self.takes {
            Takes::Switch => units::boolean(text).map(Value::Switch),
            Takes::Text(_) | Takes::Texts(_) => Some(Value::Text(text.to_owned())),
            Takes::Number(_) => units::integer(text).map(Value::Number),
            Takes::Numbers(_) => text.parse().ok().map(Value::Number),
            Takes::Duration(_) => units::duration(text).map(Value::Duration),
        }
    }

    /// The name of its value in the help; none for a switch.
    pub(crate) fn value_name(&self) -> Option<&'static str> {
        match self.takes {
            Takes::Switch => None,
            Takes::Text(name) | Takes::Texts(name) | Takes::Number(name) | Takes::Numbers(name) | Takes::Duration(name) => Some(name),
        }
    }

    /// Does it count each time it is typed?
    pub(crate) fn repeats(&self) -> bool {
        matches!(self.takes, Takes::Texts(_) | Takes::Numbers(_))
    }
}

impl std::fmt::Debug for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--{}", self.long)
    }
}
