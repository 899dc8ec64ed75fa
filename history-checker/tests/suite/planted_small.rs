//! Thousands of planted violations in random correct histories: all found, each with a proof.
//! `CHECKER_PLANTED` sets how many (default 400).

use fastrand::Rng;
use history_checker::{Method, ModelKind, Options, Process, Recorder, Value, check};

use crate::cores::verified;
use crate::generator::{FailedAnswer, Shape, World};

/// Values that the random part does not use.
const A: i64 = 1_000_001;
const B: i64 = 1_000_002;
const C: i64 = 1_000_003;

#[derive(Debug, Clone, Copy)]
enum Plant {
    StaleRead,
    LostUpdate,
    SplitBrain,
    ReorderedCommit,
}

fn write(process: Process, value: i64) -> Process {
    process.write(None, value.into(), 0).ok(0)
}

fn read(process: Process, value: i64) -> Process {
    process.read(None, 0).ok(value.into(), 0)
}

impl Plant {
    /// Puts it into the history and returns the value that the register holds afterwards.
    fn into(self, recorder: &Recorder) -> i64 {
        let (one, other) = (recorder.process(), recorder.process());
        match self {
            Plant::StaleRead => {
                drop(read(write(write(one, A), B), A));
                B
            }
            Plant::LostUpdate => {
                let one = write(one, A);
                let first = one.cas(None, A.into(), B.into(), 0);
                let second = other.cas(None, A.into(), C.into(), 0);
                drop((first.swapped(0), second.swapped(0)));
                C
            }
            Plant::SplitBrain => {
                let (left, right) = (one.write(None, A.into(), 0), other.write(None, B.into(), 0));
                let (left, right) = (read(left.ok(0), A), read(right.ok(0), B));
                drop((read(left, A), read(right, B)));
                B
            }
            Plant::ReorderedCommit => {
                let (writes, more) =
                    ((one.write(None, A.into(), 0), other.write(None, B.into(), 0)), recorder);
                let (left, right) = (more.process().read(None, 0), more.process().read(None, 0));
                let (left, right) = (left.ok(A.into(), 0), right.ok(B.into(), 0));
                let (left, right) = (left.read(None, 0), right.read(None, 0));
                drop((left.ok(B.into(), 0), right.ok(A.into(), 0), writes.0.ok(0), writes.1.ok(0)));
                B
            }
        }
    }
}

/// Correct clients, the plant, and correct readers of what it left.
fn planted(plant: Plant, rng: &mut Rng) -> (Recorder, usize) {
    let recorder = Recorder::in_memory();
    let chance = |rng: &mut Rng, most: u32| if rng.bool() { 0 } else { rng.u32(..=most) };
    let shape = Shape {
        values: rng.bool().then(|| rng.i64(2..=5)),
        writes: rng.u32(20..=60),
        cas: chance(rng, 40),
        lost: chance(rng, 15),
        refused: chance(rng, 10),
        failed_cas: [FailedAnswer::Seen, FailedAnswer::NotSeen, FailedAnswer::Fail][rng.usize(..3)],
        ..Shape::plain(rng.usize(2..=6), rng.usize(5..=60))
    };
    World::new(&shape, rng, &recorder).run();
    let first = recorder.history().operations().len();
    let last = Value::from(plant.into(&recorder));
    let readers = Shape { writes: 0, cas: 0, initial: last, ..Shape::plain(3, 10) };
    World::new(&readers, rng, &recorder).run();
    (recorder, first)
}

#[test]
fn every_planted_violation_is_found_and_proved() {
    let count = std::env::var("CHECKER_PLANTED").map_or(400, |count| count.parse().unwrap());
    let (mut proofs, mut judged) = (0, 0);
    for seed in 0..count {
        let plant =
            [Plant::StaleRead, Plant::LostUpdate, Plant::SplitBrain, Plant::ReorderedCommit][seed % 4];
        let mut rng = Rng::with_seed(seed as u64);
        let (recorder, first) = planted(plant, &mut rng);
        let history = recorder.history();
        for method in [Method::Auto, Method::SearchOnly] {
            let options = Options { method, ..Options::default() };
            let report = check(&history, ModelKind::CasRegister, &options).unwrap();
            let Some((_, violation)) = report.violations().next() else {
                panic!("seed {seed}, {plant:?}: {report}")
            };
            judged += usize::from(verified(&history, &violation.core, &options));
            proofs += 1;
            // The rest of the history is correct: what is to blame was planted.
            assert!(violation.core.operations.iter().any(|&index| index >= first), "seed {seed}: {report}");
        }
    }
    println!("{count} planted, {proofs} proofs, {judged} of them judged by the referee");
    assert!(judged * 100 >= proofs * 98, "{judged} of {proofs}");
}
