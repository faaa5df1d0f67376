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
        if !paths::is_clean(&format!("/{path}")) {
            return refuse(property, "is not the name of a sysctl");
        }
        if path == "kernel/hostname" {
            return refuse(property, "the hostname is set with the property hostname");
        }
        match owner(&path, namespaces) {
            None => return refuse(property, "not in a separate kernel namespace: it is the host's, too"),
            Some((name, membership)) if !membership.is_private() => {
                return refuse(property, format_args!("needs a {name} namespace of the container's own, else it is the host's"));
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
