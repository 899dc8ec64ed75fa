//! What a crash undoes, and whom it ends.

use super::super::disk::{read_all, run};
use super::*;

fn write(file: &str, offset: u64, data: &'static [u8]) -> Op {
    Op::Write { file: file.to_owned(), offset, data: Bytes::from_static(data) }
}

fn name(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_crash_undoes_unsynced_writes_in_content_and_length() {
    let disk = MemoryDisk::new();
    let mut life = disk.clone();
    run(&mut life, write("f", 0, b"abcdef")).unwrap();
    run(&mut life, Op::Sync { file: name("f") }).unwrap();
    run(&mut life, Op::SyncDir { dir: String::new() }).unwrap();
    run(&mut life, write("f", 4, b"XYZ")).unwrap();
    run(&mut life, write("f", 9, b"W")).unwrap();
    assert_eq!(disk.content("f"), Some(b"abcdXYZ\0\0W".to_vec()));
    disk.crash();
    assert_eq!(disk.content("f"), Some(b"abcdef".to_vec()));
}

#[test]
fn a_crash_undoes_names_whose_directory_was_not_synced() {
    let disk = MemoryDisk::new();
    let mut life = disk.clone();
    run(&mut life, Op::CreateDir { dir: name("d") }).unwrap();
    run(&mut life, write("d/lost", 0, b"x")).unwrap();
    run(&mut life, Op::SyncDir { dir: name("d") }).unwrap();
    run(&mut life, write("old", 0, b"old")).unwrap();
    run(&mut life, write("new", 0, b"new")).unwrap();
    disk.crash();
    assert_eq!(run(&mut disk.clone(), Op::List { dir: String::new() }), Ok(Outcome::Names(vec![])));

    let mut life = disk.clone();
    for (file, data) in [("a", b"a"), ("b", b"b")] {
        run(&mut life, write(file, 0, data)).unwrap();
        run(&mut life, Op::Sync { file: name(file) }).unwrap();
    }
    run(&mut life, Op::SyncDir { dir: String::new() }).unwrap();
    run(&mut life, Op::Rename { from: name("a"), to: name("b") }).unwrap();
    assert_eq!((disk.content("a"), disk.content("b")), (None, Some(b"a".to_vec())));
    disk.crash();
    assert_eq!((disk.content("a"), disk.content("b")), (Some(b"a".to_vec()), Some(b"b".to_vec())));
}

#[test]
fn a_crash_ends_the_lives_before_it_and_their_lock() {
    let disk = MemoryDisk::new();
    let mut old = disk.clone();
    run(&mut old, Op::Lock).unwrap();
    assert_eq!(run(&mut disk.clone(), Op::Lock).unwrap_err().kind, io::ErrorKind::WouldBlock);
    disk.crash();
    let mut new = disk.clone();
    run(&mut new, Op::Lock).unwrap();
    assert!(run(&mut old, write("f", 0, b"x")).is_err());
    assert_eq!(read_all(&mut new, "f"), Ok(None));
    drop(old);
    assert!(run(&mut disk.clone(), Op::Lock).is_err(), "the dead one's end frees nothing");
}
