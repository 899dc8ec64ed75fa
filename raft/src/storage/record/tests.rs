//! Exact lengths, and what is lost.

use super::*;
use crate::consensus::types::Incarnation;
use crate::storage::testing::{cluster, entry, vote};

fn seed() -> Seed {
    Seed::new(&Identity { cluster: cluster(), node: NodeId(1), incarnation: Incarnation(7) }, Segment(1))
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

#[test]
fn a_batch_is_read_where_all_of_it_is_there_and_not_a_byte_less() {
    for (voted_for, repair) in
        [(None, None), (None, Some(id(2, 9))), (Some(NodeId(0)), None), (Some(NodeId(3)), Some(id(1, 1)))]
    {
        let hard_state = HardState { current_term: Term(4), voted_for };
        let repair = repair.map(|least| Repair { least });
        let last = Base { id: id(4, 6), chain: Chain(11) };
        let place = Place { segment: Segment(1), offset: 20 };
        let standing = Standing { hard_state, last, repair };
        let header = BatchHeader { offset: 40, synced: place, kept: LogIndex(5), standing };
        let mut batch = Batch::new();
        batch.entry(&entry(6, 4, b"data"));
        let length = batch.len();
        assert_eq!(length, BATCH_HEADER + ENTRY_HEADER + 4);
        let bytes = Bytes::from(batch.seal(&header, seed()));
        assert_eq!(bytes.len(), length);

        let found = header_of(&bytes[..BATCH_HEADER], 40, seed()).unwrap();
        assert_eq!((found.header, found.end()), (header, 40 + length as u64));
        assert_eq!(header_of(&bytes[..BATCH_HEADER - 1], 40, seed()), None);
        assert_eq!(header_of(&bytes, 41, seed()), None, "it belongs elsewhere");
        let mut payload = payload_in(&bytes, &found, seed()).unwrap();
        assert_eq!(payload_in(&bytes.slice(..length - 1), &found, seed()), None);
        assert_eq!(next_record(&mut payload.slice(..payload.len() - 1)), None);
        assert_eq!(next_record(&mut payload), Some(Record::Entry(entry(6, 4, b"data"))));
        assert!(payload.is_empty());
    }
}

#[test]
fn a_view_and_a_membership_are_told_apart() {
    let membership = Membership { voters: [(NodeId(1), Incarnation(7))].into() };
    let mut batch = Batch::new();
    batch.view(&membership).unwrap();
    batch.membership(&membership).unwrap();
    let mut payload = Bytes::from(batch.bytes).slice(BATCH_HEADER..);
    assert_eq!(next_record(&mut payload), Some(Record::View(membership.clone())));
    assert_eq!(next_record(&mut payload), Some(Record::Membership(membership)));
    assert!(payload.is_empty());
}

#[test]
fn a_format_is_read_of_the_first_twelve_bytes() {
    let head = [SEGMENT_MAGIC.as_slice(), &7_u32.to_le_bytes()].concat();
    assert_eq!((format_of(&head), format_of(&head[..11])), (Some(7), None));
    assert_eq!(format_of(&[b"raft-log".as_slice(), &[7; 40]].concat()), None);
}

/// Of a snapshot's term that no header names nobody knows what was acknowledged in it.
#[test]
fn what_was_lost_ends_where_the_log_did_or_with_the_term_of_a_snapshot_that_nothing_names() {
    let known = |least| Some(Repair { least });
    let last = Base { id: id(2, 5), chain: Chain(1) };
    let lost = |repair, snapshot| Standing { hard_state: vote(3, 1), last, repair }.lost(snapshot).least;
    assert_eq!(lost(None, id(3, 4)), id(2, 5), "its term is named");
    assert_eq!(lost(None, id(4, 4)), id(5, 0));
    assert_eq!(lost(known(id(2, 9)), id(1, 1)), id(2, 9), "what was lost before is not held again");
    assert_eq!(lost(known(id(2, 4)), id(1, 1)), id(2, 5));
}
