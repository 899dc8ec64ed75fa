//! The file of a snapshot: see [`check`].

use std::io::{Read, Write};

use bytes::Bytes;
use raft::consensus::entry::Chain;
use raft::consensus::snapshot::{Base, SnapshotMeta};
use raft::session::Sessions;
use raft::storage::MemoryDisk;
use raft::storage::snapshot::body::{Reader, write};
use raft::{Incarnation, LogId, LogIndex, Membership, NodeId, Term};

use super::choices::Choices;
use super::disk::{cluster, is_a_log, open, put};

/// A file that is any bytes, or has lengths and checksums that fit, or was a good one: what is read of it, in pieces
/// of any size, is a beginning of what was written, all of it only if the file is the very same.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let size = choices.at(600) + 1;
    match choices.below(4) {
        0 => drop(read(choices.rest(), size)),
        1 => {
            let file = fitting(&mut choices);
            drop(read(&file, size));
            stands_in_a_directory(file);
        }
        _ => damaged(&mut choices, size),
    }
}

fn damaged(choices: &mut Choices<'_>, size: usize) {
    let state = vec![choices.byte(); choices.at(2000)];
    let mut whole = Vec::new();
    let id =
        write(&cluster(), meta(5), &Sessions::default().encode(), &Bytes::from(state.clone()), |block| {
            whole.write_all(&block)
        });
    assert_eq!(id.unwrap().length, whole.len() as u64);
    let mut file = whole.clone();
    for _ in 0..choices.below(4) {
        let at = choices.at(file.len().max(1));
        match choices.below(4) {
            0 => file.truncate(at),
            1 => file.extend(choices.bytes(64)),
            2 => file.splice(at..at, choices.bytes(64).iter().copied()).for_each(drop),
            _ => file.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << choices.below(8)),
        }
    }
    let (read, all) = read(&file, size);
    assert!(state.starts_with(&read), "what was not written was handed on");
    assert_eq!(all, file == whole);
    assert!(!all || read == state);
    stands_in_a_directory(file);
}

/// What is read behind the sessions, and whether the whole file is a good one.
fn read(file: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut pieces = file.chunks(size);
    let mut reader = Reader::new(&cluster(), || Ok(pieces.next().map(Bytes::copy_from_slice)));
    let mut state = Vec::new();
    let sessions = reader.sessions();
    if let Ok(sessions) = &sessions
        && let Ok(known) = Sessions::decode(sessions)
    {
        let again = Sessions::decode(&known.encode()).unwrap();
        assert_eq!(again.encode(), known.encode());
    }
    let ended = reader.read_to_end(&mut state);
    let all = reader.finish();
    assert!(ended.is_ok() || all.is_err(), "it was bad, and is good");
    (state, sessions.is_ok() && ended.is_ok() && all.is_ok())
}

/// A node that finds it starts, or says why not.
fn stands_in_a_directory(file: Vec<u8>) {
    let disk = MemoryDisk::new();
    drop(open(&disk).unwrap());
    put(&disk, &format!("snapshots/{:020}-{:020}.snap", 5, 2), file);
    is_a_log(&disk);
}

fn meta(index: u64) -> SnapshotMeta {
    let id = LogId { term: Term(2), index: LogIndex(index) };
    let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
    SnapshotMeta { base: Base { id, chain: Chain(9) }, membership: Membership { voters } }
}

/// A header, chunks and an end as the format wants them; what they hold is the fuzzer's.
fn fitting(choices: &mut Choices<'_>) -> Vec<u8> {
    let meta = if choices.one_in(4) {
        choices.bytes(100).to_vec()
    } else {
        let mut meta = vec![2, 5];
        meta.extend([9, 1, 1]);
        meta.extend([1; 16]);
        meta
    };
    let mut file = b"raftsnap".to_vec();
    file.extend(if choices.one_in(8) { u32::from(choices.byte()) } else { 1 }.to_le_bytes());
    file.extend(crc32c::crc32c(cluster().as_str().as_bytes()).to_le_bytes());
    file.extend((meta.len() as u32).to_le_bytes());
    file.extend(meta);
    let header = crc32c::crc32c(&file);
    file.extend(header.to_le_bytes());
    let mut body = 0;
    for _ in 0..choices.below(5) {
        // The first begins with the length of the sessions.
        let mut data = if body == 0 { choices.near(8).to_le_bytes().to_vec() } else { Vec::new() };
        data.extend(choices.bytes(200));
        let seed = crc32c::crc32c_append(header, &(file.len() as u64).to_le_bytes());
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(crc32c::crc32c_append(seed, &data).to_le_bytes());
        body += data.len() as u64;
        file.extend(data);
    }
    let hash = *blake3::hash(&file).as_bytes();
    let mut end = vec![0; 4];
    end.extend(if choices.one_in(8) { choices.near(body) } else { body }.to_le_bytes());
    end.extend(hash);
    file.extend(&end);
    file.extend(crc32c::crc32c_append(header, &end).to_le_bytes());
    file
}
