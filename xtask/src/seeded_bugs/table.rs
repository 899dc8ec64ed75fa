//! What the command prints at its end: a row for each bug, and how many there are.

use super::bug::Source;
use super::simulator::Sim;
use super::{Tried, Verdict};

/// Bug, where it is known from, the test that found it, after how many seeds which rule did, what it does.
pub(super) fn table(results: &[Tried<'_>]) -> String {
    let heading =
        ["bug", "known from", "test", "seeds", "by the simulator", "what it does"].map(str::to_owned);
    let rows: Vec<[String; 6]> = [heading].into_iter().chain(results.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(tried: &Tried<'_>) -> [String; 6] {
    let bug = tried.bug;
    let test = match (&bug.test, &tried.test) {
        (Some(test), Some(Verdict::Found)) => test.to_string(),
        (Some(test), Some(_)) => format!("NOT {test}"),
        _ => "-".to_owned(),
    };
    let (seeds, mut by) = tried.sim.as_ref().map_or(("-".to_owned(), "-".to_owned()), Sim::say);
    if let (Some(case), Some(rule)) = (bug.case, &tried.case) {
        by += &match rule {
            Some(_) => format!("; case {case}"),
            None => format!("; case {case} MISSED"),
        };
    }
    [bug.name.to_owned(), bug.source.to_string(), test, seeds, by, bug.does.to_owned()]
}

/// The last lines. A bug counts once, whoever found it.
pub(super) fn count(results: &[Tried<'_>]) -> String {
    let by_test = |tried: &&Tried<'_>| tried.test == Some(Verdict::Found);
    let by_simulator = |tried: &&Tried<'_>| tried.sim.as_ref().is_some_and(Sim::is_found);
    let by_case = |tried: &&Tried<'_>| matches!(tried.case, Some(Some(_)));
    let all = results.len();
    let found =
        results.iter().filter(|tried| by_test(tried) || by_simulator(tried) || by_case(tried)).count();
    let tests = results.iter().filter(|tried| tried.test.is_some()).count();
    let cases = results.iter().filter(|tried| tried.case.is_some()).count();
    let tried = results.iter().filter(|tried| tried.sim.as_ref().is_some_and(Sim::was_tried)).count();
    let seen =
        results.iter().filter(|tried| matches!(tried.bug.source, Source::Seen(_) | Source::Ours)).count();
    format!(
        "{all} seeded bugs, {seen} of them known from real systems: {found} found, by tests {} of {tests}, by the \
         simulator {} of {tried}, by saved cases {} of {cases}\n",
        results.iter().filter(by_test).count(),
        results.iter().filter(by_simulator).count(),
        results.iter().filter(by_case).count(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::bug::{Bug, Known};
    use super::super::simulator::{ByScope, BySeeds};
    use super::*;

    #[test]
    fn a_bug_has_one_row_whoever_found_it() {
        let tested = Bug::new("a", Source::Rule("paper §5.2"), "forgets").tested("raft", "finds_a");
        let bug = || Bug::new("b", Source::Seen("etcd-io/etcd#1"), "lies").simulated(Known::After(300));
        let (plain, saved) = (bug(), bug().replayed("b"));
        let seeds = Some(BySeeds { rule: "r".to_owned(), seeds: 2 });
        let scope = Some(ByScope { rule: "s".to_owned(), scope: "read" });
        let sim = |sim| Tried { sim: Some(sim), ..Tried::new(&plain) };
        let results = [
            Tried { test: Some(Verdict::Found), ..Tried::new(&tested) },
            Tried { test: Some(Verdict::NoTest), ..Tried::new(&tested) },
            sim(Sim::Found { seeds, scope }),
            sim(Sim::Hole { why: "masked" }),
            Tried {
                case: Some(Some("r".to_owned())),
                ..Tried { bug: &saved, ..sim(Sim::Missed { seeds: 60 }) }
            },
            Tried { case: Some(None), ..Tried { bug: &saved, ..sim(Sim::TooFew { seeds: 60, needs: 300 }) } },
        ];
        let text = table(&results);
        let cells = |line: &str| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("|")
        };
        let lines: Vec<String> = text.lines().map(cells).collect();
        assert_eq!(lines[0], "bug|known from|test|seeds|by the simulator|what it does");
        assert_eq!(lines[1], "a|rule: paper §5.2|raft: finds_a|-|-|forgets");
        assert_eq!(lines[2], "a|rule: paper §5.2|NOT raft: finds_a|-|-|forgets");
        assert_eq!(lines[3], "b|etcd-io/etcd#1|-|2|r; s (explored: read)|lies");
        assert_eq!(lines[4], "b|etcd-io/etcd#1|-|-|hole: masked|lies");
        assert_eq!(lines[5], "b|etcd-io/etcd#1|-|60|MISSED; case b|lies");
        assert_eq!(lines[6], "b|etcd-io/etcd#1|-|60|not found in these: needs 300 seeds; case b MISSED|lies");
        assert_eq!(
            count(&results),
            "6 seeded bugs, 4 of them known from real systems: 3 found, by tests 1 of 2, by the simulator 1 of 4, by saved \
             cases 1 of 2\n"
        );
    }
}
