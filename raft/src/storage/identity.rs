//! Whose directory it is, and the lock that keeps others out. Readable text, so that a person who
//! looks into the directory sees it too.

use std::io;

use bytes::Bytes;

use super::Identity;
use super::disk::{Disk, DiskError, Op, read_all, run};
use super::error::OpenError;
use crate::checksum::crc32c;
use crate::consensus::types::{ClusterId, Incarnation, NodeId};

/// The newest format of a data directory that is known here.
pub(super) const FORMAT: u32 = 2;

const FILE: &str = "identity";
const TEMPORARY: &str = "identity.new";
const TITLE: &str = "raft data directory";

/// Takes the directory for this process.
pub(super) fn lock<D: Disk>(disk: &mut D) -> Result<(), OpenError> {
    match run(disk, Op::Lock) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == io::ErrorKind::WouldBlock => {
            Err(OpenError::InUse { directory: disk.location() })
        }
        Err(error) => Err(OpenError::Storage { directory: disk.location(), error: error.into() }),
    }
}

/// Whose directory it is, if that is who was expected; `None` if it was never given to anybody.
pub(super) fn read<D: Disk>(
    disk: &mut D,
    cluster: &ClusterId,
    node: NodeId,
) -> Result<Option<Identity>, OpenError> {
    let directory = disk.location();
    let Some(identity) = read_if_there(disk)? else { return Ok(None) };
    if identity.cluster != *cluster {
        let (found, expected) = (identity.cluster, cluster.clone());
        return Err(OpenError::WrongCluster { directory, found, expected });
    }
    if identity.node != node {
        return Err(OpenError::WrongNode { directory, found: identity.node, expected: node });
    }
    Ok(Some(identity))
}

/// Whose directory it is, whoever that is.
pub(super) fn read_any<D: Disk>(disk: &mut D) -> Result<Identity, OpenError> {
    let directory = disk.location();
    read_if_there(disk)?.ok_or(OpenError::MissingIdentity { directory })
}

fn read_if_there<D: Disk>(disk: &mut D) -> Result<Option<Identity>, OpenError> {
    let directory = disk.location();
    let content = read_all(disk, FILE)
        .map_err(|error| OpenError::Storage { directory: directory.clone(), error: error.into() })?;
    let Some(content) = content else { return Ok(None) };
    match decode(&content) {
        Ok(identity) => Ok(Some(identity)),
        Err(Unreadable::Damaged(what)) => Err(OpenError::DamagedIdentity { directory, what }),
        Err(Unreadable::Other(found)) if found < FORMAT => {
            Err(OpenError::OlderFormat { directory, found, known: FORMAT })
        }
        Err(Unreadable::Other(found)) => Err(OpenError::NewerFormat { directory, found, known: FORMAT }),
    }
}

/// Whose directory it was about to become when a crash came; `None` where the making had not got so far.
pub(super) fn begun<D: Disk>(disk: &mut D) -> Result<Option<Identity>, DiskError> {
    Ok(read_all(disk, TEMPORARY)?.and_then(|content| decode(&content).ok()))
}

/// Begins to give the directory to somebody: from here on a crash is told from a lost file.
pub(super) fn begin<D: Disk>(disk: &mut D, identity: &Identity) -> Result<(), DiskError> {
    // A longer one may be left of an attempt that a crash ended.
    match run(disk, Op::Read { file: TEMPORARY.to_owned(), offset: 0, length: 0 }) {
        Ok(_) => run(disk, Op::Remove { file: TEMPORARY.to_owned() }).map(drop)?,
        Err(error) if error.kind == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let data = Bytes::from(encode(identity));
    run(disk, Op::WriteSync { file: TEMPORARY.to_owned(), offset: 0, data })?;
    run(disk, Op::SyncDir { dir: String::new() })?;
    Ok(())
}

/// Gives the directory to whom [`begin`] named, durably: all that belongs to it is there.
pub(super) fn finish<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    run(disk, Op::Rename { from: TEMPORARY.to_owned(), to: FILE.to_owned() })?;
    run(disk, Op::SyncDir { dir: String::new() })?;
    Ok(())
}

fn encode(identity: &Identity) -> String {
    let Identity { cluster, node, incarnation } = identity;
    seal(format!("{TITLE}\nformat {FORMAT}\ncluster {cluster}\nnode {node}\nincarnation {incarnation}\n"))
}

/// Appends the line with the checksum of the lines before it; the last line in every format.
fn seal(text: String) -> String {
    let crc = crc32c(text.as_bytes());
    text + &format!("crc32c {crc:08x}\n")
}

#[derive(Debug, PartialEq, Eq)]
enum Unreadable {
    Damaged(&'static str),
    Other(u32),
}

fn decode(content: &[u8]) -> Result<Identity, Unreadable> {
    let text = std::str::from_utf8(content).map_err(|_| Unreadable::Damaged("it is not text"))?;
    let (body, _) =
        text.rsplit_once("crc32c ").ok_or(Unreadable::Damaged("it has no line with a checksum"))?;
    if seal(body.to_owned()) != text {
        return Err(Unreadable::Damaged("its checksum does not match"));
    }
    let mut lines = body.lines();
    if lines.next() != Some(TITLE) {
        return Err(Unreadable::Damaged("its first line is not that of a raft data directory"));
    }
    let mut field = |name: &str| {
        let value = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
        Some(value.to_owned())
    };
    let format = field("format").and_then(|value| value.parse().ok());
    match format {
        Some(FORMAT) => {}
        Some(other) => return Err(Unreadable::Other(other)),
        None => return Err(Unreadable::Damaged("it does not say which format it has")),
    }
    let cluster = field("cluster").and_then(|value| ClusterId::new(value).ok());
    let node = field("node").and_then(|value| value.parse().ok()).map(NodeId);
    let incarnation = field("incarnation").and_then(|value| u128::from_str_radix(&value, 16).ok());
    match (cluster, node, incarnation.map(Incarnation)) {
        (Some(cluster), Some(node), Some(incarnation)) => Ok(Identity { cluster, node, incarnation }),
        _ => Err(Unreadable::Damaged("it lacks the cluster, the node or the incarnation")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let cluster = ClusterId::new("north-1").unwrap();
        Identity { cluster, node: NodeId(3), incarnation: Incarnation(0xfeed) }
    }

    #[test]
    fn it_reads_what_it_wrote() {
        assert_eq!(decode(encode(&identity()).as_bytes()), Ok(identity()));
    }

    #[test]
    fn what_was_written_survives_a_crash_and_what_a_crash_cut_short_is_replaced() {
        let memory = crate::storage::MemoryDisk::new();
        let mut life = memory.clone();
        let data = Bytes::from(vec![b'x'; 500]);
        run(&mut life, Op::WriteSync { file: TEMPORARY.to_owned(), offset: 0, data }).unwrap();
        begin(&mut life, &identity()).unwrap();
        finish(&mut life).unwrap();
        memory.lose_power();
        let found = read(&mut memory.clone(), &identity().cluster, identity().node);
        assert_eq!(found, Ok(Some(identity())));
    }

    #[test]
    fn no_flipped_bit_and_no_truncation_passes() {
        let good = encode(&identity()).into_bytes();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(matches!(decode(&bad), Err(Unreadable::Damaged(_))), "byte {at} bit {bit}");
            }
            assert!(matches!(decode(&good[..at]), Err(Unreadable::Damaged(_))), "cut at {at}");
        }
    }

    #[test]
    fn an_older_format_is_told_from_a_newer_one() {
        for (found, older) in [(FORMAT - 1, true), (FORMAT + 1, false)] {
            let mut disk = crate::storage::MemoryDisk::new();
            let data = Bytes::from(seal(format!("{TITLE}\nformat {found}\n")));
            run(&mut disk, Op::WriteSync { file: FILE.to_owned(), offset: 0, data }).unwrap();
            let (directory, known) = (disk.location(), FORMAT);
            let expected = if older {
                OpenError::OlderFormat { directory, found, known }
            } else {
                OpenError::NewerFormat { directory, found, known }
            };
            assert_eq!(read_any(&mut disk), Err(expected));
        }
    }

    #[test]
    fn what_a_crash_cut_short_is_not_passed_over_where_it_cannot_be_read() {
        let mut disk = crate::storage::MemoryDisk::new();
        begin(&mut disk, &identity()).unwrap();
        disk.fault(crate::storage::memory::Fault::Reads(1));
        assert!(begin(&mut disk, &identity()).is_err());
        assert_eq!(begun(&mut disk), Ok(Some(identity())));
    }

    #[test]
    fn a_directory_is_a_nodes_own_only_where_cluster_and_node_are_its_own() {
        let (mine, other) = (identity(), ClusterId::new("north-2").unwrap());
        assert!(mine.is(&mine.cluster, NodeId(3)));
        assert!(
            !mine.is(&other, NodeId(3)) && !mine.is(&mine.cluster, NodeId(4)) && !mine.is(&other, NodeId(4))
        );
    }

    #[test]
    fn a_newer_format_is_told_from_damage_whatever_else_it_says() {
        let newer = seal(format!("{TITLE}\nformat 3\nsomething else\n"));
        assert_eq!(decode(newer.as_bytes()), Err(Unreadable::Other(3)));
    }
}
