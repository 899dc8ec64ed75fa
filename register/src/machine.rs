//! The state machine: keys to values, each with the version of its write.
//!
//! The map is cut into shards by a fixed hash of the key, each behind an `Arc`. A snapshot clones
//! the `Arc`s; the first write to a shard after that copies that shard alone. One `Arc` around the
//! whole map would copy a million keys between two entries.
//!
//! A value is kept as the bytes of the answer to a get, so that a read hands out a reference and
//! answers that wait for a slow client share their memory with the map.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use raft::LogIndex;
use raft::StateMachine;

use crate::command::{Answer, Command, Query, encode_seen};
use crate::outcome::{Expect, Version, Versioned};
use crate::snapshot;

/// Enough that a shard of a large map is copied in well under a millisecond, few enough that a
/// snapshot's `Arc`s are cloned in microseconds.
const SHARDS: usize = 1024;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    version: Version,
    value_len: usize,
    /// `Answer::Seen`, encoded; the value is its end.
    answer: Bytes,
}

impl Slot {
    /// Copies the value: what it is decoded from is a slice of some larger buffer, a log entry or a
    /// frame of many, which must not live as long as the value.
    fn new(version: Version, value: &[u8]) -> Slot {
        Slot::within(BytesMut::new(), version, value)
    }

    fn within(room: BytesMut, version: Version, value: &[u8]) -> Slot {
        Slot { version, value_len: value.len(), answer: encode_seen(room, version, value) }
    }

    /// In the memory of the value before if both are of one length and nobody looks at that any more: memory found anew
    /// for each would be cold, and so would what is given back.
    fn replace(&mut self, version: Version, value: &[u8]) {
        let room = mem::take(&mut self.answer).try_into_mut().unwrap_or_default();
        *self = Slot::within(room, version, value);
    }

    fn value(&self) -> Bytes {
        self.answer.slice(self.answer.len() - self.value_len..)
    }

    fn holds(&self, value: &[u8]) -> bool {
        self.answer.ends_with(value) && self.value_len == value.len()
    }
}

/// A key, ordered by its hash first: most comparisons then need not look at the bytes, which lie elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    hash: u64,
    bytes: Bytes,
}

impl Key {
    /// Shares the bytes.
    fn new(key: &Bytes) -> Key {
        Key { hash: hash(key), bytes: key.clone() }
    }
}

type Shard = BTreeMap<Key, Slot>;

/// The replicated register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    shards: Vec<Arc<Shard>>,
}

impl Default for Register {
    fn default() -> Register {
        Register { shards: vec![Arc::default(); SHARDS] }
    }
}

impl Register {
    /// No keys.
    #[must_use]
    pub fn new() -> Register {
        Register::default()
    }

    /// Keys that hold a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.len()).sum()
    }

    /// Whether no key holds a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|s| s.is_empty())
    }

    /// What a key holds.
    #[must_use]
    pub fn get(&self, key: &Bytes) -> Option<Versioned> {
        self.slot(&Key::new(key)).map(|slot| Versioned { version: slot.version, value: slot.value() })
    }

    /// Every key and what it holds, in an order that is fixed but not the keys'.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, Versioned)> {
        let slots = self.shards.iter().flat_map(|shard| shard.iter());
        slots.map(|(key, slot)| (&key.bytes, Versioned { version: slot.version, value: slot.value() }))
    }

    /// Carries out a command that stands at `index`.
    pub fn execute(&mut self, index: LogIndex, command: &Command) -> Bytes {
        match command {
            Command::Put { key, value } => self.write(index, &Key::new(key), value),
            Command::Cas { key, expect, value } => {
                let key = Key::new(key);
                let slot = self.slot(&key);
                let swaps = match (expect, slot) {
                    (Expect::Missing, None) => true,
                    (Expect::Version(version), Some(slot)) => slot.version == *version,
                    (Expect::Value(value), Some(slot)) => slot.holds(value),
                    (Expect::Missing, Some(_)) | (Expect::Version(_) | Expect::Value(_), None) => false,
                };
                if swaps { self.write(index, &key, value) } else { seen(slot) }
            }
            Command::Delete { key } => {
                let key = Key::new(key);
                // A delete of nothing must not copy the shard of a snapshot that is being written.
                let went = self.slot(&key).is_some().then(|| self.shard_mut(&key).remove(&key)).flatten();
                Answer::Deleted(went.map(|slot| slot.version)).encode()
            }
        }
    }

    /// Puts in what a snapshot holds; whether the key was new.
    pub(crate) fn insert(&mut self, key: Bytes, version: Version, value: &[u8]) -> bool {
        let (key, slot) = (Key { hash: hash(&key), bytes: key }, Slot::new(version, value));
        self.shard_mut(&key).insert(key, slot).is_none()
    }

    fn write(&mut self, index: LogIndex, key: &Key, value: &Bytes) -> Bytes {
        let version = Version(index.0);
        let shard = self.shard_mut(key);
        if let Some(held) = shard.get_mut(key) {
            held.replace(version, value);
        } else {
            // As with the value.
            let key = Key { hash: key.hash, bytes: Bytes::copy_from_slice(&key.bytes) };
            shard.insert(key, Slot::new(version, value));
        }
        Answer::Written(version).encode()
    }

    fn slot(&self, key: &Key) -> Option<&Slot> {
        self.shards.get(shard_of(key)).and_then(|shard| shard.get(key))
    }

    fn shard_mut(&mut self, key: &Key) -> &mut Shard {
        Arc::make_mut(&mut self.shards[shard_of(key)])
    }
}

fn seen(slot: Option<&Slot>) -> Bytes {
    slot.map_or_else(|| Answer::Seen(None).encode(), |slot| slot.answer.clone())
}

/// FNV-1a: fixed, so that every node cuts alike, and quick for short keys. A client that chooses its
/// keys to have one hash makes one shard's copy dearer, and comparisons as dear as those of keys without one.
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn shard_of(key: &Key) -> usize {
    // The high bits are the better mixed ones.
    usize::try_from(key.hash >> 54).unwrap_or(0) % SHARDS
}

impl StateMachine for Register {
    type Snapshot = Frozen;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Bytes {
        match Command::decode(command) {
            Ok(command) => self.execute(index, &command),
            Err(_) => Answer::Malformed.encode(),
        }
    }

    fn query(&self, query: &Bytes) -> Bytes {
        match Query::decode(query) {
            Ok(Query::Get { key }) => seen(self.slot(&Key::new(&key))),
            Err(_) => Answer::Malformed.encode(),
        }
    }

    fn snapshot(&self) -> Frozen {
        Frozen(self.clone())
    }

    fn restore(source: &mut dyn Read) -> io::Result<Register> {
        snapshot::read(source).map_err(io::Error::from)
    }
}

/// The state as it was when [`StateMachine::snapshot`] was called.
#[derive(Clone, Debug)]
pub struct Frozen(Register);

impl raft::state_machine::Snapshot for Frozen {
    fn write_to(&self, sink: &mut dyn Write) -> io::Result<()> {
        snapshot::write(&self.0, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::state_machine::Snapshot;

    fn b(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn put(register: &mut Register, index: u64, key: &'static str, value: &'static str) -> Answer {
        run(register, index, &Command::Put { key: b(key), value: b(value) })
    }

    fn run(register: &mut Register, index: u64, command: &Command) -> Answer {
        Answer::decode(&register.apply(LogIndex(index), &command.encode())).unwrap()
    }

    fn held(version: u64, value: &'static str) -> Option<Versioned> {
        Some(Versioned { version: Version(version), value: b(value) })
    }

    #[test]
    fn a_version_is_the_log_index_of_the_write() {
        let mut r = Register::new();
        assert_eq!(put(&mut r, 12, "k", "a"), Answer::Written(Version(12)));
        assert_eq!(put(&mut r, 15, "k", "a"), Answer::Written(Version(15)));
        assert_eq!(r.get(&b("k")), held(15, "a"));
    }

    #[test]
    fn the_empty_value_is_not_a_missing_one() {
        let mut r = Register::new();
        assert_eq!(r.get(&b("k")), None);
        put(&mut r, 1, "k", "");
        assert_eq!(r.get(&b("k")), held(1, ""));
        let cas = Command::Cas { key: b("k"), expect: Expect::Missing, value: b("x") };
        assert_eq!(run(&mut r, 2, &cas), Answer::Seen(held(1, "")));
        let cas = Command::Cas { key: b("other"), expect: Expect::Value(b("")), value: b("x") };
        assert_eq!(run(&mut r, 3, &cas), Answer::Seen(None));
    }

    #[test]
    fn a_cas_swaps_just_what_it_expects_and_else_says_what_it_saw() {
        let mut r = Register::new();
        put(&mut r, 4, "k", "ab");
        let cas = |expect| Command::Cas { key: b("k"), expect, value: b("new") };
        for wrong in [
            Expect::Missing,
            Expect::Version(Version(3)),
            Expect::Value(b("b")),
            Expect::Value(b("")),
            Expect::Value(b("xab")),
        ] {
            assert_eq!(run(&mut r, 5, &cas(wrong)), Answer::Seen(held(4, "ab")));
        }
        assert_eq!(run(&mut r, 6, &cas(Expect::Value(b("ab")))), Answer::Written(Version(6)));
        assert_eq!(run(&mut r, 7, &cas(Expect::Version(Version(6)))), Answer::Written(Version(7)));
        assert_eq!(r.get(&b("k")), held(7, "new"));
    }

    #[test]
    fn what_is_deleted_and_put_again_has_a_new_version() {
        let mut r = Register::new();
        put(&mut r, 1, "k", "a");
        let delete = Command::Delete { key: b("k") };
        assert_eq!(run(&mut r, 2, &delete), Answer::Deleted(Some(Version(1))));
        assert_eq!(run(&mut r, 3, &delete), Answer::Deleted(None));
        assert_eq!(r.get(&b("k")), None);
        put(&mut r, 4, "k", "a");
        let stale = Command::Cas { key: b("k"), expect: Expect::Version(Version(1)), value: b("x") };
        assert_eq!(run(&mut r, 5, &stale), Answer::Seen(held(4, "a")));
    }

    #[test]
    fn malformed_commands_and_queries_are_answered_and_change_nothing() {
        let mut r = Register::new();
        put(&mut r, 1, "k", "a");
        let before = r.clone();
        for bad in [b(""), b("\x09"), b("\x01\x00\x01\x05kx"), b("\x01\x04\x00")] {
            assert_eq!(r.apply(LogIndex(2), &bad), Answer::Malformed.encode());
            assert_eq!(r.query(&bad), Answer::Malformed.encode());
        }
        assert_eq!(r, before);
    }

    #[test]
    fn a_value_does_not_keep_the_buffer_that_it_came_in() {
        let mut r = Register::new();
        let frame = Bytes::from(vec![1; 4096]);
        let command = Command::Put { key: frame.slice(..4), value: frame.slice(4..8) };
        r.execute(LogIndex(1), &command);
        drop(command);
        assert!(frame.is_unique(), "key or value shares the frame's memory");
    }

    #[test]
    fn a_value_takes_the_memory_of_the_one_before_if_it_is_as_long_and_nobody_looks_at_that() {
        let mut r = Register::new();
        let key = Key::new(&b("k"));
        put(&mut r, 1, "k", "first");
        let place = r.slot(&key).unwrap().answer.as_ptr();
        put(&mut r, 2, "k", "other");
        assert_eq!(r.slot(&key).unwrap().answer.as_ptr(), place);
        let looked_at = r.get(&b("k"));
        put(&mut r, 3, "k", "third");
        assert_eq!((looked_at, r.get(&b("k"))), (held(2, "other"), held(3, "third")));
        put(&mut r, 4, "k", "");
        assert_eq!(r.get(&b("k")), held(4, ""));
        let answer = mem::take(&mut r.shard_mut(&key).get_mut(&key).unwrap().answer);
        assert_eq!(answer.len(), answer.try_into_mut().unwrap().capacity(), "memory that nothing is in");
    }

    #[test]
    fn a_snapshot_is_the_state_when_it_was_taken() {
        let mut r = Register::new();
        for index in 1..=3000_u64 {
            let key = Bytes::from(format!("key-{}", index % 1000));
            r.execute(LogIndex(index), &Command::Put { key, value: Bytes::from(index.to_string()) });
        }
        let then = r.clone();
        let frozen = r.snapshot();
        r.execute(LogIndex(3001), &Command::Delete { key: b("key-1") });
        put(&mut r, 3002, "key-2", "later");
        put(&mut r, 3003, "key-3", "same");
        let mut bytes = Vec::new();
        frozen.write_to(&mut bytes).unwrap();
        assert_eq!(Register::restore(&mut bytes.as_slice()).unwrap(), then);
        assert_eq!(then.len(), 1000);
    }
}
