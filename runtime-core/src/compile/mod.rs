//! Deciding: what the config says becomes data that is carried out without another decision.

#[allow(dead_code, unused_imports, reason = "nothing loads filters yet")]
pub(crate) mod seccomp;
