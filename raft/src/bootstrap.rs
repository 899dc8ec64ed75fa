//! How blank nodes agree on the first entry of their logs, so that a wiped disk never passes for
//! the member that it was.
//!
//! Each node introduces itself to every initial member with its incarnation. One that has heard all
//! binds itself, durably, to the membership made of just these incarnations, its *view*, and from
//! then on accepts no other. When every member has shown the same view, it becomes entry 1 of the
//! log. Since all of them bind themselves before any begins, no two first entries can differ; and
//! since a bootstrapped node keeps answering with its view, a member that comes back with another
//! incarnation is told so and refuses to start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::consensus::entry::{Entry, EntryKind};
use crate::consensus::message::{Introduction, Message};
use crate::consensus::types::{HardState, Incarnation, LogId, LogIndex, Membership, NodeId, Term, Timestamp};

/// How often a blank node introduces itself again.
const INTERVAL: Duration = Duration::from_millis(100);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send a message; it may be lost.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Make this view durable, then call [`Bootstrap::view_persisted`].
    PersistView(Membership),
    /// Every member is bound to this membership: write [`first_state`] and begin.
    Begin(Membership),
}

/// Why a blank node must not take part. Nothing was written to the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Refused {
    #[error(
        "node {peer} knows node {me} under incarnation {known}, but this data directory is a new one \
         ({own}): a member's disk cannot be replaced by an empty one. Restore the old directory; \
         without it this member is lost"
    )]
    KnownUnderAnother { peer: NodeId, me: NodeId, known: Incarnation, own: Incarnation },
    #[error("node {peer} belongs to a cluster of nodes {theirs}, which node {me} is not part of")]
    NotAMember { peer: NodeId, me: NodeId, theirs: String },
    #[error(
        "node {peer} is bound to another first membership ({theirs}) than this node ({ours}): the \
         configurations differ, or a data directory was replaced while the cluster was being made. \
         Where no node has begun yet, remove the data directories of all and start again"
    )]
    ViewsDiffer { peer: NodeId, theirs: String, ours: String },
    #[error("the configured members do not include node {me} itself")]
    SelfMissing { me: NodeId },
}

/// A blank node that looks for the others.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    me: NodeId,
    incarnation: Incarnation,
    members: BTreeSet<NodeId>,
    heard: BTreeMap<NodeId, Incarnation>,
    view: Option<Membership>,
    view_durable: bool,
    agreed: BTreeSet<NodeId>,
    due: Timestamp,
}

impl Bootstrap {
    /// A node of these initial members; `view` is what it bound itself to in an earlier start, and
    /// then says for good who they are.
    pub fn new(
        me: NodeId,
        incarnation: Incarnation,
        members: &[NodeId],
        view: Option<Membership>,
    ) -> Result<Bootstrap, Refused> {
        let members: BTreeSet<NodeId> = match &view {
            Some(view) => view.voters.keys().copied().collect(),
            None => members.iter().copied().collect(),
        };
        if !members.contains(&me) {
            return Err(Refused::SelfMissing { me });
        }
        Ok(Bootstrap {
            me,
            incarnation,
            members,
            heard: BTreeMap::from([(me, incarnation)]),
            view_durable: view.is_some(),
            view,
            agreed: BTreeSet::new(),
            due: Timestamp::default(),
        })
    }

    /// When to call [`Bootstrap::tick`].
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.due
    }

    /// Introduces this node to all, if it is time; binds it if all are known.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Output> {
        let mut outputs = self.progress();
        if now >= self.due {
            self.due = now + INTERVAL;
            let others = self.members.iter().filter(|m| **m != self.me);
            outputs.extend(
                others
                    .map(|to| Output::Send { to: *to, message: Message::Introduction(self.introduction()) }),
            );
        }
        outputs
    }

    /// A node, whom the transport vouches for, introduces itself or answers.
    pub fn handle(
        &mut self,
        from: NodeId,
        incarnation: Incarnation,
        message: &Message,
    ) -> Result<Vec<Output>, Refused> {
        let (theirs, is_request) = match message {
            Message::Introduction(m) => (m, true),
            Message::IntroductionReply(m) => (m, false),
            // Whoever already leads will say it again.
            _ => return Ok(Vec::new()),
        };
        if theirs.incarnation != incarnation || !self.members.contains(&from) {
            return Ok(Vec::new());
        }
        if let Some(view) = &theirs.view {
            self.compare(from, incarnation, view)?;
        }
        self.heard.insert(from, incarnation);
        let mut outputs = self.progress();
        if is_request {
            let message = Message::IntroductionReply(self.introduction());
            outputs.push(Output::Send { to: from, message });
        }
        Ok(outputs)
    }

    /// The view that was to be persisted is durable.
    pub fn view_persisted(&mut self) -> Vec<Output> {
        self.view_durable = true;
        self.due = Timestamp::default();
        self.progress()
    }

    fn compare(
        &mut self,
        from: NodeId,
        incarnation: Incarnation,
        theirs: &Membership,
    ) -> Result<(), Refused> {
        match theirs.voters.get(&self.me) {
            None => {
                let (peer, me, theirs) = (from, self.me, list(theirs));
                return Err(Refused::NotAMember { peer, me, theirs });
            }
            Some(known) if *known != self.incarnation => {
                let (peer, me, known, own) = (from, self.me, *known, self.incarnation);
                return Err(Refused::KnownUnderAnother { peer, me, known, own });
            }
            Some(_) => {}
        }
        match &self.view {
            Some(ours) if ours != theirs => {
                Err(Refused::ViewsDiffer { peer: from, theirs: list(theirs), ours: list(ours) })
            }
            Some(ours) => {
                if ours.knows(from, incarnation) {
                    self.agreed.insert(from);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn progress(&mut self) -> Vec<Output> {
        match &self.view {
            None if self.heard.len() == self.members.len() => {
                let view = Membership { voters: self.heard.clone() };
                self.view = Some(view.clone());
                vec![Output::PersistView(view)]
            }
            Some(view) if self.view_durable && self.agreed.len() + 1 == view.voters.len() => {
                vec![Output::Begin(view.clone())]
            }
            None | Some(_) => Vec::new(),
        }
    }

    fn introduction(&self) -> Introduction {
        let view = self.view.clone().filter(|_| self.view_durable);
        Introduction { incarnation: self.incarnation, view }
    }
}

fn list(membership: &Membership) -> String {
    let members: Vec<String> = membership.voters.iter().map(|(id, i)| format!("{id}/{i}")).collect();
    members.join(", ")
}

/// The durable state with which every member begins: the membership as entry 1 of term 1.
#[must_use]
pub fn first_state(membership: &Membership) -> (HardState, Entry) {
    // Serialising a map into memory has no way to fail.
    let data = postcard::to_stdvec(membership).unwrap_or_default();
    let id = LogId { term: Term(1), index: LogIndex(1) };
    let hard_state = HardState { current_term: Term(1), voted_for: None };
    (hard_state, Entry::new(id, EntryKind::Membership, data.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn node(me: NodeId, incarnation: u128, view: Option<Membership>) -> Bootstrap {
        Bootstrap::new(me, Incarnation(incarnation), &[A, B], view).unwrap()
    }

    fn intro(incarnation: u128, view: Option<Membership>) -> Message {
        Message::Introduction(Introduction { incarnation: Incarnation(incarnation), view })
    }

    fn view(a: u128, b: u128) -> Membership {
        Membership { voters: BTreeMap::from([(A, Incarnation(a)), (B, Incarnation(b))]) }
    }

    fn begins(outputs: &[Output]) -> bool {
        outputs.iter().any(|o| matches!(o, Output::Begin(_)))
    }

    #[test]
    fn a_node_binds_itself_when_it_has_heard_all_and_begins_when_all_are_bound() {
        let mut a = node(A, 10, None);
        let outputs = a.handle(B, Incarnation(20), &intro(20, None)).unwrap();
        assert!(outputs.contains(&Output::PersistView(view(10, 20))));
        // Not yet durable: it must not be shown.
        let shown = Message::IntroductionReply(Introduction { incarnation: Incarnation(10), view: None });
        assert!(outputs.contains(&Output::Send { to: B, message: shown }));
        assert!(!begins(&a.view_persisted()));
        assert!(!begins(&a.handle(B, Incarnation(20), &intro(20, None)).unwrap()));
        assert!(begins(&a.handle(B, Incarnation(20), &intro(20, Some(view(10, 20)))).unwrap()));
    }

    #[test]
    fn a_view_that_is_not_durable_begins_nothing() {
        let mut a = node(A, 10, None);
        a.handle(B, Incarnation(20), &intro(20, None)).unwrap();
        assert!(!begins(&a.handle(B, Incarnation(20), &intro(20, Some(view(10, 20)))).unwrap()));
        assert!(begins(&a.view_persisted()));
    }

    #[test]
    fn a_wiped_node_learns_that_it_is_known_under_another_incarnation() {
        let mut a = node(A, 11, None);
        let refused = a.handle(B, Incarnation(20), &intro(20, Some(view(10, 20)))).unwrap_err();
        assert!(matches!(refused, Refused::KnownUnderAnother { .. }), "{refused}");
    }

    #[test]
    fn a_member_that_was_wiped_between_two_views_stops_the_others_from_beginning() {
        let mut a = node(A, 10, Some(view(10, 20)));
        assert!(!begins(&a.handle(B, Incarnation(21), &intro(21, None)).unwrap()));
        let refused = a.handle(B, Incarnation(21), &intro(21, Some(view(10, 21)))).unwrap_err();
        assert!(matches!(refused, Refused::ViewsDiffer { .. }), "{refused}");
    }

    #[test]
    fn only_the_incarnation_in_the_view_is_bound_by_showing_it() {
        let mut a = node(A, 10, Some(view(10, 20)));
        let another = a.handle(B, Incarnation(21), &intro(21, Some(view(10, 20)))).unwrap();
        assert!(!begins(&another));
        assert!(begins(&a.handle(B, Incarnation(20), &intro(20, Some(view(10, 20)))).unwrap()));
    }

    #[test]
    fn a_bound_node_looks_for_the_members_of_its_view_whatever_it_is_now_told() {
        let mut a = Bootstrap::new(A, Incarnation(10), &[A, NodeId(3)], Some(view(10, 20))).unwrap();
        let asked = a.tick(Timestamp::default());
        assert!(matches!(asked[..], [Output::Send { to: B, .. }]), "{asked:?}");
        assert!(begins(&a.handle(B, Incarnation(20), &intro(20, Some(view(10, 20)))).unwrap()));
    }

    #[test]
    fn one_node_alone_begins_once_its_view_is_durable() {
        let mut a = Bootstrap::new(A, Incarnation(10), &[A], None).unwrap();
        assert!(matches!(a.tick(Timestamp::default())[..], [Output::PersistView(_)]));
        assert!(begins(&a.view_persisted()));
    }

    #[test]
    fn a_stranger_is_told_nothing_and_counts_for_nothing() {
        let mut a = node(A, 10, Some(view(10, 20)));
        let stranger = NodeId(9);
        for shown in [None, Some(view(10, 20)), Some(view(11, 20)), Some(Membership::default())] {
            assert_eq!(a.handle(stranger, Incarnation(90), &intro(90, shown)), Ok(Vec::new()));
        }
        assert!(!begins(&a.tick(Timestamp::default())));
        assert!(Bootstrap::new(NodeId(9), Incarnation(1), &[A, B], None).is_err());
    }
}
