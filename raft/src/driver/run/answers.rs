//! What the core wants told, and to whom.

use super::*;

impl<M: StateMachine, D: Disk, T: Transport> Loop<M, D, T> {
    pub(super) fn tell(&mut self, output: Output) {
        match output {
            Output::Accepted { ticket, id } => {
                self.counters.proposals_accepted += 1;
                if let Some(Waiting::Acceptance { accepted, outcome }) = self.waiting.remove(&ticket) {
                    // A caller who is gone has given up the answer, not the entry.
                    let _ = accepted.send(Ok(id));
                    self.waiting.insert(ticket, Waiting::Outcome(outcome));
                }
            }
            Output::Reply { ticket, reply } => self.reply(ticket, reply),
            Output::Role(change) => {
                self.counters.elections_won += u64::from(change.role == RoleName::Leader);
                tracing::info!(node = %self.identity.node, role = ?change.role, term = %change.term, leader = ?change.leader, "role");
            }
            Output::Alarm { peer, misdeed } => {
                self.counters.alarms += 1;
                tracing::error!(%peer, %misdeed, "peer misbehaves: connection closed");
                self.outside.transport.disconnect(peer, &misdeed.to_string());
            }
            Output::Compact(index) => self.outside.storage.compact(index),
            Output::ReadSnapshot { to, snapshot, offset, length } => {
                self.outside.storage.read_snapshot(to.0, snapshot, offset, length as u64);
            }
            Output::WriteSnapshot { snapshot, offset, data } => {
                self.outside.storage.receive_snapshot(snapshot, offset, &data);
            }
            Output::Send { .. } | Output::Persist(_) => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.counters.refused += u64::from(matches!(reply, Reply::Refused(_)));
        // Each `send` below fails only if the caller is gone.
        let _ = match (self.waiting.remove(&ticket), reply) {
            (Some(Waiting::Acceptance { accepted, .. }), Reply::Refused(refusal)) => {
                accepted.send(Err(refusal)).is_ok()
            }
            (Some(Waiting::Outcome(outcome)), reply) => outcome.send(outcome_of(reply)).is_ok(),
            (Some(Waiting::Read(answer)), Reply::Read(response)) => {
                self.counters.reads += 1;
                answer.send(Ok(response)).is_ok()
            }
            (Some(Waiting::Read(answer)), Reply::Refused(refusal)) => {
                answer.send(Err(refusal.into())).is_ok()
            }
            (Some(Waiting::Read(answer)), Reply::ReadPanicked(panic)) => {
                answer.send(Err(ReadError::Panicked(panic))).is_ok()
            }
            (Some(Waiting::Acceptance { .. } | Waiting::Read(_)) | None, _) => false,
        };
    }

    pub(super) fn status(&self) -> Status {
        let raft = self.server.raft();
        Status {
            id: self.identity.node,
            incarnation: self.identity.incarnation,
            boot: self.options.boot,
            role: raft.role(),
            term: raft.term(),
            leader: raft.leader(),
            snapshot: raft.snapshot().map(|id| id.last),
            first_index: raft.log().base().id.index.next(),
            last_log: raft.last_log(),
            durable_index: raft.durable_index(),
            commit_index: raft.commit_index(),
            last_applied: self.server.last_applied(),
            membership: Some(raft.membership().clone()),
            sessions: self.server.sessions().len(),
            disk: self.disk.status(
                self.outside.now(),
                raft,
                self.outside.storage.stats(),
                self.outside.storage.rotten().is_some() || self.snapshot_is_rotten(),
            ),
            counters: Counters {
                applied: self.server.last_applied().0,
                syncs: self.outside.storage.stats().syncs,
                ..self.counters
            },
        }
    }
}

fn outcome_of(reply: Reply) -> Result<Applied, OutcomeError> {
    match reply {
        Reply::Applied { index, response } => Ok(Applied { index, response }),
        Reply::SessionExpired => Err(OutcomeError::SessionExpired),
        Reply::OutOfWindow => Err(OutcomeError::OutOfWindow),
        Reply::Unknown | Reply::Refused(_) | Reply::Read(_) | Reply::ReadPanicked(_) => {
            Err(OutcomeError::Unknown)
        }
    }
}
