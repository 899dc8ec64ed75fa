//! What meets a node through its disk or its memory, and each rule about that, broken by hand.

use std::time::Duration;

use bytes::Bytes;
use raft::pump::{Ask, StopCause};
use raft::session::SessionTag;
use raft::storage::Disk;
use raft::storage::disk::Op;
use raft::storage::memory::{Fault as DiskFault, Queue as DiskQueue};
use raft::{LogIndex, SessionId};
use register::machine::Register;

use super::ambush::Trap;
use super::damage::Tampering;
use super::excuse::Excuse;
use super::node::StartError;
use super::testing::{Nodes, leader, pass, started};
use crate::sim::invariants::Invariants;
use crate::sim::plan::fault::{Aim, Moment, Written};

const LONG: Duration = Duration::from_millis(20);

fn rule(cluster: &Nodes) -> Option<&'static str> {
    cluster.violation().map(|violation| violation.rule)
}

/// Three nodes whose followers are cut off: what the leader writes nobody commits.
fn alone() -> (Nodes, usize) {
    let mut cluster = started(3);
    let leader = leader(&cluster);
    for other in (0..3).filter(|node| *node != leader) {
        cluster.links.cut(leader, other);
    }
    (cluster, leader)
}

/// A node whose log is longer than a segment and a half.
fn with_old_segments() -> (Nodes, usize) {
    let mut cluster = started(3);
    let leader = leader(&cluster);
    for _ in 0..12 {
        let command = Bytes::from(vec![b'x'; 20_000]);
        cluster.ask(leader, Ask::Propose { tag: None, command }).unwrap();
        pass(&mut cluster, LONG);
    }
    (cluster, leader)
}

#[test]
fn a_queue_that_an_ambush_holds_stands_still_until_it_is_let_go() {
    let (mut cluster, leader) = alone();
    cluster.traps[leader] = Some(Trap { number: 7, moment: Moment::Synced });
    let before = cluster.durable[leader].last();
    cluster.ask(leader, Ask::OpenSession).unwrap();
    cluster.ask(leader, Ask::OpenSession).unwrap();
    pass(&mut cluster, LONG);
    let ends = |cluster: &Nodes| cluster.durable[leader].last().index.0 - before.index.0;
    let told =
        |cluster: &Nodes| cluster.running(leader).unwrap().server().raft().durable_index().0 - before.index.0;
    assert_eq!((&cluster.triggered[..], ends(&cluster), told(&cluster)), (&[(7, leader)][..], 1, 0));
    // The node looks, and asks for more. A disk that is slow no more is held all the same, and so is the queue when
    // the other is let go.
    cluster.act(leader);
    cluster.hurry_disk(leader);
    cluster.let_go(leader, DiskQueue::Aside);
    pass(&mut cluster, LONG);
    assert_eq!(ends(&cluster), 1);
    cluster.let_go(leader, DiskQueue::Log);
    pass(&mut cluster, LONG);
    assert_eq!((ends(&cluster), told(&cluster)), (2, 2));
    assert_eq!(cluster.triggered.len(), 1, "once");
}

#[test]
fn an_ambush_before_the_first_write_to_a_segment_leaves_nothing_of_it() {
    let mut cluster = started(3);
    let leader = leader(&cluster);
    cluster.traps[leader] = Some(Trap { number: 7, moment: Moment::SegmentBegins });
    for _ in 0..6 {
        let command = Bytes::from(vec![b'x'; 20_000]);
        cluster.ask(leader, Ask::Propose { tag: None, command }).unwrap();
        pass(&mut cluster, LONG);
    }
    assert_eq!(cluster.triggered, [(7, leader)]);
    let next = cluster.node(leader).disk().unwrap().next(DiskQueue::Log).cloned();
    let Some(Op::WriteSync { file, offset: 0, data }) = next else { panic!("{next:?}") };
    let there = cluster.node(leader).disk().unwrap().durable(&file).unwrap_or_default();
    assert!(!there.starts_with(&data));
}

#[test]
fn a_moment_is_one_step_of_a_disk() {
    let rename = |from: &str, to: &str| Op::Rename { from: from.to_owned(), to: to.to_owned() };
    let steps = [
        (Moment::SnapshotNamed, rename("snapshots/own.part", "snapshots/1.snap"), true),
        (Moment::SnapshotNamed, rename("wal/spare", "wal/1.log"), false),
        (Moment::ReceivedNamed, rename("snapshots/received-1.part", "snapshots/1.snap"), true),
        (Moment::ReceivedNamed, rename("snapshots/own.part", "snapshots/1.snap"), false),
        (Moment::SegmentNamed, rename("wal/spare", "wal/1.log"), true),
        (Moment::SegmentNamed, rename("snapshots/own.part", "snapshots/1.snap"), false),
    ];
    for (moment, op, comes) in steps {
        let (mut cluster, leader) = alone();
        cluster.traps[leader] = Some(Trap { number: 0, moment });
        assert_eq!(cluster.is_met_after(leader, DiskQueue::Aside, &op), comes, "{moment:?} {op:?}");
        cluster.traps[leader] = Some(Trap { number: 0, moment });
        assert!(!cluster.is_met_after(leader, DiskQueue::Log, &op), "in the other queue");
    }
}

#[test]
fn a_write_that_is_lost_is_told_as_done_and_named_as_damage_when_the_life_ends() {
    let (mut cluster, leader) = alone();
    cluster.tamperings[leader] = Some(Tampering { number: 3, of: Written::Log, stray: None });
    cluster.ask(leader, Ask::OpenSession).unwrap();
    pass(&mut cluster, LONG);
    let member = cluster.running(leader).unwrap();
    assert_eq!(member.server().raft().durable_index(), member.server().raft().last_log().index);
    assert_eq!((&cluster.landed[..], cluster.is_blemished(leader)), (&[3][..], true));
    // The last that it was told: after a power failure it could not know, so only the process ends.
    assert!(cluster.would_lose_silently(leader));
    let told = cluster.durable[leader].last();
    cluster.lose_power(leader, 0);
    assert_eq!(cluster.durable[leader].last(), told);
    assert!(cluster.damaged[leader].excuse());
    assert_eq!(rule(&cluster), None);
}

#[test]
fn what_decays_is_damage_when_the_life_ends_and_not_before() {
    let (mut cluster, leader) = with_old_segments();
    let place = cluster.place(leader, Aim::Oldest, 500_000).unwrap();
    cluster.decay(leader, place, 0);
    assert!(cluster.is_decayed(leader) && cluster.damaged[leader].is_empty());
    pass(&mut cluster, LONG);
    cluster.kill(leader);
    assert!(cluster.damaged[leader].excuse());
    cluster.start(leader, Register::new()).unwrap();
    assert_eq!(rule(&cluster), None);
    assert!(!cluster.is_decayed(leader) && !cluster.is_blemished(leader), "it was another life");
    assert!(cluster.running(leader).unwrap().server().raft().repair().is_some());
    assert!(cluster.damaged[leader].excuse(), "it is not made good yet");
}

#[test]
fn damage_that_a_life_began_without_is_no_excuse_for_the_next() {
    let refused = |damage: fn(&mut Nodes)| {
        let mut cluster = started(3);
        cluster.kill(0);
        damage(&mut cluster);
        cluster.nodes[0].disk_mut().unwrap().overwrite("identity", Vec::new());
        let error = cluster.start(0, Register::new()).unwrap_err();
        (cluster.excuse(0, &error), rule(&cluster))
    };
    let harmless = |cluster: &mut Nodes| {
        let before = cluster.durable[0].as_ref().clone();
        cluster.damaged[0].add(before);
    };
    assert_eq!(refused(|_| ()), (None, Some("a whole disk is enough to start")));
    assert_eq!(refused(harmless), (Some(Excuse::ForGood), None));
    let made_good = |cluster: &mut Nodes| {
        let before = cluster.durable[0].as_ref().clone();
        cluster.damaged[0].add(before);
        cluster.start(0, Register::new()).unwrap();
        cluster.kill(0);
    };
    assert_eq!(refused(made_good), (None, Some("a whole disk is enough to start")));
    // What could not be read may be missed when it is used again.
    let unreadable = |cluster: &mut Nodes| {
        cluster.make_unreadable(0, ("wal/nothing".to_owned(), 0));
        cluster.start(0, Register::new()).unwrap();
        cluster.kill(0);
    };
    assert_eq!(refused(unreadable), (Some(Excuse::ForGood), None));
}

#[test]
fn a_disk_that_refuses_may_do_better_the_next_time() {
    let mut cluster = started(3);
    cluster.kill(0);
    cluster.disk_fault(0, DiskFault::Reads(2));
    let before = cluster.durable[0].as_ref().clone();
    cluster.damaged[0].add(before);
    let error = cluster.start(0, Register::new()).unwrap_err();
    assert_eq!(cluster.excuse(0, &error), Some(Excuse::ForNow), "{error}");
    assert_eq!(rule(&cluster), None);
}

#[test]
fn a_failure_that_a_node_has_looked_at_ends_it_no_more() {
    let (mut cluster, failed) = (started(3), StopCause::Storage("the disk failed".to_owned()));
    cluster.disk_fault(0, DiskFault::Reads(1));
    let disk = cluster.nodes[0].disk_mut().unwrap();
    disk.submit_aside(Op::Read { file: "identity".to_owned(), offset: 0, length: 1 });
    assert!(!disk.run_next(DiskQueue::Aside).unwrap().done);
    disk.poll().unwrap();
    assert!(cluster.may_end(0, &failed));
    cluster.act(0);
    assert!(!cluster.may_end(0, &failed));
}

#[test]
fn a_node_does_not_start_beside_what_is_anothers_nor_touch_it() {
    let mut cluster = started(3);
    cluster.kill(0);
    cluster.put_foreign(0);
    let error = cluster.start(0, Register::new()).unwrap_err();
    assert_eq!((cluster.excuse(0, &error), rule(&cluster)), (Some(Excuse::ForNow), None));
    let (file, _) = cluster.foreign[0].clone().unwrap();
    let mut starts = cluster.clone();
    cluster.take_foreign(0);
    assert_eq!(rule(&cluster), None);
    cluster.put_foreign(0);
    cluster.nodes[0].disk_mut().unwrap().overwrite(&file, b"mine".to_vec());
    cluster.take_foreign(0);
    assert_eq!(rule(&cluster), Some("what is another's is left alone"));
    starts.nodes[0].disk_mut().unwrap().lose(&file);
    starts.start(0, Register::new()).unwrap();
    assert_eq!(rule(&starts), Some("what is another's is left alone"));
}

#[test]
fn a_wiped_node_must_be_refused() {
    let mut cluster = started(3);
    cluster.kill(0);
    let mut known = cluster.clone();
    cluster.wipe(0, Register::new());
    assert_eq!(rule(&cluster), None);
    // Were its new incarnation a member, and nothing known of the old one, it would begin.
    known.invariants = Invariants::new(3);
    let (id, incarnation) = (known.nodes[0].id, known.nodes[0].incarnation);
    let anew = raft::Incarnation(incarnation.0 + 1_000_000);
    known.settings.membership.voters.insert(id, anew);
    known.wipe(0, Register::new());
    assert_eq!(rule(&known), Some("a wiped node is a stranger"));
}

#[test]
fn a_file_among_the_snapshots_that_nobody_knows_breaks_a_rule() {
    let mut cluster = started(3);
    cluster.check_files(0);
    assert_eq!(rule(&cluster), None);
    cluster.nodes[0].disk_mut().unwrap().put("snapshots/left-behind", b"x".to_vec());
    // Where an operation failed, its removal may be that: the node is about to end.
    let mut failed = cluster.clone();
    let disk = failed.nodes[0].disk_mut().unwrap();
    disk.fault(DiskFault::Reads(1));
    disk.submit_aside(Op::Read { file: "snapshots/left-behind".to_owned(), offset: 0, length: 1 });
    disk.run_next(DiskQueue::Aside).unwrap();
    failed.check_files(0);
    assert_eq!(rule(&failed), None);
    cluster.check_files(0);
    assert_eq!(rule(&cluster), Some("every file has a use"));
}

#[test]
fn bad_memory_ends_its_node_and_no_other_life() {
    let mut cluster = started(3);
    let leader = leader(&cluster);
    let victim = (leader + 1) % 3;
    let spoilt = StopCause::Invariant("an entry is not what it was".to_owned());
    assert!(!cluster.may_end(victim, &spoilt));
    cluster.set_bad_memory(victim, 5);
    let command = Bytes::from(vec![b'x'; 100]);
    // As clients do it.
    let tag = Some(SessionTag { session: SessionId(1), serial: 1, floor: 0 });
    cluster.ask(leader, Ask::Propose { tag, command }).unwrap();
    pass(&mut cluster, Duration::from_secs(1));
    assert_eq!(cluster.ended, [victim], "what it applies is not what was committed");
    assert_eq!(cluster.landed, [5]);
    cluster.start(victim, Register::new()).unwrap();
    assert!(!cluster.may_end(victim, &spoilt));
    pass(&mut cluster, Duration::from_secs(8));
    assert!(!cluster.node(victim).may_have_sent_spoilt(cluster.now()), "what it sent is gone");
    assert_eq!(cluster.running(victim).unwrap().server().last_applied(), cluster.committed());
}

#[test]
fn what_a_node_with_bad_memory_sent_is_excused_for_as_long_as_it_is_on_its_way() {
    let mut cluster = started(3);
    let leader = leader(&cluster);
    let spoilt = (leader + 1) % 3;
    let excused = |cluster: &Nodes| cluster.node(spoilt).may_have_sent_spoilt(cluster.now());
    assert!(!excused(&cluster), "its memory is good");
    cluster.nodes[spoilt].spoilt = true;
    assert!(excused(&cluster));
    // It answers a heartbeat of one that then stands still, and ends.
    while cluster.nodes[spoilt].spoilt_until.is_none() {
        cluster.step();
    }
    cluster.pause(leader);
    cluster.kill(spoilt);
    assert!(excused(&cluster), "its answer is on its way");
    pass(&mut cluster, Duration::from_secs(8));
    assert!(!excused(&cluster), "whoever runs has it");
    cluster.go_on(leader);
    assert!(excused(&cluster), "it has waited");
    pass(&mut cluster, Duration::from_secs(8));
    assert!(!excused(&cluster));
}

#[test]
fn a_node_that_ends_in_order_makes_durable_what_its_log_was_handed() {
    let lost = |end: fn(&mut Nodes, usize)| {
        let (mut cluster, leader) = alone();
        cluster.ask(leader, Ask::OpenSession).unwrap();
        let handed = cluster.running(leader).unwrap().server().raft().last_log();
        end(&mut cluster, leader);
        cluster.lose_all_unsynced(leader);
        assert_eq!(rule(&cluster), None);
        cluster.start(leader, Register::new()).unwrap();
        handed.index.0 - cluster.running(leader).unwrap().server().raft().last_log().index.0
    };
    assert_eq!((lost(Nodes::stop_in_order), lost(Nodes::kill)), (0, 1));
}

#[test]
fn what_decayed_before_a_node_ends_in_order_was_acknowledged_rightly() {
    let (mut cluster, leader) = with_old_segments();
    let held = cluster.durable[leader].last();
    let place = cluster.place(leader, Aim::Recent, 0).unwrap();
    cluster.decay(leader, place, 0);
    cluster.stop_in_order(leader);
    assert!(cluster.durable[leader].last() < held, "it is not there any more");
    assert!(cluster.damaged[leader].iter().any(|before| before.last() == held), "and is known to have been");
}

#[test]
fn a_node_that_stands_still_is_killed_when_it_is_to_end() {
    let (mut cluster, leader) = alone();
    cluster.ask(leader, Ask::OpenSession).unwrap();
    cluster.pause(leader);
    let waits = cluster.durable[leader].last();
    cluster.stop_in_order(leader);
    assert!(cluster.running(leader).is_none());
    cluster.lose_all_unsynced(leader);
    assert_eq!((cluster.durable[leader].last(), rule(&cluster)), (waits, None));
}

#[test]
fn who_fails_to_end_in_order_breaks_a_rule_unless_the_disk_failed() {
    let ended = |fails: bool| {
        let (mut cluster, leader) = alone();
        cluster.ask(leader, Ask::OpenSession).unwrap();
        if fails {
            let next = cluster.node(leader).disk().unwrap().syncs();
            let keeps = raft::storage::memory::SyncFailure::CacheKeepsNew;
            cluster.disk_fault(leader, DiskFault::Sync(next, keeps));
        } else {
            // Its operations are gone, as if the disk had never answered.
            cluster.nodes[leader].disk_mut().unwrap().end_process();
        }
        cluster.stop_in_order(leader);
        rule(&cluster)
    };
    assert_eq!((ended(true), ended(false)), (None, Some("a node goes on")));
}

#[test]
fn a_place_lies_in_what_is_aimed_at() {
    let (cluster, leader) = with_old_segments();
    let (oldest, _) = cluster.place(leader, Aim::Oldest, 0).unwrap();
    let (recent, at) = cluster.place(leader, Aim::Recent, 0).unwrap();
    let (end, last) = cluster.place(leader, Aim::End, 0).unwrap();
    assert_eq!(oldest, "wal/0000000001.log");
    assert!(oldest < recent && (&recent, at) <= (&end, last));
    assert_eq!(cluster.place(leader, Aim::Snapshot, 0), None, "there is none");
    assert!(cluster.committed() > LogIndex(12));
}

#[test]
fn an_error_without_a_reason_has_no_excuse() {
    let cluster = started(3);
    let error = StartError::Stopped(StopCause::Storage("nothing failed".to_owned()));
    assert_eq!(cluster.excuse(0, &error), None);
}
