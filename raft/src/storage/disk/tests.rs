//! What an operation says of itself, what a disk has from the trait, and what is read once more.

use super::super::memory::{Fault, MemoryDisk};
use super::super::testing::ManualDisk;
use super::*;

/// Says only what a disk must say.
struct Plain {
    disk: MemoryDisk,
    asked: usize,
}

impl Disk for Plain {
    fn submit(&mut self, op: Op) -> OpId {
        self.asked += 1;
        self.disk.submit(op)
    }

    fn poll(&mut self) -> Option<Completion> {
        self.disk.poll()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.disk.wait()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.disk.set_waker(waker);
    }

    fn location(&self) -> String {
        self.disk.location()
    }
}

/// A file of three bytes.
fn plain() -> Plain {
    let mut disk = MemoryDisk::new();
    let data = Bytes::from_static(b"abc");
    run(&mut disk, Op::WriteSync { file: "f".to_owned(), offset: 0, data }).unwrap();
    Plain { disk, asked: 0 }
}

#[test]
fn a_disk_makes_no_segments_ahead_and_no_difference_unless_it_says_so() {
    let mut disk = plain();
    assert!(!disk.prepares());
    let ids = [disk.submit_aside(Op::Lock), disk.submit_aside(Op::SyncDir { dir: String::new() })];
    assert_eq!(disk.asked, 2);
    for id in ids {
        assert_eq!(disk.wait(), Some(Completion { id, result: Ok(Outcome::Done) }));
    }
}

#[test]
fn what_cannot_be_read_is_read_once_more_and_what_is_not_there_is_not() {
    for (failing, asked, found) in [(0, 1, true), (1, 2, true), (2, 2, false)] {
        let mut disk = plain();
        disk.disk.fault(Fault::Reads(failing));
        let read = read_all(&mut disk, "f");
        assert_eq!((disk.asked, read.is_ok()), (asked, found), "{failing}");
        assert!(read.is_err() || read == Ok(Some(Bytes::from_static(b"abc"))));
    }
    let mut disk = plain();
    assert_eq!((read_all(&mut disk, "missing"), disk.asked), (Ok(None), 1));
}

#[test]
fn a_disk_that_never_answers_is_an_error_of_the_operation() {
    let mut dead = ManualDisk::with_budget(&MemoryDisk::new(), 0);
    let error = run(&mut dead, Op::Sync { file: "f".to_owned() }).unwrap_err();
    assert_eq!(error.to_string(), "cannot sync f at offset 0: the disk never answered");
    assert_eq!(error.kind, io::ErrorKind::BrokenPipe);
}

#[test]
fn the_answer_to_another_operation_is_not_taken_for_its_own() {
    let mut disk = plain();
    disk.submit(Op::Lock);
    assert_eq!(run(&mut disk, Op::List { dir: String::new() }), Ok(Outcome::Names(vec!["f".to_owned()])));
}

#[test]
fn an_operation_says_what_it_does_to_what_and_where() {
    let (file, dir, offset, length, data) = (|| "f".to_owned(), || "d".to_owned(), 7, 9, Bytes::new);
    let ops = [
        (Op::Lock, "lock", "LOCK", 0, true),
        (Op::List { dir: dir() }, "list", "d", 0, true),
        (Op::Read { file: file(), offset, length }, "read", "f", 7, true),
        (Op::ReadBack { file: file(), offset, length }, "read back", "f", 7, true),
        (Op::Write { file: file(), offset, data: data() }, "write", "f", 7, false),
        (Op::WriteOnce { file: file(), offset, data: data() }, "write", "f", 7, false),
        (Op::WriteSync { file: file(), offset, data: data() }, "write and sync", "f", 7, false),
        (Op::Sync { file: file() }, "sync", "f", 0, false),
        (Op::Allocate { file: file(), length }, "make room for", "f", 0, false),
        (Op::SyncDir { dir: dir() }, "sync directory", "d", 0, false),
        (Op::CreateDir { dir: dir() }, "create directory", "d", 0, false),
        (Op::Rename { from: file(), to: dir() }, "rename", "f", 0, false),
        (Op::Remove { file: file() }, "remove", "f", 0, false),
    ];
    for (op, operation, file, offset, looks) in ops {
        let (kind, text) = (io::ErrorKind::StorageFull, "no space".to_owned());
        let expected = DiskError { operation, file: file.to_owned(), offset, kind, text };
        assert_eq!(op.failed(&io::Error::new(kind, "no space")), expected);
        assert_eq!(op.only_looks(), looks, "{operation}");
    }
}
