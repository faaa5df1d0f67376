//! Signals by number or name.

use nix::libc;
use nix::sys::signal::Signal;

/// `9`, `KILL`, `SIGKILL`, `sigkill`, `SIGRTMIN+3`.
pub(crate) fn number(text: &str) -> Option<i32> {
    if text.is_empty() {
        return Some(libc::SIGTERM);
    }
    if let Ok(number) = text.parse::<i32>() {
        return Some(number).filter(|number| (0..=libc::SIGRTMAX()).contains(number));
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    real_time(name).or_else(|| named(name))
}

fn named(name: &str) -> Option<i32> {
    match name {
        "CLD" => Some(libc::SIGCHLD),
        "IOT" => Some(libc::SIGIOT),
        "POLL" => Some(libc::SIGPOLL),
        _ => format!("SIG{name}").parse::<Signal>().ok().map(|signal| signal as i32),
    }
}

fn real_time(name: &str) -> Option<i32> {
    let (base, offset) = if let Some(offset) = name.strip_prefix("RTMIN") {
        (libc::SIGRTMIN(), offset)
    } else {
        (libc::SIGRTMAX(), name.strip_prefix("RTMAX")?)
    };
    let offset = if offset.is_empty() { 0 } else { offset.parse::<i32>().ok().filter(|_| offset.starts_with(['+', '-']))? };
    base.checked_add(offset).filter(|number| (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go-runc and podman send numbers, buildah `SIGKILL`, runtime-tools `TERM`.
    #[test]
    fn every_way_to_write_a_signal_is_understood() {
        for (text, signal) in [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigkill", 9), ("Term", 15), ("SIGCLD", 17), ("0", 0), ("", 15)] {
            assert_eq!(number(text), Some(signal), "{text}");
        }
    }

    #[test]
    fn real_time_signals_are_counted_from_both_ends() {
        assert_eq!(number("SIGRTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(number("rtmax-1"), Some(libc::SIGRTMAX() - 1));
        assert_eq!(number("RTMAX+1"), None);
        assert_eq!(number("RTMIN3"), None);
    }

    #[test]
    fn what_is_no_signal_is_none() {
        for text in ["SIG", "NOSUCH", "-1", "65", "999", "9x"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
