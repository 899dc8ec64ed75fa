//! From bytes that come to a durable file: written under a temporary name, synced, a node's own read back,
//! renamed, the directory synced.

use std::collections::VecDeque;

use bytes::Bytes;

use super::decoder::Decoder;
use super::files::UNFINISHED;
use super::{DIRECTORY, file_of};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::{ClusterId, LogId};
use crate::marks::mark;
use crate::seeded_bug;
use crate::storage::disk::{Completion, Disk, DiskError, Op, OpId, Outcome};
use crate::storage::spares::no_room;

/// Bytes read back at once.
const PIECE: u64 = 1 << 20;

/// What became of a file.
pub(super) enum Landed {
    /// Bytes up to here are with the file system.
    Written(u64),
    /// It is whole and good, and waits for [`Landing::name`].
    Whole(SnapshotId),
    /// It is durable under its name.
    Durable(SnapshotId, SnapshotMeta),
    /// There was no room, or it was not what it should be. Nothing is left of it, unless there was no room even to
    /// remove it.
    Gone { why: String, left: Option<String> },
}

/// One file on its way.
#[derive(Clone, Hash)]
pub(super) struct Landing {
    temporary: String,
    read_back: bool,
    queued: VecDeque<Bytes>,
    /// Bytes submitted.
    submitted: u64,
    /// What it is, once all of it has come.
    whole: Option<(SnapshotId, SnapshotMeta)>,
    step: Step,
    op: Option<OpId>,
}

#[derive(Clone, Hash)]
enum Step {
    Write,
    Sync,
    Rename,
    SyncDir,
    ReadBack(Box<Decoder>, u64),
    /// Good, and not named yet.
    Whole,
    /// It is not wanted; what is under way must end first.
    GivenUp(String),
    Remove(String),
}

impl Landing {
    pub(super) fn new(name: &str, read_back: bool) -> Landing {
        Landing {
            temporary: format!("{DIRECTORY}/{name}{UNFINISHED}"),
            read_back,
            queued: VecDeque::new(),
            submitted: 0,
            whole: None,
            step: Step::Write,
            op: None,
        }
    }

    /// Bytes that have come and are not written yet.
    pub(super) fn queued(&self) -> usize {
        self.queued.len() + usize::from(self.op.is_some())
    }

    pub(super) fn owns(&self, op: OpId) -> bool {
        self.op == Some(op)
    }

    pub(super) fn feed(&mut self, disk: &mut impl Disk, block: Bytes) {
        self.queued.push_back(block);
        self.go_on(disk);
    }

    /// All bytes have come.
    pub(super) fn end(&mut self, disk: &mut impl Disk, id: SnapshotId, meta: SnapshotMeta) {
        self.whole = Some((id, meta));
        self.go_on(disk);
    }

    /// It may take its name, in the place of what stands there under it.
    pub(super) fn name(&mut self, disk: &mut impl Disk) {
        if let (Step::Whole, Some((id, _))) = (&self.step, &self.whole) {
            self.rename(disk, id.last);
        }
    }

    /// What it stands for under its name, or is about to.
    pub(super) fn named(&self) -> Option<LogId> {
        let named = matches!(self.step, Step::Rename | Step::SyncDir);
        self.whole.as_ref().map(|(id, _)| id.last).filter(|_| named)
    }

    /// Whether it is this file, by its first or its last name.
    pub(super) fn stands_under(&self, file: &str) -> bool {
        self.temporary == file || self.named().is_some_and(|last| file_of(last) == file)
    }

    /// It is not wanted, or no good; `why` comes back once nothing is left of it. What has its name
    /// already is good, and comes to its end.
    pub(super) fn give_up(&mut self, disk: &mut impl Disk, why: String) {
        if self.named().is_none() || seeded_bug!("named-snapshot-forgotten") {
            self.leave(disk, why);
        }
    }

    fn leave(&mut self, disk: &mut impl Disk, why: String) {
        self.queued.clear();
        self.step = Step::GivenUp(why);
        self.go_on(disk);
    }

    fn go_on(&mut self, disk: &mut impl Disk) {
        if self.op.is_some() {
            return;
        }
        let file = self.temporary.clone();
        if let Step::GivenUp(why) = &mut self.step {
            let why = std::mem::take(why);
            return self.then(disk, Step::Remove(why), Op::Remove { file });
        }
        let Step::Write = self.step else { return };
        match (self.queued.pop_front(), &self.whole) {
            (Some(data), _) => {
                let offset = self.submitted;
                self.submitted += data.len() as u64;
                self.then(disk, Step::Write, Op::WriteOnce { file, offset, data });
            }
            (None, Some((id, _))) if seeded_bug!("snapshot-renamed-before-sync") => {
                self.rename(disk, id.last);
            }
            (None, Some(_)) => self.then(disk, Step::Sync, Op::Sync { file }),
            (None, None) => {}
        }
    }

    /// Takes the end of an operation of its own.
    pub(super) fn complete(
        &mut self,
        disk: &mut impl Disk,
        cluster: &ClusterId,
        completion: &Completion,
    ) -> Result<Option<Landed>, DiskError> {
        if self.op.take_if(|op| *op == completion.id).is_none() {
            return Ok(None);
        }
        match &completion.result {
            Ok(outcome) => self.advance(disk, cluster, outcome),
            Err(error) if no_room(error) => {
                if let Step::Remove(why) = &self.step {
                    return Ok(Some(Landed::Gone { why: why.clone(), left: Some(self.temporary.clone()) }));
                }
                mark!("snapshot-without-room");
                if let (Step::SyncDir, Some(last)) = (&self.step, self.named()) {
                    self.temporary = file_of(last);
                }
                self.leave(disk, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.clone()),
        }
    }

    fn advance(
        &mut self,
        disk: &mut impl Disk,
        cluster: &ClusterId,
        outcome: &Outcome,
    ) -> Result<Option<Landed>, DiskError> {
        if let Step::Write = self.step {
            let written = self.submitted;
            self.go_on(disk);
            return Ok(Some(Landed::Written(written)));
        }
        if let Step::GivenUp(_) = self.step {
            self.go_on(disk);
            return Ok(None);
        }
        if let Step::Remove(why) = &self.step {
            return Ok(Some(Landed::Gone { why: why.clone(), left: None }));
        }
        let Some((id, meta)) = self.whole.clone() else { return Ok(None) };
        match std::mem::replace(&mut self.step, Step::Sync) {
            Step::Sync if self.read_back && !seeded_bug!("snapshot-not-read-back") => {
                self.read_back(disk, Box::new(Decoder::new(cluster)), 0);
            }
            Step::ReadBack(decoder, offset) => {
                let Outcome::Data(data) = outcome else { return Ok(None) };
                return Ok(self.was_read_back(disk, decoder, data, offset + data.len() as u64, id));
            }
            Step::Sync => return Ok(Some(self.is_whole(id))),
            Step::Rename if seeded_bug!("snapshot-directory-not-synced") => {
                return Ok(Some(Landed::Durable(id, meta)));
            }
            Step::Rename => self.then(disk, Step::SyncDir, Op::SyncDir { dir: DIRECTORY.to_owned() }),
            Step::SyncDir => return Ok(Some(Landed::Durable(id, meta))),
            Step::Write | Step::Whole | Step::GivenUp(_) | Step::Remove(_) => {}
        }
        Ok(None)
    }

    fn is_whole(&mut self, id: SnapshotId) -> Landed {
        self.step = Step::Whole;
        Landed::Whole(id)
    }

    fn read_back(&mut self, disk: &mut impl Disk, decoder: Box<Decoder>, offset: u64) {
        let op = Op::ReadBack { file: self.temporary.clone(), offset, length: PIECE };
        self.then(disk, Step::ReadBack(decoder, offset), op);
    }

    /// Under its name it stands only once it is known to be good: it may take the place of another.
    fn was_read_back(
        &mut self,
        disk: &mut impl Disk,
        mut decoder: Box<Decoder>,
        data: &[u8],
        offset: u64,
        id: SnapshotId,
    ) -> Option<Landed> {
        if let Err(bad) = decoder.check(data) {
            self.give_up(disk, format!("read back, it is {bad}"));
        } else if offset < id.length && !data.is_empty() {
            self.read_back(disk, decoder, offset);
        } else if decoder.finish().is_ok_and(|(found, _)| found == id) {
            mark!("snapshot-read-back");
            return Some(self.is_whole(id));
        } else {
            self.give_up(disk, "read back, it is not what was written".to_owned());
        }
        None
    }

    fn rename(&mut self, disk: &mut impl Disk, last: LogId) {
        let op = Op::Rename { from: self.temporary.clone(), to: file_of(last) };
        self.then(disk, Step::Rename, op);
    }

    fn then(&mut self, disk: &mut impl Disk, step: Step, op: Op) {
        self.step = step;
        self.op = Some(disk.submit_aside(op));
    }
}
