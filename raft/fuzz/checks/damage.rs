//! Damage to a log that was whole: see [`check`].

use std::collections::BTreeSet;

use bytes::Bytes;
use raft::consensus::entry::Chain;
use raft::consensus::io::{Persist, PersistId};
use raft::storage::{MemoryDisk, Recovered};
use raft::{Entry, EntryKind, HardState, LogId, LogIndex, NodeId, Term};

use super::choices::Choices;
use super::disk::{is_a_log, open, segment};

const SECTOR: usize = 512;

/// A byte of the log: its segment, then its place there.
type Place = (u64, usize);

/// A log as it was written.
struct Written {
    disk: MemoryDisk,
    /// How it stood after each of its writes, nothing first.
    states: Vec<Recovered>,
    /// Where it ended then.
    ends: Vec<Place>,
    /// It says behind its last write that this is durable.
    marked: bool,
}

/// Some lives of a log, then flipped bits, bytes, sectors lost or in the place of others, a cut end. Where something
/// intact behind the damage says what was durable before, all is there, or the log says that it lost something.
/// Else nothing before the damage is lost.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let written = Written::live(&mut choices);
    let Some((start, end)) = damage(&mut choices, &written.disk) else { return };
    let last = written.states.len() - 1;
    let before = written.ends.iter().rposition(|place| *place <= start).unwrap_or(0);
    let known =
        (written.marked && end <= written.ends[last]) || written.ends[..last].iter().any(|at| *at >= end);
    let least = if known { last } else { before };
    match open(&written.disk) {
        Ok((_, found)) => {
            let legal = written.is_since(least, &found) || written.is_named(least, &found);
            let (whole, Recovered { hard_state, repair, .. }) = (&written.states[last], &found);
            let entries = found.entries.len();
            assert!(
                legal,
                "damage from {start:?} to {end:?}, at least {least} of {last} writes, of which the last left {} \
                 entries, {:?}: {entries} entries, {hard_state:?}, {repair:?}",
                whole.entries.len(),
                whole.hard_state
            );
        }
        // Of a blank node more than the log may be lost.
        Err(error) => assert!(!known || written.states[last].entries.is_empty(), "{error}"),
    }
    is_a_log(&written.disk);
}

impl Written {
    fn live(choices: &mut Choices<'_>) -> Written {
        let disk = MemoryDisk::new();
        let (states, ends) = (vec![Recovered::default()], vec![(0, 0)]);
        let mut written = Written { disk, states, ends, marked: false };
        for _ in 0..=choices.below(3) {
            let (mut storage, found) = open(&written.disk).unwrap();
            assert_eq!(found, written.states[written.states.len() - 1]);
            for _ in 0..=choices.below(24) {
                let write = written.next(choices);
                storage.append(&write);
                assert_eq!(storage.pump().unwrap(), Some(write.id));
                written.ends.push(written.end());
            }
            let ended = written.end();
            if choices.byte() < 192 {
                storage.flush().unwrap();
            }
            // Where a segment has no room for it there is none.
            written.marked = written.end() > ended;
            drop(storage);
            written.disk.crash(|_| false, 0);
        }
        written
    }

    /// A vote now and then, an entry or three, sometimes in place of others.
    fn next(&mut self, choices: &mut Choices<'_>) -> Persist {
        let mut state = self.states[self.states.len() - 1].clone();
        let term = state.hard_state.current_term;
        let hard_state = (term == Term(0) || choices.one_in(5))
            .then(|| HardState { current_term: term.next(), voted_for: Some(NodeId(choices.below(3) + 1)) });
        state.hard_state = hard_state.unwrap_or(state.hard_state);
        if choices.one_in(8) {
            let kept = state.entries.len() - choices.at(state.entries.len().min(4) + 1);
            state.entries.truncate(kept);
        }
        let kept = state.entries.len();
        let prev_chain = state.entries.iter().fold(Chain::default(), Chain::then);
        let entries = (0..choices.below(4)).map(|more| {
            let index = LogIndex(kept as u64 + 1 + more);
            let id = LogId { term: state.hard_state.current_term, index };
            let data = vec![choices.byte(); choices.at(160)];
            Entry::new(id, EntryKind::Command, Bytes::from(data))
        });
        let entries: Vec<Entry> = entries.collect();
        if entries.is_empty() {
            // Without entries nothing is replaced.
            state.entries.clone_from(&self.states[self.states.len() - 1].entries);
        }
        state.entries.extend(entries.iter().cloned());
        let id = PersistId(self.states.len() as u64);
        self.states.push(state);
        Persist { id, hard_state, base: None, repaired: false, prev_chain, entries }
    }

    fn end(&self) -> Place {
        let length = |number| Some((number, self.disk.content(&segment(number))?.len()));
        (1..1000).map_while(length).filter(|(_, length)| *length > 0).last().unwrap()
    }

    /// Whether it is how the log stood after one of its writes, this one or a later one.
    fn is_since(&self, least: usize, found: &Recovered) -> bool {
        self.states[least..].contains(found)
    }

    /// Whether it says that entries are missing, and holds nothing that was not written.
    fn is_named(&self, least: usize, found: &Recovered) -> bool {
        let beginnings: BTreeSet<usize> = (0..self.states.len())
            .filter(|at| self.states[*at].entries.starts_with(&found.entries))
            .collect();
        let votes = |state: &Recovered| state.hard_state == found.hard_state;
        found.repair.is_some() && !beginnings.is_empty() && self.states[least..].iter().any(votes)
    }
}

/// Where it begins and ends; none where nothing changed.
fn damage(choices: &mut Choices<'_>, disk: &MemoryDisk) -> Option<(Place, Place)> {
    let mut hull: Option<(Place, Place)> = None;
    for _ in 0..=choices.below(3) {
        let there: Vec<u64> = (1..1000).take_while(|n| disk.content(&segment(*n)).is_some()).collect();
        let number = there[choices.at(there.len())];
        let whole = disk.content(&segment(number)).unwrap();
        if whole.is_empty() {
            continue;
        }
        let mut bad = whole.clone();
        let at = choices.at(whole.len());
        let sector = at / SECTOR * SECTOR..(at / SECTOR * SECTOR + SECTOR).min(whole.len());
        match choices.below(6) {
            0 => bad.truncate(at),
            1 => bad[sector].fill(0),
            2 => {
                let from = disk.content(&segment(there[choices.at(there.len())])).unwrap();
                let other = choices.at(from.len().max(1)) / SECTOR * SECTOR;
                let other = &from[other.min(from.len())..from.len().min(other + sector.len())];
                bad[sector.start..][..other.len()].copy_from_slice(other);
            }
            3 => bad[at..].iter_mut().take(40).for_each(|byte| *byte = choices.byte()),
            _ => bad[at] ^= 1 << choices.below(8),
        }
        let changed = |at: &usize| bad.get(*at) != whole.get(*at);
        let Some(first) = (0..whole.len()).find(changed) else { continue };
        let cut = bad.len() < whole.len();
        let last = if cut { usize::MAX } else { (0..whole.len()).rfind(changed).map_or(0, |last| last + 1) };
        let (start, end) = hull.unwrap_or(((number, first), (number, last)));
        hull = Some((start.min((number, first)), end.max((number, last))));
        disk.overwrite(&segment(number), bad);
    }
    hull
}
