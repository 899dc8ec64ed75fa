//! The core alone: three nodes stepped in one thread, messages handed over as they are, writes durable at once. No
//! codec, no network, no disk: what is left is what Raft itself costs.
//!
//! Each batch is proposed, then everything settles; then the leader has committed it, which is asserted. The followers
//! learn so from the next batch.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use raft::consensus::io::{Input, Output, RoleName, Ticket};
use raft::consensus::{Raft, Start};
use raft::{Config, EntryKind, Incarnation, Membership, NodeId, Timestamp, bootstrap};

use super::context::Context;
use super::ran::{self, Ran};
use super::results::{Results, Row, parameters};

/// Bytes of a command; each is allocated, as one that came from a client.
const COMMAND: [u8; 256] = [7; 256];
/// A log is kept whole in memory, so a cluster is replaced when it has this many entries.
const ENTRIES_PER_CLUSTER: u64 = 1 << 17;
/// Virtual time that a batch takes: heartbeats become due now and then, as in life.
const BATCH_TIME: Duration = Duration::from_micros(20);
/// Commands proposed before everything settles.
pub const BATCHES: [u64; 3] = [1, 64, 1024];

/// Ours beside its peers, which take turns.
pub async fn run(context: &Context, results: &mut Results) {
    let seconds = context.level.pick(0.5, 1.0, 3.0);
    let mut subjects = vec![(context.bench.clone(), vec!["core"])];
    subjects.extend(
        context
            .peers
            .iter()
            .flat_map(|program| ["raft-rs", "omnipaxos"].map(|peer| (program.clone(), vec!["core", peer]))),
    );
    for batch in BATCHES {
        let row = Row {
            group: "core".to_owned(),
            what: "commit".to_owned(),
            client: "the same thread".to_owned(),
            parameters: parameters([("batch", batch), ("payload", COMMAND.len() as u64), ("nodes", 3)]),
            ..Row::in_memory()
        };
        let args = ["--batch".to_owned(), batch.to_string(), "--seconds".to_owned(), seconds.to_string()];
        context.say(&format!("core: batches of {batch}"));
        results
            .take(&format!("core: batches of {batch}"), ran::in_turn(context, &subjects, &args, &row).await);
    }
}

/// What `bench core` does: batches for as long as is asked.
pub fn measure(batch: u64, length: Duration) -> Result<Ran> {
    ensure!(batch > 0, "a batch of no commands commits nothing");
    let (mut commands, mut took) = (0, Duration::ZERO);
    while took < length {
        let batches = (ENTRIES_PER_CLUSTER / batch).max(1);
        took += run_batches(batches, batch)?;
        commands += batches * batch;
    }
    Ok(Ran {
        subject: format!("raft {}", env!("CARGO_PKG_VERSION")),
        commands,
        nanos: u64::try_from(took.as_nanos())?,
        settings: "Config::lan".to_owned(),
    })
}

/// How long so many batches took, in as many fresh clusters as that takes; electing is not measured.
pub fn run_batches(batches: u64, batch: u64) -> Result<Duration> {
    let mut measured = Duration::ZERO;
    let mut left = batches;
    while left > 0 {
        let now = left.min((ENTRIES_PER_CLUSTER / batch).max(1));
        let mut trio = Trio::elected()?;
        let begun = Instant::now();
        for _ in 0..now {
            trio.commit(batch)?;
        }
        measured += begun.elapsed();
        ensure!(trio.committed() > now * batch, "not every command stands in the log");
        left -= now;
    }
    Ok(measured)
}

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
    fn elected() -> Result<Trio> {
        let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
        let (hard_state, first) = bootstrap::first_state(&Membership { voters });
        let now = Timestamp::default();
        let node = |id: u64| {
            let start = Start { hard_state, entries: vec![first.clone()], ..Start::default() };
            Raft::new(NodeId(id), Config::lan(), id, now, start).context("starting a node")
        };
        let nodes = (1..=3).map(node).collect::<Result<Vec<_>>>()?;
        let (inputs, outputs) = (VecDeque::new(), Vec::new());
        let mut trio = Trio { nodes, leader: 0, now, inputs, outputs, next_ticket: 0 };
        while trio.nodes[trio.leader].role() != RoleName::Leader {
            trio.now = trio.nodes.iter().map(Raft::deadline).min().unwrap_or(now);
            for node in 0..3 {
                trio.inputs.push_back((node, Input::Tick));
            }
            trio.settle()?;
            trio.leader = (0..3).find(|n| trio.nodes[*n].role() == RoleName::Leader).unwrap_or(0);
        }
        Ok(trio)
    }

    /// Proposes `batch` commands and goes on until they are committed.
    fn commit(&mut self, batch: u64) -> Result<()> {
        self.now = self.now + BATCH_TIME;
        for _ in 0..batch {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let data = Bytes::copy_from_slice(&COMMAND);
            self.step(self.leader, Input::Propose { ticket, kind: EntryKind::Command, data })?;
        }
        self.settle()?;
        let leader = &self.nodes[self.leader];
        ensure!(leader.commit_index() == leader.last_log().index, "a batch was not committed");
        Ok(())
    }

    fn committed(&self) -> u64 {
        self.nodes[self.leader].commit_index().0
    }

    fn step(&mut self, node: usize, input: Input) -> Result<()> {
        self.nodes[node].step(self.now, input).context("stepping a node")
    }

    /// Hands messages and durability over until nobody has anything to do.
    fn settle(&mut self) -> Result<()> {
        loop {
            for node in 0..3 {
                self.drain(node);
            }
            if self.inputs.is_empty() {
                return Ok(());
            }
            while let Some((node, input)) = self.inputs.pop_front() {
                self.step(node, input)?;
            }
        }
    }

    fn drain(&mut self, node: usize) {
        self.nodes[node].drain(self.now, &mut self.outputs);
        let from = self.nodes[node].id();
        for output in self.outputs.drain(..) {
            match output {
                Output::Send { to, message } => {
                    // Ids are 1 to 3.
                    let to = usize::try_from(to.0).unwrap_or(1) - 1;
                    self.inputs.push_back((to, Input::Message { from, message }));
                }
                Output::Persist(persist) => self.inputs.push_back((node, Input::Persisted(persist.id))),
                // What a driver would hand to clients and state machine.
                other => {
                    black_box(other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_counted_was_committed() {
        let ran = measure(64, Duration::from_nanos(1)).unwrap();
        assert_eq!(ran.commands, ENTRIES_PER_CLUSTER);
        assert!(ran.nanos > 0 && measure(0, Duration::ZERO).is_err());
    }
}
