//! Each rule fires where it is broken by hand, and not without.

use std::sync::Arc;

use bytes::Bytes;
use raft::consensus::Raft;
use raft::consensus::entry::{Entry, EntryKind};
use raft::consensus::io::{Input, Output};
use raft::consensus::message::{
    AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, InstallSnapshot, InstallSnapshotReply,
    PreVote, PreVoteReply, RequestVote, RequestVoteReply, SnapshotOutcome,
};
use raft::consensus::snapshot::SnapshotId;
use raft::pump::{first_write, raft_of};
use raft::session::{ReplyBounds, SessionTag, Sessions, Verdict};
use raft::storage::Storage;
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::SimDisk;
use raft::{ClusterId, Config, HardState, Incarnation, LogId, Membership, SessionId};

use super::*;
use crate::carrier::id_of;

/// Three nodes and their disks, which agree until a test says otherwise.
pub(super) struct Bench {
    pub(super) rafts: Vec<Raft>,
    pub(super) durable: Vec<Arc<DurableLog>>,
    pub(super) damaged: Vec<Damages>,
    sessions: Sessions,
    now: Timestamp,
}

impl Bench {
    /// In this term, with a command of each of these terms behind the first entry.
    pub(super) fn new(term: u64, logs: [&[u64]; 3]) -> Bench {
        let (rafts, durable) =
            logs.iter().enumerate().map(|(node, terms)| node_with(node, term, terms)).unzip();
        let now = Timestamp::from_millis(1);
        Bench { rafts, durable, damaged: vec![Damages::default(); 3], sessions: Sessions::default(), now }
    }

    pub(super) fn view(&self, node: usize) -> View<'_> {
        let Bench { rafts, durable, damaged, sessions, .. } = self;
        let (raft, applied) = (&rafts[node], LogIndex(1));
        View { node, raft, sessions: Some(sessions), applied, durable, damaged }
    }

    fn step(&mut self, node: usize, input: Input) -> Vec<Output> {
        self.rafts[node].step(self.now, input).unwrap();
        let mut outputs = Vec::new();
        self.rafts[node].drain(self.now, &mut outputs);
        outputs
    }

    fn hears(&mut self, node: usize, from: usize, message: Message) -> Vec<Output> {
        self.step(node, Input::Message { from: id_of(from), message })
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + std::time::Duration::from_millis(millis);
    }

    /// Node 0 campaigns and has node 1's vote.
    fn lead(&mut self) -> Term {
        self.pass(400);
        self.step(0, Input::Tick);
        let (term, asked) = (self.rafts[0].term(), self.rafts[0].term().next());
        let campaign = self.hears(0, 1, Message::PreVoteReply(PreVoteReply { term, asked, granted: true }));
        let persist = campaign.iter().find_map(|output| match output {
            Output::Persist(persist) => Some(persist.id),
            _ => None,
        });
        self.step(0, Input::Persisted(persist.unwrap()));
        self.hears(0, 1, Message::RequestVoteReply(RequestVoteReply { term: asked, granted: true }));
        assert_eq!(self.rafts[0].role(), raft::consensus::io::RoleName::Leader);
        asked
    }
}

fn node_with(node: usize, term: u64, terms: &[u64]) -> (Raft, Arc<DurableLog>) {
    let members = (0..3).map(|node| (id_of(node), Incarnation(1 + node as u128)));
    let membership = Membership { voters: members.collect() };
    let cluster = ClusterId::new("rules").unwrap();
    let incarnation = Incarnation(1 + node as u128);
    let opened = Storage::open_with(SimDisk::new(), &cluster, id_of(node), incarnation, 1 << 16);
    let (mut storage, identity, mut recovered) = opened.unwrap();
    let mut first = first_write(&membership, &identity, &mut recovered).unwrap();
    let hard_state = HardState { current_term: Term(term), voted_for: None };
    let command = |(index, term): (u64, &u64)| {
        let id = LogId { term: Term(*term), index: LogIndex(index) };
        Entry::new(id, EntryKind::Command, Bytes::from(format!("{id}")))
    };
    first.entries.extend((2..).zip(terms).map(command));
    first.hard_state = Some(hard_state);
    (recovered.hard_state, recovered.entries) = (hard_state, first.entries.clone());
    storage.append(&first);
    storage.flush().unwrap();
    let raft = raft_of(&identity, Config::lan(), 1, Timestamp::default(), recovered).unwrap();
    (raft, Arc::new(DurableLog::of(&storage.into_disk(), &identity)))
}

pub(super) fn rule(result: Result<(), Broken>) -> Option<&'static str> {
    result.err().map(|(rule, _)| rule)
}

#[test]
fn a_leader_needs_votes_that_were_given() {
    let mut bench = Bench::new(1, [&[]; 3]);
    let term = bench.lead();
    let mut elections = elections::Elections::default();
    assert_eq!(rule(elections.clone().check(&bench.view(0))), Some("a leader has a majority's votes"));
    let vote = |term| Message::RequestVoteReply(RequestVoteReply { term, granted: true });
    elections.leaves(1, 0, &vote(Term(1))).unwrap();
    assert!(elections.clone().check(&bench.view(0)).is_err(), "of an earlier term");
    elections.leaves(1, 0, &vote(term)).unwrap();
    assert_eq!(rule(elections.check(&bench.view(0))), None);
}

#[test]
fn a_later_term_is_taken_over() {
    let bench = Bench::new(3, [&[]; 3]);
    let mut contacts = contacts::Contacts::new(3);
    let reply = |term| Message::HeartbeatReply(HeartbeatReply { term: Term(term), round: 0, lacks: None });
    contacts.arrives(&bench.view(0), bench.now, 1, &reply(3));
    assert_eq!(rule(contacts.taken(&bench.view(0))), None);
    contacts.arrives(&bench.view(0), bench.now, 1, &reply(4));
    assert_eq!(rule(contacts.taken(&bench.view(0))), Some("a later term is taken over"));
}

#[test]
fn who_hears_a_leader_grants_no_pre_vote() {
    let bench = Bench::new(3, [&[]; 3]);
    let heartbeat = Heartbeat { term: Term(3), round: 0, leader_commit: LogIndex(0) };
    let last_log = LogId { term: Term(1), index: LogIndex(1) };
    let yes = PreVoteReply { term: Term(3), asked: Term(4), granted: true };
    let granted_after = |millis: u64| {
        let mut contacts = contacts::Contacts::new(3);
        contacts.arrives(&bench.view(0), bench.now, 1, &Message::Heartbeat(heartbeat));
        contacts.taken(&bench.view(0)).unwrap();
        let later = bench.now + std::time::Duration::from_millis(millis);
        contacts.arrives(&bench.view(0), later, 2, &Message::PreVote(PreVote { term: Term(4), last_log }));
        rule(contacts.leaves(&bench.view(0), 2, &Message::PreVoteReply(yes)))
    };
    assert_eq!(granted_after(149), Some("a leader that is heard is not disturbed"));
    assert_eq!(granted_after(150), None);
}

#[test]
fn who_hears_a_leader_takes_no_candidates_term() {
    let last_log = LogId { term: Term(3), index: LogIndex(9) };
    let asked_after = |millis: u64, leadership_transfer| {
        let mut bench = Bench::new(3, [&[]; 3]);
        let mut contacts = contacts::Contacts::new(3);
        let heartbeat = Heartbeat { term: Term(3), round: 0, leader_commit: LogIndex(0) };
        contacts.arrives(&bench.view(0), bench.now, 1, &Message::Heartbeat(heartbeat));
        contacts.taken(&bench.view(0)).unwrap();
        let later = bench.now + std::time::Duration::from_millis(millis);
        let ask = Message::RequestVote(RequestVote { term: Term(4), last_log, leadership_transfer });
        contacts.arrives(&bench.view(0), later, 2, &ask);
        assert_eq!(rule(contacts.clone().taken(&bench.view(0))), None, "it was refused");
        // The node itself has heard nobody.
        bench.hears(0, 2, ask);
        assert_eq!(bench.rafts[0].term(), Term(4));
        rule(contacts.taken(&bench.view(0)))
    };
    assert_eq!(asked_after(149, false), Some("a leader that is heard is not disturbed"));
    assert_eq!(asked_after(149, true), None);
    assert_eq!(asked_after(150, false), None);
}

#[test]
fn a_leader_without_answers_steps_down() {
    let mut bench = Bench::new(1, [&[]; 3]);
    let term = bench.lead();
    let answer = Message::HeartbeatReply(HeartbeatReply { term, round: 0, lacks: None });
    let mut quorums = quorums::Quorums::new(3);
    quorums.passed(&bench.view(0), bench.now).unwrap();
    bench.pass(200);
    let mut answered = quorums.clone();
    answered.arrives(&bench.view(0), bench.now, 2, &answer);
    bench.pass(101);
    let silent = rule(quorums.passed(&bench.view(0), bench.now));
    assert_eq!(silent, Some("a leader that no majority answers steps down"));
    assert_eq!(rule(answered.passed(&bench.view(0), bench.now)), None);
}

#[test]
fn an_answer_that_nobody_gave_in_this_term_counts_for_nothing() {
    let mut bench = Bench::new(1, [&[]; 3]);
    let term = bench.lead();
    let mut quorums = quorums::Quorums::new(3);
    quorums.passed(&bench.view(0), bench.now).unwrap();
    bench.pass(10);
    // The rule saw none; the leader did.
    bench.hears(0, 1, Message::HeartbeatReply(HeartbeatReply { term, round: 0, lacks: None }));
    let believed = rule(quorums.passed(&bench.view(0), bench.now));
    assert_eq!(believed, Some("an answer of an earlier term counts for nothing"));
}

#[test]
fn what_a_leader_counts_on_a_peer_is_there() {
    let believes = |index, logs| {
        let mut bench = Bench::new(2, logs);
        // A disk of an earlier term than the leader's cannot have acknowledged in it, and is looked at all the same.
        let term = bench.lead();
        let outcome = AppendOutcome::Matched(LogIndex(index));
        let reply = AppendEntriesReply { term, id: 1, outcome };
        bench.hears(0, 1, Message::AppendEntriesReply(reply));
        rule(beliefs::check(&bench.view(0), &beliefs::Beliefs::new(3).news(&bench.view(0))))
    };
    assert_eq!(believes(2, [&[2], &[2], &[]]), None);
    assert_eq!(believes(2, [&[2], &[], &[]]), Some("what a leader counts is there"));
    assert_eq!(believes(2, [&[2], &[1], &[]]), Some("what a leader counts is there"));
}

/// Figure 8 (c): node 0 of term 4 has copied its entry of term 2 to node 1; node 2, which led term 3, would have the
/// vote of node 1.
#[test]
fn what_is_committed_no_electable_log_lacks() {
    let commits = |theirs: &'static [u64]| {
        let mut bench = Bench::new(4, [&[2], &[2], theirs]);
        let told = Heartbeat { term: Term(4), round: 0, leader_commit: LogIndex(2) };
        bench.hears(0, 1, Message::Heartbeat(told));
        assert_eq!(bench.rafts[0].commit_index(), LogIndex(2));
        rule(commits::Commits::default().check(&Seen::default(), &bench.view(0)))
    };
    assert_eq!(commits(&[3]), Some("what is committed no leader lacks"));
    assert_eq!(commits(&[1, 1, 1]), None);
    assert_eq!(commits(&[]), None);
}

#[test]
fn a_read_is_confirmed_after_it_was_asked() {
    let mut bench = Bench::new(1, [&[]; 3]);
    let term = bench.lead();
    let answer = |term| Message::HeartbeatReply(HeartbeatReply { term, round: 1, lacks: None });
    let told = |before: Option<Term>, after: Option<Term>| {
        let mut dealings = confirmations::Confirmations::default();
        before.into_iter().for_each(|term| dealings.leaves(1, 0, &answer(term)));
        let promise = dealings.asked(bench.view(0).raft.term());
        after.into_iter().for_each(|term| dealings.leaves(1, 0, &answer(term)));
        rule(dealings.read(&bench.view(0), promise))
    };
    assert_eq!(told(None, Some(term)), None);
    assert_eq!(told(Some(term), None), Some("a read is confirmed by a majority"));
    assert_eq!(told(None, Some(term.next())), Some("a read is confirmed by a majority"));
}

#[test]
fn sessions_keep_no_more_than_they_may() {
    let mut bench = Bench::new(1, [&[]; 3]);
    let tag = SessionTag { session: SessionId(7), serial: 1, floor: 0 };
    bench.sessions.open(LogIndex(1), tag.session);
    assert_eq!(bench.sessions.begin(LogIndex(2), tag), Verdict::Fresh);
    bench.sessions.record(LogIndex(2), tag, Bytes::from_static(b"five."));
    let looked = |bench: &Bench| rule(memory::Memory::new(3).check(&bench.view(0)));
    assert_eq!(looked(&bench), None);
    bench.sessions = bench.sessions.bounded(ReplyBounds { session: 4, all: 8 });
    assert_eq!(looked(&bench), Some("sessions keep what they may"));
}

#[test]
fn a_transfer_goes_on_unless_its_file_is_gone() {
    let bench = Bench::new(3, [&[]; 3]);
    let last = LogId { term: Term(2), index: LogIndex(9) };
    let snapshot = |hash| SnapshotId { last, length: 500, hash: [hash; 32] };
    let asked = |term, snapshot| {
        Message::InstallSnapshot(InstallSnapshot {
            term: Term(term),
            snapshot,
            offset: 0,
            data: Bytes::new(),
        })
    };
    let said = |snapshot, there| {
        let outcome = SnapshotOutcome::Next(there);
        Message::InstallSnapshotReply(InstallSnapshotReply { term: Term(3), snapshot, outcome })
    };
    let mut begun = transfers::Transfers::new(3);
    begun.arrives(&bench.view(1), 0, &asked(3, snapshot(1)));
    begun.leaves(&bench.view(1), &said(snapshot(1), 100)).unwrap();
    let again = said(snapshot(1), 0);
    assert_eq!(rule(begun.clone().leaves(&bench.view(1), &again)), Some("a transfer goes on"));
    let after = |between: fn(&mut transfers::Transfers, &View<'_>, Message), message| {
        let mut begun = begun.clone();
        between(&mut begun, &bench.view(1), message);
        rule(begun.leaves(&bench.view(1), &again))
    };
    assert_eq!(after(|begun, view, _| begun.disk_failed(view.node), again.clone()), None, "its file is gone");
    assert_eq!(
        after(|begun, view, m| begun.arrives(view, 0, &m), asked(3, snapshot(2))),
        None,
        "another came"
    );
    assert_eq!(
        after(|begun, view, m| begun.arrives(view, 0, &m), asked(2, snapshot(1))),
        None,
        "an old leader asked"
    );
    let goes_on = |begun: &mut transfers::Transfers, view: &View<'_>, m: Message| {
        begun.blemished(0);
        begun.arrives(view, 0, &m);
    };
    assert_eq!(after(goes_on, asked(3, snapshot(1))), None, "its leader's disk gives something else");
    let damaged = |begun: &mut transfers::Transfers, view: &View<'_>, _| begun.blemished(view.node);
    assert_eq!(after(damaged, again.clone()), None, "what it has is damaged");
}

#[test]
fn what_excuses_a_transfer_is_over_when_it_goes_on() {
    let bench = Bench::new(3, [&[]; 3]);
    let view = bench.view(1);
    let last = LogId { term: Term(2), index: LogIndex(9) };
    let snapshot = SnapshotId { last, length: 500, hash: [1; 32] };
    let piece = |term, offset| {
        let data = Bytes::from_static(&[0; 100]);
        Message::InstallSnapshot(InstallSnapshot { term: Term(term), snapshot, offset, data })
    };
    let said = |there| {
        let outcome = SnapshotOutcome::Next(there);
        Message::InstallSnapshotReply(InstallSnapshotReply { term: Term(3), snapshot, outcome })
    };
    let mut begun = transfers::Transfers::new(3);
    begun.arrives(&view, 0, &piece(3, 0));
    begun.leaves(&view, &said(100)).unwrap();
    let goes_on = |begun: &mut transfers::Transfers, upto| {
        begun.arrives(&view, 0, &piece(3, upto - 100));
        begun.leaves(&view, &said(upto)).unwrap();
        rule(begun.clone().leaves(&view, &said(0)))
    };
    let broken = Some("a transfer goes on");
    assert_eq!(goes_on(&mut begun.clone(), 200), broken);
    // What an earlier leader asked is answered with what it said, which it may have sent further than this one.
    let mut late = begun.clone();
    late.arrives(&view, 2, &piece(2, 300));
    late.leaves(&view, &said(300)).unwrap();
    assert_eq!((goes_on(&mut late, 200), goes_on(&mut late, 400)), (None, None));
    assert_eq!(goes_on(&mut late, 500), broken);
    // Whatever comes before the node has heard of the failure may be of what failed.
    let mut failed = begun.clone();
    failed.disk_failed(1);
    assert_eq!(goes_on(&mut failed, 200), None);
    failed.has_looked(1);
    assert_eq!((goes_on(&mut failed, 200), goes_on(&mut failed, 300)), (None, broken));
    let mut damaged = begun.clone();
    damaged.blemished(1);
    damaged.has_looked(1);
    assert_eq!(goes_on(&mut damaged, 200), None);
}

#[test]
fn a_leader_lacks_nothing_that_is_known_later_to_be_committed_before_its_term() {
    let mut bench = Bench::new(2, [&[1], &[1, 2], &[1, 2]]);
    let mut commits = commits::Commits::default();
    let term = bench.lead();
    let (before, view) = (Seen::of(&bench.view(0)), bench.view(0));
    assert_eq!(rule(commits.check(&before, &view)), None, "it leads, and nothing is known");
    // An older leader is told only now that a majority has its entry.
    let told = Heartbeat { term: Term(2), round: 0, leader_commit: LogIndex(3) };
    bench.hears(1, 2, Message::Heartbeat(told));
    assert_eq!(bench.rafts[1].commit_index(), LogIndex(3));
    commits.check(&Seen::default(), &bench.view(1)).unwrap();
    assert_eq!(bench.rafts[0].term(), term);
    let before = Seen::of(&bench.view(0));
    assert_eq!(rule(commits.check(&before, &bench.view(0))), Some("leader completeness"));
}

fn violation(rule: &'static str, what: &str) -> Violation {
    Violation { at: Timestamp::default(), rule, what: what.to_owned() }
}

#[test]
fn a_panic_is_not_like_another() {
    let panic = |what: &str| violation(PANICS, what);
    assert!(panic("at log.rs:17: index 3").is_like(&panic("at log.rs:17: index 250")));
    assert!(!panic("at log.rs:17: index 3").is_like(&panic("at nemesis.rs:17: index 3")));
    assert!(!violation(GOES_ON, "node 1 ended: a").is_like(&violation(GOES_ON, "node 1 ended: b")));
    assert!(violation("other", "a").is_like(&violation("other", "b")));
    assert!(!violation("other", "a").is_like(&violation("another", "a")));
}

/// Exploration keeps a [`Dealings`] for each node and a [`History`] for all: a rule that is in neither would be asked
/// in sweeps alone.
#[test]
fn each_rule_has_its_place_in_one_of_the_two() {
    let Invariants { seen: _, history: _, dealings: _ } = Invariants::new(3);
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim/invariants");
    let text = |file: &str| std::fs::read_to_string(here.join(file)).unwrap();
    let (both, dealings) = (text("mod.rs"), text("dealings.rs"));
    let (_, history) = both.split_once("pub(crate) struct History").unwrap();
    let (history, _) = history.split_once("pub(crate) struct Invariants").unwrap();
    for file in std::fs::read_dir(&here).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let rule = file.trim_end_matches(".rs");
        let is_place = ["mod", "tests", "disk_tests", "dealings", "damages", "view"].contains(&rule);
        let is_used = |text: &str| text.contains(&format!(" {rule}::"));
        assert!(is_place || is_used(&dealings) || is_used(history), "exploration does not ask {rule}");
    }
}
