//! A data directory as this format writes it, kept: what one version of the software writes, every later
//! one reads. `UPDATE_GOLDEN=1` writes it anew, for a new format and for nothing else.

use std::path::PathBuf;

use super::testing::{after, commit, entry, linked, open, persist, vote};
use super::{MemoryDisk, Recovered};
use crate::consensus::io::PersistId;
use crate::consensus::types::{Incarnation, Membership, NodeId};

const FILES: [&str; 4] = ["identity", "wal/0000000001.log", "wal/0000000002.log", "wal/0000000003.log"];

fn kept(file: &str) -> PathBuf {
    let name = file.replace('/', "-");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data-2").join(name)
}

/// A view, a vote, entries, some of them replaced, in two lives.
fn written() -> (MemoryDisk, Recovered) {
    let memory = MemoryDisk::new();
    let view = Membership { voters: [(NodeId(1), Incarnation(7)), (NodeId(2), Incarnation(9))].into() };
    let (mut storage, ..) = open(memory.clone()).unwrap();
    storage.append_view(PersistId(1), &view);
    storage.pump().unwrap();
    let mut held = Recovered { view: Some(view), ..Recovered::default() };
    let writes = [
        persist(2, Some(vote(1, 1)), vec![entry(1, 1, b"one"), entry(2, 1, b"two"), entry(3, 1, b"")]),
        persist(3, Some(vote(4, 2)), vec![entry(2, 4, b"instead of two")]),
    ];
    for write in writes {
        let write = linked(&held, write);
        held = after(&held, &write);
        commit(&mut storage, &write).unwrap();
    }
    storage.flush().unwrap();
    drop(storage);
    let (mut storage, ..) = open(memory.clone()).unwrap();
    let write = linked(&held, persist(4, None, vec![entry(3, 4, b"in the second life")]));
    held = after(&held, &write);
    commit(&mut storage, &write).unwrap();
    storage.flush().unwrap();
    (memory, held)
}

#[test]
fn a_directory_is_written_as_it_always_was_and_read_back() {
    let (memory, held) = written();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for file in FILES {
            std::fs::create_dir_all(kept(file).parent().unwrap()).unwrap();
            std::fs::write(kept(file), memory.content(file).unwrap_or_default()).unwrap();
        }
    }
    for file in FILES {
        let golden = std::fs::read(kept(file)).unwrap();
        assert_eq!(memory.content(file).unwrap_or_default(), golden, "{file}");
    }
    drop(memory);

    let disk = MemoryDisk::new();
    {
        use super::disk::{Op, run};
        let mut disk = disk.clone();
        run(&mut disk, Op::CreateDir { dir: "wal".to_owned() }).unwrap();
        for file in FILES {
            let data = std::fs::read(kept(file)).unwrap().into();
            run(&mut disk, Op::WriteSync { file: file.to_owned(), offset: 0, data }).unwrap();
        }
    }
    assert_eq!(open(disk).unwrap().2, held);
}
