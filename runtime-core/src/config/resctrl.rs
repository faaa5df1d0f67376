//! `linux.intelRdt`: names and lines for the resctrl file system.

use super::refuse;
use crate::error::Result;
use oci_spec::runtime::LinuxIntelRdt;

/// `linux.intelRdt`, if its values can be written as they are.
pub(crate) fn intel_rdt(spec: LinuxIntelRdt) -> Result<LinuxIntelRdt> {
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

#[cfg(test)]
mod tests {
    use super::super::case::{accepted, refused};
    use serde_json::{Value, json};

    fn check(rdt: Value, expected: &str) {
        assert_eq!(refused(json!({"linux": {"intelRdt": rdt}})), format!("config.json: linux.intelRdt.{expected}"));
    }

    #[test]
    fn a_class_is_a_directory_or_the_root() {
        for id in ["", ".", "..", "a/b", "/a"] {
            check(json!({"closID": id}), &format!("closID: {id:?} is not the name of a directory in resctrl"));
        }
        assert!(accepted(json!({"linux": {"intelRdt": {"closID": "/"}}})).intel_rdt.is_some());
    }

    #[test]
    fn a_schema_is_one_line() {
        check(json!({"l3CacheSchema": "L3:0=f\nMB:0=1"}), "l3CacheSchema: has more than one line");
        check(json!({"schemata": ["L3:0=f", "MB:0=1\n"]}), "schemata[1]: has more than one line");
    }
}
