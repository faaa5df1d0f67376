//! The terminal.

use super::Wishes;
use super::plan::{Builder, Source};
use crate::config::Process;
use runtime_init::Op;

/// Is the terminal the container's `/dev/console` too?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bind {
    /// For the first process.
    Yes,
    /// For any other.
    No,
}

/// Opens a terminal in the container and sends its master to whoever asked.
pub(crate) fn open(plan: &mut Builder, process: Option<&Process>, wishes: &Wishes, bind: Bind) {
    let Some(process) = process.filter(|process| process.terminal && wishes.console) else { return };
    plan.about("process.terminal");
    let socket = plan.source(Source::ConsoleSocket);
    let (rows, columns) = process.console_size.unwrap_or_default();
    plan.push(Op::Console { socket, rows: rows.into(), columns: columns.into(), bind: u32::from(bind == Bind::Yes) });
}
