//! What no correct peer sends is refused with an alarm, and changes nothing.

use super::*;
use crate::consensus::io::Misdeed;
use crate::consensus::message::{AppendEntriesReply, AppendOutcome, HeartbeatReply};

fn alarm(outputs: &[Output]) -> Option<Misdeed> {
    outputs.iter().find_map(|o| if let Output::Alarm { misdeed, .. } = o { Some(*misdeed) } else { None })
}

#[test]
fn nobody_replaces_a_committed_entry() {
    let mut node = Solo::new(3, 2, &[2, 2]);
    node.appended(N2, append(2, id(3, 2), vec![], 3));
    assert_eq!(node.raft.commit_index(), LogIndex(3));
    let replace = append(3, id(1, 1), vec![command(2, 3)], 3);
    let misdeed = alarm(&node.appended(N3, replace));
    let expected = Misdeed::TruncatesCommitted { committed: id(2, 2), claimed: Term(3) };
    assert_eq!(misdeed, Some(expected));
    let disagree = append(3, id(3, 3), vec![], 3);
    assert!(alarm(&node.appended(N3, disagree)).is_some());
    assert_eq!((node.raft.term(), node.raft.last_log()), (Term(2), id(3, 2)));
}

/// Without a membership in its log a node would not start again.
#[test]
fn nobody_replaces_the_first_entry_though_nothing_is_known_to_be_committed() {
    let mut node = Solo::new(3, 2, &[2]);
    assert_eq!(node.raft.commit_index(), LogIndex(0));
    let replace = append(3, id(0, 0), vec![command(1, 3)], 0);
    let misdeed = alarm(&node.appended(N2, replace));
    let expected = Misdeed::TruncatesCommitted { committed: id(1, 1), claimed: Term(3) };
    assert_eq!(misdeed, Some(expected));
    assert_eq!(node.raft.last_log(), id(2, 2));
}

#[test]
fn absurd_terms_and_indexes_are_not_taken() {
    let mut node = Solo::new(3, 2, &[]);
    let absurd = 1 << 62;
    let messages = [
        vote_request(absurd, id(1, 1)),
        vote_request(u64::MAX, id(1, 1)),
        Message::HeartbeatReply(HeartbeatReply { term: Term(absurd), round: 0, lacks: None }),
        Message::AppendEntries(append(absurd, id(1, 1), vec![], 0)),
    ];
    for message in messages {
        let misdeed = alarm(&node.hears(N2, message));
        assert!(matches!(misdeed, Some(Misdeed::AbsurdTerm { .. })), "{misdeed:?}");
    }
    for message in
        [vote_request(3, id(absurd, 1)), Message::AppendEntries(append(3, id(1, 1), vec![], absurd))]
    {
        let misdeed = alarm(&node.hears(N2, message));
        assert!(matches!(misdeed, Some(Misdeed::AbsurdIndex { .. })), "{misdeed:?}");
    }
    assert_eq!(node.raft.term(), Term(2));
}

#[test]
fn one_leader_per_term() {
    let mut node = Solo::new(3, 2, &[]);
    node.appended(N2, append(2, id(1, 1), vec![command(2, 2)], 1));
    let misdeed = alarm(&node.appended(N3, append(2, id(1, 1), vec![], 1)));
    assert_eq!(misdeed, Some(Misdeed::SecondLeader { term: Term(2), leader: N2 }));
    let mut leader = Solo::new(3, 1, &[]);
    leader.lead();
    let misdeed = alarm(&leader.appended(N3, append(2, id(1, 1), vec![], 1)));
    assert_eq!(misdeed, Some(Misdeed::SecondLeader { term: Term(2), leader: N1 }));
}

#[test]
fn a_match_beyond_the_leaders_log_counts_for_nothing() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    let outcome = AppendOutcome::Matched(LogIndex(99));
    let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
    let outputs = node.hears(N2, Message::AppendEntriesReply(ack));
    assert_eq!(alarm(&outputs), Some(Misdeed::MatchBeyondLog { claimed: LogIndex(99), last: LogIndex(2) }));
    assert_eq!(node.raft.commit_index(), LogIndex(0));
}

#[test]
fn entries_with_gaps_falling_terms_or_flipped_bits_are_refused() {
    let mut corrupt = command(2, 2);
    corrupt.data = Bytes::from_static(b"flipped");
    for entries in
        [vec![command(3, 2)], vec![command(2, 2), command(3, 1)], vec![command(2, 3)], vec![corrupt]]
    {
        let mut node = Solo::new(3, 2, &[]);
        let misdeed = alarm(&node.appended(N2, append(2, id(1, 1), entries, 1)));
        let named = matches!(misdeed, Some(Misdeed::BrokenEntries { .. } | Misdeed::CorruptEntry { .. }));
        assert!(named, "{misdeed:?}");
        assert_eq!(node.raft.last_log(), id(1, 1));
    }
}

#[test]
fn a_stranger_has_no_say() {
    let mut node = Solo::new(3, 2, &[]);
    assert_eq!(node.hears(NodeId(9), vote_request(3, id(1, 1))), []);
    assert_eq!(node.hears(N1, vote_request(3, id(1, 1))), [], "nor has its own voice from outside");
    assert_eq!(node.raft.term(), Term(2));
}
