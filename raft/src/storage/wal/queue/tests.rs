//! How much goes into one batch, and which memory is used again.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::storage::record::{BATCH_HEADER, ENTRY_HEADER};
use crate::storage::testing::{entry, persist};

fn queue() -> Queue {
    Queue::new(Standing::default(), None, None)
}

/// The entries' own bytes with their headers.
fn batches(queue: &Queue) -> Vec<usize> {
    queue.waiting.iter().map(|waiting| waiting.batch.len() - BATCH_HEADER).collect()
}

#[test]
fn a_batch_is_closed_once_it_has_so_many_bytes() {
    let fits = BATCH_BYTES - BATCH_HEADER - 2 * ENTRY_HEADER;
    let cases =
        [(fits, [fits + 2 * ENTRY_HEADER, ENTRY_HEADER], 2), (fits - 1, [fits - 1 + 3 * ENTRY_HEADER, 0], 3)];
    for (first, expected, kept) in cases {
        let mut queue = queue();
        let entries = vec![entry(1, 1, &vec![1; first]), entry(2, 1, b""), entry(3, 1, b"")];
        queue.append(&persist(1, None, entries));
        assert_eq!(batches(&queue), expected);
        let [whole, rest] = [0, 1].map(|at| &queue.waiting[at]);
        assert_eq!((whole.kept, rest.kept), (LogIndex(0), LogIndex(kept)));
        assert_eq!(
            (whole.commit, rest.commit),
            (None, Some(PersistId(1))),
            "only with the last one it is whole"
        );
    }
}

#[test]
fn no_more_memory_waits_than_is_written_and_filled_at_once() {
    let mut queue = queue();
    for taken in 1..=BUFFERS + 2 {
        queue.take_back(Bytes::from(vec![0; 10]));
        assert_eq!(queue.buffers.len(), taken.min(BUFFERS));
    }
}

#[test]
fn two_queues_are_told_apart_by_what_waits_and_not_by_memory() {
    let hash = |queue: &Queue| {
        let mut hasher = DefaultHasher::new();
        queue.hash(&mut hasher);
        hasher.finish()
    };
    let (mut one, other) = (queue(), queue());
    one.take_back(Bytes::from(vec![0; 10]));
    assert_eq!(hash(&one), hash(&other));
    one.append(&persist(1, None, vec![entry(1, 1, b"x")]));
    assert_ne!(hash(&one), hash(&other));
}

#[test]
fn memory_that_others_hold_or_that_is_too_much_is_not_kept() {
    for (length, shared, kept) in
        [(2 * BATCH_BYTES, false, 1), (2 * BATCH_BYTES + 1, false, 0), (10, true, 0), (10, false, 1)]
    {
        let mut queue = queue();
        let data = Bytes::from(vec![0; length]);
        let other = shared.then(|| data.clone());
        queue.take_back(data);
        assert_eq!(queue.buffers.len(), kept, "{length} shared {shared}");
        drop(other);
    }
}
