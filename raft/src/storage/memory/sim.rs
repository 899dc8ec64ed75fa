//! The same disk as a value: it belongs to the log that uses it, a clone shares nothing with it, and its
//! owner decides when each operation runs.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use super::device::{Device, Queue};
use super::fault::{Fate, Fault};
use crate::storage::disk::{Completion, Disk, Op, OpId, Waker};
use crate::storage::spares::no_room;

/// The one handle of such a disk.
const HANDLE: u64 = 0;

/// A disk in memory whose operations run when [`SimDisk::run_next`] is called, or when somebody waits for
/// them. It outlives the processes that use it: [`SimDisk::crash`] and [`SimDisk::end_process`] end one, and
/// the next may be given the disk.
#[derive(Clone, Default, Hash)]
pub struct SimDisk {
    device: Device,
    done: VecDeque<Completion>,
    prepares: bool,
    failures: Failures,
}

/// How often a disk has failed those who use it. That there is no such file is an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Failures {
    /// Aside, for want of room; it goes on.
    pub room: u64,
    /// Otherwise.
    pub other: u64,
}

/// An operation has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub op: Op,
    /// Whether its completion says that it is done.
    pub done: bool,
    /// Whether the bytes that it wrote are on the disk, under a name that is: whatever its completion says.
    pub durable: bool,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// From now on segments are made ahead, as on a real disk.
    pub fn prepare(&mut self) {
        self.prepares = true;
    }

    /// Runs the oldest operation that waits in a queue; [`Disk::poll`] then has its completion.
    pub fn run_next(&mut self, queue: Queue) -> Option<Ran> {
        let (ran, completion) = self.device.run_next(queue)?;
        let (op, done) = (ran.op, completion.result.is_ok());
        let durable = self.holds(&op);
        if let Err(error) = &completion.result {
            let room = no_room(error) && queue == Queue::Aside;
            self.failures.room += u64::from(room);
            self.failures.other += u64::from(!room && error.kind != io::ErrorKind::NotFound);
        }
        self.done.push_back(completion);
        Some(Ran { op, done, durable })
    }

    /// The oldest operation that waits in a queue.
    #[must_use]
    pub fn next(&self, queue: Queue) -> Option<&Op> {
        self.device.next(queue)
    }

    /// Operations that wait in a queue.
    #[must_use]
    pub fn pending(&self, queue: Queue) -> usize {
        self.device.pending(queue)
    }

    /// Sets a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.device.image.fault(fault);
    }

    /// The power fails, see [`super::MemoryDisk::crash`]. Writes that wait are among those that meet a fate.
    pub fn crash<F: Into<Fate>>(&mut self, mut fate: impl FnMut(usize) -> F, names: usize) {
        self.device.crash(&mut |sector| fate(sector).into(), names);
        self.done.clear();
    }

    /// The process ends, and the system goes on: what is in its cache, writes that wait among it, stays there.
    pub fn end_process(&mut self) {
        self.device.end_process();
        self.done.clear();
    }

    /// Syncs that were asked for, failed ones among them.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.device.image.syncs
    }

    /// How often it has failed, over all its life.
    #[must_use]
    pub fn failures(&self) -> Failures {
        self.failures
    }

    /// Sectors that a crash now may or may not persist, those of writes that wait among them.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        if self.pending(Queue::Log) + self.pending(Queue::Aside) == 0 {
            return self.device.image.unsynced();
        }
        let mut later = self.device.clone();
        later.run_writes();
        later.image.unsynced()
    }

    /// The names of all files, in order.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.device.image.files().map(str::to_owned).collect()
    }

    /// A file's content, synced or not.
    #[must_use]
    pub fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.device.image.content(file)
    }

    /// What is really on the disk.
    #[must_use]
    pub fn durable(&self, file: &str) -> Option<&[u8]> {
        self.device.image.durable(file)
    }

    /// What a disk says that it has: [`SimDisk::durable`], but for writes that it lost and does not know of, until
    /// the power fails.
    pub(in crate::storage) fn as_told(&self, file: &str) -> Option<Vec<u8>> {
        self.device.image.as_told(file, 0..self.device.image.told_length(file)?)
    }

    /// What a read from the medium gives of a file ([`Op::ReadBack`]): where the cache has what is still to be
    /// written, that.
    #[must_use]
    pub fn read_back(&self, file: &str, part: Range<usize>) -> Option<Vec<u8>> {
        self.device.image.read_back(file, part)
    }

    /// Whether it holds anything for written that it has not: [`Fault::LostWrite`], [`Fault::MisdirectedWrite`].
    #[must_use]
    pub fn lies(&self) -> bool {
        self.device.image.lies()
    }

    /// Puts a file there durably, as somebody else would.
    pub fn put(&mut self, file: &str, data: Vec<u8>) {
        self.device.image.put(file, data);
    }

    /// Whether all of a file can be read.
    pub(in crate::storage) fn is_readable(&self, file: &str) -> bool {
        self.device.image.is_readable(file)
    }

    /// The files whose names are durable, in order.
    pub(in crate::storage) fn durable_files(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.device.image.durable_files()
    }

    /// Replaces an existing file's content durably, behind the back of whoever uses the disk. Does nothing
    /// if there is no such file.
    pub fn overwrite(&mut self, file: &str, data: Vec<u8>) {
        self.device.image.replace(file, data);
    }

    /// Removes a file durably, behind the back of whoever uses the disk.
    pub fn lose(&mut self, file: &str) {
        self.device.image.lose(file);
    }

    /// Whether what an operation wrote is on the disk.
    fn holds(&self, op: &Op) -> bool {
        let (Op::Write { file, offset, data }
        | Op::WriteOnce { file, offset, data }
        | Op::WriteSync { file, offset, data }) = op
        else {
            return false;
        };
        self.has(file, *offset, data)
    }

    /// Whether these bytes are on the disk there.
    pub(in crate::storage) fn has(&self, file: &str, offset: u64, data: &[u8]) -> bool {
        let offset = usize::try_from(offset).ok();
        let there = self.durable(file).zip(offset).and_then(|(durable, offset)| durable.get(offset..));
        there.is_some_and(|there| there.starts_with(data))
    }

    /// Whether it says that these bytes are there.
    pub(in crate::storage) fn says(&self, file: &str, offset: u64, data: &[u8]) -> bool {
        let part = usize::try_from(offset).map(|offset| offset..offset + data.len());
        self.has(file, offset, data)
            || self.lies()
                && part.is_ok_and(|part| self.device.image.as_told(file, part).as_deref() == Some(data))
    }

    fn submit_to(&mut self, queue: Queue, op: Op) -> OpId {
        let id = self.device.next_id();
        self.device.submit(HANDLE, queue, id, op);
        id
    }
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimDisk").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl Disk for SimDisk {
    fn submit(&mut self, op: Op) -> OpId {
        self.submit_to(Queue::Log, op)
    }

    fn submit_aside(&mut self, op: Op) -> OpId {
        self.submit_to(Queue::Aside, op)
    }

    fn poll(&mut self) -> Option<Completion> {
        self.done.pop_front()
    }

    fn wait(&mut self) -> Option<Completion> {
        if self.done.is_empty() {
            _ = self.run_next(Queue::Log).or_else(|| self.run_next(Queue::Aside));
        }
        self.done.pop_front()
    }

    /// Nobody is told: who runs the operations knows.
    fn set_waker(&mut self, _: Waker) {}

    fn prepares(&self) -> bool {
        self.prepares
    }

    fn location(&self) -> String {
        "the simulated disk".to_owned()
    }
}
