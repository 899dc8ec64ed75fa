//! Scenario tests of the core. Each names the sentence of the paper, or the trap, that it checks.

mod commit;
mod compaction;
mod disk;
mod durability;
mod election;
mod hostile;
mod limits;
mod reads;
mod repair;
mod replication;
mod room;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::entry::{Entry, EntryKind};
use super::io::{Input, Output, Persist, PersistId, Ticket};
use super::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, Message, RequestVote,
};
use super::snapshot::{Base, SnapshotId, SnapshotMeta};
use super::types::{HardState, Incarnation, LogId, LogIndex, Membership, NodeId, Term, Timestamp};
use super::{Raft, Start, config::Config};

pub(super) const N1: NodeId = NodeId(1);
pub(super) const N2: NodeId = NodeId(2);
pub(super) const N3: NodeId = NodeId(3);

pub(super) fn id(index: u64, term: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

pub(super) fn command(index: u64, term: u64) -> Entry {
    Entry::new(id(index, term), EntryKind::Command, Bytes::from(format!("{index}@{term}")))
}

fn membership(voters: u64) -> Entry {
    crate::bootstrap::first_state(&self::voters(voters)).1
}

pub(super) fn voters(count: u64) -> Membership {
    Membership { voters: (1..=count).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect() }
}

/// A snapshot up to `last` of a cluster of three, of this many bytes.
pub(super) fn snapshot(last: LogId, length: u64) -> (SnapshotId, SnapshotMeta) {
    let base = Base { id: last, ..Base::default() };
    (SnapshotId { last, length, hash: [7; 32] }, SnapshotMeta { base, membership: voters(3) })
}

/// The first entry of a cluster of `voters`, then a command of each of these terms.
pub(super) fn entries(voters: u64, terms: &[u64]) -> Vec<Entry> {
    let commands = (2..).zip(terms).map(|(index, term)| command(index, *term));
    std::iter::once(membership(voters)).chain(commands).collect()
}

/// One node, its disk completing only when told to.
pub(super) struct Solo {
    pub(super) raft: Raft,
    pub(super) now: Timestamp,
}

impl Solo {
    /// Node 1 of `voters`, in `term`, with a command of each of `terms` behind the first entry.
    pub(super) fn new(voters: u64, term: u64, terms: &[u64]) -> Solo {
        let hard_state = HardState { current_term: Term(term), voted_for: None };
        let now = Timestamp::default();
        let start = Start { hard_state, entries: entries(voters, terms), ..Start::default() };
        let raft = Raft::new(N1, Config::lan(), 1, now, start).unwrap();
        Solo { raft, now }
    }

    /// Node 1 of three from this, with settings of its own.
    pub(super) fn start(config: Config, start: Start) -> Solo {
        let now = Timestamp::default();
        Solo { raft: Raft::new(N1, config, 1, now, start).unwrap(), now }
    }

    pub(super) fn step(&mut self, input: Input) -> Vec<Output> {
        self.raft.step(self.now, input).unwrap();
        let mut outputs = Vec::new();
        self.raft.drain(self.now, &mut outputs);
        outputs
    }

    pub(super) fn hears(&mut self, from: NodeId, message: Message) -> Vec<Output> {
        self.step(Input::Message { from, message })
    }

    pub(super) fn after(&mut self, millis: u64) -> Vec<Output> {
        self.now = self.now + Duration::from_millis(millis);
        self.step(Input::Tick)
    }

    /// Tells the node that every write in `outputs` is durable.
    pub(super) fn persisted(&mut self, outputs: &[Output]) -> Vec<Output> {
        match persists(outputs).last() {
            Some(persist) => self.step(Input::Persisted(persist.id)),
            None => Vec::new(),
        }
    }

    pub(super) fn appended(&mut self, from: NodeId, m: AppendEntries) -> Vec<Output> {
        let first = self.hears(from, Message::AppendEntries(m));
        let then = self.persisted(&first);
        [first, then].concat()
    }

    /// Campaigns and wins with node 2's votes.
    pub(super) fn lead(&mut self) -> Vec<Output> {
        use super::message::{PreVoteReply, RequestVoteReply};
        self.after(301);
        let (term, asked) = (self.raft.term(), self.raft.term().next());
        let reply = PreVoteReply { term, asked, granted: true };
        let campaign = self.hears(N2, Message::PreVoteReply(reply));
        self.persisted(&campaign);
        let vote = RequestVoteReply { term: asked, granted: true };
        let outputs = self.hears(N2, Message::RequestVoteReply(vote));
        assert_eq!(self.raft.leader(), Some(N1));
        outputs
    }

    /// Leads, and its no-op is committed with node 2.
    pub(super) fn lead_and_commit(&mut self) -> Vec<Output> {
        let elected = self.lead();
        self.persisted(&elected);
        self.acks(N2, self.raft.last_log().index)
    }

    /// A peer's log matches up to `index`.
    pub(super) fn acks(&mut self, from: NodeId, index: LogIndex) -> Vec<Output> {
        let outcome = AppendOutcome::Matched(index);
        let reply = AppendEntriesReply { term: self.raft.term(), id: 1, outcome };
        self.hears(from, Message::AppendEntriesReply(reply))
    }

    /// Node `from` shows that it is there.
    pub(super) fn beats(&mut self, from: NodeId) -> Vec<Output> {
        let reply = HeartbeatReply { term: self.raft.term(), round: 0, lacks: None };
        self.hears(from, Message::HeartbeatReply(reply))
    }

    pub(super) fn propose(&mut self, ticket: u64, data: &'static str) -> Vec<Output> {
        let data = Bytes::from_static(data.as_bytes());
        self.step(Input::Propose { ticket: Ticket(ticket), kind: EntryKind::Command, data })
    }
}

pub(super) fn persists(outputs: &[Output]) -> Vec<Persist> {
    let persist = |o: &Output| if let Output::Persist(p) = o { Some(p.clone()) } else { None };
    outputs.iter().filter_map(persist).collect()
}

pub(super) fn sends(outputs: &[Output]) -> Vec<(NodeId, Message)> {
    let send =
        |o: &Output| if let Output::Send { to, message } = o { Some((*to, message.clone())) } else { None };
    outputs.iter().filter_map(send).collect()
}

pub(super) fn appends_to(outputs: &[Output], peer: NodeId) -> Vec<AppendEntries> {
    let append = |(to, m): (NodeId, Message)| match m {
        Message::AppendEntries(m) if to == peer => Some(m),
        _ => None,
    };
    sends(outputs).into_iter().filter_map(append).collect()
}

pub(super) fn heartbeats_to(outputs: &[Output], peer: NodeId) -> Vec<Heartbeat> {
    let heartbeat = |(to, m): (NodeId, Message)| match m {
        Message::Heartbeat(m) if to == peer => Some(m),
        _ => None,
    };
    sends(outputs).into_iter().filter_map(heartbeat).collect()
}

pub(super) fn append(term: u64, prev_log: LogId, entries: Vec<Entry>, commit: u64) -> AppendEntries {
    AppendEntries { term: Term(term), id: 1, prev_log, leader_commit: LogIndex(commit), entries }
}

pub(super) fn vote_request(term: u64, last_log: LogId) -> Message {
    Message::RequestVote(RequestVote { term: Term(term), last_log, leadership_transfer: false })
}

/// Of messages that are delivered, or of a disk's answers, in a row: more than any test here brings about.
const STEPS: usize = 20_000;

/// A cluster whose messages arrive when, and only if, a test says so. Disks complete at once.
pub(super) struct Net {
    pub(super) nodes: BTreeMap<NodeId, Solo>,
    pub(super) wire: VecDeque<(NodeId, NodeId, Message)>,
    /// What each node's disk holds.
    disks: BTreeMap<NodeId, (HardState, Vec<Entry>)>,
}

impl Net {
    pub(super) fn new(voters: u64) -> Net {
        let hard_state = HardState { current_term: Term(1), voted_for: None };
        let mut net = Net { nodes: BTreeMap::new(), wire: VecDeque::new(), disks: BTreeMap::new() };
        for n in (1..=voters).map(NodeId) {
            net.disks.insert(n, (hard_state, entries(voters, &[])));
            net.restart(n);
        }
        net
    }

    /// A node's next life, from what its disk holds.
    pub(super) fn restart(&mut self, n: NodeId) {
        let now = self.nodes.values().map(|s| s.now).max().unwrap_or_default();
        let (hard_state, entries) = self.disks[&n].clone();
        let start = Start { hard_state, entries, ..Start::default() };
        let raft = Raft::new(n, Config::lan(), n.0, now, start).unwrap();
        self.nodes.insert(n, Solo { raft, now });
        self.wire.retain(|(from, to, _)| *from != n && *to != n);
    }

    pub(super) fn step(&mut self, n: NodeId, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut steps = 0..STEPS;
        while let Some(input) = inputs.pop_front() {
            assert!(steps.next().is_some(), "node {n} writes without end");
            let outputs = self.nodes.get_mut(&n).unwrap().step(input);
            for (to, message) in sends(&outputs) {
                self.wire.push_back((n, to, message));
            }
            for persist in persists(&outputs) {
                self.write(n, &persist);
                inputs.push_back(Input::Persisted(persist.id));
            }
        }
    }

    fn write(&mut self, n: NodeId, persist: &Persist) {
        let (hard_state, log) = self.disks.get_mut(&n).unwrap();
        *hard_state = persist.hard_state.unwrap_or(*hard_state);
        if let Some(first) = persist.entries.first() {
            log.truncate(usize::try_from(first.id.index.0 - 1).unwrap());
            log.extend(persist.entries.iter().cloned());
        }
    }

    /// Delivers messages among these nodes until none is left; all others are lost.
    pub(super) fn deliver_among(&mut self, reachable: &[NodeId]) {
        self.deliver_if(reachable, |_| true);
    }

    /// The same, but only what `pass` lets through.
    fn deliver_if(&mut self, reachable: &[NodeId], pass: impl Fn(&Message) -> bool) {
        let mut steps = 0..STEPS;
        while let Some((from, to, message)) = self.wire.pop_front() {
            assert!(steps.next().is_some(), "messages without end, such as {message:?}");
            if reachable.contains(&from) && reachable.contains(&to) && pass(&message) {
                self.step(to, Input::Message { from, message });
            }
        }
    }

    pub(super) fn wait(&mut self, millis: u64) {
        for n in self.nodes.keys().copied().collect::<Vec<_>>() {
            let node = self.nodes.get_mut(&n).unwrap();
            node.now = node.now + Duration::from_millis(millis);
        }
    }

    /// Lets `n` campaign with the votes of `reachable`; everyone has forgotten earlier leaders.
    pub(super) fn elect(&mut self, n: NodeId, reachable: &[NodeId]) {
        // The first attempt may only teach it the term.
        for _ in 0..3 {
            if self.raft(n).leader() == Some(n) {
                return;
            }
            self.wait(400);
            self.step(n, Input::Tick);
            self.deliver_if(reachable, |m| !matches!(m, Message::AppendEntries(_)));
        }
        assert_eq!(self.raft(n).leader(), Some(n), "node {n} was to lead");
    }

    pub(super) fn propose(&mut self, n: NodeId, data: &'static str) {
        let data = Bytes::from_static(data.as_bytes());
        self.step(n, Input::Propose { ticket: Ticket(0), kind: EntryKind::Command, data });
    }

    pub(super) fn raft(&self, n: NodeId) -> &Raft {
        &self.nodes[&n].raft
    }

    pub(super) fn terms(&self, n: NodeId) -> Vec<u64> {
        self.raft(n).log().from(LogIndex(1)).map(|e| e.id.term.0).collect()
    }
}

/// The write that a node's outputs ask for, which must be one.
pub(super) fn only_persist(outputs: &[Output]) -> PersistId {
    let found = persists(outputs);
    assert_eq!(found.len(), 1, "{outputs:?}");
    found[0].id
}
