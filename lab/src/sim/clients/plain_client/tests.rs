//! The client by hand: what it does after each thing that can happen.

use raft::consensus::io::Refusal;
use raft::{LogIndex, NodeId};

use super::*;

struct Hand {
    client: PlainClient,
    record: Transcript,
    now: Timestamp,
}

const WRITES: Asks = |_, _, _| Operation::Write(Bytes::from_static(b"+"));
const READS: Asks = |_, _, _| Operation::Read(Bytes::from_static(b"?"));

impl Hand {
    /// A client that has dialled its first node and has been let in.
    fn connected(asks: Asks) -> Hand {
        let client = PlainClient::new(0, 3, Random::new(1), asks).reading_back(Bytes::from_static(b"?"));
        let mut hand = Hand { client, record: Transcript::default(), now: Timestamp::default() };
        let node = hand.client.node;
        assert_eq!(hand.rest(), [ClientAction::Dial(node)]);
        hand.happens(ClientEvent::Connected(node));
        hand
    }

    /// The same, with a session.
    fn with_session() -> Hand {
        let mut hand = Hand::connected(WRITES);
        let (tag, ask) = hand.sent();
        assert_eq!(ask, Ask::OpenSession);
        hand.answered(tag, applied(&9_u64.to_le_bytes()));
        hand
    }

    fn happens(&mut self, event: ClientEvent) {
        self.client.step(self.now, event, &mut self.record);
    }

    fn answered(&mut self, tag: u64, reply: Reply) {
        let answer = Answer { reply, leader: None };
        self.happens(ClientEvent::Answered { node: self.client.node, tag, answer });
    }

    /// What it does now, or else at its deadline.
    fn rest(&mut self) -> Vec<ClientAction> {
        let due: Vec<_> = std::iter::from_fn(|| self.client.poll()).collect();
        if !due.is_empty() {
            return due;
        }
        let Some(at) = self.client.deadline() else { return due };
        self.now = at;
        self.happens(ClientEvent::Tick);
        std::iter::from_fn(|| self.client.poll()).collect()
    }

    fn sent(&mut self) -> (u64, Ask) {
        match self.rest().as_slice() {
            [ClientAction::Send { tag, ask, .. }] => (*tag, ask.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn serial(&mut self) -> (u64, u64) {
        match self.sent() {
            (tag, Ask::Propose { tag: Some(session), .. }) => (tag, session.serial),
            other => panic!("{other:?}"),
        }
    }

    /// Breaks the connection and lets the client in elsewhere.
    fn moves(&mut self) {
        self.happens(ClientEvent::Disconnected(self.client.node));
        let node = self.client.node;
        assert_eq!(self.rest(), [ClientAction::Dial(node)]);
        self.happens(ClientEvent::Connected(node));
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.record.told()[0].ended.as_ref().map(|(_, outcome)| outcome)
    }
}

fn applied(response: &[u8]) -> Reply {
    Reply::Applied { index: LogIndex(1), response: Bytes::copy_from_slice(response) }
}

#[test]
fn an_unanswered_command_is_sent_again_under_its_serial_and_the_next_has_another() {
    let mut hand = Hand::with_session();
    let (_, first) = hand.serial();
    hand.moves();
    let (tag, again) = hand.serial();
    assert_eq!(first, again);
    hand.answered(tag, applied(b"1"));
    assert_eq!(hand.outcome(), Some(&Outcome::Done("1".into())));
    assert_eq!(hand.serial().1, first + 1);
}

#[test]
fn only_what_was_refused_every_time_is_not_applied_at_the_deadline() {
    for in_doubt in [false, true] {
        let mut hand = Hand::with_session();
        let (tag, _) = hand.serial();
        if in_doubt {
            hand.moves();
        } else {
            hand.answered(tag, Reply::Refused(Refusal::Overloaded));
            assert!(matches!(hand.rest()[..], [ClientAction::HangUp(_)]));
            hand.moves();
        }
        let (tag, _) = hand.serial();
        hand.answered(tag, Reply::Refused(Refusal::Overloaded));
        hand.now = hand.now + OPERATION;
        hand.happens(ClientEvent::Tick);
        let expected = if in_doubt { Outcome::Unknown } else { Outcome::NotApplied };
        assert_eq!(hand.outcome(), Some(&expected));
    }
}

#[test]
fn a_node_that_lost_its_leadership_leaves_a_doubt() {
    let mut hand = Hand::with_session();
    let (tag, _) = hand.serial();
    hand.answered(tag, Reply::Unknown);
    hand.now = hand.now + OPERATION;
    hand.happens(ClientEvent::Tick);
    assert_eq!(hand.outcome(), Some(&Outcome::Unknown));
}

#[test]
fn a_command_that_was_not_answered_in_time_is_in_doubt() {
    let mut hand = Hand::with_session();
    let _sent = hand.serial();
    assert!(matches!(hand.rest()[..], [ClientAction::HangUp(_)]));
    hand.moves();
    let (tag, _) = hand.serial();
    hand.answered(tag, Reply::Refused(Refusal::Overloaded));
    hand.now = hand.now + OPERATION;
    hand.happens(ClientEvent::Tick);
    assert_eq!(hand.outcome(), Some(&Outcome::Unknown));

    // The same where the operation's deadline comes before the attempt's.
    let mut hand = Hand::with_session();
    let (tag, _) = hand.serial();
    hand.now = hand.now + OPERATION;
    hand.client.link = Link::Up(Some(Owed { tag, since: hand.now, is_session: false }));
    hand.happens(ClientEvent::Tick);
    assert_eq!(hand.outcome(), Some(&Outcome::Unknown));
}

#[test]
fn an_expired_session_ends_only_what_is_in_doubt() {
    let mut hand = Hand::with_session();
    let (tag, first) = hand.serial();
    hand.answered(tag, Reply::SessionExpired);
    assert_eq!(hand.outcome(), None);
    let (tag, ask) = hand.sent();
    assert_eq!(ask, Ask::OpenSession);
    hand.answered(tag, applied(&10_u64.to_le_bytes()));
    assert_eq!(hand.serial().1, first + 1);
    hand.moves();
    let (tag, _) = hand.serial();
    hand.answered(tag, Reply::SessionExpired);
    assert_eq!(hand.outcome(), Some(&Outcome::Unknown));
}

#[test]
fn a_silent_node_is_left_for_the_next_and_a_hint_is_followed() {
    let mut hand = Hand::connected(READS);
    let asked = hand.client.node;
    let (_, ask) = hand.sent();
    assert_eq!(ask, Ask::Read { query: "?".into() });
    let before = hand.now;
    assert_eq!(hand.rest(), [ClientAction::HangUp(asked)]);
    assert_eq!(hand.now, before + ATTEMPT);
    hand.moves();
    assert_eq!(hand.client.node, (asked + 1) % 3);

    let (tag, _) = hand.sent();
    let reply = Reply::Refused(Refusal::NotLeader { leader: Some(NodeId(1)) });
    let (node, leader) = (hand.client.node, (hand.client.node + 2) % 3);
    hand.happens(ClientEvent::Answered { node, tag, answer: Answer { reply, leader: Some(leader) } });
    assert_eq!(hand.rest(), [ClientAction::HangUp(node)]);
    hand.moves();
    assert_eq!(hand.client.node, leader);
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_operations() {
    let mut hand = Hand::connected(READS);
    let (late, _) = hand.sent();
    hand.now = hand.now + OPERATION;
    // At its deadline the attempt is long over as well; what counts here is the tag alone.
    hand.client.link = Link::Up(Some(Owed { tag: late, since: hand.now, is_session: false }));
    hand.happens(ClientEvent::Tick);
    assert_eq!(hand.outcome(), Some(&Outcome::NotApplied));
    let (next, _) = hand.sent();
    hand.answered(late, Reply::Read("old".into()));
    hand.answered(next, Reply::Read("new".into()));
    assert_eq!(hand.record.told()[1].answer(), Some(&"new".into()));
}

#[test]
fn after_the_load_it_reads_back_until_it_is_answered() {
    let mut hand = Hand::connected(READS);
    let (tag, _) = hand.sent();
    hand.happens(ClientEvent::Drain);
    hand.answered(tag, Reply::ReadPanicked("no".into()));
    assert!(!hand.client.is_done());
    let (tag, _) = hand.sent();
    hand.answered(tag, Reply::Read("1".into()));
    assert!(hand.client.is_done());
    assert_eq!(hand.client.deadline(), None);
}
