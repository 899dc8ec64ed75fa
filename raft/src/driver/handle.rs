//! The cloneable [`Handle`] through which a program speaks to its node.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::waiting::{Then, Waiting};
use crate::consensus::io::Refusal;
use crate::consensus::types::{LogId, LogIndex, SessionId};
use crate::pump::{Ask, Status, StopCause};
use crate::server::Reply;
use crate::session::SessionTag;

/// The node has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped: {cause}")]
pub struct Stopped {
    /// Why.
    pub cause: StopCause,
}

/// Why a proposal did not enter the log of a leader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Refused, and nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The node ended. Whether the proposal was accepted before is not known.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why the outcome of an accepted proposal is not a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// The node lost the leadership first: the entry may still commit, or never.
    #[error("outcome unknown: the node lost the leadership before the entry was committed")]
    Unknown,
    /// The session does not exist (any more), or no longer keeps what it answered to this command. This entry
    /// had no effect; an earlier copy may have.
    #[error("the session has expired")]
    SessionExpired,
    /// The serial is at or below the floor that the client acknowledged, or too far above it.
    /// This entry had no effect.
    #[error("the serial is outside the session's window")]
    OutOfWindow,
    /// The node ended: the entry may still commit, or never.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a command was not applied, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Refused, and nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What became of it is another matter, or not known.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}

/// Why a read was not answered. Reads change nothing, so any may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Refused by a node that does not lead.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state machine panicked answering it. The node goes on; the same question will fail again.
    #[error("the state machine panicked answering the read: {0}")]
    Panicked(String),
    /// The node ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A committed and applied command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Where it took effect: of a repeated session command, the first copy's place.
    pub index: LogIndex,
    /// What the state machine answered.
    pub response: Bytes,
}

/// A proposal that a leader appended to its log. Dropping it changes nothing: the entry goes its way.
#[derive(Debug)]
pub struct Accepted {
    /// Its place.
    pub id: LogId,
    outcome: oneshot::Receiver<Result<Applied, OutcomeError>>,
    node: Handle,
}

impl Accepted {
    /// Waits until the entry is applied here, or until that can no longer be promised.
    /// Cancelling loses the answer, not the entry.
    pub async fn outcome(self) -> Result<Applied, OutcomeError> {
        match self.outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutcomeError::Stopped(self.node.ended().await)),
        }
    }
}

/// What a handle asks of the loop.
pub(super) enum Request {
    Ask { ask: Ask, waiting: Waiting },
    Status { answer: oneshot::Sender<Status> },
    Stop,
}

impl Request {
    /// The answer of a node that is not bootstrapped: nobody leads. Dropping the request instead
    /// would say that the node has ended.
    pub(super) fn answer_blank(self, status: &Status) {
        match self {
            Request::Ask { waiting, .. } => {
                waiting.told(Reply::Refused(Refusal::NotLeader { leader: None }));
            }
            Request::Status { answer } => {
                // Whoever asked may have gone.
                let _ = answer.send(status.clone());
            }
            Request::Stop => {}
        }
    }

    /// What it counts against the queue's limit.
    pub(super) fn weight(&self) -> usize {
        64 + match self {
            Request::Ask { ask: Ask::Propose { command: data, .. } | Ask::Read { query: data }, .. } => {
                data.len()
            }
            Request::Ask { ask: Ask::OpenSession, .. } | Request::Status { .. } | Request::Stop => 0,
        }
    }
}

/// Speaks to one node. Cheap to clone; outlives the node, and then answers [`Stopped`].
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    queued: Arc<AtomicUsize>,
    queue_limit: usize,
    end: watch::Receiver<Option<StopCause>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("end", &*self.end.borrow()).finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn new(
        requests: mpsc::UnboundedSender<Request>,
        queued: Arc<AtomicUsize>,
        queue_limit: usize,
        end: watch::Receiver<Option<StopCause>>,
    ) -> Handle {
        Handle { requests, queued, queue_limit, end }
    }

    /// Offers a command to this node. Answers once its leader's log has it, with its place; the
    /// outcome comes from [`Accepted::outcome`]. Cancelled, the command may still be accepted.
    pub async fn propose(&self, command: Bytes) -> Result<Accepted, ProposeError> {
        self.offer(Ask::Propose { tag: None, command }).await
    }

    /// Offers a command to this node and waits until it is applied here: [`Handle::propose`] and [`Accepted::outcome`]
    /// in one, for who need not know its place before. Cancelled, the command may still be applied.
    pub async fn apply(&self, command: Bytes) -> Result<Applied, ApplyError> {
        let (sender, applied) = oneshot::channel();
        let ask = Ask::Propose { tag: None, command };
        let request = Request::Ask { ask, waiting: Waiting::Apply(sender) };
        self.check_room(&request)?;
        self.submit(request).await.map_err(OutcomeError::from)?;
        match applied.await {
            Ok(applied) => applied,
            Err(_) => Err(OutcomeError::from(self.ended().await).into()),
        }
    }

    /// As [`Handle::propose`], under a session: however often the same serial is proposed, on
    /// whichever node, the command takes effect once.
    pub async fn propose_in_session(
        &self,
        tag: SessionTag,
        command: Bytes,
    ) -> Result<Accepted, ProposeError> {
        self.offer(Ask::Propose { tag: Some(tag), command }).await
    }

    /// Opens a client session, to be used by [`Handle::propose_in_session`]. Cancelled, it may still be opened; it then expires unused.
    pub async fn open_session(&self) -> Result<SessionId, OpenSessionError> {
        let accepted = self.offer(Ask::OpenSession).await?;
        let applied = accepted.outcome().await?;
        let id = applied.response.first_chunk().ok_or(OutcomeError::Unknown)?;
        Ok(SessionId(u64::from_le_bytes(*id)))
    }

    /// Asks the state machine, linearizably (ReadIndex, dissertation §6.4). Cancelling is harmless.
    pub async fn read(&self, query: Bytes) -> Result<Bytes, ReadError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Ask { ask: Ask::Read { query }, waiting: Waiting::Read(answer) };
        self.check_room(&request)?;
        self.submit(request).await?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(self.ended().await.into()),
        }
    }

    /// Asks, and has `then` called with what came of it; with nothing where the node ended first: a command or a session
    /// may have been accepted before. For who has many requests under way, each of which would cost a task.
    ///
    /// It is called once, at once where the queue is full or the node has ended, else in the node's loop: so it must not
    /// block, not panic, and want no lock that is held here.
    pub fn ask(&self, ask: Ask, then: impl FnOnce(Option<Reply>) + Send + 'static) {
        let request = Request::Ask { ask, waiting: Waiting::Then(Then::new(then)) };
        match (self.check_room(&request), request) {
            (Err(refusal), Request::Ask { waiting, .. }) => waiting.told(Reply::Refused(refusal)),
            // Where there is no loop the request is dropped, and says so.
            (_, request) => drop(self.enqueue(request)),
        }
    }

    /// What the node is doing. Cancelling is harmless.
    pub async fn status(&self) -> Result<Status, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.submit(Request::Status { answer }).await?;
        match answered.await {
            Ok(status) => Ok(status),
            Err(_) => Err(self.ended().await),
        }
    }

    /// Asks the node to end, once what it has written is durable. Use [`Handle::stopped`] to wait.
    pub fn stop(&self) {
        // A node that has ended needs no telling.
        let _ = self.enqueue(Request::Stop);
    }

    /// Waits for the node's end. Cancelling is harmless.
    pub async fn stopped(&self) -> StopCause {
        self.ended().await.cause
    }

    async fn offer(&self, ask: Ask) -> Result<Accepted, ProposeError> {
        let (accepted_sender, accepted) = oneshot::channel();
        let (outcome_sender, outcome) = oneshot::channel();
        let waiting = Waiting::Write { accepted: Some(accepted_sender), outcome: outcome_sender };
        let request = Request::Ask { ask, waiting };
        self.check_room(&request)?;
        self.submit(request).await?;
        match accepted.await {
            Ok(Ok(id)) => Ok(Accepted { id, outcome, node: self.clone() }),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => Err(self.ended().await.into()),
        }
    }

    fn check_room(&self, request: &Request) -> Result<(), Refusal> {
        let (size, limit) = (request.weight(), self.queue_limit);
        // Of a node that has ended, the queue stays as full as it was: `submit` says how it ended.
        if self.requests.is_closed() || self.queued.load(Relaxed).saturating_add(size) <= limit {
            Ok(())
        } else if size > limit {
            Err(Refusal::TooLarge { size, limit })
        } else {
            Err(Refusal::Overloaded)
        }
    }

    async fn submit(&self, request: Request) -> Result<(), Stopped> {
        if self.enqueue(request) { Ok(()) } else { Err(self.ended().await) }
    }

    /// Queues a request for the loop, which takes its weight off again; false if there is no loop.
    fn enqueue(&self, request: Request) -> bool {
        let weight = request.weight();
        self.queued.fetch_add(weight, Relaxed);
        let sent = self.requests.send(request).is_ok();
        if !sent {
            self.queued.fetch_sub(weight, Relaxed);
        }
        sent
    }

    async fn ended(&self) -> Stopped {
        let mut end = self.end.clone();
        let cause = end.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
        Stopped { cause: cause.unwrap_or(StopCause::Dropped) }
    }
}

/// Why a session was not opened. Nothing depends on it: try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the wrapped errors say it")]
pub enum OpenSessionError {
    #[error(transparent)]
    Propose(#[from] ProposeError),
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}
