//! Lists of numbers as the kernel writes them: `0-3,7`.

use std::collections::BTreeSet;

/// The numbers of `list` in order, all below `limit`; why not, in words.
pub(super) fn parse(list: &str, limit: u32) -> Result<Vec<u32>, String> {
    let mut numbers = BTreeSet::new();
    for part in list.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first, limit)?, number(last, limit)?);
        if first > last {
            return Err(format!("{part:?}: a range goes from the smaller to the larger number"));
        }
        numbers.extend(first..=last);
    }
    Ok(numbers.into_iter().collect())
}

fn number(digits: &str, limit: u32) -> Result<u32, String> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(number) if is_number && number < limit => Ok(number),
        _ if is_number => Err(format!("{digits} is too large: numbers end at {}", limit - 1)),
        _ => Err(format!("{digits:?} is not a number; a list looks like \"0-3,7\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_are_listed_in_order_and_once() {
        assert_eq!(parse("7, 0-2,1", 8), Ok(vec![0, 1, 2, 7]));
    }

    #[test]
    fn what_is_no_number_below_the_limit_is_refused() {
        let refused = [
            ("8", "8 is too large: numbers end at 7"),
            ("0-99999999999", "99999999999 is too large: numbers end at 7"),
            ("3-1", "\"3-1\": a range goes from the smaller to the larger number"),
            ("+1", "\"+1\" is not a number; a list looks like \"0-3,7\""),
            ("1,", "\"\" is not a number; a list looks like \"0-3,7\""),
            ("-1", "\"\" is not a number; a list looks like \"0-3,7\""),
        ];
        for (list, why) in refused {
            assert_eq!(parse(list, 8), Err(why.to_owned()), "{list}");
        }
    }
}
