//! `linux.intelRdt`: names and lines for the resctrl file system.

use super::refuse;
use crate::error::Result;
use oci_spec::runtime::LinuxIntelRdt;

/// `linux.intelRdt`, if its values can be written as they are.
pub(super) fn intel_rdt(spec: LinuxIntelRdt) -> Result<LinuxIntelRdt> {
    match spec.clos_id().as_deref() {
        None | Some("/") => {}
        Some(id) if matches!(id, "" | "." | "..") || id.contains('/') => {
            return refuse("linux.intelRdt.closID", format_args!("{id:?} is not the name of a directory in resctrl"));
        }
        Some(_) => {}
    }
    for (line, name) in [(spec.l3_cache_schema(), "l3CacheSchema"), (spec.mem_bw_schema(), "memBwSchema")] {
        one_line(line.as_deref().unwrap_or_default(), &format!("linux.intelRdt.{name}"))?;
    }
    for (index, line) in spec.schemata().iter().flatten().enumerate() {
        one_line(line, &format!("linux.intelRdt.schemata[{index}]"))?;
    }
    Ok(spec)
}

fn one_line(line: &str, property: &str) -> Result<()> {
    if line.contains('\n') { refuse(property, "has more than one line") } else { Ok(()) }
}
