//! What a thread keeps open, and what it lets go of.

use super::*;

/// The one used last is at the end, and the one at the beginning is closed first.
#[test]
fn the_files_used_last_stay_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = Worker::new(dir.path().to_owned(), Latch::default(), false);
    let open = |name: &str| {
        worker.file(name).unwrap();
        let open = worker.open.iter().map(|(name, _)| name.as_str());
        open.collect::<String>()
    };
    let after = ["a", "b", "a", "c", "d", "e", "c", "c"].map(open);
    assert_eq!(after, ["a", "ab", "ba", "bac", "bacd", "acde", "adec", "adec"]);
}

#[test]
fn the_pages_of_a_part_of_a_file_are_whole() {
    let pages = |offset, length| {
        let (start, length) = pages(offset, length);
        (start, length.map_or(0, NonZeroU64::get))
    };
    assert_eq!(pages(4096, 4096), (4096, 4096));
    assert_eq!([pages(4095, 1), pages(4095, 2), pages(4096, 1)], [(0, 4096), (0, 8192), (4096, 4096)]);
    assert_eq!(pages(9000, 5000), (8192, 8192));
    // Of no length, which to the system is to the end of the file.
    assert_eq!([pages(0, u64::MAX), pages(9000, u64::MAX), pages(8192, 0)], [(0, 0), (8192, 0), (8192, 0)]);
    let most = 1 << 63;
    assert_eq!([pages(0, most - PAGE), pages(0, most - PAGE + 1)], [(0, most - PAGE), (0, 0)]);
}
