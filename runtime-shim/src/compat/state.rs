//! A container's state as JSON and as a row, for `state` and `list`. The names and their order are the library's [`State`].

use crate::failure::Failure;
use runtime_core::State;

/// What `state` prints: indented by two, without a newline at the end, as its readers have always had it.
pub(crate) fn document(state: &State) -> Result<String, Failure> {
    serde_json::to_string_pretty(state).map_err(|error| Failure::new(error.to_string()))
}

/// What `list` prints: one line.
pub(crate) fn array(states: &[State]) -> Result<String, Failure> {
    line(states)
}

/// What `ps --format json` prints: one line.
pub(crate) fn pids(pids: &[i32]) -> Result<String, Failure> {
    line(pids)
}

/// An empty list is `null`, which is how Go writes one that was never made.
fn line<T: serde::Serialize>(list: &[T]) -> Result<String, Failure> {
    let list = Some(list).filter(|list| !list.is_empty());
    serde_json::to_string(&list).map(|text| text + "\n").map_err(|error| Failure::new(error.to_string()))
}

/// The header of the table of `list`.
pub(crate) fn header() -> Vec<String> {
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned).to_vec()
}

/// One row under it.
pub(crate) fn row(state: &State) -> Vec<String> {
    let bundle = state.bundle.display().to_string();
    vec![state.id.clone(), state.pid.to_string(), state.status.to_string(), bundle, state.created.clone(), state.owner.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go-runc unmarshals it into a slice.
    #[test]
    fn go_runc_reads_no_containers_and_no_pids_as_null() {
        assert_eq!(array(&[]).unwrap_or_default(), "null\n");
        assert_eq!(pids(&[]).unwrap_or_default(), "null\n");
        assert_eq!(pids(&[7, 12]).unwrap_or_default(), "[7,12]\n");
    }
}
