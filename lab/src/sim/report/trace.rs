//! What happened, as a hash that two runs of one seed must share, and as lines for people if they are wanted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use raft::Timestamp;
use raft::consensus::Raft;
use raft::consensus::io::RoleName;
use raft::consensus::message::Message;
use raft::storage::disk::Op;
use raft::storage::memory::Ran;
use raft::wire::Kind;
use raft::{LogIndex, Term};

use super::brief::{brief, op};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: u64,
    lines: Option<Vec<Line>>,
    /// The role and term of each node, and what it has committed, as of the last line about them.
    states: BTreeMap<usize, ((RoleName, Term), LogIndex)>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A message that leaves, and how long it takes.
    Sent,
    /// A message that was let in.
    Message,
    /// What was done to the cluster or a node, and what became of a node.
    Note,
    /// A disk has run something.
    Disk,
}

/// One line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub about: About,
    /// When.
    pub at: Timestamp,
    /// Whose doing: a node, and for a message the one that it went to.
    pub from: Option<usize>,
    /// See `from`.
    pub to: Option<usize>,
    /// What.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::from_nanos(self.at.as_nanos()).as_secs_f64();
        write!(f, "{seconds:10.6} ")?;
        match (self.from, self.to) {
            (Some(from), Some(to)) => write!(f, "{from} -> {to}: ")?,
            (Some(node), None) => write!(f, "{node}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.what)
    }
}

/// The newest lines, so many at least, are kept of a run that does not end.
const LINES: usize = 250_000;
/// Bytes of an end of what is written.
const END: usize = 128;

impl Trace {
    /// Keeps lines from now on.
    pub fn keep_lines(&mut self) {
        self.lines.get_or_insert_default();
    }

    /// Of all that happened so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What was kept.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }

    pub(in crate::sim) fn frame(
        &mut self,
        at: Timestamp,
        from: usize,
        to: usize,
        kind: Kind,
        payload: &[u8],
    ) {
        self.mix(at.as_nanos());
        self.mix((from as u64) << 40 | (to as u64) << 32 | u64::from(kind as u8));
        self.bytes(payload);
    }

    /// A message was sent, and will be there after a while, or never. Only for people: what arrives counts.
    pub(in crate::sim) fn sent(
        &mut self,
        at: Timestamp,
        from: usize,
        to: usize,
        message: &Message,
        delay: Option<Duration>,
    ) {
        if self.lines.is_some() {
            let fate = delay.map_or("is lost".to_owned(), |delay| format!("takes {delay:?}"));
            self.line(About::Sent, at, (Some(from), Some(to)), format!("{fate}: {}", brief(message)));
        }
    }

    /// A frame was let in, and says this.
    pub(in crate::sim) fn message(&mut self, at: Timestamp, from: usize, to: usize, message: &Message) {
        if self.lines.is_some() {
            self.line(About::Message, at, (Some(from), Some(to)), brief(message));
        }
    }

    pub(in crate::sim) fn timer(&mut self, at: Timestamp, node: usize) {
        self.mix(at.as_nanos());
        self.mix(1 << 48 | node as u64);
    }

    pub(in crate::sim) fn disk(&mut self, at: Timestamp, node: usize, ran: &Ran) {
        self.mix(at.as_nanos());
        self.mix(2 << 48 | node as u64);
        self.mix(ran.op.offset() << 2 | u64::from(ran.done) << 1 | u64::from(ran.durable));
        self.op(&ran.op);
        if self.lines.is_some() {
            let failed = if ran.done { "" } else { " fails" };
            let durable = if ran.durable { ", durable" } else { "" };
            self.line(About::Disk, at, (Some(node), None), format!("disk: {}{failed}{durable}", op(&ran.op)));
        }
    }

    /// What is done to which file. Of what is written both ends: a checksum of the rest is in one of them.
    fn op(&mut self, op: &Op) {
        self.bytes(op.verb().as_bytes());
        self.bytes(op.target().as_bytes());
        if let Op::Write { data, .. } | Op::WriteOnce { data, .. } | Op::WriteSync { data, .. } = op {
            self.mix(data.len() as u64);
            self.bytes(data.get(..END).unwrap_or(data));
            self.bytes(data.get(data.len().saturating_sub(END)..).unwrap_or(data));
        }
    }

    /// What a node has become, if lines are kept: follows from what is in the hash already.
    pub(in crate::sim) fn state(&mut self, at: Timestamp, node: usize, raft: &Raft) {
        let Some(states) = self.lines.is_some().then_some(&mut self.states) else { return };
        let role = (raft.role(), raft.term());
        let commit = raft.commit_index();
        let before = states.insert(node, (role, commit));
        if before.is_none_or(|(before, _)| before != role) {
            let text = format!("is {:?} of term {}", role.0, role.1);
            self.line(About::Note, at, (Some(node), None), text);
        }
        if before.is_some_and(|(_, before)| before != commit) {
            self.line(About::Note, at, (Some(node), None), format!("has committed up to {commit}"));
        }
    }

    /// Something that whoever drives the cluster did or saw.
    pub(in crate::sim) fn note(&mut self, at: Timestamp, node: Option<usize>, what: impl FnOnce() -> String) {
        let text = what();
        self.mix(at.as_nanos());
        self.bytes(text.as_bytes());
        self.line(About::Note, at, (node, None), text);
    }

    fn line(
        &mut self,
        about: About,
        at: Timestamp,
        (from, to): (Option<usize>, Option<usize>),
        what: String,
    ) {
        if let Some(lines) = &mut self.lines {
            if lines.len() >= 2 * LINES {
                lines.drain(..LINES);
            }
            lines.push(Line { about, at, from, to, what });
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn mix(&mut self, word: u64) {
        // The multiplier of FxHash, and a rotation so that order counts.
        self.hash = (self.hash.rotate_left(26) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_hash_covers_what_is_written_and_where() {
        let write = |file: &str, offset, data: Vec<u8>| {
            let op = Op::Write { file: file.to_owned(), offset, data: Bytes::from(data) };
            let mut trace = Trace::default();
            trace.disk(Timestamp::default(), 0, &Ran { op, done: true, durable: false });
            trace.hash()
        };
        let with = |place: usize| {
            let mut data = vec![7; 1000];
            data[place] = 8;
            data
        };
        let all = [
            write("f", 0, vec![7; 1000]),
            write("g", 0, vec![7; 1000]),
            write("f", 1, vec![7; 1000]),
            write("f", 0, vec![7; 1001]),
            write("f", 0, with(0)),
            write("f", 0, with(999)),
            write("f", 0, Vec::new()),
        ];
        let different: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn of_many_lines_the_newest_are_kept() {
        let mut trace = Trace::default();
        trace.keep_lines();
        for number in 0..=3 * LINES as u64 {
            trace.note(Timestamp::from_nanos(number), None, String::new);
        }
        let at = |line: Option<&Line>| line.map(|line| line.at.as_nanos());
        let kept = trace.lines();
        assert!((LINES..2 * LINES + 1).contains(&kept.len()), "{}", kept.len());
        assert_eq!(at(kept.last()), Some(3 * LINES as u64));
        assert_eq!(at(kept.first()), Some((3 * LINES + 1 - kept.len()) as u64));
    }
}
