//! A container's state as JSON, for `state` and `list`.

use super::time;
use runtime_core::State;
use serde::Serialize;
use std::collections::BTreeMap;

/// The keys in the order engines have always seen them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    oci_version: String,
    pub(crate) id: String,
    /// 0 when stopped, not absent.
    pub(crate) pid: i32,
    pub(crate) status: String,
    pub(crate) bundle: String,
    rootfs: String,
    pub(crate) created: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    pub(crate) owner: String,
}

impl Shown {
    /// A state as `state` shows it. It never says the owner: finding the name costs a look into the host's users.
    pub(crate) fn of(state: State) -> Self {
        Self {
            oci_version: state.oci_version,
            id: state.id,
            pid: state.pid.unwrap_or(0),
            status: state.status.to_string(),
            bundle: state.bundle.to_string_lossy().into_owned(),
            rootfs: state.rootfs.to_string_lossy().into_owned(),
            created: time::nanoseconds(state.created),
            annotations: state.annotations,
            owner: String::new(),
        }
    }

    /// The same, with its owner.
    pub(crate) fn owned_by(mut self, owner: String) -> Self {
        self.owner = owner;
        self
    }

    /// One row of the table of `list`.
    pub(crate) fn row(&self) -> Vec<String> {
        vec![self.id.clone(), self.pid.to_string(), self.status.clone(), self.bundle.clone(), self.created.clone(), self.owner.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime_core::Status;
    use std::time::UNIX_EPOCH;

    fn stopped() -> State {
        State {
            oci_version: "1.3.0".into(),
            id: "web1".into(),
            status: Status::Stopped,
            pid: None,
            bundle: "/b".into(),
            rootfs: "/b/rootfs".into(),
            created: UNIX_EPOCH,
            annotations: BTreeMap::new(),
            owner: 0,
        }
    }

    /// go-runc, cri-o, buildah and runtime-tools parse it; `pid` is 0 for a stopped container, `owner` is always there.
    #[test]
    fn engines_find_every_key_of_a_stopped_container() {
        let text = serde_json::to_string_pretty(&Shown::of(stopped())).unwrap_or_default();
        let expected = r#"{
  "ociVersion": "1.3.0",
  "id": "web1",
  "pid": 0,
  "status": "stopped",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "1970-01-01T00:00:00Z",
  "owner": ""
}"#;
        assert_eq!(text, expected);
    }

    /// podman and containerd read annotations back from the state.
    #[test]
    fn annotations_are_shown_when_there_are_some() {
        let state = State { annotations: [("a".into(), "b".into())].into(), ..stopped() };
        let text = serde_json::to_string(&Shown::of(state)).unwrap_or_default();
        assert!(text.contains(r#""annotations":{"a":"b"},"owner":"""#), "{text}");
    }

    #[test]
    fn a_row_has_the_columns_of_the_header() {
        assert_eq!(Shown::of(stopped()).owned_by("root".into()).row(), ["web1", "0", "stopped", "/b", "1970-01-01T00:00:00Z", "root"]);
    }
}
