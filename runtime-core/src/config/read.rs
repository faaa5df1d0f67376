//! From a file to a [`Config`]: the bytes, then the types, then the rules.

use super::{Config, capabilities, check, nul, resources, shape, tolerant};
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
    from_slice(&load(bundle)?, bundle)
}

/// A bundle that has been read: the bytes, and what they say.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// `config.json`, as it is.
    pub bytes: Vec<u8>,
    /// `config.json`, checked.
    pub config: Config,
}

/// Reads and checks the bundle in a directory.
///
/// # Errors
/// As [`read`]; [`ErrorKind::Call`] if there is no such directory.
pub fn open(directory: &Path) -> Result<Bundle> {
    // By its one name, as hooks and `state` tell it.
    let directory = directory.canonicalize().map_err(|error| Error::io("open", directory, error))?;
    let bytes = load(&directory)?;
    let config = from_slice(&bytes, &directory)?;
    Ok(Bundle { bytes, config })
}

/// Checks a `config.json` that is already in memory, as if it were `bundle`'s.
///
/// # Errors
/// As [`read`].
pub fn from_slice(bytes: &[u8], bundle: &Path) -> Result<Config> {
    let text = text(bytes)?;
    shape::refuse_lists(text, "")?;
    let mut warnings = Vec::new();
    let mut spec: oci_spec::runtime::Spec = match serde_json::from_str(text) {
        Ok(spec) if !capabilities::may_be_misspelled(text) => spec,
        _ => tolerant::spec(text, &mut warnings)?,
    };
    if nul::may_be_in(text) {
        nul::refuse_in(&spec, None)?;
    }
    if let Some(linux) = spec.linux_mut() {
        let own = resources::of_config(linux.resources_mut().take(), text, &mut warnings);
        linux.set_resources(own);
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
    shape::refuse_lists(text, "/process")?;
    let mut warnings = Vec::new();
    let process = match serde_json::from_str(text) {
        Ok(process) if !capabilities::may_be_misspelled(text) => process,
        _ => tolerant::process(text, &mut warnings)?,
    };
    Ok((process, warnings))
}

pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("config.json: not UTF-8: {error}")))
}

/// The bytes of a bundle's `config.json`.
fn load(bundle: &Path) -> Result<Vec<u8>> {
    let path = &bundle.join("config.json");
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case::{accepted, base, patched, refused};
    use super::*;
    use serde_json::{Value, json};

    fn check(json: &str, expected: &str) {
        assert_eq!(from_slice(json.as_bytes(), Path::new("/bundle")).unwrap_err().to_string(), expected);
    }

    /// A directory of this test's own, gone afterwards.
    struct Bundle(std::path::PathBuf);

    impl Bundle {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("config-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Bundle {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_bundle_without_a_config_is_told_in_the_words_engines_know() {
        let bundle = Bundle::new("missing");
        let error = read(&bundle.0).unwrap_err();
        assert!(error.to_string().starts_with("JSON specification file config.json not found"), "{error}");
        assert_eq!(error.errno(), Some(2));
    }

    #[test]
    fn a_config_that_is_far_too_large_is_one_error() {
        let bundle = Bundle::new("large");
        File::create(bundle.0.join("config.json")).unwrap().set_len(64 << 20).unwrap();
        let expected = format!("config.json: {}/config.json is larger than 16 MiB, the largest that is read", bundle.0.display());
        assert_eq!(read(&bundle.0).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_bundle_is_read_from_its_directory() {
        let bundle = Bundle::new("read");
        std::fs::write(bundle.0.join("config.json"), base().to_string()).unwrap();
        let config = read(&bundle.0).unwrap();
        assert_eq!((config.rootfs, config.bundle), (bundle.0.join("rootfs"), bundle.0.clone()));
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        check("", "config.json: EOF while parsing a value at line 1 column 0");
        check("{\"root\": \n}", "config.json: expected value at line 2 column 1");
        check("[]", "config.json: the document: invalid type: a list, expected an object");
        check("7", "config.json: invalid type: integer `7`, expected struct Spec");
        check(&"[".repeat(100_000), "config.json: recursion limit exceeded at line 1 column 128");
        let error = from_slice(b"\xff", Path::new("/")).unwrap_err().to_string();
        assert!(error.starts_with("config.json: not UTF-8"), "{error}");
    }

    #[test]
    fn what_the_parser_quotes_stays_on_one_line() {
        let text = refused(json!({"linux": {"namespaces": [{"type": "a\nb"}]}}));
        assert!(text.contains("unknown variant `a\\nb`") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn a_nul_is_refused_wherever_it_is() {
        let found = |patch: Value, at: &str| assert_eq!(refused(patch), format!("config.json: {at}: has a NUL byte in it"));
        found(json!({"process": {"args": ["sh", "a\0"]}}), "process.args[1]");
        found(json!({"hostname": "\0"}), "hostname");
        found(json!({"mounts": [{"destination": "/a\0b", "type": "tmpfs"}]}), "mounts[0].destination");
        found(json!({"annotations": {"a\0": "b"}}), "annotations: the key \"a\\0\"");
    }

    #[test]
    fn unknown_properties_nulls_and_other_platforms_are_nothing_to_us() {
        accepted(json!({"future": {"a": [1]}, "process": {"future": 1}, "windows": {"layerFolders": 7}, "vm": []}));
        let mut document = base();
        document["hostname"] = Value::Null;
        document["process"]["rlimits"] = Value::Null;
        document["process"]["user"]["gid"] = Value::Null;
        from_slice(document.to_string().as_bytes(), Path::new("/bundle")).unwrap();
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let json = base().to_string().replacen('{', "{\"hostname\": 7, \"hostname\": \"b\",", 1);
        assert_eq!(from_slice(json.as_bytes(), Path::new("/")).unwrap().hostname.as_deref(), Some("b"));
    }

    #[test]
    fn a_version_of_a_later_specification_is_read_with_a_warning() {
        let warning = |version: &str| patched(json!({"ociVersion": version})).unwrap().warnings;
        assert_eq!(warning("2.0.0"), ["ociVersion: \"2.0.0\" is not a version this runtime knows: read as 1.x"]);
        assert_eq!([warning(""), warning("1.0.2-dev")], [[""; 0], [""; 0]]);
    }
}
