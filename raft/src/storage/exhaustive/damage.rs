//! Every flipped bit and every truncation of a log of 64 KiB.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::disk::DiskError;
use super::super::record::Segment;
use super::super::recovery::{Scan, Source, scan};
use super::super::spares::file_of;
use super::*;

/// Segments in memory, one of which is not what it was.
struct Files {
    files: Vec<(Segment, Bytes)>,
}

impl Source for Files {
    fn read(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        Ok(self.files.iter().find(|(number, _)| *number == segment).map(|(_, bytes)| bytes.clone()).unwrap())
    }

    fn head(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        self.read(segment)
    }

    fn unreadable(&self, _: Segment, _: u64, _: u64) -> Option<DiskError> {
        None
    }
}

/// A log in several segments and lives.
struct Reference {
    identity: Identity,
    files: Files,
    /// As it stood after each of its writes.
    states: Vec<Recovered>,
    /// Where the batch of each ends.
    ends: Vec<(Segment, usize)>,
    /// Every beginning of every state.
    beginnings: BTreeSet<u64>,
}

fn reference() -> Reference {
    let disk = MemoryDisk::new();
    let (mut states, mut ends) = (vec![Recovered::default()], vec![(Segment(1), 0)]);
    let mut rng = fastrand::Rng::with_seed(3);
    let lengths = |disk: &MemoryDisk| {
        let length = |n| Some((Segment(n), disk.durable(&file_of(Segment(n)))?.len()));
        (1..99).filter_map(length).filter(|(_, length)| *length > 0).collect::<Vec<_>>()
    };
    let size = |disk: &MemoryDisk| lengths(disk).iter().map(|(_, length)| length).sum::<usize>();
    for life in 1..=3 {
        let (mut storage, ..) = open(&disk).unwrap();
        while size(&disk) < life * (64 << 10) / 3 {
            let held = &states[states.len() - 1];
            let write = next_write(states.len() as u64, held, LogIndex(0), &mut rng);
            states.push(after(held, &write));
            storage.append(&write);
            storage.pump().unwrap();
            ends.extend(lengths(&disk).last());
        }
        storage.flush().unwrap();
        drop(storage);
        disk.crash(|_| life == 3, 0);
    }
    let files =
        (1..99).map(Segment).filter_map(|n| Some((n, Bytes::from(disk.durable(&file_of(n))?)))).collect();
    let identity = Identity { cluster: cluster(), node: NodeId(1), incarnation: Incarnation(7) };
    let beginnings = states.iter().flat_map(|state| beginnings(state.entries.iter())).collect();
    let mut reference = Reference { identity, files: Files { files }, states, ends, beginnings };
    let whole = reference.read();
    assert!(whole.damage.is_empty() && reference.is_last(&whole));
    reference
}

/// A hash of each beginning of a log, not by the chain that recovery goes by.
fn beginnings<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
    let mut so_far = DefaultHasher::new();
    let mut all = vec![so_far.finish()];
    for Entry { id, data, .. } in entries {
        (id.index.0, id.term.0, data).hash(&mut so_far);
        all.push(so_far.finish());
    }
    all
}

impl Reference {
    fn read(&mut self) -> Scan {
        let segments: Vec<Segment> = self.files.files.iter().map(|(segment, _)| *segment).collect();
        scan(&segments, &mut self.files, &self.identity, Base::default()).unwrap().unwrap()
    }

    fn last(&self) -> &Recovered {
        &self.states[self.states.len() - 1]
    }

    /// Whether it is this state, with nothing lost.
    fn is(&self, found: &Scan, state: &Recovered) -> bool {
        !found.lost
            && found.standing.hard_state == state.hard_state
            && found.log.from(LogIndex(1)).eq(&state.entries)
    }

    fn is_last(&self, found: &Scan) -> bool {
        self.is(found, self.last())
    }

    /// Whether it is what the whole batches hold of a log whose last segment was cut.
    fn is_cut(&self, found: &Scan, place: (Segment, usize)) -> bool {
        let whole = self.ends.iter().rposition(|end| *end <= place);
        found.damage.is_empty() && whole.is_some_and(|state| self.is(found, &self.states[state]))
    }

    /// Whether it names its loss, keeps term, vote and the log's end, and holds nothing that was not written.
    fn is_named(&self, found: &Scan) -> bool {
        let (last, standing) = (self.last(), found.standing);
        found.lost
            && !found.damage.is_empty()
            && standing.hard_state == last.hard_state
            && Some(standing.last.id) == last.entries.last().map(|entry| entry.id)
            && beginnings(found.log.from(LogIndex(1))).last().is_some_and(|log| self.beginnings.contains(log))
    }
}

#[test]
fn every_flipped_bit_of_a_log_is_harmless_or_named() {
    let mut reference = reference();
    let (mut cases, mut lost) = (0_usize, 0_usize);
    let step = one_in(499);
    for at in 0..reference.files.files.len() {
        let (segment, whole) = reference.files.files[at].clone();
        for bit in (0..whole.len() * 8).filter(|bit| bit % step == 0) {
            let mut bad = whole.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            reference.files.files[at].1 = Bytes::from(bad);
            let found = reference.read();
            let legal = reference.is_last(&found) || reference.is_named(&found);
            assert!(legal, "{segment:?} bit {bit}: {found:?}");
            cases += 1;
            lost += usize::from(found.lost);
        }
        reference.files.files[at].1 = whole;
    }
    println!("flipped bits: {cases}; entries lost and named in {lost}, the same log in {}", cases - lost);
}

#[test]
fn every_truncation_of_a_log_is_a_torn_tail_or_named() {
    let mut reference = reference();
    let (mut cases, mut lost, mut torn) = (0_usize, 0_usize, 0_usize);
    let step = one_in(97);
    // Behind it stands one that was made ahead.
    let newest = reference.files.files.iter().rposition(|(_, bytes)| !bytes.is_empty()).unwrap();
    for at in 0..reference.files.files.len() {
        let (segment, whole) = reference.files.files[at].clone();
        for length in (0..whole.len()).filter(|length| length % step == 0) {
            reference.files.files[at].1 = whole.slice(..length);
            let found = reference.read();
            let cut = at == newest && reference.is_cut(&found, (segment, length));
            let legal = cut || at < newest && reference.is_last(&found) || reference.is_named(&found);
            assert!(legal, "{segment:?} cut at {length}: {found:?}");
            cases += 1;
            lost += usize::from(found.lost);
            torn += usize::from(cut);
        }
        reference.files.files[at].1 = whole;
    }
    println!("truncations: {cases}; entries lost and named in {lost}, a torn tail in {torn}");
}
