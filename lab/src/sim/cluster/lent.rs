//! A disk that is lent to whoever opens a log on it, and comes back whether that went well or not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raft::storage::Disk;
use raft::storage::disk::{Completion, Op, OpId, Waker};
use raft::storage::memory::SimDisk;

/// A handle; the disk comes back when there is no other.
#[derive(Clone)]
pub(in crate::sim) struct Lent(Arc<Mutex<SimDisk>>);

impl Lent {
    pub(in crate::sim) fn new(disk: SimDisk) -> Lent {
        Lent(Arc::new(Mutex::new(disk)))
    }

    /// The disk itself.
    pub(in crate::sim) fn take_back(self) -> SimDisk {
        match Arc::try_unwrap(self.0) {
            Ok(disk) => disk.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(shared) => Lent(shared).disk().clone(),
        }
    }

    fn disk(&self) -> MutexGuard<'_, SimDisk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Lent {
    fn submit(&mut self, op: Op) -> OpId {
        self.disk().submit(op)
    }

    fn submit_aside(&mut self, op: Op) -> OpId {
        self.disk().submit_aside(op)
    }

    fn poll(&mut self) -> Option<Completion> {
        self.disk().poll()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.disk().wait()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.disk().set_waker(waker);
    }

    fn prepares(&self) -> bool {
        self.disk().prepares()
    }

    fn location(&self) -> String {
        self.disk().location()
    }
}
