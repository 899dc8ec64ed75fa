//! Every claim that leaves a node, compared with what its disk really holds at that moment.

use raft::consensus::message::{AppendOutcome, Message, SnapshotOutcome};
use raft::{HardState, LogIndex, Term};

use super::{Broken, View};
use crate::carrier::id_of;

const RULE: &str = "what a node says is durable";

/// The highest term in which each node has spoken, in any life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claims {
    terms: Vec<Term>,
}

impl Claims {
    pub(super) fn new(size: usize) -> Claims {
        Claims { terms: vec![Term(0); size] }
    }

    pub(super) fn leaves(&mut self, node: usize, message: &Message) {
        if let Some(term) = said(message) {
            self.terms[node] = self.terms[node].max(term);
        }
    }

    /// In no life may it be behind what it said in another.
    pub(super) fn born(&self, node: usize, term: Term) -> Result<(), Broken> {
        let said = self.terms[node];
        if term >= said {
            return Ok(());
        }
        Err((RULE, format!("node {node} spoke in term {said} and begins again in {term}")))
    }

    pub(super) fn renamed(&self, name: impl Fn(usize) -> usize) -> Claims {
        let mut renamed = self.clone();
        for (node, term) in self.terms.iter().enumerate() {
            renamed.terms[name(node)] = *term;
        }
        renamed
    }
}

/// A message that is about to leave says nothing that the node's disk does not hold.
pub(crate) fn truthful(view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
    let (node, HardState { current_term: durable, voted_for }) = (view.node, view.own().hard_state());
    let Some(term) = said(message) else { return Ok(()) };
    if term > durable {
        let text = format!("node {node} speaks in term {term}, its disk has {durable}: {message:?}");
        return Err((RULE, text));
    }
    // A disk that has gone on to a later term holds what it must.
    let votes_for = |candidate| durable > term || voted_for == Some(candidate);
    match message {
        Message::RequestVote(_) if !votes_for(id_of(node)) => Err((
            RULE,
            format!("node {node} campaigns in term {term}, its disk has a vote for {voted_for:?}"),
        )),
        Message::RequestVoteReply(reply) if reply.granted && !votes_for(id_of(to)) => {
            Err((RULE, format!("node {node} votes for {to} in term {term}, its disk has {voted_for:?}")))
        }
        Message::AppendEntriesReply(reply) => match reply.outcome {
            AppendOutcome::Matched(index) => matched(view, reply.term, index),
            AppendOutcome::Conflict { .. } | AppendOutcome::Repairing { .. } | AppendOutcome::NoRoom => {
                Ok(())
            }
        },
        Message::InstallSnapshotReply(reply) if reply.outcome == SnapshotOutcome::Installed => {
            installed(view, reply.snapshot.last.index)
        }
        _ => Ok(()),
    }
}

/// A node begins with the term, the vote and the log that its disk holds.
pub(crate) fn begins_as_it_ended(view: &View<'_>) -> Result<(), Broken> {
    let (node, begins, durable) = (view.node, view.raft.hard_state(), view.own().hard_state());
    if begins != durable {
        return Err((RULE, format!("node {node} begins with {begins:?}, its disk has {durable:?}")));
    }
    // What is lost in between comes again from the others.
    let (ends, disk) = (view.raft.last_log(), view.own());
    if ends == disk.last() || disk.repair().is_some() {
        return Ok(());
    }
    Err((RULE, format!("node {node} begins with a log to {ends}, its disk ends at {}", disk.last())))
}

/// A node acknowledges its log up to `index`: its disk holds what its memory does, up to there. In memory a later
/// leader may have replaced it since, but not on the disk.
fn matched(view: &View<'_>, term: Term, index: LogIndex) -> Result<(), Broken> {
    let (log, disk) = (view.raft.log(), view.own());
    if index <= disk.base().id.index || index <= log.base().id.index {
        return Ok(());
    }
    let held = disk.holds(index);
    if held.is_some() && held == log.term_at(index).zip(log.chain_at(index)) {
        return Ok(());
    }
    if term < view.raft.term() && held.is_some_and(|(of, _)| of <= term) {
        return Ok(());
    }
    let (node, last) = (view.node, disk.last());
    Err((RULE, format!("node {node} acknowledges {index}; its disk ends at {last}, and has {held:?} there")))
}

/// A node acknowledges a snapshot: its disk has it, or the log up to there.
fn installed(view: &View<'_>, last: LogIndex) -> Result<(), Broken> {
    if view.held_base(last) || view.own().holds(last).is_some() {
        return Ok(());
    }
    let (node, base) = (view.node, view.own().base().id);
    Err((RULE, format!("node {node} acknowledges a snapshot up to {last}; its disk has one up to {base}")))
}

/// The sender's own term, where the message says it.
fn said(message: &Message) -> Option<Term> {
    Some(match message {
        // It speaks of a term that the sender is not in yet.
        Message::PreVote(_) | Message::Introduction(_) | Message::IntroductionReply(_) => return None,
        Message::PreVoteReply(m) => m.term,
        Message::RequestVote(m) => m.term,
        Message::RequestVoteReply(m) => m.term,
        Message::AppendEntries(m) => m.term,
        Message::AppendEntriesReply(m) => m.term,
        Message::Heartbeat(m) => m.term,
        Message::HeartbeatReply(m) => m.term,
        Message::InstallSnapshot(m) => m.term,
        Message::InstallSnapshotReply(m) => m.term,
    })
}
