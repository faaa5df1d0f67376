//! The `config.json` to begin with, as `runc spec` writes it.
//!
//! It is data, not code: `spec/default.json` and `spec/rootless.json` are what the user gets, but for what depends on the host.
//!
//! ```
//! use runtime_core::spec::{self, Cgroups};
//! let json = spec::default(Cgroups::V2);
//! assert!(runtime_core::config::from_slice(json.as_bytes(), "/bundle".as_ref()).is_ok());
//! ```

const DEFAULT: &str = include_str!("spec/default.json");
const ROOTLESS: &str = include_str!("spec/rootless.json");

/// The last entry of `linux.namespaces` in both documents.
const CGROUP_NAMESPACE: &str = ",\n\t\t\t{\n\t\t\t\t\"type\": \"cgroup\"\n\t\t\t}";

/// The host's version of cgroups. On v1 a cgroup namespace hides too little to be the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cgroups {
    /// A hierarchy for each controller, or both versions side by side.
    V1,
    /// One hierarchy.
    V2,
}

/// A shell in a read-only `rootfs`, with namespaces and few capabilities; for root. Indented with tabs.
#[must_use]
pub fn default(cgroups: Cgroups) -> String {
    for_host(DEFAULT, cgroups)
}

/// The same for a user without privileges: the container's root is the host's user `uid` and group `gid`, and what such a user
/// cannot set up is left out.
#[must_use]
pub fn rootless(cgroups: Cgroups, uid: u32, gid: u32) -> String {
    for_host(ROOTLESS, cgroups).replace("\"UID\"", &uid.to_string()).replace("\"GID\"", &gid.to_string())
}

fn for_host(document: &str, cgroups: Cgroups) -> String {
    match cgroups {
        Cgroups::V1 => document.replace(CGROUP_NAMESPACE, ""),
        Cgroups::V2 => document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::{Config, from_slice};
    use std::path::Path;

    fn read(json: &str) -> Config {
        let config = from_slice(json.as_bytes(), Path::new("/bundle")).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        config
    }

    #[test]
    fn only_a_host_with_cgroup_v2_gets_a_cgroup_namespace() {
        for (cgroups, private) in [(Cgroups::V1, false), (Cgroups::V2, true)] {
            assert_eq!(read(&default(cgroups)).namespaces.cgroup.is_private(), private);
            assert_eq!(read(&rootless(cgroups, 1, 2)).namespaces.cgroup.is_private(), private);
        }
    }

    #[test]
    fn the_default_grants_three_capabilities_and_none_that_is_inherited() {
        let process = read(&default(Cgroups::V2)).process.unwrap();
        let capabilities = process.capabilities.unwrap();
        let three = 1 << 5 | 1 << 10 | 1 << 29;
        assert_eq!([capabilities.bounding, capabilities.effective, capabilities.permitted], [three; 3]);
        assert_eq!([capabilities.inheritable, capabilities.ambient], [0; 2]);
        assert!(process.no_new_privileges && process.terminal);
        assert_eq!(process.rlimits.iter().map(|limit| (limit.resource, limit.soft, limit.hard)).collect::<Vec<_>>(), [(7, 1024, 1024)]);
    }

    #[test]
    fn a_rootless_container_has_its_users_ids_and_the_hosts_network() {
        let config = read(&rootless(Cgroups::V2, 1000, 100));
        assert_eq!((config.uid_mappings[0].outside, config.gid_mappings[0].outside), (1000, 100));
        assert!(config.namespaces.user.is_private() && !config.namespaces.network.is_private());
        assert!(config.resources.is_none());
        assert!(config.mounts.iter().all(|mount| !mount.options.data.iter().any(|option| option.starts_with("gid="))));
    }

    #[test]
    fn the_documents_are_indented_with_tabs() {
        for document in [DEFAULT, ROOTLESS] {
            assert!(document.starts_with("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true"));
        }
    }
}
