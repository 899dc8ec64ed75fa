//! Snapshots taken, installed and started from.

use super::*;
use crate::consensus::snapshot::{Base, SnapshotId, SnapshotMeta};
use crate::consensus::types::SessionId;
use crate::session::{SessionTag, Sessions, Verdict};

const NOW: Timestamp = Timestamp::from_millis(301);

/// A cluster of one that leads, with a low limit on the log between snapshots.
fn small() -> Server<Echo> {
    let (hard_state, first) = first_state(&voters(1));
    let config = Config { snapshot_min_log_bytes: 1000, ..Config::lan() };
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(NodeId(1), config, 1, Timestamp::default(), start).unwrap();
    let mut server = Server::new(raft, Echo);
    let campaign = step(&mut server, 301, Input::Tick);
    let elected = persisted(&mut server, &campaign);
    persisted(&mut server, &elected);
    server
}

fn voters(count: u64) -> Membership {
    Membership { voters: (1..=count).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect() }
}

fn apply(server: &mut Server<Echo>, ticket: u64, bytes: usize) {
    let command = Bytes::from(vec![1; bytes]);
    let proposed = step(server, 301, Input::Propose { ticket: Ticket(ticket), tag: None, command });
    persisted(server, &proposed);
}

fn id_of(meta: &SnapshotMeta, length: u64) -> SnapshotId {
    SnapshotId { last: meta.base.id, length, hash: [7; 32] }
}

fn store(server: &mut Server<Echo>, length: u64) -> Vec<Output> {
    let meta = server.take_snapshot().unwrap().meta;
    step(server, 301, Input::SnapshotStored { id: id_of(&meta, length), meta })
}

#[test]
fn a_snapshot_is_due_after_enough_log_and_one_at_a_time() {
    let mut server = small();
    assert!(!server.snapshot_due());
    apply(&mut server, 1, 1000);
    assert!(server.snapshot_due());
    let frozen = server.take_snapshot().unwrap();
    let last = server.raft().last_log();
    assert_eq!((frozen.meta.base.id, &frozen.meta.membership), (last, &voters(1)));
    assert_eq!(Some(frozen.meta.base.chain), server.raft().log().chain_at(last.index));
    assert!(!server.snapshot_due(), "one is under way");
    let stored = Input::SnapshotStored { id: id_of(&frozen.meta, 10), meta: frozen.meta };
    assert!(step(&mut server, 301, stored).contains(&Output::Compact(last.index)));
    assert!(!server.snapshot_due());
    apply(&mut server, 2, 900);
    assert!(!server.snapshot_due());
    apply(&mut server, 3, 100);
    assert!(server.snapshot_due());
}

#[test]
fn no_snapshot_is_taken_of_nothing() {
    let (hard_state, first) = first_state(&voters(1));
    let config = Config { snapshot_min_log_bytes: 0, ..Config::lan() };
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(NodeId(1), config, 1, Timestamp::default(), start).unwrap();
    assert!(!Server::new(raft, Echo).snapshot_due());
}

#[test]
fn a_large_snapshot_waits_for_as_much_log_as_it_has_itself() {
    let mut server = small();
    apply(&mut server, 1, 1000);
    store(&mut server, 5000);
    apply(&mut server, 2, 4900);
    assert!(!server.snapshot_due());
    apply(&mut server, 3, 100);
    assert!(server.snapshot_due());
}

#[test]
fn a_snapshot_that_failed_is_not_tried_again_at_once() {
    let mut server = small();
    apply(&mut server, 1, 1000);
    server.take_snapshot().unwrap();
    server.snapshot_failed();
    assert!(!server.snapshot_due());
    apply(&mut server, 2, 1000);
    assert!(server.snapshot_due());
}

#[test]
fn a_snapshot_is_due_with_the_byte_that_makes_it_enough() {
    for (bytes, due) in [(967, false), (968, true)] {
        let mut server = small();
        apply(&mut server, 1, 1000);
        store(&mut server, 10);
        apply(&mut server, 2, bytes);
        assert_eq!(server.snapshot_due(), due, "32 bytes and {bytes}");
    }
}

#[test]
fn a_snapshot_that_is_wanted_waits_for_something_to_take() {
    let mut server = small();
    server.want_snapshot();
    assert!(server.snapshot_due(), "there is little, and it is wanted");
    store(&mut server, 10);
    server.want_snapshot();
    assert!(!server.snapshot_due(), "nothing came since");
    apply(&mut server, 1, 1);
    assert!(server.snapshot_due());
    store(&mut server, 10);
    apply(&mut server, 2, 1);
    assert!(!server.snapshot_due(), "it was wanted once");
}

#[test]
fn a_snapshot_that_rotted_is_taken_again_of_the_same_state() {
    let mut server = small();
    server.want_snapshot_again();
    assert!(!server.snapshot_due(), "there is none that could have rotted");
    apply(&mut server, 1, 1000);
    store(&mut server, 10);
    server.want_snapshot_again();
    assert!(server.snapshot_due());
    server.take_snapshot().unwrap();
    assert!(!server.snapshot_due(), "one is under way");
    server.snapshot_failed();
    server.want_snapshot_again();
    assert!(!server.snapshot_due(), "it is not tried again at once");
    apply(&mut server, 2, 968);
    assert!(server.snapshot_due());
}

/// A repeat of a command that the snapshot holds takes no effect again.
#[test]
fn a_snapshot_holds_the_sessions() {
    let mut server = small();
    let opened = step(&mut server, 301, Input::OpenSession { ticket: Ticket(1), drawn: SessionId(5) });
    persisted(&mut server, &opened);
    let tag = SessionTag { session: SessionId(5), serial: 1, floor: 0 };
    let command = Bytes::from_static(b"once");
    let proposed = step(&mut server, 301, Input::Propose { ticket: Ticket(2), tag: Some(tag), command });
    persisted(&mut server, &proposed);
    let frozen = server.take_snapshot().unwrap();
    let mut sessions = Sessions::decode(&frozen.sessions).unwrap();
    assert_eq!(&sessions, server.sessions());
    let repeat = sessions.begin(LogIndex(99), tag);
    assert!(matches!(repeat, Verdict::Repeat(_, answer) if answer == "once"));
}

#[test]
fn a_server_goes_on_from_its_snapshot() {
    let mut first = small();
    apply(&mut first, 1, 10);
    let meta = first.take_snapshot().unwrap().meta;
    let behind = Entry::new(
        LogId { index: meta.base.id.index.next(), ..meta.base.id },
        EntryKind::Command,
        Bytes::from_static(b"behind"),
    );
    let start = Start {
        hard_state: first.raft().hard_state(),
        base: meta.base,
        membership: Some(meta.membership.clone()),
        entries: vec![behind.clone()],
        snapshot: Some(id_of(&meta, 10)),
        repair: None,
    };
    let raft = Raft::new(NodeId(1), Config::lan(), 1, Timestamp::default(), start).unwrap();
    let mut server = Server::restored(raft, Echo, first.sessions().clone());
    assert_eq!(server.last_applied(), meta.base.id.index);
    let campaign = step(&mut server, 301, Input::Tick);
    let elected = persisted(&mut server, &campaign);
    persisted(&mut server, &elected);
    assert_eq!(server.last_applied(), behind.id.index.next(), "and its no-op");
}

fn installed(index: u64, term: u64) -> Installed<Echo> {
    let id = LogId { term: Term(term), index: LogIndex(index) };
    let meta = SnapshotMeta { base: Base { id, ..Base::default() }, membership: voters(3) };
    let mut sessions = Sessions::default();
    sessions.open(LogIndex(2), SessionId(9));
    Installed { id: id_of(&meta, 10), meta, sessions, machine: Echo }
}

fn drain(server: &mut Server<Echo>) -> Vec<Output> {
    let mut outputs = Vec::new();
    server.drain(NOW, &mut outputs).unwrap();
    outputs
}

#[test]
fn an_installed_snapshot_takes_the_place_of_machine_and_sessions() {
    let mut server = leader();
    step(&mut server, 301, append(3, 3, 0));
    server.install(NOW, installed(9, 3)).unwrap();
    drain(&mut server);
    assert_eq!((server.last_applied(), server.sessions().len()), (LogIndex(9), 1));
    assert_eq!(server.raft().last_log().index, LogIndex(9));
}

#[test]
fn an_older_snapshot_changes_nothing() {
    let mut server = leader();
    step(&mut server, 301, append(3, 3, 3));
    assert_eq!(server.last_applied(), LogIndex(3));
    server.install(NOW, installed(3, 3)).unwrap();
    server.install(NOW, installed(2, 2)).unwrap();
    assert_eq!((server.last_applied(), server.sessions().len()), (LogIndex(3), 0));
}

/// The disk holds everything, the others said nothing yet.
fn waits(server: &mut Server<Echo>) {
    let command = Bytes::new();
    let proposed = step(server, 301, Input::Propose { ticket: Ticket(1), tag: None, command });
    persisted(server, &proposed);
}

#[test]
fn a_proposal_that_a_snapshot_passes_is_unknown() {
    let mut server = leader();
    waits(&mut server);
    // It holds the very entry; but who waits cannot be told what it answered.
    server.install(NOW, installed(3, 2)).unwrap();
    assert_eq!(replies(&drain(&mut server)), [Reply::Unknown]);
    assert_eq!(server.last_applied(), LogIndex(3));
}

#[test]
fn a_read_that_a_snapshot_passes_is_answered() {
    let mut server = leader();
    server.granted.insert((LogIndex(4), Ticket(7)), Bytes::from_static(b"query"));
    step(&mut server, 301, append(3, 3, 0));
    server.install(NOW, installed(4, 3)).unwrap();
    assert_eq!(replies(&drain(&mut server)), [Reply::Read(Bytes::from_static(b"query"))]);
}
