//! Where in its life a container is, and how `state` and the hooks are told.

use super::record::{Phase, Record};
use crate::error::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Somebody is creating it.
    Creating,
    /// Its environment is made; the program waits for `start`.
    Created,
    /// The program runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// The program has ended, or never came to be.
    Stopped,
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// What a status is told from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// How far `create` came.
    pub(crate) phase: Phase,
    /// Is the init alive?
    pub(crate) alive: bool,
    /// Does somebody hold the container's lock?
    pub(crate) busy: bool,
    /// Is `exec.fifo` there?
    pub(crate) gated: bool,
}

impl Signs {
    /// Reads the signs; `frozen` is asked only if there is something to freeze.
    pub(crate) fn status(self, frozen: impl FnOnce() -> Result<bool>) -> Result<Status> {
        Ok(match self {
            // Nobody is creating it any more: what is left of it waits to be deleted.
            Self { phase: Phase::Creating, alive: false, busy: false, .. } => Status::Stopped,
            Self { phase: Phase::Creating, .. } => Status::Creating,
            Self { alive: false, .. } => Status::Stopped,
            _ if frozen()? => Status::Paused,
            Self { gated: true, .. } => Status::Created,
            _ => Status::Running,
        })
    }
}

/// A container as runtime-spec's `state` shows it; serialised with the members' order that engines are used to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct State {
    /// `ociVersion` of the configuration.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// The init's number as the reader sees it; 0 once stopped.
    pub pid: i32,
    /// Where in its life it is.
    pub status: Status,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// The root file system's directory.
    pub rootfs: PathBuf,
    /// When it was created.
    pub created: String,
    /// The configuration's annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whose it is: a user's name, filled in by whoever knows names.
    pub owner: String,
}

impl State {
    /// The record, as seen in this moment.
    pub(crate) fn of(record: &Record, status: Status) -> Self {
        let pid = record.init.filter(|_| status != Status::Stopped).map_or(0, |init| init.pid);
        Self {
            oci_version: record.oci_version.clone(),
            id: record.id.clone(),
            pid,
            status,
            bundle: record.bundle.clone(),
            rootfs: record.rootfs.clone(),
            created: record.created.clone(),
            annotations: record.annotations.clone(),
            owner: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::state::Identity;

    #[test]
    fn the_signs_tell_the_status() {
        let told = |phase, alive, busy, gated, frozen| Signs { phase, alive, busy, gated }.status(|| Ok(frozen)).unwrap().to_string();
        assert_eq!(told(Phase::Creating, false, true, false, false), "creating", "before the clone");
        assert_eq!(told(Phase::Creating, true, true, true, false), "creating");
        assert_eq!(told(Phase::Creating, true, false, true, false), "creating", "killed, and its init not yet aware");
        assert_eq!(told(Phase::Creating, false, false, true, false), "stopped", "killed");
        assert_eq!(told(Phase::Created, true, false, true, false), "created");
        assert_eq!(told(Phase::Created, true, true, false, false), "running");
        assert_eq!(told(Phase::Created, true, false, false, true), "paused");
        assert_eq!(told(Phase::Created, true, false, true, true), "paused");
        assert_eq!(told(Phase::Created, false, false, true, true), "stopped");
    }

    #[test]
    fn only_a_living_container_is_asked_whether_it_is_frozen() {
        let stopped = Signs { phase: Phase::Created, alive: false, busy: false, gated: false };
        let asked = stopped.status(|| unreachable!("the cgroup may be gone"));
        assert_eq!(asked.unwrap(), Status::Stopped);
    }

    #[test]
    fn the_members_have_runcs_order() {
        let mut record = Record::new("web1");
        record.oci_version = "1.3.0".into();
        record.bundle = "/b".into();
        record.rootfs = "/b/rootfs".into();
        record.created = "2026-11-22T00:24:41.123456789Z".into();
        record.init = Some(Identity { pid: 42, started: 1 });
        let text = |record: &Record, status| serde_json::to_string(&State::of(record, status)).unwrap();
        expect_test::expect![[r#"{"ociVersion":"1.3.0","id":"web1","pid":42,"status":"running","bundle":"/b","rootfs":"/b/rootfs","created":"2026-11-22T00:24:41.123456789Z","owner":""}"#]]
            .assert_eq(&text(&record, Status::Running));
        record.annotations.insert("a".into(), "b".into());
        expect_test::expect![[r#"{"ociVersion":"1.3.0","id":"web1","pid":0,"status":"stopped","bundle":"/b","rootfs":"/b/rootfs","created":"2026-11-22T00:24:41.123456789Z","annotations":{"a":"b"},"owner":""}"#]]
            .assert_eq(&text(&record, Status::Stopped));
    }
}
