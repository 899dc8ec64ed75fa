//! What the disks in memory share: an image, and what was submitted to it and has not run.

use std::collections::VecDeque;

use super::fault::Fate;
use super::image::Image;
use crate::storage::disk::{Completion, Op, OpId};

/// Which of a disk's two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// What was submitted.
    Log,
    /// What was submitted aside.
    Aside,
}

/// Operations of one disk, many more than any test of this crate asks for: who goes round in a circle shall not for
/// ever.
#[cfg(test)]
pub(in crate::storage) const MOST: u64 = 1 << 20;

#[derive(Clone, Default)]
pub(super) struct Device {
    pub(super) image: Image,
    log: VecDeque<Submitted>,
    aside: VecDeque<Submitted>,
    next_op: u64,
}

/// What the next operation is called decides nothing.
impl std::hash::Hash for Device {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        let Device { image, log, aside, next_op: _ } = self;
        (image, log, aside).hash(hasher);
    }
}

/// An operation, and who submitted it.
#[derive(Clone, Hash)]
pub(super) struct Submitted {
    pub(super) handle: u64,
    id: OpId,
    pub(super) op: Op,
}

impl Device {
    /// A name for an operation.
    pub(super) fn next_id(&mut self) -> OpId {
        let id = OpId(self.next_op);
        self.next_op += 1;
        #[cfg(test)]
        assert!(id.0 < MOST, "more than {MOST} operations: somebody goes round in a circle");
        id
    }

    pub(super) fn submit(&mut self, handle: u64, queue: Queue, id: OpId, op: Op) {
        self.queue(queue).push_back(Submitted { handle, id, op });
    }

    pub(super) fn next(&self, queue: Queue) -> Option<&Op> {
        let waiting = match queue {
            Queue::Log => self.log.front(),
            Queue::Aside => self.aside.front(),
        };
        waiting.map(|submitted| &submitted.op)
    }

    pub(super) fn pending(&self, queue: Queue) -> usize {
        match queue {
            Queue::Log => self.log.len(),
            Queue::Aside => self.aside.len(),
        }
    }

    /// Runs the oldest operation of a queue.
    pub(super) fn run_next(&mut self, queue: Queue) -> Option<(Submitted, Completion)> {
        let ran = self.queue(queue).pop_front()?;
        let result = self.image.run(ran.handle, &ran.op, queue == Queue::Aside);
        let completion = Completion { id: ran.id, result };
        Some((ran, completion))
    }

    /// What was submitted may have reached the disk although nobody was told.
    pub(super) fn run_writes(&mut self) {
        for Submitted { op, .. } in self.log.drain(..).chain(self.aside.drain(..)) {
            self.image.write_only(&op);
        }
    }

    pub(super) fn crash(&mut self, fate: &mut impl FnMut(usize) -> Fate, names: usize) {
        self.run_writes();
        self.image.crash(fate, names);
        self.image.unlock();
    }

    pub(super) fn end_process(&mut self) {
        self.run_writes();
        self.image.unlock();
    }

    fn queue(&mut self, queue: Queue) -> &mut VecDeque<Submitted> {
        match queue {
            Queue::Log => &mut self.log,
            Queue::Aside => &mut self.aside,
        }
    }
}
