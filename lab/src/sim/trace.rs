//! What happened, as a hash that two runs of one seed must share, and as lines for people if they are wanted.

use std::fmt;
use std::time::Duration;

use raft::Timestamp;
use raft::consensus::message::Message;
use raft::storage::memory::Ran;
use raft::wire::Kind;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: u64,
    lines: Option<Vec<Line>>,
}

/// One line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
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

    pub(super) fn frame(&mut self, at: Timestamp, from: usize, to: usize, kind: Kind, payload: &[u8]) {
        self.mix(at.as_nanos());
        self.mix((from as u64) << 40 | (to as u64) << 32 | u64::from(kind as u8));
        self.bytes(payload);
    }

    /// A message was sent, and will be there after a while, or never. Only for people: what arrives counts.
    pub(super) fn sent(
        &mut self,
        at: Timestamp,
        from: usize,
        to: usize,
        message: &Message,
        delay: Option<Duration>,
    ) {
        if self.lines.is_some() {
            let fate = delay.map_or("is lost".to_owned(), |delay| format!("takes {delay:?}"));
            self.line(at, Some(from), Some(to), format!("{fate}: {message:?}"));
        }
    }

    /// A frame was let in, and says this.
    pub(super) fn message(&mut self, at: Timestamp, from: usize, to: usize, message: &Message) {
        if self.lines.is_some() {
            self.line(at, Some(from), Some(to), format!("{message:?}"));
        }
    }

    pub(super) fn timer(&mut self, at: Timestamp, node: usize) {
        self.mix(at.as_nanos());
        self.mix(1 << 48 | node as u64);
    }

    pub(super) fn disk(&mut self, at: Timestamp, node: usize, ran: &Ran) {
        self.mix(at.as_nanos());
        self.mix(2 << 48 | node as u64);
        self.mix(ran.op.offset() << 2 | u64::from(ran.done) << 1 | u64::from(ran.durable));
    }

    /// Something that whoever drives the cluster did or saw.
    pub(super) fn note(&mut self, at: Timestamp, node: Option<usize>, what: impl FnOnce() -> String) {
        let text = what();
        self.mix(at.as_nanos());
        self.bytes(text.as_bytes());
        self.line(at, node, None, text);
    }

    fn line(&mut self, at: Timestamp, from: Option<usize>, to: Option<usize>, what: String) {
        if let Some(lines) = &mut self.lines {
            lines.push(Line { at, from, to, what });
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
