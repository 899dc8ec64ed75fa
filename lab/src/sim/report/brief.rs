//! A message, or what a disk does, in a few words. `5@2` is entry 5 of term 2.

use raft::consensus::message::{AppendEntries, AppendOutcome, Message, SnapshotOutcome};
use raft::storage::disk::Op;

/// What a message says, without what no reader of a diagram looks for.
pub(in crate::sim) fn brief(message: &Message) -> String {
    match message {
        Message::PreVote(ask) => format!("PreVote for term {}, log to {}", ask.term, ask.last_log),
        Message::PreVoteReply(reply) => format!("{} PreVote for term {}", yes(reply.granted), reply.asked),
        Message::RequestVote(ask) => format!("Vote for term {}, log to {}", ask.term, ask.last_log),
        Message::RequestVoteReply(reply) => format!("{} Vote in term {}", yes(reply.granted), reply.term),
        Message::AppendEntries(append) => append_entries(append),
        Message::AppendEntriesReply(reply) => {
            format!("{} #{} in term {}", append_outcome(&reply.outcome), reply.id, reply.term)
        }
        Message::Heartbeat(beat) => {
            format!("Heartbeat of term {}, round {}, commit {}", beat.term, beat.round, beat.leader_commit)
        }
        Message::HeartbeatReply(reply) => {
            let lacks = reply.lacks.map(|from| format!(", lacks {from} and on")).unwrap_or_default();
            format!("heard round {} in term {}{lacks}", reply.round, reply.term)
        }
        Message::Introduction(of) => format!("Introduction, {}", bound(of.view.is_some())),
        Message::IntroductionReply(of) => format!("introduced, {}", bound(of.view.is_some())),
        Message::InstallSnapshot(part) => {
            let (from, length) = (part.offset, part.data.len());
            let of = part.snapshot.last;
            format!(
                "Snapshot to {of} in term {}: {length} of {} from {from}",
                part.term, part.snapshot.length
            )
        }
        Message::InstallSnapshotReply(reply) => {
            let outcome = match reply.outcome {
                SnapshotOutcome::Next(next) => format!("has {next} bytes"),
                SnapshotOutcome::Installed => "installed".to_owned(),
            };
            format!("Snapshot to {} in term {}: {outcome}", reply.snapshot.last, reply.term)
        }
    }
}

/// Entries of one term after the other, as `5@2..7, 8@3`: how many, then what they follow.
fn append_entries(append: &AppendEntries) -> String {
    let runs = append.entries.chunk_by(|one, next| one.id.term == next.id.term);
    let runs: Vec<String> = runs
        .filter_map(|run| match run {
            [] => None,
            [only] => Some(only.id.to_string()),
            [first, .., last] => Some(format!("{}..{}", first.id, last.id.index)),
        })
        .collect();
    let entries = if runs.is_empty() { "nothing".to_owned() } else { runs.join(", ") };
    let AppendEntries { term, id, prev_log, leader_commit, entries: all } = append;
    format!("Append {entries} ({}) after {prev_log}, term {term}, commit {leader_commit}, #{id}", all.len())
}

fn append_outcome(outcome: &AppendOutcome) -> String {
    match outcome {
        AppendOutcome::Matched(index) => format!("matched to {index}"),
        AppendOutcome::Conflict { term: Some(term), first } => {
            format!("conflict, term {term} begins at {first}")
        }
        AppendOutcome::Conflict { term: None, first } => format!("conflict, log ends before {first}"),
        AppendOutcome::Repairing { from } => format!("lacks {from} and on"),
        AppendOutcome::NoRoom => "no room".to_owned(),
    }
}

fn yes(granted: bool) -> &'static str {
    if granted { "yes:" } else { "no:" }
}

fn bound(bound: bool) -> &'static str {
    if bound { "bound" } else { "not bound" }
}

/// What a disk does.
pub(in crate::sim) fn op(op: &Op) -> String {
    match op {
        Op::Lock => "lock".to_owned(),
        Op::List { dir } => format!("list {dir}"),
        Op::Read { file, offset, .. } | Op::ReadBack { file, offset, .. } => {
            format!("read {file} from {offset}")
        }
        Op::Write { file, offset, data } | Op::WriteOnce { file, offset, data } => {
            format!("write {file} {offset}+{}", data.len())
        }
        Op::WriteSync { file, offset, data } => format!("write and sync {file} {offset}+{}", data.len()),
        Op::Sync { file } => format!("sync {file}"),
        Op::Allocate { file, length } => format!("allocate {file} {length}"),
        Op::SyncDir { dir } => format!("sync directory {dir}"),
        Op::CreateDir { dir } => format!("make directory {dir}"),
        Op::Rename { from, to } => format!("rename {from} {to}"),
        Op::Remove { file } => format!("remove {file}"),
    }
}

#[cfg(test)]
mod tests {
    use raft::consensus::entry::{Entry, EntryKind};
    use raft::{LogId, LogIndex, Term};

    use super::*;

    fn id(index: u64, term: u64) -> LogId {
        LogId { term: Term(term), index: LogIndex(index) }
    }

    #[test]
    fn entries_are_named_by_runs_of_one_term() {
        let of = |ids: &[LogId]| {
            let entries =
                ids.iter().map(|id| Entry { id: *id, kind: EntryKind::Noop, data: "".into(), crc: 0 });
            brief(&Message::AppendEntries(AppendEntries {
                term: Term(3),
                id: 9,
                prev_log: id(4, 2),
                leader_commit: LogIndex(4),
                entries: entries.collect(),
            }))
        };
        let all = [id(5, 2), id(6, 2), id(7, 2), id(8, 3)];
        assert_eq!(of(&all[..3]), "Append 5@2..7 (3) after 4@2, term 3, commit 4, #9");
        assert_eq!(of(&all), "Append 5@2..7, 8@3 (4) after 4@2, term 3, commit 4, #9");
        assert_eq!(of(&[]), "Append nothing (0) after 4@2, term 3, commit 4, #9");
    }
}
