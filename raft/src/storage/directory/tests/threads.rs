//! Every operation is answered once, whatever becomes of the thread that runs it.

use super::*;

#[test]
fn what_was_polled_is_pending_no_more() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        assert_eq!(disk.poll(), None);
        let (waker, woken) = channel();
        disk.set_waker(Box::new(move || _ = waker.send(())));
        let ids = [disk.submit(write("a", 0, b"x")), disk.submit(write("a", 1, b"y"))];
        woken.iter().take(2).for_each(drop);
        assert_eq!(disk.poll().unwrap().id, ids[0]);
        assert_eq!(disk.wait().unwrap().id, ids[1]);
        assert_eq!((disk.wait(), disk.poll()), (None, None));
    });
}

#[test]
fn dropping_waits_for_what_was_submitted() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        for n in 0..30 {
            disk.submit(write("f", n, b"x"));
            disk.submit_aside(write("aside", n, b"x"));
        }
        drop(disk);
        for file in ["f", "aside"] {
            assert_eq!(fs::metadata(dir.path().join(file)).unwrap().len(), 30, "{file}");
        }
    });
}

/// Bytes whose owner panics when they are let go.
struct Slippery;

impl AsRef<[u8]> for Slippery {
    fn as_ref(&self) -> &[u8] {
        b"x"
    }
}

impl Drop for Slippery {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_of_a_thread_is_answered_and_ends_the_disk() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        let data = Bytes::from_owner(Slippery);
        let ids = [disk.submit_aside(Op::WriteSync { file: "a".to_owned(), offset: 3, data })];
        let ids = ids.into_iter().chain((0..3).map(|_| disk.submit_aside(write("b", 0, b"y"))));
        let ids: Vec<_> = ids.collect();
        let answers: Vec<_> = ids.iter().map(|_| disk.wait().unwrap()).collect();
        assert!(answers.iter().map(|answer| answer.id).eq(ids));
        let error = answers[0].result.clone().unwrap_err();
        assert_eq!(error.to_string(), "cannot write and sync a at offset 3: the disk's thread panicked");
        assert!(answers.iter().all(|answer| answer.result == Err(error.clone())));
        assert_eq!(run(&mut disk, write("c", 0, b"z")), Err(error), "what it left half done nobody knows");
    });
}

#[test]
fn a_panic_of_who_is_called_leaves_the_disk_as_it_was() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = DirectoryDisk::open(dir.path()).unwrap();
        disk.set_waker(Box::new(|| panic!("on purpose")));
        let ids = [0, 1, 2].map(|at| disk.submit(write("f", at, b"x")));
        for id in ids {
            assert_eq!(disk.wait(), Some(Completion { id, result: Ok(Outcome::Done) }));
        }
    });
}
