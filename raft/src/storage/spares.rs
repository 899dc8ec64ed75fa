//! Segments made ahead, aside of the log's own writes: so that a commit changes no metadata, and that a full disk
//! is known while there is still room.

use std::io;

use bytes::Bytes;

use super::disk::{Completion, Disk, DiskError, Op, OpId};
use super::record::Segment;
use crate::marks::mark;

pub(super) const DIRECTORY: &str = "wal";
/// Zeros written at once: little enough to let others at the disk in between.
const ZEROS: usize = 1 << 20;
/// Segments that wait to be used again; more are removed.
const RECYCLED: usize = 8;

/// The file of a segment.
pub(super) fn file_of(segment: Segment) -> String {
    format!("{DIRECTORY}/{}", name_of(segment))
}

fn name_of(segment: Segment) -> String {
    format!("{:010}.log", segment.0)
}

/// The segment that a name in the directory stands for.
pub(super) fn segment_of(name: &str) -> Option<Segment> {
    let segment = Segment(name.strip_suffix(".log")?.parse().ok()?);
    (name_of(segment) == name).then_some(segment)
}

/// The next segment, from nothing to ready.
#[derive(Clone, Debug, Hash)]
pub(super) struct Spares {
    /// How long a segment is.
    length: u64,
    /// Whether room is reserved and blocks are written ahead; see [`Disk::prepares`].
    ahead: bool,
    /// The number that the next segment gets.
    next: Segment,
    state: State,
    /// Old segments whose files are used again.
    recycled: Vec<Segment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Nothing was begun.
    None,
    /// An operation is under way.
    Working(Step, OpId),
    Ready,
    /// There was no room.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Allocate,
    /// Zeros up to here.
    Zeros(u64),
    Sync,
    Rename,
    SyncDir,
    /// Gives back what a failed attempt took.
    GiveBack,
}

impl Spares {
    pub(super) fn new(disk: &impl Disk, length: u64, next: Segment) -> Spares {
        Spares { length, ahead: disk.prepares(), next, state: State::None, recycled: Vec::new() }
    }

    /// The file of the next segment is there and blank, its name durable. One whose making was cut short is
    /// made anew: it has no room yet for what is to be written.
    pub(super) fn adopt(&mut self, length: u64) {
        if !self.ahead || length >= self.length {
            self.state = State::Ready;
        }
    }

    /// Whether the disk had no room for the next segment.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.state, State::Full | State::Working(Step::GiveBack, _))
    }

    pub(super) fn may_recycle(&self) -> bool {
        !self.recycled.is_empty()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Bytes of a segment.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The next segment, if it is ready.
    pub(super) fn take(&mut self) -> Option<Segment> {
        if !self.is_ready() {
            return None;
        }
        let taken = self.next;
        self.next = taken.next();
        self.state = State::None;
        Some(taken)
    }

    /// Begins to make the next segment, if none is ready or under way.
    pub(super) fn begin(&mut self, disk: &mut impl Disk) {
        if self.state == State::None {
            match self.recycled.pop() {
                Some(old) => {
                    let op = Op::Rename { from: file_of(old), to: file_of(self.next) };
                    self.submit(disk, Step::Rename, op);
                }
                None => {
                    let length = if self.ahead { self.length } else { 0 };
                    self.submit(disk, Step::Allocate, Op::Allocate { file: file_of(self.next), length });
                }
            }
        }
    }

    /// Tries again where there was no room. What waited may have taken the segment that was made since: then this
    /// begins the next one, which shows that there is room for more.
    pub(super) fn retry(&mut self, disk: &mut impl Disk) {
        if self.state == State::Full {
            self.state = State::None;
        }
        self.begin(disk);
    }

    /// An old segment is needed no more: it becomes a new one, or goes.
    pub(super) fn recycle(&mut self, disk: &mut impl Disk, old: Segment) {
        if self.ahead && self.recycled.len() < RECYCLED {
            self.recycled.push(old);
            self.retry(disk);
        } else {
            disk.submit_aside(Op::Remove { file: file_of(old) });
        }
    }

    /// Takes the end of an operation; true if it was one of these.
    pub(super) fn complete(
        &mut self,
        disk: &mut impl Disk,
        completion: &Completion,
    ) -> Result<bool, DiskError> {
        let State::Working(step, op) = self.state else { return Ok(false) };
        if op != completion.id {
            return Ok(false);
        }
        match &completion.result {
            Ok(_) => self.go_on(disk, step),
            // What cannot be given back stays; the next try makes its segment of it.
            Err(error) if no_room(error) && step == Step::GiveBack => self.state = State::Full,
            Err(error) if no_room(error) => {
                mark!("segment-without-room");
                let file = file_of(self.next);
                tracing::warn!(%error, "no room for the next segment of the log");
                self.submit(disk, Step::GiveBack, Op::Remove { file });
            }
            Err(error) => return Err(error.clone()),
        }
        Ok(true)
    }

    fn go_on(&mut self, disk: &mut impl Disk, step: Step) {
        let file = file_of(self.next);
        match step {
            Step::Allocate if self.ahead => self.write_zeros(disk, 0),
            Step::Zeros(end) if end < self.length => self.write_zeros(disk, end),
            Step::Zeros(_) => self.submit(disk, Step::Sync, Op::Sync { file }),
            Step::Allocate | Step::Sync | Step::Rename => {
                self.submit(disk, Step::SyncDir, Op::SyncDir { dir: DIRECTORY.to_owned() });
            }
            Step::SyncDir => self.state = State::Ready,
            Step::GiveBack => self.state = State::Full,
        }
    }

    fn write_zeros(&mut self, disk: &mut impl Disk, offset: u64) {
        let end = self.length.min(offset + ZEROS as u64);
        let length = usize::try_from(end - offset).unwrap_or(ZEROS);
        let op = Op::Write { file: file_of(self.next), offset, data: Bytes::from(vec![0; length]) };
        self.submit(disk, Step::Zeros(end), op);
    }

    fn submit(&mut self, disk: &mut impl Disk, step: Step, op: Op) {
        self.state = State::Working(step, disk.submit_aside(op));
    }
}

/// Whether an operation failed for want of room alone.
pub(super) fn no_room(error: &DiskError) -> bool {
    matches!(error.kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests;
