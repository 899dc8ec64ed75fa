//! The core of a violation proves it: the referee refuses it too, and it lacks no writer of what it depends on.
//! `CHECKER_CORES` sets how many random histories are tried (default 3 000).

use fastrand::Rng;
use history_checker::engine::brute::{COMPLETED, OPEN};
use history_checker::format::jsonl;
use history_checker::shrink::{Part, shrink};
use history_checker::{
    Action, Answer, Budget, Certifier, Core, Entry, FailedCas, History, Method, Model, ModelKind, Operation,
    Options, Outcome, Summary, Timeline, Value, check,
};

use crate::generator::{Shape, generate};
use crate::referee;
use crate::script::script;

/// Expects a core to be a proof: refused by the referee, and complete. False if it is too large for the referee.
pub(crate) fn verified(history: &History, core: &Core, options: &Options) -> bool {
    assert_complete(history, core);
    let part = core.history(history);
    let open = part.operations().iter().filter(|operation| open(operation)).count();
    let small = part.operations().len() - open <= COMPLETED && open <= OPEN;
    if small {
        assert!(!referee::is_linearizable(&part, &options.initial, options.failed_cas), "{}", text(&part));
    }
    small
}

fn open(operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Unknown { .. })
}

/// Straight from CHECKER's words: it contains every writer of each value that it observes, as far as that may have
/// been seen.
fn assert_complete(history: &History, core: &Core) {
    let part = core.history(history);
    let end =
        part.operations().iter().filter(|operation| !open(operation)).filter_map(Operation::completed_at);
    let end = end.map(|mark| mark.line).max().unwrap();
    let begin = core.since.map_or(0, |write| history.operations()[write].invoked.line);
    let begun = part.operations().iter().filter(|operation| operation.invoked.line < end);
    let depends: Vec<&Value> = begun.filter_map(expected).collect();
    for (index, operation) in history.operations().iter().enumerate() {
        let ok = matches!(operation.outcome, Outcome::Ok { .. });
        let over = ok && operation.completed_at().is_some_and(|mark| mark.line < begin);
        let needed = written(operation).is_some_and(|value| depends.contains(&value));
        if needed && !over && operation.invoked.line < end {
            assert!(core.operations.contains(&index), "{operation} is missing from\n{}", text(&part));
        }
    }
    if let Some(write) = core.since.map(|write| &history.operations()[write]) {
        let hidden = write.completed_at().unwrap().line;
        let observes =
            |operation: &&Operation| !open(operation) && !matches!(operation.action, Action::Write(_));
        for operation in part.operations().iter().filter(observes) {
            assert!(operation.invoked.line > hidden, "{operation} is not behind {write}\n{}", text(&part));
        }
    }
}

fn expected(operation: &Operation) -> Option<&Value> {
    match (&operation.action, &operation.outcome) {
        (_, Outcome::Ok { answer: Answer::Read(value), .. }) => Some(value),
        // No writer makes an answer possible that says that it saw what it expected.
        (Action::Cas { from, .. }, Outcome::Ok { answer: Answer::NotSwapped { seen }, .. }) => {
            seen.as_ref().filter(|&seen| seen != from)
        }
        (_, Outcome::NotApplied { .. }) => None,
        (Action::Cas { from, .. }, _) => Some(from),
        _ => None,
    }
}

/// A CAS from a value to itself writes nothing.
fn written(operation: &Operation) -> Option<&Value> {
    match (&operation.action, &operation.outcome) {
        (_, Outcome::NotApplied { .. } | Outcome::Ok { answer: Answer::NotSwapped { .. }, .. }) => None,
        (Action::Cas { from, to }, _) => (from != to).then_some(to),
        (Action::Write(value), _) => Some(value),
        _ => None,
    }
}

pub(crate) fn text(history: &History) -> String {
    let mut lines = Vec::new();
    jsonl::write_history(&mut lines, history).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn every_core_of_a_random_history_is_a_proof() {
    let histories = std::env::var("CHECKER_CORES").map_or(3_000, |count| count.parse().unwrap());
    let (mut seen, mut hidden, mut by_brute_force) = (0, 0, 0);
    for seed in 0..histories {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng);
        let shape = Shape { operations: rng.usize(6..=12), corrupted: rng.u32(30..=100), ..shape };
        let history = generate(&shape, &mut rng);
        let failed_cas = if rng.bool() { FailedCas::Drop } else { FailedCas::Observe };
        for method in [Method::Auto, Method::SearchOnly] {
            let options =
                Options { initial: shape.initial.clone(), failed_cas, method, ..Options::default() };
            let report = check(&history, ModelKind::CasRegister, &options).unwrap();
            assert_ne!(report.summary(), Summary::Unknown, "seed {seed}: {report}");
            for (_, violation) in report.violations() {
                let core = &violation.core;
                assert!(verified(&history, core, &options), "seed {seed}: {report}");
                let part = core.history(&history);
                let again = jsonl::read(text(&part).as_bytes()).unwrap();
                let again = check(&again, ModelKind::CasRegister, &options).unwrap();
                assert_eq!(
                    again.summary(),
                    Summary::NotLinearizable,
                    "seed {seed}: {report}\n{}",
                    text(&part)
                );
                seen += 1;
                hidden += u64::from(core.since.is_some());
                by_brute_force += u64::from(core.certified == Certifier::BruteForce);
            }
        }
    }
    println!("{seen} cores, {hidden} of them behind a write, {by_brute_force} confirmed by brute force");
    assert!(seen * 2 > histories && hidden * 100 > seen && by_brute_force * 10 > seen * 9);
}

fn core_of(model: ModelKind, history: &History) -> Core {
    let report = check(history, model, &Options::default()).unwrap();
    let (_, violation) = report.violations().next().unwrap_or_else(|| panic!("{report}"));
    violation.core.clone()
}

#[test]
fn a_queue_shrinks_to_the_values_that_clash() {
    let mut text = String::new();
    for value in 1..=30 {
        text += &format!("0 invoke enqueue {value}\n 0 ok enqueue\n");
    }
    for value in [1, 2, 3, 5, 4] {
        text += &format!("1 invoke dequeue\n 1 ok dequeue {value}\n");
    }
    let core = core_of(ModelKind::Queue, &script(&text));
    assert_eq!(core.operations, [3, 4, 33], "enqueue of 4, of 5, and the dequeue of 5");
    assert_eq!((core.certified, core.since), (Certifier::BruteForce, None));
}

/// Its answer would say what it took. Without that, it may have taken what stood in the way.
#[test]
fn a_dequeue_whose_answer_is_forgotten_has_none() {
    let text = "0 invoke enqueue 1\n 0 ok enqueue\n 0 invoke enqueue 2\n 0 ok enqueue\n 1 invoke dequeue\n
        2 invoke dequeue\n 2 ok dequeue 2\n 1 ok dequeue 2";
    let text: String = text.lines().map(|line| line.trim().to_owned() + "\n").collect();
    let history = script(&text);
    let core = core_of(ModelKind::Queue, &history);
    let again = check(&core.history(&history), ModelKind::Queue, &Options::default()).unwrap();
    assert_eq!(again.summary(), Summary::NotLinearizable, "{core:?}");
}

#[test]
fn a_counter_loses_its_reads_and_what_came_later() {
    let mut text = String::new();
    for sum in 1..=10 {
        text += &format!("0 invoke add 1\n 0 ok add\n 0 invoke read\n 0 ok read {}\n", sum + sum / 6);
    }
    let core = core_of(ModelKind::Counter, &script(&text));
    assert_eq!(core.operations, [0, 2, 4, 6, 8, 10, 11], "the adds before the first wrong read, and that");
}

#[test]
fn a_set_keeps_the_one_wrong_read() {
    let text = "0 invoke add 1\n 0 ok add\n 0 invoke read\n 0 ok read [1]\n 0 invoke remove 1\n 0 ok remove\n
        0 invoke read\n 0 ok read [1]\n 0 invoke read\n 0 ok read []";
    let core = core_of(ModelKind::Set, &script(text));
    assert_eq!(core.operations, [0, 2, 3]);
}

/// Hands out 1, 2, 3, …; `None` asks how many are out, and is not answered.
struct Tickets;

impl Model for Tickets {
    type State = u32;
    type Op = Option<u32>;

    fn initial(&self) -> u32 {
        0
    }

    fn step(&self, last: &u32, ticket: &Option<u32>) -> Option<u32> {
        match ticket {
            None => Some(*last),
            Some(ticket) => (*ticket == last + 1).then_some(*ticket),
        }
    }

    fn only_observes(&self, ticket: &Option<u32>) -> bool {
        ticket.is_none()
    }
}

#[test]
fn a_model_of_ones_own_shrinks_to_its_shortest_bad_prefix() {
    let tickets = [Some(1), None, Some(2), Some(2), Some(3)];
    let entry = |(number, &op): (usize, &Option<u32>)| {
        let invoked = 2 * number as u64 + 1;
        Entry { op, invoked, returned: Some(invoked + 1) }
    };
    let whole = Timeline::new(tickets.iter().enumerate().map(entry).collect());
    let (part, certifier) = shrink(&Tickets, &whole, Budget::default()).unwrap().unwrap();
    assert_eq!(part.kept.iter().map(|kept| kept.entry).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(certifier, Certifier::BruteForce);
    let good = part_without_the_last(&whole, &part);
    assert_eq!(shrink(&Tickets, &good, Budget::default()), Ok(None));
}

fn part_without_the_last(whole: &Timeline<Option<u32>>, part: &Part) -> Timeline<Option<u32>> {
    let entries = part.kept.iter().map(|kept| whole.entries()[kept.entry].clone());
    Timeline::new(entries.take(part.len() - 1).collect())
}
