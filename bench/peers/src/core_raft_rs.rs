//! raft-rs: three `RawNode`s on `MemStorage`, messages handed over as they are.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use raft::prelude::*;
use raft::storage::MemStorage;
use raft::{Config, RawNode};
use slog::{Discard, Logger, o};

use crate::Ran;

/// A log is kept whole in memory, so a cluster is replaced when it has this many entries.
const ENTRIES_PER_CLUSTER: u64 = 1 << 17;

struct Trio {
    nodes: Vec<RawNode<MemStorage>>,
    inbox: Vec<Message>,
}

impl Trio {
    fn elected() -> Result<Trio> {
        let logger = Logger::root(Discard, o!());
        let node = |id: u64| {
            let config = Config {
                id,
                max_size_per_msg: 1 << 20,
                max_inflight_msgs: 256,
                batch_append: true,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state((vec![1, 2, 3], vec![]));
            RawNode::new(&config, storage, &logger)
        };
        let nodes = (1..=3).map(node).collect::<Result<Vec<_>, _>>()?;
        let mut trio = Trio { nodes, inbox: Vec::new() };
        trio.nodes[0].campaign()?;
        trio.settle()?;
        ensure!(trio.nodes[0].raft.state == raft::StateRole::Leader, "raft-rs elected nobody");
        Ok(trio)
    }

    fn commit(&mut self, batch: usize, command: &[u8]) -> Result<()> {
        for _ in 0..batch {
            self.nodes[0].propose(Vec::new(), command.to_vec())?;
        }
        self.settle()?;
        let log = &self.nodes[0].raft.raft_log;
        ensure!(log.committed == log.last_index(), "raft-rs committed only {} entries", log.committed);
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        loop {
            let mut moved = false;
            for node in 0..3 {
                while self.nodes[node].has_ready() {
                    moved = true;
                    self.ready(node)?;
                }
            }
            for message in std::mem::take(&mut self.inbox) {
                moved = true;
                let to = usize::try_from(message.to - 1).context("ids 1 to 3")?;
                self.nodes[to].step(message)?;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    /// As its example does it, with a disk that is durable at once.
    fn ready(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        let mut ready = node.ready();
        self.inbox.extend(ready.take_messages());
        std::hint::black_box(ready.take_committed_entries());
        let store = node.raft.raft_log.store.clone();
        if !ready.entries().is_empty() {
            store.wl().append(ready.entries())?;
        }
        if let Some(hard_state) = ready.hs() {
            store.wl().set_hardstate(hard_state.clone());
        }
        self.inbox.extend(ready.take_persisted_messages());
        let mut light = node.advance(ready);
        if let Some(commit) = light.commit_index() {
            store.wl().mut_hard_state().set_commit(commit);
        }
        self.inbox.extend(light.take_messages());
        std::hint::black_box(light.take_committed_entries());
        node.advance_apply();
        Ok(())
    }
}

pub fn run(batch: usize, bytes: usize, length: Duration) -> Result<Ran> {
    let command = vec![7; bytes];
    let (mut commands, mut measured) = (0, Duration::ZERO);
    while measured < length {
        let mut trio = Trio::elected()?;
        let begun = Instant::now();
        let mut here = 0;
        while here < ENTRIES_PER_CLUSTER && measured + begun.elapsed() < length {
            trio.commit(batch, &command)?;
            here += batch as u64;
        }
        measured += begun.elapsed();
        commands += here;
    }
    Ok(Ran {
        subject: "raft-rs 0.7.0",
        commands,
        nanos: u64::try_from(measured.as_nanos())?,
        settings: "MemStorage, batch_append, max_size_per_msg 1 MiB, max_inflight_msgs 256",
    })
}
