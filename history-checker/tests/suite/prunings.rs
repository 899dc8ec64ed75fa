//! Equal verdicts of the referee and of the search with each of its shortcuts alone, all of them and none, on random
//! small timelines. `CHECKER_HISTORIES` sets how many for each (by default 40 000 together).

use fastrand::Rng;
use history_checker::engine::replay::replay;
use history_checker::engine::unique::{Decision, decide};
use history_checker::models::{CasRegister, Counter, CounterOp, Queue, QueueOp, RegisterOp, Set, SetOp};
use history_checker::{Entry, Model, Moment, Prunings, Search, SearchOptions, Timeline, linearize_with};

/// Straight from the definition: whether some order of the completed entries and some open ones is legal, and puts no
/// entry before one that had returned before it was invoked.
pub(crate) fn is_linearizable<M: Model>(model: &M, timeline: &Timeline<M::Op>) -> bool {
    try_every_order(model, timeline.entries(), &mut vec![false; timeline.entries().len()], &model.initial())
}

fn try_every_order<M: Model>(
    model: &M,
    entries: &[Entry<M::Op>],
    taken: &mut [bool],
    state: &M::State,
) -> bool {
    let left: Vec<usize> = (0..entries.len()).filter(|&index| !taken[index]).collect();
    let Some(deadline) = left.iter().filter_map(|&index| entries[index].returned).min() else { return true };
    left.into_iter().filter(|&index| entries[index].invoked <= deadline).any(|index| {
        let Some(next) = model.step(state, &entries[index].op) else { return false };
        taken[index] = true;
        let found = try_every_order(model, entries, taken, &next);
        taken[index] = false;
        found
    })
}

/// Clients of a register that answers rightly, most of the time: random answers would fit almost never.
fn random_timeline(rng: &mut Rng, differences: bool) -> Timeline<RegisterOp> {
    let values = if rng.u32(..4) == 0 { 40 } else { rng.usize(2..=4) };
    let (clients, open) = (rng.usize(2..=5), rng.u32(..40));
    let wrong = [0, 10, 30, 100][rng.usize(..4)];
    // Coinciding moments put neither entry before the other.
    let coinciding = rng.u32(..3) == 0;
    let mut state = 0;
    let mut entries: Vec<Entry<RegisterOp>> = Vec::new();
    let mut busy_until = vec![0; clients];
    for _ in 0..rng.usize(4..=9) {
        let client = rng.usize(..clients);
        let invoked: Moment = busy_until[client] + rng.u64(1..=3);
        let returned = invoked + rng.u64(1..=6);
        busy_until[client] = returned;
        let value = |rng: &mut Rng| rng.usize(..values);
        let seen = if rng.u32(..100) < wrong { value(rng) } else { state };
        let op = match rng.u32(..10) {
            0..3 => RegisterOp::Observe(seen),
            3 if differences => RegisterOp::ObserveNot(value(rng)),
            3..6 => RegisterOp::Swap { from: seen, to: (seen + rng.usize(1..values)) % values },
            _ => RegisterOp::Put(value(rng)),
        };
        let took_effect = rng.u32(..100) >= open || rng.bool();
        if took_effect {
            state = CasRegister { initial: 0 }.step(&state, &op).unwrap_or(state);
        }
        let returned = (rng.u32(..100) >= open && took_effect).then_some(returned);
        entries.push(Entry { op, invoked, returned });
    }
    rng.shuffle(&mut entries);
    let spread = |moment: Moment, number: usize| match coinciding {
        true => moment,
        false => moment * 32 + number as u64,
    };
    let entries = entries.into_iter().enumerate().map(|(number, entry)| Entry {
        op: entry.op,
        invoked: spread(entry.invoked, 2 * number),
        returned: entry.returned.map(|returned| spread(returned, 2 * number + 1)),
    });
    Timeline::new(entries.collect())
}

/// Each shortcut alone, all, none, deep first and by layers.
fn ways_to_search() -> Vec<SearchOptions> {
    let prunings = Prunings::each_alone().into_iter().chain([Prunings::ALL, Prunings::NONE]);
    let deep = prunings.map(|prunings| SearchOptions { prunings, ..SearchOptions::default() });
    // Small histories would not last until the search goes by layers.
    let layers = Prunings { compact_key: true, dominance: true, ..Prunings::NONE };
    let by_layers = [Prunings::ALL, layers].map(|prunings| SearchOptions {
        prunings,
        patience: 0,
        ..SearchOptions::default()
    });
    deep.chain(by_layers).collect()
}

/// What the search says; its order is replayed.
fn verdict<M: Model<Op: std::fmt::Debug>>(
    model: &M,
    timeline: &Timeline<M::Op>,
    options: &SearchOptions,
) -> bool {
    match linearize_with(model, timeline, options) {
        Search::Found { order, .. } => {
            assert_eq!(replay(model, timeline, &order), Ok(()), "{options:?}: {timeline:?}");
            true
        }
        Search::Impossible { frontier, .. } => {
            assert!(frontier.exact, "{options:?}: {timeline:?}");
            false
        }
        Search::GaveUp { difficulty, .. } => panic!("{difficulty}"),
    }
}

const MODEL: CasRegister = CasRegister { initial: 0 };

#[test]
fn every_pruning_agrees_with_every_order_tried() {
    let ways = ways_to_search();
    let histories = std::env::var("CHECKER_HISTORIES");
    let histories = histories.map_or(40_000 / ways.len() as u64, |count| count.parse().unwrap());
    let mut tally = [0_u64; 2];
    for seed in 0..histories {
        let mut rng = Rng::with_seed(seed);
        let differences = rng.bool();
        let timeline = random_timeline(&mut rng, differences);
        let truth = is_linearizable(&MODEL, &timeline);
        tally[usize::from(truth)] += 1;
        for options in &ways {
            let found = verdict(&MODEL, &timeline, options);
            assert_eq!(found, truth, "seed {seed}, {options:?}: {timeline:?}");
        }
    }
    let all = tally[0] + tally[1];
    assert!(tally.into_iter().all(|count| count * 5 >= all), "one side is hardly there: {tally:?}");
}

/// Coinciding moments, which no history has, and chains of open CAS included.
#[test]
fn zones_agree_with_every_order_tried() {
    let histories = std::env::var("CHECKER_HISTORIES").map_or(20_000, |count| count.parse().unwrap());
    let mut tally = [0_u64; 2];
    for seed in 0..histories {
        let timeline = random_timeline(&mut Rng::with_seed(seed), false);
        let truth = is_linearizable(&MODEL, &timeline);
        let found = match decide(&timeline, 0) {
            Decision::Linearizable { order } => {
                assert_eq!(replay(&MODEL, &timeline, &order), Ok(()), "seed {seed}: {timeline:?}");
                true
            }
            Decision::NotLinearizable(_) => false,
            Decision::NotApplicable(_) => continue,
        };
        assert_eq!(found, truth, "seed {seed}: {timeline:?}");
        tally[usize::from(truth)] += 1;
    }
    assert!(tally.into_iter().all(|count| count * 25 >= histories), "one side is hardly there: {tally:?}");
}

/// What was not tried for the sake of a later entry must not be told as the end of the explained part.
#[test]
fn the_frontier_is_the_same_where_nothing_is_stranded() {
    let frontier = |timeline: &Timeline<RegisterOp>, stranding, patience| {
        let prunings = Prunings { stranding, ..Prunings::ALL };
        let options = SearchOptions { prunings, patience, ..SearchOptions::default() };
        let Search::Impossible { frontier, .. } = linearize_with(&MODEL, timeline, &options) else {
            return None;
        };
        let mut states: Vec<usize> = frontier.states.into_iter().map(|(state, _)| state).collect();
        states.sort_unstable();
        Some((frontier.entry, frontier.explained, states, frontier.exact))
    };
    let mut bad = 0;
    for seed in 0..5_000 {
        let timeline = random_timeline(&mut Rng::with_seed(seed), true);
        let with = frontier(&timeline, true, 8);
        assert_eq!(with, frontier(&timeline, false, 8), "seed {seed}: {timeline:?}");
        assert_eq!(with, frontier(&timeline, true, 0), "seed {seed}, by layers: {timeline:?}");
        bad += usize::from(with.is_some());
    }
    assert!(bad > 1_000, "{bad}");
}

/// For models that offer fewer shortcuts.
#[test]
fn every_pruning_agrees_on_counters_sets_and_queues() {
    let mut tally = [0; 2];
    for seed in 0..600 {
        let mut rng = Rng::with_seed(seed);
        let counter = |rng: &mut Rng| match rng.u32(..3) {
            0 => CounterOp::Observe(rng.i64(..4)),
            _ => CounterOp::Add(rng.i64(0..3)),
        };
        agree(&Counter { initial: 0 }, &any_timeline(&mut rng, counter), &mut tally);
        let set = |rng: &mut Rng| match rng.u32(..5) {
            0 | 1 => SetOp::Add(rng.usize(..2)),
            2 => SetOp::Remove(rng.usize(..2)),
            _ => SetOp::Observe((0..rng.usize(..3)).collect()),
        };
        agree(&Set, &any_timeline(&mut rng, set), &mut tally);
        let queue = |rng: &mut Rng| match rng.u32(..6) {
            0..3 => QueueOp::Enqueue(rng.usize(..2)),
            3 => QueueOp::FoundEmpty,
            4 => QueueOp::TookUnseen,
            _ => QueueOp::Took(rng.usize(..2)),
        };
        agree(&Queue, &any_timeline(&mut rng, queue), &mut tally);
    }
    assert!(tally.into_iter().all(|count| count > 200), "{tally:?}");
}

fn any_timeline<Op>(rng: &mut Rng, op: impl Fn(&mut Rng) -> Op) -> Timeline<Op> {
    let mut moment = 0;
    let entries = (0..rng.usize(3..8)).map(|_| {
        moment += rng.u64(1..4);
        let returned = (rng.u32(..6) > 0).then_some(moment + rng.u64(1..10));
        Entry { op: op(rng), invoked: moment, returned }
    });
    Timeline::new(entries.collect())
}

fn agree<M: Model<Op: std::fmt::Debug>>(model: &M, timeline: &Timeline<M::Op>, tally: &mut [usize; 2]) {
    let truth = is_linearizable(model, timeline);
    tally[usize::from(truth)] += 1;
    for options in ways_to_search() {
        let found = verdict(model, timeline, &options);
        assert_eq!(found, truth, "{options:?}: {timeline:?}");
    }
}

/// Two CAS that form a circle can be entered by either of two open writes. Which one must be left for the read at the
/// end; both ways use one.
#[test]
fn it_matters_which_open_operation_was_used_and_not_how_many() {
    let entry = |op, invoked, returned| Entry { op, invoked, returned };
    for last in [1, 2] {
        let timeline = Timeline::new(vec![
            entry(RegisterOp::Put(1), 1, None),
            entry(RegisterOp::Put(2), 2, None),
            entry(RegisterOp::Swap { from: 1, to: 2 }, 3, Some(5)),
            entry(RegisterOp::Swap { from: 2, to: 1 }, 4, Some(6)),
            entry(RegisterOp::Put(0), 7, Some(8)),
            entry(RegisterOp::Observe(last), 9, Some(10)),
        ]);
        assert!(is_linearizable(&MODEL, &timeline));
        for options in ways_to_search() {
            assert!(verdict(&MODEL, &timeline, &options), "{last}, {options:?}");
        }
    }
}
