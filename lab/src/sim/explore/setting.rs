//! What clusters in a scope are made of.

use std::time::Duration;

use bytes::Bytes;
use raft::wire::Kind;
use raft::{ClusterId, Config, Incarnation, LogIndex, Membership, StateMachine, Timestamp};

use super::scopes::Scope;
use crate::carrier::id_of;
use crate::sim::cluster::choosing::Digest;
use crate::sim::cluster::links::Links;
use crate::sim::cluster::node::Settings;
use crate::sim::cluster::{Cluster, Pace};
use crate::sim::random::Random;

/// Every frame is on its way for as long as it likes.
#[derive(Clone, Debug)]
pub(super) struct AnyOrder;

impl Links for AnyOrder {
    type Pass = ();

    fn send(&mut self, _: Timestamp, _: usize, _: usize, _: Kind) -> Vec<(Duration, ())> {
        vec![(Duration::ZERO, ())]
    }

    fn lets_in(&self, _: usize, _: usize, (): &()) -> bool {
        true
    }
}

/// Remembers what it applied, as one number.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Applied(u64);

impl StateMachine for Applied {
    type Snapshot = Bytes;

    fn apply(&mut self, index: LogIndex, _: &Bytes) -> Bytes {
        let mut digest = Digest(self.0);
        digest.mix(index.0);
        self.0 = digest.0;
        self.snapshot()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        self.snapshot()
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_le_bytes())
    }

    fn restore(source: &mut dyn std::io::Read) -> std::io::Result<Applied> {
        let mut number = [0; 8];
        source.read_exact(&mut number)?;
        Ok(Applied(u64::from_le_bytes(number)))
    }
}

/// Any cluster of a scope.
pub(super) type Nodes = Cluster<Applied, AnyOrder, ()>;

/// The nodes of a scope, all down.
pub(super) fn nodes(scope: &Scope) -> Nodes {
    let voters = (0..scope.nodes).map(|node| (id_of(node), Incarnation(1 + node as u128)));
    let settings = Settings {
        // A name that is valid.
        cluster: ClusterId::new("scope").unwrap_or_else(|_| unreachable!()),
        config: Config {
            // Not drawn: a node is woken when the scope says so.
            election_max: Config::lan().election_min + Duration::from_nanos(1),
            snapshot_min_log_bytes: scope.snapshot_bytes,
            max_kept_log_bytes: 1,
            max_append_entries: scope.append_entries,
            ..Config::lan()
        },
        replies: raft::session::ReplyBounds::default(),
        segment_bytes: 4096,
        membership: Membership { voters: voters.collect() },
    };
    Cluster::new(settings, Pace::STEADY, AnyOrder, Random::new(1))
}

#[cfg(test)]
mod tests {
    use super::super::scopes::SCOPES;
    use super::*;

    /// A node's generator is no part of its digest.
    #[test]
    fn nothing_is_drawn() {
        for scope in SCOPES {
            let Config { election_min, election_max, .. } = nodes(scope).settings.config;
            assert_eq!(election_max, election_min + Duration::from_nanos(1));
        }
    }
}
