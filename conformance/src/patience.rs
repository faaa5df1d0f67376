//! How long things may take: on slow machines, `PATIENCE` gives them more time.

use std::time::Duration;

/// What a case may take with one runtime, in seconds, where nothing else is said.
const USUAL: u32 = 20;

/// What is awaited for this long on a usual machine, on this one. Players inherit the environment.
pub(crate) fn of(usual: Duration) -> Duration {
    stretched(usual, std::env::var("PATIENCE").ok().as_deref())
}

fn stretched(usual: Duration, patience: Option<&str>) -> Duration {
    let seconds = patience.and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    usual * seconds.max(USUAL) / USUAL
}

#[cfg(test)]
mod tests {
    use super::stretched;
    use std::time::Duration;

    #[test]
    fn slow_machines_get_their_time_and_none_gets_less_than_usual() {
        let second = Duration::from_secs(1);
        for (patience, seconds) in [(None, 1), (Some("200"), 10), (Some("40"), 2), (Some("2"), 1), (Some("long"), 1)] {
            assert_eq!(stretched(second, patience).as_secs(), seconds, "{patience:?}");
        }
    }
}
