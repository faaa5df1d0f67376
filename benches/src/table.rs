//! Samples as Markdown tables of medians and ratios.

use crate::Column;
use crate::filtered::{Filtered, NAME};
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

/// What a call costs under a filter; ratios to the first runtime's.
pub(crate) fn filtered(all: &[Filtered]) -> String {
    let Some(base) = all.first() else { return String::new() };
    let mut text = format!("\n| {NAME} | getppid ns | ratio | personality ns | ratio |\n|---|--:|--:|--:|--:|\n");
    for one in all {
        let pair = |mine: i64, theirs: i64| (mine as f64 / 1000.0, mine as f64 / theirs.max(1) as f64);
        let ((allowed, allowed_ratio), (asked, asked_ratio)) = (pair(one.allowed_ps, base.allowed_ps), pair(one.asked_ps, base.asked_ps));
        let _ = writeln!(text, "| {} | {allowed:.1} | {allowed_ratio:.2} | {asked:.1} | {asked_ratio:.2} |", one.name);
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
    use super::{filtered, median, render};
    use crate::Column;
    use crate::filtered::Filtered;
    use crate::measure::Sample;

    fn column(contender: &str, walls: &[i64]) -> Column {
        let samples = walls.iter().map(|wall| Sample { wall_us: *wall, cpu_us: *wall, rss_kib: 7 }).collect();
        Column { scenario: "run", contender: contender.into(), samples }
    }

    #[test]
    fn calls_are_told_in_nanoseconds() {
        let one = |name: &str, allowed_ps, asked_ps| Filtered { name: name.into(), allowed_ps, asked_ps };
        let text = filtered(&[one("mine", 50_000, 80_000), one("theirs", 75_000, 160_000)]);
        assert!(text.ends_with("| mine | 50.0 | 1.00 | 80.0 | 1.00 |\n| theirs | 75.0 | 1.50 | 160.0 | 2.00 |\n"), "{text}");
        assert_eq!(filtered(&[]), "");
    }

    #[test]
    fn the_ratio_is_to_the_floor_and_outliers_do_not_count() {
        let columns = [column("mine", &[2000, 90_000, 4000]), column("floor", &[2000, 1000, 2000])];
        let text = render(&columns, &[], 3);
        assert!(text.contains("| run | mine | 4.00 | 2.00 | 4.00 | 2.00 | 7 |"), "{text}");
        assert_eq!(median(&columns[1].samples, |sample| sample.wall_us), 2000);
    }
}
