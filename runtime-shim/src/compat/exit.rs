//! Exit codes.

use runtime_core::ExitStatus;
use std::process::ExitCode;

/// What the process exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(u8);

impl Code {
    pub(crate) const SUCCESS: Self = Self(0);
    /// Anything that went wrong.
    pub(crate) const ERROR: Self = Self(1);
    /// The verb does not exist; a caller that probes for one can tell that from a failure of it.
    pub(crate) const NO_SUCH_VERB: Self = Self(3);
    /// `exec` itself failed: 1 to 254 are the program's own.
    pub(crate) const EXEC: Self = Self(255);

    /// A program's own end, as a shell would put it: its code, or 128 and the signal.
    pub(crate) fn of(status: ExitStatus) -> Self {
        // The kernel keeps eight bits of an exit code, and signals end at 64.
        Self(u8::try_from(status.code() & 0xff).unwrap_or(u8::MAX))
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        code.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read by cri-o (attached exec), BuildKit (attached run and exec) and every shell.
    #[test]
    fn a_signal_death_is_128_and_the_signal() {
        assert_eq!(Code::of(ExitStatus::Code(7)), Code(7));
        assert_eq!(Code::of(ExitStatus::Code(255)), Code(255));
        assert_eq!(Code::of(ExitStatus::Signal(9)), Code(137));
        assert_eq!(Code::of(ExitStatus::Signal(64)), Code(192));
    }
}
