//! One loop, given its events by hand.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::bootstrap::first_state;
use crate::consensus::config::Config;
use crate::consensus::entry::Chain;
use crate::consensus::io::RoleName;
use crate::consensus::message::Message;
use crate::consensus::message::{HeartbeatReply, InstallSnapshot};
use crate::consensus::snapshot::{Base, SnapshotMeta};
use crate::consensus::types::{
    BootId, ClusterId, Incarnation, LogId, LogIndex, Membership, NodeId, Term, Timestamp,
};
use crate::consensus::{Raft, Start};
use crate::driver::waiting::Waiting;
use crate::pump::{Ask, DiskState, Status};
use crate::server::Server;
use crate::session::Sessions;
use crate::state_machine::testing::Echo;
use crate::storage::disk::{Op, Outcome};
use crate::storage::memory::Fault;
use crate::storage::snapshot::{body, file_of};
use crate::storage::{MemoryDisk, StorageError};
use crate::transport::{InProcess, InProcessTransport, Inbox};

/// Small, so that a few entries fill several.
const SEGMENT_BYTES: u64 = 4096;

/// What has not come by then does not come.
const LONG: Duration = Duration::from_secs(10);

type Node = Loop<Echo, MemoryDisk, InProcessTransport>;

/// Node 1 of so many, whose election timeout is long past; and its queue.
fn late(voters: u64) -> (Node, mpsc::UnboundedSender<Request>) {
    on(MemoryDisk::new(), voters)
}

fn on(disk: MemoryDisk, voters: u64) -> (Node, mpsc::UnboundedSender<Request>) {
    let (me, incarnation) = (NodeId(1), Incarnation(1));
    let voters = (1..=voters).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
    let membership = Membership { voters };
    let (hard_state, first) = first_state(&membership);
    let cluster = ClusterId::new("test").unwrap();
    let (mut storage, identity, _) =
        Storage::open_with(disk, &cluster, me, incarnation, SEGMENT_BYTES).unwrap();
    let woken = Arc::new(Notify::new());
    let wake = woken.clone();
    storage.set_waker(Box::new(move || wake.notify_one()));
    let (inbox, received) = Inbox::new();
    let (queue, requests) = mpsc::unbounded_channel();
    let outside = Outside {
        transport: InProcess::new().join(me, incarnation, inbox),
        inbox: received,
        requests,
        queued: Arc::default(),
        wire: Arc::default(),
        disk: woken,
        clock: Instant::now() - Duration::from_secs(10),
    };
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(me, Config::lan(), 1, Timestamp::default(), start).unwrap();
    let (server, workshop) = (Server::new(raft, Echo), Threads::new(outside.disk.clone()));
    let parts = PumpParts { storage, identity, boot: BootId(1), server, workshop, seed: 1 };
    (Loop { outside, pump: Pump::new(parts), waiting: Waiters::default() }, queue)
}

impl Node {
    fn status(&self) -> Status {
        self.pump.status(self.outside.now())
    }

    /// One turn, which something is to begin.
    async fn one_turn(&mut self) {
        timeout(LONG, self.turn()).await.expect("nothing begins a turn").unwrap();
    }

    /// Takes turns until it is so.
    async fn turns(&mut self, until: &str, so: impl Fn(&Node) -> bool) {
        let begun = Instant::now();
        while !so(self) {
            assert!(begun.elapsed() < LONG, "not so yet: {until}");
            self.one_turn().await;
        }
    }

    async fn leads(&mut self) {
        self.turns("it leads", |node| node.pump.server().raft().role() == RoleName::Leader).await;
    }

    /// Acts, and again whenever it is woken, until it is so. No time passes for it.
    async fn acts(&mut self, until: &str, so: impl Fn(&Node) -> bool) {
        let begun = Instant::now();
        self.act().unwrap();
        while !so(self) {
            assert!(begun.elapsed() < LONG, "not so yet: {until}");
            assert!(timeout(LONG, self.outside.disk.notified()).await.is_ok(), "nothing wakes it: {until}");
            self.act().unwrap();
        }
    }
}

/// Where such events never end, a deadline that is only waited for never comes.
#[test]
fn an_event_that_the_core_does_not_see_lets_time_pass_too() {
    let (answer, _answered) = oneshot::channel();
    let message = Message::HeartbeatReply(HeartbeatReply { term: Term(1), round: 0, lacks: None });
    let stranger = Received { from: NodeId(9), incarnation: Incarnation(9), message };
    for event in [Event::Request(Request::Status { answer }), Event::Message(stranger)] {
        let (mut node, _) = late(2);
        let now = node.outside.now();
        node.take(now, event).unwrap();
        assert_eq!(node.pump.server().raft().role(), RoleName::PreCandidate);
    }
}

/// A proposal that is stepped lets no time pass.
#[tokio::test]
async fn a_turn_of_proposals_lets_time_pass_too() {
    let (mut node, queue) = late(2);
    propose(&queue, 1);
    node.one_turn().await;
    assert_eq!(node.pump.server().raft().role(), RoleName::PreCandidate);
}

/// What waits to be applied is counted by nobody; what waits in the queue is.
#[tokio::test]
async fn a_turn_takes_no_more_than_it_applies() {
    let (mut node, queue) = late(1);
    node.leads().await;
    for _ in 0..20_000 {
        propose(&queue, 1);
    }
    node.outside.queued = Arc::new(usize::MAX.into());
    for _ in 0..20_000 {
        if node.outside.requests.is_empty() {
            return;
        }
        node.one_turn().await;
        assert_eq!(node.pump.server().last_applied(), node.pump.server().raft().commit_index());
    }
    panic!("turns that take nothing");
}

fn propose(queue: &mpsc::UnboundedSender<Request>, bytes: usize) {
    let ((accepted, _), (outcome, _)) = (oneshot::channel(), oneshot::channel());
    let ask = Ask::Propose { tag: None, command: vec![7; bytes].into() };
    queue.send(Request::Ask { ask, waiting: Waiting::Write { accepted: Some(accepted), outcome } }).unwrap();
}

/// The write that waits takes the room that returns: that there is more shows all the same.
#[tokio::test]
async fn a_node_whose_disk_was_full_goes_on_when_there_is_room() {
    let disk = MemoryDisk::new();
    disk.prepare();
    let (mut node, queue) = on(disk.clone(), 1);
    node.leads().await;
    disk.fault(Fault::Capacity(2 * SEGMENT_BYTES));
    for _ in 0..100 {
        if node.status().disk.state == DiskState::Full {
            break;
        }
        // So many that the next one has no place in the same segment.
        propose(&queue, 1900);
        node.one_turn().await;
    }
    assert_eq!(node.status().disk.state, DiskState::Full);
    let (mut left, now) = (Vec::new(), node.outside.now());
    node.pump.server_mut().drain(now, &mut left).unwrap();
    assert!(left.is_empty(), "that it leads no more is told at once: {left:?}");
    assert!(matches!(node.pump.storage_mut().flush(), Err(StorageError::NoRoom)), "one waits");
    for _ in 0..3 {
        node.pump.disk_watch().retry_at = Some(node.outside.now());
        node.one_turn().await;
        assert_eq!(node.status().disk.state, DiskState::Full);
    }
    disk.fault(Fault::Capacity(1 << 20));
    for _ in 0..1000 {
        if node.status().disk.state == DiskState::Ok {
            break;
        }
        node.pump.disk_watch().retry_at = Some(node.outside.now());
        node.one_turn().await;
    }
    assert_eq!((node.status().disk.state, node.pump.disk_watch().retry_at), (DiskState::Ok, None));
    node.leads().await;
    let before = node.pump.server().last_applied();
    propose(&queue, 1900);
    node.turns("what was proposed is applied", |node| node.pump.server().last_applied() > before).await;
}

/// What is rotten is needed no more once a snapshot holds what stood there.
#[tokio::test]
async fn rot_is_found_and_a_snapshot_takes_its_place() {
    let disk = MemoryDisk::new();
    let (mut node, queue) = on(disk.clone(), 1);
    node.leads().await;
    for _ in 0..20 {
        propose(&queue, 1000);
        node.one_turn().await;
    }
    disk.fault(Fault::Rot { file: "wal/0000000002.log".to_owned(), offset: 500, bit: 1 });
    assert_eq!(node.status().disk.state, DiskState::Ok);
    for _ in 0..5 {
        node.pump.storage_mut().scrub();
        node.pump.storage_mut().pump().unwrap();
    }
    assert_eq!(node.status().disk.state, DiskState::Rotten);
    node.pump.disk_watch().scrub_at = node.outside.now();
    for _ in 0..1000 {
        node.one_turn().await;
        if node.status().disk.state == DiskState::Ok {
            assert!(node.pump.server().raft().snapshot().is_some());
            return;
        }
    }
    panic!("nothing took its place");
}

/// The pieces of a leader's snapshot that ends at `index`.
fn leaders(index: u64) -> Message {
    let base = Base { id: LogId { term: Term(2), index: LogIndex(index) }, chain: Chain(index) };
    let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
    let meta = SnapshotMeta { base, membership: Membership { voters } };
    let (mut data, sessions) = (Vec::new(), Sessions::default().encode());
    let cluster = ClusterId::new("test").unwrap();
    let snapshot = body::write(&cluster, meta, &sessions, &Bytes::from_static(b"state"), |block| {
        data.extend_from_slice(&block);
        Ok(())
    });
    let (snapshot, data) = (snapshot.unwrap(), Bytes::from(data));
    Message::InstallSnapshot(InstallSnapshot { term: Term(2), snapshot, offset: 0, data })
}

#[tokio::test]
async fn of_a_leaders_snapshots_two_stay() {
    let disk = MemoryDisk::new();
    let (mut node, _queue) = on(disk.clone(), 3);
    for index in (10..=50).step_by(10) {
        let message = leaders(index);
        let now = node.outside.now();
        node.take(now, Event::Message(Received { from: NodeId(2), incarnation: Incarnation(2), message }))
            .unwrap();
        node.acts("the state is the snapshot's", |node| node.pump.server().last_applied() == LogIndex(index))
            .await;
        node.act().unwrap();
    }
    let mut disk = disk;
    disk.submit(Op::List { dir: "snapshots".to_owned() });
    let listed = disk.wait().unwrap().result;
    let Ok(Outcome::Names(names)) = listed else { panic!("{listed:?}") };
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].contains("0040-") && names[1].contains("0050-"), "{names:?}");
}

/// Of what the log no longer holds nothing else is left, and it is what peers would be sent.
#[tokio::test]
async fn a_snapshot_that_rotted_is_found_and_taken_again() {
    let disk = MemoryDisk::new();
    let (mut node, _queue) = on(disk.clone(), 1);
    node.leads().await;
    node.pump.server_mut().want_snapshot();
    node.acts("there is a snapshot", |node| node.pump.server().raft().snapshot().is_some()).await;
    let file = file_of(node.pump.server().raft().snapshot().unwrap().last);
    let good = disk.content(&file).unwrap();
    node.pump.disk_watch().scrub_at = node.outside.now();
    node.act().unwrap();
    node.act().unwrap();
    assert_eq!(node.status().disk.state, DiskState::Ok);
    disk.fault(Fault::Rot { file: file.clone(), offset: 90, bit: 1 });
    node.pump.storage_mut().doubt_snapshot();
    node.pump.storage_mut().pump().unwrap();
    assert_eq!(node.status().disk.state, DiskState::Rotten);
    // Nothing came since; it is taken of the same state.
    node.acts("it was taken again", |node| node.status().disk.state == DiskState::Ok).await;
    assert_eq!(disk.content(&file), Some(good));
}
