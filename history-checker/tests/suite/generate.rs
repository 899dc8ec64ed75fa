//! Generated histories: the same from memory, stream and program; right where nothing is planted, wrong where
//! something is. `CHECKER_PLANTS` sets how many violations are planted (default 80).

use std::collections::BTreeSet;
use std::process::Command;

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::generate::{FailedAnswer, Lines, Plant, Shape, generate, stream};
use history_checker::{Action, History, Method, ModelKind, Options, Outcome, Summary, check};

fn lines(shape: &Shape, seed: u64) -> Vec<u8> {
    let mut lines = Lines(Vec::new());
    stream(shape, &mut Rng::with_seed(seed), &mut lines).unwrap();
    lines.0
}

fn history(shape: &Shape, seed: u64) -> History {
    generate(shape, &mut Rng::with_seed(seed)).unwrap()
}

fn summary(history: &History, shape: &Shape, method: Method) -> Summary {
    let options = Options { initial: shape.initial.clone(), method, ..Options::default() };
    check(history, shape.model, &options).unwrap().summary()
}

/// Something of everything.
fn mixed() -> Shape {
    Shape {
        model: ModelKind::Map,
        keys: 3,
        cas: 20,
        writes: 30,
        lost: 15,
        refused: 15,
        open: 5,
        plants: Plant::ALL.to_vec(),
        ..Shape::plain(5, 300)
    }
}

#[test]
fn a_streamed_history_is_the_one_in_memory() {
    for failed_cas in [FailedAnswer::Seen, FailedAnswer::NotSeen, FailedAnswer::Fail] {
        let shape = Shape { failed_cas, ..mixed() };
        assert_eq!(jsonl::read(&lines(&shape, 1)[..]).unwrap(), history(&shape, 1));
        assert_ne!(lines(&shape, 1), lines(&shape, 2));
    }
}

#[test]
fn the_program_writes_what_the_library_does() {
    let shape = Shape { plants: vec![Plant::StaleRead, Plant::LostUpdate], ..mixed() };
    let arguments = "generate --seed 9 --model map --keys 3 --clients 5 --operations 300 --writes 30 --cas 20 \
        --lost 15 --refused 15 --open 5 --plant stale-read --plant lost-update";
    let program = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_history-checker"));
        command.args(arguments.split_whitespace()).args(more).output().unwrap()
    };
    assert!(program(&[]).stdout == lines(&shape, 9), "to standard output");
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = program(&["--output", file.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert!(std::fs::read(file.path()).unwrap() == lines(&shape, 9), "to a file");

    let wrong = program(&["--model", "queue"]);
    assert_eq!(wrong.status.code(), Some(3));
    let wrong = Command::new(env!("CARGO_BIN_EXE_history-checker"))
        .args(["generate", "--model", "set", "--plant", "stale-read"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(3));
    let reason = String::from_utf8(wrong.stderr).unwrap();
    assert!(reason.contains("a stale read can be planted into registers only"), "{reason}");
}

#[test]
fn a_correct_object_is_never_refused() {
    use ModelKind::{CasRegister, Counter, Map, Queue, Register, Set};
    for seed in 0..40 {
        for model in [Register, CasRegister, Map, Counter, Set, Queue] {
            let cas = if matches!(model, CasRegister | Map) { 25 } else { 0 };
            let keys = if matches!(model, Register | CasRegister) { 1 } else { 4 };
            let values = (model == Set || seed % 2 == 0).then_some(6);
            // Every queue's enqueues that are in flight together can be in any order: keep that small.
            let (operations, open) = if model == Queue { (60, 2) } else { (200, 6) };
            let shape = Shape { model, cas, keys, values, open, lost: 6, ..Shape::plain(4, operations) };
            let history = history(&shape, seed);
            assert_eq!(
                summary(&history, &shape, Method::Auto),
                Summary::Linearizable,
                "{shape:?}, seed {seed}"
            );
        }
    }
}

#[test]
fn a_shape_is_what_the_history_looks_like() {
    let history = history(&mixed(), 3);
    let operations = history.operations();
    let planted = 3 + 3 + 6 + 6;
    assert_eq!(operations.len(), 300 + 5 + planted);
    let never_answered = |outcome: &Outcome| *outcome == Outcome::Unknown { gave_up: None };
    assert!(operations[..5].iter().all(|operation| never_answered(&operation.outcome)));
    for key in ["k0", "k1", "k2"] {
        let count =
            operations.iter().filter(|operation| operation.key.as_ref().unwrap().as_str() == key).count();
        assert!(count > 60, "{key}: {count}");
    }
}

#[test]
fn every_plant_is_found_and_nothing_without_one() {
    let plants = std::env::var("CHECKER_PLANTS").map_or(80, |count| count.parse().unwrap());
    for seed in 0..plants {
        let plant = Plant::ALL[usize::try_from(seed % 4).unwrap()];
        let values = (seed % 8 >= 4).then_some(5);
        let shape = Shape { cas: 20, lost: 6, values, open: 4, ..Shape::plain(4, 80) };
        assert_eq!(
            summary(&history(&shape, seed), &shape, Method::Auto),
            Summary::Linearizable,
            "seed {seed}"
        );
        let shape = Shape { plants: vec![plant], ..shape };
        let history = history(&shape, seed);
        for method in [Method::Auto, Method::SearchOnly] {
            let summary = summary(&history, &shape, method);
            assert_eq!(summary, Summary::NotLinearizable, "{plant}, seed {seed}, {method:?}");
        }
    }
}

/// A range without a beginning would begin far below zero.
#[test]
fn values_are_drawn_from_as_many_as_the_shape_says() {
    let shape = Shape { values: Some(4), cas: 20, ..Shape::plain(3, 500) };
    let mut seen = BTreeSet::new();
    for operation in history(&shape, 1).operations() {
        match &operation.action {
            Action::Write(value) | Action::Cas { to: value, .. } => drop(seen.insert(value.to_string())),
            _ => {}
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["0", "1", "2", "3", "null"]);
}

/// A plant is all that is wrong: without its reads, or one of its two swaps, the rest is fine again.
#[test]
fn the_plant_is_all_that_is_wrong() {
    for (seed, plant) in (0..40).zip(Plant::ALL.into_iter().cycle()) {
        let shape = Shape { plants: vec![plant], cas: 20, ..Shape::plain(5, 200) };
        let text = String::from_utf8(lines(&shape, seed)).unwrap();
        let lines: Vec<(&str, serde_json::Value)> =
            text.lines().map(|line| (line, serde_json::from_str(line).unwrap())).collect();
        let alone = |process: &serde_json::Value| {
            lines.iter().filter(|(_, line)| line["process"] == *process).count() == 2
        };
        let excess = |line: &serde_json::Value| match plant {
            Plant::LostUpdate => line["value"] == serde_json::json!([-1, -2]),
            _ => line["op"] == "read",
        };
        let kept = lines.iter().filter(|(_, line)| !(excess(line) && alone(&line["process"])));
        let rest: String = kept.map(|(line, _)| format!("{line}\n")).collect();
        assert!(rest.len() < text.len(), "{plant}");
        let rest = jsonl::read(rest.as_bytes()).unwrap();
        assert_eq!(summary(&rest, &shape, Method::Auto), Summary::Linearizable, "{plant}, seed {seed}");
    }
}
