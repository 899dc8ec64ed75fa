//! Disks that lose what was durable, or lie about it: what is done to them, and what must be found of it.

use raft::StateMachine;
use raft::storage::disk::Op;
use raft::storage::durable_log::{Batch, batches};
use raft::storage::memory::{Fault as DiskFault, Queue as DiskQueue, Ran, SECTOR, SimDisk};

use super::Cluster;
use super::links::Links;
use crate::sim::plan::fault::{Aim, Written};

/// The first bytes of a batch, its header among them.
const HEAD: u64 = 112;

/// What the next write of a kind comes to.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Tampering {
    /// The episode.
    pub(in crate::sim) number: usize,
    pub(in crate::sim) of: Written,
    /// Where its bytes go instead, if anywhere.
    pub(in crate::sim) stray: Option<(String, u64)>,
}

/// Bytes that are not on a disk where they should be, and the life that does not know.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Blemish {
    node: usize,
    life: u64,
    file: String,
    offset: u64,
    length: usize,
    /// What the byte was that decayed, in the cache, too; else the cache has what should be there.
    decayed: Option<u8>,
    /// The node has read the file again, and it showed.
    read: bool,
}

impl Blemish {
    /// Whether who reads the medium now gets something else. A page that waits to be written again hides it, and
    /// will make it good.
    fn shows(&self, disk: &SimDisk) -> bool {
        let Ok(at) = usize::try_from(self.offset) else { return false };
        let part = at..at + self.length;
        let Some(there) = disk.read_back(&self.file, part.clone()) else { return false };
        match self.decayed {
            Some(byte) => there != [byte],
            None => disk.content(&self.file).is_some_and(|cached| cached.get(part) != Some(&there)),
        }
    }
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Something is wrong with a disk from now on.
    pub(in crate::sim) fn disk_fault(&mut self, node: usize, fault: DiskFault) {
        use DiskFault::{LostWrite, MisdirectedWrite, Rot};
        if let Rot { .. } | LostWrite | MisdirectedWrite { .. } = fault {
            self.invariants.blemished(node);
        }
        if let Some(disk) = self.nodes[node].disk_mut() {
            disk.fault(fault);
        }
    }

    /// A bit flips on the disk of a node that is down.
    pub(in crate::sim) fn rot(&mut self, node: usize, (file, offset): (String, u64), bit: u8) {
        self.damaged[node].add(self.durable[node].as_ref().clone());
        self.disk_fault(node, DiskFault::Rot { file, offset, bit });
        self.refresh(node);
    }

    /// A bit flips under a node that runs. It goes on with what it holds in memory; what was acknowledged is on this
    /// disk no more, which shows when this life ends.
    pub(in crate::sim) fn decay(&mut self, node: usize, (file, offset): (String, u64), bit: u8) {
        let byte = |disk: &SimDisk| disk.durable(&file)?.get(usize::try_from(offset).ok()?).copied();
        let Some(byte) = self.nodes[node].disk().and_then(byte) else { return };
        self.blemished(node, (&file, offset), 1, Some(byte));
        self.disk_fault(node, DiskFault::Rot { file, offset, bit });
    }

    /// A sector of a node that is down cannot be read until [`Cluster::make_readable`].
    pub(in crate::sim) fn make_unreadable(&mut self, node: usize, (file, offset): (String, u64)) {
        self.damaged[node].add(self.durable[node].as_ref().clone());
        self.damaged[node].set_unreadable(true);
        self.disk_fault(node, DiskFault::Unreadable { file, offset });
    }

    /// Whatever could not be read can be read again.
    pub(in crate::sim) fn make_readable(&mut self, node: usize) {
        self.damaged[node].set_unreadable(false);
        self.disk_fault(node, DiskFault::Readable);
    }

    fn blemished(&mut self, node: usize, (file, offset): (&str, u64), length: usize, decayed: Option<u8>) {
        let life = self.nodes[node].life;
        self.blemishes.push(Blemish {
            node,
            life,
            file: file.to_owned(),
            offset,
            length,
            decayed,
            read: false,
        });
    }

    pub(super) fn is_decayed(&self, node: usize) -> bool {
        let life = self.nodes[node].life;
        self.blemishes
            .iter()
            .any(|blemish| blemish.decayed.is_some() && (blemish.node, blemish.life) == (node, life))
    }

    /// Whether a disk holds less than its node was told, or than it was told once.
    pub(super) fn is_blemished(&self, node: usize) -> bool {
        let life = self.nodes[node].life;
        self.blemishes.iter().any(|blemish| (blemish.node, blemish.life) == (node, life))
            || self.nodes[node].disk().is_some_and(SimDisk::lies)
    }

    /// Whether the node could not know, were the power to fail now, that something is missing: what the disk lost
    /// was the last that it was told, and a tail that never was whole looks the same.
    pub(in crate::sim) fn would_lose_silently(&self, node: usize) -> bool {
        let Some(disk) = self.nodes[node].disk().filter(|disk| disk.lies()) else { return false };
        let mut after = disk.clone();
        after.crash(|_| false, 0);
        let identity = self.nodes[node].identity(&self.settings.cluster);
        let after = raft::storage::durable_log::DurableLog::of(&after, &identity);
        let told = &self.durable[node];
        after.hard_state() != told.hard_state() || after.last() < told.last() && after.repair().is_none()
    }

    /// The next operation of a queue is about to run: it may be one that is tampered with.
    ///
    /// Answers which episode it was; it has landed if the operation comes to its end.
    pub(super) fn tamper(&mut self, node: usize, queue: DiskQueue) -> Option<usize> {
        let hit = |tampering: &mut Tampering| {
            let op = self.nodes[node].disk().and_then(|disk| disk.next(queue));
            op.is_some_and(|op| is_of(tampering.of, op, queue))
        };
        let Tampering { number, stray, .. } = self.tamperings[node].take_if(hit)?;
        let op = self.nodes[node].disk().and_then(|disk| disk.next(queue)).cloned();
        if let Some(
            Op::Write { file, offset, data }
            | Op::WriteOnce { file, offset, data }
            | Op::WriteSync { file, offset, data },
        ) = op
        {
            self.blemished(node, (&file, offset), data.len(), None);
            if let Some((victim, place)) = &stray {
                self.blemished(node, (victim, *place), data.len(), None);
            }
        }
        self.disk_fault(
            node,
            match stray {
                Some((file, offset)) => DiskFault::MisdirectedWrite { file, offset },
                None => DiskFault::LostWrite,
            },
        );
        Some(number)
    }

    /// A place in a node's files.
    pub(in crate::sim) fn place(&self, node: usize, aim: Aim, place_ppm: u32) -> Option<(String, u64)> {
        let disk = self.nodes[node].disk()?;
        let within = |length: u64| length * u64::from(place_ppm) / 1_000_000;
        if let Aim::Oldest | Aim::Snapshot = aim {
            let (file, length) = if aim == Aim::Oldest { old_segment(disk)? } else { newest_snapshot(disk)? };
            return Some((file, within(length)));
        }
        let all = batches(disk, &self.nodes[node].identity(&self.settings.cluster));
        let known = |batch: &&Batch| batch.known && batch.offset > HEAD;
        let batch = match aim {
            Aim::Replacement => all.iter().filter(known).rfind(|batch| batch.replaces),
            Aim::End => all.iter().rfind(|batch| batch.brings),
            _ => all.iter().filter(known).rfind(|batch| batch.brings),
        }?;
        let reach = if place_ppm.is_multiple_of(2) { HEAD } else { batch.length };
        Some((batch.file.clone(), batch.offset + within(reach)))
    }

    /// A node has read a segment again, and has come to an end with the one that it read before: what was damaged
    /// there it must have found.
    pub(super) fn was_read_again(&mut self, node: usize, ran: &Ran) {
        let (Op::Read { file, .. } | Op::ReadBack { file, .. }) = &ran.op else { return };
        if !file.starts_with("wal/") || self.blemishes.is_empty() {
            return;
        }
        if let Some(what) = self.unseen_blemish(|blemish| blemish.node == node && blemish.read) {
            self.broken("damage is found while the node runs", what);
        }
        let life = self.nodes[node].life;
        let sealed = |blemish: &Blemish| {
            let (Op::Read { length, .. } | Op::ReadBack { length, .. }) = &ran.op else { return false };
            blemish.offset + blemish.length as u64 <= *length
        };
        let ours = |blemish: &&mut Blemish| (blemish.node, blemish.life, &blemish.file) == (node, life, file);
        let disk = self.nodes[node].disk();
        self.blemishes
            .iter_mut()
            .filter(ours)
            .filter(|blemish| ran.done && sealed(blemish))
            .for_each(|blemish| blemish.read = disk.is_some_and(|disk| blemish.shows(disk)));
    }

    /// Blemishes of every node in what it reads again from time to time, and has not told of.
    pub(in crate::sim) fn any_unseen_blemish(&self) -> Option<String> {
        self.unseen_blemish(|_| true)
    }

    /// Blemishes in what the node reads again from time to time, and has not told of.
    fn unseen_blemish(&self, which: impl Fn(&Blemish) -> bool) -> Option<String> {
        self.blemishes.iter().filter(|blemish| which(blemish)).find_map(|blemish| {
            let Blemish { node, life, file, offset, length, .. } = blemish;
            let member = &self.nodes[*node];
            let pump = member.running().filter(|_| member.life == *life)?;
            let end = offset + *length as u64;
            pump.storage().scrubbed().find(|(scrubbed, upto)| scrubbed == file && end <= *upto)?;
            let unseen = blemish.shows(pump.storage().disk()) && pump.storage().rotten().is_none();
            unseen.then(|| format!("node {node} has not seen that {file} is damaged at {offset}"))
        })
    }

    pub(in crate::sim) fn has_blemishes(&self) -> bool {
        !self.blemishes.is_empty()
    }

    /// The most segments that a node has to read again.
    pub(in crate::sim) fn longest_round(&self) -> usize {
        let rounds = self.nodes.iter().filter_map(|node| Some(node.running()?.storage().scrubbed().count()));
        rounds.max().unwrap_or(0)
    }
}

fn is_of(kind: Written, op: &Op, queue: DiskQueue) -> bool {
    match (kind, op) {
        (Written::Log, Op::Write { .. } | Op::WriteSync { .. }) => queue == DiskQueue::Log,
        (Written::Snapshot, Op::WriteOnce { .. }) => true,
        _ => false,
    }
}

/// The oldest segment of a log that is written to no more, and its length.
pub(in crate::sim) fn old_segment(disk: &SimDisk) -> Option<(String, u64)> {
    let mut segments: Vec<String> =
        disk.files().into_iter().filter(|file| file.starts_with("wal/") && file.ends_with(".log")).collect();
    // The newest may be one made ahead, and the one before it is written to.
    segments.truncate(segments.len().saturating_sub(2));
    let file = segments.into_iter().next()?;
    let length = disk.content(&file)?.len() as u64;
    Some((file, length))
}

fn newest_snapshot(disk: &SimDisk) -> Option<(String, u64)> {
    let file = disk.files().into_iter().rfind(|file| file.ends_with(".snap"))?;
    // Its name may not be durable yet.
    let length = disk.content(&file)?.len() as u64;
    Some((file, length))
}

/// A place in the same sector, at its beginning.
pub(in crate::sim) fn sector_of((file, offset): (String, u64)) -> (String, u64) {
    (file, offset / SECTOR as u64 * SECTOR as u64)
}

#[cfg(test)]
mod tests {
    use raft::storage::disk::Disk;

    use super::*;

    fn written(fault: Option<DiskFault>) -> SimDisk {
        let mut disk = SimDisk::new();
        let write = |data: &'static [u8]| Op::WriteSync {
            file: "f".to_owned(),
            offset: 0,
            data: bytes::Bytes::from_static(data),
        };
        disk.submit(write(b"before"));
        disk.run_next(DiskQueue::Log).unwrap();
        fault.into_iter().for_each(|fault| disk.fault(fault));
        disk.submit(write(b"after "));
        disk.run_next(DiskQueue::Log).unwrap();
        disk
    }

    fn blemish(decayed: Option<u8>) -> Blemish {
        let length = if decayed.is_some() { 1 } else { 6 };
        Blemish { node: 0, life: 1, file: "f".to_owned(), offset: 0, length, decayed, read: false }
    }

    #[test]
    fn a_lost_write_shows_where_the_medium_is_read_until_its_page_waits_to_be_written_again() {
        assert!(!blemish(None).shows(&written(None)));
        let mut disk = written(Some(DiskFault::LostWrite));
        assert!(blemish(None).shows(&disk));
        let op = Op::Write { file: "f".to_owned(), offset: 6, data: bytes::Bytes::from_static(b"!") };
        disk.submit(op);
        disk.run_next(DiskQueue::Log).unwrap();
        assert!(!blemish(None).shows(&disk));
    }

    #[test]
    fn a_byte_that_decayed_shows_though_the_cache_has_it_too() {
        let mut disk = written(None);
        assert!(!blemish(Some(b'a')).shows(&disk));
        disk.fault(DiskFault::Rot { file: "f".to_owned(), offset: 0, bit: 0 });
        assert!(blemish(Some(b'a')).shows(&disk));
    }
}
