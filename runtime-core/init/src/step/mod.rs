//! The steps: one small function an op. A step does what its op says, and nothing else.

pub(crate) mod console;
pub(crate) mod copy_up;
pub(crate) mod identity;
pub(crate) mod meet;
pub(crate) mod memberships;
pub(crate) mod mounts;
pub(crate) mod program;
pub(crate) mod root;

pub(crate) use crate::run::{Failure, Init};

/// The result of a step.
pub(crate) type Done = Result<(), Failure>;
