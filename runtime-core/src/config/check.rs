//! From the specification's types to a [`Config`]: a table of contents. Each line's rules are in the module it names.

use super::{
    Config, Hooks, Namespaces, Propagation, PropagationKind, devices, hooks, mounts, namespaces, net_devices, paths, policy, process,
    refuse, resctrl, rules, sysctl,
};
use crate::error::{Error, ErrorKind, Result};
use oci_spec::runtime::{Linux, Spec};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Checks `spec`, which was read from the absolute path `bundle`.
pub(super) fn config(mut spec: Spec, bundle: PathBuf, mut warnings: Vec<String>) -> Result<Config> {
    let mut linux = linux(&mut spec)?;
    let namespaces = namespaces::namespaces(linux.namespaces().as_deref().unwrap_or_default())?;
    let rootfs = rootfs(&spec, &bundle)?;
    let around = mounts::Around { bundle: &bundle, rootfs: &rootfs, user: &namespaces.user };
    let config = Config {
        oci_version: oci_version(&spec, &mut warnings),
        rootfs_readonly: spec.root().as_ref().and_then(oci_spec::runtime::Root::readonly).unwrap_or(false),
        rootfs_propagation: rootfs_propagation(linux.rootfs_propagation().as_deref())?,
        mounts: mounts::mounts(spec.mounts_mut().take().unwrap_or_default(), &around, &mut warnings)?,
        rootfs,
        process: spec.process().as_ref().map(|process| process::check(process, &mut warnings)).transpose()?,
        hostname: spec.hostname_mut().take().filter(|name| !name.is_empty()),
        domainname: spec.domainname_mut().take().filter(|name| !name.is_empty()),
        hooks: spec.hooks().as_ref().map_or_else(|| Ok(Hooks::default()), hooks::hooks)?,
        annotations: annotations(spec.annotations_mut().take().unwrap_or_default())?,
        uid_mappings: id_mappings(linux.uid_mappings(), "linux.uidMappings")?,
        gid_mappings: id_mappings(linux.gid_mappings(), "linux.gidMappings")?,
        time_offsets: namespaces::time_offsets(linux.time_offsets().as_ref(), &namespaces.time)?,
        devices: devices::devices(linux.devices().as_deref().unwrap_or_default())?,
        cgroups_path: linux.cgroups_path().as_ref().and_then(|path| path.to_str()).filter(|path| !path.is_empty()).map(str::to_owned),
        resources: linux.resources_mut().take(),
        sysctl: sysctl::sysctl(linux.sysctl_mut().take().unwrap_or_default(), &namespaces)?,
        masked_paths: paths::unique(linux.masked_paths_mut().take().unwrap_or_default(), "linux.maskedPaths")?,
        readonly_paths: paths::unique(linux.readonly_paths_mut().take().unwrap_or_default(), "linux.readonlyPaths")?,
        mount_label: linux.mount_label_mut().take().filter(|label| !label.is_empty()),
        seccomp: linux.seccomp_mut().take(),
        personality: linux.personality().as_ref().map(policy::personality).transpose()?,
        memory_policy: linux.memory_policy().as_ref().map(policy::memory).transpose()?,
        net_devices: net_device_names(&linux, &namespaces)?,
        intel_rdt: linux.intel_rdt_mut().take().map(resctrl::intel_rdt).transpose()?,
        namespaces,
        warnings,
        bundle,
    };
    rules::check(&config)?;
    Ok(config)
}

/// `linux`. Its type's `Default` is a whole container, so absence is spelled as an empty object.
fn linux(spec: &mut Spec) -> Result<Linux> {
    match spec.linux_mut().take() {
        Some(linux) => Ok(linux),
        None => serde_json::from_str("{}").map_err(|error| Error::new(ErrorKind::InvalidConfig, error.to_string())),
    }
}

/// Neither its absence nor a strange one keeps other runtimes from starting a container.
fn oci_version(spec: &Spec, warnings: &mut Vec<String>) -> String {
    let version = spec.version();
    let major = version.split_once('.').map_or("", |(major, _)| major);
    if !version.is_empty() && !matches!(major, "0" | "1") {
        warnings.push(format!("ociVersion: {version:?} is not a version this runtime knows: read as 1.x"));
    }
    version.clone()
}

fn rootfs(spec: &Spec, bundle: &Path) -> Result<PathBuf> {
    let Some(root) = spec.root() else { return refuse("root", "must be set") };
    match root.path().to_str().unwrap_or_default() {
        "" => refuse("root.path", "must not be empty"),
        path => Ok(bundle.join(path)),
    }
}

/// The values of `linux.rootfsPropagation`; an empty one is one that is not there.
fn rootfs_propagation(word: Option<&str>) -> Result<Option<Propagation>> {
    let word = word.unwrap_or_default();
    if word.is_empty() {
        return Ok(None);
    }
    let (kind, recursive) = match word {
        "shared" => (PropagationKind::Shared, false),
        "slave" => (PropagationKind::Slave, false),
        "private" => (PropagationKind::Private, false),
        "unbindable" => (PropagationKind::Unbindable, false),
        "rshared" => (PropagationKind::Shared, true),
        "rslave" => (PropagationKind::Slave, true),
        "rprivate" => (PropagationKind::Private, true),
        "runbindable" => (PropagationKind::Unbindable, true),
        _ => {
            return refuse(
                "linux.rootfsPropagation",
                format_args!("{word:?} is not shared, slave, private or unbindable, with or without an r before it"),
            );
        }
    };
    Ok(Some(Propagation { kind, recursive }))
}

fn annotations(pairs: HashMap<String, String>) -> Result<BTreeMap<String, String>> {
    if pairs.contains_key("") {
        return refuse("annotations", "a key is empty");
    }
    Ok(pairs.into_iter().collect())
}

fn id_mappings(list: &Option<Vec<oci_spec::runtime::LinuxIdMapping>>, property: &str) -> Result<Vec<super::IdMapping>> {
    namespaces::id_mappings(list.as_deref().unwrap_or_default(), &property)
}

fn net_device_names(linux: &Linux, namespaces: &Namespaces) -> Result<BTreeMap<String, String>> {
    match linux.net_devices() {
        Some(devices) => net_devices::net_devices(devices, &namespaces.network),
        None => Ok(BTreeMap::new()),
    }
}
