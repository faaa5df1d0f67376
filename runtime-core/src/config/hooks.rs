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

#[cfg(test)]
mod tests {
    use super::super::Hook;
    use super::super::case::{accepted, refused};
    use serde_json::{Value, json};

    fn check(hook: Value, expected: &str) {
        assert_eq!(refused(json!({"hooks": {"poststop": [{"path": "/a"}, hook]}})), format!("config.json: hooks.poststop[1].{expected}"));
    }

    #[test]
    fn a_hook_has_an_absolute_path_and_time() {
        check(json!({"path": "a"}), "path: \"a\" is not an absolute path");
        check(json!({"path": ""}), "path: must not be empty");
        check(json!({"path": "/a", "timeout": 0}), "timeout: must be greater than zero");
        check(json!({"path": "/a", "timeout": -1}), "timeout: must be greater than zero");
    }

    #[test]
    fn a_hook_without_a_path_is_named() {
        let text = refused(json!({"hooks": {"createRuntime": [{"args": []}]}}));
        assert_eq!(text, "config.json: hooks.createRuntime[0]: missing field `path`");
    }

    #[test]
    fn every_kind_is_read() {
        let lists: serde_json::Map<_, _> =
            super::KINDS.iter().map(|kind| ((*kind).to_owned(), json!([{"path": format!("/{kind}")}]))).collect();
        let hooks = accepted(json!({"hooks": lists})).hooks;
        let read = [hooks.prestart, hooks.create_runtime, hooks.create_container, hooks.start_container, hooks.poststart, hooks.poststop];
        let expected = super::KINDS.map(|kind| vec![Hook { path: format!("/{kind}").into(), args: vec![], env: None, timeout_s: None }]);
        assert_eq!(read, expected);
    }
}
