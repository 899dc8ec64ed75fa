//! `debug`: what is in a data directory, the place of any damage, and what to do about it.

use std::path::Path;

use raft::storage::inspect::{self, Findings, Piece};
use raft::storage::{DirectoryDisk, OpenError};
use serde_json::{Value, json};

use super::{DebugCommand, Ended, Output, WalCommand, output};
use crate::service::exit::Exit;
use crate::service::node::NodeError;

pub(super) fn debug(format: Output, command: DebugCommand) -> Result<Exit, Ended> {
    match command {
        DebugCommand::Wal(WalCommand::Dump { dir }) => dump(format, &dir),
        DebugCommand::Wal(WalCommand::Verify { dir }) => verify(format, &dir),
        DebugCommand::State { dir } => state(format, &dir),
    }
}

/// A directory that is there; looking must not make one.
fn open(dir: &Path) -> Result<DirectoryDisk, Ended> {
    if !dir.join("identity").is_file() {
        let why = format!("{} is no data directory: it holds no file `identity`", dir.display());
        return Err(Ended::new(Exit::WrongDirectory, why));
    }
    DirectoryDisk::open(dir).map_err(|error| Ended::new(Exit::StorageFailed, error))
}

fn ended(error: OpenError) -> Ended {
    let text = error.to_string();
    Ended::new(NodeError::Open(error).exit(), text)
}

fn dump(format: Output, dir: &Path) -> Result<Exit, Ended> {
    let mut rows = Vec::new();
    if format == Output::Table {
        output::line(&format!(
            "{:<20} {:>10} {:>9} {:>8} {:>8} {:>10} {:>14}  CHAIN",
            "FILE", "OFFSET", "BYTES", "TERM", "VOTE", "KEPT", "LAST"
        ));
    }
    inspect::pieces(&mut open(dir)?, |piece| match format {
        Output::Table => output::line(&row(&piece)),
        Output::Json => rows.push(as_json(&piece)),
    })
    .map_err(ended)?;
    if format == Output::Json {
        output::json(&rows);
    }
    Ok(Exit::Done)
}

fn row(piece: &Piece) -> String {
    match piece {
        Piece::Bad { file, from, to } => {
            format!("{file:<20} {from:>10} {:>9} damaged: no batch stands here", to - from)
        }
        Piece::Batch { file, offset, length, intact, hard_state, kept, last, chain } => {
            let vote = hard_state.voted_for.map_or("-".to_owned(), |vote| vote.to_string());
            let note = if *intact { "" } else { "  its payload is damaged" };
            format!(
                "{file:<20} {offset:>10} {length:>9} {:>8} {vote:>8} {kept:>10} {:>14}  {chain}{note}",
                hard_state.current_term,
                last.to_string()
            )
        }
    }
}

fn as_json(piece: &Piece) -> Value {
    match piece {
        Piece::Bad { file, from, to } => {
            json!({"file": file, "offset": from, "bytes": to - from, "bad": true})
        }
        Piece::Batch { file, offset, length, intact, hard_state, kept, last, chain } => json!({
            "file": file, "offset": offset, "bytes": length, "bad": !intact,
            "term": hard_state.current_term.0, "vote": hard_state.voted_for.map(|vote| vote.0),
            "kept": kept.0, "last_index": last.index.0, "last_term": last.term.0, "chain": chain.to_string(),
        }),
    }
}

fn verify(format: Output, dir: &Path) -> Result<Exit, Ended> {
    let found = inspect::inspect(&mut open(dir)?).map_err(ended)?;
    match format {
        Output::Json => output::json(&summary(&found)),
        Output::Table => {
            for bad in &found.damage {
                output::line(&format!(
                    "{} is damaged at byte {}, after log index {}: {}",
                    bad.file, bad.offset, bad.after, bad.what
                ));
            }
            for (file, what) in &found.bad_snapshots {
                output::line(&format!("{file} is no snapshot: {what}"));
            }
            output::line(&advice(&found));
        }
    }
    Ok(if found.repair.is_some() { Exit::StorageFailed } else { Exit::Done })
}

fn advice(found: &Findings) -> String {
    let last = found.last;
    match (found.repair, found.damage.is_empty()) {
        (None, true) => format!("the log is intact up to index {}, term {}", last.index, last.term),
        (None, false) => format!(
            "nothing that counts is missing: the log is whole up to index {}, term {}. Start the node; and \
             look at this disk, which changes what it was given",
            last.index, last.term
        ),
        (Some(repair), _) => format!(
            "entries behind index {} are missing, up to {}. Start the node: it keeps its term and vote, leads \
             nobody, and gets them again from the leader (its status says `repairing` meanwhile). Leave the files as \
             they are, and never start it from an older copy, which would forget votes. In a cluster of one \
             node there is nobody to get them from",
            last.index, repair.least
        ),
    }
}

fn state(format: Output, dir: &Path) -> Result<Exit, Ended> {
    let found = inspect::inspect(&mut open(dir)?).map_err(ended)?;
    if format == Output::Json {
        output::json(&summary(&found));
        return Ok(Exit::Done);
    }
    let vote = found.hard_state.voted_for.map_or("nobody".to_owned(), |vote| format!("node {vote}"));
    let voters = found.membership.iter().flat_map(|m| &m.voters);
    let voters: Vec<String> = voters.map(|(node, incarnation)| format!("{node}/{incarnation}")).collect();
    for (name, value) in [
        ("cluster", found.identity.cluster.to_string()),
        ("node", found.identity.node.to_string()),
        ("incarnation", found.identity.incarnation.to_string()),
        ("term", format!("{}, voted for {vote}", found.hard_state.current_term)),
        ("snapshot", format!("up to index {}, term {}", found.base.id.index, found.base.id.term)),
        (
            "log",
            format!("index {} to {}, term {}", found.base.id.index.next(), found.last.index, found.last.term),
        ),
        ("chain", found.chain.to_string()),
        ("members", if voters.is_empty() { "none yet".to_owned() } else { voters.join(", ") }),
        ("segments", found.segments.to_string()),
        ("verdict", advice(&found)),
    ] {
        output::line(&format!("{name:<12} {value}"));
    }
    Ok(Exit::Done)
}

fn summary(found: &Findings) -> Value {
    let damage: Vec<Value> = found.damage.iter().map(|bad| {
        json!({"file": bad.file, "offset": bad.offset, "after_index": bad.after.0, "what": bad.what})
    }).collect();
    json!({
        "cluster": found.identity.cluster.to_string(), "node": found.identity.node.0,
        "incarnation": found.identity.incarnation.to_string(),
        "term": found.hard_state.current_term.0, "vote": found.hard_state.voted_for.map(|vote| vote.0),
        "bad_snapshots": found.bad_snapshots, "first_index": found.base.id.index.0 + 1, "last_index": found.last.index.0, "last_term": found.last.term.0,
        "chain": found.chain.to_string(), "segments": found.segments, "damage": damage,
        "missing_up_to": found.repair.map(|repair| repair.least.index.0), "advice": advice(found),
    })
}
