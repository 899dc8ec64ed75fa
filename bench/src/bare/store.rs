//! The map that every node of the bare pipeline has, and the entries that wait to be applied to it.

use std::collections::{HashMap, VecDeque};

use anyhow::Result;
use bytes::{Buf, Bytes};

use super::wire::{checked_put_of, frames, pair};

/// Named values.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Values are copied: a slice of what they came in would keep all of that.
    map: HashMap<Box<[u8]>, Vec<u8>>,
    /// Runs of entries, in order, checked.
    uncommitted: VecDeque<Bytes>,
}

impl Store {
    /// Entries that will be applied once they are committed.
    pub(super) fn add(&mut self, entries: Bytes) {
        self.uncommitted.push_back(entries);
    }

    /// Applies what waits, up to entry `until`.
    pub(super) fn commit(&mut self, until: u64) -> Result<()> {
        while let Some(mut run) = self.uncommitted.pop_front() {
            let mut applied = 0;
            for entry in frames(&run) {
                let entry = entry?;
                if entry.number > until {
                    break;
                }
                let (key, value) = pair(checked_put_of(&entry)?)?;
                set(&mut self.map, key, value);
                applied = entry.place.end;
            }
            if applied < run.len() {
                run.advance(applied);
                self.uncommitted.push_front(run);
                break;
            }
        }
        Ok(())
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.map.get(key).map(Vec::as_slice)
    }
}

fn set(map: &mut HashMap<Box<[u8]>, Vec<u8>>, key: &[u8], value: &[u8]) {
    match map.get_mut(key) {
        Some(old) => {
            old.clear();
            old.extend_from_slice(value);
        }
        None => drop(map.insert(key.into(), value.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::bare::wire::put_entry;

    fn entries(numbers: std::ops::Range<u64>) -> Bytes {
        let mut run = BytesMut::new();
        for number in numbers {
            put_entry(&mut run, number, &[&[1, 0, 0, 0, b'k'], &number.to_le_bytes()[..]].concat());
        }
        run.freeze()
    }

    #[test]
    fn only_what_is_committed_is_seen() {
        let mut store = Store::default();
        store.add(entries(1..4));
        store.add(entries(4..6));
        for committed in [0, 2, 3, 3, 4, 5] {
            store.commit(committed).unwrap();
            let wanted = (committed > 0).then(|| committed.to_le_bytes());
            assert_eq!(store.get(b"k"), wanted.as_ref().map(|value| &value[..]), "{committed}");
        }
        assert!(store.uncommitted.is_empty());
    }
}
