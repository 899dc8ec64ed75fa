//! From an opened log to consensus: bootstrap where the log is blank (see [`crate::bootstrap`]), recovery where it is
//! not.

use super::handle::Request;
use super::outside::{Event, Outside};
use super::{Bootstrap, Options};
use crate::bootstrap;
use crate::consensus::Raft;
use crate::consensus::io::PersistId;
use crate::consensus::snapshot::Base;
use crate::consensus::types::Membership;
use crate::pump::{Status, StopCause, first_write, raft_of};
use crate::storage::{Disk, Identity, Recovered, Storage};
use crate::transport::Transport;

/// The write of a blank node's view; its first entry and consensus count on from there.
const VIEW: PersistId = PersistId(1);

/// Consensus from what the log held, or from the membership that a blank node agrees on.
pub(super) async fn start<D: Disk, T: Transport>(
    outside: &mut Outside<T>,
    storage: &mut Storage<D>,
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
                exchange(outside, storage, blank, &status).await?
            }
        };
        let first = first_write(&membership, identity, &mut recovered)?;
        storage.append(&first);
        outside.persisted(storage, first.id).await?;
    }
    raft_of(identity, options.config.clone(), options.seed, outside.now(), recovered)
}

impl From<bootstrap::Refused> for StopCause {
    fn from(refused: bootstrap::Refused) -> StopCause {
        StopCause::Bootstrap(refused.to_string())
    }
}

/// Agrees with the other blank nodes on the first membership.
async fn exchange<D: Disk, T: Transport>(
    outside: &mut Outside<T>,
    storage: &mut Storage<D>,
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
                        storage.append_view(VIEW, &view);
                        outside.persisted(storage, VIEW).await?;
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
