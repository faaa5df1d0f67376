//! Where systemd is to be found, and whose it is.
//!
//! The host's: its own socket, then the system's bus. A user's: the same below `$XDG_RUNTIME_DIR`, and `$DBUS_SESSION_BUS_ADDRESS` before the bus
//! there. Its own socket goes first, because it is systemd's for sure, and needs no bus.

use super::bus::{Address, Manager, outer_uid};
use std::ffi::OsString;
use std::path::PathBuf;

/// All the ways there are, the best first.
pub(super) fn all(manager: Manager) -> Vec<Address> {
    match manager {
        Manager::System => {
            vec![Address::Own("/run/systemd/private".into()), Address::Shared("/run/dbus/system_bus_socket".into())]
        }
        Manager::User => users(&runtime_directory(), std::env::var("DBUS_SESSION_BUS_ADDRESS").ok()),
    }
}

fn runtime_directory() -> PathBuf {
    let named = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    named.unwrap_or_else(|| OsString::from(format!("/run/user/{}", outer_uid()))).into()
}

fn users(directory: &std::path::Path, session: Option<String>) -> Vec<Address> {
    let mut all = vec![Address::Own(directory.join("systemd/private"))];
    all.extend(session.iter().flat_map(|list| list.split(';')).filter_map(one));
    all.push(Address::Shared(directory.join("bus")));
    all
}

/// `unix:path=/run/user/1000/bus,guid=…`, or `unix:abstract=…`. Other ways than sockets of this machine are nobody's.
fn one(address: &str) -> Option<Address> {
    let keys = address.strip_prefix("unix:")?.split(',').filter_map(|pair| pair.split_once('='));
    keys.filter_map(|(key, value)| match key {
        "path" => Some(Address::Shared(unescape(value)?.into())),
        "abstract" => unescape(value).map(Address::Abstract),
        _ => None,
    })
    .next()
}

/// `%2f` is a slash.
fn unescape(value: &str) -> Option<String> {
    let mut parts = value.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// Whose the user's systemd is that a caller would ask who is root in a user namespace: root's own of a system in a container, or that of a
/// user outside. None, where it cannot be told.
pub(super) fn owner() -> Option<u32> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    owner_of(&own)
}

/// As systemd itself tells: by the slice, which is named after the user.
fn owner_of(cgroups: &str) -> Option<u32> {
    let parts = cgroups.lines().flat_map(|line| line.split('/'));
    parts.filter_map(|part| part.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_systemd_is_asked_itself_and_then_over_the_bus() {
        let session = "tcp:host=x;unix:path=/run/a%20b,guid=7;unix:abstract=/tmp/c;unix:path=%zz".to_owned();
        let expected = [
            Address::Own("/run/user/7/systemd/private".into()),
            Address::Shared("/run/a b".into()),
            Address::Abstract("/tmp/c".into()),
            Address::Shared("/run/user/7/bus".into()),
        ];
        assert_eq!(users("/run/user/7".as_ref(), Some(session)), expected);
        assert_eq!(users("/run/user/7".as_ref(), None).len(), 2);
    }

    #[test]
    fn a_slice_tells_its_owner() {
        let table = [
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n", Some(1000)),
            ("1:name=systemd:/user.slice/user-0.slice/session-1.scope\n", Some(0)),
            ("0::/system.slice/docker.service\n", None),
            ("", None),
        ];
        for (text, owner) in table {
            assert_eq!(owner_of(text), owner, "{text}");
        }
    }
}
