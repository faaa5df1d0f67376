//! What is known about a container between two commands: one directory, one record, one lock.
//!
//! Invariants: a reader sees a whole record or none; what is about to be created is written down before it is created, so that
//! a forced delete can undo a create that was killed anywhere; nothing here decides what to do with a container.
//!
//! ```text
//! <root>/<id>/            0711, flock(2)ed by whoever changes the container
//!   state.json            the record, replaced by rename; there from the first moment to the last but one
//!   config.json           the configuration it was created from, whatever becomes of the bundle
//!   exec.fifo             there from create to start: `start` writes one byte, the init reads it
//!   report.fifo           the init's answer: end of file is an exec, anything else a failure
//! ```

mod gate;
mod id;
mod identity;
mod record;
mod status;
mod store;
mod time;

pub(crate) use gate::{Gate, Outcome};
pub(crate) use id::check as check_id;
pub(crate) use identity::Identity;
pub(crate) use record::{Phase, Record};
pub(crate) use status::Signs;
pub use status::{State, Status};
pub(crate) use store::{Entry, Locked, Store};
pub(crate) use time::now;
