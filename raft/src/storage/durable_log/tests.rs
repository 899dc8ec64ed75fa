//! What was followed is what is read anew, after every operation of random lives; and a disk that lies is seen
//! through.

mod life;

use super::super::memory::{Fault, Queue, SyncFailure};
use super::super::testing::{after, cluster, entry, linked, persist, vote};
use super::super::{Recovered, Storage};
use super::*;
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::types::{Incarnation, NodeId};
use life::{Life, Seen, told};

/// Small, so that a life sees many.
const SEGMENT_BYTES: u64 = 4096;

pub(super) fn open(disk: SimDisk) -> (Storage<SimDisk>, Identity, Recovered) {
    Storage::open_with(disk, &cluster(), NodeId(1), Incarnation(7), SEGMENT_BYTES).unwrap()
}

#[test]
fn what_was_followed_is_what_is_read_anew() {
    let mut all = Seen::default();
    for seed in 0..24 {
        let mut life = Life::begin(seed);
        for _ in 0..12 {
            for _ in 0..life.rng.u32(1..400) {
                life.step();
            }
            life = life.end();
        }
        let Seen { stored, installed, conflicts, behind, crashes, .. } = life.seen;
        all.stored += stored;
        all.installed += installed;
        all.conflicts += conflicts;
        all.behind += behind;
        all.crashes += crashes;
    }
    println!("{all:?}");
    assert!(all.stored > 0 && all.installed > 0 && all.conflicts > 0 && all.behind > 0, "{all:?}");
}

#[test]
fn so_it_is_where_writes_are_lost() {
    let mut lost = 0;
    for seed in 0..100 {
        let mut life = Life::begin(seed);
        life.follower = false;
        for _ in 0..400 {
            if life.rng.u8(..50) == 0 {
                life.storage.disk_mut().fault(Fault::LostWrite);
            }
            life.step();
        }
        lost += life.seen.lost;
    }
    println!("{lost} commits were lost");
    assert!(lost > 0);
}

#[test]
fn a_clone_lives_the_same_life_and_another_one() {
    let contents = |life: &Life| {
        let disk = life.storage.disk();
        disk.files().iter().map(|file| disk.content(file)).collect::<Vec<_>>()
    };
    for seed in 0..20 {
        let mut life = Life::begin(seed);
        (0..150).for_each(|_| life.step());
        let mut clone = life.clone();
        let then = (told(&clone.log), contents(&clone));
        (0..150).for_each(|_| life.step());
        assert_eq!((told(&clone.log), contents(&clone)), then, "it shares nothing");
        (0..150).for_each(|_| clone.step());
        assert_eq!((told(&clone.log), contents(&clone)), (told(&life.log), contents(&life)));
    }
}

#[test]
fn a_disk_that_lies_is_seen_through() {
    let faults = [Fault::LostWrite, Fault::Sync(0, SyncFailure::CacheKeepsNew), misdirected()];
    for (fault, done) in faults.into_iter().zip([true, false, true]) {
        let (mut storage, identity, _) = open(SimDisk::new());
        let mut log = DurableLog::of(storage.disk(), &identity);
        let entries = vec![entry(1, 1, &[7; 600])];
        let first = persist(1, Some(vote(1, 1)), entries.clone());
        let held = after(&Recovered::default(), &first);
        let mut commit = |storage: &mut Storage<SimDisk>, write: &Persist| {
            storage.append(write);
            storage.pump().unwrap();
            let ran = storage.disk_mut().run_next(Queue::Log).unwrap();
            log.ran(&ran, storage.disk());
            (
                ran.done,
                ran.durable,
                storage.pump().is_ok_and(|durable| durable == Some(write.id)),
                log.clone(),
            )
        };
        let (.., told) = commit(&mut storage, &first);
        let chain = Chain::default().then(&entries[0]);
        assert_eq!((told.hard_state(), told.last()), (vote(1, 1), entries[0].id));
        assert_eq!(told.holds(LogIndex(1)), Some((Term(1), chain)));
        let at = storage.disk().syncs();
        storage.disk_mut().fault(match fault {
            Fault::Sync(_, failure) => Fault::Sync(at, failure),
            other => other,
        });
        let second = linked(&held, persist(2, Some(vote(2, 3)), vec![entry(2, 2, &[8; 600])]));
        let (said, durable, reported, told) = commit(&mut storage, &second);
        assert_eq!((said, durable, reported), (done, false, done), "the node believes what it is told");
        assert_eq!(
            (told.hard_state(), told.last(), told.holds(LogIndex(2))),
            (vote(1, 1), entries[0].id, None)
        );
        if done {
            let held = after(&held, &second);
            let third = linked(&held, persist(3, None, vec![entry(3, 2, b"c")]));
            let (.., told) = commit(&mut storage, &third);
            assert!(
                told.holds(LogIndex(3)).is_none() && told.repair().is_some(),
                "what follows shows the hole"
            );
        }
    }
}

fn misdirected() -> Fault {
    Fault::MisdirectedWrite { file: "astray".to_owned(), offset: 0 }
}

/// A node that is sent an older snapshot while a newer one gets its name goes on behind the older.
#[test]
fn entries_behind_an_older_snapshot_lead_past_the_newest() {
    let (_, identity, _) = open(SimDisk::new());
    let entries: Vec<Entry> = (1..=5).map(|index| entry(index, 1, b"x")).collect();
    let at = |upto: usize| Base::default().followed_by(&entries[..upto]).unwrap();
    let mut log = DurableLog::empty(&identity, at(3));
    assert!(log.extend(LogIndex(1), &entries[1..], at(5)));
    assert_eq!((log.last(), log.holds(LogIndex(5))), (at(5).id, Some((at(5).id.term, at(5).chain))));
    let mut other = DurableLog::empty(&identity, at(3));
    assert!(!other.extend(LogIndex(1), &entries[1..], at(4)));
}
