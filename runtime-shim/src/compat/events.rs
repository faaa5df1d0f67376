//! The lines of `events`: one JSON object each, with `type`, `id` and what belongs to the type.

use crate::failure::Failure;
use runtime_core::cgroup::Stats;
use serde::Serialize;

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Stats>,
}

impl Event<'_> {
    fn line(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map(|text| text + "\n").map_err(|error| Failure::new(error.to_string()))
    }
}

/// What a container uses now. The names inside are the library's [`Stats`], which keeps to those that engines read.
pub(crate) fn stats(id: &str, stats: &Stats) -> Result<String, Failure> {
    Event { kind: "stats", id, data: Some(stats) }.line()
}

/// The kernel killed for want of memory.
pub(crate) fn oom(id: &str) -> Result<String, Failure> {
    Event { kind: "oom", id, data: None }.line()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go-runc decodes a stream of these for `events` and `events --stats`.
    #[test]
    fn go_runc_finds_type_id_and_data_on_one_line() {
        let line = stats("web1", &Stats::default()).unwrap_or_default();
        assert!(line.starts_with(r#"{"type":"stats","id":"web1","data":{"#) && line.ends_with("}}\n"), "{line}");
        assert_eq!(oom("web1").unwrap_or_default(), "{\"type\":\"oom\",\"id\":\"web1\"}\n");
    }
}
