//! From a client's request to the node's handle. What the client is told of its answer, the rule of
//! [`crate::port`] says; here is only what a handle adds to it: a node that ends.

use bytes::Bytes;
use raft::driver::{Accepted, Applied, Handle, OpenSessionError, OutcomeError, ProposeError, ReadError};
use raft::server::Reply;
use raft::session::SessionTag;

use crate::port::{self, Asked, NotDone};
use crate::protocol::{Refused, Request, Response};

/// Proposes, and waits until the command is applied. A malformed one does not enter the log.
pub(super) async fn propose(node: &Handle, session: SessionTag, command: Bytes) -> Result<Response, NotDone> {
    port::admit(&Request::Propose { session, command: command.clone() })?;
    let reply = match node.propose_in_session(session, command).await {
        Ok(accepted) => outcome(accepted).await,
        Err(error) => not_accepted(&error),
    };
    port::response(Asked::Write, reply)
}

/// Asks, linearizably.
pub(super) async fn read(node: &Handle, query: Bytes) -> Result<Response, NotDone> {
    port::admit(&Request::Read { query: query.clone() })?;
    let reply = match node.read(query).await {
        Ok(answer) => Reply::Read(answer),
        Err(ReadError::Refused(refusal)) => Reply::Refused(refusal),
        Err(ReadError::Panicked(panic)) => Reply::ReadPanicked(panic),
        // A read changes nothing: it can be refused at any time.
        Err(ReadError::Stopped(_)) => return Err(Refused::Stopping.into()),
    };
    port::response(Asked::Read, reply)
}

/// Opens a session.
pub(super) async fn open_session(node: &Handle) -> Result<Response, NotDone> {
    let reply = match node.open_session().await {
        Ok(session) => return Ok(Response::SessionOpened(session)),
        Err(OpenSessionError::Propose(error)) => not_accepted(&error),
        Err(OpenSessionError::Outcome(error)) => no_outcome(&error),
    };
    port::response(Asked::Session, reply)
}

async fn outcome(accepted: Accepted) -> Reply {
    match accepted.outcome().await {
        Ok(Applied { index, response }) => Reply::Applied { index, response },
        Err(error) => no_outcome(&error),
    }
}

fn not_accepted(error: &ProposeError) -> Reply {
    match error {
        ProposeError::Refused(refusal) => Reply::Refused(*refusal),
        // It may have been accepted before the node ended.
        ProposeError::Stopped(_) => Reply::Unknown,
    }
}

fn no_outcome(error: &OutcomeError) -> Reply {
    match error {
        OutcomeError::Unknown | OutcomeError::Stopped(_) => Reply::Unknown,
        OutcomeError::SessionExpired => Reply::SessionExpired,
        OutcomeError::OutOfWindow => Reply::OutOfWindow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::driver::{StopCause, Stopped};

    #[test]
    fn what_may_have_entered_the_log_is_never_called_refused() {
        let stopped = Stopped { cause: StopCause::Requested };
        assert_eq!(not_accepted(&ProposeError::Stopped(stopped.clone())), Reply::Unknown);
        assert_eq!(no_outcome(&OutcomeError::Stopped(stopped)), Reply::Unknown);
        assert_eq!(no_outcome(&OutcomeError::Unknown), Reply::Unknown);
        let told = port::response(Asked::Write, Reply::Unknown);
        assert_eq!(told, Err(NotDone::Other(Refused::Unknown)));
    }
}
