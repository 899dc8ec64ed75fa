//! Headers alone: nobody reads further.

use bytes::{BufMut, Bytes};

use super::super::format::tests::cluster;
use super::*;
use crate::checksum::crc32c;
use crate::storage::memory::MemoryDisk;

/// What is said of a directory with a file of so many of these bytes.
fn said_of(header: &[u8]) -> Result<(), OpenError> {
    let mut disk = MemoryDisk::new();
    run(&mut disk, Op::CreateDir { dir: DIRECTORY.to_owned() }).unwrap();
    let (file, data) = (format!("{DIRECTORY}/1.snap"), Bytes::copy_from_slice(header));
    run(&mut disk, Op::WriteSync { file, offset: 0, data }).unwrap();
    refuse_foreign(&mut disk, &cluster())
}

fn header(format: u32, cluster: &ClusterId, meta: usize) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.put_u32_le(format);
    header.put_u32_le(crc32c(cluster.as_str().as_bytes()));
    header.put_u32_le(u32::try_from(meta).unwrap());
    header.resize(HEAD + meta, 7);
    header.put_u32_le(crc32c(&header));
    header
}

#[test]
fn a_header_counts_up_to_its_greatest_length() {
    for meta in [0, 1, META - 1, META] {
        let newer = header(FORMAT + 1, &cluster(), meta);
        let refused =
            matches!(said_of(&newer), Err(OpenError::NewerFormat { found, .. }) if found == FORMAT + 1);
        assert!(refused, "{meta}");
        assert!(said_of(&newer[..newer.len() - 1]).is_ok(), "a header that is cut is damage: {meta}");
    }
    assert!(said_of(&header(FORMAT + 1, &cluster(), META + 1)).is_ok(), "none is as long as that");
}

#[test]
fn a_header_of_this_format_and_this_cluster_is_no_foreign_one() {
    let south = ClusterId::new("south").unwrap();
    assert!(said_of(&header(FORMAT, &cluster(), 9)).is_ok());
    assert!(said_of(&header(FORMAT - 1, &cluster(), 9)).is_ok(), "an older one is for others to read");
    let foreign = said_of(&header(FORMAT, &south, 9));
    assert!(matches!(foreign, Err(OpenError::ForeignSnapshot { .. })), "{foreign:?}");
}
