//! The patterns cases and accepted differences are written in: `*` stands for any text, `a|b` for either.

/// Does `text` match any of the alternatives of `pattern`?
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| matches_one(one, text))
}

fn matches_one(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    let (middles, tail) = rest.rsplit_once('*').map_or((None, rest), |(middles, tail)| (Some(middles), tail));
    let Some(text) = text.strip_suffix(tail) else { return false };
    in_order(middles.unwrap_or(""), text)
}

// The shortest hit for each piece is always enough, since the head and the tail are already taken off.
fn in_order(pieces: &str, mut text: &str) -> bool {
    for piece in pieces.split('*') {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text_and_a_bar_for_either() {
        for (pattern, text, hit) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXYc", false),
            ("ab*ba", "aba", false),
            ("x|a*", "abc", true),
            ("*", "", true),
            ("* /proc *", "/ /proc rw", true),
        ] {
            assert_eq!(matches(pattern, text), hit, "{pattern} against {text}");
        }
    }
}
