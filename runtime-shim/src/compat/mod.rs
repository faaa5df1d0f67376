//! What other programs read: exit codes, log records, greppable words, number formats.
//!
//! Everything an engine parses is decided here and tested here, each test naming its reader. Invariant: nothing here acts; it only says.

pub(crate) mod debug;
pub(crate) mod events;
pub(crate) mod exit;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod signals;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod units;
pub(crate) mod version;
