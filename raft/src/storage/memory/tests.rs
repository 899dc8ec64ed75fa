//! Each fault, seen by a script of raw operations.

use bytes::Bytes;

use super::super::disk::{Outcome, read_all, run};
use super::*;

fn write(file: &str, offset: u64, data: &'static [u8]) -> Op {
    Op::Write { file: file.to_owned(), offset, data: Bytes::from_static(data) }
}

fn sync(file: &str) -> Op {
    Op::Sync { file: file.to_owned() }
}

fn sync_root() -> Op {
    Op::SyncDir { dir: String::new() }
}

fn content(disk: &MemoryDisk, file: &str) -> Option<Bytes> {
    read_all(&mut disk.clone(), file).unwrap()
}

/// As the disk has it.
fn read_back(disk: &MemoryDisk, file: &str) -> Bytes {
    let op = Op::ReadBack { file: file.to_owned(), offset: 0, length: u64::MAX };
    let Ok(Outcome::Data(data)) = run(&mut disk.clone(), op) else { panic!("{file} cannot be read") };
    data
}

/// A disk with a durable file that holds `old`.
fn with_a_file() -> MemoryDisk {
    let mut disk = MemoryDisk::new();
    for op in [write("f", 0, b"old"), sync("f"), sync_root()] {
        run(&mut disk, op).unwrap();
    }
    disk
}

#[test]
fn a_crash_keeps_just_the_sectors_that_it_is_told_to() {
    static TWO: [u8; 1024] = [7; 1024];
    for kept in 0..4_usize {
        let mut disk = with_a_file();
        run(&mut disk, write("f", 0, &TWO)).unwrap();
        assert_eq!(disk.unsynced(), 2);
        disk.crash(|sector| kept & 1 << sector != 0, 0);
        let found = content(&disk, "f").unwrap();
        assert_eq!(found[0] == 7, kept & 1 != 0, "{kept}");
        assert_eq!(found.get(600) == Some(&7), kept & 2 != 0, "{kept}");
    }
}

#[test]
fn a_sector_can_be_torn() {
    static SECTOR_AND_A_HALF: [u8; 768] = [7; 768];
    let mut disk = with_a_file();
    run(&mut disk, write("f", 0, &SECTOR_AND_A_HALF)).unwrap();
    disk.crash(|sector| Fate::Torn(2 + sector), 0);
    assert_eq!(content(&disk, "f").unwrap()[..4], *b"\x07\x07d\0");
    assert_eq!(content(&disk, "f").unwrap()[510..], [0, 0, 7, 7, 7]);
}

#[test]
fn names_are_durable_when_their_directory_is() {
    let mut disk = with_a_file();
    for op in [write("g", 0, b"new"), sync("g"), Op::Rename { from: "g".to_owned(), to: "f".to_owned() }] {
        run(&mut disk, op).unwrap();
    }
    let cut = disk.copy();
    cut.crash(|_| true, 0);
    assert_eq!((content(&cut, "f"), content(&cut, "g")), (Some("old".into()), None));
    run(&mut disk, sync_root()).unwrap();
    disk.crash(|_| false, 0);
    assert_eq!(content(&disk, "f"), Some("new".into()));
}

#[test]
fn a_failed_sync_is_reported_once_and_the_data_are_gone() {
    for (failure, cached) in [(SyncFailure::CacheKeepsNew, "new"), (SyncFailure::CacheGoesBack, "old")] {
        let mut disk = with_a_file();
        disk.fault(Fault::Sync(disk.syncs(), failure));
        run(&mut disk, write("f", 0, b"new")).unwrap();
        assert!(run(&mut disk, sync("f")).is_err());
        assert!(run(&mut disk, write("f", 0, b"x")).is_err(), "the handle does nothing more");
        disk.end_process();
        let mut next = disk.clone();
        assert_eq!(content(&next, "f"), Some(cached.into()));
        assert!(run(&mut next, sync("f")).is_ok(), "a second sync says that all is well");
        next.crash(|_| true, usize::MAX);
        assert_eq!(content(&next, "f"), Some("old".into()), "{failure:?}");
    }
}

#[test]
fn writes_can_be_lost_or_go_astray_and_bits_can_rot() {
    let mut disk = with_a_file();
    disk.fault(Fault::LostWrite);
    run(&mut disk, write("f", 0, b"new")).unwrap();
    run(&mut disk, sync("f")).unwrap();
    assert_eq!(content(&disk, "f"), Some("new".into()), "the cache knows nothing of it");
    assert_eq!(read_back(&disk, "f"), "old");
    run(&mut disk, write("g", 0, b"1234567")).unwrap();
    run(&mut disk, sync("g")).unwrap();
    disk.fault(Fault::MisdirectedWrite { file: "g".to_owned(), offset: 2 });
    run(&mut disk, write("f", 0, b"NEW")).unwrap();
    run(&mut disk, sync("f")).unwrap();
    assert_eq!((read_back(&disk, "f"), read_back(&disk, "g")), ("old".into(), "12NEW67".into()));
    disk.fault(Fault::Rot { file: "f".to_owned(), offset: 1, bit: 0 });
    assert_eq!((content(&disk, "f"), read_back(&disk, "f")), (Some("NDW".into()), "omd".into()));
    disk.fault(Fault::Reads(1));
    assert!(run(&mut disk, Op::Read { file: "f".to_owned(), offset: 0, length: 1 }).is_err());
    assert!(content(&disk, "f").is_some());
}

#[test]
fn a_sector_cannot_be_read_before_it_is_written_again() {
    let disk = with_a_file();
    let mut handle = disk.clone();
    run(&mut handle, write("f", 0, &[7; 1024])).unwrap();
    disk.fault(Fault::Unreadable { file: "f".to_owned(), offset: 600 });
    let mut read = |offset| {
        let op = |length| Op::Read { file: "f".to_owned(), offset, length };
        [run(&mut handle, op(1)).is_ok(), run(&mut handle, op(400)).is_ok()]
    };
    assert_eq!(
        [read(0), read(112), read(113), read(512)],
        [[true, true], [true, true], [true, false], [false; 2]]
    );
    assert_eq!(read(1024), [true; 2], "behind the end there is nothing to read");
    run(&mut disk.clone(), write("f", 512, b"new")).unwrap();
    assert_eq!(read(512), [true; 2]);
}

#[test]
fn a_full_disk_fails_what_is_aside_and_ends_what_is_not() {
    let mut disk = with_a_file();
    disk.fault(Fault::Capacity(3));
    let allocate = Op::Allocate { file: "g".to_owned(), length: 100 };
    let id = disk.submit_aside(allocate.clone());
    let completion = disk.wait().unwrap();
    assert_eq!((completion.id, completion.result.unwrap_err().kind), (id, std::io::ErrorKind::StorageFull));
    assert_eq!(run(&mut disk, write("f", 0, b"new")), Ok(Outcome::Done), "what does not grow has room");
    assert!(run(&mut disk, allocate).is_err());
    assert!(run(&mut disk, write("f", 0, b"old")).is_err());
}

#[test]
fn what_is_held_runs_when_it_is_told_to_and_may_have_reached_the_disk_before() {
    let disk = with_a_file();
    disk.hold();
    let mut handle = disk.clone();
    let first = handle.submit(write("f", 0, b"new"));
    handle.submit_aside(write("g", 0, b"aside"));
    assert_eq!(handle.poll(), None);
    assert!(disk.run_next(Queue::Aside) && disk.run_next(Queue::Log) && !disk.run_next(Queue::Log));
    assert_ne!(handle.poll().unwrap().id, first);
    assert_eq!(handle.poll().unwrap().id, first);
    handle.submit(write("f", 0, b"mid"));
    disk.crash(|_| true, 0);
    assert_eq!(disk.durable("f"), Some(b"mid".to_vec()));
}

#[test]
fn a_power_cut_undoes_unsynced_writes_in_content_and_length() {
    let disk = MemoryDisk::new();
    let mut life = disk.clone();
    run(&mut life, write("f", 0, b"abcdef")).unwrap();
    run(&mut life, sync("f")).unwrap();
    run(&mut life, sync_root()).unwrap();
    run(&mut life, write("f", 4, b"XYZ")).unwrap();
    run(&mut life, write("f", 9, b"W")).unwrap();
    assert_eq!(disk.content("f"), Some(b"abcdXYZ\0\0W".to_vec()));
    disk.lose_power();
    assert_eq!(disk.content("f"), Some(b"abcdef".to_vec()));
}

#[test]
fn a_crash_ends_the_lives_before_it_and_their_lock() {
    let disk = MemoryDisk::new();
    let mut old = disk.clone();
    run(&mut old, Op::Lock).unwrap();
    assert_eq!(run(&mut disk.clone(), Op::Lock).unwrap_err().kind, std::io::ErrorKind::WouldBlock);
    disk.lose_power();
    let mut new = disk.clone();
    run(&mut new, Op::Lock).unwrap();
    assert!(run(&mut old, write("f", 0, b"x")).is_err());
    assert_eq!(read_all(&mut new, "f"), Ok(None));
    drop(old);
    assert!(run(&mut disk.clone(), Op::Lock).is_err(), "the dead one's end frees nothing");
}

#[test]
fn no_crash_divides_a_change_of_name() {
    let mut disk = with_a_file();
    run(&mut disk, Op::Rename { from: "f".to_owned(), to: "g".to_owned() }).unwrap();
    for (names, found) in [(0, [true, false]), (1, [false, true])] {
        let cut = disk.copy();
        cut.crash(|_| false, names);
        assert_eq!(["f", "g"].map(|name| content(&cut, name).is_some()), found);
    }
}

#[test]
fn a_part_is_read_back_as_the_whole_is() {
    static NEW: [u8; 1400] = [7; 1400];
    let mut disk = with_a_file();
    run(&mut disk, write("f", 0, &[5; 2000])).unwrap();
    run(&mut disk, sync("f")).unwrap();
    disk.fault(Fault::LostWrite);
    run(&mut disk, write("f", 100, &NEW)).unwrap();
    run(&mut disk, write("f", 600, b"dirty")).unwrap();
    let whole = read_back(&disk, "f");
    assert_eq!((whole[100], &whole[600..605], whole[1300]), (5, b"dirty".as_slice(), 5));
    for (from, to) in [(0, 0), (700, 700), (90, 110), (511, 513), (590, 1100), (1990, 2000), (1990, 3000)] {
        let op = Op::ReadBack { file: "f".to_owned(), offset: from as u64, length: (to - from) as u64 };
        let part = Outcome::Data(whole.slice(from..to.min(whole.len())));
        assert_eq!(run(&mut disk.clone(), op), Ok(part), "{from}..{to}");
    }
}

#[test]
fn places_of_files_without_a_name_are_used_again() {
    let mut disk = with_a_file();
    let kept = disk.copy();
    for round in 0..3 {
        run(&mut disk, write("g", 0, &[6; 700])).unwrap();
        run(&mut disk, sync("g")).unwrap();
        run(&mut disk, Op::Rename { from: "g".to_owned(), to: "f".to_owned() }).unwrap();
        run(&mut disk, sync_root()).unwrap();
        assert_eq!(content(&disk, "f").map(|content| content.len()), Some(700), "{round}");
        run(&mut disk, write("h", 0, b"h")).unwrap();
        assert_eq!(content(&disk, "h"), Some("h".into()), "nothing of another is in it");
        run(&mut disk, Op::Remove { file: "h".to_owned() }).unwrap();
    }
    assert_eq!(content(&kept, "f"), Some("old".into()));
}

fn sim_run(disk: &mut SimDisk, op: Op) -> Ran {
    disk.submit(op);
    disk.run_next(Queue::Log).unwrap()
}

#[test]
fn a_simulated_disk_runs_what_it_is_told_and_its_clones_are_others() {
    let mut disk = SimDisk::new();
    let first = disk.submit(write("f", 0, b"old"));
    let aside = disk.submit_aside(write("g", 0, b"aside"));
    assert_eq!((disk.poll(), disk.pending(Queue::Log), disk.pending(Queue::Aside)), (None, 1, 1));
    let mut other = disk.clone();
    assert!(disk.run_next(Queue::Aside).is_some() && disk.run_next(Queue::Aside).is_none());
    assert_eq!(disk.poll().map(|completion| completion.id), Some(aside));
    assert_eq!(disk.wait().map(|completion| completion.id), Some(first));
    assert_eq!((disk.wait(), disk.files(), disk.unsynced()), (None, vec!["f".to_owned(), "g".to_owned()], 2));
    assert_eq!((other.files(), other.unsynced(), other.pending(Queue::Log)), (Vec::new(), 2, 1));
    other.end_process();
    assert_eq!((other.content("f"), other.wait()), (Some(b"old".to_vec()), None));
}

#[test]
fn it_tells_what_is_durable_whatever_the_completion_says() {
    let synced = |data: &'static [u8]| {
        let data = Bytes::from_static(data);
        Op::WriteSync { file: "f".to_owned(), offset: 0, data }
    };
    let mut disk = SimDisk::new();
    let told = |ran: Ran| (ran.done, ran.durable);
    assert_eq!(told(sim_run(&mut disk, synced(b"old"))), (true, false), "its name is not");
    sim_run(&mut disk, sync_root());
    assert_eq!(told(sim_run(&mut disk, synced(b"new"))), (true, true));
    assert_eq!(told(sim_run(&mut disk, write("f", 0, b"not"))), (true, false));
    disk.fault(Fault::LostWrite);
    sim_run(&mut disk, sync("f"));
    assert_eq!(told(sim_run(&mut disk, synced(b"bad"))), (true, false));
    disk.fault(Fault::Sync(disk.syncs(), SyncFailure::CacheKeepsNew));
    assert_eq!(told(sim_run(&mut disk, synced(b"bad"))), (false, false));
    disk.crash(|_| true, 0);
    assert_eq!((disk.poll(), disk.durable("f")), (None, Some(b"not".as_slice())));
}

#[test]
fn a_disk_that_lies_says_what_its_cache_holds_until_the_power_fails() {
    let mut disk = SimDisk::new();
    let write = |offset, data: &'static [u8]| Op::WriteSync {
        file: "f".to_owned(),
        offset,
        data: Bytes::from_static(data),
    };
    sim_run(&mut disk, write(0, &[1; 1200]));
    sim_run(&mut disk, sync_root());
    disk.fault(Fault::LostWrite);
    sim_run(&mut disk, write(600, &[2; 1000]));
    assert!(disk.lies() && disk.says("f", 600, &[2; 1000]) && !disk.has("f", 600, &[2; 1000]));
    let told = disk.as_told("f").unwrap();
    assert_eq!((told[599], &told[600..1600]), (1, [2; 1000].as_slice()));
    // What is written over it is there, and nothing is hidden any more.
    let mut healed = disk.clone();
    sim_run(&mut healed, write(512, &[3; 1500]));
    assert!(!healed.lies() && healed.has("f", 512, &[3; 1500]));
    disk.crash(|_| true, usize::MAX);
    assert!(!disk.lies() && !disk.says("f", 600, &[2; 1000]));
    // The file's length was not lost.
    assert_eq!(disk.content("f"), Some([vec![1; 1200], vec![0; 400]].concat()));
}

#[test]
fn what_somebody_else_puts_there_is_durable_and_goes_again() {
    let mut disk = SimDisk::new();
    disk.put("g", b"another's".to_vec());
    disk.crash(|_| false, 0);
    assert_eq!((disk.durable("g"), disk.files().len()), (Some(b"another's".as_slice()), 1));
    sim_run(&mut disk, write("f", 0, b"own"));
    assert_eq!(disk.durable("g"), Some(b"another's".as_slice()), "nothing of another is in it");
    disk.lose("g");
    assert_eq!(disk.files(), ["f"]);
}

/// A lie about one file makes no other one longer, or gone.
#[test]
fn a_disk_that_lies_about_one_file_tells_the_others_as_they_are() {
    let mut disk = SimDisk::new();
    let synced =
        |file: &str| Op::WriteSync { file: file.to_owned(), offset: 0, data: Bytes::from_static(&[1; 700]) };
    sim_run(&mut disk, synced("f"));
    sim_run(&mut disk, write("g", 0, &[0; 2000]));
    sim_run(&mut disk, synced("g"));
    sim_run(&mut disk, sync_root());
    disk.fault(Fault::LostWrite);
    sim_run(&mut disk, synced("f"));
    assert!(disk.lies());
    assert_eq!(disk.as_told("g").as_deref(), disk.durable("g"));
    assert_eq!(disk.as_told("g").unwrap()[..700], [1; 700]);
}
