//! Services that may choose: judged like every order of operations with every choice.

use fastrand::Rng;
use history_checker::{
    Budget, Entry, NondeterministicModel, Possibilities, Search, Timeline, engine::replay::replay, linearize,
};

/// A bag: what is taken out of it is any of what is in it. Elements 0 and 1; the state counts them.
struct Bag;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum BagOp {
    Put(usize),
    /// Something was taken, nobody saw what.
    Took,
    /// It held so many of this element.
    Counted(usize, u8),
}

impl NondeterministicModel for Bag {
    type State = [u8; 2];
    type Op = BagOp;

    fn initial(&self) -> Vec<[u8; 2]> {
        vec![[0, 0]]
    }

    fn step(&self, state: &[u8; 2], op: &BagOp) -> Vec<[u8; 2]> {
        let changed = |element: usize, by: i8| {
            let mut next = *state;
            next[element] = next[element].checked_add_signed(by)?;
            Some(next)
        };
        match *op {
            BagOp::Put(element) => changed(element, 1).into_iter().collect(),
            BagOp::Took => (0..2).filter_map(|element| changed(element, -1)).collect(),
            BagOp::Counted(element, count) => Vec::from_iter((state[element] == count).then_some(*state)),
        }
    }
}

fn try_everything(entries: &[Entry<BagOp>], taken: &mut [bool], state: [u8; 2]) -> bool {
    let left: Vec<usize> = (0..entries.len()).filter(|&index| !taken[index]).collect();
    let Some(deadline) = left.iter().filter_map(|&index| entries[index].returned).min() else { return true };
    left.into_iter().filter(|&index| entries[index].invoked <= deadline).any(|index| {
        taken[index] = true;
        let choices = Bag.step(&state, &entries[index].op);
        let found = choices.into_iter().any(|next| try_everything(entries, taken, next));
        taken[index] = false;
        found
    })
}

fn random_timeline(rng: &mut Rng) -> Timeline<BagOp> {
    let mut moment = 0;
    let entries = (0..rng.usize(3..9)).map(|_| {
        let element = rng.usize(..2);
        let op = match rng.u32(..5) {
            0 | 1 => BagOp::Put(element),
            2 => BagOp::Took,
            _ => BagOp::Counted(element, rng.u8(..3)),
        };
        moment += rng.u64(1..4);
        Entry { op, invoked: moment, returned: (rng.u32(..6) > 0).then_some(moment + rng.u64(1..8)) }
    });
    Timeline::new(entries.collect())
}

#[test]
fn sets_of_states_agree_with_every_choice_tried() {
    let mut tally = [0; 2];
    for seed in 0..3_000 {
        let timeline = random_timeline(&mut Rng::with_seed(seed));
        let entries = timeline.entries();
        let truth = try_everything(entries, &mut vec![false; entries.len()], [0, 0]);
        let found = match linearize(&Possibilities(Bag), &timeline, Budget::default()) {
            Search::Found { order, .. } => {
                assert_eq!(replay(&Possibilities(Bag), &timeline, &order), Ok(()), "seed {seed}");
                true
            }
            Search::Impossible { .. } => false,
            Search::GaveUp { difficulty, .. } => panic!("seed {seed}: {difficulty}"),
        };
        assert_eq!(found, truth, "seed {seed}: {timeline:?}");
        tally[usize::from(truth)] += 1;
    }
    assert!(tally.into_iter().all(|count| count > 500), "{tally:?}");
}
