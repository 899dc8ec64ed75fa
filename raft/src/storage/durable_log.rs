//! For simulators: what of a node's log is on its disk, whatever the disk says. Every claim that leaves a node
//! is compared with it.
//!
//! A second opinion: what is written is decoded as it becomes durable, and kept as terms and chains; nothing is
//! asked of the log that wrote it.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::Identity;
use super::disk::Op;
use super::memory::{Ran, SimDisk};
use super::record::{
    BATCH_HEADER, Found, Place, Record, SEGMENT_HEADER, Seed, Segment, Standing, ended_before, header_of,
    next_record, payload_in,
};
use super::recovery::scan;
use super::snapshot;
use crate::consensus::entry::{Chain, Entry};
use crate::consensus::snapshot::{Base, Repair};
use crate::consensus::types::{HardState, LogId, LogIndex, Membership, Term};
use crate::marks::unmarked;

/// The durable part of one node's log.
///
/// It follows the operations that run one at a time ([`DurableLog::ran`]), and begins anew
/// ([`DurableLog::of`]) after whatever else changed the disk: the opening of a log, a flush, a crash, a fault that
/// changed what was durable.
///
/// A batch counts once all its bytes are on the disk under a durable name, and every earlier one is too; or
/// once it is known, by what a later durable one says, that the earlier one was lost: recovery's rule.
#[derive(Clone, Debug, Hash)]
pub struct DurableLog {
    identity: Identity,
    /// What the disk says counts.
    believes: bool,
    /// The end of the newest snapshot.
    base: Base,
    /// The ends of older ones, which a log that is to be replaced may follow.
    older: Vec<Base>,
    /// May be those of a log that the snapshot has not replaced yet.
    links: Links,
    standing: Standing,
    view: Option<Membership>,
    /// What the last batch says does not follow from what is there.
    lost: bool,
    /// Written and not durable, in the log's order.
    pending: VecDeque<Written>,
    /// Of the segment that was written last.
    seed: (Segment, Seed),
}

/// A batch that may not be on the disk yet; at a segment's head with the segment's header before it.
#[derive(Clone, Debug, Hash)]
struct Written {
    file: String,
    place: Place,
    offset: u64,
    data: Bytes,
    /// Where the log ended before its segment, at a segment's head.
    ended: Option<Place>,
    found: Found,
    payload: Bytes,
}

impl DurableLog {
    /// What a starting node would find were the power to fail now. Reads the whole disk.
    #[must_use]
    pub fn of(disk: &SimDisk, identity: &Identity) -> DurableLog {
        DurableLog::read(disk, identity, false)
    }

    /// The same of a disk that is believed: what it holds for written counts, though it lost it and does not
    /// know ([`SimDisk::lies`]), until the power fails. Of snapshots only what is there.
    #[must_use]
    pub fn as_told(disk: &SimDisk, identity: &Identity) -> DurableLog {
        DurableLog::read(disk, identity, true)
    }

    fn read(disk: &SimDisk, identity: &Identity, believes: bool) -> DurableLog {
        let base = newest_snapshot(disk, identity);
        let mut files = Files::new(disk, believes);
        let found = unmarked(|| scan(&segments(disk), &mut files, identity, base)).unwrap_or_default();
        let mut log = DurableLog { believes, ..DurableLog::empty(identity, base) };
        let Some(scan) = found else { return log };
        let behind = scan.log.from(base.id.index.next());
        log.links.extend(behind);
        log.standing = scan.standing;
        (log.view, log.lost) = (scan.view, scan.lost);
        log
    }

    fn empty(identity: &Identity, base: Base) -> DurableLog {
        DurableLog {
            identity: identity.clone(),
            believes: false,
            base,
            older: Vec::new(),
            links: Links::new(base),
            standing: Standing::default(),
            view: None,
            lost: false,
            pending: VecDeque::new(),
            seed: (Segment(0), Seed::new(identity, Segment(0))),
        }
    }

    /// Term and vote.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.standing.hard_state
    }

    /// The end of the newest durable snapshot.
    #[must_use]
    pub fn base(&self) -> Base {
        self.base
    }

    /// The end of the log: of the snapshot where the log does not reach it or has another entry there.
    #[must_use]
    pub fn last(&self) -> LogId {
        if self.follows_snapshot() { self.links.end().id } else { self.base.id }
    }

    /// The end of the log as its headers say it, whatever a snapshot holds besides: more was never promised.
    #[must_use]
    pub fn promised(&self) -> LogId {
        self.standing.last.id
    }

    /// The entry at an index and the chain up to it; none behind the end, and none before the base.
    #[must_use]
    pub fn holds(&self, index: LogIndex) -> Option<(Term, Chain)> {
        if index == self.base.id.index {
            return Some((self.base.id.term, self.base.chain));
        }
        let there = index > self.base.id.index && self.follows_snapshot();
        self.links.at(index).filter(|_| there).map(|at| (at.id.term, at.chain))
    }

    /// What the log says, or shows, to have lost.
    #[must_use]
    pub fn repair(&self) -> Option<Repair> {
        if self.lost { Some(self.standing.lost(self.base.id)) } else { self.standing.repair }
    }

    /// The membership that a blank node bound itself to; of a node that is not blank it means nothing.
    #[must_use]
    pub fn view(&self) -> Option<&Membership> {
        self.view.as_ref()
    }

    /// Takes in an operation that has run on `disk`, in the order in which they ran.
    pub fn ran(&mut self, ran: &Ran, disk: &SimDisk) {
        match &ran.op {
            Op::Write { file, offset, data } => self.wrote(file, *offset, data),
            Op::WriteSync { file, offset, data } => {
                self.wrote(file, *offset, data);
                self.settle(disk);
            }
            Op::Sync { file } if segment_in(file).is_some() => self.settle(disk),
            Op::SyncDir { dir } if dir == snapshot::DIRECTORY => self.snapshot(disk),
            Op::SyncDir { .. } => {
                if disk.lies() && !self.believes {
                    // What was read of a segment that is gone now may stand nowhere else.
                    self.begin_anew(disk);
                }
                self.settle(disk);
            }
            Op::Sync { .. }
            | Op::Lock
            | Op::List { .. }
            | Op::Read { .. }
            | Op::ReadBack { .. }
            | Op::WriteOnce { .. }
            | Op::Allocate { .. }
            | Op::CreateDir { .. }
            | Op::Rename { .. }
            | Op::Remove { .. } => {}
        }
    }

    /// Bytes that may be on the disk now or later: batches, one behind the other. What fills a segment that is made
    /// ahead is none.
    fn wrote(&mut self, file: &str, offset: u64, data: &Bytes) {
        let Some(segment) = segment_in(file) else { return };
        if self.seed.0 != segment {
            self.seed = (segment, Seed::new(&self.identity, segment));
        }
        let mut ended =
            Some(data).filter(|_| offset == 0).and_then(|head| ended_before(head, segment, self.seed.1));
        let (mut from, mut at) = (0, if ended.is_some() { SEGMENT_HEADER } else { 0 });
        while at < data.len() {
            let (place, batch) = (Place { segment, offset: offset + at as u64 }, data.slice(at..));
            let Some(found) = header_of(&batch, place.offset, self.seed.1) else { return };
            let Some(payload) = payload_in(&batch, &found, self.seed.1) else { return };
            at += BATCH_HEADER + payload.len();
            let (offset, data) = (offset + from as u64, data.slice(from..at));
            from = at;
            let (file, ended) = (file.to_owned(), ended.take());
            self.pending.push_back(Written { file, place, offset, data, ended, found, payload });
        }
    }

    /// Takes in what has become durable.
    fn settle(&mut self, disk: &SimDisk) {
        while let Some(first) = self.pending.pop_front() {
            let shown = |shows: fn(&Written, &Written) -> bool| {
                self.pending.iter().any(|later| shows(later, &first) && self.is_on(disk, later))
            };
            if self.is_on(disk, &first) {
                self.take(&first.found, first.payload);
            } else if shown(Written::passes) {
                self.lose(&first, disk);
            } else if !shown(Written::cuts_off) {
                self.pending.push_front(first);
                break;
            }
        }
        let newest = || self.pending.iter().rev().find(|written| self.header_is_on(disk, written));
        if let Some(newest) = Some(self.lost).filter(|lost| *lost).and_then(|_| newest()) {
            // Where entries are missing, the newest header says how the node stands.
            self.standing = newest.found.header.standing;
        }
    }

    /// A batch is known to be missing; its header may be there.
    fn lose(&mut self, missing: &Written, disk: &SimDisk) {
        if self.header_is_on(disk, missing) {
            self.standing = missing.found.header.standing;
            self.links.truncate_after(missing.found.header.kept);
        }
        self.lost = true;
    }

    fn take(&mut self, found: &Found, mut payload: Bytes) {
        let (kept, last) = (found.header.kept, found.header.standing.last);
        self.standing = found.header.standing;
        let mut entries = Vec::new();
        while payload.has_remaining() {
            match next_record(&mut payload) {
                Some(Record::Entry(entry)) => entries.push(entry),
                Some(Record::View(view)) => self.view = Some(view),
                Some(Record::Membership(_)) => {}
                None => break,
            }
        }
        self.lost = !self.extend(kept, &entries, last);
    }

    /// Puts entries behind those up to `kept`, of the log or of the snapshot, whichever then ends with `last`;
    /// false where neither does. Which of them the writer meant, its chain alone says.
    fn extend(&mut self, kept: LogIndex, entries: &[Entry], last: Base) -> bool {
        let snapshots = self.older.iter().chain([&self.base]).filter(|base| base.id.index == kept).copied();
        let starts = self.links.at(kept).into_iter().chain(snapshots);
        // What comes from a log that an older snapshot began leads past the newest one.
        let past = entries.iter().position(|entry| entry.id == self.base.id).map(|at| &entries[at + 1..]);
        if let Some(behind) = past.filter(|behind| self.base.followed_by(behind) == Some(last)) {
            self.links = Links::new(self.base);
            self.links.extend(behind);
            return true;
        }
        let Some(start) = { starts }.find(|start| start.followed_by(entries) == Some(last)) else {
            self.links.truncate_after(kept);
            return false;
        };
        if self.links.at(kept) == Some(start) {
            self.links.truncate_after(kept);
        } else {
            self.links = Links::new(start);
        }
        self.links.extend(entries);
        true
    }

    fn is_on(&self, disk: &SimDisk, written: &Written) -> bool {
        self.has(disk, &written.file, written.offset, &written.data)
    }

    fn header_is_on(&self, disk: &SimDisk, written: &Written) -> bool {
        let batch = written.data.len() - written.payload.len() - BATCH_HEADER;
        self.has(disk, &written.file, written.place.offset, &written.data[batch..][..BATCH_HEADER])
    }

    fn has(&self, disk: &SimDisk, file: &str, offset: u64, data: &[u8]) -> bool {
        disk.has(file, offset, data) || self.believes && disk.says(file, offset, data)
    }

    fn begin_anew(&mut self, disk: &SimDisk) {
        let pending = std::mem::take(&mut self.pending);
        *self = DurableLog { pending, ..DurableLog::read(disk, &self.identity, self.believes) };
    }

    /// A snapshot may have become durable.
    fn snapshot(&mut self, disk: &SimDisk) {
        let base = newest_snapshot(disk, &self.identity);
        if self.lost || base.id.index < self.base.id.index {
            return self.begin_anew(disk);
        }
        if self.base != base {
            self.older.push(std::mem::replace(&mut self.base, base));
        }
        if self.follows_snapshot() {
            self.older.clear();
            self.links.begin_behind(base);
        }
    }

    /// Whether the log has the snapshot's last entry.
    fn follows_snapshot(&self) -> bool {
        self.links.at(self.base.id.index) == Some(self.base)
    }
}

impl Written {
    /// Whether this begins a segment, and says that the log ended before `other`: a mark that was not durable yet.
    fn cuts_off(&self, other: &Written) -> bool {
        self.ended.is_some_and(|ended| ended <= other.place)
    }

    /// Whether this says that `other` was durable.
    fn passes(&self, other: &Written) -> bool {
        self.found.header.synced > other.place
    }
}

mod batches;
mod links;
mod reading;
#[cfg(test)]
mod tests;

pub use batches::{Batch, batches};
use links::Links;
use reading::{Files, newest_snapshot, segment_in, segments};
