//! A node's log on a disk, as a life of random operations leaves it; and what is followed of it.

use super::*;
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::storage::memory::{Fate, SECTOR};
use crate::storage::snapshot::{Event, body};

/// A node that writes at random, and what is followed of its disk.
#[derive(Clone)]
pub(super) struct Life {
    pub(super) rng: fastrand::Rng,
    pub(super) storage: Storage<SimDisk>,
    identity: Identity,
    pub(super) log: DurableLog,
    /// What was appended.
    held: Recovered,
    /// Behind which entries are not replaced.
    fixed: LogIndex,
    /// The last write that is durable, and how the node stood after each that is not.
    writes: u64,
    waiting: VecDeque<(PersistId, Recovered)>,
    durable: Recovered,
    /// Whether snapshots come from a leader.
    pub(super) follower: bool,
    /// A snapshot is under way.
    busy: bool,
    pub(super) seen: Seen,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) stored: u32,
    pub(super) installed: u32,
    pub(super) conflicts: u32,
    pub(super) behind: u32,
    pub(super) crashes: u32,
    pub(super) lost: u32,
}

impl Life {
    pub(super) fn begin(seed: u64) -> Life {
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
    pub(super) fn end(self) -> Life {
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

    pub(super) fn step(&mut self) {
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

pub(super) type Told = (HardState, Base, LogId, Vec<(Term, Chain)>, Option<Repair>, Option<Membership>);

pub(super) fn told(log: &DurableLog) -> Told {
    let last = log.last();
    let all = (0..last.index.0 + 2).filter_map(|index| log.holds(LogIndex(index))).collect();
    let view = log.view().cloned().filter(|_| last == LogId::default());
    (log.hard_state(), log.base(), last, all, log.repair(), view)
}
