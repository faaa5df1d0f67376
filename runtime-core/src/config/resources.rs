//! `linux.resources`: what its types cannot tell, and the document of `update`, which has the same shape.
//!
//! Invariant: whether a limit makes sense is the kernel's to say.

use super::{shape, tolerant};
use crate::error::Result;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxResources};
use serde_json::Value;

/// Where in a config it is.
const PLACE: &str = "/linux/resources";

/// Parses a document like `linux.resources`, as `update --resources` gets it: the first JSON value there is. The second value holds the warnings.
///
/// # Errors
/// As [`read`](super::read); the properties' paths begin with `linux.resources`.
pub fn parse_resources(bytes: &[u8]) -> Result<(LinuxResources, Vec<String>)> {
    let text = first(super::read::text(bytes)?);
    shape::refuse_lists(text, PLACE)?;
    let resources = match serde_json::from_str(text) {
        Ok(resources) => resources,
        Err(_) => tolerant::resources(text)?,
    };
    let mut warnings = Vec::new();
    let resources = settle(resources, (text, ""), &mut warnings);
    Ok((resources, warnings))
}

/// What comes behind the first value is not looked at, as little as other runtimes do.
fn first(text: &str) -> &str {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => text.get(..values.byte_offset()).unwrap_or(text),
        _ => text,
    }
}

/// The resources of a config whose text is `json`.
pub(super) fn of_config(resources: Option<LinuxResources>, json: &str, warnings: &mut Vec<String>) -> Option<LinuxResources> {
    resources.map(|resources| settle(resources, (json, PLACE), warnings))
}

fn settle(mut resources: LinuxResources, (json, place): (&str, &str), warnings: &mut Vec<String>) -> LinuxResources {
    // `pids` without a limit looks to the types like a limit of 0, and that forbids every fork.
    let is_zero = resources.pids().is_some_and(|pids| pids.limit() == 0);
    if is_zero && is_absent(json, &format!("{place}/pids/limit")) {
        resources.set_pids(None);
    }
    for (index, limit) in resources.hugepage_limits_mut().iter_mut().flatten().enumerate().filter(|(_, limit)| limit.page_size().is_empty())
    {
        // Some write it so, because Go's reader does not tell small letters from others.
        if let Some(Value::String(size)) = found(json, &format!("{place}/hugepageLimits/{index}/pagesize")) {
            limit.set_page_size(size);
        }
    }
    for (index, rule) in resources.devices_mut().iter_mut().flatten().enumerate() {
        keep_known_uses(rule, index, warnings);
    }
    let memory = resources.memory().unwrap_or_default();
    if memory.kernel().is_some() || memory.kernel_tcp().is_some() {
        warnings.push("linux.resources.memory: limits of kernel memory are ignored: kernels have not had them since 5.4".into());
    }
    resources
}

/// Letters that mean nothing beside some that do are set aside: a rule then says no more than it can. One of no meaning at all is an error.
fn keep_known_uses(rule: &mut LinuxDeviceCgroup, index: usize, warnings: &mut Vec<String>) {
    let written = rule.access().clone().unwrap_or_default();
    let known: String = written.chars().filter(|letter| "rwm".contains(*letter)).collect();
    if known != written && !known.is_empty() {
        warnings.push(format!("linux.resources.devices[{index}].access: what is none of r, w, m in {written:?} is ignored"));
        rule.set_access(Some(known));
    }
}

fn is_absent(json: &str, pointer: &str) -> bool {
    found(json, pointer).is_none_or(|value| value.is_null())
}

fn found(json: &str, pointer: &str) -> Option<Value> {
    serde_json::from_str::<Value>(json).ok()?.pointer_mut(pointer).map(Value::take)
}

#[cfg(test)]
mod tests {
    use super::super::case::{accepted, warned};
    use super::parse_resources;
    use serde_json::{Value, json};

    fn check(text: &str, expected: &str) {
        let read = parse_resources(text.as_bytes());
        assert_eq!(read.map_or_else(|error| error.to_string(), |(resources, _)| json!(resources).to_string()), expected, "{text}");
    }

    #[test]
    fn a_document_is_its_first_value() {
        check(r#"{"pids":{"limit":5}} {"pids":"#, r#"{"pids":{"limit":5}}"#);
        check("{}", "{}");
        check("null", "{}");
        check("", "config.json: EOF while parsing a value at line 1 column 0");
        check("{", "config.json: EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn what_says_nothing_is_no_limit() {
        check(r#"{"pids":{},"memory":null,"cpu":{"quota":null}}"#, r#"{"cpu":{}}"#);
        check(r#"{"pids":{"limit":null}}"#, "{}");
        check(r#"{"pids":{"limit":0}}"#, r#"{"pids":{"limit":0}}"#);
        let pids = |pids: Value| accepted(json!({"linux": {"resources": {"pids": pids}}})).resources.and_then(|own| *own.pids());
        assert_eq!(pids(json!({})), None);
        assert_eq!(pids(json!({"limit": 0})).map(|pids| pids.limit()), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        check(r#"{"cpu":{"quota":"x"}}"#, r#"config.json: linux.resources.cpu.quota: invalid type: string "x", expected i64"#);
        check(r#"{"memory":[5]}"#, "config.json: linux.resources.memory: invalid type: a list, expected an object");
        check("[]", "config.json: linux.resources: invalid type: a list, expected an object");
    }

    /// runc's own tests have both.
    #[test]
    fn what_others_write_otherwise_is_understood() {
        check(r#"{"hugepageLimits":[{"pagesize":"2MB","limit":5}]}"#, r#"{"hugepageLimits":[{"limit":5,"pageSize":"2MB"}]}"#);
        let limits = json!([{"pagesize": "2MB", "limit": 5}]);
        let read = accepted(json!({"linux": {"resources": {"hugepageLimits": limits}}})).resources.unwrap();
        assert_eq!(read.hugepage_limits().as_ref().unwrap()[0].page_size(), "2MB");
    }

    #[test]
    fn a_use_of_devices_that_nobody_knows_is_ignored_with_a_warning() {
        let rules = |access: &str| json!({"linux": {"resources": {"devices": [{"allow": false, "access": access}]}}});
        let config = super::super::case::patched(rules("rwa")).unwrap();
        assert_eq!(config.warnings, [r#"linux.resources.devices[0].access: what is none of r, w, m in "rwa" is ignored"#]);
        assert_eq!(config.resources.unwrap().devices().as_ref().unwrap()[0].access().as_deref(), Some("rw"));
        for plain in ["mwr", "xyz"] {
            assert_eq!(warned(rules(plain)), Vec::<String>::new(), "{plain}");
        }
    }

    #[test]
    fn limits_of_kernel_memory_are_ignored_with_a_warning() {
        let warning = "linux.resources.memory: limits of kernel memory are ignored: kernels have not had them since 5.4";
        for name in ["kernel", "kernelTCP"] {
            assert_eq!(warned(json!({"linux": {"resources": {"memory": {name: 5}}}})), [warning]);
        }
        assert_eq!(parse_resources(br#"{"memory":{"kernel":5}}"#).unwrap().1, [warning]);
    }
}
