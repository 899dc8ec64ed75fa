//! How much goes past the cache, on the file system that holds the system's directory for temporary files; and what
//! is done where nothing can.

use super::*;

/// What the test is about needs a file system that has such a way.
fn with_direct(test: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).custom_flags(OFlags::DIRECT.bits().cast_signed());
    match options.open(dir.path().join("probe")) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            eprintln!("this file system has no way past its cache: skipped");
        }
        probe => {
            probe.unwrap();
            test(dir.path());
        }
    }
}

/// No two pieces of it alike.
fn bytes(length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

#[test]
fn whole_blocks_at_a_blocks_place_go_past_the_cache_and_nothing_else() {
    with_direct(|dir| {
        let (mut direct, path) = (Direct::default(), dir.join("f"));
        let cases = [
            (0, 4095, 0),
            (0, 4096, 4096),
            (4096, 10_000, 8192),
            (1, 4096, 0),
            (4095, 8192, 0),
            (8192, BUFFER, BUFFER),
            (4096, 2 * BUFFER + 4097, 2 * BUFFER + 4096),
        ];
        for (offset, length, past) in cases {
            let data = bytes(length);
            assert_eq!(direct.write(&path, "f", offset, &data).unwrap(), past, "{length} at {offset}");
            if past > 0 {
                let content = fs::read(&path).unwrap();
                let at = usize::try_from(offset).unwrap();
                assert!(content[at..at + past] == data[..past], "{length} at {offset}");
            }
        }
        assert!(!direct.unsupported);
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096 + 2 * BUFFER as u64 + 4096);
    });
}

#[test]
fn what_is_no_whole_block_makes_no_file() {
    with_direct(|dir| {
        let path = dir.join("f");
        for (offset, length) in [(0, 4095), (7, 4096)] {
            assert_eq!(Direct::default().write(&path, "f", offset, &bytes(length)).unwrap(), 0);
        }
        let mut refused = Direct { unsupported: true, ..Direct::default() };
        assert_eq!(refused.write(&path, "f", 0, &bytes(4096)).unwrap(), 0);
        assert_eq!(refused.read(&path, 0, 4096).unwrap(), None);
        assert!(!path.exists());
    });
}

#[test]
fn each_file_gets_its_own_until_its_name_changes() {
    with_direct(|dir| {
        let (a, b, moved) = (dir.join("a"), dir.join("b"), dir.join("moved"));
        let mut direct = Direct::default();
        for (path, name, byte) in [(&a, "a", 1), (&b, "b", 2), (&a, "a", 3)] {
            assert_eq!(direct.write(path, name, 0, &[byte; 4096]).unwrap(), 4096);
        }
        fs::rename(&a, &moved).unwrap();
        direct.close("b");
        assert!(direct.file.is_some(), "another one is open");
        direct.close("a");
        assert_eq!(direct.write(&a, "a", 0, &[4; 4096]).unwrap(), 4096);
        for (path, byte) in [(&a, 4), (&b, 2), (&moved, 3)] {
            assert_eq!(fs::read(path).unwrap(), [byte; 4096], "{}", path.display());
        }
    });
}

#[test]
fn a_part_is_read_up_to_its_end_or_the_files_whichever_comes_first() {
    with_direct(|dir| {
        let (mut direct, path, data) = (Direct::default(), dir.join("f"), bytes(20_000));
        fs::write(&path, &data).unwrap();
        let cases = [(0, u64::MAX, 0..20_000), (4096, 9000, 4096..13_096), (16_384, 4096, 16_384..20_000)];
        for (offset, length, part) in cases {
            let read = direct.read(&path, offset, length).unwrap();
            assert_eq!(read.as_deref(), Some(&data[part]), "{length} from {offset}");
        }
        for (offset, length) in [(20_480, 10), (1 << 30, u64::MAX), (0, 0)] {
            assert_eq!(
                direct.read(&path, offset, length).unwrap(),
                Some(Bytes::new()),
                "{length} from {offset}"
            );
        }
        assert_eq!(direct.read(&path, 5, 4096).unwrap(), None, "no block begins there");
        assert!(!direct.unsupported, "which says nothing of other places");
    });
}

/// What a file system says that opens a file for this and then takes nothing: `EINVAL`, as of a place that no file has.
#[test]
fn where_such_a_write_is_refused_it_goes_another_way_and_none_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let mut direct =
        Direct { file: Some(("f".to_owned(), fs::File::create(&path).unwrap())), ..Direct::default() };
    assert_eq!(direct.write(&path, "f", 1 << 63, &[1; 4096]).unwrap(), 0);
    assert!(direct.unsupported);
    assert_eq!(direct.write(&path, "f", 0, &[1; 4096]).unwrap(), 0);
    assert_eq!(fs::read(&path).unwrap(), []);
}

#[test]
fn a_write_that_fails_for_another_reason_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "").unwrap();
    let mut direct =
        Direct { file: Some(("f".to_owned(), fs::File::open(&path).unwrap())), ..Direct::default() };
    assert!(direct.write(&path, "f", 0, &[1; 4096]).is_err(), "it is open for reading only");
    assert!(!direct.unsupported);
}

#[test]
fn only_what_is_refused_as_such_counts_as_unsupported() {
    let mut direct = Direct::default();
    assert_eq!(direct.supported(Ok(7)).unwrap(), Some(7));
    let missing: io::Result<()> = Err(io::ErrorKind::NotFound.into());
    assert_eq!(direct.supported(missing).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!direct.unsupported);
    let refused: io::Result<()> = Err(io::ErrorKind::InvalidInput.into());
    assert_eq!(direct.supported(refused).unwrap(), None);
    assert!(direct.unsupported);
}

#[test]
fn a_buffer_lies_where_a_device_can_use_it_and_is_no_larger_than_it_must_be() {
    for length in [ALIGNMENT, BUFFER] {
        let mut buffer = Vec::new();
        let aligned = aligned(&mut buffer, length);
        assert_eq!((aligned.len(), aligned.as_ptr().align_offset(ALIGNMENT)), (length, 0));
        assert_eq!(buffer.len(), length + ALIGNMENT);
    }
}

#[test]
fn a_read_that_stops_within_a_block_is_left_to_another_way() {
    let filled = |parts: &[usize], there| {
        let mut parts = parts.iter();
        let mut data = vec![0; 3 * ALIGNMENT];
        fill(&mut data, there, |into, at| {
            assert!(at < there as u64, "nothing is left to read");
            // As a kernel does.
            assert!(at.is_multiple_of(ALIGNMENT as u64), "EINVAL, and no other read goes past the cache");
            Ok(parts.next().map_or(0, |part| into.len().min(*part)))
        })
        .unwrap()
    };
    assert_eq!(filled(&[4096, 8192], 9000), Some(9000));
    assert_eq!(filled(&[8192], 8192), Some(8192));
    assert_eq!(filled(&[4096], 9000), Some(4096), "the file has become shorter");
    assert_eq!(filled(&[4096, 100, 9000], 9000), None);
}

#[test]
fn a_read_that_was_interrupted_is_read_again_and_one_that_failed_is_not() {
    let reads = |results: [Result<usize, io::ErrorKind>; 2]| {
        let mut results = results.into_iter();
        fill(&mut [0; ALIGNMENT], ALIGNMENT, |_, _| {
            let next = results.next().expect("no more reads than it takes");
            next.map_err(io::Error::from)
        })
        .map_err(|error| error.kind())
    };
    assert_eq!(reads([Err(io::ErrorKind::Interrupted), Ok(ALIGNMENT)]), Ok(Some(ALIGNMENT)));
    assert_eq!(reads([Err(io::ErrorKind::NotFound), Ok(ALIGNMENT)]), Err(io::ErrorKind::NotFound));
}
