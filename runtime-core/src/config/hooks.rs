//! `hooks`: six lists of programs.

use super::{Hook, Hooks, paths, refuse};
use crate::error::Result;
use oci_spec::runtime::{Hook as Spec, Hooks as Lists};
use std::path::PathBuf;

/// The kinds of hooks, in the order of a container's life.
pub(crate) const KINDS: [&str; 6] = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// `hooks`, each kind in its order.
pub(super) fn hooks(lists: &Lists) -> Result<Hooks> {
    // Deprecated, but it is still what Docker writes.
    #[allow(deprecated)]
    let prestart = lists.prestart();
    let [prestart_name, create_runtime, create_container, start_container, poststart, poststop] = KINDS;
    Ok(Hooks {
        prestart: kind(prestart, prestart_name)?,
        create_runtime: kind(lists.create_runtime(), create_runtime)?,
        create_container: kind(lists.create_container(), create_container)?,
        start_container: kind(lists.start_container(), start_container)?,
        poststart: kind(lists.poststart(), poststart)?,
        poststop: kind(lists.poststop(), poststop)?,
    })
}

fn kind(list: &Option<Vec<Spec>>, name: &str) -> Result<Vec<Hook>> {
    list.iter().flatten().enumerate().map(|(index, spec)| hook(spec, &format!("hooks.{name}[{index}]"))).collect()
}

fn hook(spec: &Spec, property: &str) -> Result<Hook> {
    let path = paths::absolute(spec.path().to_str().unwrap_or_default(), format_args!("{property}.path"))?;
    let timeout_s = match spec.timeout().map(u64::try_from) {
        None => None,
        Some(Ok(seconds @ 1..)) => Some(seconds),
        Some(_) => return refuse(format_args!("{property}.timeout"), "must be greater than zero"),
    };
    Ok(Hook { path: PathBuf::from(path), args: spec.args().clone().unwrap_or_default(), env: spec.env().clone(), timeout_s })
}
