//! One node without a runtime, given its events and the time by hand.

use std::time::Duration;

use super::*;
use crate::bootstrap::first_state;
use crate::consensus::config::Config;
use crate::consensus::io::Refusal;
use crate::consensus::message::Heartbeat;
use crate::consensus::types::{ClusterId, Incarnation, LogIndex, Membership, Term};
use crate::consensus::{Raft, Start};
use crate::state_machine::testing::Echo;
use crate::storage::MemoryDisk;
use crate::storage::memory::Fault;

const SEGMENT_BYTES: u64 = 4096;

type Node = Pump<Echo, MemoryDisk, AtOnce>;

/// What a node said.
#[derive(Default)]
struct Heard {
    sent: Vec<(NodeId, Message)>,
    told: Vec<(Ticket, Told)>,
    closed: Vec<NodeId>,
}

impl Outlet for Heard {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        let messages = messages.into_iter();
        self.sent.extend(messages.flat_map(|(to, all)| all.into_iter().map(move |message| (to, message))));
    }

    fn tell(&mut self, ticket: Ticket, told: Told) {
        self.told.push((ticket, told));
    }

    fn disconnect(&mut self, peer: NodeId, _: &Misdeed) {
        self.closed.push(peer);
    }
}

fn membership(voters: u64) -> Membership {
    Membership { voters: (1..=voters).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect() }
}

/// Node 1 of so many.
fn node(disk: &MemoryDisk, voters: u64) -> Node {
    let (me, incarnation) = (NodeId(1), Incarnation(1));
    let (hard_state, first) = first_state(&membership(voters));
    let cluster = ClusterId::new("test").unwrap();
    let (storage, identity, _) =
        Storage::open_with(disk.clone(), &cluster, me, incarnation, SEGMENT_BYTES).unwrap();
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(me, Config::lan(), 1, Timestamp::default(), start).unwrap();
    let (server, workshop) = (Server::new(raft, Echo), AtOnce::default());
    Pump::new(Parts { storage, identity, boot: BootId(1), server, workshop, seed: 1 })
}

fn act(node: &mut Node, millis: u64) -> Heard {
    let mut heard = Heard::default();
    node.act(|| Timestamp::from_millis(millis), &mut heard).unwrap();
    heard
}

fn pass(node: &mut Node, millis: u64) -> Heard {
    node.pass(Timestamp::from_millis(millis)).unwrap();
    act(node, millis)
}

/// A cluster of one, whose disk answers at once.
fn leader(disk: &MemoryDisk) -> Node {
    let mut node = node(disk, 1);
    pass(&mut node, 301);
    assert_eq!(node.server.raft().role(), RoleName::Leader);
    node
}

fn propose(node: &mut Node, millis: u64, bytes: usize) -> (Ticket, Heard) {
    let ask = Ask::Propose { tag: None, command: vec![7; bytes].into() };
    let ticket = node.ask(Timestamp::from_millis(millis), ask).unwrap();
    (ticket, act(node, millis))
}

fn hears(node: &mut Node, from: (u64, u128), message: Message) -> Heard {
    let (from, incarnation) = (NodeId(from.0), Incarnation(from.1));
    let mut heard = Heard::default();
    let received = Received { from, incarnation, message };
    node.receive(Timestamp::from_millis(1), received, &mut heard).unwrap();
    let Heard { sent, told, closed } = act(node, 1);
    heard.sent.extend(sent);
    heard.told.extend(told);
    heard.closed.extend(closed);
    heard
}

fn heartbeat(term: Term) -> Message {
    Message::Heartbeat(Heartbeat { term, round: 0, leader_commit: LogIndex(0) })
}

fn counters(node: &Node) -> Counters {
    node.status(Timestamp::from_millis(301)).counters
}

#[test]
fn every_ask_has_a_ticket_of_its_own_and_what_it_is_told_comes_under_it() {
    let mut node = leader(&MemoryDisk::new());
    for number in 0..3 {
        let (ticket, heard) = propose(&mut node, 301, 1);
        assert_eq!(ticket, Ticket(number));
        let tickets: Vec<Ticket> = heard.told.iter().map(|(ticket, _)| *ticket).collect();
        assert_eq!(tickets, [ticket, ticket], "accepted, and applied: {:?}", heard.told);
    }
}

/// A disk that completes at once lets a whole commit pass in one turn.
#[test]
fn one_turn_goes_as_far_as_the_disk_does() {
    let mut node = leader(&MemoryDisk::new());
    assert_eq!(node.server.last_applied(), LogIndex(2), "its membership and its no-op");
    propose(&mut node, 301, 1);
    assert_eq!(node.server.last_applied(), LogIndex(3));
}

#[test]
fn what_was_written_last_is_marked_as_durable_after_a_while() {
    let mut node = leader(&MemoryDisk::new());
    propose(&mut node, 301, 1);
    let marks = |node: &mut Node, millis| {
        pass(node, millis);
        node.storage.stats().marks
    };
    let before = marks(&mut node, 400);
    assert_eq!([401, 402, 900].map(|millis| marks(&mut node, millis) - before), [1, 1, 1]);
}

#[test]
fn what_a_node_does_is_counted_once() {
    let mut node = leader(&MemoryDisk::new());
    propose(&mut node, 301, 1);
    propose(&mut node, 301, 2);
    for _ in 0..3 {
        node.ask(Timestamp::from_millis(301), Ask::Read { query: Bytes::new() }).unwrap();
        act(&mut node, 301);
    }
    let syncs = node.storage().stats().syncs;
    assert!(syncs > 3, "{syncs}");
    let did = Counters {
        proposals_accepted: 2,
        refused: 0,
        reads: 3,
        applied: 4,
        elections_won: 1,
        alarms: 0,
        syncs,
    };
    assert_eq!(counters(&node), did);
}

#[test]
fn a_campaign_is_not_an_election_won_and_what_is_refused_is_counted() {
    let mut node = node(&MemoryDisk::new(), 3);
    pass(&mut node, 301);
    assert_eq!((node.server.raft().role(), counters(&node).elections_won), (RoleName::PreCandidate, 0));
    for number in 1..=2 {
        let (ticket, heard) = propose(&mut node, 301, 1);
        let refused = Told::Reply(Reply::Refused(Refusal::NotLeader { leader: None }));
        assert_eq!(heard.told, [(ticket, refused)]);
        assert_eq!(counters(&node).refused, number);
    }
    assert_eq!(counters(&node).proposals_accepted, 0);
}

#[test]
fn only_a_member_under_its_incarnation_is_heard() {
    let mut node = node(&MemoryDisk::new(), 3);
    for (alarms, stranger) in [(1, (2, 9)), (2, (9, 2))] {
        hears(&mut node, stranger, heartbeat(Term(9)));
        assert_eq!((node.server.raft().term(), counters(&node).alarms), (Term(1), alarms));
    }
    hears(&mut node, (2, 2), heartbeat(Term(9)));
    assert_eq!((node.server.raft().term(), counters(&node).alarms), (Term(9), 2));
}

#[test]
fn a_peer_that_does_what_no_correct_peer_does_is_cut_off() {
    let mut node = node(&MemoryDisk::new(), 3);
    for alarms in 1..=2 {
        assert_eq!(hears(&mut node, (2, 2), heartbeat(Term::LIMIT)).closed, [NodeId(2)]);
        assert_eq!(counters(&node).alarms, alarms);
    }
}

/// A blank node asks before it knows under which incarnation it is a member, if it is.
#[test]
fn who_introduces_itself_is_told_of_the_cluster_if_it_is_a_voter() {
    let mut node = node(&MemoryDisk::new(), 3);
    let asks = Introduction { incarnation: Incarnation(9), view: None };
    let view = Some(membership(3));
    let answer = Message::IntroductionReply(Introduction { incarnation: Incarnation(1), view });
    let ask = || Message::Introduction(asks.clone());
    assert_eq!(hears(&mut node, (2, 9), ask()).sent, [(NodeId(2), answer)]);
    assert_eq!(hears(&mut node, (9, 9), ask()).sent, []);
    assert_eq!(hears(&mut node, (2, 9), Message::IntroductionReply(asks.clone())).sent, []);
    assert_eq!(counters(&node).alarms, 0, "nothing of it is amiss");
}

#[test]
fn a_graceful_end_makes_durable_what_was_handed_to_the_log() {
    let disk = MemoryDisk::new();
    let mut node = leader(&disk);
    disk.hold();
    propose(&mut node, 301, 1);
    let before = node.storage().stats().syncs;
    node.flush().unwrap();
    assert_eq!(node.storage().stats().syncs, before + 1);
}

#[test]
fn a_part_of_the_disk_is_read_again_as_often_as_was_said() {
    let mut node = node(&MemoryDisk::new(), 3);
    node.scrub_every(Duration::from_secs(3));
    for (now, next) in [(1000, 4000), (3999, 4000), (4000, 7000), (9000, 12_000)] {
        act(&mut node, now);
        assert_eq!(node.disk.scrub_at, Timestamp::from_millis(next), "at {now}");
    }
    assert_eq!(node.deadline(), node.server.deadline(), "it campaigns long before");
    node.disk.scrub_at = Timestamp::from_millis(5);
    assert_eq!(node.deadline(), Timestamp::from_millis(5));
    node.disk.retry_at = Some(Timestamp::from_millis(4));
    assert_eq!(node.deadline(), Timestamp::from_millis(4));
}

#[test]
fn a_full_disk_is_looked_at_again_every_second() {
    let disk = MemoryDisk::new();
    disk.prepare();
    let mut node = leader(&disk);
    disk.fault(Fault::Capacity(2 * SEGMENT_BYTES));
    for _ in 0..10 {
        // So many that the next one has no place in the same segment.
        propose(&mut node, 302, 1900);
    }
    let state = |node: &Node| node.status(Timestamp::from_millis(302)).disk.state;
    assert_eq!(state(&node), DiskState::Full);
    for (now, next) in [(302, 1302), (1301, 1302), (1302, 2302)] {
        act(&mut node, now);
        assert_eq!(node.disk.retry_at, Some(Timestamp::from_millis(next)), "at {now}");
    }
    disk.fault(Fault::Capacity(1 << 20));
    act(&mut node, 2301);
    assert_eq!(state(&node), DiskState::Full, "it does not look yet");
    for now in [2302, 3302, 4302] {
        act(&mut node, now);
    }
    assert_eq!((state(&node), node.disk.retry_at), (DiskState::Ok, None));
}
