//! Two runs beside each other: what got worse, or better, beyond noise.

use std::fmt::Write as _;

use super::aims::number;
use super::figure::{Better, Figure};
use super::results::{Results, Row};

/// Less is what the same commit does on the same machine an hour later.
const NOISE: f64 = 0.1;

/// How a figure of one run is to that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// All samples of one are beyond all of the other, by more than the noise.
    Better,
    /// The same in the wrong direction.
    Worse,
    /// Anything else.
    Same,
}

/// A figure that both runs have.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The row, and the figure.
    pub name: String,
    /// The median in the first run.
    pub before: f64,
    /// In the second.
    pub after: f64,
    /// What that says.
    pub change: Change,
}

/// All figures of ours that both runs have and that have a better direction.
#[must_use]
pub fn compare(before: &Results, after: &Results) -> Vec<Compared> {
    let mut compared = Vec::new();
    for row in &before.rows {
        let key = row.key();
        let Some(other) = after.rows.iter().find(|other| other.key() == key) else { continue };
        compared.extend(of_rows(&key, row, other));
    }
    compared
}

fn of_rows(key: &str, before: &Row, after: &Row) -> Vec<Compared> {
    let pairs =
        before.figures.iter().filter_map(|(name, figure)| Some((name, figure, after.figures.get(name)?)));
    let directed = pairs.filter(|(_, figure, _)| figure.better != Better::Neither);
    directed
        .filter_map(|(name, before, after)| {
            let name = format!("{key}: {name}");
            Some(Compared {
                name,
                before: before.median()?,
                after: after.median()?,
                change: change(before, after),
            })
        })
        .collect()
}

fn change(before: &Figure, after: &Figure) -> Change {
    let (Some(one), Some(two)) = (before.spread(), after.spread()) else { return Change::Same };
    let apart = one.most < two.least || two.most < one.least;
    let far = (two.median - one.median).abs() > NOISE * one.median.abs();
    if !(apart && far) {
        return Change::Same;
    }
    if before.better.compare(two.median, one.median).is_gt() { Change::Better } else { Change::Worse }
}

/// What a person is told: what got worse first.
#[must_use]
pub fn words(before: &Results, after: &Results) -> String {
    let compared = compare(before, after);
    let mut text = String::new();
    for (change, title) in [(Change::Worse, "worse"), (Change::Better, "better")] {
        for figure in compared.iter().filter(|figure| figure.change == change) {
            let ratio = figure.after / figure.before;
            let (before, after) = (number(figure.before), number(figure.after));
            let _infallible = writeln!(text, "{title:6}  {}: {before} → {after} ({ratio:.2} ×)", figure.name);
        }
    }
    let of = |change| compared.iter().filter(|figure| figure.change == change).count();
    let (same, worse, better) = (of(Change::Same), of(Change::Worse), of(Change::Better));
    let _infallible = writeln!(
        text,
        "{} ({}) → {} ({}): {worse} worse, {better} better, {same} within noise ({:.0} % or overlapping samples)",
        before.commit,
        before.level,
        after.commit,
        after.level,
        NOISE * 100.0
    );
    if before.machine != after.machine {
        let _infallible = writeln!(text, "on different machines: {} and {}", before.machine, after.machine);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::results::figures;

    fn results(better: Better, samples: &[f64]) -> Results {
        let mut row = Row { subject: "raft".into(), ..Row::default() };
        samples.iter().for_each(|sample| row.sample(figures::RATE, "/s", better, *sample));
        Results { rows: vec![row], ..Results::default() }
    }

    fn changes(better: Better, before: &[f64], after: &[f64]) -> Change {
        compare(&results(better, before), &results(better, after))
            .pop()
            .map_or(Change::Same, |one| one.change)
    }

    #[test]
    fn a_change_is_told_where_no_samples_overlap_and_it_is_large() {
        let before = [100.0, 104.0, 98.0];
        assert_eq!(changes(Better::Higher, &before, &[120.0, 130.0, 125.0]), Change::Better);
        assert_eq!(changes(Better::Lower, &before, &[120.0, 130.0, 125.0]), Change::Worse);
        assert_eq!(changes(Better::Higher, &before, &[80.0, 70.0, 75.0]), Change::Worse);
        assert_eq!(changes(Better::Higher, &before, &[105.0, 106.0, 107.0]), Change::Same, "apart, but near");
        assert_eq!(
            changes(Better::Higher, &before, &[103.0, 200.0, 210.0]),
            Change::Same,
            "far, but they overlap"
        );
        assert_eq!(changes(Better::Neither, &before, &[1.0, 1.0, 1.0]), Change::Same);
    }

    #[test]
    fn what_got_worse_is_told_first() {
        let mut before = results(Better::Higher, &[100.0]);
        let mut after = results(Better::Higher, &[200.0]);
        let slower = |rate| Row { what: "get".into(), ..results(Better::Higher, &[rate]).rows.remove(0) };
        before.rows.push(slower(100.0));
        after.rows.push(slower(50.0));
        let words = words(&before, &after);
        assert!(words.starts_with("worse"), "{words}");
        assert!(words.contains("1 worse, 1 better, 0 within noise"), "{words}");
    }
}
