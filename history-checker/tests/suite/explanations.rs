//! What a violation names: few operations, the right ones, and enough of them.

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::report::Engine;
use history_checker::{
    Budget, Entry, FailedCas, History, Key, Method, ModelKind, Moment, Options, Recorder, Report, Search,
    Summary, Timeline, Value, Verdict, check, linearize,
    models::{CasRegister, RegisterOp},
};

use crate::generator::{Shape, World, generate};
use crate::referee;
use crate::script::script;

fn report(history: &History, method: Method) -> Report {
    check(history, ModelKind::CasRegister, &Options { method, ..Options::default() }).unwrap()
}

/// The sentence of the only violation.
fn sentence(text: &str, method: Method) -> String {
    let report = report(&script(text), method);
    let mut violations = report.violations();
    violations.next().unwrap_or_else(|| panic!("no violation: {report}")).1.sentence.clone()
}

const STALE_READ: &str = "
    0 invoke write 1
    0 ok write
    0 invoke write 2
    0 ok write
    1 invoke read
    1 ok read 1";

#[test]
fn a_stale_read_by_zones() {
    assert_eq!(
        sentence(STALE_READ, Method::Auto),
        "process 1's read that saw 1 (lines 5–6) cannot be explained: process 0's write of 2 (lines 3–4) was over \
         (line 4) before process 1's read was invoked (line 5), so 1 comes after 2; but process 0's write of 1 (lines \
         1–2) was over (line 2) before process 0's write of 2 was invoked (line 3), so 2 comes after 1."
    );
}

#[test]
fn a_stale_read_by_search() {
    assert_eq!(
        sentence(STALE_READ, Method::SearchOnly),
        "process 1's read that saw 1 (lines 5–6) fits nowhere: every order that explains what returned before it \
         leaves the register at 2 (from process 0's write of 2 (lines 3–4)). The last write of what it needs was \
         process 0's write of 1 (lines 1–2)."
    );
}

/// A CAS from a value to itself is a read, and does not cost the register its unique values.
#[test]
fn a_cas_that_changes_nothing_writes_nothing() {
    let report =
        report(&script("0 invoke write 1\n 0 ok write\n 0 invoke cas [1,1]\n 0 ok cas"), Method::Auto);
    assert!(report.is_linearizable());
    assert_eq!(report.keys[0].engine, Engine::Zones);
}

#[test]
fn every_kind_of_clash_has_its_sentence() {
    let cases = [
        ("0 invoke read\n 0 ok read 9", "depends on 9, which nobody wrote"),
        (
            "0 invoke read\n 0 ok read 1\n 0 invoke write 1\n 0 ok write",
            "was over before anybody asked to write this value; the first was process 0's write of 1",
        ),
        ("0 invoke cas [1,2]\n 0 ok cas [1,2] \"swapped\":false \"seen\":1", "that is what it expected"),
        (
            "0 invoke write 1\n 0 ok write\n 0 invoke cas [1,2]\n 0 ok cas\n 0 invoke cas [1,3]\n 0 ok cas",
            "both replaced one and the same value: process 0's write of 1",
        ),
        (
            "0 invoke cas [1,2]\n 1 invoke cas [2,1]\n 0 ok cas\n 1 ok cas",
            "expects a value that only the others lead to: process 0's cas 1→2 (lines 1–3); process 1's cas 2→1",
        ),
        (
            "0 invoke cas [null,1]\n 0 ok cas\n 1 invoke read\n 1 ok read null",
            "depends on null, but process 0's cas null→1 (lines 1–2) had replaced that",
        ),
        (
            "0 invoke write 1\n 0 ok write\n 1 invoke read\n 1 ok read null",
            "the initial value null was there before everything, so 1 comes after null",
        ),
    ];
    for (text, expected) in cases {
        let sentence = sentence(text, Method::Auto);
        assert!(sentence.contains(expected), "{sentence}");
    }
}

/// A run over several keys with many answers lost, and one stale read in it.
#[test]
fn the_clash_is_named_among_many_open_writes() {
    let recorder = Recorder::in_memory();
    let mut rng = Rng::with_seed(1);
    let key = Key::from("x");
    for name in ["w", "x", "y"] {
        let shape = Shape { lost: 60, key: Some(Key::from(name)), ..Shape::plain(5, 300) };
        World::new(&shape, &mut rng, &recorder).run();
    }
    let client = recorder.process();
    let client = client.write(Some(key.clone()), Value::from("old"), 0).ok(0);
    let client = client.write(Some(key.clone()), Value::from("new"), 0).ok(0);
    let _idle = client.read(Some(key.clone()), 0).ok(Value::from("old"), 0);

    let history = recorder.history();
    let report = check(&history, ModelKind::Map, &Options::default()).unwrap();
    let violations: Vec<_> = report.violations().collect();
    let [(found, violation)] = violations[..] else { panic!("{report}") };
    assert_eq!(found.key, Some(key));
    assert!(found.counts.open >= 50, "{report}");
    let count = history.operations().len();
    assert_eq!(violation.operations, [count - 3, count - 2, count - 1]);
    let line = history.operations()[count - 1].invoked.line;
    let read = format!("read that saw \"old\" (lines {line}–{}) cannot be explained", line + 1);
    assert!(violation.sentence.contains(&read), "{report}");
}

/// Without CAS the named operations are a history of their own that nothing explains, of six operations at most.
#[test]
fn the_operations_that_zones_name_clash_by_themselves() {
    let mut seen = 0;
    for seed in 0..5_000 {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape { values: None, cas: 0, ..Shape::random(&mut rng) };
        let shape = Shape { operations: 20, corrupted: 30, ..shape };
        let history = generate(&shape, &mut rng);
        let options = Options { initial: shape.initial.clone(), ..Options::default() };
        let report = check(&history, ModelKind::Register, &options).unwrap();
        for (key, violation) in report.violations().filter(|(key, _)| key.engine == Engine::Zones) {
            assert!(violation.operations.len() <= 6, "seed {seed}: {key}");
            let part = only(&history, &violation.operations);
            assert!(!referee::is_linearizable(&part, &shape.initial, FailedCas::Drop), "seed {seed}: {key}");
            seen += 1;
        }
    }
    assert!(seen >= 1_000, "{seen}");
}

fn only(history: &History, operations: &[usize]) -> History {
    let mut lines: Vec<(usize, Vec<u8>)> = Vec::new();
    for operation in operations.iter().map(|&index| &history.operations()[index]) {
        let mut line = Vec::new();
        jsonl::write_invocation(&mut line, operation).unwrap();
        lines.push((operation.invoked.line, line));
        if let Some(mark) = operation.completed_at() {
            let mut line = Vec::new();
            jsonl::write_completion(&mut line, operation).unwrap();
            lines.push((mark.line, line));
        }
    }
    lines.sort();
    let text: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
    jsonl::read(&text[..]).unwrap()
}

/// Linearizability is prefix-closed, and the search's frontier is where the shortest bad prefix ends.
#[test]
fn the_frontier_ends_the_shortest_bad_prefix() {
    let model = CasRegister { initial: 0 };
    let found = |timeline: &Timeline<RegisterOp>| {
        matches!(linearize(&model, timeline, Budget::default()), Search::Found { .. })
    };
    let mut seen = 0;
    for seed in 0..5_000 {
        let timeline = random_timeline(&mut Rng::with_seed(seed));
        let Search::Impossible { frontier, .. } = linearize(&model, &timeline, Budget::default()) else {
            continue;
        };
        let end = timeline.entries()[frontier.entry].returned.unwrap();
        assert!(!found(&prefix(&timeline, end)), "seed {seed}: {timeline:?}");
        assert!(found(&prefix(&timeline, end - 1)), "seed {seed}: {timeline:?}");
        seen += 1;
    }
    assert!(seen > 500, "{seen}");
}

fn random_timeline(rng: &mut Rng) -> Timeline<RegisterOp> {
    let count = 10;
    let entries = (0..count).map(|number| {
        let value = rng.usize(..3);
        let op = match rng.u32(..4) {
            0 => RegisterOp::Swap { from: value, to: (value + 1) % 3 },
            1 => RegisterOp::Put(value),
            _ => RegisterOp::Observe(value),
        };
        // Twice a number and one more are distinct, and the intervals overlap now and then.
        let (invoked, length) = (2 * number + 1, 2 * rng.u64(..6) + 1);
        Entry { op, invoked, returned: (rng.u32(..6) > 0).then_some(100 * (invoked + length) + number) }
    });
    Timeline::new(entries.map(|entry| Entry { invoked: 100 * entry.invoked, ..entry }).collect())
}

fn prefix(timeline: &Timeline<RegisterOp>, end: Moment) -> Timeline<RegisterOp> {
    let begun = timeline.entries().iter().filter(|entry| entry.invoked <= end);
    let cut = begun
        .map(|entry| Entry { returned: entry.returned.filter(|&returned| returned <= end), ..entry.clone() });
    Timeline::new(cut.collect())
}

#[test]
fn a_spent_budget_says_how_far_it_came_and_does_so_every_time() {
    let shape = Shape { values: Some(3), cas: 30, lost: 30, ..Shape::plain(8, 300) };
    let history = generate(&shape, &mut Rng::with_seed(3));
    let budget = Budget { configurations: 20, ..Budget::default() };
    let options = Options { budget, ..Options::default() };
    let report = check(&history, ModelKind::CasRegister, &options).unwrap();
    let [key] = &report.keys[..] else { panic!("one key") };
    let Verdict::Unknown(unexplained) = &key.verdict else { panic!("{report}") };
    assert_eq!(report.summary(), Summary::Unknown);
    assert!(unexplained.explained < key.counts.completed && unexplained.next.is_some());
    assert!(unexplained.sentence.starts_with("gave up after 20 configurations: "), "{report}");
    assert_eq!(check(&history, ModelKind::CasRegister, &options).unwrap(), report);
}

/// All of them are to blame, and far too many to be told or drawn.
#[test]
fn a_large_circle_is_told_in_part() {
    let size = 300;
    let invoked = (0..size).map(|at| format!("{at} invoke cas [{},{}]\n", at + 1, (at + 1) % size + 1));
    let returned = (0..size).map(|at| format!("{at} ok cas\n"));
    let history = script(&invoked.chain(returned).collect::<String>());
    let report = check(&history, ModelKind::CasRegister, &Options::default()).unwrap();
    let (_, violation) = report.violations().next().unwrap();
    assert!(violation.sentence.ends_with("; … and 280 more."), "{}", violation.sentence);
    assert!(history_checker::shrink::picture(&history, violation).lines().count() < 60);
}
