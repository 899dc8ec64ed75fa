//! From an opened log to a running server: bootstrap where the log is blank (see
//! [`crate::bootstrap`]), recovery where it is not.

use super::handle::{Request, StopCause};
use super::outside::{Event, Outside};
use super::snapshots::build_from;
use super::{Bootstrap, Options, Status};
use crate::bootstrap::{self, first_state};
use crate::consensus::entry::Chain;
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::Base;
use crate::consensus::types::Membership;
use crate::consensus::{Raft, Start};
use crate::server::Server;
use crate::state_machine::StateMachine;
use crate::storage::{Disk, Identity, Recovered, Storage};
use crate::transport::Transport;

/// The write of a blank node's view, and that of its first entry; consensus counts on from there.
const VIEW: PersistId = PersistId(1);
const FIRST: PersistId = PersistId::BEFORE_CONSENSUS;

/// Consensus from what the log held, or from the membership that a blank node agrees on.
pub(super) async fn start<D: Disk, T: Transport>(
    outside: &mut Outside<D, T>,
    options: &Options,
    identity: &Identity,
    mut recovered: Recovered,
) -> Result<Raft, StopCause> {
    let blank = recovered.entries.is_empty() && recovered.base == Base::default();
    if blank && recovered.repair.is_none() {
        let membership = match &options.bootstrap {
            Bootstrap::Membership(membership) => membership.clone(),
            Bootstrap::Exchange { members } => {
                let view = recovered.view.take();
                let blank = bootstrap::Bootstrap::new(identity.node, identity.incarnation, members, view)?;
                let status = Status::blank(identity.node, identity.incarnation, options.boot);
                exchange(outside, blank, &status).await?
            }
        };
        check_named(&membership, identity)?;
        begin(outside, &membership, &mut recovered).await?;
    }
    let config = options.config.clone();
    let Recovered { hard_state, base, entries, membership, repair, snapshot, .. } = recovered;
    let (snapshot, of_snapshot) = snapshot.map(|(id, meta)| (id, meta.membership)).unzip();
    let membership = of_snapshot.or(membership);
    let start = Start { hard_state, base, membership, entries, repair, snapshot };
    let damaged = start.repair.is_some();
    let raft = Raft::new(identity.node, config, options.seed, outside.now(), start).map_err(|error| {
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
    if membership.knows(*node, *incarnation) {
        return Ok(());
    }
    Err(StopCause::Bootstrap(format!(
        "the membership does not name node {node} under incarnation {incarnation}"
    )))
}

impl From<bootstrap::Refused> for StopCause {
    fn from(refused: bootstrap::Refused) -> StopCause {
        StopCause::Bootstrap(refused.to_string())
    }
}

/// Agrees with the other blank nodes on the first membership.
async fn exchange<D: Disk, T: Transport>(
    outside: &mut Outside<D, T>,
    mut blank: bootstrap::Bootstrap,
    status: &Status,
) -> Result<Membership, StopCause> {
    loop {
        let mut outputs = blank.tick(outside.now());
        if outputs.is_empty() {
            outputs = match outside.wait(blank.deadline()).await {
                Event::Message(m) => blank.handle(m.from, m.incarnation, &m.message)?,
                Event::Request(Request::Stop) => return Err(StopCause::Requested),
                Event::Request(request) => {
                    request.answer_blank(status);
                    continue;
                }
                Event::Disk | Event::Deadline => continue,
            };
        }
        while !outputs.is_empty() {
            let mut more = Vec::new();
            for output in outputs {
                match output {
                    bootstrap::Output::Send { to, message } => outside.send_one(to, message),
                    bootstrap::Output::PersistView(view) => {
                        outside.storage.append_view(VIEW, &view);
                        outside.persisted(VIEW).await?;
                        more.extend(blank.view_persisted());
                    }
                    bootstrap::Output::Begin(membership) => {
                        tracing::info!(members = membership.voters.len(), "cluster bootstrapped");
                        return Ok(membership);
                    }
                }
            }
            outputs = more;
        }
    }
}

/// Writes the first entry.
async fn begin<D: Disk, T: Transport>(
    outside: &mut Outside<D, T>,
    membership: &Membership,
    recovered: &mut Recovered,
) -> Result<(), StopCause> {
    let (mut hard_state, entry) = first_state(membership);
    // A term that is already there is not taken back.
    if recovered.hard_state.current_term > hard_state.current_term {
        hard_state = recovered.hard_state;
    }
    let persist = Persist {
        id: FIRST,
        hard_state: Some(hard_state),
        base: None,
        repaired: false,
        prev_chain: Chain::default(),
        entries: vec![entry.clone()],
    };
    outside.storage.append(&persist);
    outside.persisted(FIRST).await?;
    recovered.hard_state = hard_state;
    recovered.entries = vec![entry];
    Ok(())
}

/// The server, with the state that the newest snapshot holds.
pub(super) fn serve<M: StateMachine, D: Disk>(
    storage: &mut Storage<D>,
    raft: Raft,
    machine: M,
) -> Result<Server<M>, StopCause> {
    let Some(id) = raft.snapshot() else { return Ok(Server::new(raft, machine)) };
    let (sessions, machine) = storage.read_body(id, |body| build_from(body)).map_err(|error| {
        StopCause::Storage(format!("the snapshot at {} cannot be restored: {error}", id.last))
    })?;
    Ok(Server::restored(raft, machine, sessions))
}
