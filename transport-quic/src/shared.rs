//! What a transport's tasks share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use quinn::{Connection, Endpoint};
use raft::transport::Inbox;
use raft::{BootId, ClusterId, Incarnation, NodeId};

use crate::config::Limits;
use crate::identity::{self, Identity, IdentityError};
use crate::link::Link;
use crate::purpose::Purpose;
use crate::refusal::{Refusal, Refused};
use crate::stats::QuicStats;

/// Different lines that are remembered as logged; then it starts over.
const REMEMBERED: usize = 256;

/// One node's part in the peer network.
pub(crate) struct Shared {
    pub(crate) cluster: ClusterId,
    pub(crate) me: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) boot: BootId,
    pub(crate) limits: Limits,
    pub(crate) reconnect_cap: Duration,
    pub(crate) endpoint: Endpoint,
    pub(crate) dialling: quinn::ClientConfig,
    pub(crate) inbox: Inbox,
    pub(crate) stats: QuicStats,
    pub(crate) links: RwLock<BTreeMap<NodeId, Arc<Link>>>,
    /// The connections accepted from each peer: one at most for each purpose, so that what a peer can make
    /// this node hold in memory is bounded.
    pub(crate) accepted: Mutex<BTreeMap<(NodeId, Purpose), Connection>>,
    pub(crate) logged: Mutex<BTreeSet<(Refusal, String)>>,
}

impl Shared {
    pub(crate) fn link(&self, peer: NodeId) -> Option<Arc<Link>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned()
    }

    /// Who is at the other end, if it is a node of this cluster.
    pub(crate) fn certified_peer(&self, connection: &Connection) -> Result<NodeId, Refused> {
        match identity::of_connection(connection, &self.cluster) {
            Ok(Identity::Peer { node }) => Ok(node),
            Ok(Identity::Client { name }) => {
                Err(Refused::new(Refusal::NotAPeer, format!("the certificate is client {name}'s")))
            }
            Err(error) => {
                let why = match error {
                    IdentityError::NoCertificate => Refusal::NoCertificate,
                    IdentityError::OtherCluster { .. } => Refusal::WrongCluster,
                    _ => Refusal::BadIdentity,
                };
                Err(Refused::new(why, error.to_string()))
            }
        }
    }

    /// Counts a refusal, and logs it once per reason and peer: whoever is refused will try again,
    /// and must not be able to fill a disk.
    pub(crate) fn refuse(&self, who: &str, refused: &Refused) {
        self.stats.refuse(refused.why);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= REMEMBERED {
            logged.clear();
        }
        if logged.insert((refused.why, who.to_owned())) {
            tracing::warn!(peer = who, reason = refused.why.name(), "refused: {refused}");
        } else {
            tracing::debug!(peer = who, reason = refused.why.name(), "refused again: {refused}");
        }
    }
}
