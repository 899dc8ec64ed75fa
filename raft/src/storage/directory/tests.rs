//! On the file system that holds the system's directory for temporary files.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::OpenError;
use super::super::Recovered;
use super::super::disk::{read_all, run};
use super::super::testing::{SEGMENT, after, entry, linked, open, persist, vote};
use super::*;
use crate::consensus::io::PersistId;

fn write(file: &str, offset: u64, data: &'static [u8]) -> Op {
    Op::WriteSync { file: file.to_owned(), offset, data: Bytes::from_static(data) }
}

#[test]
fn a_log_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a").join("b");
    let (mut wal, made, _) = open(DirectoryDisk::open(&root).unwrap()).unwrap();
    let first = persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"x")]);
    wal.append(&first);
    wal.pump().unwrap();
    let held = after(&Recovered::default(), &first);
    wal.append(&linked(&held, persist(2, None, vec![entry(2, 1, b"y")])));
    assert_eq!(wal.flush(), Ok(Some(PersistId(2))));
    drop(wal);
    let (_, found, recovered) = open(DirectoryDisk::open(&root).unwrap()).unwrap();
    assert_eq!(found, made);
    assert_eq!(recovered.hard_state, vote(1, 1));
    assert_eq!(recovered.entries, [entry(1, 1, b"x"), entry(2, 1, b"y")]);
    assert!(root.join(SEGMENT).is_file());
}

#[test]
fn every_new_name_on_the_way_to_the_root_is_made_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("a").join("b"));
    assert_eq!(new_names(&b), [a.clone(), dir.path().to_owned()]);
    fs::create_dir(&a).unwrap();
    assert_eq!(new_names(&b), [a]);
    assert!(new_names(dir.path()).is_empty());
    assert_eq!(new_names(Path::new("no-such-directory")), [Path::new(".")]);
}

#[test]
fn a_second_opener_is_told_which_directory_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(DirectoryDisk::open(dir.path()).unwrap()).unwrap();
    let error = open(DirectoryDisk::open(dir.path()).unwrap()).unwrap_err();
    assert_eq!(error, OpenError::InUse { directory: dir.path().display().to_string() });
    drop(first);
    assert!(open(DirectoryDisk::open(dir.path()).unwrap()).is_ok());
}

#[test]
fn operations_take_effect_in_order_and_complete_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    assert_eq!(disk.wait(), None, "nothing is pending");
    let woken = Arc::new(AtomicU64::new(0));
    let count = woken.clone();
    disk.set_waker(Box::new(move || _ = count.fetch_add(1, Ordering::Relaxed)));
    let ops = [
        Op::CreateDir { dir: "d".to_owned() },
        Op::CreateDir { dir: "d".to_owned() },
        write("d/a", 2, b"cd"),
        write("d/a", 0, b"ab"),
        Op::Rename { from: "d/a".to_owned(), to: "d/b".to_owned() },
        write("d/a", 0, b"new"),
        Op::SyncDir { dir: "d".to_owned() },
    ];
    let ids = ops.map(|op| disk.submit(op));
    for id in ids {
        assert_eq!(disk.wait(), Some(Completion { id, result: Ok(Outcome::Done) }));
    }
    assert_eq!(disk.wait(), None);
    assert_eq!(read_all(&mut disk, "d/b"), Ok(Some(Bytes::from_static(b"abcd"))));
    let part = Op::Read { file: "d/b".to_owned(), offset: 1, length: 2 };
    assert_eq!(run(&mut disk, part), Ok(Outcome::Data(Bytes::from_static(b"bc"))));
    run(&mut disk, Op::Remove { file: "d/a".to_owned() }).unwrap();
    assert_eq!(run(&mut disk, Op::List { dir: "d".to_owned() }), Ok(Outcome::Names(vec!["b".to_owned()])));
    drop(disk);
    assert_eq!(woken.load(Ordering::Relaxed), 11, "once for each operation");
}

#[test]
fn what_is_written_once_is_there_whatever_its_place_and_length() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    let mut expected = Vec::new();
    for length in [4096, 10_000, 3, 4096, 1, 2 << 20, 300_000] {
        let data: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(1..)).take(length).collect();
        let op =
            Op::WriteOnce { file: "f".to_owned(), offset: expected.len() as u64, data: data.clone().into() };
        run(&mut disk, op).unwrap();
        expected.extend(data);
    }
    run(&mut disk, Op::Sync { file: "f".to_owned() }).unwrap();
    assert_eq!(read_all(&mut disk, "f"), Ok(Some(Bytes::from(expected.clone()))));
    for (offset, length) in [(0, u64::MAX), (4096, 10_000), (1 << 20, 3 << 20), (5, 100)] {
        let op = Op::ReadBack { file: "f".to_owned(), offset, length };
        let start = usize::try_from(offset).unwrap();
        let end = expected.len().min(start.saturating_add(usize::try_from(length).unwrap()));
        let part = Bytes::copy_from_slice(&expected[start..end]);
        assert_eq!(run(&mut disk, op), Ok(Outcome::Data(part)), "{offset}");
    }
}

#[test]
fn after_a_failed_write_nothing_succeeds_and_after_a_failed_read_all_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    assert_eq!(read_all(&mut disk, "missing"), Ok(None));
    run(&mut disk, Op::CreateDir { dir: "d".to_owned() }).unwrap();
    let error = run(&mut disk, write("d", 7, b"x")).unwrap_err();
    assert_eq!((error.operation, error.file.as_str(), error.offset), ("write and sync", "d", 7));
    assert_eq!(error.kind, io::ErrorKind::IsADirectory);
    assert_eq!(run(&mut disk, write("other", 0, b"x")), Err(error.clone()));
    assert_eq!(read_all(&mut disk, "other"), Err(error));
    assert!(!dir.path().join("other").exists());
}

/// Whether the page at an offset of a file is in the cache; none where the file system does not say.
fn cached(path: &std::path::Path, offset: u64) -> Option<bool> {
    let (file, mut byte) = (fs::File::open(path).unwrap(), [0]);
    let into = &mut [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(&file, into, offset, rustix::io::ReadWriteFlags::NOWAIT) {
        Ok(_) => Some(true),
        Err(rustix::io::Errno::AGAIN) => Some(false),
        Err(_) => None,
    }
}

/// Some file systems read through the cache whatever they are asked for.
#[test]
fn what_is_read_back_comes_from_no_cache() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    run(&mut disk, write("f", 0, &[7; 40_000])).unwrap();
    let path = dir.path().join("f");
    forget(&path, 0, u64::MAX).unwrap();
    if cached(&path, 8192) != Some(false) {
        eprintln!("this file system does not say what its cache holds: skipped");
        return;
    }
    for (offset, length) in [(0, u64::MAX), (4096, 20_000), (5000, 20_000)] {
        read_all(&mut disk, "f").unwrap();
        assert_eq!(cached(&path, 8192), Some(true));
        let op = Op::ReadBack { file: "f".to_owned(), offset, length };
        run(&mut disk, op).unwrap();
        // Where there is no other way than through the cache, it holds what came from the medium.
        let direct = offset.is_multiple_of(4096);
        assert_eq!(cached(&path, 8192), Some(!direct), "{offset}");
    }
}

#[test]
fn each_of_several_open_files_gets_what_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    for (file, offset, data) in
        [("a", 0, b"1"), ("b", 0, b"2"), ("a", 1, b"3"), ("a", 2, b"4"), ("b", 1, b"5")]
    {
        run(&mut disk, write(file, offset, data)).unwrap();
    }
    for (file, content) in [("a", b"134".as_slice()), ("b", b"25")] {
        assert_eq!(read_all(&mut disk, file).unwrap().as_deref(), Some(content), "{file}");
    }
}
