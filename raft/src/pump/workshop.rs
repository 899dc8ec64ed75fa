//! What takes long about snapshots: a state machine that writes itself down, and one that is built from what was
//! received.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;
use crate::server::{Frozen, Installed};
use crate::session::Sessions;
use crate::state_machine::StateMachine;
use crate::storage::snapshot::ReadFor;
use crate::storage::snapshot::body::{self, Reader};
use crate::storage::{Disk, Storage};

/// Bytes read at once to build a state.
pub(crate) const PIECE: u64 = 1 << 20;

/// A state that was received, or why there is none.
pub type Restored<M> = Result<Installed<M>, (SnapshotId, String)>;

/// Where snapshots are written and read, at most one of each at a time.
pub trait Workshop<M: StateMachine> {
    /// Begins to write a frozen state down.
    fn take<D: Disk>(&mut self, storage: &mut Storage<D>, frozen: Frozen<M::Snapshot>);

    /// Begins to build a state from a snapshot that was received.
    fn restore<D: Disk>(&mut self, storage: &mut Storage<D>, id: SnapshotId, meta: SnapshotMeta);

    /// What a state is being built from.
    fn restoring(&self) -> Option<SnapshotId>;

    /// A piece of the file that a state is built from; none where it cannot be read. One that is not the next was read
    /// for a state that came to nothing.
    fn piece(&mut self, snapshot: SnapshotId, offset: u64, data: Option<Bytes>);

    /// Carries what can be carried between here and the disk; true if something was.
    fn carry<D: Disk>(&mut self, storage: &mut Storage<D>) -> bool;

    /// The state that was built, once it is.
    fn restored(&mut self) -> Option<Restored<M>>;
}

/// Sessions and state machine from a snapshot's body.
///
/// # Errors
/// Those of what is read, and of the state machine.
pub(crate) fn build_from<M: StateMachine>(
    reader: &mut Reader<impl FnMut() -> io::Result<Option<Bytes>>>,
) -> io::Result<(Sessions, M)> {
    let sessions = Sessions::decode(&reader.sessions()?).map_err(io::Error::other)?;
    let machine = M::restore(reader)?;
    reader.finish()?;
    Ok((sessions, machine))
}

/// Does all of it on the spot, for states that are small and time that does not pass.
#[derive(Clone, Debug, Default, Hash)]
pub struct AtOnce {
    taken: Option<Taken>,
    restoring: Option<Restoring>,
}

#[derive(Clone, Debug, Hash)]
struct Taken {
    /// Written, and not with the disk yet.
    blocks: VecDeque<Bytes>,
    end: Result<(SnapshotId, SnapshotMeta), String>,
}

#[derive(Clone, Debug, Hash)]
struct Restoring {
    cluster: ClusterId,
    id: SnapshotId,
    meta: SnapshotMeta,
    pieces: Vec<Bytes>,
    /// There is no more to come.
    complete: bool,
    /// To be read next.
    next: Option<u64>,
}

impl Restoring {
    /// Up to where the file has been read.
    fn end(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

impl<M: StateMachine> Workshop<M> for AtOnce {
    fn take<D: Disk>(&mut self, storage: &mut Storage<D>, frozen: Frozen<M::Snapshot>) {
        let Frozen { meta, sessions, view } = frozen;
        let mut blocks = VecDeque::new();
        let written = body::write(storage.cluster(), meta.clone(), &sessions, &view, |block| {
            blocks.push_back(block);
            Ok(())
        });
        storage.begin_snapshot();
        let end = written.map(|id| (id, meta)).map_err(|error| error.to_string());
        self.taken = Some(Taken { blocks, end });
    }

    fn restore<D: Disk>(&mut self, storage: &mut Storage<D>, id: SnapshotId, meta: SnapshotMeta) {
        let cluster = storage.cluster().clone();
        self.restoring =
            Some(Restoring { cluster, id, meta, pieces: Vec::new(), complete: false, next: None });
        storage.read_snapshot(ReadFor::Restore, id, 0, PIECE);
    }

    fn restoring(&self) -> Option<SnapshotId> {
        self.restoring.as_ref().map(|restoring| restoring.id)
    }

    fn piece(&mut self, snapshot: SnapshotId, offset: u64, data: Option<Bytes>) {
        let awaits = |restoring: &&mut Restoring| restoring.id == snapshot && restoring.end() == offset;
        let Some(restoring) = self.restoring.as_mut().filter(awaits) else { return };
        restoring.pieces.extend(data.clone());
        let end = restoring.end();
        restoring.complete = data.is_none() || end >= snapshot.length;
        restoring.next = (!restoring.complete).then_some(end);
    }

    fn carry<D: Disk>(&mut self, storage: &mut Storage<D>) -> bool {
        let mut carried = false;
        while let Some(taken) = &mut self.taken
            && storage.may_feed_snapshot()
        {
            carried = true;
            if let Some(block) = taken.blocks.pop_front() {
                storage.feed_snapshot(block);
            } else if let Some(Taken { end, .. }) = self.taken.take() {
                storage.end_snapshot(end);
            }
        }
        if let Some(restoring) = &mut self.restoring
            && let Some(offset) = restoring.next.take()
        {
            storage.read_snapshot(ReadFor::Restore, restoring.id, offset, PIECE);
            carried = true;
        }
        carried
    }

    fn restored(&mut self) -> Option<Restored<M>> {
        let Restoring { cluster, id, meta, pieces, .. } =
            self.restoring.take_if(|restoring| restoring.complete)?;
        let mut pieces = pieces.into_iter();
        let mut reader = Reader::new(&cluster, || Ok(pieces.next()));
        Some(match build_from(&mut reader) {
            Ok((sessions, machine)) => Ok(Installed { id, meta, sessions, machine }),
            Err(error) => Err((id, error.to_string())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::testing::Echo;

    #[test]
    fn a_state_is_built_once_all_pieces_are_there() {
        let id = SnapshotId { last: Default::default(), length: 10, hash: [0; 32] };
        let (cluster, meta) = (ClusterId::new("north").unwrap(), SnapshotMeta::default());
        let restoring = Restoring { cluster, id, meta, pieces: Vec::new(), complete: false, next: None };
        let mut workshop = AtOnce { restoring: Some(restoring), ..AtOnce::default() };
        let piece = |workshop: &mut AtOnce, offset| {
            Workshop::<Echo>::piece(workshop, id, offset, Some(Bytes::from_static(b"12345")));
        };
        piece(&mut workshop, 5);
        assert_eq!(workshop.restoring.as_ref().map(Restoring::end), Some(0), "of an earlier try");
        piece(&mut workshop, 0);
        assert!(Workshop::<Echo>::restored(&mut workshop).is_none());
        assert_eq!(workshop.restoring.as_ref().and_then(|restoring| restoring.next), Some(5));
        piece(&mut workshop, 5);
        // These bytes are no snapshot.
        assert!(matches!(Workshop::<Echo>::restored(&mut workshop), Some(Err((of, _))) if of == id));
    }
}
