//! What the leader of the bare pipeline does with what it hears, without network and clock.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::{Bytes, BytesMut};

use super::log::Log;
use super::outbox::Outbox;
use super::store::Store;
use super::wire::{Kind, frames, pair, put_entry};

/// The leader; always the same one.
#[derive(Debug)]
pub(super) struct Leader {
    log: Log,
    store: Store,
    /// Entries of the requests that are being read.
    batch: BytesMut,
    /// The last entry that has a number.
    last: u64,
    /// By node: the last entry that is durable there. The leader's own is the first.
    durable: Vec<u64>,
    committed: u64,
    /// The last that the followers heard to be committed.
    told: u64,
    followers: Vec<Arc<Outbox>>,
    /// Who is to hear of the entries behind `committed`, one for each, in their order.
    unanswered: VecDeque<(Arc<Outbox>, u64)>,
    reads: Reads,
}

/// Reads that wait until a follower has confirmed the leader; one round at a time for all that came before it.
#[derive(Debug, Default)]
struct Reads {
    waiting: Vec<Read>,
    asked: Vec<Read>,
    round: u64,
}

#[derive(Debug)]
struct Read {
    client: Arc<Outbox>,
    number: u64,
    key: Bytes,
}

impl Leader {
    pub(super) fn new(log: Log, followers: Vec<Arc<Outbox>>) -> Leader {
        Leader {
            log,
            store: Store::default(),
            batch: BytesMut::new(),
            last: 0,
            durable: vec![0; followers.len() + 1],
            committed: 0,
            told: 0,
            followers,
            unanswered: VecDeque::new(),
            reads: Reads::default(),
        }
    }

    /// Takes whole frames of a client.
    pub(super) fn requests(&mut self, client: &Arc<Outbox>, bytes: &Bytes) -> Result<()> {
        for frame in frames(bytes) {
            let frame = frame?;
            match frame.kind {
                Kind::Put => {
                    // What cannot be applied later is refused now.
                    pair(frame.body)?;
                    self.last += 1;
                    put_entry(&mut self.batch, self.last, frame.body);
                    self.unanswered.push_back((client.clone(), frame.number));
                }
                Kind::Get => {
                    let (client, key) = (client.clone(), bytes.slice_ref(frame.body));
                    self.reads.waiting.push(Read { client, number: frame.number, key });
                }
                other => bail!("a client sent {other:?}"),
            }
        }
        self.replicate();
        self.ask();
        Ok(())
    }

    /// Takes whole frames of a follower.
    pub(super) fn answers(&mut self, follower: usize, bytes: &Bytes) -> Result<()> {
        for frame in frames(bytes) {
            let frame = frame?;
            match frame.kind {
                Kind::Durable => self.durable_at(follower + 1, frame.number)?,
                Kind::Echo => self.confirmed(frame.number),
                other => bail!("a follower sent {other:?}"),
            }
        }
        Ok(())
    }

    /// A sync of the own log has ended.
    pub(super) fn synced(&mut self) -> Result<()> {
        match self.log.ended() {
            Some(index) => self.durable_at(0, index),
            None => Ok(()),
        }
    }

    /// Hands the new entries to the log and to every follower.
    fn replicate(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let entries = self.batch.split().freeze();
        for follower in &self.followers {
            if self.committed > self.told {
                follower.frame(Kind::Committed, self.committed, &[]);
            }
            follower.run(entries.clone());
        }
        self.told = self.committed;
        self.store.add(entries.clone());
        self.log.append(entries, self.last);
        self.log.submit();
    }

    fn durable_at(&mut self, node: usize, index: u64) -> Result<()> {
        self.durable[node] = self.durable[node].max(index);
        let committed = majority(&self.durable);
        if committed > self.committed {
            self.store.commit(committed)?;
            for _ in self.committed..committed {
                if let Some((client, number)) = self.unanswered.pop_front() {
                    client.frame(Kind::Written, number, &[]);
                }
            }
            self.committed = committed;
        }
        Ok(())
    }

    /// Begins a round for all reads that wait, unless one is under way.
    fn ask(&mut self) {
        if self.reads.asked.is_empty() && !self.reads.waiting.is_empty() {
            std::mem::swap(&mut self.reads.asked, &mut self.reads.waiting);
            self.reads.round += 1;
            // With the leader itself, one is a majority of three.
            if let Some(follower) = self.followers.first() {
                follower.frame(Kind::Ping, self.reads.round, &[]);
            }
        }
    }

    /// A follower has echoed: whatever was committed when the round began has been applied since.
    fn confirmed(&mut self, round: u64) {
        if round != self.reads.round {
            return;
        }
        for read in self.reads.asked.drain(..) {
            match self.store.get(&read.key) {
                Some(value) => read.client.frame(Kind::Found, read.number, &[value]),
                None => read.client.frame(Kind::NotFound, read.number, &[]),
            }
        }
        self.ask();
    }
}

/// The highest that more than half of the nodes have.
fn majority(durable: &[u64]) -> u64 {
    let mut sorted = durable.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() - 1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::bare::wire::put_frame;

    struct Fixture {
        leader: Leader,
        client: Arc<Outbox>,
        followers: Vec<Arc<Outbox>>,
        _batches: Receiver<Vec<Bytes>>,
    }

    fn fixture() -> Fixture {
        let (log, batches) = Log::new();
        let followers = vec![Arc::new(Outbox::default()), Arc::new(Outbox::default())];
        let leader = Leader::new(log, followers.clone());
        Fixture { leader, client: Arc::default(), followers, _batches: batches }
    }

    fn one(kind: Kind, number: u64, body: &[u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        put_frame(&mut bytes, kind, number, &[body]);
        bytes.freeze()
    }

    impl Fixture {
        fn put(&mut self, number: u64, value: &[u8]) {
            let put = one(Kind::Put, number, &[&[1, 0, 0, 0, b'k'], value].concat());
            self.leader.requests(&self.client, &put).unwrap();
        }

        fn hears(&mut self, follower: usize, kind: Kind, number: u64) {
            self.leader.answers(follower, &one(kind, number, &[])).unwrap();
        }
    }

    fn said(outbox: &Outbox) -> Vec<(Kind, u64)> {
        frames(&outbox.taken()).map(|frame| frame.map(|frame| (frame.kind, frame.number)).unwrap()).collect()
    }

    #[test]
    fn the_majority_of_three_is_two() {
        assert_eq!(majority(&[5, 0, 0]), 0);
        assert_eq!(majority(&[5, 3, 0]), 3);
        assert_eq!(majority(&[2, 3, 7]), 3);
    }

    #[test]
    fn a_write_is_acknowledged_when_it_is_durable_here_and_on_a_follower() {
        let mut on = fixture();
        on.put(8, b"a");
        on.put(9, b"b");
        assert_eq!(said(&on.followers[1]), [(Kind::Entry, 1), (Kind::Entry, 2)]);
        on.leader.synced().unwrap();
        assert_eq!(said(&on.client), []);
        on.hears(1, Kind::Durable, 1);
        assert_eq!(said(&on.client), [(Kind::Written, 8)]);
        on.hears(1, Kind::Durable, 2);
        assert_eq!(said(&on.client), [], "the second sync of the leader is under way");
        on.leader.synced().unwrap();
        assert_eq!(said(&on.client), [(Kind::Written, 9)]);
    }

    #[test]
    fn followers_hear_with_the_next_entries_what_is_committed() {
        let mut on = fixture();
        on.put(8, b"a");
        on.hears(0, Kind::Durable, 1);
        on.hears(1, Kind::Durable, 1);
        said(&on.followers[0]);
        on.put(9, b"b");
        assert_eq!(said(&on.followers[0]), [(Kind::Committed, 1), (Kind::Entry, 2)]);
    }

    #[test]
    fn a_read_waits_for_a_round_that_began_after_it() {
        let mut on = fixture();
        let get = |on: &mut Fixture, number| {
            on.leader.requests(&on.client, &one(Kind::Get, number, b"k")).unwrap();
        };
        get(&mut on, 1);
        assert_eq!(said(&on.followers[0]), [(Kind::Ping, 1)]);
        get(&mut on, 2);
        get(&mut on, 3);
        assert_eq!(said(&on.followers[0]), []);
        on.put(4, b"a");
        said(&on.followers[0]);
        on.hears(0, Kind::Echo, 1);
        assert_eq!(said(&on.client), [(Kind::NotFound, 1)]);
        assert_eq!(said(&on.followers[0]), [(Kind::Ping, 2)]);
        on.hears(0, Kind::Durable, 1);
        on.hears(1, Kind::Durable, 1);
        on.hears(0, Kind::Echo, 1);
        assert_eq!(said(&on.client), [(Kind::Written, 4)], "the echo is of an older round");
        on.hears(0, Kind::Echo, 2);
        let answers = on.client.taken();
        let found: Vec<_> = frames(&answers).map(|frame| frame.unwrap().body).collect();
        assert_eq!(found, [b"a", b"a"]);
    }
}
