//! The core alone: three nodes stepped in one thread, messages handed over as they are, writes
//! durable at once. No codec, no network, no disk: what is left is what Raft itself costs.
//!
//! Durability: memory. TLS: none. Client: the same thread. Payload: 256 B, allocated per command.
//! Each batch is proposed, then everything settles; then the leader has committed it, which is
//! asserted. The followers learn so from the next batch.
#![allow(clippy::expect_used, reason = "a bench that cannot run says so and ends")]
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use raft::consensus::io::{Input, Output, RoleName, Ticket};
use raft::consensus::{Raft, Start};
use raft::{Config, EntryKind, Incarnation, LogIndex, Membership, NodeId, Timestamp, bootstrap};

const COMMAND: [u8; 256] = [7; 256];
/// A log is kept whole in memory, so a cluster is replaced when it has this many entries.
const ENTRIES_PER_CLUSTER: u64 = 1 << 17;
/// Virtual time that a batch takes: heartbeats become due now and then, as in life.
const BATCH_TIME: Duration = Duration::from_micros(20);

struct Trio {
    nodes: Vec<Raft>,
    leader: usize,
    now: Timestamp,
    /// To whom, and what.
    inputs: VecDeque<(usize, Input)>,
    outputs: Vec<Output>,
    next_ticket: u64,
}

impl Trio {
    /// Three nodes, one of which leads.
    fn elected() -> Trio {
        let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
        let (hard_state, first) = bootstrap::first_state(&Membership { voters });
        let now = Timestamp::default();
        let node = |id: u64| {
            let start = Start { hard_state, entries: vec![first.clone()], ..Start::default() };
            Raft::new(NodeId(id), Config::lan(), id, now, start).expect("a valid start")
        };
        let nodes: Vec<Raft> = (1..=3).map(node).collect();
        let (inputs, outputs) = (VecDeque::new(), Vec::new());
        let mut trio = Trio { nodes, leader: 0, now, inputs, outputs, next_ticket: 0 };
        while trio.nodes[trio.leader].role() != RoleName::Leader {
            trio.now = trio.nodes.iter().map(Raft::deadline).min().expect("three nodes");
            for node in 0..3 {
                trio.inputs.push_back((node, Input::Tick));
            }
            trio.settle();
            trio.leader = (0..3).find(|n| trio.nodes[*n].role() == RoleName::Leader).unwrap_or(0);
        }
        trio
    }

    /// Proposes `batch` commands and goes on until they are committed.
    fn commit(&mut self, batch: u64) {
        self.now = self.now + BATCH_TIME;
        for _ in 0..batch {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let data = Bytes::copy_from_slice(&COMMAND);
            self.step(self.leader, Input::Propose { ticket, kind: EntryKind::Command, data });
        }
        self.settle();
        assert_eq!(self.nodes[self.leader].commit_index(), self.last(), "everything is committed");
    }

    fn last(&self) -> LogIndex {
        self.nodes[self.leader].last_log().index
    }

    fn step(&mut self, node: usize, input: Input) {
        self.nodes[node].step(self.now, input).expect("no invariant is broken");
    }

    /// Hands messages and durability over until nobody has anything to do.
    fn settle(&mut self) {
        loop {
            for node in 0..3 {
                self.nodes[node].drain(self.now, &mut self.outputs);
                for output in self.outputs.drain(..) {
                    match output {
                        Output::Send { to, message } => {
                            let from = self.nodes[node].id();
                            self.inputs.push_back((index(to), Input::Message { from, message }));
                        }
                        Output::Persist(persist) => {
                            self.inputs.push_back((node, Input::Persisted(persist.id)));
                        }
                        // What a driver would hand to clients and state machine.
                        other => {
                            black_box(other);
                        }
                    }
                }
            }
            if self.inputs.is_empty() {
                return;
            }
            while let Some((node, input)) = self.inputs.pop_front() {
                self.step(node, input);
            }
        }
    }
}

fn index(node: NodeId) -> usize {
    usize::try_from(node.0 - 1).expect("ids 1 to 3")
}

/// `batches` batches, in as many fresh clusters as that takes; electing is not measured.
fn run(batches: u64, batch: u64) -> Duration {
    let mut measured = Duration::ZERO;
    let mut left = batches;
    while left > 0 {
        let now = left.min((ENTRIES_PER_CLUSTER / batch).max(1));
        let mut trio = Trio::elected();
        let begun = Instant::now();
        for _ in 0..now {
            trio.commit(batch);
        }
        measured += begun.elapsed();
        assert!(trio.last().0 > now * batch, "every command stands in the log");
        left -= now;
    }
    measured
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core, 3 nodes, 256 B");
    for batch in [1, 64, 1024] {
        group.throughput(Throughput::Elements(batch));
        group.bench_with_input(BenchmarkId::new("batch", batch), &batch, |bencher, batch| {
            bencher.iter_custom(|batches| run(batches, *batch));
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
