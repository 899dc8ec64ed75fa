//! What goes in comes out, and nothing else.

use super::super::format::tests::{cluster, meta};
use super::*;

#[test]
fn what_goes_in_comes_out() {
    let state = Bytes::from(vec![3; 3 << 20]);
    let mut file: Vec<Bytes> = Vec::new();
    let id = write(&cluster(), meta(5), b"sessions", &state, |block| {
        file.push(block);
        Ok(())
    });
    assert_eq!(id.unwrap().length, file.iter().map(|block| block.len() as u64).sum::<u64>());
    let (last, full) = file.split_last().unwrap();
    assert!(full.len() == 3 && full.iter().all(|block| block.len() == 1 << 20) && last.len() < 1 << 20);
    let mut pieces = file.into_iter();
    let mut reader = Reader::new(&cluster(), || Ok(pieces.next()));
    assert_eq!(reader.sessions().unwrap(), b"sessions");
    let mut rest = Vec::new();
    read_on(&mut reader, &mut rest).unwrap();
    assert_eq!(rest, state);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the end stays the end");
}

/// More than any body here holds.
const ENDLESS: u64 = 8 << 20;

/// Reads to the end, which must come.
fn read_on(reader: &mut impl Read, body: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(ENDLESS).read_to_end(body)?;
    assert!((read as u64) < ENDLESS, "it never ends");
    Ok(())
}

/// The file of a state, its sessions empty.
fn written(state: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    write(&cluster(), meta(5), b"", &Bytes::copy_from_slice(state), |block| {
        file.extend_from_slice(&block);
        Ok(())
    })
    .unwrap();
    file
}

/// Read on after the damage, these bytes make a chunk of 256 bytes, again and again.
#[test]
fn of_a_damaged_chunk_nothing_is_handed_on() {
    let mut file = written(&[0, 1, 0, 0].repeat(40 << 10));
    // In the second chunk of 64 KiB, near its end.
    file[120 << 10] ^= 1;
    for size in [1000, 4096, 100 << 10, 1 << 20] {
        let mut pieces = file.chunks(size);
        let mut reader = Reader::new(&cluster(), || Ok(pieces.next().map(Bytes::copy_from_slice)));
        let mut body = Vec::new();
        read_on(&mut reader, &mut body).unwrap_err();
        let intact = body.len();
        // The length of the sessions is a chunk of its own.
        assert!([0, 8 + (64 << 10)].contains(&intact), "{size}: {intact}");
        for _ in 0..3 {
            read_on(&mut reader, &mut body).unwrap_err();
        }
        assert_eq!(body.len(), intact, "{size}");
        io::copy(&mut reader.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
    }
}

#[test]
fn after_an_error_there_is_no_clean_end() {
    let file = written(b"state");
    let cut = Bytes::from(file).slice(..60);
    let mut pieces = vec![Ok(Some(cut.clone())), Ok(None)].into_iter();
    let mut ended = Reader::new(&cluster(), || pieces.next().unwrap_or(Ok(None)));
    read_on(&mut ended, &mut Vec::new()).unwrap_err();
    io::copy(&mut ended.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
    let mut pieces = vec![Ok(Some(cut)), Err(io::Error::other("a bad sector"))].into_iter();
    let mut failed = Reader::new(&cluster(), || pieces.next().unwrap_or(Ok(None)));
    read_on(&mut failed, &mut Vec::new()).unwrap_err();
    io::copy(&mut failed.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let sessions = vec![0; usize::try_from(SESSIONS).unwrap() + 1];
    let refused = |sessions: &[u8]| {
        let mut blocks = 0;
        let written = write(&cluster(), meta(5), sessions, &Bytes::new(), |_| {
            blocks += 1;
            Err(io::Error::other("that was not refused"))
        });
        (written.unwrap_err().kind(), blocks)
    };
    assert_eq!(refused(&sessions), (io::ErrorKind::InvalidInput, 0));
    assert_eq!(refused(&sessions[1..]), (io::ErrorKind::Other, 1), "just as many as are read");
}

#[test]
fn what_nobody_reads_is_checked_as_well() {
    let file = written(&[7; 200 << 10]);
    for damage in [None, Some(100), Some(150 << 10), Some(file.len() - 1)] {
        let mut file = file.clone();
        damage.into_iter().for_each(|at| file[at] ^= 1);
        let mut pieces = file.chunks(1000);
        let mut reader = Reader::new(&cluster(), || Ok(pieces.next().map(Bytes::copy_from_slice)));
        assert_eq!(reader.finish().is_err(), damage.is_some(), "{damage:?}");
        assert_eq!(reader.finish().is_err(), damage.is_some(), "{damage:?}, asked again");
        assert_eq!(reader.read(&mut [0]).ok(), Some(0).filter(|_| damage.is_none()), "{damage:?}");
    }
}

#[test]
fn a_cut_file_is_an_error_and_so_is_an_absurd_length() {
    let mut file = written(b"x");
    file.truncate(file.len() - 1);
    let mut pieces = vec![Bytes::from(file)].into_iter();
    let mut reader = Reader::new(&cluster(), || Ok(pieces.next()));
    reader.sessions().unwrap();
    assert!(read_on(&mut reader, &mut Vec::new()).is_err());
}
