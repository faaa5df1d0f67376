//! What one command tells the next about a container.
//!
//! Invariant: everything outside the container's directory that a delete has to undo is named here before it is made.

use super::Identity;
use crate::config::Hook;
use crate::error::{Error, ErrorKind, Result};
use crate::network::Trail;
use crate::resctrl::Group;
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Raised when an older runtime would misread what a newer one writes.
const FORMAT: u32 = 1;

/// How far `create` came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Under way, or killed on the way.
    Creating,
    /// Done.
    Created,
}

/// The content of `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    format: u32,
    /// The container's id.
    pub(crate) id: String,
    /// How far `create` came.
    pub(crate) phase: Phase,
    /// `ociVersion` of the configuration.
    pub(crate) oci_version: String,
    /// The bundle's directory, absolute.
    pub(crate) bundle: PathBuf,
    /// The root file system's directory, absolute.
    pub(crate) rootfs: PathBuf,
    /// When `create` began, from [`now`](super::now).
    pub(crate) created: String,
    /// The user it was created by.
    pub(crate) owner: u32,
    /// The configuration's annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    /// The container's first process; none before the clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) init: Option<Identity>,
    /// What the cgroup room needs to find its own again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup: Option<serde_json::Value>,
    /// The limits as the last update left them; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resources: Option<LinuxResources>,
    /// Its class and monitoring group of Intel RDT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resctrl: Option<Group>,
    /// The interfaces that a create under way has moved to a network namespace that does not end with it, and the path of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interfaces: Option<(PathBuf, Trail)>,
    /// `hooks.poststart`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) poststart: Vec<Hook>,
    /// `hooks.poststop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) poststop: Vec<Hook>,
    /// Has the init a terminal?
    #[serde(default)]
    pub(crate) terminal: bool,
    /// Where its standard streams led when it was created, for a checkpoint to know which pipes are somebody else's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) streams: Vec<String>,
    /// Has criu brought it back in a time namespace that its configuration does not have?
    #[serde(default)]
    pub(crate) time_namespace: bool,
    /// The host's notify socket, if the container is to say when it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notify_socket: Option<PathBuf>,
}

impl Record {
    /// The record of a container whose `create` begins now.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            format: FORMAT,
            id: id.into(),
            phase: Phase::Creating,
            oci_version: String::new(),
            bundle: PathBuf::new(),
            rootfs: PathBuf::new(),
            created: super::now(),
            owner: nix::unistd::geteuid().as_raw(),
            annotations: BTreeMap::new(),
            init: None,
            cgroup: None,
            resources: None,
            resctrl: None,
            interfaces: None,
            poststart: Vec::new(),
            poststop: Vec::new(),
            terminal: false,
            streams: Vec::new(),
            time_namespace: false,
            notify_socket: None,
        }
    }

    /// As bytes of JSON.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::new(ErrorKind::Unsupported, format!("write state.json: {error}")))
    }

    /// From bytes of JSON.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if record.format == FORMAT { Ok(record) } else { Err(unreadable(format!("format {} is not {FORMAT}", record.format))) }
    }
}

fn unreadable(why: String) -> Error {
    Error::new(ErrorKind::Unsupported, format!("read state.json: {why}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_survives_the_disk() {
        let mut record = Record::new("web1");
        record.init = Some(Identity { pid: 7, started: 8 });
        record.cgroup = Some(serde_json::json!({"paths": ["/a"]}));
        record.resources = serde_json::from_str(r#"{"memory":{"limit":5},"rdma":{"a":{"hcaHandles":1}},"unified":{"a.b":"c"}}"#).unwrap();
        let link = r#"{"index":7,"name":"v0","is_up":true,"hardware":[1,2]}"#;
        let moved = format!(r#"[{{"before":{link},"addresses":[],"index_inside":8}}]"#);
        record.interfaces = serde_json::from_str(&format!(r#"["/proc/7/ns/net",{{"from":[1,2],"to":[1,3],"moved":{moved}}}]"#)).unwrap();
        record.poststop = vec![Hook { path: "/bin/true".into(), args: vec!["t".into()], env: Some(vec![]), timeout_s: Some(1) }];
        assert_eq!(Record::from_bytes(&record.to_bytes().unwrap()).unwrap(), record);
    }

    #[test]
    fn another_format_and_garbage_are_refused() {
        let mut record = Record::new("web1");
        record.format = 2;
        let error = Record::from_bytes(&record.to_bytes().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "read state.json: format 2 is not 1");
        assert!(Record::from_bytes(b"{}").unwrap_err().to_string().starts_with("read state.json: missing field"));
    }
}
