//! Columns of text.

/// Pads cells so that columns align: a column is at least `least` wide, `gap` blanks included. The last column is not padded.
pub(crate) fn align(rows: impl Iterator<Item = Vec<String>>, least: usize, gap: usize) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.collect();
    let widths = widths(&rows, least, gap);
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn widths(rows: &[Vec<String>], least: usize, gap: usize) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    (0..columns).map(|column| cells(column).map(|cell| cell.chars().count() + gap).fold(least, usize::max)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let Some((last, cells)) = row.split_last() else { return String::new() };
    let mut line: String = cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
    line.push_str(last);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_the_gap() {
        let rows = [["ID", "PID", "X"], ["a-rather-long-one", "7", "é"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(rows.into_iter(), 12, 3), ["ID                  PID         X", "a-rather-long-one   7           é"]);
    }
}
