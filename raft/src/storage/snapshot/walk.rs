//! Reads the newest snapshot again, slowly, or at once where there is doubt: it is all that is left of the log
//! that it holds, and what peers are sent.

use super::decoder::Decoder;
use super::file_of;
use crate::consensus::snapshot::SnapshotId;
use crate::consensus::types::ClusterId;
use crate::storage::disk::{Completion, Disk, Op, OpId, Outcome};

/// Bytes read at once.
const PIECE: u64 = 1 << 20;

#[derive(Clone, Default, Hash)]
pub(super) struct Walk {
    at: Option<Place>,
    reading: Option<OpId>,
    /// Bytes to read before it pauses.
    budget: u64,
    /// The last attempt to read failed: once may be a whim of the bus.
    unreadable: bool,
    rotten: Option<SnapshotId>,
}

#[derive(Clone, Hash)]
struct Place {
    id: SnapshotId,
    decoder: Decoder,
    offset: u64,
    /// What is being read is for here, and not for a place that was left meanwhile.
    asked: bool,
}

impl Walk {
    /// What is known to be no more what was written.
    pub(super) fn rotten(&self) -> Option<SnapshotId> {
        self.rotten
    }

    /// Goes on, for so many bytes at least, or to the end.
    pub(super) fn step(
        &mut self,
        disk: &mut impl Disk,
        cluster: &ClusterId,
        newest: Option<SnapshotId>,
        bytes: u64,
    ) {
        self.at.take_if(|at| Some(at.id) != newest);
        if self.at.is_none() {
            let fresh = newest.filter(|id| self.rotten != Some(*id));
            self.at = fresh.map(|id| Place { id, decoder: Decoder::new(cluster), offset: 0, asked: false });
        }
        self.budget = if self.at.is_some() { self.budget.max(bytes) } else { 0 };
        self.read(disk);
    }

    fn read(&mut self, disk: &mut impl Disk) {
        if let (Some(at), None) = (&mut self.at, self.reading) {
            at.asked = true;
            let op = Op::ReadBack { file: file_of(at.id.last), offset: at.offset, length: PIECE };
            self.reading = Some(disk.submit_aside(op));
        }
    }

    pub(super) fn owns(&self, op: OpId) -> bool {
        self.reading == Some(op)
    }

    /// The file of this snapshot was written anew.
    pub(super) fn forget(&mut self, id: SnapshotId) {
        self.at.take_if(|at| at.id.last == id.last);
        self.rotten.take_if(|rotten| rotten.last == id.last);
    }

    /// Takes the end of a read.
    pub(super) fn complete(&mut self, disk: &mut impl Disk, completion: &Completion) {
        self.reading = None;
        if let Some(at) = self.at.take_if(|at| std::mem::take(&mut at.asked)) {
            self.take(at, completion);
        }
        if self.at.is_none() {
            self.budget = 0;
        } else if self.budget > 0 {
            self.read(disk);
        }
    }

    fn take(&mut self, mut at: Place, completion: &Completion) {
        match &completion.result {
            Ok(Outcome::Data(data)) => {
                self.unreadable = false;
                at.offset += data.len() as u64;
                self.budget = self.budget.saturating_sub(PIECE);
                let intact = at.decoder.check(data).is_ok() && !data.is_empty();
                if intact && at.offset < at.id.length {
                    self.at = Some(at);
                } else if !intact || !at.decoder.finish().is_ok_and(|(found, _)| found == at.id) {
                    self.found(at.id);
                }
            }
            Ok(Outcome::Done | Outcome::Names(_)) => {}
            Err(error) if !self.unreadable => {
                tracing::warn!(%error, "a snapshot cannot be read");
                self.unreadable = true;
                self.at = Some(at);
            }
            Err(_) => self.found(at.id),
        }
    }

    fn found(&mut self, id: SnapshotId) {
        (self.rotten, self.unreadable) = (Some(id), false);
        let file = file_of(id.last);
        tracing::error!(
            file,
            "what stands there is no more what was written: a snapshot is taken in its place"
        );
    }
}
