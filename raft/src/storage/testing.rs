//! What the tests of this module share: a disk that does what it is told when it is told, and makers
//! of logs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::{Completion, Disk, Op, OpId, Waker};
use super::memory::MOST;
use super::{Identity, MemoryDisk, OpenError, Recovered, Storage, StorageError};
use crate::consensus::entry::{Chain, Entry, EntryKind};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::types::{ClusterId, HardState, Incarnation, LogId, LogIndex, NodeId, Term};

/// The first segment.
pub(super) const SEGMENT: &str = "wal/0000000001.log";
/// Small, so that tests see many.
pub(super) const SEGMENT_BYTES: u64 = 2048;

/// A disk whose operations run when the test says so, or when somebody waits for them. Clones are
/// the same disk in the same life.
#[derive(Clone)]
pub(super) struct ManualDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    memory: MemoryDisk,
    pending: VecDeque<(OpId, Op)>,
    completions: VecDeque<Completion>,
    submitted: Vec<Op>,
    next: u64,
    /// How many operations still run before the node dies.
    budget: u64,
    fail_next: bool,
}

impl ManualDisk {
    pub(super) fn new(memory: &MemoryDisk) -> ManualDisk {
        ManualDisk::with_budget(memory, u64::MAX)
    }

    pub(super) fn with_budget(memory: &MemoryDisk, budget: u64) -> ManualDisk {
        let state = State {
            memory: memory.clone(),
            pending: VecDeque::new(),
            completions: VecDeque::new(),
            submitted: Vec::new(),
            next: 0,
            budget,
            fail_next: false,
        };
        ManualDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Runs the oldest operation that waits; false if there is none or the node is dead.
    pub(super) fn run_one(&self) -> bool {
        self.state().run_one()
    }

    pub(super) fn fail_next(&self) {
        self.state().fail_next = true;
    }

    pub(super) fn complete(&self, completion: Completion) {
        self.state().completions.push_back(completion);
    }

    pub(super) fn take_submitted(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().submitted)
    }

    /// The power fails while segments are being written: each 16 bytes of them that are not durable
    /// are, or are not, there afterwards.
    pub(super) fn crash(&self, rng: &mut fastrand::Rng) {
        let mut state = self.state();
        let names: Vec<String> = (1..100).map(|n| format!("wal/{n:010}.log")).collect();
        let mut full: Vec<_> = names.iter().map(|name| state.memory.content(name)).collect();
        for (_, op) in &state.pending {
            let (Op::Write { file, offset, data } | Op::WriteSync { file, offset, data }) = op else {
                continue;
            };
            let start = usize::try_from(*offset).unwrap();
            let at = names.iter().position(|name| name == file);
            if let Some(Some(content)) = at.map(|at| &mut full[at]) {
                content.resize(content.len().max(start + data.len()), 0);
                content[start..start + data.len()].copy_from_slice(data);
            }
        }
        state.pending.clear();
        state.memory.lose_power();
        for (name, full) in names.iter().zip(full) {
            if let (Some(durable), Some(full)) = (state.memory.content(name), full) {
                state.memory.overwrite(name, torn(durable, full, rng));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn torn(mut durable: Vec<u8>, mut full: Vec<u8>, rng: &mut fastrand::Rng) -> Vec<u8> {
    let length = rng.usize(durable.len().min(full.len())..=durable.len().max(full.len()));
    durable.resize(durable.len().max(length), 0);
    full.resize(durable.len(), 0);
    for (to, from) in durable.chunks_mut(16).zip(full.chunks(16)) {
        if rng.bool() {
            to.copy_from_slice(from);
        }
    }
    durable
}

impl State {
    fn next_id(&mut self) -> OpId {
        let id = OpId(self.next);
        self.next += 1;
        assert!(id.0 < MOST, "more than {MOST} operations: somebody goes round in a circle");
        id
    }

    fn run_one(&mut self) -> bool {
        if self.budget == 0 {
            return false;
        }
        let Some((id, op)) = self.pending.pop_front() else { return false };
        let result = if std::mem::take(&mut self.fail_next) {
            Err(op.failed(&std::io::Error::other("injected")))
        } else {
            self.run(op)
        };
        self.completions.push_back(Completion { id, result });
        true
    }

    fn run(&mut self, op: Op) -> Result<super::disk::Outcome, super::DiskError> {
        self.budget -= 1;
        self.memory.submit(op);
        self.memory.poll().unwrap().result
    }
}

impl Disk for ManualDisk {
    fn submit(&mut self, op: Op) -> OpId {
        let mut state = self.state();
        let id = state.next_id();
        state.submitted.push(op.clone());
        state.pending.push_back((id, op));
        id
    }

    /// What is aside runs at once, while the node lives.
    fn submit_aside(&mut self, op: Op) -> OpId {
        let mut state = self.state();
        let id = state.next_id();
        if state.budget > 0 {
            let result = state.run(op);
            state.completions.push_back(Completion { id, result });
        }
        id
    }

    fn poll(&mut self) -> Option<Completion> {
        self.state().completions.pop_front()
    }

    fn wait(&mut self) -> Option<Completion> {
        let mut state = self.state();
        if state.completions.is_empty() {
            state.run_one();
        }
        state.completions.pop_front()
    }

    fn set_waker(&mut self, _: Waker) {}

    fn prepares(&self) -> bool {
        true
    }

    fn location(&self) -> String {
        "a manual disk".to_owned()
    }
}

/// Copies what a disk holds to an empty one, durably.
pub(super) fn copy(from: &MemoryDisk, to: &MemoryDisk) {
    use super::disk::{Outcome, run};
    let (mut from, mut to) = (from.clone(), to.clone());
    run(&mut to, Op::CreateDir { dir: "wal".to_owned() }).unwrap();
    for dir in ["wal", ""] {
        let Ok(Outcome::Names(names)) = run(&mut from, Op::List { dir: dir.to_owned() }) else { continue };
        for name in names {
            let file = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            if let Some(content) = from.content(&file) {
                run(&mut to, Op::WriteSync { file, offset: 0, data: content.into() }).unwrap();
            }
        }
        run(&mut to, Op::SyncDir { dir: dir.to_owned() }).unwrap();
    }
}

pub(super) fn cluster() -> ClusterId {
    ClusterId::new("north").unwrap()
}

pub(super) fn open<D: Disk>(disk: D) -> Result<(Storage<D>, Identity, Recovered), OpenError> {
    Storage::open_with(disk, &cluster(), NodeId(1), Incarnation(7), SEGMENT_BYTES)
}

pub(super) fn entry(index: u64, term: u64, data: &[u8]) -> Entry {
    let id = LogId { term: Term(term), index: LogIndex(index) };
    Entry::new(id, EntryKind::Command, bytes::Bytes::copy_from_slice(data))
}

pub(super) fn vote(term: u64, node: u64) -> HardState {
    HardState { current_term: Term(term), voted_for: Some(NodeId(node)) }
}

/// A write to a log that is empty, or whose entries `linked` puts behind others.
pub(super) fn persist(id: u64, hard_state: Option<HardState>, entries: Vec<Entry>) -> Persist {
    let prev_chain = Chain::default();
    Persist { id: PersistId(id), hard_state, base: None, repaired: false, prev_chain, entries }
}

/// A write to a log that holds `before`.
pub(super) fn linked(before: &Recovered, persist: Persist) -> Persist {
    let first = persist.entries.first().map(|entry| entry.id.index);
    let kept = before.entries.iter().take_while(|entry| Some(entry.id.index) < first);
    Persist { prev_chain: kept.fold(before.base.chain, Chain::then), ..persist }
}

/// Appends and pumps until it is durable, on a disk that completes inline.
pub(super) fn commit<D: Disk>(storage: &mut Storage<D>, persist: &Persist) -> Result<(), StorageError> {
    storage.append(persist);
    assert_eq!(storage.pump()?, Some(persist.id));
    Ok(())
}

/// What a log holds that held `before` and took in a write.
pub(super) fn after(before: &Recovered, persist: &Persist) -> Recovered {
    let mut after = before.clone();
    after.hard_state = persist.hard_state.unwrap_or(after.hard_state);
    for entry in &persist.entries {
        after.entries.retain(|old| old.id.index < entry.id.index);
        after.entries.push(entry.clone());
    }
    after
}
