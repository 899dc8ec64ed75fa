//! What is to happen, in the order of its time; at one time, in the order in which it was planned.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use raft::Timestamp;

/// Events to come, and the time.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Queue<E> {
    heap: BinaryHeap<Reverse<Slot<E>>>,
    now: Timestamp,
    planned: u64,
}

#[derive(Clone, Debug)]
struct Slot<E> {
    at: Timestamp,
    number: u64,
    event: E,
}

impl<E> Queue<E> {
    /// Nothing to come; the time is 0.
    #[must_use]
    pub(in crate::sim) fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), now: Timestamp::default(), planned: 0 }
    }

    /// The time of the last event that was taken.
    #[must_use]
    pub(in crate::sim) fn now(&self) -> Timestamp {
        self.now
    }

    /// Plans an event; what is planned for the past happens now.
    pub(in crate::sim) fn plan(&mut self, at: Timestamp, event: E) {
        let (at, number) = (at.max(self.now), self.planned);
        self.planned += 1;
        self.heap.push(Reverse(Slot { at, number, event }));
    }

    /// All that is to come, in no order.
    pub(in crate::sim) fn iter(&self) -> impl Iterator<Item = &E> {
        self.heap.iter().map(|Reverse(slot)| &slot.event)
    }

    /// Takes the event at this place of [`Queue::iter`]; no time passes.
    pub(in crate::sim) fn remove(&mut self, place: usize) -> Option<E> {
        let mut slots = std::mem::take(&mut self.heap).into_vec();
        let taken = (place < slots.len()).then(|| slots.swap_remove(place));
        self.heap = slots.into();
        taken.map(|Reverse(slot)| slot.event)
    }

    /// All that is to come, in order; no time passes.
    pub(in crate::sim) fn take_all(&mut self) -> Vec<E> {
        let slots = std::mem::take(&mut self.heap).into_sorted_vec();
        slots.into_iter().rev().map(|Reverse(slot)| slot.event).collect()
    }

    /// Forgets what does not `stay`.
    pub(in crate::sim) fn retain(&mut self, mut stay: impl FnMut(&E) -> bool) {
        self.heap.retain(|Reverse(slot)| stay(&slot.event));
    }

    /// The next event; the time goes on to it.
    pub(in crate::sim) fn take(&mut self) -> Option<E> {
        let Reverse(slot) = self.heap.pop()?;
        self.now = slot.at;
        Some(slot.event)
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue::new()
    }
}

impl<E> Ord for Slot<E> {
    fn cmp(&self, other: &Slot<E>) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> PartialOrd for Slot<E> {
    fn partial_cmp(&self, other: &Slot<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Slot<E> {
    fn eq(&self, other: &Slot<E>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Slot<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_their_times_and_then_of_their_planning() {
        let mut queue = Queue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            queue.plan(Timestamp::from_millis(at), event);
        }
        assert_eq!(queue.take(), Some('a'));
        queue.plan(Timestamp::default(), 'x');
        assert_eq!((queue.take(), queue.now()), (Some('x'), Timestamp::from_millis(1)));
        let rest: String = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!((rest.as_str(), queue.now()), ("bcd", Timestamp::from_millis(5)));
    }
}
