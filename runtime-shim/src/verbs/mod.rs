//! The verbs, one file each.
//!
//! A verb is its entry in the table and the few lines that turn typed words into a call of the library. Invariant: a verb decides nothing
//! about containers.

mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
mod pause;
mod ps;
mod restore;
mod resume;
mod run;
mod spec;
mod start;
mod state;
mod update;

use crate::args::Verb;
use crate::compat::messages;
use crate::failure::Failure;

/// Every verb, in the order of the help.
pub(crate) static ALL: &[&Verb] = &[
    &checkpoint::VERB,
    &create::VERB,
    &delete::VERB,
    &events::VERB,
    &exec::VERB,
    &features::VERB,
    &kill::VERB,
    &list::VERB,
    &pause::VERB,
    &ps::VERB,
    &restore::VERB,
    &resume::VERB,
    &run::VERB,
    &spec::VERB,
    &start::VERB,
    &state::VERB,
    &update::VERB,
];

/// How `list` and `ps` answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json,
}

impl Format {
    fn of(text: Option<&str>) -> Result<Self, Failure> {
        match text {
            None | Some("table" | "") => Ok(Self::Table),
            Some("json") => Ok(Self::Json),
            Some(text) => Err(Failure::new(messages::bad_format(text))),
        }
    }
}
