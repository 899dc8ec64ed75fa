//! The log in memory: contiguous from index 1 (compaction will move its start).

use super::entry::Entry;
use super::types::{LogId, LogIndex, Membership, Term};

/// The entries. Their terms never decrease along it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

/// Entries that do not start at 1 or do not follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log entry {found} stands where index {expected} is due")]
pub struct Gap {
    /// The index that was due.
    pub expected: LogIndex,
    /// The entry that stands there.
    pub found: LogId,
}

impl Log {
    /// A log of these entries.
    pub fn new(entries: Vec<Entry>) -> Result<Log, Gap> {
        let mut last = LogId::default();
        for entry in &entries {
            if entry.id.index != last.index.next() || entry.id.term < last.term {
                return Err(Gap { expected: last.index.next(), found: entry.id });
            }
            last = entry.id;
        }
        Ok(Log { entries })
    }

    /// The last entry's place; `(0, 0)` if there is none.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.entries.last().map(|e| e.id).unwrap_or_default()
    }

    /// The entry at `index`.
    #[must_use]
    pub fn get(&self, index: LogIndex) -> Option<&Entry> {
        self.entries.get(position(index)?)
    }

    /// The term at `index`; 0 before the first entry, none beyond the last.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == LogIndex(0) { Some(Term(0)) } else { self.get(index).map(|e| e.id.term) }
    }

    /// Where `index` stands, if the log reaches that far.
    #[must_use]
    pub fn id_at(&self, index: LogIndex) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// The first index whose entry has a term of at least `term`; one past the end if none has.
    #[must_use]
    pub fn first_of_term(&self, term: Term) -> LogIndex {
        LogIndex(self.entries.partition_point(|e| e.id.term < term) as u64 + 1)
    }

    /// The last index whose entry has just this term.
    #[must_use]
    pub fn last_of_term(&self, term: Term) -> Option<LogIndex> {
        let index = LogIndex(self.entries.partition_point(|e| e.id.term <= term) as u64);
        (index > LogIndex(0) && self.term_at(index) == Some(term)).then_some(index)
    }

    /// Adds an entry, which must follow the last.
    pub(super) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.id.index, self.last().index.next());
        self.entries.push(entry);
    }

    /// Removes every entry after `last`.
    pub(super) fn truncate_after(&mut self, last: LogIndex) {
        self.entries.truncate(usize::try_from(last.0).unwrap_or(usize::MAX));
    }

    /// Entries from `first` on, as many as both limits allow, but at least one if there is one.
    #[must_use]
    pub fn batch(&self, first: LogIndex, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        let tail = self.from(first);
        let mut bytes = 0_usize;
        let count = tail
            .iter()
            .take(max_entries)
            .take_while(|e| {
                let fits = bytes == 0 || bytes + e.weight() <= max_bytes;
                bytes += e.weight();
                fits
            })
            .count();
        tail[..count].to_vec()
    }

    /// Every entry from `first` on.
    #[must_use]
    pub fn from(&self, first: LogIndex) -> &[Entry] {
        position(first).and_then(|at| self.entries.get(at..)).unwrap_or(&[])
    }

    /// The newest membership in the log, committed or not: it takes effect when appended (§4.1).
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        self.entries.iter().rev().find_map(Entry::membership)
    }
}

fn position(index: LogIndex) -> Option<usize> {
    usize::try_from(index.0.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::consensus::entry::EntryKind;

    fn entry(index: u64, term: u64, size: usize) -> Entry {
        let id = LogId { term: Term(term), index: LogIndex(index) };
        Entry::new(id, EntryKind::Command, Bytes::from(vec![0; size]))
    }

    fn log(terms: &[u64]) -> Log {
        Log::new((1..).zip(terms).map(|(index, term)| entry(index, *term, 100)).collect()).unwrap()
    }

    #[test]
    fn gaps_and_falling_terms_are_refused() {
        assert!(Log::new(vec![entry(2, 1, 0)]).is_err());
        assert!(Log::new(vec![entry(1, 1, 0), entry(3, 1, 0)]).is_err());
        assert!(Log::new(vec![entry(1, 2, 0), entry(2, 1, 0)]).is_err());
    }

    #[test]
    fn terms_are_found_by_their_ends() {
        let log = log(&[1, 1, 3, 3, 3, 6]);
        assert_eq!(log.first_of_term(Term(3)), LogIndex(3));
        assert_eq!(log.last_of_term(Term(3)), Some(LogIndex(5)));
        assert_eq!(log.first_of_term(Term(4)), LogIndex(6));
        assert_eq!(log.last_of_term(Term(4)), None);
        assert_eq!(log.first_of_term(Term(9)), LogIndex(7));
        assert_eq!(log.last_of_term(Term(0)), None);
    }

    #[test]
    fn a_batch_skips_nothing_at_the_byte_limit_and_is_never_empty() {
        let log = log(&[1; 10]);
        let indexes = |batch: Vec<Entry>| batch.iter().map(|e| e.id.index.0).collect::<Vec<_>>();
        assert_eq!(indexes(log.batch(LogIndex(3), 4, usize::MAX)), [3, 4, 5, 6]);
        assert_eq!(indexes(log.batch(LogIndex(3), 100, 132 * 2 + 131)), [3, 4]);
        assert_eq!(indexes(log.batch(LogIndex(3), 100, 1)), [3]);
        assert_eq!(indexes(log.batch(LogIndex(11), 100, 1)), [0; 0]);
    }
}
