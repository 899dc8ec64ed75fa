//! What a log's file holds after a crash: the rule of the torn tail, as a function of its bytes.
//!
//! A batch header says up to where the file was durable when it was written. Known durable is the
//! highest such claim of any intact header, *wherever it stands*: bad bytes below it are damage,
//! however near the end. Bad bytes above it were never acknowledged: the log ends there, intact
//! batches behind included, since sectors reach the disk in any order.

use bytes::{Buf, Bytes};

use super::Recovered;
use super::record::{
    BATCH_HEADER, BATCH_MAGIC, BatchHeader, Found, Record, SEGMENT_HEADER, Seed, header_at, next_record,
    payload_of,
};
use crate::consensus::types::LogIndex;
use crate::seeded_bug;

/// A log as its file tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) recovered: Recovered,
    /// Where the log ends: the offset of the first byte that is not part of it.
    pub(super) end: u64,
    /// Up to where it is known to be durable.
    pub(super) synced: u64,
    /// The sequence number of the next batch.
    pub(super) sequence: u64,
    /// The header crc of the last batch.
    pub(super) previous: u32,
    /// Whether nothing but a mark follows what is known to be durable.
    pub(super) marked: bool,
}

/// Bytes that were durable and are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: u64,
    /// The last index before them.
    pub(super) index: LogIndex,
    pub(super) what: &'static str,
}

/// Reads the batches of a segment whose header is good.
pub(super) fn scan(file: &Bytes, seed: Seed) -> Result<Scan, Damage> {
    let start = SEGMENT_HEADER as u64;
    let mut scan = Scan {
        recovered: Recovered::default(),
        end: start,
        synced: start,
        sequence: 0,
        previous: seed.chain(),
        marked: true,
    };
    let mut at = SEGMENT_HEADER;
    let bad = loop {
        match batch_at(file, at, &scan, seed) {
            Ok((found, payload)) => {
                at += BATCH_HEADER + payload.len();
                scan.take(&found, payload)?;
            }
            Err(bad) => break bad,
        }
    };
    let claimed = highest_claim(file, at, seed).unwrap_or(0);
    if claimed > scan.end && !seeded_bug!("torn-tail-cut-below-durable") {
        return Err(scan.damage(bad));
    }
    Ok(scan)
}

/// The batch that stands at `at` and follows what was read so far, or what is wrong with it.
fn batch_at(file: &Bytes, at: usize, scan: &Scan, seed: Seed) -> Result<(Found, Bytes), &'static str> {
    let found = header_at(file, at, seed).ok_or("no intact batch header stands there")?;
    let BatchHeader { previous, sequence, .. } = found.header;
    if (previous, sequence) != (scan.previous, scan.sequence) {
        return Err("the batch there does not follow the one before");
    }
    let payload = payload_of(file, at, &found, seed).ok_or("the batch there is not what was written")?;
    Ok((found, payload))
}

/// Up to where the intact headers at and behind `from` say that the file is durable.
fn highest_claim(file: &Bytes, from: usize, seed: Seed) -> Option<u64> {
    let rest = file.get(from..)?;
    let candidates = rest.windows(BATCH_MAGIC.len()).enumerate().filter(|(_, bytes)| *bytes == BATCH_MAGIC);
    candidates.filter_map(|(at, _)| header_at(file, from + at, seed)).map(|found| found.header.synced).max()
}

impl Scan {
    fn take(&mut self, found: &Found, mut payload: Bytes) -> Result<(), Damage> {
        self.marked = payload.is_empty();
        while payload.has_remaining() {
            let fits = next_record(&mut payload).is_some_and(|record| self.recovered.take(record));
            if !fits {
                return Err(self.damage("a record there makes no sense, although its checksum is right"));
            }
        }
        self.synced = self.synced.max(found.header.synced);
        self.end = found.header.offset + BATCH_HEADER as u64 + found.length;
        self.sequence += 1;
        self.previous = found.crc;
        Ok(())
    }

    fn damage(&self, what: &'static str) -> Damage {
        Damage { offset: self.end, index: self.recovered.last_index(), what }
    }
}

impl Recovered {
    /// The index of the last entry, 0 if there is none.
    pub(super) fn last_index(&self) -> LogIndex {
        self.entries.last().map_or(LogIndex(0), |entry| entry.id.index)
    }

    /// Takes in the next record; false if it cannot follow the ones before.
    fn take(&mut self, record: Record) -> bool {
        match record {
            Record::HardState(state) => self.hard_state = state,
            Record::View(view) => self.view = Some(view),
            Record::Entry(entry) => {
                let index = entry.id.index;
                if index == LogIndex(0) || index.previous() > self.last_index() {
                    return false;
                }
                // At most the length of the list, which fits.
                self.entries.truncate(usize::try_from(index.previous().0).unwrap_or(usize::MAX));
                self.entries.push(entry);
            }
        }
        true
    }
}
