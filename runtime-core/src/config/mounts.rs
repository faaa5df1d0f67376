//! `mounts`: what is mounted where, and how.

use super::mount_options::{self, Bind};
use super::namespaces::id_mappings;
use super::{Membership, Mount, MountOptions, MountWhat, paths, refuse};
use crate::error::Result;
use oci_spec::runtime::{LinuxIdMapping, Mount as Spec};
use std::path::Path;

/// What the entries of `mounts` are read against.
pub(super) struct Around<'a> {
    /// Relative bind sources are the bundle's.
    pub(super) bundle: &'a Path,
    /// Destinations may be the host's paths below it.
    pub(super) rootfs: &'a Path,
    /// Mounts that are seen with other ids than their own need mappings from somewhere.
    pub(super) user: &'a Membership,
}

/// `mounts`, in order.
pub(super) fn mounts(list: Vec<Spec>, around: &Around<'_>, warnings: &mut Vec<String>) -> Result<Vec<Mount>> {
    let mut mounts = Vec::with_capacity(list.len());
    for (index, mut spec) in list.into_iter().enumerate() {
        let destination = inside(destination(&spec, index, warnings)?, around.rootfs);
        let parsed = mount_options::parse(spec.options_mut().take().unwrap_or_default());
        let mut options = parsed.options;
        map_ids(&mut options, &spec, index, around)?;
        let bind = bind(parsed.bind, &spec);
        let what = what(&mut spec, (bind, &options), index, around.bundle)?;
        agree(&what, &mut options, index, warnings)?;
        outside_proc(&what, &destination, index)?;
        mounts.push(Mount { destination, what, options });
    }
    Ok(mounts)
}

/// `destination`, cleaned. A relative one is read from `/`, as the specification has it for old configs.
fn destination(spec: &Spec, index: usize, warnings: &mut Vec<String>) -> Result<String> {
    let written = spec.destination().to_str().unwrap_or_default();
    if written.is_empty() {
        return refuse(format_args!("mounts[{index}].destination"), "must not be empty");
    }
    if !written.starts_with('/') {
        warnings.push(format!("mounts[{index}].destination: {written:?} is not absolute: taken as relative to \"/\""));
    }
    Ok(if paths::is_clean(written) { written.to_owned() } else { paths::clean(written) })
}

/// A destination that begins with the root's own path is meant from there, as runc has it.
fn inside(destination: String, rootfs: &Path) -> String {
    match Path::new(&destination).strip_prefix(rootfs).ok().and_then(Path::to_str) {
        Some(rest) if rootfs != Path::new("/") => format!("/{rest}"),
        _ => destination,
    }
}

/// The options decide; `type: bind` alone says it too.
fn bind(from_options: Option<Bind>, spec: &Spec) -> Option<Bind> {
    let by_type = spec.typ().as_deref() == Some("bind");
    if by_type { from_options.or(Some(Bind::One)) } else { from_options }
}

fn what(spec: &mut Spec, (bind, options): (Option<Bind>, &MountOptions), index: usize, bundle: &Path) -> Result<MountWhat> {
    let source = spec.source().as_ref().and_then(|path| path.to_str()).unwrap_or_default().to_owned();
    let fstype = spec.typ_mut().take().unwrap_or_default();
    match (bind, fstype.as_str()) {
        // A bind remount changes what is there; its source is not looked at.
        (Some(_), _) if source.is_empty() && !options.remount => refuse(format_args!("mounts[{index}].source"), "a bind mount needs one"),
        (Some(bind), _) => Ok(MountWhat::Bind { source: bundle.join(source), recursive: bind == Bind::Below }),
        (None, _) if options.remount => Ok(MountWhat::Remount),
        (None, "") => refuse(format_args!("mounts[{index}].type"), "must not be empty unless the options have \"bind\" or \"rbind\""),
        (None, "cgroup") => Ok(MountWhat::Cgroup),
        (None, _) => Ok(MountWhat::Fs { source: if source.is_empty() { fstype.clone() } else { source }, fstype }),
    }
}

/// `uidMappings` and `gidMappings`: both or none; they ask for `idmap` even where the options do not.
fn map_ids(options: &mut MountOptions, spec: &Spec, index: usize, around: &Around<'_>) -> Result<()> {
    let uids = mappings(spec.uid_mappings().as_ref(), index, "uidMappings")?;
    let gids = mappings(spec.gid_mappings().as_ref(), index, "gidMappings")?;
    if uids.is_empty() != gids.is_empty() {
        return refuse(format_args!("mounts[{index}]"), "uidMappings and gidMappings go together: one is missing");
    }
    let asked = options.id_map.is_some();
    if asked && uids.is_empty() && !around.user.is_private() {
        return refuse(format_args!("mounts[{index}].options"), "idmap needs uidMappings and gidMappings, or a user namespace");
    }
    if asked || !uids.is_empty() {
        let map = options.id_map.get_or_insert_default();
        (map.uid_mappings, map.gid_mappings) = (uids, gids);
    }
    Ok(())
}

fn mappings(list: Option<&Vec<LinuxIdMapping>>, index: usize, name: &str) -> Result<Vec<super::IdMapping>> {
    id_mappings(list.map(Vec::as_slice).unwrap_or_default(), &format_args!("mounts[{index}].{name}"))
}

/// Options that only one sort of mount has.
fn agree(what: &MountWhat, options: &mut MountOptions, index: usize, warnings: &mut Vec<String>) -> Result<()> {
    if options.id_map.is_some() && !matches!(what, MountWhat::Bind { .. }) {
        return refuse(format_args!("mounts[{index}].options"), "only a bind mount can be seen with other ids (idmap)");
    }
    let in_memory = matches!(what, MountWhat::Fs { fstype, .. } if fstype == "tmpfs" || fstype == "ramfs");
    if options.copy_up && !in_memory {
        warnings.push(format!("mounts[{index}].options: tmpcopyup is ignored: it goes with tmpfs and ramfs"));
        options.copy_up = false;
    }
    Ok(())
}

/// What may be mounted inside `/proc`: the files that lxcfs makes, and two that tell an application about its host.
const IN_PROC: [&str; 11] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "net/dev",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
];

/// A mount over a file of `/proc` could catch what is written there: security labels, sysctls. (CVE-2019-16884)
fn outside_proc(what: &MountWhat, destination: &str, index: usize) -> Result<()> {
    let harmless = match what {
        MountWhat::Fs { fstype, .. } => fstype == "proc",
        // A bind mount of another /proc is one; prepare looks at the source.
        MountWhat::Bind { .. } => destination == "/proc",
        MountWhat::Remount => true,
        MountWhat::Cgroup => false,
    };
    let property = format_args!("mounts[{index}].destination");
    match destination.strip_prefix("/proc/") {
        _ if harmless => Ok(()),
        None if destination == "/proc" => refuse(property, "only a file system of type proc can be mounted on \"/proc\""),
        Some(file) if !IN_PROC.contains(&file) => {
            refuse(property, format_args!("{destination:?}: only the files that lxcfs makes can be mounted over in \"/proc\""))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case::{accepted, patched, refused};
    use super::super::{IdMapping, Mount, MountWhat};
    use serde_json::{Value, json};

    fn check(mount: Value, expected: &str) {
        assert_eq!(refused(json!({"mounts": [mount]})), format!("config.json: mounts[0]{expected}"));
    }

    fn one(mount: Value) -> Mount {
        accepted(json!({"mounts": [mount]})).mounts.remove(0)
    }

    fn bind(source: &str, recursive: bool) -> MountWhat {
        MountWhat::Bind { source: source.into(), recursive }
    }

    #[test]
    fn the_options_decide_what_is_a_bind_mount() {
        let mount = |fstype: &str, source: &str, options: &[&str]| {
            one(json!({"destination": "/d", "type": fstype, "source": source, "options": options})).what
        };
        assert_eq!(mount("none", "/s", &["rbind"]), bind("/s", true));
        assert_eq!(mount("cgroup", "/s", &["rbind", "bind"]), bind("/s", true));
        assert_eq!(mount("bind", "s", &[]), bind("/bundle/s", false));
        assert_eq!(mount("cgroup", "cgroup", &[]), MountWhat::Cgroup);
        assert_eq!(mount("tmpfs", "", &["remount"]), MountWhat::Remount);
        assert_eq!(mount("tmpfs", "", &[]), MountWhat::Fs { fstype: "tmpfs".into(), source: "tmpfs".into() });
    }

    #[test]
    fn a_bind_remount_needs_no_source() {
        let mount = one(json!({"destination": "/d", "options": ["bind", "remount", "ro"]}));
        assert!(mount.options.remount && matches!(mount.what, MountWhat::Bind { .. }));
    }

    #[test]
    fn destinations_are_cleaned() {
        let destination = |path: &str| one(json!({"destination": path, "type": "tmpfs"})).destination;
        assert_eq!(destination("/a//./b/../c/"), "/a/c");
        assert_eq!(destination("/../.."), "/");
        assert_eq!((destination("/bundle/rootfs/a"), destination("/bundle/rootfsx")), ("/a".into(), "/bundle/rootfsx".into()));
    }

    #[test]
    fn a_relative_destination_is_read_from_the_root_with_a_warning() {
        let config = patched(json!({"mounts": [{"destination": "a/b", "type": "tmpfs"}]})).unwrap();
        assert_eq!(config.mounts[0].destination, "/a/b");
        assert_eq!(config.warnings, ["mounts[0].destination: \"a/b\" is not absolute: taken as relative to \"/\""]);
    }

    #[test]
    fn a_mount_says_what_it_is_and_where() {
        check(json!({"type": "tmpfs"}), ": missing field `destination`");
        check(json!({"destination": "", "type": "tmpfs"}), ".destination: must not be empty");
        check(json!({"destination": "/d"}), ".type: must not be empty unless the options have \"bind\" or \"rbind\"");
        check(json!({"destination": "/d", "options": ["bind"]}), ".source: a bind mount needs one");
    }

    #[test]
    fn id_mappings_come_in_pairs_or_from_the_user_namespace() {
        let map = json!([{"containerID": 0, "hostID": 7, "size": 1}]);
        let mount = |uids: &Value, gids: &Value, options: &[&str]| json!({"destination": "/d", "source": "/s", "options": options, "uidMappings": uids, "gidMappings": gids});
        check(mount(&map, &json!([]), &["bind"]), ": uidMappings and gidMappings go together: one is missing");
        check(mount(&json!([]), &json!([]), &["bind", "idmap"]), ".options: idmap needs uidMappings and gidMappings, or a user namespace");
        let id_map = one(mount(&map, &map, &["rbind", "ridmap"])).options.id_map.unwrap();
        assert!(id_map.recursive);
        assert_eq!(id_map.uid_mappings, [IdMapping { inside: 0, outside: 7, count: 1 }]);
        assert!(!one(mount(&map, &map, &["rbind"])).options.id_map.unwrap().recursive);
        let tmpfs = json!({"destination": "/d", "type": "tmpfs", "uidMappings": map, "gidMappings": map});
        check(tmpfs, ".options: only a bind mount can be seen with other ids (idmap)");
    }

    #[test]
    fn tmpcopyup_is_for_file_systems_in_memory() {
        let config = patched(json!({"mounts": [{"destination": "/d", "type": "proc", "options": ["tmpcopyup"]}]})).unwrap();
        assert_eq!(config.warnings, ["mounts[0].options: tmpcopyup is ignored: it goes with tmpfs and ramfs"]);
        assert!(!config.mounts[0].options.copy_up);
        assert!(one(json!({"destination": "/d", "type": "tmpfs", "options": ["tmpcopyup"]})).options.copy_up);
    }

    #[test]
    fn nothing_but_the_files_of_lxcfs_is_mounted_inside_proc() {
        let mount = |destination: &str, fstype: &str| json!({"destination": destination, "type": fstype, "source": "/s"});
        check(
            mount("/proc/self/attr", "bind"),
            ".destination: \"/proc/self/attr\": only the files that lxcfs makes can be mounted over in \"/proc\"",
        );
        check(
            mount("/x/../proc/sys", "tmpfs"),
            ".destination: \"/proc/sys\": only the files that lxcfs makes can be mounted over in \"/proc\"",
        );
        check(mount("/proc/", "tmpfs"), ".destination: only a file system of type proc can be mounted on \"/proc\"");
        check(mount("/proc", "cgroup"), ".destination: only a file system of type proc can be mounted on \"/proc\"");
        // What is there already gets other options.
        assert_eq!(one(json!({"destination": "/proc", "options": ["remount", "ro"]})).what, MountWhat::Remount);
        for (destination, fstype) in [("/proc", "proc"), ("/proc", "bind"), ("/proc/meminfo", "bind"), ("/process", "tmpfs")] {
            one(mount(destination, fstype));
        }
    }

    #[test]
    fn ten_thousand_mounts_are_read() {
        let mounts = vec![json!({"destination": "/d", "type": "tmpfs", "options": ["ro", "size=1m"]}); 10_000];
        assert_eq!(accepted(json!({"mounts": mounts})).mounts.len(), 10_000);
    }
}
