//! One node's consensus among peers that say anything: see [`check`].

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use raft::bootstrap::first_state;
use raft::consensus::entry::Chain;
use raft::consensus::io::{Input, Output, Persist, Room, Ticket};
use raft::consensus::message::{AppendOutcome, Message, SnapshotOutcome};
use raft::consensus::snapshot::{Base, Repair, SnapshotId, SnapshotMeta};
use raft::consensus::{Raft, Start};
use raft::{
    Config, Entry, EntryKind, HardState, Incarnation, LogId, LogIndex, Membership, NodeId, Term, Timestamp,
};

use super::choices::Choices;
use super::messages::{Files, message, peer};

const ME: NodeId = NodeId(1);

/// Messages, time, clients, the disk's answers, crashes. No step breaks an invariant, nothing that is committed
/// changes, and nothing is claimed that is not on the disk.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut node = Node::new(&mut choices);
    while !choices.is_over() {
        let input = node.input(&mut choices);
        if let Some(input) = input {
            node.step(input);
        } else {
            node.restart();
        }
    }
}

/// What is durable.
struct Disk {
    hard_state: HardState,
    base: Base,
    entries: Vec<Entry>,
    repair: Option<Repair>,
    snapshot: Option<(SnapshotId, SnapshotMeta)>,
}

struct Node {
    raft: Raft,
    now: Timestamp,
    config: Config,
    disk: Disk,
    writes: VecDeque<Persist>,
    reads: VecDeque<(NodeId, SnapshotId, u64, usize)>,
    /// Pieces of snapshots on their way to the disk, by their ends.
    pieces: VecDeque<(SnapshotId, u64)>,
    /// Snapshots that have come as a whole.
    whole: VecDeque<SnapshotId>,
    files: Files,
    /// What is committed, behind what was compacted away.
    committed: Vec<(LogIndex, Chain)>,
}

fn membership(voters: u64) -> Membership {
    Membership { voters: (1..=voters).map(|n| (NodeId(n), Incarnation(n.into()))).collect() }
}

fn meta(last: LogId, chain: Chain) -> SnapshotMeta {
    SnapshotMeta { base: Base { id: last, chain }, membership: membership(3) }
}

impl Disk {
    fn end(&self) -> LogIndex {
        LogIndex(self.base.id.index.0 + self.entries.len() as u64)
    }

    fn id_at(&self, index: LogIndex) -> Option<LogId> {
        if index == self.base.id.index {
            return Some(self.base.id);
        }
        let behind = index.0.checked_sub(self.base.id.index.0 + 1)?;
        self.entries.get(usize::try_from(behind).ok()?).map(|entry| entry.id)
    }

    fn write(&mut self, persist: Persist) {
        self.hard_state = persist.hard_state.unwrap_or(self.hard_state);
        if let Some(base) = persist.base {
            (self.base, self.entries) = (base, Vec::new());
        }
        if persist.repaired {
            self.repair = None;
        }
        if let Some(first) = persist.entries.first() {
            let kept = first.id.index.0 - self.base.id.index.0 - 1;
            self.entries.truncate(usize::try_from(kept).unwrap());
            assert_eq!(self.end().next(), first.id.index, "a hole in what is written");
        }
        self.entries.extend(persist.entries);
    }

    /// Of snapshots the newest counts.
    fn store(&mut self, id: SnapshotId, meta: &SnapshotMeta) {
        let newest = self.snapshot.as_ref().map(|(old, _)| (old.last.index, old.last.term));
        if newest < Some((id.last.index, id.last.term)) {
            self.snapshot = Some((id, meta.clone()));
        }
    }

    /// A log that does not hold the snapshot's end is replaced by it, and a term before the snapshot's by that, as
    /// recovery does.
    fn start(&self) -> Start {
        let start = Start { hard_state: self.hard_state, repair: self.repair, ..Start::default() };
        let Some((id, meta)) = &self.snapshot else {
            return Start { base: self.base, entries: self.entries.clone(), ..start };
        };
        let hard_state = match self.hard_state {
            known if known.current_term >= id.last.term => known,
            _ => HardState { current_term: id.last.term, voted_for: Some(ME) },
        };
        let behind = self.entries.iter().filter(|entry| entry.id.index > id.last.index).cloned();
        let follows = self.id_at(id.last.index) == Some(id.last);
        let entries = if follows { behind.collect() } else { Vec::new() };
        Start {
            base: meta.base,
            entries,
            hard_state,
            membership: Some(meta.membership.clone()),
            snapshot: Some(*id),
            ..start
        }
    }
}

impl Node {
    fn new(choices: &mut Choices<'_>) -> Node {
        let config = Config {
            max_append_entries: choices.at(8) + 1,
            max_append_bytes: 100 + choices.at(200),
            max_in_flight: choices.at(4) + 1,
            max_command_bytes: 24,
            max_uncommitted_bytes: 500,
            max_kept_log_bytes: choices.below(400),
            snapshot_chunk_bytes: 64,
            snapshot_window_bytes: 200,
            ..Config::lan()
        };
        let voters = if choices.one_in(8) { 1 } else { 3 };
        let (hard_state, first) = first_state(&membership(voters));
        let repair =
            choices.one_in(8).then_some(Repair { least: LogId { term: Term(2), index: LogIndex(4) } });
        let disk = Disk { hard_state, base: Base::default(), entries: vec![first], repair, snapshot: None };
        let file = |index, term, byte| {
            let last = LogId { term: Term(term), index: LogIndex(index) };
            (SnapshotId { last, length: 150, hash: [byte; 32] }, Bytes::from(vec![byte; 150]))
        };
        let now = Timestamp::default();
        let raft = Raft::new(ME, config.clone(), 1, now, disk.start()).unwrap();
        Node {
            raft,
            now,
            config,
            disk,
            writes: VecDeque::new(),
            reads: VecDeque::new(),
            pieces: VecDeque::new(),
            whole: VecDeque::new(),
            files: vec![file(3, 1, 7), file(6, 2, 8), file(40, 3, 9)],
            committed: Vec::new(),
        }
    }

    /// What comes next; none if the node crashes.
    fn input(&mut self, choices: &mut Choices<'_>) -> Option<Input> {
        let next = self.pieces.back().map_or(0, |(_, end)| *end);
        Some(match choices.below(32) {
            0..=15 => {
                let from = peer(choices);
                Input::Message { from, message: message(choices, &self.raft, &self.files, next) }
            }
            16..=19 => {
                self.now = self.now + Duration::from_millis(choices.below(400));
                Input::Tick
            }
            20 => {
                let kind = EntryKind::Command;
                let data = Bytes::copy_from_slice(choices.bytes(32));
                Input::Propose { ticket: Ticket(1), kind, data }
            }
            21 => Input::Read { ticket: Ticket(2) },
            22..=25 => {
                let count = self.writes.len().min(choices.at(4) + 1);
                let last = count.checked_sub(1).map(|last| self.writes[last].id);
                self.writes.drain(..count).for_each(|persist| self.disk.write(persist));
                last.map_or(Input::Tick, Input::Persisted)
            }
            26 => self.store(choices).unwrap_or(Input::Tick),
            27 => match self.reads.pop_front() {
                Some((to, snapshot, offset, length)) => {
                    let data = (!choices.one_in(8)).then(|| Bytes::from(vec![1; length]));
                    Input::SnapshotChunk { to, snapshot, offset, data }
                }
                None => Input::Tick,
            },
            28 => match self.pieces.pop_front() {
                Some((snapshot, end)) => {
                    if end == snapshot.length {
                        self.whole.push_back(snapshot);
                    }
                    Input::SnapshotWritten { snapshot, end }
                }
                None => Input::Tick,
            },
            29 => match self.whole.pop_front() {
                Some(snapshot) if choices.one_in(8) => Input::SnapshotFailed { snapshot },
                Some(id) => {
                    let meta = meta(id.last, Chain(id.last.index.0));
                    self.disk.store(id, &meta);
                    Input::SnapshotInstalled { id, meta }
                }
                None => Input::Tick,
            },
            30 => Input::Room(if choices.one_in(2) { Room::Full } else { Room::Ample }),
            _ => return None,
        })
    }

    /// A snapshot of this node's own, of what it has committed.
    fn store(&mut self, choices: &mut Choices<'_>) -> Option<Input> {
        let (base, commit) = (self.raft.log().base().id.index.0, self.raft.commit_index().0);
        let index = LogIndex(base + 1 + choices.below(commit.saturating_sub(base)));
        let last = self.raft.log().id_at(index).filter(|last| last.index.0 <= commit)?;
        let meta = meta(last, self.raft.log().chain_at(index)?);
        let id = SnapshotId { last, length: 300, hash: [5; 32] };
        self.disk.store(id, &meta);
        Some(Input::SnapshotStored { id, meta })
    }

    fn restart(&mut self) {
        let start = self.disk.start();
        self.disk.hard_state = start.hard_state;
        (self.disk.base, self.disk.entries) = (start.base, start.entries.clone());
        self.raft = Raft::new(ME, self.config.clone(), self.now.as_nanos(), self.now, start).unwrap();
        self.writes.clear();
        self.reads.clear();
        self.pieces.clear();
        self.whole.clear();
        // Committed is now only what is known anew.
        self.committed.clear();
    }

    fn step(&mut self, input: Input) {
        let told = format!("{input:?}");
        let mut outputs = Vec::new();
        self.raft.step(self.now, input).unwrap_or_else(|broken| panic!("{broken}, after {told}"));
        self.raft.drain(self.now, &mut outputs);
        for output in outputs {
            self.put(output);
        }
        self.examine();
    }

    fn put(&mut self, output: Output) {
        match output {
            Output::Send { message, to } => self.vouch(to, &message),
            Output::Persist(persist) => self.writes.push_back(persist),
            Output::ReadSnapshot { to, snapshot, offset, length } => {
                assert!(offset + length as u64 <= snapshot.length, "beyond the end of {snapshot:?}");
                self.reads.push_back((to, snapshot, offset, length));
            }
            Output::WriteSnapshot { snapshot, offset, data } => {
                let last = self.pieces.back().filter(|(of, _)| *of == snapshot);
                assert!(offset == 0 || last.is_none_or(|(_, end)| *end == offset), "a hole at {offset}");
                self.pieces.push_back((snapshot, offset + data.len() as u64));
            }
            Output::Compact(index) => {
                let held = self.disk.snapshot.as_ref().map(|(id, _)| id.last.index);
                assert!(Some(index) <= held, "{index} is compacted away, the snapshot ends at {held:?}");
            }
            Output::Commit(index) => assert!(index <= self.raft.commit_index()),
            Output::Accepted { .. }
            | Output::ReadGranted { .. }
            | Output::Refused { .. }
            | Output::Role(_)
            | Output::Alarm { .. } => {}
        }
    }

    /// What leaves the node is on its disk.
    fn vouch(&self, to: NodeId, message: &Message) {
        let HardState { current_term, voted_for } = self.disk.hard_state;
        let voted = |term, whom| current_term > term || (current_term, voted_for) == (term, Some(whom));
        let holds = match message {
            Message::RequestVote(m) => voted(m.term, ME),
            Message::RequestVoteReply(m) => !m.granted || voted(m.term, to),
            Message::AppendEntries(m) => current_term >= m.term,
            Message::AppendEntriesReply(m) => match m.outcome {
                AppendOutcome::Matched(index) => {
                    let held = self.disk.snapshot.as_ref().is_some_and(|(id, _)| id.last.index >= index);
                    current_term >= m.term && (held || self.disk.end() >= index)
                }
                AppendOutcome::Conflict { .. } | AppendOutcome::Repairing { .. } | AppendOutcome::NoRoom => {
                    true
                }
            },
            Message::InstallSnapshotReply(m) => match m.outcome {
                SnapshotOutcome::Installed => {
                    let last = m.snapshot.last.index;
                    self.disk.snapshot.as_ref().is_some_and(|(id, _)| id.last.index >= last)
                        || self.disk.end() >= last
                }
                SnapshotOutcome::Next(_) => true,
            },
            Message::PreVote(_)
            | Message::PreVoteReply(_)
            | Message::Heartbeat(_)
            | Message::HeartbeatReply(_)
            | Message::Introduction(_)
            | Message::IntroductionReply(_)
            | Message::InstallSnapshot(_) => true,
        };
        assert!(
            holds,
            "node {to} is told {message:?}, on the disk is {:?}, {:?}",
            self.disk.hard_state, self.disk.entries
        );
    }

    /// What was committed is so still, as far as it was not compacted away.
    fn examine(&mut self) {
        let (log, commit) = (self.raft.log(), self.raft.commit_index());
        let base = log.base().id.index;
        for (index, chain) in self.committed.iter().filter(|(index, _)| *index > base) {
            assert_eq!(log.chain_at(*index), Some(*chain), "the entry at {index} was committed");
        }
        let upto = (base.0 + 1..=commit.0).map(LogIndex);
        self.committed = upto.filter_map(|index| Some((index, log.chain_at(index)?))).collect();
    }
}
