//! `linux.devices`: nodes beside the default ones.

use super::{Device, paths, refuse};
use crate::error::Result;
use nix::libc;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};

/// Device numbers of the kernel: 12 bits of major, 20 of minor.
const MAX_MAJOR: u32 = (1 << 12) - 1;
const MAX_MINOR: u32 = (1 << 20) - 1;

/// `linux.devices`, in order.
pub(super) fn devices(list: &[LinuxDevice]) -> Result<Vec<Device>> {
    list.iter().enumerate().map(|(index, spec)| device(spec, &format!("linux.devices[{index}]"))).collect()
}

fn device(spec: &LinuxDevice, property: &str) -> Result<Device> {
    let path = paths::absolute(spec.path().to_str().unwrap_or_default(), format_args!("{property}.path"))?;
    let kind = match spec.typ() {
        LinuxDeviceType::C | LinuxDeviceType::U => libc::S_IFCHR,
        LinuxDeviceType::B => libc::S_IFBLK,
        LinuxDeviceType::P => libc::S_IFIFO,
        LinuxDeviceType::A => {
            return refuse(format_args!("{property}.type"), "\"a\" is for device rules; a node is \"c\", \"b\", \"u\" or \"p\"");
        }
    };
    let (major, minor) = if kind == libc::S_IFIFO { (0, 0) } else { numbers(spec, property)? };
    Ok(Device {
        path: paths::clean(path),
        kind,
        major,
        minor,
        mode: spec.file_mode().unwrap_or(0o666) & 0o7777,
        uid: spec.uid().unwrap_or(0),
        gid: spec.gid().unwrap_or(0),
    })
}

fn numbers(spec: &LinuxDevice, property: &str) -> Result<(u32, u32)> {
    Ok((number(spec.major(), MAX_MAJOR, property, "major")?, number(spec.minor(), MAX_MINOR, property, "minor")?))
}

fn number(value: i64, max: u32, property: &str, name: &str) -> Result<u32> {
    match u32::try_from(value) {
        Ok(number) if number <= max => Ok(number),
        _ => refuse(format_args!("{property}.{name}"), format_args!("{value} is not between 0 and {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Device;
    use super::super::case::{accepted, refused};
    use nix::libc;
    use serde_json::{Value, json};

    fn check(device: Value, expected: &str) {
        assert_eq!(refused(json!({"linux": {"devices": [device]}})), format!("config.json: linux.devices[0].{expected}"));
    }

    #[test]
    fn a_device_has_a_type_a_place_and_numbers_that_fit() {
        check(json!({"path": "/dev/a", "type": "a"}), "type: \"a\" is for device rules; a node is \"c\", \"b\", \"u\" or \"p\"");
        check(json!({"path": "/dev/a", "type": "z"}), "type: unknown variant `z`, expected one of `a`, `b`, `c`, `u`, `p`");
        check(json!({"path": "dev/a", "type": "c"}), "path: \"dev/a\" is not an absolute path");
        check(json!({"path": "/dev/a", "type": "c", "major": 4096}), "major: 4096 is not between 0 and 4095");
        check(json!({"path": "/dev/a", "type": "b", "minor": -1}), "minor: -1 is not between 0 and 1048575");
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let list = json!([{"path": "/dev//a", "type": "u", "major": 1, "minor": 3}, {"path": "/f", "type": "p", "major": -1, "fileMode": 0o100_600}]);
        let devices = accepted(json!({"linux": {"devices": list}})).devices;
        let character = Device { path: "/dev/a".into(), kind: libc::S_IFCHR, major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0 };
        let fifo = Device { path: "/f".into(), kind: libc::S_IFIFO, major: 0, minor: 0, mode: 0o600, uid: 0, gid: 0 };
        assert_eq!(devices, [character, fifo]);
    }

    /// The kernel's device numbers have 12 and 20 bits.
    #[test]
    fn the_last_numbers_are_numbers() {
        let device = json!({"path": "/dev/a", "type": "b", "major": 4095, "minor": 1_048_575});
        let device = accepted(json!({"linux": {"devices": [device]}})).devices.remove(0);
        assert_eq!((device.major, device.minor), (4095, 1_048_575));
        check(json!({"path": "/dev/a", "type": "b", "major": 1, "minor": 1_048_576}), "minor: 1048576 is not between 0 and 1048575");
    }
}
