//! A disk in memory, for tests and simulations: under the real log, it forgets on a crash what was not
//! synced, and lies on command as real disks and file systems do. Deterministic: what is random follows
//! from the caller's generator.

mod device;
mod fault;
mod file;
mod image;
mod names;
mod sim;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Completion, Disk, Op, OpId, Waker};
use device::Device;
#[cfg(test)]
pub(super) use device::MOST;
pub use device::Queue;
pub use fault::{Fate, Fault, SyncFailure};
pub use file::SECTOR;
pub use sim::{Failures, Ran, SimDisk};

/// A handle on a disk in memory, which lives as long as one handle does. A clone is another handle, for a
/// process that begins now: [`MemoryDisk::crash`] and [`MemoryDisk::end_process`] end every process before, and
/// whatever the old handles still submit fails and changes nothing.
pub struct MemoryDisk {
    shared: Arc<Mutex<Shared>>,
    life: u64,
    handle: u64,
    completions: VecDeque<Completion>,
}

#[derive(Clone, Default)]
struct Shared {
    /// Operations wait in it only where they are held.
    device: Device,
    /// What ran, for the handle that submitted it.
    done: VecDeque<(u64, Completion)>,
    /// By handle.
    wakers: BTreeMap<u64, Arc<dyn Fn() + Send + Sync>>,
    manual: bool,
    prepares: bool,
    life: u64,
    handles: u64,
}

impl MemoryDisk {
    /// An empty disk, whose operations run as they are submitted.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::attach(Arc::default())
    }

    /// From now on operations run when [`MemoryDisk::run_next`] is called, or when somebody waits for them.
    pub fn hold(&self) {
        self.shared().manual = true;
    }

    /// Runs all that was held, and from now on operations as they are submitted.
    pub fn release(&self) {
        let mut shared = self.shared();
        shared.manual = false;
        while shared.run_next(Queue::Log) || shared.run_next(Queue::Aside) {}
        let wakers: Vec<_> = shared.wakers.values().cloned().collect();
        drop(shared);
        wakers.iter().for_each(|wake| wake());
    }

    /// From now on segments are made ahead, as on a real disk.
    pub fn prepare(&self) {
        self.shared().prepares = true;
    }

    /// Runs the oldest operation that waits in a queue; false if there is none.
    pub fn run_next(&self, queue: Queue) -> bool {
        self.shared().run_next(queue)
    }

    /// Sets a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared().device.image.fault(fault);
    }

    /// Syncs that were asked for, failed ones among them.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared().device.image.syncs
    }

    /// Sectors that a crash now may or may not persist, those of writes that wait among them.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        let mut shared = self.shared();
        shared.device.run_writes();
        shared.device.image.unsynced()
    }

    /// The power fails. The sectors that are not durable, in the order of their files and places, meet the
    /// fate that `fate` names; the first `names` of the changes of names that no sync of their directory
    /// covered are there afterwards. Every process ends.
    pub fn crash<F: Into<Fate>>(&self, mut fate: impl FnMut(usize) -> F, names: usize) {
        let mut shared = self.shared();
        shared.device.crash(&mut |sector| fate(sector).into(), names);
        shared.end_process();
    }

    /// The power fails, and nothing is there that was not durable.
    pub fn lose_power(&self) {
        self.crash(|_| false, 0);
    }

    /// The process ends, and the system goes on: what is in its cache stays there.
    pub fn end_process(&self) {
        let mut shared = self.shared();
        shared.device.end_process();
        shared.end_process();
    }

    /// The same disk once more, in the same state; they share nothing.
    #[must_use]
    pub fn copy(&self) -> MemoryDisk {
        let copy = Shared { wakers: BTreeMap::new(), ..self.shared().clone() };
        MemoryDisk::attach(Arc::new(Mutex::new(copy)))
    }

    /// A file's content, synced or not.
    #[must_use]
    pub fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.shared().device.image.content(file)
    }

    /// Replaces an existing file's content durably, behind the back of whoever uses the disk. Does nothing
    /// if there is no such file.
    pub fn overwrite(&self, file: &str, data: Vec<u8>) {
        self.shared().device.image.replace(file, data);
    }

    /// Removes a file durably, behind the back of whoever uses the disk.
    pub fn lose(&self, file: &str) {
        self.shared().device.image.lose(file);
    }

    /// What is really on the disk.
    #[must_use]
    pub fn durable(&self, file: &str) -> Option<Vec<u8>> {
        self.shared().device.image.durable(file).map(<[u8]>::to_vec)
    }

    fn attach(shared: Arc<Mutex<Shared>>) -> MemoryDisk {
        let (life, handle) = {
            let mut shared = lock(&shared);
            shared.handles += 1;
            (shared.life, shared.handles)
        };
        MemoryDisk { shared, life, handle, completions: VecDeque::new() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    fn enqueue(&mut self, queue: Queue, op: Op) -> OpId {
        let id = self.enqueue_quietly(queue, op);
        let waker = self.shared().wakers.get(&self.handle).cloned();
        if let Some(wake) = waker {
            wake();
        }
        id
    }

    fn enqueue_quietly(&mut self, queue: Queue, op: Op) -> OpId {
        let mut shared = lock(&self.shared);
        let id = shared.device.next_id();
        if shared.life != self.life {
            let gone = std::io::Error::other("this process has ended");
            self.completions.push_back(Completion { id, result: Err(op.failed(&gone)) });
            return id;
        }
        shared.device.submit(self.handle, queue, id, op);
        if !shared.manual {
            shared.run_next(queue);
        }
        id
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn run_next(&mut self, queue: Queue) -> bool {
        let Some((ran, completion)) = self.device.run_next(queue) else { return false };
        self.done.push_back((ran.handle, completion));
        true
    }

    /// Who was a process is none any more.
    fn end_process(&mut self) {
        self.life += 1;
        self.done.clear();
    }
}

impl Default for MemoryDisk {
    fn default() -> MemoryDisk {
        MemoryDisk::new()
    }
}

impl Clone for MemoryDisk {
    fn clone(&self) -> MemoryDisk {
        MemoryDisk::attach(self.shared.clone())
    }
}

impl std::fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDisk").field("life", &self.life).finish_non_exhaustive()
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        let handle = self.handle;
        let mut shared = self.shared();
        shared.device.image.unlock_of(handle);
        shared.wakers.remove(&handle);
    }
}

impl Disk for MemoryDisk {
    fn submit(&mut self, op: Op) -> OpId {
        self.enqueue(Queue::Log, op)
    }

    fn submit_aside(&mut self, op: Op) -> OpId {
        self.enqueue(Queue::Aside, op)
    }

    fn poll(&mut self) -> Option<Completion> {
        if let Some(completion) = self.completions.pop_front() {
            return Some(completion);
        }
        let mut shared = lock(&self.shared);
        let at = shared.done.iter().position(|(handle, _)| *handle == self.handle)?;
        shared.done.remove(at).map(|(_, completion)| completion)
    }

    fn wait(&mut self) -> Option<Completion> {
        loop {
            if let Some(completion) = self.poll() {
                return Some(completion);
            }
            let ran = self.run_next(Queue::Log) || self.run_next(Queue::Aside);
            if !ran {
                return None;
            }
        }
    }

    /// Of operations that [`MemoryDisk::run_next`] runs nobody is told: who runs them knows.
    fn set_waker(&mut self, waker: Waker) {
        self.shared().wakers.insert(self.handle, Arc::from(waker));
    }

    fn prepares(&self) -> bool {
        self.shared().prepares
    }

    fn location(&self) -> String {
        "the disk in memory".to_owned()
    }
}

#[cfg(test)]
mod tests;
