//! Where in a log damage would be seen, for who is to do some.

use super::{Files, segments};
use crate::consensus::types::LogIndex;
use crate::storage::Identity;
use crate::storage::memory::SimDisk;
use crate::storage::record::{Place, SEGMENT_HEADER, Seed, header_at};
use crate::storage::recovery::{Source, itinerary};
use crate::storage::spares::file_of;

/// A batch that stands on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The file.
    pub file: String,
    /// Where it begins in it.
    pub offset: u64,
    /// Bytes of it, with its header.
    pub length: u64,
    /// The end of the log with it.
    pub last: LogIndex,
    /// Whether it takes the place of entries that stand before it.
    pub replaces: bool,
    /// Whether it brings anything but news of how the node stands.
    pub brings: bool,
    /// Whether what stands on the disk says that this batch was durable: a disk that loses it is found out. One that
    /// loses the others looks as if they had never been written whole.
    pub known: bool,
}

/// All batches that count, in the log's order, up to the first that is damaged.
#[must_use]
pub fn batches(disk: &SimDisk, identity: &Identity) -> Vec<Batch> {
    let mut files = Files::new(disk, false);
    let (mut all, mut ends) = (Vec::<Batch>::new(), Vec::new());
    let mut synced = Place::default();
    for (segment, end) in itinerary(&segments(disk), &mut files, identity).unwrap_or_default() {
        let Ok(file) = files.read(segment) else { break };
        let (seed, mut at) = (Seed::new(identity, segment), SEGMENT_HEADER);
        while let Some(found) = header_at(&file, at, seed).filter(|found| found.end() <= end) {
            let header = found.header;
            synced = synced.max(header.synced);
            let before = all.last().map(|batch| batch.last).unwrap_or_default();
            let length = found.end() - header.offset;
            all.push(Batch {
                file: file_of(segment),
                offset: header.offset,
                length,
                last: header.standing.last.id.index,
                replaces: header.kept < before,
                brings: found.length > 0,
                known: false,
            });
            ends.push(Place { segment, offset: found.end() });
            let Ok(next) = usize::try_from(found.end()) else { break };
            at = next;
        }
    }
    for (batch, end) in all.iter_mut().zip(ends) {
        batch.known = end <= synced;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::open;
    use super::*;
    use crate::consensus::entry::Chain;
    use crate::consensus::io::Persist;
    use crate::storage::memory::Queue;
    use crate::storage::testing::{entry, persist};

    #[test]
    fn each_batch_is_found_and_what_the_next_one_says_of_it() {
        let (mut storage, identity, _) = open(SimDisk::new());
        let first = persist(1, None, vec![entry(1, 1, b"a"), entry(2, 1, b"b")]);
        let chain = Chain::default().then(&first.entries[0]);
        let second = Persist { prev_chain: chain, ..persist(2, None, vec![entry(2, 2, b"c")]) };
        let chain = chain.then(&second.entries[0]);
        let third = Persist { prev_chain: chain, ..persist(3, None, vec![entry(3, 2, b"d")]) };
        for write in [&first, &second, &third] {
            storage.append(write);
            while storage.pump().unwrap().is_none() {
                storage.disk_mut().run_next(Queue::Log);
            }
        }
        let found = batches(storage.disk(), &identity);
        let brings: Vec<&Batch> = found.iter().filter(|batch| batch.brings).collect();
        let told: Vec<_> = brings.iter().map(|batch| (batch.last.0, batch.replaces, batch.known)).collect();
        assert_eq!(
            told,
            [(2, false, true), (2, true, true), (3, false, false)],
            "nothing vouches for the last"
        );
        // What is damaged here is told from a tail that was never whole.
        let Batch { file, offset, .. } = brings[1].clone();
        storage.disk_mut().fault(crate::storage::memory::Fault::Rot { file, offset, bit: 3 });
        assert!(super::super::DurableLog::of(storage.disk(), &identity).repair().is_some());
    }
}
