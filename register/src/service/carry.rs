//! From a client's request to the node's handle, and from its answers to what the client is told.
//! Here it is decided what is certain: only what never entered the log is refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use raft::NodeId;
use raft::consensus::io::Refusal;
use raft::driver::{Handle, OpenSessionError, OutcomeError, ProposeError, ReadError};
use raft::session::SessionTag;

use crate::command::{Command, Query};
use crate::protocol::{LeaderHint, Refused, Response};

/// A refusal, before the leader's address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotDone {
    NotLeader(Option<NodeId>),
    Other(Refused),
}

impl NotDone {
    /// Completes the hint.
    pub(super) fn with_address(self, addresses: &BTreeMap<NodeId, String>) -> Refused {
        match self {
            NotDone::Other(refused) => refused,
            NotDone::NotLeader(leader) => {
                let hint = leader.and_then(|node| {
                    addresses.get(&node).map(|address| LeaderHint { node, address: address.clone() })
                });
                Refused::NotLeader { hint }
            }
        }
    }
}

impl From<Refused> for NotDone {
    fn from(refused: Refused) -> NotDone {
        NotDone::Other(refused)
    }
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> NotDone {
        match refusal {
            Refusal::NotLeader { leader } => NotDone::NotLeader(leader),
            Refusal::Overloaded => Refused::Overloaded.into(),
            Refusal::DiskFull => Refused::DiskFull.into(),
            Refusal::TooLarge { .. } => Refused::Malformed.into(),
        }
    }
}

impl From<ProposeError> for NotDone {
    fn from(error: ProposeError) -> NotDone {
        match error {
            ProposeError::Refused(refusal) => refusal.into(),
            // It may have been accepted before the node ended.
            ProposeError::Stopped(_) => Refused::Unknown.into(),
        }
    }
}

impl From<OutcomeError> for NotDone {
    fn from(error: OutcomeError) -> NotDone {
        match error {
            OutcomeError::Unknown | OutcomeError::Stopped(_) => Refused::Unknown.into(),
            OutcomeError::SessionExpired => Refused::SessionExpired.into(),
            OutcomeError::OutOfWindow => Refused::OutOfWindow.into(),
        }
    }
}

/// Proposes, and waits until the command is applied. A malformed one does not enter the log.
pub(super) async fn propose(node: &Handle, session: SessionTag, command: Bytes) -> Result<Response, NotDone> {
    Command::decode(&command).map_err(|_| Refused::Malformed)?;
    let applied = node.propose_in_session(session, command).await?.outcome().await?;
    Ok(Response::Applied { index: applied.index, answer: applied.response })
}

/// Asks, linearizably.
pub(super) async fn read(node: &Handle, query: Bytes) -> Result<Response, NotDone> {
    Query::decode(&query).map_err(|_| Refused::Malformed)?;
    match node.read(query).await {
        Ok(answer) => Ok(Response::ReadAnswer(answer)),
        Err(ReadError::Refused(refusal)) => Err(refusal.into()),
        Err(ReadError::Panicked(_)) => Err(Refused::Malformed.into()),
        Err(ReadError::Stopped(_)) => Err(Refused::Stopping.into()),
    }
}

/// Opens a session.
pub(super) async fn open_session(node: &Handle) -> Result<Response, NotDone> {
    match node.open_session().await {
        Ok(session) => Ok(Response::SessionOpened(session)),
        Err(OpenSessionError::Propose(error)) => Err(error.into()),
        Err(OpenSessionError::Outcome(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::driver::{StopCause, Stopped};

    #[test]
    fn what_may_have_entered_the_log_is_never_called_refused() {
        let stopped = Stopped { cause: StopCause::Requested };
        let unknown = NotDone::Other(Refused::Unknown);
        assert_eq!(NotDone::from(ProposeError::Stopped(stopped.clone())), unknown);
        assert_eq!(NotDone::from(OutcomeError::Stopped(stopped)), unknown);
        assert_eq!(NotDone::from(OutcomeError::Unknown), unknown);
    }

    #[test]
    fn a_hint_has_the_leaders_client_address() {
        let addresses = BTreeMap::from([(NodeId(2), "n2:7102".to_owned())]);
        let hint = |leader| NotDone::NotLeader(leader).with_address(&addresses);
        let known = LeaderHint { node: NodeId(2), address: "n2:7102".into() };
        assert_eq!(hint(Some(NodeId(2))), Refused::NotLeader { hint: Some(known) });
        assert_eq!(hint(Some(NodeId(3))), Refused::NotLeader { hint: None });
        assert_eq!(hint(None), Refused::NotLeader { hint: None });
    }
}
