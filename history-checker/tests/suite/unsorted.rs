//! Zones take a timeline's entries in any order, though recorded histories come in the order of their invocations.

use fastrand::Rng;
use history_checker::engine::replay::replay;
use history_checker::engine::unique::{self, Decision};
use history_checker::models::{CasRegister, RegisterOp};
use history_checker::{Entry, Timeline};

/// Writes, swaps and reads of one register, each around the moment at which it took effect; shuffled.
fn timeline(rng: &mut Rng) -> Timeline<RegisterOp> {
    let (mut state, mut entries) = (0, Vec::new());
    for number in 1..=60_u64 {
        let next = usize::try_from(number).unwrap();
        let op = match rng.u32(..4) {
            0 => RegisterOp::Put(next),
            1 => RegisterOp::Swap { from: state, to: next },
            _ => RegisterOp::Observe(state),
        };
        if !matches!(op, RegisterOp::Observe(_)) {
            state = next;
        }
        // Distinct moments, some before and some after those of the neighbours.
        let invoked = 10_000 + number * 100 - rng.u64(1..8) * 100 - number % 100;
        let returned = Some(10_000 + number * 100 + rng.u64(1..8) * 100 + 1 + number % 99);
        entries.push(Entry { op, invoked, returned });
    }
    rng.shuffle(&mut entries);
    Timeline::new(entries)
}

#[test]
fn entries_may_come_in_any_order() {
    for seed in 0..200 {
        let timeline = timeline(&mut Rng::with_seed(seed));
        match unique::decide(&timeline, 0) {
            Decision::Linearizable { order } => {
                assert_eq!(replay(&CasRegister { initial: 0 }, &timeline, &order), Ok(()), "seed {seed}");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}
