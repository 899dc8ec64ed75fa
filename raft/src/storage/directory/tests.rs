//! On the file system that holds the system's directory for temporary files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};

use super::super::OpenError;
use super::super::disk::{Outcome, read_all, run};
use super::super::testing::{SEGMENT, SEGMENT_BYTES, after, entry, linked, open, persist, vote};
use super::super::{Recovered, StorageError};
use super::*;
use crate::consensus::io::PersistId;

/// Much longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test that waits for the disk's threads, but not for ever.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel();
    let test = std::thread::Builder::new().spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Timeout) => panic!("an operation was not answered within {PATIENCE:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = test.unwrap().join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn write(file: &str, offset: u64, data: &'static [u8]) -> Op {
    Op::WriteSync { file: file.to_owned(), offset, data: Bytes::from_static(data) }
}

#[test]
fn a_log_is_found_again() {
    in_time(|| {
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
        let made_ahead = fs::metadata(root.join(SEGMENT)).unwrap().len();
        assert_eq!(made_ahead, SEGMENT_BYTES, "a commit changes no file's length");
    });
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
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let first = open(DirectoryDisk::open(dir.path()).unwrap()).unwrap();
        let error = open(DirectoryDisk::open(dir.path()).unwrap()).unwrap_err();
        assert_eq!(error, OpenError::InUse { directory: dir.path().display().to_string() });
        drop(first);
        assert!(open(DirectoryDisk::open(dir.path()).unwrap()).is_ok());
    });
}

#[test]
fn operations_take_effect_in_order_and_complete_in_order() {
    in_time(|| {
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
        assert!(ids.is_sorted_by(|a, b| a < b), "no name is used twice");
        for id in ids {
            assert_eq!(disk.wait(), Some(Completion { id, result: Ok(Outcome::Done) }));
        }
        assert_eq!(disk.wait(), None);
        assert_eq!(read_all(&mut disk, "d/b"), Ok(Some(Bytes::from_static(b"abcd"))));
        let part = Op::Read { file: "d/b".to_owned(), offset: 1, length: 2 };
        assert_eq!(run(&mut disk, part), Ok(Outcome::Data(Bytes::from_static(b"bc"))));
        for _ in 0..2 {
            run(&mut disk, Op::Remove { file: "d/a".to_owned() }).unwrap();
        }
        assert_eq!(
            run(&mut disk, Op::List { dir: "d".to_owned() }),
            Ok(Outcome::Names(vec!["b".to_owned()]))
        );
        drop(disk);
        assert_eq!(woken.load(Ordering::Relaxed), 12, "once for each operation");
    });
}

#[test]
fn what_is_written_once_is_there_whatever_its_place_and_length() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        let mut expected = Vec::new();
        for length in [4096, 10_000, 3, 4096, 1, 2 << 20, 300_000] {
            let data: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(1..)).take(length).collect();
            let op = Op::WriteOnce {
                file: "f".to_owned(),
                offset: expected.len() as u64,
                data: data.clone().into(),
            };
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
    });
}

#[test]
fn after_a_failed_write_nothing_succeeds_and_after_a_failed_read_all_does() {
    in_time(|| {
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
    });
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
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        run(&mut disk, write("f", 0, &[7; 40_000])).unwrap();
        let path = dir.path().join("f");
        fadvise(fs::File::open(&path).unwrap(), 0, None, Advice::DontNeed).unwrap();
        if cached(&path, 8192) != Some(false) {
            eprintln!("this file system does not say what its cache holds: skipped");
            return;
        }
        let mut left_in_cache = |offset, length| {
            read_all(&mut disk, "f").unwrap();
            assert_eq!(cached(&path, 8192), Some(true));
            run(&mut disk, Op::ReadBack { file: "f".to_owned(), offset, length }).unwrap();
            cached(&path, 8192) == Some(true)
        };
        for (offset, length) in [(0, u64::MAX), (4096, 20_000)] {
            // To let go is advice: a page that the kernel itself holds just then stays, under load one time in a
            // hundred.
            assert!((0..100).any(|_| !left_in_cache(offset, length)), "{offset}");
        }
        // Where there is no other way than through the cache, it holds what came from the medium.
        assert!(left_in_cache(5000, 20_000));
    });
}

/// A commit writes the block that it goes on in again, as it was left: by whatever wrote there, and under whatever name.
#[test]
fn a_commit_leaves_what_stands_before_it_as_another_operation_wrote_it() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        let allocate = |length| Op::Allocate { file: "f".to_owned(), length };
        let plain = Op::Write { file: "f".to_owned(), offset: 1, data: Bytes::from_static(b"xy") };
        let rename = Op::Rename { from: "f".to_owned(), to: "g".to_owned() };
        let over_the_end = write("f", 2, &[b'z'; 5000]);
        for op in [allocate(5002), write("f", 0, b"abcd"), plain, write("f", 4, b"e")] {
            run(&mut disk, op).unwrap();
        }
        let begins = |disk: &mut DirectoryDisk, file: &str| read_all(disk, file).unwrap().unwrap().slice(..8);
        assert_eq!(begins(&mut disk, "f"), b"axyde\0\0\0".as_slice());
        for op in [over_the_end, write("f", 4, b"f")] {
            run(&mut disk, op).unwrap();
        }
        assert_eq!(begins(&mut disk, "f")[..5], *b"axzzf");
        for op in [rename, allocate(8192), write("f", 5, b"new")] {
            run(&mut disk, op).unwrap();
        }
        assert_eq!(begins(&mut disk, "f"), b"\0\0\0\0\0new".as_slice());
        assert_eq!(begins(&mut disk, "g")[..5], *b"axzzf");
    });
}

#[test]
fn each_of_several_open_files_gets_what_is_its_own() {
    in_time(|| {
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
    });
}

#[test]
fn room_is_made_for_what_is_shorter_and_nothing_is_cut_off() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        for (length, expected) in [(100, 100), (99, 100), (100, 100), (5000, 5000)] {
            run(&mut disk, Op::Allocate { file: "f".to_owned(), length }).unwrap();
            assert_eq!(fs::metadata(dir.path().join("f")).unwrap().len(), expected);
        }
    });
}

#[test]
fn only_what_is_there_already_or_gone_already_is_no_error() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let failing = |op: Op| {
            let mut disk = DirectoryDisk::open(dir.path()).unwrap();
            run(&mut disk, Op::CreateDir { dir: "d".to_owned() }).unwrap();
            run(&mut disk, write("f", 0, b"x")).unwrap();
            run(&mut disk, op).unwrap_err().kind
        };
        let made = |dir: &str| failing(Op::CreateDir { dir: dir.to_owned() });
        assert_eq!(made("f"), io::ErrorKind::AlreadyExists, "a file is no directory");
        assert_eq!(made("missing/d"), io::ErrorKind::NotFound);
        assert_ne!(failing(Op::Remove { file: "d".to_owned() }), io::ErrorKind::NotFound);
        assert!(dir.path().join("d").is_dir());
    });
}

/// Aside, want of room is no reason to end.
#[test]
fn only_want_of_room_aside_leaves_the_rest_alone() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join("full")).unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        let full = || Op::Write { file: "full".to_owned(), offset: 0, data: Bytes::from_static(b"x") };
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        disk.submit_aside(full());
        let error = disk.wait().unwrap().result.unwrap_err();
        assert_eq!(error.kind, io::ErrorKind::StorageFull);
        run(&mut disk, write("f", 0, b"x")).unwrap();
        let aside = disk.submit_aside(write("d", 0, b"x"));
        let completion = disk.wait().unwrap();
        assert_eq!(completion.id, aside);
        assert_eq!(run(&mut disk, write("f", 0, b"y")), Err(completion.result.unwrap_err()));

        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        let error = run(&mut disk, full()).unwrap_err();
        assert_eq!(error.kind, io::ErrorKind::StorageFull);
        assert_eq!(run(&mut disk, write("f", 0, b"y")), Err(error), "the log's own write was lost");
    });
}

#[test]
fn what_is_in_the_way_of_a_lock_or_a_log_is_told_as_it_is() {
    in_time(|| {
        for (operation, in_the_way) in [("lock", "LOCK/"), ("list", "wal")] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(in_the_way);
            if in_the_way.ends_with('/') { fs::create_dir(path) } else { fs::write(path, "") }.unwrap();
            let error = open(DirectoryDisk::open(dir.path()).unwrap()).unwrap_err();
            let OpenError::Storage { error: StorageError::Disk(error), .. } = error else {
                panic!("{error}")
            };
            assert_eq!(error.operation, operation);
        }
    });
}

#[test]
fn where_no_directory_can_be_made_its_path_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let root = file.join("root");
    assert_eq!(DirectoryDisk::open(&root).unwrap_err().file, root.display().to_string());
}

mod threads;
