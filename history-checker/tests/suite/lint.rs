//! Lint: each rule on a history that breaks it and on its twin that does not, and power figures that were counted by
//! hand or in another way.

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::lint::{Grade, Lint, Rule, lint, lint_from};
use history_checker::{Action, Answer, FaultEdge, History, Key, Operation, Outcome, Recorder, Value};

use crate::generator::{Shape, World, generate};
use crate::script::script;

/// A script whose times are its line numbers, or what a word `@5` says.
fn timed(text: &str) -> History {
    let mut lines = String::new();
    for (number, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (mut time, mut value, mut more) = ((number + 1).to_string(), "null", String::new());
        let words: Vec<&str> = line.split_whitespace().collect();
        for word in &words[3..] {
            match word.strip_prefix('@') {
                Some(given) => given.clone_into(&mut time),
                None if word.contains("\":") => more += &format!(",{word}"),
                None => value = word,
            }
        }
        let [process, kind, op] = [words[0], words[1], words[2]];
        lines += &format!(
            r#"{{"process":{process},"kind":"{kind}","op":"{op}","value":{value}{more},"time":{time}}}"#
        );
        lines.push('\n');
    }
    jsonl::read(lines.as_bytes()).unwrap()
}

fn rules(lint: &Lint) -> Vec<Rule> {
    lint.findings.iter().map(|finding| finding.rule).collect()
}

/// A pair of histories of which only the first breaks the rule, and the lines that it must name.
fn pair(rule: Rule, bad: &str, lines: &[usize], good: &str) {
    let found = lint(&timed(bad));
    let finding = found.findings.iter().find(|finding| finding.rule == rule);
    let finding = finding.unwrap_or_else(|| panic!("{rule:?} is not found in {bad}: {found}"));
    assert_eq!(finding.lines, lines, "{finding}");
    let good = lint(&timed(good));
    assert!(!rules(&good).contains(&rule), "{rule:?}: {good}");
}

#[test]
fn each_rule_on_values_finds_its_like_only() {
    let (write, read) = ("0 invoke write 1\n 0 ok write\n", "1 invoke read\n 1 ok read 1\n");
    let good = format!("{write}{read}");
    let failed = "0 invoke write 1\n 0 fail write\n";
    pair(Rule::FailedWriteSeen, &format!("{failed}{read}"), &[1, 3], &good);
    // The failed write came after: then it cannot be the one.
    pair(Rule::NeverWritten, &format!("{read}{failed}"), &[1], &format!("{failed}{read}"));
    pair(Rule::NeverWritten, read, &[1], "0 invoke write 1\n 1 invoke read\n 1 ok read 1\n 0 info write");
    pair(Rule::AmbiguousValue, &format!("{write}{write}{read}"), &[1, 3], &good);
    pair(Rule::AmbiguousValue, &format!("{good}{write}"), &[1, 5], &format!("{write}{write}"));
    let delete = "0 invoke write null\n 0 ok write\n";
    let absent = "1 invoke read\n 1 ok read null\n";
    pair(Rule::InitialWrittenAgain, &format!("{delete}{absent}"), &[1, 3], &format!("{delete}{read}"));
    pair(Rule::OnlyInitialSeen, &format!("{write}{absent}"), &[], &good);
    pair(Rule::NothingRead, write, &[], &good);
    pair(Rule::NothingRead, write, &[], &format!("{write}1 invoke cas [1,2]\n 1 ok cas\n"));
    pair(Rule::NothingWritten, absent, &[], &good);
}

#[test]
fn each_rule_on_cas_finds_its_like_only() {
    let cas = |ends: &str| format!("0 invoke cas [1,2]\n 0 {ends}");
    pair(Rule::CasContradiction, &cas(r#"ok cas [1,2] "swapped":false "seen":1"#), &[1], &cas("ok cas"));
    let seen = cas(r#"ok cas [1,2] "swapped":false "seen":2"#);
    pair(Rule::CasUnseen, &cas(r#"ok cas [1,2] "swapped":false"#), &[1], &seen);
    pair(Rule::CasFailed, &cas("fail cas"), &[1], &seen);
    pair(Rule::CasToItself, "0 invoke cas [1,1]\n 0 ok cas", &[1], &cas("ok cas"));
    // A cas that did not swap has written nothing.
    let unseen = r#"0 invoke cas [null,2]
        0 ok cas [null,2] "swapped":false
        1 invoke read
        1 ok read 2"#;
    pair(Rule::NeverWritten, unseen, &[3], &unseen.replace("false", "true"));
}

#[test]
fn each_rule_on_versions_finds_its_like_only() {
    let write = |value: u32, version: u32| {
        format!("0 invoke write {value}\n 0 ok write {value} \"version\":{version}\n")
    };
    let read =
        |value: &str, version: u32| format!("1 invoke read\n 1 ok read {value} \"version\":{version}\n");
    let good = [write(7, 1), read("7", 1), write(8, 2), read("8", 2)].concat();
    pair(Rule::VersionOfTwoValues, &[write(7, 1), write(8, 1)].concat(), &[1, 3], &good);
    pair(Rule::VersionBackwards, &[write(7, 1), write(8, 2), read("7", 1)].concat(), &[3, 5], &good);
    // A write makes a new version, a read does not.
    pair(Rule::VersionBackwards, &[write(7, 1), write(8, 1)].concat(), &[1, 3], &good);
    pair(Rule::ValueOfTwoVersions, &[write(7, 1), read("7", 2)].concat(), &[1, 3], &good);
    // Overlapping operations may be answered in any order, and what is absent has no version.
    let overlapping =
        "1 invoke read\n 0 invoke write 8\n 0 ok write 8 \"version\":2\n 1 ok read 7 \"version\":1\n";
    pair(
        Rule::VersionBackwards,
        &[write(8, 2), read("7", 1)].concat(),
        &[1, 3],
        &format!("{}{overlapping}", write(7, 1)),
    );
    pair(
        Rule::VersionBackwards,
        &[write(8, 2), read("7", 0)].concat(),
        &[1, 3],
        &[write(8, 2), read("null", 0)].concat(),
    );
}

#[test]
fn each_rule_on_the_recording_finds_its_like_only() {
    let good = "0 invoke write 1\n 0 ok write\n 1 invoke read\n 1 ok read 1\n";
    let timeout = "0 invoke write 1\n 0 info write\n";
    pair(
        Rule::ProcessReused,
        &format!("{timeout} 0 invoke read\n 0 ok read 1"),
        &[1, 3],
        &format!("{timeout} 1 invoke read\n 1 ok read 1"),
    );
    pair(Rule::ManyUnknown, timeout, &[], good);
    pair(Rule::NeverAnswered, "0 invoke write 1", &[1], timeout);
    pair(Rule::ClockBackwards, "0 invoke write 1 @5\n 0 ok write @4", &[1, 2], good);
    pair(Rule::ClockTie, "0 invoke write 1 @5\n 0 ok write @5", &[1, 2], good);
    pair(Rule::SingleOperation, &good.replace("read\n", "read null \"key\":\"b\"\n"), &[1, 3], good);
    let fault = |edges: &[FaultEdge]| {
        let recorder = Recorder::in_memory();
        for (&edge, time) in edges.iter().zip(1..) {
            recorder.fault("kill n1", edge, time);
        }
        rules(&lint(&recorder.history())).contains(&Rule::FaultUnpaired)
    };
    assert!(fault(&[FaultEdge::Begin]) && fault(&[FaultEdge::End]));
    assert!(fault(&[FaultEdge::Begin, FaultEdge::End, FaultEdge::End]));
    assert!(!fault(&[FaultEdge::Begin, FaultEdge::End]));
}

/// What a correct client of a correct register records is not blamed.
#[test]
fn nothing_serious_is_found_where_nothing_is_wrong() {
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape { operations: 60, corrupted: 0, ..Shape::random(&mut rng) };
        let found = lint_from(&generate(&shape, &mut rng), &shape.initial);
        let serious = [
            Rule::FailedWriteSeen,
            Rule::NeverWritten,
            Rule::CasContradiction,
            Rule::VersionOfTwoValues,
            Rule::VersionBackwards,
            Rule::ClockBackwards,
            Rule::ProcessReused,
        ];
        let wrong: Vec<Rule> = rules(&found).into_iter().filter(|rule| serious.contains(rule)).collect();
        assert_eq!(wrong, [], "seed {seed}: {found}");
    }
}

#[test]
fn objects_other_than_registers_have_their_own_observations() {
    let queue = "0 invoke enqueue 1\n 0 fail enqueue\n 1 invoke dequeue\n 1 ok dequeue 1";
    assert!(rules(&lint(&script(queue))).contains(&Rule::FailedWriteSeen));
    assert!(!rules(&lint(&script(&queue.replace("fail", "ok")))).contains(&Rule::FailedWriteSeen));
    let empty = "1 invoke dequeue\n 1 ok dequeue null";
    assert!(!rules(&lint(&script(empty))).contains(&Rule::NeverWritten));
    let set = "0 invoke add 1\n 0 ok add\n 1 invoke read\n 1 ok read [1,2]";
    assert!(rules(&lint(&script(set))).contains(&Rule::NeverWritten));
    assert!(!rules(&lint(&script(&set.replace(",2", "")))).contains(&Rule::NeverWritten));
    let counter = "0 invoke add 1\n 0 ok add\n 0 invoke add 1\n 0 ok add\n 1 invoke read\n 1 ok read 2";
    assert!(!rules(&lint(&script(counter))).contains(&Rule::NeverWritten));
}

/// Counted as the definitions say, operation by operation against each other.
#[test]
fn power_figures_are_what_is_counted_one_by_one() {
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape { operations: 40, lost: 20, ..Shape::random(&mut rng) };
        let history = with_faults(&shape, &mut rng);
        let power = lint(&history).power;
        let all = history.operations();
        let span = |index: usize| {
            let operation = &all[index];
            let start = operation.invoked.line;
            (start, operation.completed_at().map_or(start, |mark| mark.line))
        };
        let overlap = |one: usize, other: usize| {
            let ((start, end), (other_start, other_end)) = (span(one), span(other));
            one != other && start <= other_end && other_start <= end
        };
        let in_flight: Vec<usize> = (0..all.len())
            .map(|one| {
                let start = span(one).0;
                (0..all.len()).filter(|&other| span(other).0 <= start && start <= span(other).1).count()
            })
            .collect();
        assert_eq!(power.in_flight_peak, in_flight.iter().copied().max().unwrap(), "seed {seed}");
        assert_close(power.in_flight_mean, in_flight.iter().sum::<usize>(), all.len());
        let effective: Vec<usize> =
            (0..all.len()).filter(|&one| !matches!(all[one].outcome, Outcome::NotApplied { .. })).collect();
        let same_key = |one: usize, other: usize| all[one].key == all[other].key && overlap(one, other);
        let overlapped =
            effective.iter().filter(|&&one| effective.iter().any(|&other| same_key(one, other))).count();
        assert_close(power.overlapped, overlapped, effective.len());
        let reads: Vec<usize> = effective.iter().copied().filter(|&one| is_read(&all[one])).collect();
        let beside = reads
            .iter()
            .filter(|&&read| effective.iter().any(|&other| is_change(&all[other]) && same_key(read, other)));
        assert_eq!((power.reads, power.reads_beside_writes), (reads.len(), beside.count()), "seed {seed}");
        for band in &power.faults {
            let [first, last] = band.lines;
            let during = |one: &usize| span(*one).0 <= last && span(*one).1 >= first;
            assert_eq!(band.operations, (0..all.len()).filter(during).count(), "seed {seed}: {band:?}");
            let answered = |one: &usize| {
                matches!(all[*one].outcome, Outcome::Ok { .. }) && (first..=last).contains(&span(*one).1)
            };
            assert_eq!(band.answered, (0..all.len()).filter(answered).count(), "seed {seed}: {band:?}");
            let near = |one: &&usize| span(**one).0 <= band.followed_until && span(**one).1 >= first;
            assert_eq!(band.reads, reads.iter().filter(near).count(), "seed {seed}: {band:?}");
        }
        let near_any = |one: &&usize| {
            power
                .faults
                .iter()
                .any(|band| span(**one).0 <= band.followed_until && span(**one).1 >= band.lines[0])
        };
        assert_eq!(power.reads_near_faults, reads.iter().filter(near_any).count(), "seed {seed}");
    }
}

fn is_read(operation: &Operation) -> bool {
    let seen = matches!(operation.outcome, Outcome::Ok { answer: Answer::Read(_) | Answer::Swapped, .. });
    seen || is_refused(operation)
}

fn is_refused(operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Ok { answer: Answer::NotSwapped { .. }, .. })
}

fn is_change(operation: &Operation) -> bool {
    operation.action != Action::Read && !is_refused(operation)
}

fn assert_close(share: f64, part: usize, whole: usize) {
    let expected = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    assert!((share - expected).abs() < 1e-9, "{share} instead of {expected}");
}

/// Two keys, one after the other in time but with open operations that reach over, and faults of any length.
fn with_faults(shape: &Shape, rng: &mut Rng) -> History {
    let recorder = Recorder::in_memory();
    let mut time = 0;
    for round in 0..4 {
        time += rng.u64(1..20);
        let nested = rng.bool();
        recorder.fault("partition", FaultEdge::Begin, time);
        let (key, client) = (shape.key.clone(), recorder.process());
        let reading = client.read(key, time);
        if nested {
            recorder.fault("kill n1", FaultEdge::Begin, time + 1);
        }
        let other = rng.bool().then(|| Key::from("other"));
        World::new(&Shape { operations: rng.usize(1..10), key: other, ..shape.clone() }, rng, &recorder)
            .run();
        if nested || round == 0 {
            recorder.fault("kill n1", FaultEdge::End, time + 3);
        }
        time += rng.u64(4..30);
        let _idle = reading.ok(Value::Null, time);
        recorder.fault("partition", FaultEdge::End, time);
        let mut reader = recorder.process();
        for _ in 0..5 {
            time += rng.u64(1..9);
            reader = reader.read(None, time).ok(Value::Null, time + 1);
        }
    }
    recorder.history()
}

/// What follows a fault: as long as it lasted, and not beyond the next one.
#[test]
fn a_fault_is_followed_for_as_long_as_it_lasted() {
    let recorder = Recorder::in_memory();
    let read = |time: u64| drop(recorder.process().read(None, time).ok(Value::Null, time));
    recorder.fault("pause", FaultEdge::Begin, 100);
    recorder.fault("pause", FaultEdge::End, 110);
    read(120);
    read(121);
    recorder.fault("kill", FaultEdge::Begin, 200);
    recorder.fault("kill", FaultEdge::End, 300);
    read(310);
    recorder.fault("kill", FaultEdge::Begin, 320);
    recorder.fault("kill", FaultEdge::End, 321);
    read(323);
    let power = lint(&recorder.history()).power;
    assert_eq!(power.faults.iter().map(|band| band.reads).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(power.reads_near_faults, 2);
}

/// Weak, fair and strong tests are told apart, and the weakest side counts.
#[test]
fn the_weakest_side_counts() {
    let graded = |clients: usize, operations: usize| {
        let history = generate(&Shape::plain(clients, operations), &mut Rng::with_seed(1));
        lint(&history).power
    };
    let sequential = graded(1, 2_000);
    let side = |power: &history_checker::lint::Power, name: &str| {
        power.verdicts.iter().find(|side| side.side == name).map(|side| side.grade)
    };
    assert_eq!(side(&sequential, "concurrency"), Some(Grade::Weak));
    assert_eq!(side(&sequential, "reads beside writes"), Some(Grade::Weak));
    assert_eq!(sequential.grade, Grade::Weak);
    let concurrent = graded(8, 2_000);
    for side in &concurrent.verdicts {
        let expected = if side.side == "faults" { Grade::Fair } else { Grade::Strong };
        assert_eq!(side.grade, expected, "{side:?}");
    }
    assert_eq!(concurrent.grade, Grade::Fair, "no fault was injected");
    assert_eq!(side(&graded(8, 60), "reads beside writes"), Some(Grade::Weak));
}

#[test]
fn lint_is_shown_to_people_and_to_programs() {
    let found = lint(&script("0 invoke write 1\n 0 fail write\n 1 invoke read\n 1 ok read 1"));
    let text = found.to_string();
    for expected in [
        "serious: a value was seen although",
        "1, whose write at line 1 failed, was seen at line 3",
        "→ record `info`",
        "power: weak",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["findings"][0]["rule"], "failed-write-seen");
    assert_eq!(json["findings"][0]["severity"], "serious");
    assert_eq!(json["findings"][0]["lines"], serde_json::json!([1, 3]));
    assert_eq!(json["power"]["grade"], "weak");
    assert_eq!(lint(&History::default()).power.operations, 0);
}
