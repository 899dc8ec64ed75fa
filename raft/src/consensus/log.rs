//! The log in memory: contiguous behind its base, which compaction moves.

use std::collections::VecDeque;

use super::entry::{Chain, Entry};
use super::snapshot::Base;
use super::types::{LogId, LogIndex, Membership, Term};

/// The entries behind a base. Their terms never decrease along it.
#[derive(Clone, Debug, Default, Hash)]
pub struct Log {
    base: Base,
    entries: VecDeque<Entry>,
    /// What is known of each entry's place.
    places: VecDeque<Place>,
    /// The bytes up to the base.
    base_bytes: u64,
}

/// Sums over the log up to one entry, that one included.
#[derive(Clone, Copy, Debug, Hash)]
struct Place {
    chain: Chain,
    /// Their weights, counted from wherever this log began.
    bytes: u64,
}

/// Entries that do not begin behind the base or do not follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log entry {found} stands where index {expected} is due")]
pub struct Gap {
    /// The index that was due.
    pub expected: LogIndex,
    /// The entry that stands there.
    pub found: LogId,
}

impl Log {
    /// A log of these entries behind `base`.
    pub fn new(base: Base, entries: impl IntoIterator<Item = Entry>) -> Result<Log, Gap> {
        let mut log = Log { base, ..Log::default() };
        for entry in entries {
            let last = log.last();
            if entry.id.index != last.index.next() || entry.id.term < last.term {
                return Err(Gap { expected: last.index.next(), found: entry.id });
            }
            log.push(entry);
        }
        Ok(log)
    }

    /// Where it begins: the first entry has the next index.
    #[must_use]
    pub fn base(&self) -> Base {
        self.base
    }

    /// The last entry's place; the base's if there is none.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.entries.back().map_or(self.base.id, |e| e.id)
    }

    /// The entry at `index`; none at the base, before it, or beyond the end.
    #[must_use]
    pub fn get(&self, index: LogIndex) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// The term at `index`: of the base and of what follows it; none where nothing is known.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.id.index { Some(self.base.id.term) } else { self.get(index).map(|e| e.id.term) }
    }

    /// Where `index` stands, if the log knows.
    #[must_use]
    pub fn id_at(&self, index: LogIndex) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// The chain up to `index`, where the term at it is known.
    #[must_use]
    pub fn chain_at(&self, index: LogIndex) -> Option<Chain> {
        if index == self.base.id.index {
            Some(self.base.chain)
        } else {
            self.places.get(self.position(index)?).map(|place| place.chain)
        }
    }

    /// The first index behind the base whose entry has a term of at least `term`; one past the end if
    /// none has.
    #[must_use]
    pub fn first_of_term(&self, term: Term) -> LogIndex {
        self.index_of(self.entries.partition_point(|e| e.id.term < term))
    }

    /// The last index whose entry, or the base, has just this term.
    #[must_use]
    pub fn last_of_term(&self, term: Term) -> Option<LogIndex> {
        let index = self.index_of(self.entries.partition_point(|e| e.id.term <= term)).previous();
        (index > LogIndex(0) && self.term_at(index) == Some(term)).then_some(index)
    }

    /// Adds an entry, which must follow the last.
    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.id.index, self.last().index.next());
        let before = self.places.back().copied().unwrap_or(self.base_place());
        let bytes = before.bytes + entry.weight() as u64;
        self.places.push_back(Place { chain: before.chain.then(&entry), bytes });
        self.entries.push_back(entry);
    }

    /// For simulators: a bit of this entry's content flips, as bad memory has it. False: there is none, or it is a
    /// membership: with that a node knows its peers no more, and is as good as down.
    #[cfg(feature = "simulation")]
    pub(crate) fn spoil(&mut self, index: LogIndex) -> bool {
        let entry = self.position(index).and_then(|at| self.entries.get_mut(at));
        let Some(entry) = entry.filter(|entry| entry.kind != super::entry::EntryKind::Membership) else {
            return false;
        };
        let mut data = entry.data.to_vec();
        let Some(last) = data.last_mut() else { return false };
        *last ^= 1;
        entry.data = data.into();
        true
    }

    /// Removes every entry after `last`.
    pub(crate) fn truncate_after(&mut self, last: LogIndex) {
        let keep = usize::try_from(last.0.saturating_sub(self.base.id.index.0)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
        self.places.truncate(keep);
    }

    /// Drops every entry up to `upto`, if there is one at it. Returns the newest membership among them.
    pub(crate) fn compact(&mut self, upto: LogIndex) -> Option<Membership> {
        let at = self.position(upto)?;
        let (id, place) = (self.entries.get(at)?.id, *self.places.get(at)?);
        let newest = self.entries.range(..=at).rev().find_map(Entry::membership);
        self.base = Base { id, chain: place.chain };
        self.base_bytes = place.bytes;
        self.places.drain(..=at);
        self.entries.drain(..=at);
        newest
    }

    /// The whole log gives way to what stands for its beginning.
    pub(crate) fn replace(&mut self, base: Base) {
        let suffix = if crate::seeded_bug!("log-suffix-kept-after-install") {
            self.from(base.id.index.next()).cloned().collect()
        } else {
            Vec::new()
        };
        *self = Log { base, ..Log::default() };
        suffix.into_iter().for_each(|entry| self.push(entry));
    }

    /// Bytes of the entries behind `after` up to `upto`; what is no longer in the log counts nothing.
    #[must_use]
    pub fn bytes_between(&self, after: LogIndex, upto: LogIndex) -> u64 {
        let until = |index: LogIndex| match self.position(index.min(self.last().index)) {
            Some(at) => self.places.get(at).map_or(self.base_bytes, |place| place.bytes),
            None => self.base_bytes,
        };
        until(upto).saturating_sub(until(after))
    }

    fn base_place(&self) -> Place {
        Place { chain: self.base.chain, bytes: self.base_bytes }
    }

    /// Entries from `first` on, as many as both limits allow, but at least one if there is one.
    #[must_use]
    pub fn batch(&self, first: LogIndex, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        let mut bytes = 0_usize;
        self.from(first)
            .take(max_entries)
            .take_while(|e| {
                let fits = bytes == 0 || bytes + e.weight() <= max_bytes;
                bytes += e.weight();
                fits || crate::seeded_bug!("entry-skipped-at-byte-limit")
            })
            .filter(|e| !crate::seeded_bug!("entry-skipped-at-byte-limit") || e.weight() <= max_bytes)
            .cloned()
            .collect()
    }

    /// Every entry from `first` on; none if that is not behind the base.
    pub fn from(&self, first: LogIndex) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        let start = self.position(first).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(start..)
    }

    /// The newest membership among the entries, committed or not: it takes effect when appended (§4.1).
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        self.entries.iter().rev().find_map(Entry::membership)
    }

    /// The entries, in order.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    /// Where an entry stands in the list.
    fn position(&self, index: LogIndex) -> Option<usize> {
        usize::try_from(index.0.checked_sub(self.base.id.index.0)?.checked_sub(1)?).ok()
    }

    fn index_of(&self, position: usize) -> LogIndex {
        LogIndex(self.base.id.index.0 + 1 + position as u64)
    }
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
        Log::new(Base::default(), (1..).zip(terms).map(|(index, term)| entry(index, *term, 100))).unwrap()
    }

    #[test]
    fn gaps_and_falling_terms_are_refused() {
        assert!(Log::new(Base::default(), vec![entry(2, 1, 0)]).is_err());
        assert!(Log::new(Base::default(), vec![entry(1, 1, 0), entry(3, 1, 0)]).is_err());
        assert!(Log::new(Base::default(), vec![entry(1, 2, 0), entry(2, 1, 0)]).is_err());
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
    fn compaction_changes_nothing_that_is_still_there() {
        let whole = log(&[1, 1, 3, 3, 3, 6]);
        let mut cut = whole.clone();
        cut.compact(LogIndex(4));
        assert_eq!(cut.base().id, whole.id_at(LogIndex(4)).unwrap());
        for index in (4..8).map(LogIndex) {
            assert_eq!((cut.id_at(index), cut.chain_at(index)), (whole.id_at(index), whole.chain_at(index)));
        }
        assert!(cut.from(LogIndex(5)).eq(whole.from(LogIndex(5))));
        assert_eq!(cut.term_at(LogIndex(3)), None);
        for nonsense in [0, 3, 4, 7, u64::MAX] {
            cut.compact(LogIndex(nonsense));
            assert_eq!(cut.base().id.index, LogIndex(4), "{nonsense}");
        }
        cut.push(entry(7, 6, 100));
        assert_eq!(cut.last().index, LogIndex(7));
    }

    #[test]
    fn bytes_are_counted_across_compaction_and_truncation() {
        let mut log = log(&[1; 6]);
        assert_eq!(log.bytes_between(LogIndex(0), LogIndex(6)), 6 * 132);
        log.compact(LogIndex(2));
        assert_eq!(log.bytes_between(LogIndex(0), LogIndex(6)), 4 * 132);
        assert_eq!(log.bytes_between(LogIndex(3), LogIndex(5)), 2 * 132);
        log.truncate_after(LogIndex(4));
        log.push(entry(5, 2, 0));
        assert_eq!(log.bytes_between(LogIndex(2), LogIndex(99)), 2 * 132 + 32);
        assert_eq!(log.bytes_between(LogIndex(5), LogIndex(3)), 0);
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
