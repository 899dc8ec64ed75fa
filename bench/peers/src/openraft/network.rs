//! Requests between the nodes as function calls, as in openraft's own benchmark.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use openraft::alias::{SnapshotOf, VoteOf};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, BasicNode, OptionalSend, Raft};

use super::machine::Machine;
use super::types::Types;

/// One node, as openraft gives it.
pub type Node = Raft<Types, Machine>;

/// All nodes by id, once they have been made.
#[derive(Clone, Default)]
pub struct Network(pub Arc<OnceLock<BTreeMap<u64, Node>>>);

/// The way to one node.
pub struct Way {
    network: Network,
    target: u64,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Way;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> Way {
        Way { network: self.clone(), target }
    }
}

impl Way {
    fn node(&self) -> Result<&Node, Unreachable<Types>> {
        let node = self.network.0.get().and_then(|nodes| nodes.get(&self.target));
        node.ok_or_else(|| Unreachable::new(&AnyError::error("not started yet")))
    }
}

fn ended(error: &dyn std::error::Error) -> Unreachable<Types> {
    Unreachable::new(&AnyError::error(error))
}

impl RaftNetworkV2<Types> for Way {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Ok(self.node()?.append_entries(rpc).await.map_err(|error| ended(&error))?)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.node()?.vote(rpc).await.map_err(|error| ended(&error))?)
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, ()>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Ok(self.node()?.install_full_snapshot(vote, snapshot).await.map_err(|error| ended(&error))?)
    }
}
