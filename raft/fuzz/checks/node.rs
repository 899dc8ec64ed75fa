//! A whole node among peers that say anything, on a disk that completes when it likes: see [`check`].

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use raft::bootstrap::first_state;
use raft::consensus::entry::Chain;
use raft::consensus::io::{Misdeed, Ticket};
use raft::consensus::message::{Message, SnapshotOutcome};
use raft::consensus::snapshot::{Base, SnapshotMeta};
use raft::pump::{Ask, AtOnce, Outlet, Parts, Pump, Told, first_write, raft_of, serve};
use raft::session::{SessionTag, Sessions};
use raft::storage::memory::Queue;
use raft::storage::snapshot::body::write;
use raft::storage::{MemoryDisk, Storage};
use raft::transport::Received;
use raft::{
    BootId, Config, HardState, Incarnation, LogId, LogIndex, Membership, NodeId, SessionId, StateMachine,
    Term, Timestamp,
};

use super::choices::Choices;
use super::disk::{cluster, identity, open};
use super::messages::{Files, message, peer};

/// Messages, time, clients, operations of the disk one by one, crashes between any two. The node never stops; after
/// each crash it starts, and all is there that it had relied on or said.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let disk = MemoryDisk::new();
    if choices.one_in(2) {
        disk.prepare();
    }
    let (pump, files, now) = (start(&disk, Timestamp::default()), files(), Timestamp::default());
    let said = Said { next: 0, vote: None, term: Term(0) };
    let mut node = Node { disk, pump, files, now, said };
    node.disk.hold();
    while !choices.is_over() {
        node.live(&mut choices);
    }
}

struct Node {
    disk: MemoryDisk,
    pump: Pump<Sum, MemoryDisk, AtOnce>,
    files: Files,
    now: Timestamp,
    said: Said,
}

/// What has left the node.
struct Said {
    /// Where the snapshot that is being sent goes on.
    next: u64,
    /// In which term whom it elects.
    vote: Option<(Term, NodeId)>,
    /// The highest in which it did something.
    term: Term,
}

impl Outlet for Said {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        for (to, message) in messages.into_iter().flat_map(|(to, all)| all.into_iter().map(move |m| (to, m)))
        {
            match message {
                Message::RequestVote(m) => self.votes(m.term, NodeId(1)),
                Message::RequestVoteReply(m) if m.granted => self.votes(m.term, to),
                Message::AppendEntriesReply(m) => self.term = self.term.max(m.term),
                Message::InstallSnapshotReply(m) => match m.outcome {
                    SnapshotOutcome::Next(next) => self.next = next,
                    SnapshotOutcome::Installed => self.next = 0,
                },
                _ => {}
            }
        }
    }

    fn tell(&mut self, _: Ticket, _: Told) {}

    fn disconnect(&mut self, _: NodeId, _: &Misdeed) {}
}

impl Said {
    fn votes(&mut self, term: Term, whom: NodeId) {
        if let Some((voted, for_whom)) = self.vote {
            assert!(term >= voted, "a vote in {term} after one in {voted}");
            assert!(term > voted || for_whom == whom, "two votes in {term}");
        }
        self.vote = Some((term, whom));
        self.term = self.term.max(term);
    }
}

impl Node {
    fn live(&mut self, choices: &mut Choices<'_>) {
        let now = self.now;
        match choices.below(32) {
            0..=15 => {
                let from = peer(choices);
                let message = message(choices, self.pump.server().raft(), &self.files, self.said.next);
                let incarnation = Incarnation(u128::from(from.0) + u128::from(choices.one_in(32)));
                let received = Received { from, incarnation, message };
                self.pump.receive(now, received, &mut self.said).unwrap();
            }
            16..=19 => {
                let day = u64::from(choices.one_in(32)) * 10_000;
                self.now = now + Duration::from_millis(choices.below(400) + day);
                self.pump.pass(self.now).unwrap();
            }
            20 | 21 => drop(self.pump.ask(now, ask(choices)).unwrap()),
            22..=25 => drop(self.disk.run_next(Queue::Log)),
            26 => while self.disk.run_next(Queue::Log) {},
            27 | 28 => drop(self.disk.run_next(Queue::Aside)),
            29 => while self.disk.run_next(Queue::Aside) {},
            30 => self.everything(),
            _ => return self.crash(choices),
        }
        let now = self.now;
        self.pump.act(|| now, &mut self.said).unwrap();
    }

    /// The disk does all there is to do.
    fn everything(&mut self) {
        while self.disk.run_next(Queue::Log) || self.disk.run_next(Queue::Aside) {
            let now = self.now;
            self.pump.act(|| now, &mut self.said).unwrap();
        }
    }

    fn crash(&mut self, choices: &mut Choices<'_>) {
        let before = self.pump.server().raft().clone();
        let durable = before.log().id_at(before.durable_index());
        let names = choices.at(16);
        self.disk.crash(|_| choices.one_in(2), names);
        self.disk.release();
        self.pump = start(&self.disk, self.now);
        self.disk.hold();
        let raft = self.pump.server().raft();
        let base = raft.log().base();
        // A peer may have made up what came before the end of its snapshot: then nothing of the log fits.
        let made_up = before.log().chain_at(base.id.index).is_some_and(|chain| chain != base.chain);
        if let Some(durable) = durable.filter(|_| !made_up) {
            let held = base.id.index > durable.index;
            assert!(held || raft.log().id_at(durable.index) == Some(durable), "{durable} is gone");
        }
        let HardState { current_term, voted_for } = raft.hard_state();
        assert!(current_term >= self.said.term, "back in {current_term}");
        if let Some((term, whom)) = self.said.vote.filter(|(term, _)| *term == current_term) {
            assert_eq!(voted_for, Some(whom), "the vote in {term} is gone");
        }
        self.said.next = 0;
    }
}

fn ask(choices: &mut Choices<'_>) -> Ask {
    match choices.below(4) {
        0 => Ask::OpenSession,
        1 => Ask::Read { query: Bytes::new() },
        sort => {
            let tag = SessionTag {
                session: SessionId(choices.below(4)),
                serial: choices.near(1),
                floor: choices.near(0),
            };
            Ask::Propose {
                tag: (sort == 2).then_some(tag),
                command: Bytes::copy_from_slice(choices.bytes(64)),
            }
        }
    }
}

fn config() -> Config {
    Config {
        max_append_entries: 5,
        max_append_bytes: 300,
        max_in_flight: 2,
        max_command_bytes: 48,
        max_uncommitted_bytes: 1000,
        max_kept_log_bytes: 200,
        snapshot_chunk_bytes: 64,
        snapshot_window_bytes: 200,
        snapshot_min_log_bytes: 400,
        ..Config::lan()
    }
}

fn start(disk: &MemoryDisk, now: Timestamp) -> Pump<Sum, MemoryDisk, AtOnce> {
    let (mut storage, mut recovered): (Storage<MemoryDisk>, _) = open(disk).unwrap();
    if recovered.entries.is_empty() && recovered.snapshot.is_none() {
        storage.append(&first_write(&membership(), &identity(), &mut recovered).unwrap());
        storage.flush().unwrap();
    }
    let raft = raft_of(&identity(), config(), now.as_nanos(), now, recovered).unwrap();
    let server = serve(&mut storage, raft, Sum::default()).unwrap();
    let boot = BootId(now.as_nanos());
    Pump::new(Parts { storage, identity: identity(), boot, server, workshop: AtOnce::default(), seed: 1 })
}

fn membership() -> Membership {
    Membership { voters: (1..=3).map(|n| (NodeId(n), Incarnation(n.into()))).collect() }
}

/// What peers have: snapshots of states that need not be this node's.
fn files() -> Files {
    let chain = Chain::default().then(&first_state(&membership()).1);
    let file = |(index, term): (u64, u64)| {
        let id = LogId { term: Term(term), index: LogIndex(index) };
        let meta =
            SnapshotMeta { base: Base { id, chain: Chain(chain.0 + index) }, membership: membership() };
        let state = Bytes::from(index.to_le_bytes().to_vec());
        let mut file = Vec::new();
        let written = write(&cluster(), meta, &Sessions::default().encode(), &state, |block| {
            file.extend_from_slice(&block);
            Ok(())
        });
        (written.unwrap(), Bytes::from(file))
    };
    [(3, 1), (6, 2), (40, 3)].map(file).into()
}

/// Counts what it is given.
#[derive(Default)]
struct Sum(u64);

impl StateMachine for Sum {
    type Snapshot = Bytes;

    fn apply(&mut self, _: LogIndex, command: &Bytes) -> Bytes {
        self.0 = self.0.wrapping_add(command.len() as u64 + 1);
        Bytes::from(self.0.to_le_bytes().to_vec())
    }

    fn query(&self, _: &Bytes) -> Bytes {
        Bytes::from(self.0.to_le_bytes().to_vec())
    }

    fn snapshot(&self) -> Bytes {
        self.query(&Bytes::new())
    }

    fn restore(source: &mut dyn io::Read) -> io::Result<Sum> {
        let mut sum = [0; 8];
        source.read_exact(&mut sum)?;
        Ok(Sum(u64::from_le_bytes(sum)))
    }
}
