//! From a client's request to the node's handle. What the client is told of its answer, the rule of
//! [`crate::port`] says; here is only what a handle adds to it: a node that ends.

use raft::driver::{Ask, Handle};
use raft::server::Reply;

use crate::port::{self, Asked, NotDone};
use crate::protocol::{Refused, Request, Response};

/// Asks the node, and has `then` called once with what the client is to be told. What is malformed does not reach the node.
pub(super) fn ask(
    node: &Handle,
    request: Request,
    then: impl FnOnce(Result<Response, NotDone>) + Send + 'static,
) {
    let asked = match port::admit(&request) {
        Ok(asked) => asked,
        Err(refused) => return then(Err(refused.into())),
    };
    let ask = match request {
        Request::Propose { session, command } => Ask::Propose { tag: Some(session), command },
        Request::Read { query } => Ask::Read { query },
        Request::OpenSession => Ask::OpenSession,
        // The port's own business; `admit` has refused them.
        Request::Hello(_) | Request::Status => return then(Err(Refused::Malformed.into())),
    };
    node.ask(ask, move |reply| then(told(asked, reply)));
}

/// Nothing is said by a node that has ended: what may have entered its log is unknown, and a read changes nothing.
fn told(asked: Asked, reply: Option<Reply>) -> Result<Response, NotDone> {
    match (asked, reply) {
        (Asked::Read, None) => Err(Refused::Stopping.into()),
        (asked, reply) => port::response(asked, reply.unwrap_or(Reply::Unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_entered_the_log_is_never_called_refused() {
        let unknown = || Err(NotDone::Other(Refused::Unknown));
        assert_eq!([told(Asked::Write, None), told(Asked::Session, None)], [unknown(), unknown()]);
        assert_eq!(told(Asked::Write, Some(Reply::Unknown)), unknown());
        assert_eq!(told(Asked::Read, None), Err(NotDone::Other(Refused::Stopping)));
    }
}
