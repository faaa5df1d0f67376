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
