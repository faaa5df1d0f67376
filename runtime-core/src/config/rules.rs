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
