//! Files that are not the node's own, or that nobody knows.

use raft::consensus::entry::Chain;
use raft::consensus::snapshot::{Base, SnapshotMeta};
use raft::storage::memory::Queue as DiskQueue;
use raft::storage::snapshot::body;
use raft::{ClusterId, LogId, LogIndex, StateMachine, Term};

use super::Cluster;
use super::links::Links;

/// A file that is none of the node's own, and what is in it.
pub(in crate::sim) type Foreign = (String, Vec<u8>);

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Puts another cluster's snapshot among those of a node that is down.
    pub(in crate::sim) fn put_foreign(&mut self, node: usize) {
        let (Some(foreign), Some(disk)) = (foreign_snapshot(), self.nodes[node].disk_mut()) else { return };
        disk.put(&foreign.0, foreign.1.clone());
        self.foreign[node] = Some(foreign);
    }

    /// Takes it away. It must be as it was.
    pub(in crate::sim) fn take_foreign(&mut self, node: usize) {
        let Some((file, bytes)) = self.foreign[node].take() else { return };
        let Some(disk) = self.nodes[node].disk_mut() else { return };
        let untouched = disk.durable(&file) == Some(&bytes[..]);
        disk.lose(&file);
        if !untouched {
            self.broken("what is another's is left alone", format!("node {node} changed {file}"));
        }
    }

    /// Nothing stands among the snapshots that the node does not know, once it has done what it began.
    pub(super) fn check_files(&mut self, node: usize) {
        let Some(pump) = self.nodes[node].running() else { return };
        let (storage, disk) = (pump.storage(), pump.storage().disk());
        if disk.pending(DiskQueue::Aside) > 0 {
            return;
        }
        let unknown = disk
            .files()
            .into_iter()
            .find(|file| file.starts_with("snapshots/") && !storage.knows_snapshot_file(file));
        if let Some(file) = unknown {
            self.broken("every file has a use", format!("node {node} knows nothing of {file}"));
        }
    }
}

fn foreign_snapshot() -> Option<Foreign> {
    let id = LogId { term: Term(1), index: LogIndex(1) };
    let meta = SnapshotMeta { base: Base { id, chain: Chain::default() }, ..SnapshotMeta::default() };
    let mut bytes = Vec::new();
    let state = bytes::Bytes::from_static(b"another's");
    let whole = body::write(&ClusterId::new("another").ok()?, meta, b"", &state, |block| {
        bytes.extend_from_slice(&block);
        Ok(())
    });
    whole.ok().map(|_| (format!("snapshots/{:020}-{:020}.snap", id.index.0, id.term.0), bytes))
}
