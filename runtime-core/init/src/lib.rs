//! The child's half of a container runtime: a list is read, and obeyed.
//!
//! The parent compiles a plan of [`Op`]s; the init built from this crate walks it, one small step an op, and ends by executing the
//! container's program. The crate is built twice: as this library, for the types both sides share, and by `runtime-core`'s build
//! script as a freestanding ELF file.
//!
//! Invariants: no allocator, no standard library, no formatting, no panic, and no policy. Where a step would have to decide, the
//! parent needs to know more.
//!
//! ```
//! use runtime_init::{Op, Report};
//! assert_eq!(size_of::<Report>(), 24);
//! assert!(size_of::<Op>() <= 48);
//! ```
#![cfg_attr(not(test), no_std)]

pub mod op;
pub mod plan;
pub mod report;
pub mod run;
mod step;
pub mod sys;

pub use op::{Blob, Op, Slot, Target, Text, Texts};
pub use plan::{Header, Plan};
pub use report::{Record, Report, ReportKind};
pub use run::run;

/// Where this crate's source is, for the build script that makes the ELF file of it.
pub const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
