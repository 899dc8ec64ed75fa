//! Which lane each process is drawn in. A recorder gives a client a fresh process after every unknown outcome, so a
//! lane for each would be a page of empty lanes: one that has ended hands its lane on.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::History;

/// From a process's first line to its last.
struct Life {
    process: u64,
    first: usize,
    last: usize,
}

/// The lane of each process, counted from 0 in the order of their lowest processes; as few as possible. Two processes
/// of one lane do not overlap.
pub(super) fn pack(history: &History) -> BTreeMap<u64, usize> {
    let mut lanes = BTreeMap::new();
    // Lanes by the line on which they last became free.
    let mut ends: BTreeSet<(usize, usize)> = BTreeSet::new();
    for Life { process, first, last } in lives(history) {
        // The one that became free last: most likely that of the same client, under its former name.
        let free = ends.range(..(first, 0)).next_back().copied();
        let lane = free.map_or(ends.len(), |(_, lane)| lane);
        if let Some(free) = free {
            ends.remove(&free);
        }
        ends.insert((last, lane));
        lanes.insert(process, lane);
    }
    let mut numbers = BTreeMap::new();
    for lane in lanes.values_mut() {
        let next = numbers.len();
        *lane = *numbers.entry(*lane).or_insert(next);
    }
    lanes
}

/// In the order of their beginnings.
fn lives(history: &History) -> Vec<Life> {
    let mut lives: BTreeMap<u64, Life> = BTreeMap::new();
    for operation in history.operations() {
        let (process, first) = (operation.process, operation.invoked.line);
        let last = operation.completed_at().map_or(first, |mark| mark.line);
        let life = lives.entry(process).or_insert(Life { process, first, last });
        life.last = life.last.max(last);
    }
    let mut lives: Vec<Life> = lives.into_values().collect();
    lives.sort_by_key(|life| life.first);
    lives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;
    use crate::value::Value;

    #[test]
    fn a_lane_goes_to_the_process_that_takes_over() {
        let recorder = Recorder::in_memory();
        let (one, other) = (recorder.process(), recorder.process());
        let (one, other) = (one.read(None, 0), other.read(None, 0));
        other.unknown(1);
        let next = recorder.process().read(None, 2);
        drop(one.ok(Value::Null, 3));
        drop(next);
        let lanes = pack(&recorder.history());
        assert_eq!(lanes.into_values().collect::<Vec<_>>(), [0, 1, 1]);
    }

    #[test]
    fn lanes_are_as_many_as_overlap_and_no_lane_holds_two_at_once() {
        let recorder = Recorder::in_memory();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut open = Vec::new();
        let mut most = 0;
        for time in 0..500 {
            open.push(recorder.process().read(None, time));
            most = most.max(open.len());
            while open.len() > 6 || !open.is_empty() && rng.bool() {
                open.swap_remove(rng.usize(..open.len())).unknown(time);
            }
        }
        open.into_iter().for_each(|open| open.unknown(500));
        let history = recorder.history();
        let lanes = pack(&history);
        assert_eq!(lanes.values().max(), Some(&(most - 1)));
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for life in lives(&history) {
            let before = taken.insert(lanes[&life.process], life.last);
            assert!(before.is_none_or(|before| before < life.first));
        }
    }
}
