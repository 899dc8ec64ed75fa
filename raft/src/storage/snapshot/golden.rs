//! A snapshot as this format writes it, kept: what one version of the software writes, every later one
//! reads. `UPDATE_GOLDEN=1` writes it anew, for a new format and for nothing else.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;

use super::body::{Reader, write};
use super::format::tests::{cluster, meta};
use crate::consensus::types::{LogIndex, SessionId};
use crate::session::{SessionTag, Sessions};

const STATE: &[u8] = b"what a state machine wrote";

fn sessions() -> Sessions {
    let mut sessions = Sessions::default();
    for session in [3, 4].map(SessionId) {
        sessions.open(LogIndex(2), session);
    }
    for serial in [1, 2] {
        let tag = SessionTag { session: SessionId(3), serial, floor: 0 };
        sessions.begin(LogIndex(2 + serial), tag);
        sessions.record(LogIndex(2 + serial), tag, Bytes::from_static(b"done"));
    }
    sessions
}

#[test]
fn a_snapshot_is_written_as_it_always_was_and_read_back() {
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot-1.snap");
    let mut written = Vec::new();
    let id = write(&cluster(), meta(7), &sessions().encode(), &Bytes::from_static(STATE), |block| {
        written.extend_from_slice(&block);
        Ok(())
    });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&kept, &written).unwrap();
    }
    let golden = std::fs::read(&kept).unwrap();
    assert_eq!(written, golden);
    assert_eq!(id.unwrap().last, meta(7).base.id);

    let mut pieces = vec![Bytes::from(golden)].into_iter();
    let mut reader = Reader::new(&cluster(), || Ok(pieces.next()));
    assert_eq!(Sessions::decode(&reader.sessions().unwrap()), Ok(sessions()));
    let mut state = Vec::new();
    reader.take(2 * STATE.len() as u64).read_to_end(&mut state).unwrap();
    assert_eq!(state, STATE);
}
