//! From an opened log to a running server.

use super::StopCause;
use super::workshop::build_from;
use crate::bootstrap::first_state;
use crate::consensus::config::Config;
use crate::consensus::entry::Chain;
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::types::{Membership, Timestamp};
use crate::consensus::{Raft, Start};
use crate::marks::mark;
use crate::server::Server;
use crate::state_machine::StateMachine;
use crate::storage::{Disk, Identity, Recovered, Storage};

/// The first entry of a blank node's log, as a write that must be durable before [`raft_of`] is called with
/// what was recovered, which holds it from now on.
///
/// # Errors
/// The membership does not name this node.
pub fn first_write(
    membership: &Membership,
    identity: &Identity,
    recovered: &mut Recovered,
) -> Result<Persist, StopCause> {
    check_named(membership, identity)?;
    let (mut hard_state, entry) = first_state(membership);
    // A term that is already there is not taken back.
    if recovered.hard_state.current_term > hard_state.current_term {
        hard_state = recovered.hard_state;
    }
    recovered.hard_state = hard_state;
    recovered.entries = vec![entry.clone()];
    Ok(Persist {
        id: PersistId::BEFORE_CONSENSUS,
        hard_state: Some(hard_state),
        base: None,
        repaired: false,
        prev_chain: Chain::default(),
        entries: vec![entry],
    })
}

/// Consensus from what the log held.
///
/// # Errors
/// What was recovered is no log of a member.
pub fn raft_of(
    identity: &Identity,
    config: Config,
    seed: u64,
    now: Timestamp,
    recovered: Recovered,
) -> Result<Raft, StopCause> {
    let Recovered { hard_state, base, entries, membership, repair, snapshot, .. } = recovered;
    let (snapshot, of_snapshot) = snapshot.map(|(id, meta)| (id, meta.membership)).unzip();
    let membership = of_snapshot.or(membership);
    let start = Start { hard_state, base, membership, entries, repair, snapshot };
    let damaged = start.repair.is_some();
    mark!("restart-with-damaged-log" if damaged);
    let raft = Raft::new(identity.node, config, seed, now, start).map_err(|error| {
        if damaged { StopCause::Storage(error.to_string()) } else { StopCause::Invariant(error.to_string()) }
    })?;
    check_named(raft.membership(), identity)?;
    if raft.repair().is_some() && raft.membership().voters.len() == 1 {
        let text = "entries of the log are lost, and a cluster of one node has no other that holds them";
        return Err(StopCause::Storage(text.to_owned()));
    }
    Ok(raft)
}

/// A node that counts itself although it is not a voter could elect itself.
fn check_named(membership: &Membership, identity: &Identity) -> Result<(), StopCause> {
    let Identity { node, incarnation, .. } = identity;
    if membership.knows(*node, *incarnation) || crate::seeded_bug!("incarnation-unchecked") {
        return Ok(());
    }
    mark!("incarnation-refused-at-start");
    Err(StopCause::Bootstrap(format!(
        "the membership does not name node {node} under incarnation {incarnation}"
    )))
}

/// The server, with the state that the newest snapshot holds. Blocks.
///
/// # Errors
/// The snapshot cannot be restored.
pub fn serve<M: StateMachine, D: Disk>(
    storage: &mut Storage<D>,
    raft: Raft,
    machine: M,
) -> Result<Server<M>, StopCause> {
    let Some(id) = raft.snapshot() else { return Ok(Server::new(raft, machine)) };
    mark!("restart-from-snapshot");
    let (sessions, machine) = storage.read_body(id, |body| build_from(body)).map_err(|error| {
        StopCause::Storage(format!("the snapshot at {} cannot be restored: {error}", id.last))
    })?;
    Ok(Server::restored(raft, machine, sessions))
}
