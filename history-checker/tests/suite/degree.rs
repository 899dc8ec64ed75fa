//! Degrees of wrongness against their definitions written out, on random small histories. `CHECKER_DEGREES` sets how
//! many are tried (default 24 000).

use fastrand::Rng;
use history_checker::degree::{Degree, Holds, degree};
use history_checker::format::{Completion, End, Event, Joiner, jsonl};
use history_checker::{
    Action, Answer, Budget, FailedCas, History, ModelKind, Options, Recorder, Value, check,
};

use crate::degree_referee::{self as referee, steps};
use crate::generator::{Shape, World, generate};
use crate::script::script;

/// How often each question was answered no and yes.
#[derive(Debug, Default)]
struct Tally {
    sequential: [usize; 2],
    /// Of those, where values have one writer each.
    unique: [usize; 2],
    regular: [usize; 2],
    stale: [usize; 2],
    worse_than_one: usize,
    future: usize,
    never: usize,
}

#[test]
fn degrees_are_what_their_definitions_say() {
    let histories = std::env::var("CHECKER_DEGREES").map_or(24_000, |count| count.parse().unwrap());
    let mut tally = Tally::default();
    for seed in 0..histories {
        let mut rng = Rng::with_seed(seed);
        let (history, initial) = if rng.bool() {
            let shape = Shape::random(&mut rng);
            (generate(&shape, &mut rng), shape.initial)
        } else {
            (random(&mut rng), Value::Null)
        };
        let failed_cas = if rng.bool() { FailedCas::Drop } else { FailedCas::Observe };
        let options = Options { initial: initial.clone(), failed_cas, ..Options::default() };
        compare(&history, &options, &mut tally).unwrap_or_else(|wrong| {
            panic!("seed {seed}: {wrong}\n{options:?}\n{}", text(&history));
        });
    }
    println!("{tally:?}");
    let Tally { sequential, unique, regular, stale, worse_than_one, future, never } = tally;
    for count in [sequential, regular, stale].concat() {
        assert!(count as u64 * 10 >= histories, "one side only");
    }
    for count in [&unique[..], &[worse_than_one, future, never]].concat() {
        assert!(count as u64 * 50 >= histories, "hardly tried");
    }
}

fn measured(history: &History, options: &Options) -> Degree {
    let all: Vec<usize> = (0..history.operations().len()).collect();
    degree(history, &all, options)
}

fn compare(history: &History, options: &Options, tally: &mut Tally) -> Result<(), String> {
    let found = measured(history, options);
    let steps = steps(history, options.failed_cas);

    let sequential = referee::is_sequentially_consistent(&steps, &options.initial);
    let expected = if sequential { Holds::Yes } else { Holds::No };
    differs("sequential consistency", &found.sequentially_consistent, &expected)?;
    // Without a budget the search cannot answer: what is answered then is answered by clusters.
    let budget = Budget { configurations: 0, ..Budget::default() };
    let unsearched = measured(history, &Options { budget, ..options.clone() }).sequentially_consistent;
    if unsearched != Holds::Unknown {
        differs("sequential consistency without a search", &unsearched, &expected)?;
        tally.unique[usize::from(sequential)] += 1;
    }
    tally.sequential[usize::from(sequential)] += 1;

    let regular = referee::is_regular(&steps, &options.initial);
    differs("regularity", &found.regular, &regular)?;
    tally.regular[usize::from(regular)] += 1;

    let stale = &found.stale;
    let expected = referee::staleness(&steps, &options.initial);
    let worst = stale.worst.iter().map(|read| (read.versions, read.age_ns, read.operation)).collect();
    let counts = referee::Counts {
        observations: stale.observations,
        from_the_future: stale.from_the_future,
        never_written: stale.never_written,
        stale: worst,
    };
    let versions = expected.stale.iter().map(|&(versions, ..)| versions).max().unwrap_or(0);
    let longest = expected.stale.iter().map(|&(_, age, _)| age).max().unwrap_or(0);
    let summary = (expected.stale.len(), versions, longest);
    differs("summary of staleness", &(stale.stale, stale.most_versions, stale.longest_ns), &summary)?;
    let first_few = expected.stale.iter().copied().take(5).collect();
    differs("staleness", &counts, &referee::Counts { stale: first_few, ..expected })?;
    tally.stale[usize::from(stale.stale > 0)] += 1;
    tally.worse_than_one += usize::from(stale.most_versions > 1);
    tally.future += usize::from(stale.from_the_future > 0);
    tally.never += usize::from(stale.never_written > 0);
    weaker_promises_are_weaker(history, options, &found)
}

/// Linearizable histories keep every weaker promise; and with unique values and no CAS, the others have a bad read.
fn weaker_promises_are_weaker(history: &History, options: &Options, found: &Degree) -> Result<(), String> {
    let report = check(history, ModelKind::CasRegister, options).unwrap();
    let stale = &found.stale;
    let bad = stale.stale + stale.from_the_future + stale.never_written > 0;
    if report.is_linearizable() {
        differs(
            "a linearizable history's sequential consistency",
            &found.sequentially_consistent,
            &Holds::Yes,
        )?;
        differs("a linearizable history's regularity", &found.regular, &true)?;
        return differs("a linearizable history's bad reads", &bad, &false);
    }
    let mut written = vec![&options.initial];
    for operation in history.operations() {
        match &operation.action {
            Action::Write(value) => written.push(value),
            Action::Cas { .. } => return Ok(()),
            _ => {}
        }
    }
    let count = written.len();
    written.sort_by_key(ToString::to_string);
    written.dedup();
    if written.len() < count {
        return Ok(());
    }
    differs("bad reads of a history with unique values that is not linearizable", &bad, &true)
}

fn differs<T: std::fmt::Debug + PartialEq>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

/// Nobody's history: random answers, few processes that also go on after an unknown outcome, uneven times.
fn random(rng: &mut Rng) -> History {
    let (processes, values) = (rng.u64(1..=4), if rng.bool() { 9 } else { rng.i64(1..=4) });
    let (cas, strange) = (rng.u32(..40), rng.u32(..40));
    let mut left = rng.usize(3..=8);
    let mut known = vec![Value::Null];
    let mut open: Vec<Option<Action>> = vec![None; usize::try_from(processes).unwrap()];
    let (mut joiner, mut time) = (Joiner::default(), 0);
    for line in 1.. {
        if left == 0 && open.iter().all(Option::is_none) {
            break;
        }
        time += rng.u64(..10);
        let process = rng.u64(..processes);
        let slot = &mut open[usize::try_from(process).unwrap()];
        match slot.take() {
            None if left == 0 => {}
            None => {
                left -= 1;
                let fresh = Value::from(rng.i64(1..=values));
                let action = match rng.u32(..100) {
                    dice if dice < cas => {
                        Action::Cas { from: rng.choice(&known).unwrap().clone(), to: fresh }
                    }
                    dice if dice < 60 => Action::Write(fresh),
                    _ => Action::Read,
                };
                if let Action::Write(to) | Action::Cas { to, .. } = &action {
                    known.push(to.clone());
                }
                *slot = Some(action.clone());
                joiner.accept(line, Event::Invoke { process, key: None, action, time }).unwrap();
            }
            Some(action) if left == 0 && rng.u32(..20) == 0 => drop(action),
            Some(action) => {
                let end = end(&action, &known, strange, rng);
                let op = action.kind();
                joiner
                    .accept(line, Event::Complete(Completion { process, op, key: None, end, time }))
                    .unwrap();
            }
        }
    }
    joiner.finish()
}

fn end(action: &Action, known: &[Value], strange: u32, rng: &mut Rng) -> End {
    if rng.u32(..100) < 12 {
        return if rng.bool() { End::Info } else { End::Fail };
    }
    // Mostly recent values, so that some histories are good.
    let seen = match rng.u32(..100) < strange {
        // Written later, perhaps, or by nobody.
        true => Value::from(rng.i64(1..=5)),
        false => known[known.len() - 1].clone(),
    };
    let seen = if rng.u32(..3) == 0 { rng.choice(known).unwrap().clone() } else { seen };
    let answer = match action {
        Action::Read => Answer::Read(seen),
        Action::Cas { .. } if rng.u32(..3) == 0 => Answer::NotSwapped { seen: rng.bool().then_some(seen) },
        Action::Cas { .. } => Answer::Swapped,
        _ => Answer::Done,
    };
    End::Ok { answer, repeated: None, version: None }
}

/// The search is worth its name: a few dozen operations on few values, right or with one bad read.
#[test]
fn longer_histories_are_decided() {
    for seed in 0..8 {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape { values: Some(3), cas: 20, lost: 3, ..Shape::plain(4, 36) };
        let recorder = Recorder::in_memory();
        World::new(&shape, &mut rng, &recorder).run();
        let good = measured(&recorder.history(), &Options::default());
        assert_eq!(good.sequentially_consistent, Holds::Yes, "seed {seed}");
        let client = recorder.process().write(None, Value::from("new"), 0).ok(0);
        let client = client.read(None, 0).ok(Value::from("new"), 0);
        let client = client.write(None, Value::from("newer"), 0).ok(0);
        let _idle = client.read(None, 0).ok(Value::from("new"), 0);
        let bad = measured(&recorder.history(), &Options::default());
        assert_eq!(bad.sequentially_consistent, Holds::No, "seed {seed}");
    }
}

/// A reader that lags behind is still sequentially consistent, and each of its reads is held against what was known.
#[test]
fn a_lagging_reader_is_measured() {
    let history = script(
        "0 invoke write 1\n 0 ok write\n 0 invoke write 2\n 0 ok write\n 0 invoke write 3\n 0 ok write
         1 invoke read\n 1 ok read 1\n 1 invoke read\n 1 ok read 2\n 1 invoke read\n 1 ok read 3",
    );
    let found = measured(&history, &Options::default());
    let worst: Vec<_> = found.stale.worst.iter().map(|read| (read.versions, read.lines)).collect();
    assert_eq!(worst, [(2, [7, 8]), (1, [9, 10])]);
    assert_eq!((found.sequentially_consistent, found.regular), (Holds::Yes, false));
}

#[test]
fn nothing_is_as_right_as_can_be() {
    let found = measured(&History::default(), &Options::default());
    assert_eq!(
        (found.sequentially_consistent, found.regular, found.stale.observations),
        (Holds::Yes, true, 0)
    );
}

/// The inversion that regular registers allow and linearizable ones do not.
#[test]
fn new_then_old_is_regular() {
    let history = script(
        "0 invoke write 1\n 0 ok write\n 0 invoke write 2
         1 invoke read\n 1 ok read 2\n 1 invoke read\n 1 ok read 1\n 0 ok write",
    );
    let found = measured(&history, &Options::default());
    assert!(found.regular);
    assert_eq!(found.sequentially_consistent, Holds::No, "one process went back");
    assert_eq!((found.stale.stale, found.stale.most_versions), (1, 1));
}

#[test]
fn a_violation_is_reported_with_its_degree() {
    let recorder = Recorder::in_memory();
    let client = recorder.process().write(None, Value::from(1_i64), 1_000).ok(2_000);
    let client = client.write(None, Value::from(2_i64), 3_000).ok(4_000);
    let _idle = client.read(None, 1_200_004_000).ok(Value::from(1_i64), 1_200_005_000);
    let report = check(&recorder.history(), ModelKind::Register, &Options::default()).unwrap();
    let expected =
        "degree: 1 stale read, worst 1 version and 1.2 s; sequentially consistent: no; regular: no";
    assert!(report.to_string().contains(expected), "{report}");
    let json = serde_json::to_value(report.keys[0].degree.as_ref().unwrap()).unwrap();
    assert_eq!(json["stale"]["worst"][0]["age_ns"], 1_200_000_000_u64);
    assert_eq!(json["sequentially_consistent"], "no");

    let good = check(&script("0 invoke write 1\n 0 ok write"), ModelKind::Register, &Options::default());
    assert_eq!(good.unwrap().keys[0].degree, None);
}

fn text(history: &History) -> String {
    let mut lines = Vec::new();
    jsonl::write_history(&mut lines, history).unwrap();
    String::from_utf8(lines).unwrap()
}
