//! A disk in memory that does at once what it is told and keeps the very bytes that it is given: what a log in memory
//! costs, and nothing that a test would want of it. No other process ever has it, and nothing outlives its one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use bytes::{Bytes, BytesMut};
use raft::storage::disk::{Completion, Disk, DiskError, Op, OpId, Outcome, Waker};

/// The disk.
#[derive(Default)]
pub struct PlainDisk {
    files: BTreeMap<String, File>,
    directories: BTreeSet<String>,
    next: u64,
    done: VecDeque<Completion>,
    waker: Option<Waker>,
}

/// What was written, by where it begins; nothing overlaps.
#[derive(Default)]
struct File {
    written: BTreeMap<u64, Bytes>,
    length: u64,
}

impl Disk for PlainDisk {
    fn submit(&mut self, op: Op) -> OpId {
        let id = OpId(self.next);
        self.next += 1;
        let result = self.run(op);
        self.done.push_back(Completion { id, result });
        if let Some(wake) = &self.waker {
            wake();
        }
        id
    }

    fn poll(&mut self) -> Option<Completion> {
        self.done.pop_front()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.poll()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}

impl PlainDisk {
    fn run(&mut self, op: Op) -> Result<Outcome, DiskError> {
        let missing = op.failed(&io::ErrorKind::NotFound.into());
        match op {
            Op::Lock | Op::Sync { .. } | Op::SyncDir { .. } => {}
            Op::List { dir } => return self.names(&dir).map(Outcome::Names).ok_or(missing),
            Op::Read { file, offset, length } | Op::ReadBack { file, offset, length } => {
                let file = self.files.get(&file).ok_or(missing)?;
                return Ok(Outcome::Data(file.read(offset, length)));
            }
            Op::Write { file, offset, data }
            | Op::WriteOnce { file, offset, data }
            | Op::WriteSync { file, offset, data } => self.files.entry(file).or_default().write(offset, data),
            Op::Allocate { file, length } => {
                let file = self.files.entry(file).or_default();
                file.length = file.length.max(length);
            }
            Op::CreateDir { dir } => drop(self.directories.insert(dir)),
            Op::Rename { from, to } => {
                let file = self.files.remove(&from).ok_or(missing)?;
                self.files.insert(to, file);
            }
            Op::Remove { file } => drop(self.files.remove(&file)),
        }
        Ok(Outcome::Done)
    }

    /// None where there is no such directory.
    fn names(&self, dir: &str) -> Option<Vec<String>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let all = self.files.keys().chain(&self.directories);
        let names = all.filter_map(|name| name.strip_prefix(&prefix)).filter(|rest| !rest.contains('/'));
        let names: BTreeSet<String> = names.filter(|rest| !rest.is_empty()).map(str::to_owned).collect();
        let known = dir.is_empty() || self.directories.contains(dir);
        (known || !names.is_empty()).then(|| names.into_iter().collect())
    }
}

impl File {
    fn write(&mut self, offset: u64, mut data: Bytes) {
        let end = offset + data.len() as u64;
        self.length = self.length.max(end);
        // What a log writes follows what it wrote; only what it repairs or pads lies over something.
        while let Some((start, old)) = self.written.range(..end).next_back() {
            let (start, old) = (*start, old.clone());
            let old_end = start + old.len() as u64;
            if old_end <= offset {
                break;
            }
            self.written.remove(&start);
            if old_end > end {
                self.written.insert(end, old.slice(old.len() - size(old_end - end)..));
            }
            if start < offset {
                self.written.insert(start, old.slice(..size(offset - start)));
            }
        }
        if !data.is_empty() {
            self.written.insert(offset, std::mem::take(&mut data));
        }
    }

    fn read(&self, offset: u64, length: u64) -> Bytes {
        let end = self.length.min(offset.saturating_add(length)).max(offset);
        let mut all = BytesMut::zeroed(size(end - offset));
        for (start, data) in self.written.range(..end) {
            let (from, to) = ((*start).max(offset), (start + data.len() as u64).min(end));
            if from < to {
                all[size(from - offset)..size(to - offset)]
                    .copy_from_slice(&data[size(from - start)..size(to - start)]);
            }
        }
        all.freeze()
    }
}

/// Of what is in memory.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a vector would have it.
    #[test]
    fn what_is_written_over_gives_way_and_the_rest_stays() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (mut file, mut expected) = (File::default(), Vec::new());
            for number in 1..30 {
                let (offset, length) = (random.usize(..50), random.usize(..20));
                expected.resize(expected.len().max(offset + length), 0);
                expected[offset..offset + length].fill(number);
                file.write(offset as u64, vec![number; length].into());
            }
            assert_eq!(file.read(0, u64::MAX), expected);
            assert_eq!(file.read(7, 20), expected[7.min(expected.len())..27.min(expected.len())]);
            assert_eq!(file.read(1000, 5), Bytes::new());
        }
    }

    #[test]
    fn names_are_those_directly_in_a_directory() {
        let mut disk = PlainDisk::default();
        assert!(disk.run(Op::List { dir: "wal".to_owned() }).is_err());
        disk.run(Op::CreateDir { dir: "wal".to_owned() }).unwrap();
        for file in ["wal/2", "wal/1", "wal/deep/3", "LOCK"] {
            disk.run(Op::Write { file: file.to_owned(), offset: 0, data: Bytes::new() }).unwrap();
        }
        assert_eq!(disk.names("wal").unwrap(), ["1", "2"]);
        assert_eq!(disk.names("").unwrap(), ["LOCK", "wal"]);
    }
}
