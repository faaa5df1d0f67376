//! `linux.netDevices`: interfaces that move in.

use super::{Membership, refuse};
use crate::error::Result;
use oci_spec::runtime::LinuxNetDevice;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

/// IFNAMSIZ without its NUL.
const MAX_NAME_BYTES: usize = 15;

/// `linux.netDevices`: the host's name of an interface → its name inside, which is the same unless the config says otherwise.
pub(super) fn net_devices(devices: &HashMap<String, LinuxNetDevice>, network: &Membership) -> Result<BTreeMap<String, String>> {
    if !devices.is_empty() && !network.is_private() {
        return refuse("linux.netDevices", "needs a network namespace of the container's own");
    }
    let mut names = BTreeMap::new();
    for (outside, device) in devices {
        check_name(outside, "linux.netDevices")?;
        let inside = device.name().as_deref().filter(|name| !name.is_empty()).unwrap_or(outside);
        check_name(inside, format_args!("linux.netDevices.{outside}.name"))?;
        names.insert(outside.clone(), inside.to_owned());
    }
    Ok(names)
}

/// The kernel's own rule for names of interfaces.
fn check_name(name: &str, property: impl Display) -> Result<()> {
    let forbidden = |c: char| c == '/' || c == ':' || c.is_whitespace();
    match name {
        "" | "." | ".." => refuse(property, format_args!("{name:?} is not a name for an interface")),
        _ if name.len() > MAX_NAME_BYTES || name.contains(forbidden) => {
            refuse(property, format_args!("{name:?} is not a name for an interface: at most {MAX_NAME_BYTES} bytes, no '/', ':' or space"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{accepted, refused};
    use serde_json::{Value, json};

    fn check(devices: Value, expected: &str) {
        assert_eq!(refused(json!({"linux": {"netDevices": devices}})), format!("config.json: linux.netDevices{expected}"));
    }

    #[test]
    fn an_interface_keeps_its_name_or_gets_another() {
        let config = accepted(json!({"linux": {"netDevices": {"eth0": {}, "eth1": {"name": "lan%d"}}}}));
        let names: Vec<_> = config.net_devices.iter().map(|(outside, inside)| (outside.as_str(), inside.as_str())).collect();
        assert_eq!(names, [("eth0", "eth0"), ("eth1", "lan%d")]);
    }

    #[test]
    fn interfaces_need_a_network_namespace_and_names() {
        let shared = json!({"linux": {"namespaces": [], "netDevices": {"eth0": {}}}});
        assert_eq!(refused(shared), "config.json: linux.netDevices: needs a network namespace of the container's own");
        check(json!({"": {}}), ": \"\" is not a name for an interface");
        let long = ".eth0.name: \"0123456789abcdef\" is not a name for an interface: at most 15 bytes, no '/', ':' or space";
        check(json!({"eth0": {"name": "0123456789abcdef"}}), long);
        assert_eq!(accepted(json!({"linux": {"netDevices": {"0123456789abcde": {}}}})).net_devices.len(), 1);
        // dev_valid_name() of the kernel.
        for name in ["a/b", "a:b", "a b", "a\tb"] {
            let what = format!(".eth0.name: {name:?} is not a name for an interface: at most 15 bytes, no '/', ':' or space");
            check(json!({"eth0": {"name": name}}), &what);
        }
        check(json!({"eth0": {"name": ".."}}), ".eth0.name: \"..\" is not a name for an interface");
    }
}
