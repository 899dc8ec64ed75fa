//! What is applied once, and what its clients are told.

use super::*;
use crate::consensus::types::SessionId;
use crate::session::SessionTag;

/// Panics where it is asked to, with words of either kind.
struct Panics;

impl StateMachine for Panics {
    type Snapshot = Bytes;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Bytes {
        assert!(command != "panic", "at {index}");
        command.clone()
    }

    fn query(&self, query: &Bytes) -> Bytes {
        assert!(query != "panic", "as asked");
        query.clone()
    }

    fn snapshot(&self) -> Bytes {
        panic!("no view")
    }

    fn restore(_: &mut dyn std::io::Read) -> std::io::Result<Panics> {
        Ok(Panics)
    }
}

/// Steps, with a disk that answers at once.
fn done<M: StateMachine>(server: &mut Server<M>, input: Input) -> Result<Vec<Reply>, Fatal> {
    let now = Timestamp::from_millis(301);
    let (mut inputs, mut all) = (vec![input], Vec::new());
    let mut steps = 0..100;
    while let Some(input) = inputs.pop() {
        assert!(steps.next().is_some(), "it writes without end");
        server.step(now, input)?;
        let mut outputs = Vec::new();
        server.drain(now, &mut outputs)?;
        let written = outputs.iter().find_map(|o| if let Output::Persist(p) = o { Some(p.id) } else { None });
        inputs.extend(written.map(Input::Persisted));
        all.extend(replies(&outputs));
    }
    Ok(all)
}

/// A cluster of one that leads; its no-op is at 2.
fn leads<M: StateMachine>(machine: M) -> Server<M> {
    let (hard_state, first) =
        first_state(&Membership { voters: BTreeMap::from([(NodeId(1), Incarnation(1))]) });
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(NodeId(1), Config::lan(), 1, Timestamp::default(), start).unwrap();
    let mut server = Server::new(raft, machine);
    done(&mut server, Input::Tick).unwrap();
    assert_eq!(server.last_applied(), LogIndex(2));
    server
}

fn propose(tag: Option<SessionTag>, command: &'static str) -> Input {
    Input::Propose { ticket: Ticket(7), tag, command: Bytes::from_static(command.as_bytes()) }
}

fn applied(index: u64, response: &'static str) -> Reply {
    Reply::Applied { index: LogIndex(index), response: Bytes::from_static(response.as_bytes()) }
}

#[test]
fn a_command_of_a_session_is_applied_once_and_answered_as_often_as_it_comes() {
    let mut server = leads(Echo);
    let opened = done(&mut server, Input::OpenSession { ticket: Ticket(1), drawn: SessionId(5) }).unwrap();
    let id = Reply::Applied { index: LogIndex(3), response: Bytes::copy_from_slice(&5_u64.to_le_bytes()) };
    assert_eq!(opened, [id]);
    let mut tell = |session, serial, floor, command| {
        let tag = Some(SessionTag { session: SessionId(session), serial, floor });
        done(&mut server, propose(tag, command)).unwrap()
    };
    assert_eq!(tell(5, 1, 0, "one"), [applied(4, "one")]);
    assert_eq!(tell(5, 1, 0, "one"), [applied(4, "one")], "the first answer, from where it was applied");
    assert_eq!(tell(5, 2, 1, "two"), [applied(6, "two")]);
    assert_eq!(tell(5, 1, 1, "one"), [Reply::OutOfWindow]);
    assert_eq!(tell(6, 1, 0, "one"), [Reply::SessionExpired]);
    assert_eq!(done(&mut server, propose(None, "plain")), Ok(vec![applied(9, "plain")]));
}

#[test]
fn a_question_that_panics_is_answered_with_its_words_and_a_command_ends_the_node_with_them() {
    let mut server = leads(Panics);
    let read =
        |query: &'static str| Input::Read { ticket: Ticket(1), query: Bytes::from_static(query.as_bytes()) };
    assert_eq!(done(&mut server, read("panic")), Ok(vec![Reply::ReadPanicked("as asked".to_owned())]));
    assert_eq!(done(&mut server, read("else")), Ok(vec![Reply::Read(Bytes::from_static(b"else"))]));
    let words = server.take_snapshot().map(|_| ());
    assert_eq!(words, Err(Fatal::SnapshotPanicked { panic: "no view".to_owned() }));
    let fatal = Fatal::ApplyPanicked { index: LogIndex(3), panic: "at 3".to_owned() };
    assert_eq!(done(&mut server, propose(None, "panic")), Err(fatal));
}

/// What checksums of disk and wire cannot see: a bit that flips in between.
#[test]
fn an_entry_that_is_not_what_was_proposed_is_not_applied() {
    let (hard_state, first) =
        first_state(&Membership { voters: BTreeMap::from([(NodeId(1), Incarnation(1))]) });
    let at = LogId { term: hard_state.current_term, index: LogIndex(2) };
    let mut flipped = Entry::new(at, EntryKind::Command, Bytes::from_static(b"ab"));
    flipped.data = Bytes::from_static(b"ac");
    let start = Start { hard_state, entries: vec![first, flipped], ..Start::default() };
    let raft = Raft::new(NodeId(1), Config::lan(), 1, Timestamp::default(), start).unwrap();
    let mut server = Server::new(raft, Echo);
    let ended = done(&mut server, Input::Tick).map(drop);
    assert!(matches!(ended, Err(Fatal::CorruptEntry { index: LogIndex(2) })), "{ended:?}");
    assert_eq!(server.last_applied(), LogIndex(1));
}
