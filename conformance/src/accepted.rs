//! The differences from the reference that are accepted, each with its reason.
//!
//! This is the whole list. A difference that is not here fails the comparison; an entry that nothing needs any more should go.

use crate::glob;
use crate::judge::{Difference, Side};

/// One accepted difference: a line that only one of the two has.
pub(crate) struct Accepted {
    /// Pattern for the case's name.
    pub(crate) case: &'static str,
    /// Pattern for the section.
    pub(crate) section: &'static str,
    /// Pattern for the line only the reference has.
    pub(crate) reference: Option<&'static str>,
    /// Pattern for the line only the candidate has.
    pub(crate) candidate: Option<&'static str>,
    /// Why the candidate need not follow.
    pub(crate) reason: &'static str,
}

/// The table.
pub(crate) const ACCEPTED: &[Accepted] = &[Accepted {
    case: "*",
    section: "*json",
    reference: Some("*.ociVersion = *"),
    candidate: Some("*.ociVersion = *"),
    reason: "each runtime tells the version of the specification it follows",
}];

/// The reason a difference is accepted for, if it is.
pub(crate) fn reason(case: &str, difference: &Difference) -> Option<&'static str> {
    let fits = |rule: &&Accepted| {
        let pattern = if difference.side == Side::Reference { rule.reference } else { rule.candidate };
        glob::matches(rule.case, case)
            && glob::matches(rule.section, &difference.section)
            && pattern.is_some_and(|pattern| glob::matches(pattern, &difference.line))
    };
    ACCEPTED.iter().find(fits).map(|rule| rule.reason)
}
