//! From a file to a [`Config`]: the bytes, then the types, then the rules.

use super::{Config, check, nul, tolerant};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::path::Path;

/// The largest `config.json` that is read. One with 10 000 mounts has about 1 MiB.
const MAX_BYTES: u64 = 16 << 20;

/// Reads and checks `<bundle>/config.json`.
///
/// # Errors
/// [`ErrorKind::InvalidConfig`] with the property's path and what is wrong with it, on one line.
pub fn read(bundle: &Path) -> Result<Config> {
    from_slice(&load(&bundle.join("config.json"))?, bundle)
}

/// Checks a `config.json` that is already in memory, as if it were `bundle`'s.
///
/// # Errors
/// As [`read`].
pub fn from_slice(bytes: &[u8], bundle: &Path) -> Result<Config> {
    let text = text(bytes)?;
    let mut warnings = Vec::new();
    let spec = match serde_json::from_str(text) {
        Ok(spec) => spec,
        Err(_) => tolerant::spec(text, &mut warnings)?,
    };
    if nul::may_be_in(text) {
        nul::refuse_in(&spec, None)?;
    }
    let bundle = std::path::absolute(bundle).map_err(|error| Error::io("getcwd", bundle, error))?;
    check::config(spec, bundle, warnings)
}

/// Parses a process document, as `exec --process` gets it, with the tolerance that [`read`] has for `process`.
/// The second value holds the warnings.
///
/// # Errors
/// As [`read`]; the properties' paths begin with `process`.
pub fn parse_process(bytes: &[u8]) -> Result<(oci_spec::runtime::Process, Vec<String>)> {
    let text = text(bytes)?;
    let mut warnings = Vec::new();
    let process = match serde_json::from_str(text) {
        Ok(process) => process,
        Err(_) => tolerant::process(text, &mut warnings)?,
    };
    Ok((process, warnings))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("config.json: not UTF-8: {error}")))
}

fn load(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| match error.kind() {
        IoErrorKind::NotFound => missing(path),
        _ => Error::io("open", path, error),
    })?;
    let size = file.metadata().map_err(|error| Error::io("fstat", path, error))?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(MAX_BYTES) + 1).unwrap_or(0));
    // The size is only a hint: what counts is what comes.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        let why = format!("config.json: {} is larger than {} MiB, the largest that is read", path.display(), MAX_BYTES >> 20);
        return Err(Error::new(ErrorKind::InvalidConfig, why));
    }
    Ok(bytes)
}

// Engines know this sentence.
fn missing(path: &Path) -> Error {
    let why = format!("JSON specification file config.json not found: {}", path.display());
    Error::new(ErrorKind::InvalidConfig, why).with_errno(Errno::ENOENT)
}
