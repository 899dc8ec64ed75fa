//! A log's segments of the fuzzer's making: see [`check`].

use raft::storage::{MemoryDisk, inspect};

use super::choices::Choices;
use super::disk::{identity, is_a_log, open, put, segment};

const MAGIC: &[u8; 8] = b"raft-wal";
const SEGMENT_HEADER: usize = 40;
const BATCH_MAGIC: [u8; 4] = [0xb7, 0x1e, 0x9d, 0x42];
const BATCH_HEADER: usize = 112;
const ENTRY_HEADER: usize = 30;

/// Up to three segments, each of any bytes, or of batches whose lengths and checksums fit.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let disk = MemoryDisk::new();
    drop(open(&disk).unwrap());
    let mut log = Log::default();
    for number in 1..=choices.below(3) + 1 {
        let content = match choices.below(3) {
            0 => choices.bytes(2048).to_vec(),
            _ => log.segment(&mut choices, number),
        };
        put(&disk, &segment(number), content);
    }
    let _ = inspect::inspect(&mut disk.clone());
    let _ = inspect::pieces(&mut disk.clone(), |_| {});
    is_a_log(&disk);
}

/// The log that batches make, if they are believed.
#[derive(Default)]
struct Log {
    /// Index, term and checksum of each entry.
    entries: Vec<(u64, u64, u32)>,
}

impl Log {
    fn segment(&mut self, choices: &mut Choices<'_>, number: u64) -> Vec<u8> {
        let seed = seed(number);
        let mut file = MAGIC.to_vec();
        file.extend(2_u32.to_le_bytes());
        for field in [number, choices.below(3), choices.near(200)] {
            file.extend(field.to_le_bytes());
        }
        file.extend(crc32c::crc32c_append(seed, &file).to_le_bytes());
        assert_eq!(file.len(), SEGMENT_HEADER);
        for _ in 0..choices.below(6) {
            let batch = self.batch(choices, number, file.len() as u64, seed);
            file.extend(batch);
        }
        if choices.one_in(4) {
            file.truncate(choices.at(file.len() + 1));
        }
        file
    }

    fn batch(&mut self, choices: &mut Choices<'_>, number: u64, offset: u64, seed: u32) -> Vec<u8> {
        let end = self.entries.last().map_or(0, |entry| entry.0);
        let kept = if choices.one_in(4) { choices.near(end) } else { end };
        self.entries.retain(|entry| entry.0 <= kept);
        let mut payload = Vec::new();
        for _ in 0..choices.below(4) {
            self.record(choices, &mut payload);
        }
        let (last, term, _) = self.entries.last().copied().unwrap_or_default();
        let chain = if choices.one_in(8) { choices.near(0) } else { self.chain() };
        let (last, flags) = (if choices.one_in(8) { choices.near(last) } else { last }, choices.byte());
        let fields = [
            offset,
            if choices.one_in(4) { choices.below(4) } else { number },
            if choices.one_in(4) { choices.near(offset) } else { offset },
            choices.near(term),
            choices.below(4),
        ];
        let mut batch = BATCH_MAGIC.to_vec();
        batch.extend(crc32c::crc32c_append(seed, &payload).to_le_bytes());
        batch.extend(fields.into_iter().flat_map(u64::to_le_bytes));
        batch.extend([flags & 1 | (flags >> 6 & flags >> 5 & 2), 0, 0, 0]);
        let lost = [choices.near(last), choices.near(term)];
        let behind = [kept, last, term, chain, lost[0], lost[1], payload.len() as u64];
        batch.extend(behind.into_iter().flat_map(u64::to_le_bytes));
        batch.extend(crc32c::crc32c_append(seed, &batch).to_le_bytes());
        assert_eq!(batch.len(), BATCH_HEADER);
        [batch, payload].concat()
    }

    /// Mostly an entry; else a membership, or anything.
    fn record(&mut self, choices: &mut Choices<'_>, payload: &mut Vec<u8>) {
        let (index, term, _) = self.entries.last().copied().unwrap_or_default();
        let kind = choices.byte();
        if kind >= 224 {
            payload.extend(choices.bytes(2 * ENTRY_HEADER));
            return;
        }
        if kind >= 192 {
            let content = choices.bytes(64);
            payload.push(3 + kind % 2);
            payload.extend((content.len() as u64).to_le_bytes());
            payload.extend(content);
            return;
        }
        let index = if choices.one_in(8) { choices.near(index) } else { index.saturating_add(1) };
        let term = if choices.one_in(8) { choices.near(term) } else { term.max(1) };
        let (data, crc) = (choices.bytes(40), u32::from(choices.byte()));
        payload.extend([2, kind % 6]);
        payload.extend(index.to_le_bytes());
        payload.extend(term.to_le_bytes());
        payload.extend(crc.to_le_bytes());
        payload.extend((data.len() as u64).to_le_bytes());
        payload.extend(data);
        self.entries.push((index, term, crc));
    }

    fn chain(&self) -> u64 {
        use raft::consensus::entry::{Chain, Entry, EntryKind};
        use raft::{LogId, LogIndex, Term};
        let entries = self.entries.iter().map(|(index, term, crc)| Entry {
            id: LogId { term: Term(*term), index: LogIndex(*index) },
            kind: EntryKind::Noop,
            data: bytes::Bytes::new(),
            crc: *crc,
        });
        entries.fold(Chain::default(), |chain, entry| chain.then(&entry)).0
    }
}

/// What a segment's checksums start from.
fn seed(number: u64) -> u32 {
    let identity = identity();
    let mut whose = MAGIC.to_vec();
    whose.extend(2_u32.to_le_bytes());
    whose.extend(crc32c::crc32c(identity.cluster.as_str().as_bytes()).to_le_bytes());
    whose.extend(identity.incarnation.0.to_le_bytes());
    whose.extend(number.to_le_bytes());
    crc32c::crc32c(&whose)
}
