//! What one property asks of another: rules that no single property can break.

use super::{Config, Membership, refuse};
use crate::error::Result;

/// `__NEW_UTS_LEN`: the most the kernel takes as a host's or a domain's name.
const MAX_NAME_BYTES: usize = 64;

/// Checks `config` as a whole.
pub(super) fn check(config: &Config) -> Result<()> {
    name(config.hostname.as_deref(), "hostname", &config.namespaces.uts)?;
    name(config.domainname.as_deref(), "domainname", &config.namespaces.uts)?;
    id_maps(config)?;
    hidden_paths(&config.masked_paths, "linux.maskedPaths", &config.namespaces.mount)?;
    hidden_paths(&config.readonly_paths, "linux.readonlyPaths", &config.namespaces.mount)
}

fn name(value: Option<&str>, property: &str, uts: &Membership) -> Result<()> {
    match value {
        Some(_) if !uts.is_private() => refuse(property, "needs a uts namespace of the container's own"),
        Some(name) if name.len() > MAX_NAME_BYTES => {
            refuse(property, format_args!("has {} bytes; the kernel takes {MAX_NAME_BYTES}", name.len()))
        }
        _ => Ok(()),
    }
}

/// A joined user namespace has its maps; a new one gets them here; without one there is nothing to map.
fn id_maps(config: &Config) -> Result<()> {
    for (mappings, property) in [(&config.uid_mappings, "linux.uidMappings"), (&config.gid_mappings, "linux.gidMappings")] {
        match config.namespaces.user {
            Membership::New if mappings.is_empty() => return refuse(property, "a new user namespace needs at least one mapping"),
            Membership::Inherit if !mappings.is_empty() => return refuse(property, "needs a user namespace"),
            _ => {}
        }
    }
    Ok(())
}

fn hidden_paths(paths: &[String], property: &str, mount: &Membership) -> Result<()> {
    match !paths.is_empty() && !mount.is_private() {
        true => refuse(property, "needs a mount namespace of the container's own"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{accepted, refused};
    use super::super::{Propagation, PropagationKind};
    use serde_json::{Value, json};

    fn check(patch: Value, expected: &str) {
        assert_eq!(refused(patch), format!("config.json: {expected}"));
    }

    #[test]
    fn names_need_a_uts_namespace_and_fit() {
        for property in ["hostname", "domainname"] {
            let shared = json!({property: "a", "linux": {"namespaces": []}});
            check(shared, &format!("{property}: needs a uts namespace of the container's own"));
            accepted(json!({property: "a".repeat(64)}));
            check(json!({property: "a".repeat(65)}), &format!("{property}: has 65 bytes; the kernel takes 64"));
            accepted(json!({property: "", "linux": {"namespaces": []}}));
        }
    }

    #[test]
    fn hidden_paths_need_a_mount_namespace_and_are_absolute() {
        for property in ["maskedPaths", "readonlyPaths"] {
            let linux = |paths: &[&str]| json!({"linux": {property: paths}});
            check(linux(&["/a", "b"]), &format!("linux.{property}[1]: \"b\" is not an absolute path"));
            check(linux(&[""]), &format!("linux.{property}[0]: must not be empty"));
            let shared = json!({"linux": {"namespaces": [], property: ["/a"]}});
            check(shared, &format!("linux.{property}: needs a mount namespace of the container's own"));
        }
    }

    #[test]
    fn a_path_is_hidden_once() {
        let config = accepted(json!({"linux": {"maskedPaths": ["/a", "/b/../a/", "/c"]}}));
        assert_eq!(config.masked_paths, ["/a", "/c"]);
    }

    #[test]
    fn a_config_has_a_root() {
        check(json!({"root": null}), "root: must be set");
        check(json!({"root": {"path": ""}}), "root.path: must not be empty");
        check(json!({"root": {"path": null}}), "root.path: must not be empty");
        assert_eq!(accepted(json!({"root": {"path": "/r"}})).rootfs.to_str(), Some("/r"));
    }

    #[test]
    fn annotations_have_keys() {
        check(json!({"annotations": {"": "a"}}), "annotations: a key is empty");
    }

    #[test]
    fn the_roots_propagation_is_one_of_eight() {
        let of = |word: &str| accepted(json!({"linux": {"rootfsPropagation": word}})).rootfs_propagation;
        let kinds = [
            ("shared", PropagationKind::Shared),
            ("slave", PropagationKind::Slave),
            ("private", PropagationKind::Private),
            ("unbindable", PropagationKind::Unbindable),
        ];
        for (word, kind) in kinds {
            assert_eq!(of(word), Some(Propagation { kind, recursive: false }));
            assert_eq!(of(&format!("r{word}")), Some(Propagation { kind, recursive: true }));
        }
        assert_eq!(of(""), None);
        let expected = "linux.rootfsPropagation: \"r\" is not shared, slave, private or unbindable, with or without an r before it";
        check(json!({"linux": {"rootfsPropagation": "r"}}), expected);
    }

    #[test]
    fn an_empty_place_among_the_cgroups_is_none() {
        let of = |path: &str| accepted(json!({"linux": {"cgroupsPath": path}})).cgroups_path;
        assert_eq!((of(""), of("/a")), (None, Some("/a".to_owned())));
    }

    #[test]
    fn a_config_without_linux_shares_everything() {
        let config = accepted(json!({"linux": null}));
        assert_eq!(config.namespaces, super::super::Namespaces::default());
        assert!(config.masked_paths.is_empty());
    }
}
