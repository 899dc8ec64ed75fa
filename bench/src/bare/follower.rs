//! What a follower of the bare pipeline does with what it hears, without network and clock.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;

use super::log::Log;
use super::outbox::Outbox;
use super::store::Store;
use super::wire::{Kind, frames, put_of};

/// A follower.
#[derive(Debug)]
pub(super) struct Follower {
    log: Log,
    store: Store,
    leader: Arc<Outbox>,
    /// The last entry that it has.
    last: u64,
}

impl Follower {
    pub(super) fn new(log: Log, leader: Arc<Outbox>) -> Follower {
        Follower { log, store: Store::default(), leader, last: 0 }
    }

    /// Takes whole frames of the leader.
    pub(super) fn hears(&mut self, bytes: &Bytes) -> Result<()> {
        // Entries that lie behind each other go on as one.
        let mut run = 0..0;
        for frame in frames(bytes) {
            let frame = frame?;
            match frame.kind {
                Kind::Entry => {
                    put_of(&frame)?;
                    ensure!(frame.number == self.last + 1, "entry {} came after {}", frame.number, self.last);
                    if frame.place.start != run.end {
                        self.append(bytes, run);
                        run = frame.place.clone();
                    }
                    run.end = frame.place.end;
                    self.last = frame.number;
                }
                Kind::Committed => {
                    self.append(bytes, std::mem::take(&mut run));
                    self.store.commit(frame.number)?;
                }
                Kind::Ping => self.leader.frame(Kind::Echo, frame.number, &[]),
                other => bail!("the leader sent {other:?}"),
            }
        }
        self.append(bytes, run);
        self.log.submit();
        Ok(())
    }

    /// A sync has ended.
    pub(super) fn synced(&mut self) {
        if let Some(index) = self.log.ended() {
            self.leader.frame(Kind::Durable, index, &[]);
        }
    }

    fn append(&mut self, bytes: &Bytes, run: Range<usize>) {
        if !run.is_empty() {
            let entries = bytes.slice(run);
            self.store.add(entries.clone());
            self.log.append(entries, self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::bare::wire::{put_entry, put_frame};

    fn entry(into: &mut BytesMut, number: u64) {
        put_entry(into, number, &[&[1, 0, 0, 0, b'k'], &number.to_le_bytes()[..]].concat());
    }

    #[test]
    fn it_says_what_is_durable_and_applies_what_is_committed() {
        let (log, batches) = Log::new();
        let leader = Arc::new(Outbox::default());
        let mut follower = Follower::new(log, leader.clone());
        let mut bytes = BytesMut::new();
        entry(&mut bytes, 1);
        entry(&mut bytes, 2);
        put_frame(&mut bytes, Kind::Ping, 5, &[]);
        put_frame(&mut bytes, Kind::Committed, 1, &[]);
        entry(&mut bytes, 3);
        follower.hears(&bytes.split().freeze()).unwrap();

        let said = |leader: &Outbox| -> Vec<_> {
            frames(&leader.taken()).map(|frame| frame.map(|f| (f.kind, f.number)).unwrap()).collect()
        };
        assert_eq!(said(&leader), [(Kind::Echo, 5)], "an echo does not wait for the disk");
        let written = batches.try_recv().unwrap().concat();
        assert_eq!(frames(&written).map(|f| f.unwrap().number).collect::<Vec<_>>(), [1, 2, 3]);
        follower.synced();
        assert_eq!(said(&leader), [(Kind::Durable, 3)]);
        assert_eq!(follower.store.get(b"k"), Some(&1_u64.to_le_bytes()[..]));
    }

    #[test]
    fn a_gap_and_a_damaged_entry_are_refused() {
        let follower = || Follower::new(Log::new().0, Arc::default());
        let mut bytes = BytesMut::new();
        entry(&mut bytes, 2);
        assert!(follower().hears(&bytes.split().freeze()).unwrap_err().to_string().contains("came after 0"));
        entry(&mut bytes, 1);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(follower().hears(&bytes.freeze()).unwrap_err().to_string().contains("checksum"));
    }
}
