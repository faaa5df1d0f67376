//! .
use super::Config;
use crate::error::Result;
use std::path::Path;
/// Reads.
pub fn read(_bundle: &Path) -> Result<Config> { Err(crate::Error::new(crate::ErrorKind::Unsupported, "")) }
