//! The client port of the register's nodes, as a simulated client sees it: each request and response
//! passes through the real codec, and the rule of [`register::port`].

use std::collections::BTreeMap;

use bytes::BytesMut;
use raft::consensus::io::Refusal;
use raft::server::Reply;
use register::port::{self, Asked};
use register::protocol::{Message, Refused, Request, Response, next_frame};

use super::client::{Answer, Ask};

/// What one client has asked of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct RegisterPort {
    /// Of which node what, under the tags that may yet be answered.
    asked: BTreeMap<u64, (usize, Asked)>,
}

/// Why a request does not reach a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// The port answers this itself.
    Refused(Refused),
    /// The client or the codec is wrong.
    Wrong(String),
}

impl RegisterPort {
    /// What a request asks of the node.
    pub(super) fn ask(&mut self, node: usize, tag: u64, request: &Request) -> Result<Ask, NotAsked> {
        let request = carried(tag, request).map_err(NotAsked::Wrong)?;
        let asked = port::admit(&request).map_err(NotAsked::Refused)?;
        let ask = match request {
            Request::OpenSession => Ask::OpenSession,
            Request::Propose { session, command } => Ask::Propose { tag: Some(session), command },
            Request::Read { query } => Ask::Read { query },
            Request::Hello(_) | Request::Status => {
                return Err(NotAsked::Wrong(format!("{request:?} is not for the node")));
            }
        };
        self.asked.insert(tag, (node, asked));
        Ok(ask)
    }

    /// What the client is told of a node's answer; nothing if it asked nothing under that tag.
    pub(super) fn tell(&mut self, node: usize, tag: u64, answer: Answer) -> Result<Option<Response>, String> {
        let Some((of, asked)) = self.asked.remove(&tag) else { return Ok(None) };
        if of != node {
            return Err(format!("node {node} answered what node {of} was asked"));
        }
        let leader = match answer.reply {
            Reply::Refused(Refusal::NotLeader { leader }) => leader,
            _ => None,
        };
        let addresses = leader.zip(answer.leader.map(address)).into_iter().collect();
        let response = port::response(asked, answer.reply)
            .unwrap_or_else(|refused| Response::Refused(refused.with_address(&addresses)));
        carried(tag, &response).map(Some)
    }

    /// A connection is gone: what was asked on it is not answered any more.
    pub(super) fn disconnected(&mut self, node: usize) {
        self.asked.retain(|_, (of, _)| *of != node);
    }
}

/// A node's client address.
pub(super) fn address(node: usize) -> String {
    format!("n{node}:1")
}

/// The node at a client address.
pub(super) fn node_at(address: &str) -> Option<usize> {
    address.strip_prefix('n')?.strip_suffix(":1")?.parse().ok()
}

/// A message as the other side decodes it.
fn carried<M: Message>(tag: u64, message: &M) -> Result<M, String> {
    match next_frame(&mut BytesMut::from(message.to_frame(tag))) {
        Ok(Some((same, message))) if same == tag => Ok(message),
        Ok(_) => Err(format!("the frame of tag {tag} is cut short or has another tag")),
        Err(error) => Err(format!("the frame of tag {tag}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raft::session::SessionTag;
    use raft::{NodeId, SessionId};
    use register::command::{Command, MAX_ANSWER, MAX_COMMAND};
    use register::protocol::LeaderHint;

    use super::*;

    fn propose(command: Bytes) -> Request {
        Request::Propose { session: SessionTag { session: SessionId(9), serial: 2, floor: 1 }, command }
    }

    #[test]
    fn a_hint_carries_the_address_of_the_leaders_node() {
        let mut port = RegisterPort::default();
        assert_eq!(port.ask(0, 7, &Request::OpenSession), Ok(Ask::OpenSession));
        let reply = Reply::Refused(Refusal::NotLeader { leader: Some(NodeId(3)) });
        let told = port.tell(0, 7, Answer { reply, leader: Some(2) });
        let hint = LeaderHint { node: NodeId(3), address: "n2:1".into() };
        assert_eq!(told, Ok(Some(Response::Refused(Refused::NotLeader { hint: Some(hint) }))));
        assert_eq!(node_at("n2:1"), Some(2));
    }

    #[test]
    fn a_request_is_answered_once_by_whom_it_was_asked_while_it_is_connected() {
        let mut port = RegisterPort::default();
        let command = Command::Delete { key: Bytes::from_static(b"k") }.encode();
        let answer = || Answer { reply: Reply::Unknown, leader: None };
        let told = Ok(Some(Response::Refused(Refused::Unknown)));
        for tag in 1..=3 {
            assert!(port.ask(0, tag, &propose(command.clone())).is_ok());
        }
        assert_eq!(port.tell(0, 1, answer()), told);
        assert_eq!(port.tell(0, 1, answer()), Ok(None));
        assert!(port.tell(1, 2, answer()).is_err());
        port.disconnected(0);
        assert_eq!(port.tell(0, 3, answer()), Ok(None));
    }

    #[test]
    fn what_the_port_or_the_codec_refuses_does_not_pass() {
        let mut port = RegisterPort::default();
        let malformed = propose(Bytes::from_static(b"?"));
        assert_eq!(port.ask(0, 1, &malformed), Err(NotAsked::Refused(Refused::Malformed)));
        let long = propose(vec![0; MAX_COMMAND + 1].into());
        assert!(matches!(port.ask(0, 2, &long), Err(NotAsked::Wrong(why)) if why.contains("limit")));
        let read = Request::Read { query: register::command::Query::Get { key: "k".into() }.encode() };
        assert!(port.ask(0, 3, &read).is_ok());
        let long = Reply::Read(vec![0; MAX_ANSWER + 1].into());
        assert!(
            port.tell(0, 3, Answer { reply: long, leader: None }).is_err_and(|why| why.contains("limit"))
        );
    }
}
