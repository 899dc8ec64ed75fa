//! What was followed is what is read anew, after every operation of random lives; and a disk that lies is seen
//! through.

use super::super::memory::{Fate, Fault, Queue, SECTOR, SyncFailure};
use super::super::snapshot::{Event, body};
use super::super::testing::{after, cluster, entry, linked, persist, vote};
use super::super::{Recovered, Storage};
use super::*;
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::{Incarnation, NodeId};

/// Small, so that a life sees many.
const SEGMENT_BYTES: u64 = 4096;

pub(super) fn open(disk: SimDisk) -> (Storage<SimDisk>, Identity, Recovered) {
    Storage::open_with(disk, &cluster(), NodeId(1), Incarnation(7), SEGMENT_BYTES).unwrap()
}

/// A node that writes at random, and what is followed of its disk.
#[derive(Clone)]
struct Life {
    rng: fastrand::Rng,
    storage: Storage<SimDisk>,
    identity: Identity,
    log: DurableLog,
    /// What was appended.
    held: Recovered,
    /// Behind which entries are not replaced.
    fixed: LogIndex,
    /// The last write that is durable, and how the node stood after each that is not.
    writes: u64,
    waiting: VecDeque<(PersistId, Recovered)>,
    durable: Recovered,
    /// Whether snapshots come from a leader.
    follower: bool,
    /// A snapshot is under way.
    busy: bool,
    seen: Seen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    stored: u32,
    installed: u32,
    conflicts: u32,
    behind: u32,
    crashes: u32,
    lost: u32,
}

impl Life {
    fn begin(seed: u64) -> Life {
        let mut disk = SimDisk::new();
        if seed.is_multiple_of(2) {
            disk.prepare();
        }
        let (storage, identity, held) = open(disk);
        let log = DurableLog::of(storage.disk(), &identity);
        Life {
            rng: fastrand::Rng::with_seed(seed),
            storage,
            identity,
            log,
            durable: held.clone(),
            held,
            fixed: LogIndex(0),
            writes: 0,
            waiting: VecDeque::new(),
            follower: true,
            busy: false,
            seen: Seen::default(),
        }
    }

    fn append(&mut self, write: &Persist) {
        self.held = after(&self.held, write);
        if let Some(base) = write.base {
            self.held = Recovered { base, entries: Vec::new(), ..self.held.clone() };
        }
        self.waiting.push_back((write.id, self.held.clone()));
        self.storage.append(write);
    }

    fn next_id(&mut self) -> u64 {
        self.writes += 1;
        self.writes
    }

    fn last(&self) -> u64 {
        self.held.base.id.index.0 + self.held.entries.len() as u64
    }

    /// A vote now and then, entries, sometimes in place of others.
    fn write(&mut self) {
        let id = self.next_id();
        let rng = &mut self.rng;
        let term = self.held.hard_state.current_term.0;
        let last = self.held.base.id.index.0 + self.held.entries.len() as u64;
        let back = if rng.u8(..6) == 0 { rng.u64(..=(last - self.fixed.0.min(last)).min(5)) } else { 0 };
        // What takes the place of an entry is of a later term.
        let hard_state = (term == 0 || back > 0 || rng.u8(..5) == 0).then(|| vote(term + 1, rng.u64(1..4)));
        let term = hard_state.map_or(term, |state| state.current_term.0);
        let entries = (0..rng.u64(..4)).map(|at| {
            let data: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
            entry(last + 1 - back + at, term, &data)
        });
        let write = persist(id, hard_state, entries.collect());
        let write = linked(&self.held, write);
        self.append(&write);
    }

    /// Of this node's own: of what is durable.
    fn begin_snapshot(&mut self) {
        let durable = &self.durable;
        let kept = |entry: &&Entry| {
            self.held.entries.contains(entry)
                && self.waiting.iter().all(|(_, state)| state.entries.contains(entry))
        };
        let kept: Vec<_> = durable.entries.iter().take_while(kept).collect();
        let Some(last) = kept.last().filter(|last| last.id.index > self.fixed) else { return };
        let chain = kept.iter().fold(durable.base.chain, |chain, entry| chain.then(entry));
        let base = Base { id: last.id, chain };
        (self.fixed, self.busy) = (base.id.index, true);
        self.storage.begin_snapshot();
        let (id, meta, bytes) = snapshot_of(base);
        self.storage.feed_snapshot(bytes);
        self.storage.end_snapshot(Ok((id, meta)));
    }

    /// From a leader: of entries that are here, of others in their place, or of later ones.
    fn receive_snapshot(&mut self) {
        let ahead = self.rng.u8(..4) == 0;
        let index = if ahead { self.last() + 10 } else { self.fixed.0 } + self.rng.u64(1..8);
        let here = self.held.entries.iter().take_while(|entry| entry.id.index.0 <= index);
        let chain = here.clone().fold(self.held.base.chain, Chain::then);
        let last = here.last().filter(|last| last.id.index.0 == index && self.rng.bool());
        let term = Term(self.held.hard_state.current_term.0 + 1);
        let other = LogId { term, index: LogIndex(index) };
        let base = last.map_or(Base { id: other, chain: Chain(index) }, |last| Base { id: last.id, chain });
        if base.id == other {
            // Nothing else is of that term.
            let write = persist(self.next_id(), Some(vote(term.0 + 1, 1)), Vec::new());
            self.append(&write);
        } else {
            self.fixed = base.id.index;
        }
        self.busy = true;
        let (id, _, bytes) = snapshot_of(base);
        let mut offset = 0;
        for piece in bytes.chunks(100) {
            self.storage.receive_snapshot(id, offset, &Bytes::copy_from_slice(piece));
            offset += piece.len() as u64;
        }
    }

    /// A snapshot from the leader takes the place of a log that does not lead there.
    fn install(&mut self, base: Base) {
        let here = self.held.entries.iter().take_while(|entry| entry.id.index <= base.id.index);
        let chain = here.clone().fold(self.held.base.chain, Chain::then);
        let held = here.last().is_some_and(|last| (last.id, chain) == (base.id, base.chain));
        self.fixed = base.id.index;
        if held {
            return self.storage.compact(base.id.index);
        }
        let counter =
            if self.last() < base.id.index.0 { &mut self.seen.behind } else { &mut self.seen.conflicts };
        *counter += 1;
        // What follows it is of a later term than what stood there.
        let state = vote(self.held.hard_state.current_term.0 + 1, 1);
        let write = Persist {
            base: Some(base),
            prev_chain: base.chain,
            ..persist(self.next_id(), Some(state), Vec::new())
        };
        self.append(&write);
    }

    fn pump(&mut self) {
        if self.rng.u8(..3) == 0 {
            self.storage.mark_durable();
        }
        if let Some(durable) = self.storage.pump().unwrap() {
            while let Some((_, state)) = self.waiting.pop_front_if(|(id, _)| *id <= durable) {
                self.durable = state;
            }
        }
        while let Some(event) = self.storage.next_event() {
            match event {
                Event::Stored { id, .. } => {
                    self.seen.stored += 1;
                    self.storage.prune_snapshots(&[]);
                    self.storage.compact(id.last.index);
                }
                Event::Received { meta, .. } => {
                    self.seen.installed += 1;
                    self.storage.prune_snapshots(&[]);
                    self.install(meta.base);
                }
                Event::Written { .. } => continue,
                Event::Failed(_) | Event::Refused { .. } | Event::Piece { .. } => {}
            }
            self.busy = false;
        }
    }

    fn run_one(&mut self) {
        let queue = if self.rng.bool() { Queue::Log } else { Queue::Aside };
        let Some(ran) = self.storage.disk_mut().run_next(queue) else { return };
        self.log.ran(&ran, self.storage.disk());
        self.seen.lost += u32::from(matches!(ran.op, Op::WriteSync { .. }) && ran.done && !ran.durable);
        let anew = DurableLog::of(self.storage.disk(), &self.identity);
        let (op, done) = (&ran.op, ran.done);
        assert_eq!(
            told(&self.log),
            told(&anew),
            "{} {} at {}, done: {done}",
            op.verb(),
            op.target(),
            op.offset()
        );
    }

    /// The node ends, or the power; another process opens what is left.
    fn end(self) -> Life {
        let Life { mut rng, storage, mut seen, follower, .. } = self;
        seen.crashes += 1;
        let mut disk = storage.into_disk();
        if rng.bool() {
            disk.end_process();
        } else {
            let mut fates = rng.fork();
            let fate = |_| match fates.u8(..3) {
                0 => Fate::Lost,
                1 => Fate::Kept,
                _ => Fate::Torn(fates.usize(..=SECTOR)),
            };
            disk.crash(fate, rng.usize(..6));
        }
        let (storage, identity, held) = open(disk);
        let log = DurableLog::of(storage.disk(), &identity);
        let (state, base, last, _, repair, _) = told(&log);
        let end = held.entries.last().map_or(held.base.id, |last| last.id);
        assert_eq!((state, base, last, repair), (held.hard_state, held.base, end, held.repair));
        let (fixed, durable) = (held.base.id.index, held.clone());
        let (waiting, busy, writes) = (VecDeque::new(), false, 0);
        Life { rng, storage, identity, log, held, fixed, writes, waiting, durable, follower, busy, seen }
    }

    fn step(&mut self) {
        match self.rng.u8(..24) {
            0..6 => self.write(),
            6 if !self.busy => self.begin_snapshot(),
            7 if self.follower && !self.busy && self.rng.u8(..3) == 0 => self.receive_snapshot(),
            8..12 => self.pump(),
            _ => self.run_one(),
        }
    }
}

fn snapshot_of(base: Base) -> (SnapshotId, SnapshotMeta, Bytes) {
    let meta = SnapshotMeta { base, membership: Membership::default() };
    let mut bytes = Vec::new();
    let state = Bytes::from_static(&[9; 200]);
    let id = body::write(&cluster(), meta.clone(), b"", &state, |block| {
        bytes.extend_from_slice(&block);
        Ok(())
    });
    (id.unwrap(), meta, Bytes::from(bytes))
}

type Told = (HardState, Base, LogId, Vec<(Term, Chain)>, Option<Repair>, Option<Membership>);

fn told(log: &DurableLog) -> Told {
    let last = log.last();
    let all = (0..last.index.0 + 2).filter_map(|index| log.holds(LogIndex(index))).collect();
    let view = log.view().cloned().filter(|_| last == LogId::default());
    (log.hard_state(), log.base(), last, all, log.repair(), view)
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
