//! Samples as Markdown tables of medians and ratios.

use crate::Column;
use crate::measure::Sample;
use crate::parked::Parked;
use std::fmt::Write;

/// Both tables.
pub(crate) fn render(columns: &[Column], parked: &[Parked], rounds: usize) -> String {
    let mut text =
        format!("Medians of {rounds} interleaved samples; ratios to the floor where there is one, else to the first runtime.\n\n");
    text.push_str("| scenario | runtime | wall ms | ratio | CPU ms | ratio | peak RSS KiB |\n|---|---|--:|--:|--:|--:|--:|\n");
    for column in columns {
        let base = base(columns, column);
        let (wall, wall_ratio) = pair(column, base, |sample| sample.wall_us);
        let (cpu, cpu_ratio) = pair(column, base, |sample| sample.cpu_us);
        let rss = median(&column.samples, |sample| sample.rss_kib);
        let _ = writeln!(
            text,
            "| {} | {} | {wall:.2} | {wall_ratio:.2} | {cpu:.2} | {cpu_ratio:.2} | {rss} |",
            column.scenario, column.contender
        );
    }
    text.push_str("\n| parked container | RSS KiB | private KiB |\n|---|--:|--:|\n");
    for one in parked {
        let _ = writeln!(text, "| {} | {} | {} |", one.name, one.rss_kib, one.private_kib);
    }
    text
}

fn base<'a>(columns: &'a [Column], column: &'a Column) -> &'a Column {
    let same = || columns.iter().filter(|other| other.scenario == column.scenario);
    same().find(|other| other.contender == "floor").or_else(|| same().next()).unwrap_or(column)
}

/// The median in milliseconds, and its ratio to the base's.
fn pair(column: &Column, base: &Column, of: fn(&Sample) -> i64) -> (f64, f64) {
    let (mine, theirs) = (median(&column.samples, of) as f64, median(&base.samples, of) as f64);
    (mine / 1000.0, mine / theirs.max(1.0))
}

fn median(samples: &[Sample], of: fn(&Sample) -> i64) -> i64 {
    let mut values: Vec<i64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{median, render};
    use crate::Column;
    use crate::measure::Sample;

    fn column(contender: &str, walls: &[i64]) -> Column {
        let samples = walls.iter().map(|wall| Sample { wall_us: *wall, cpu_us: *wall, rss_kib: 7 }).collect();
        Column { scenario: "run", contender: contender.into(), samples }
    }

    #[test]
    fn the_ratio_is_to_the_floor_and_outliers_do_not_count() {
        let columns = [column("mine", &[2000, 90_000, 4000]), column("floor", &[2000, 1000, 2000])];
        let text = render(&columns, &[], 3);
        assert!(text.contains("| run | mine | 4.00 | 2.00 | 4.00 | 2.00 | 7 |"), "{text}");
        assert_eq!(median(&columns[1].samples, |sample| sample.wall_us), 2000);
    }
}
