//! raft-rs: three `RawNode`s on its own `MemStorage`.
//!
//! Settings as TiKV runs it (1 MiB per message, 256 messages under way, no broadcast only for a commit index), with
//! `batch_append`, which puts what is proposed between two `Ready`s into one message. Codec: rust-protobuf, whose
//! byte fields are shared and not copied.

use anyhow::{Context, Result, ensure};
use raft::prelude::Message;
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

use super::Trio;

pub struct RaftRs {
    nodes: Vec<RawNode<MemStorage>>,
    inbox: Vec<Message>,
}

impl Trio for RaftRs {
    const SUBJECT: &'static str = "raft-rs 0.7.0";
    const SETTINGS: &'static str =
        "MemStorage, batch_append, skip_bcast_commit, max_size_per_msg 1 MiB, max_inflight_msgs 256";

    fn elected(_: usize) -> Result<RaftRs> {
        let logger = Logger::root(Discard, o!());
        let node = |id: u64| {
            let config = Config {
                id,
                max_size_per_msg: 1 << 20,
                max_inflight_msgs: 256,
                batch_append: true,
                skip_bcast_commit: true,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state((vec![1, 2, 3], vec![]));
            RawNode::new(&config, storage, &logger)
        };
        let nodes = (1..=3).map(node).collect::<Result<Vec<_>, _>>()?;
        let mut trio = RaftRs { nodes, inbox: Vec::new() };
        trio.nodes[0].campaign()?;
        trio.settle()?;
        ensure!(trio.nodes[0].raft.state == StateRole::Leader, "raft-rs elected nobody");
        Ok(trio)
    }

    fn commit(&mut self, batch: usize, command: &[u8]) -> Result<()> {
        let before = self.nodes[0].raft.raft_log.last_index();
        for _ in 0..batch {
            self.nodes[0].propose(Vec::new(), command.to_vec())?;
        }
        self.settle()?;
        let committed = self.nodes[0].raft.raft_log.committed - before;
        ensure!(committed == u64::try_from(batch)?, "raft-rs committed {committed} of {batch}");
        Ok(())
    }
}

impl RaftRs {
    /// Hands messages and durability over until nobody has anything to do.
    fn settle(&mut self) -> Result<()> {
        loop {
            for node in 0..3 {
                while self.nodes[node].has_ready() {
                    self.ready(node)?;
                }
            }
            if self.inbox.is_empty() {
                return Ok(());
            }
            for message in std::mem::take(&mut self.inbox) {
                let to = usize::try_from(message.to).context("ids 1 to 3")?;
                self.nodes[to - 1].step(message)?;
            }
        }
    }

    /// In the order that its documentation gives, with a disk that is durable at once.
    fn ready(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        let mut ready = node.ready();
        self.inbox.extend(ready.take_messages());
        std::hint::black_box(ready.take_committed_entries());
        if !ready.entries().is_empty() {
            node.mut_store().wl().append(ready.entries())?;
        }
        if let Some(hard_state) = ready.hs() {
            node.mut_store().wl().set_hardstate(hard_state.clone());
        }
        self.inbox.extend(ready.take_persisted_messages());
        let mut light = node.advance(ready);
        if let Some(commit) = light.commit_index() {
            node.mut_store().wl().mut_hard_state().set_commit(commit);
        }
        self.inbox.extend(light.take_messages());
        std::hint::black_box(light.take_committed_entries());
        node.advance_apply();
        Ok(())
    }
}
