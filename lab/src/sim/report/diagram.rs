//! The end of a run to look at: a column for each node, an arrow for each message that was let in, and beside it what
//! it says.
//!
//! ```text
//!    seconds       0       1       2
//!   0.412345       |       |<------o  Append 5@2..7 (3) after 4@2, term 2, commit 4, #9
//!   0.412501       |       *       |  disk: write and sync wal/1.log 512+300, durable
//!   0.413007  ~~~~~~~~~~~~~~~~~~~~~~  Power(Leader) for 81234 ns
//! ```

use std::fmt::Write;
use std::time::Duration;

use raft::Timestamp;

use super::trace::{About, Line};
use crate::sim::invariants::Violation;

/// Characters from one column to the next.
const WIDTH: usize = 8;
/// Characters before the first column, after the time.
const MARGIN: usize = 5;
/// Lines that are drawn.
const LINES: usize = 60;

/// Draws the last lines of a run of so many nodes. What disks did is shown for the node that the violation names.
#[must_use]
pub fn draw(nodes: usize, lines: &[Line], violation: &Violation) -> String {
    let failing = named(&violation.what);
    let wanted = |line: &&Line| match line.about {
        About::Message | About::Note => true,
        About::Disk => line.from.is_some() && line.from == failing,
        // It is drawn where it arrives.
        About::Sent => false,
    };
    let mut last: Vec<&Line> = lines.iter().filter(wanted).rev().take(LINES).collect();
    last.reverse();
    let columns: String = (0..nodes).map(|node| format!("{node:<WIDTH$}")).collect();
    let mut text = format!("{:>12}{:MARGIN$}{}\n", "seconds", "", columns.trim_end());
    for line in last {
        push(&mut text, line.at, &row(nodes, line), &line.what);
    }
    push(
        &mut text,
        violation.at,
        &"!".repeat(width(nodes)),
        &format!("{}: {}", violation.rule, violation.what),
    );
    text
}

fn push(text: &mut String, at: Timestamp, row: &str, what: &str) {
    let seconds = Duration::from_nanos(at.as_nanos()).as_secs_f64();
    // Into memory it has no way to fail.
    let _ = writeln!(text, "{seconds:>12.6}{row}  {what}");
}

/// Characters of all columns, with the margin.
fn width(nodes: usize) -> usize {
    MARGIN + nodes.saturating_sub(1) * WIDTH + 1
}

fn row(nodes: usize, line: &Line) -> String {
    let place = |node: usize| MARGIN + node * WIDTH;
    let mut row = vec![' '; width(nodes)];
    for node in 0..nodes {
        row[place(node)] = '|';
    }
    match (line.from.filter(|node| *node < nodes), line.to.filter(|node| *node < nodes)) {
        (Some(from), Some(to)) if from != to => {
            let (left, right) = (place(from.min(to)), place(from.max(to)));
            row[left + 1..right].fill('-');
            row[place(from)] = 'o';
            if from < to { row[right - 1] = '>' } else { row[left + 1] = '<' }
        }
        (Some(node), _) => row[place(node)] = '*',
        (None, _) => row[MARGIN - 2..].fill('~'),
    }
    row.into_iter().collect()
}

/// The first node that a text names.
fn named(what: &str) -> Option<usize> {
    let (_, rest) = what.split_once("node ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(about: About, from: Option<usize>, to: Option<usize>, what: &str) -> Line {
        Line { about, at: Timestamp::from_millis(1500), from, to, what: what.to_owned() }
    }

    fn drawn(lines: &[Line]) -> Vec<String> {
        let what = "node 1 says that it holds 7".to_owned();
        let violation = Violation { at: Timestamp::from_millis(1501), rule: "claims", what };
        draw(3, lines, &violation).lines().map(str::to_owned).collect()
    }

    #[test]
    fn arrows_go_from_the_sender_to_the_receiver() {
        let message = |from, to| line(About::Message, Some(from), Some(to), "x");
        let drawn = drawn(&[message(0, 1), message(2, 0), message(2, 1)]);
        assert_eq!(
            drawn,
            [
                "     seconds     0       1       2",
                "    1.500000     o------>|       |  x",
                "    1.500000     |<------|-------o  x".replace("-|-", "---").as_str(),
                "    1.500000     |       |<------o  x",
                "    1.501000!!!!!!!!!!!!!!!!!!!!!!  claims: node 1 says that it holds 7",
            ]
        );
    }

    #[test]
    fn notes_stand_at_their_node_and_faults_across_all() {
        let drawn =
            drawn(&[line(About::Note, Some(1), None, "starts"), line(About::Note, None, None, "Split(3)")]);
        assert_eq!(drawn[1], "    1.500000     |       *       |  starts");
        assert_eq!(drawn[2], "    1.500000   ~~~~~~~~~~~~~~~~~~~  Split(3)");
    }

    #[test]
    fn only_the_disk_of_the_failing_node_and_only_the_end_is_drawn() {
        let disk = |node| line(About::Disk, Some(node), None, "disk");
        assert_eq!(drawn(&[disk(0), disk(1), disk(2)]).len(), 3);
        let many: Vec<Line> =
            (0..100).map(|number| line(About::Note, Some(0), None, &format!("note {number}"))).collect();
        let drawn = drawn(&many);
        assert_eq!(drawn.len(), LINES + 2);
        assert!(drawn[1].ends_with("note 40") && drawn[LINES].ends_with("note 99"));
    }
}
