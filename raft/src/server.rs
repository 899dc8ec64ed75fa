//! Consensus, state machine, sessions and waiting clients in one pure layer: commands in, replies
//! out. The reply path is simulated with the rest, since that is where the real bugs are.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::consensus::entry::{Entry, EntryKind};
use crate::consensus::io::{self, Misdeed, Persist, PersistId, Refusal, RoleChange, RoleName, Room, Ticket};
use crate::consensus::message::Message;
use crate::consensus::types::{LogId, LogIndex, NodeId, SessionId, Term, Timestamp};
use crate::consensus::{Broken, Raft};
use crate::session::{SessionTag, Sessions, Verdict};
use crate::state_machine::StateMachine;

/// Entries applied in one [`Server::drain`], at most, so that the protocol is never kept waiting.
pub(crate) const APPLY_PER_DRAIN: usize = 1024;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A member's message arrived; the transport vouches for `from`.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// A client's command: answered by [`Output::Accepted`], then [`Output::Reply`]; or by the latter alone.
    Propose {
        /// Named in the answers; never used twice.
        ticket: Ticket,
        /// The session, if it must take effect once.
        tag: Option<SessionTag>,
        /// The command.
        command: Bytes,
    },
    /// A client opens a session; answered as a command, the response is the id, u64le.
    OpenSession {
        /// Named in the answers; never used twice.
        ticket: Ticket,
        /// Drawn at random.
        drawn: SessionId,
    },
    /// A linearizable read.
    Read {
        /// Named in the answer; never used twice.
        ticket: Ticket,
        /// The question.
        query: Bytes,
    },
    /// This write, and every one before it, is durable.
    Persisted(PersistId),
    /// Whether the disk has room for more of the log.
    Room(Room),
    /// Nothing; time has passed.
    Tick,
}

/// Something to do, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message; it may be lost.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Write and sync, then say [`Input::Persisted`].
    Persist(Persist),
    /// The command stands in this leader's log; the outcome comes later.
    Accepted {
        /// Whose.
        ticket: Ticket,
        /// Where.
        id: LogId,
    },
    /// The last word on a ticket.
    Reply {
        /// Whose.
        ticket: Ticket,
        /// What became of it.
        reply: Reply,
    },
    /// The role, the term or the known leader changed.
    Role(RoleChange),
    /// A peer did what no correct peer does; its connection should go.
    Alarm {
        /// Who.
        peer: NodeId,
        /// What.
        misdeed: Misdeed,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Committed and applied, now or (a repeat under a session) before.
    Applied {
        /// Where it took effect.
        index: LogIndex,
        /// What the state machine answered.
        response: Bytes,
    },
    /// A read's answer.
    Read(Bytes),
    /// The state machine panicked answering a read. It changes nothing, so the node goes on.
    ReadPanicked(String),
    /// Refused; nothing was done.
    Refused(Refusal),
    /// Accepted, but this node lost the leadership: it may still commit, or never.
    Unknown,
    /// The session does not exist (any more).
    SessionExpired,
    /// The serial is outside the session's window.
    OutOfWindow,
}

/// Why a node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Fatal {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("entry {index} changed in memory between its proposal and its application")]
    CorruptEntry { index: LogIndex },
    #[error("the state machine panicked applying entry {index}: {panic}")]
    ApplyPanicked { index: LogIndex, panic: String },
    #[error("entry {index} is committed but not in the log")]
    MissingEntry { index: LogIndex },
}

/// A node: consensus, state machine and those who wait.
#[derive(Debug)]
pub struct Server<M> {
    raft: Raft,
    machine: M,
    sessions: Sessions,
    last_applied: LogIndex,
    /// Accepted commands by index, with the term they were accepted in: an entry of another term
    /// at the index is somebody else's.
    waiting: BTreeMap<LogIndex, (Term, Ticket)>,
    /// Reads without an index yet.
    asking: BTreeMap<Ticket, Bytes>,
    /// What those count against the limit in bytes.
    asking_bytes: usize,
    /// Reads that wait for the state machine to reach an index, in order of index.
    granted: BTreeMap<(LogIndex, Ticket), Bytes>,
    from_raft: Vec<io::Output>,
    outputs: Vec<Output>,
}

impl<M: StateMachine> Server<M> {
    /// A node whose state machine is still empty; it will be filled from the log.
    pub fn new(raft: Raft, machine: M) -> Server<M> {
        Server {
            raft,
            machine,
            sessions: Sessions::default(),
            last_applied: LogIndex(0),
            waiting: BTreeMap::new(),
            asking: BTreeMap::new(),
            asking_bytes: 0,
            granted: BTreeMap::new(),
            from_raft: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Takes one input.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Result<(), Fatal> {
        let input = match input {
            Input::Message { from, message } => io::Input::Message { from, message },
            Input::Propose { ticket, tag: None, command } => {
                io::Input::Propose { ticket, kind: EntryKind::Command, data: command }
            }
            Input::Propose { ticket, tag: Some(tag), command } => {
                io::Input::Propose { ticket, kind: EntryKind::SessionCommand, data: tag.encode(&command) }
            }
            Input::OpenSession { ticket, drawn } => {
                let data = Bytes::copy_from_slice(&drawn.0.to_le_bytes());
                io::Input::Propose { ticket, kind: EntryKind::OpenSession, data }
            }
            Input::Read { ticket, .. } if self.asking_bytes > self.raft.config().max_uncommitted_bytes => {
                self.reply(ticket, Reply::Refused(Refusal::Overloaded));
                io::Input::Tick
            }
            Input::Read { ticket, query } => {
                self.asking_bytes += weight(&query);
                self.asking.insert(ticket, query);
                io::Input::Read { ticket }
            }
            Input::Persisted(id) => io::Input::Persisted(id),
            Input::Room(room) => io::Input::Room(room),
            Input::Tick => io::Input::Tick,
        };
        self.raft.step(now, input)?;
        Ok(())
    }

    /// Hands over everything to do since the last call, and applies what is committed, up to a bound.
    pub fn drain(&mut self, now: Timestamp, outputs: &mut Vec<Output>) -> Result<(), Fatal> {
        let mut from_raft = std::mem::take(&mut self.from_raft);
        self.raft.drain(now, &mut from_raft);
        for output in from_raft.drain(..) {
            self.translate(output);
        }
        self.from_raft = from_raft;
        self.apply_committed()?;
        self.answer_reads();
        outputs.append(&mut self.outputs);
        Ok(())
    }

    /// When to step an [`Input::Tick`], if nothing else comes first.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        if self.last_applied < self.raft.commit_index() { Timestamp::default() } else { self.raft.deadline() }
    }

    fn translate(&mut self, output: io::Output) {
        match output {
            io::Output::Send { to, message } => self.outputs.push(Output::Send { to, message }),
            io::Output::Persist(persist) => self.outputs.push(Output::Persist(persist)),
            // `apply_committed` asks consensus itself.
            io::Output::Commit(_) => {}
            io::Output::Accepted { ticket, id } => {
                self.waiting.insert(id.index, (id.term, ticket));
                self.outputs.push(Output::Accepted { ticket, id });
            }
            io::Output::ReadGranted { ticket, index } => {
                if let Some(query) = self.asked(ticket) {
                    self.granted.insert((index, ticket), query);
                }
            }
            io::Output::Refused { ticket, reason } => {
                self.asked(ticket);
                self.reply(ticket, Reply::Refused(reason));
            }
            io::Output::Role(change) => {
                if change.role != RoleName::Leader {
                    self.give_up_uncommitted();
                }
                self.outputs.push(Output::Role(change));
            }
            io::Output::Alarm { peer, misdeed } => self.outputs.push(Output::Alarm { peer, misdeed }),
        }
    }

    /// Takes a read that waits for an index no longer.
    fn asked(&mut self, ticket: Ticket) -> Option<Bytes> {
        let query = self.asking.remove(&ticket)?;
        self.asking_bytes -= weight(&query);
        Some(query)
    }

    /// The leadership is lost: what is not committed may yet commit, or never.
    fn give_up_uncommitted(&mut self) {
        let uncommitted = self.waiting.split_off(&self.raft.commit_index().next());
        for (_, ticket) in uncommitted.into_values() {
            self.reply(ticket, Reply::Unknown);
        }
    }

    fn apply_committed(&mut self) -> Result<(), Fatal> {
        for _ in 0..APPLY_PER_DRAIN {
            if self.last_applied >= self.raft.commit_index() {
                break;
            }
            let index = self.last_applied.next();
            let entry = self.raft.log().get(index).ok_or(Fatal::MissingEntry { index })?.clone();
            let reply = self.apply(&entry)?;
            self.last_applied = index;
            if let Some((term, ticket)) = self.waiting.remove(&index) {
                let ours = term == entry.id.term;
                self.reply(ticket, if ours { reply } else { Reply::Unknown });
            }
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<Reply, Fatal> {
        let index = entry.id.index;
        if !entry.is_intact() {
            return Err(Fatal::CorruptEntry { index });
        }
        let response = match entry.kind {
            EntryKind::Noop | EntryKind::Membership => Bytes::new(),
            EntryKind::OpenSession => {
                // Only a leader's own encoding gets here; were it not one, its index would do.
                let drawn = entry.data.first_chunk().map_or(index.0, |id| u64::from_le_bytes(*id));
                let opened = self.sessions.open(index, SessionId(drawn));
                Bytes::copy_from_slice(&opened.0.to_le_bytes())
            }
            EntryKind::Command => self.apply_command(index, &entry.data)?,
            EntryKind::SessionCommand => return self.apply_once(index, &entry.data),
        };
        Ok(Reply::Applied { index, response })
    }

    fn apply_once(&mut self, index: LogIndex, data: &Bytes) -> Result<Reply, Fatal> {
        // Only a leader's own encoding gets here; were it not one, it belongs to no session.
        let Some((tag, command)) = SessionTag::decode(data) else { return Ok(Reply::SessionExpired) };
        Ok(match self.sessions.begin(index, tag) {
            Verdict::Fresh => {
                let response = self.apply_command(index, &command)?;
                self.sessions.record(index, tag, response.clone());
                Reply::Applied { index, response }
            }
            Verdict::Repeat(index, response) => Reply::Applied { index, response },
            Verdict::Expired => Reply::SessionExpired,
            Verdict::OutOfWindow => Reply::OutOfWindow,
        })
    }

    fn apply_command(&mut self, index: LogIndex, command: &Bytes) -> Result<Bytes, Fatal> {
        let machine = &mut self.machine;
        catch_unwind(AssertUnwindSafe(|| machine.apply(index, command)))
            .map_err(|panic| Fatal::ApplyPanicked { index, panic: panic_text(panic.as_ref()) })
    }

    fn answer_reads(&mut self) {
        while let Some(read) = self.granted.first_entry() {
            let (index, ticket) = *read.key();
            if index > self.last_applied {
                break;
            }
            let query = read.remove();
            let machine = &self.machine;
            let reply = match catch_unwind(AssertUnwindSafe(|| machine.query(&query))) {
                Ok(answer) => Reply::Read(answer),
                Err(panic) => Reply::ReadPanicked(panic_text(panic.as_ref())),
            };
            self.reply(ticket, reply);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push(Output::Reply { ticket, reply });
    }

    /// Its consensus state.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Its state machine.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Up to where its state machine is.
    #[must_use]
    pub fn last_applied(&self) -> LogIndex {
        self.last_applied
    }

    /// Its client sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

/// What a read that waits counts against the limit in bytes, as [`Entry::weight`] for an entry.
fn weight(query: &Bytes) -> usize {
    query.len() + 32
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests;
