//! On the file system that holds the system's directory for temporary files.

use super::*;

const BLOCKS: usize = 16;

/// A file of ones, and how it is written; nothing where its file system has no such way.
fn with_file(test: impl FnOnce(&Path, &mut Commits)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, vec![1; BLOCKS * 4096]).unwrap();
    let kind = rustix::fs::statfs(&path).unwrap().f_type;
    let direct = OFlags::DIRECT.bits().cast_signed();
    let opened = fs::OpenOptions::new().write(true).custom_flags(direct).open(&path);
    if opened.is_err() || ![0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994].contains(&kind) {
        eprintln!("this file system has no way past its cache, or none that is known to be durable: skipped");
        return;
    }
    test(&path, &mut Commits::default());
}

/// Behind one another, over what stands there already, and somewhere else.
#[test]
fn what_is_written_stands_there_and_nothing_before_it_changes() {
    with_file(|path, commits| {
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut expected, mut end) = (vec![1; BLOCKS * 4096], 0);
        for round in 0..400 {
            let length = if rng.bool() { rng.usize(1..300) } else { rng.usize(1..10_000) };
            let at = match rng.u8(..8) {
                0 => rng.usize(..BLOCKS * 4096),
                1 => end - end.min(rng.usize(..5000)),
                _ => end,
            };
            let at = if at + length > BLOCKS * 4096 { 0 } else { at };
            let data: Vec<u8> = std::iter::repeat_with(|| rng.u8(2..)).take(length).collect();
            assert!(commits.write(path, "f", at as u64, &data).unwrap());
            end = at + length;
            expected[at..end].copy_from_slice(&data);
            expected[end..end.next_multiple_of(4096)].fill(0);
            if rng.u8(..10) == 0 {
                commits.close("f");
            }
            assert!(fs::read(path).unwrap() == expected, "round {round}: {length} bytes at {at}");
        }
    });
}

/// What a log reads back comes through the cache, and what another has written there is in it.
#[test]
fn a_block_that_another_has_written_is_read_first() {
    with_file(|path, commits| {
        assert!(commits.write(path, "f", 0, b"abc").unwrap());
        commits.close("f");
        fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"xyz", 1).unwrap();
        assert!(commits.write(path, "f", 4, b"d").unwrap());
        assert_eq!(fs::read(path).unwrap()[..6], *b"axyzd\0");
    });
}

#[test]
fn no_file_is_made_or_made_longer() {
    with_file(|path, commits| {
        let length = BLOCKS as u64 * 4096;
        let missing = path.with_file_name("g");
        assert!(!commits.write(&missing, "g", 0, b"x").unwrap() && !missing.exists());
        assert!(commits.write(path, "f", length - 1, b"x").unwrap(), "to the last byte");
        assert!(!commits.write(path, "f", length - 1, b"xy").unwrap());
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length + 4095).unwrap();
        assert!(!commits.write(path, "f", length, b"x").unwrap(), "its last block is not whole");
        assert_eq!(fs::metadata(path).unwrap().len(), length + 4095);
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length + 4096).unwrap();
        assert!(commits.write(path, "f", length, b"x").unwrap(), "now it is");
    });
}

/// Nothing but the flags makes it so.
#[test]
fn a_write_is_durable_when_it_ends() {
    with_file(|path, commits| {
        assert!(commits.write(path, "f", 0, b"x").unwrap());
        let flags = rustix::fs::fcntl_getfl(&commits.open.as_ref().unwrap().file).unwrap();
        assert!(flags.contains(OFlags::DIRECT | OFlags::DSYNC), "{flags:?}");
    });
}

#[test]
fn what_no_file_can_have_is_left_to_who_says_so() {
    with_file(|path, commits| {
        for (offset, data) in [(0, &b""[..]), (4096, b""), (u64::MAX, b"x"), (u64::MAX - 4096, b"xy")] {
            assert!(!commits.write(path, "f", offset, data).unwrap(), "{offset}");
        }
        assert!(!commits.unsupported);
        assert_eq!(fs::read(path).unwrap(), [1; BLOCKS * 4096]);
    });
}

#[test]
fn where_there_is_no_such_way_it_is_not_tried_again() {
    with_file(|path, commits| {
        // A file system of the kernel's own.
        assert!(!commits.write(Path::new("/proc/self/comm"), "comm", 0, b"x").unwrap());
        assert!(commits.unsupported);
        assert!(!commits.write(path, "f", 0, b"x").unwrap());
        assert_eq!(fs::read(path).unwrap()[0], 1);
    });
}

/// It may let the flags pass, and do nothing for them.
#[test]
fn a_file_system_that_nobody_knows_is_not_trusted_with_it() {
    with_file(|path, _| {
        let mut commits = Commits { known: &[], ..Commits::default() };
        assert!(!commits.write(path, "f", 0, b"x").unwrap());
        assert!(commits.unsupported);
        assert_eq!(fs::read(path).unwrap(), [1; BLOCKS * 4096]);
    });
}
