//! `linux.sysctl`: only what belongs to a namespace of the container's own.

use super::{Membership, Namespaces, paths, refuse};
use crate::error::Result;
use std::collections::{BTreeMap, HashMap};

/// What a System V and POSIX IPC namespace has of its own below `kernel`.
const IPC: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shm_rmid_forced", "shmall", "shmmax", "shmmni"];

/// `linux.sysctl`, keys as written.
pub(super) fn sysctl(pairs: HashMap<String, String>, namespaces: &Namespaces) -> Result<BTreeMap<String, String>> {
    for key in pairs.keys() {
        let property = format_args!("linux.sysctl[{key:?}]");
        let path = path(key);
        if path.is_empty() || !paths::is_clean(&format!("/{path}")) {
            return refuse(property, "is not the name of a sysctl");
        }
        if path == "kernel/hostname" {
            return refuse(property, "the hostname is set with the property hostname");
        }
        match owner(&path, namespaces) {
            None => return refuse(property, "belongs to the whole host, not to a namespace"),
            Some((name, membership)) if !membership.is_private() => {
                return refuse(property, format_args!("is the host's: the container has no {name} namespace of its own"));
            }
            Some(_) => {}
        }
    }
    Ok(pairs.into_iter().collect())
}

/// The file of `key` below `/proc/sys`. The first separator tells how it is written: in `net.ipv4.conf.eth0/1.mtu` a slash
/// stands for a dot of the interface's name, in `net/ipv4/conf/eth0.1/mtu` a dot is a dot.
pub(crate) fn path(key: &str) -> String {
    match key.find(['.', '/']).map(|at| key.as_bytes()[at]) {
        Some(b'.') => key
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect(),
        _ => key.to_owned(),
    }
}

/// The namespace that has a sysctl to itself, and its name.
fn owner<'a>(path: &str, namespaces: &'a Namespaces) -> Option<(&'static str, &'a Membership)> {
    match path.split_once('/')? {
        ("net", _) => Some(("network", &namespaces.network)),
        ("user", _) => Some(("user", &namespaces.user)),
        ("fs", name) if name.starts_with("mqueue/") => Some(("ipc", &namespaces.ipc)),
        ("kernel", "domainname") => Some(("uts", &namespaces.uts)),
        ("kernel", name) if IPC.contains(&name) => Some(("ipc", &namespaces.ipc)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{accepted, refused};
    use serde_json::json;

    fn check(key: &str, namespaces: &[&str], expected: &str) {
        let list: Vec<_> = namespaces.iter().map(|name| json!({"type": name})).collect();
        let patch = json!({"linux": {"namespaces": list, "sysctl": {key: "1"}}});
        match expected {
            "" => drop(accepted(patch)),
            why => assert_eq!(refused(patch), format!("config.json: linux.sysctl[{key:?}]: {why}")),
        }
    }

    #[test]
    fn a_sysctl_is_set_in_a_namespace_of_the_containers_own() {
        for (key, namespace) in
            [("net.ipv4.ip_forward", "network"), ("fs.mqueue.msg_max", "ipc"), ("kernel.sem", "ipc"), ("kernel.domainname", "uts")]
        {
            check(key, &[namespace], "");
            check(key, &[], &format!("is the host's: the container has no {namespace} namespace of its own"));
        }
        check("user.max_ipc_namespaces", &[], "is the host's: the container has no user namespace of its own");
    }

    #[test]
    fn the_hosts_sysctls_and_the_hostname_are_refused() {
        let shared = "belongs to the whole host, not to a namespace";
        check("vm.swappiness", &["ipc"], shared);
        check("kernel.msgmaximum", &["ipc"], shared);
        check("kernel", &["ipc"], shared);
        check("kernel.hostname", &["uts"], "the hostname is set with the property hostname");
        check("kernel/hostname", &["uts"], "the hostname is set with the property hostname");
    }

    #[test]
    fn a_name_cannot_climb_out_of_its_directory() {
        for key in ["net/../vm/swappiness", "net.//.vm.swappiness", "net..ipv4", "/net/ipv4", "", "net/./a"] {
            check(key, &["network"], "is not the name of a sysctl");
        }
    }

    #[test]
    fn the_first_separator_tells_what_the_other_one_is() {
        assert_eq!(super::path("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
        assert_eq!(super::path("net.ipv4.conf.eth0/1.mtu"), "net/ipv4/conf/eth0.1/mtu");
        assert_eq!(super::path("net/ipv4/conf/eth0.1/mtu"), "net/ipv4/conf/eth0.1/mtu");
    }
}
