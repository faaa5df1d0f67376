//! The default config, run in every way an engine runs it.

use crate::case::{Case, End, create, delete, start, state, wait};

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("default/run", "runtime.md#lifecycle").sees("status", "Uid: 0 0 0 0"),
        Case::new("default/create-and-start", "runtime.md#lifecycle").steps(vec![
            create(),
            state(),
            start(),
            wait(End::Code(0)),
            state(),
            delete(),
        ]),
    ]
}
