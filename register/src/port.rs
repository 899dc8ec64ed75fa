//! The rule of the client port, without its sockets: which requests reach the node, and what a client
//! is told of the node's answer. Here it is decided what is certain: only what never entered the log
//! is refused. The service and the simulator's clients both go by it.

use std::collections::BTreeMap;

use raft::consensus::io::Refusal;
use raft::server::Reply;
use raft::{NodeId, SessionId};

use crate::command::{Command, Query};
use crate::protocol::{LeaderHint, Refused, Request, Response};

/// What kind of request a reply is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`Request::OpenSession`].
    Session,
    /// [`Request::Propose`].
    Write,
    /// [`Request::Read`].
    Read,
}

/// A refusal, before the leader's address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// Another node leads, or none.
    NotLeader(Option<NodeId>),
    /// Anything else.
    Other(Refused),
}

impl NotDone {
    /// Completes the hint.
    #[must_use]
    pub fn with_address(self, addresses: &BTreeMap<NodeId, String>) -> Refused {
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

/// What to ask of the node for a request. What is malformed does not enter the log; status and
/// greetings are the port's own business, and not for here.
pub fn admit(request: &Request) -> Result<Asked, Refused> {
    match request {
        Request::OpenSession => Ok(Asked::Session),
        Request::Propose { command, .. } if Command::decode(command).is_ok() => Ok(Asked::Write),
        Request::Read { query } if Query::decode(query).is_ok() => Ok(Asked::Read),
        Request::Propose { .. } | Request::Read { .. } | Request::Hello(_) | Request::Status => {
            Err(Refused::Malformed)
        }
    }
}

/// What the client is told of the node's answer.
pub fn response(asked: Asked, reply: Reply) -> Result<Response, NotDone> {
    match (asked, reply) {
        (Asked::Write, Reply::Applied { index, response }) => {
            Ok(Response::Applied { index, answer: response })
        }
        (Asked::Session, Reply::Applied { response, .. }) => match response.first_chunk() {
            Some(id) => Ok(Response::SessionOpened(SessionId(u64::from_le_bytes(*id)))),
            None => Err(Refused::Unknown.into()),
        },
        (Asked::Read, Reply::Read(answer)) => Ok(Response::ReadAnswer(answer)),
        (_, Reply::Refused(refusal)) => Err(refusal.into()),
        (_, Reply::ReadPanicked(_)) => Err(Refused::Malformed.into()),
        (_, Reply::SessionExpired) => Err(Refused::SessionExpired.into()),
        (_, Reply::OutOfWindow) => Err(Refused::OutOfWindow.into()),
        // An answer to something else than was asked is no answer.
        (_, Reply::Unknown | Reply::Applied { .. } | Reply::Read(_)) => Err(Refused::Unknown.into()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raft::LogIndex;
    use raft::session::SessionTag;

    use super::*;

    #[test]
    fn a_hint_has_the_leaders_client_address() {
        let addresses = BTreeMap::from([(NodeId(2), "n2:7102".to_owned())]);
        let hint = |leader| NotDone::NotLeader(leader).with_address(&addresses);
        let known = LeaderHint { node: NodeId(2), address: "n2:7102".into() };
        assert_eq!(hint(Some(NodeId(2))), Refused::NotLeader { hint: Some(known) });
        assert_eq!(hint(Some(NodeId(3))), Refused::NotLeader { hint: None });
        assert_eq!(hint(None), Refused::NotLeader { hint: None });
    }

    #[test]
    fn what_is_malformed_does_not_reach_the_node() {
        let session = SessionTag { session: SessionId(1), serial: 1, floor: 0 };
        let (query, command) = (Bytes::from_static(b"?"), Bytes::from_static(b"!"));
        assert_eq!(admit(&Request::Propose { session, command }), Err(Refused::Malformed));
        assert_eq!(admit(&Request::Read { query }), Err(Refused::Malformed));
        let key = Bytes::from_static(b"k");
        let command = Command::Delete { key: key.clone() }.encode();
        assert_eq!(admit(&Request::Propose { session, command }), Ok(Asked::Write));
        assert_eq!(admit(&Request::Read { query: Query::Get { key }.encode() }), Ok(Asked::Read));
    }

    #[test]
    fn each_reply_is_told_as_what_is_certain() {
        let applied = |response| Reply::Applied { index: LogIndex(7), response };
        let id = Bytes::copy_from_slice(&9_u64.to_le_bytes());
        let opened = Response::SessionOpened(SessionId(9));
        assert_eq!(response(Asked::Session, applied(id.clone())), Ok(opened));
        let done = Response::Applied { index: LogIndex(7), answer: id.clone() };
        assert_eq!(response(Asked::Write, applied(id.clone())), Ok(done));
        assert_eq!(response(Asked::Read, Reply::Read(id.clone())), Ok(Response::ReadAnswer(id.clone())));

        let unknown = Err(NotDone::Other(Refused::Unknown));
        assert_eq!(response(Asked::Write, Reply::Unknown), unknown);
        assert_eq!(response(Asked::Write, Reply::Read(id.clone())), unknown);
        assert_eq!(response(Asked::Read, applied(id)), unknown);
        let refusal = Refusal::NotLeader { leader: Some(NodeId(2)) };
        let hint = Err(NotDone::NotLeader(Some(NodeId(2))));
        assert_eq!(response(Asked::Read, Reply::Refused(refusal)), hint);
        let expired = Err(NotDone::Other(Refused::SessionExpired));
        assert_eq!(response(Asked::Write, Reply::SessionExpired), expired);
    }
}
