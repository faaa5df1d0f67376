//! How the kernel writes paths into `mountinfo`.

/// A field as it was before blanks and the like in it became `\ooo`.
pub(crate) fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match octal(rest) {
            Some(code) => {
                bytes.push(code);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What begins with a backslash and three digits.
fn octal(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.strip_prefix(b"\\")?.get(..3)?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_are_undone_once() {
        let table = [
            ("/plain", "/plain"),
            (r"/a\040b\011c\012d", "/a b\tc\nd"),
            (r"/\134040", r"/\040"),
            (r"/\043", "/#"),
            (r"/\303\244", "/ä"),
            (r"/\04", r"/\04"),
            (r"/\999", r"/\999"),
        ];
        for (field, path) in table {
            assert_eq!(unescape(field), path);
        }
    }
}
