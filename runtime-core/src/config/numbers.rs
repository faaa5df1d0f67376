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
