//! Which words may name a container: they become a file name, so nothing may lead out of the state directory.

use crate::error::{Error, ErrorKind, Result};

/// The longest file name Linux takes.
const NAME_MAX: usize = 255;

/// Is this a container's id?
pub(crate) fn check(id: &str) -> Result<()> {
    if id.is_empty() {
        return Err(Error::new(ErrorKind::InvalidId, "container id cannot be empty"));
    }
    if is_valid(id) { Ok(()) } else { Err(Error::new(ErrorKind::InvalidId, "invalid container ID format")) }
}

/// The characters, the length, and not one of the two names every directory has.
pub(super) fn is_valid(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    !id.is_empty() && id.len() <= NAME_MAX && id.bytes().all(allowed) && id != "." && id != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(id: &str) -> String {
        check(id).map_or_else(|error| format!("{error:?}"), |()| "ok".into())
    }

    #[test]
    fn ids_are_file_names_of_few_characters() {
        for good in ["a", "web-1", "A_b+c.d", "...", ".hidden", "-x", &"x".repeat(255)] {
            assert_eq!(verdict(good), "ok", "{good}");
        }
        for bad in [".", "..", "a/b", "../x", "a b", "a\0", "é", "a\n", "a:b", "~x", &"x".repeat(256)] {
            assert_eq!(verdict(bad), "InvalidId: invalid container ID format", "{bad}");
        }
        assert_eq!(verdict(""), "InvalidId: container id cannot be empty");
    }
}
