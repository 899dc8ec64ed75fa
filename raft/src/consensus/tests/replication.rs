//! Log replication (§5.3): matching, conflicts, lost and late messages, batches.

use super::*;
use crate::consensus::message::{AppendEntriesReply, AppendOutcome, HeartbeatReply};

fn outcome(outputs: &[Output]) -> AppendOutcome {
    let found = sends(outputs).into_iter().find_map(|(_, m)| match m {
        Message::AppendEntriesReply(m) => Some(m.outcome),
        _ => None,
    });
    found.expect("an answer")
}

fn reply(node: &mut Solo, from: NodeId, id: u64, outcome: AppendOutcome) -> Vec<Output> {
    let term = node.raft.term();
    node.hears(from, Message::AppendEntriesReply(AppendEntriesReply { term, id, outcome }))
}

#[test]
fn a_follower_truncates_only_at_a_real_conflict() {
    let mut node = Solo::new(3, 2, &[]);
    let all = vec![command(2, 2), command(3, 2), command(4, 2)];
    node.appended(N2, append(2, id(1, 1), all.clone(), 1));
    // An earlier, shorter request arrives late, and again empty.
    for late in [all[..1].to_vec(), vec![]] {
        let matched = outcome(&node.appended(N2, append(2, id(1, 1), late.clone(), 1)));
        assert_eq!(
            matched,
            AppendOutcome::Matched(LogIndex(1 + late.len() as u64)),
            "no more than was checked"
        );
        assert_eq!(node.raft.last_log(), id(4, 2));
    }
    node.appended(N3, append(3, id(2, 2), vec![command(3, 3)], 1));
    assert_eq!(node.raft.last_log(), id(3, 3));
}

#[test]
fn a_conflict_names_its_whole_term() {
    let mut node = Solo::new(3, 5, &[2, 2, 2, 4]);
    let conflict =
        |term: Option<u64>, first| AppendOutcome::Conflict { term: term.map(Term), first: LogIndex(first) };
    assert_eq!(outcome(&node.appended(N2, append(5, id(4, 3), vec![], 0))), conflict(Some(2), 2));
    assert_eq!(outcome(&node.appended(N2, append(5, id(5, 5), vec![], 0))), conflict(Some(4), 5));
    assert_eq!(outcome(&node.appended(N2, append(5, id(9, 5), vec![], 0))), conflict(None, 6));
}

/// How often a follower with entries of these terms rejects before it agrees with a leader that has those.
fn rejections(theirs: &[u64], ours: &[u64]) -> u32 {
    let term = ours[ours.len() - 1];
    let mut follower = Solo::new(3, term, theirs);
    let mut leader = Solo::new(3, term, ours);
    let mut appends = appends_to(&leader.lead(), N2);
    let mut rejections = 0;
    let mut steps = 0..STEPS;
    while let Some(m) = appends.pop() {
        assert!(steps.next().is_some(), "requests without end: {rejections} were rejected");
        let (id, outcome) = (m.id, outcome(&follower.appended(N2, m)));
        rejections += u32::from(matches!(outcome, AppendOutcome::Conflict { .. }));
        appends.extend(appends_to(&reply(&mut leader, N2, id, outcome), N2));
    }
    assert!(follower.raft.log().from(LogIndex(1)).eq(leader.raft.log().from(LogIndex(1))));
    rejections
}

#[test]
fn a_long_divergence_costs_one_round_trip_per_term() {
    let (theirs, ours) = ([[2; 50], [5; 50]].concat(), [[3; 40], [4; 40], [6; 40]].concat());
    let rejections = rejections(&theirs, &ours);
    assert!(rejections <= 3, "{rejections}");
}

/// Over a link that loses much, each round trip more may take seconds.
#[test]
fn terms_that_the_leader_lacks_are_passed_over_at_once() {
    let theirs: Vec<u64> = (2..40).flat_map(|term| [term; 3]).collect();
    // The end of its log, and the last of its terms.
    assert_eq!(rejections(&theirs, &[40; 200]), 2);
}

/// All logs of a leader and a follower with up to four commands of three terms, as far as they can be in one cluster.
fn pairs_of_logs() -> Vec<(Vec<u64>, Vec<u64>)> {
    let mut logs = vec![Vec::new()];
    for from in 0.. {
        let Some(log) = logs.get(from).filter(|log: &&Vec<u64>| log.len() < 4).cloned() else { break };
        let least = log.last().copied().unwrap_or(1);
        logs.extend((least..=3).map(|term| [&log[..], &[term]].concat()));
    }
    // A term has one leader, so its entries begin behind the same log everywhere; those of the first begin at the first
    // entry, which all have.
    let before = |log: &[u64], term| log.iter().position(|its| *its == term).map(|at| log[..at].to_vec());
    let can_be = |one: &[u64], other: &[u64]| {
        (2..=3).all(|term| match (before(one, term), before(other, term)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        })
    };
    let pairs = logs.iter().flat_map(|one| logs.iter().map(move |other| (one, other)));
    pairs.filter(|(one, other)| can_be(one, other)).map(|(one, other)| (one.clone(), other.clone())).collect()
}

/// So exact are the hints of a rejection. Therefore what a follower has behind a request that matched is the leader's,
/// too, whatever it says or commits of it; that it goes by the request alone is for leaders that probe otherwise.
#[test]
fn the_first_request_that_matches_holds_the_first_conflict() {
    let pairs = pairs_of_logs();
    assert!(pairs.len() > 300, "{}", pairs.len());
    for (theirs, ours) in pairs {
        let start = |terms| Start {
            hard_state: HardState { current_term: Term(3), voted_for: None },
            entries: entries(3, terms),
            ..Start::default()
        };
        let single = Config { max_append_entries: 1, ..Config::lan() };
        let mut follower = Solo::new(3, 3, &theirs);
        let mut leader = Solo::start(single, start(&ours));
        let mut appends = appends_to(&leader.lead(), N2);
        let mut steps = 0..STEPS;
        while let Some(m) = appends.pop() {
            assert!(steps.next().is_some(), "{theirs:?} under {ours:?}: requests without end");
            let (id, outcome) = (m.id, outcome(&follower.appended(N2, m)));
            if let AppendOutcome::Matched(_) = outcome {
                break;
            }
            appends.extend(appends_to(&reply(&mut leader, N2, id, outcome), N2));
        }
        let has = |entry: &Entry| leader.raft.log().get(entry.id.index) == Some(entry);
        assert!(follower.raft.log().from(LogIndex(1)).all(has), "{theirs:?} under {ours:?}");
    }
}

#[test]
fn a_batch_is_bounded_in_bytes_and_skips_nothing() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    reply(&mut node, N2, appends_to(&elected, N2)[0].id, AppendOutcome::Matched(LogIndex(2)));
    for ticket in 0..10 {
        let data = Bytes::from(vec![7; 300 << 10]);
        let propose = Input::Propose { ticket: Ticket(ticket), kind: EntryKind::Command, data };
        node.raft.step(node.now, propose).unwrap();
    }
    let appends = appends_to(&node.step(Input::Tick), N2);
    let indexes: Vec<u64> = appends.iter().flat_map(|a| a.entries.iter().map(|e| e.id.index.0)).collect();
    assert_eq!(indexes, (3..13).collect::<Vec<_>>());
    assert!(appends.iter().all(|a| a.entries.len() == 3 || a.entries.len() == 1), "1 MiB each");
}

#[test]
fn proposals_of_one_turn_share_a_request_and_a_write() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    reply(&mut node, N2, appends_to(&elected, N2)[0].id, AppendOutcome::Matched(LogIndex(2)));
    for ticket in 0..64 {
        let propose = Input::Propose { ticket: Ticket(ticket), kind: EntryKind::Command, data: Bytes::new() };
        node.raft.step(node.now, propose).unwrap();
    }
    let outputs = node.step(Input::Tick);
    assert_eq!(appends_to(&outputs, N2).len(), 1);
    assert_eq!(persists(&outputs).len(), 1);
}

#[test]
fn a_silent_peer_gets_heartbeats_only_until_it_answers() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    reply(&mut node, N2, appends_to(&elected, N2)[0].id, AppendOutcome::Matched(LogIndex(2)));
    let proposed = node.propose(1, "x");
    node.persisted(&proposed);
    let alive = |node: &mut Solo, from| {
        let term = node.raft.term();
        node.hears(from, Message::HeartbeatReply(HeartbeatReply { term, round: 0, lacks: None }))
    };
    let mut appends = 0;
    for _ in 0..20 {
        let outputs = node.after(50);
        appends += appends_to(&outputs, N3).len();
        assert!(!heartbeats_to(&outputs, N3).is_empty());
        alive(&mut node, N2);
    }
    assert_eq!(appends, 0, "node 3 has the first request, and never answered");
    let again = appends_to(&alive(&mut node, N3), N3);
    assert_eq!(again[0].prev_log, id(1, 1), "the same probe again, not the whole log");
}

#[test]
fn an_answer_of_an_earlier_term_counts_for_nothing() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    let stale = AppendEntriesReply { term: Term(1), id: 1, outcome: AppendOutcome::Matched(LogIndex(2)) };
    node.hears(N2, Message::AppendEntriesReply(stale));
    assert_eq!(node.raft.commit_index(), LogIndex(0));
}

#[test]
fn a_divergent_log_is_replaced_by_the_leaders() {
    let mut net = Net::new(3);
    net.elect(N1, &[N1, N2, N3]);
    net.deliver_among(&[N1, N2, N3]);
    for _ in 0..3 {
        net.propose(N1, "doomed");
    }
    net.deliver_among(&[N1]);
    net.elect(N2, &[N2, N3]);
    net.propose(N2, "kept");
    net.deliver_among(&[N2, N3]);
    for _ in 0..10 {
        net.wait(50);
        for n in [N1, N2, N3] {
            net.step(n, Input::Tick);
        }
        net.deliver_among(&[N1, N2, N3]);
    }
    assert_eq!(net.terms(N1), net.terms(N2));
    assert_eq!(net.terms(N3), net.terms(N2));
    assert_eq!(net.raft(N1).commit_index(), net.raft(N2).commit_index());
}
