//! What takes long about snapshots, on threads of its own: a state machine that writes itself down, and one
//! that is built from what was received. The loop carries the bytes between them and the disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;
use crate::pump::{PIECE, Restored, Workshop, build_from};
use crate::server::{Frozen, Installed};
use crate::session::Sessions;
use crate::state_machine::{Snapshot, StateMachine};
use crate::storage::snapshot::ReadFor;
use crate::storage::snapshot::body::{self, Reader};
use crate::storage::{Disk, Storage};

/// Blocks or pieces that wait between a thread and the loop.
const WAITING: usize = 2;

/// The threads of one node, at most one of each kind.
pub(super) struct Threads<M> {
    wake: Arc<Notify>,
    taking: Option<Taking>,
    restoring: Option<Restoring<M>>,
}

struct Taking {
    meta: SnapshotMeta,
    blocks: Receiver<Block>,
}

enum Block {
    Data(Bytes),
    End(Result<SnapshotId, String>),
}

struct Restoring<M> {
    id: SnapshotId,
    meta: SnapshotMeta,
    pieces: Option<SyncSender<Bytes>>,
    /// Read, and not taken yet.
    held: Option<Bytes>,
    /// Where the next piece begins.
    offset: u64,
    built: Receiver<Result<(Sessions, M), String>>,
}

impl<M: StateMachine> Workshop<M> for Threads<M> {
    fn take<D: Disk>(&mut self, storage: &mut Storage<D>, frozen: Frozen<M::Snapshot>) {
        let Frozen { meta, sessions, view } = frozen;
        let (sender, blocks) = sync_channel(WAITING);
        let (cluster, of) = (storage.cluster().clone(), meta.clone());
        let to_loop = ToLoop { channel: sender, wake: WakesAtEnd(self.wake.clone()) };
        storage.begin_snapshot();
        let thread = std::thread::Builder::new().name("raft-snapshot".to_owned());
        let write = move || write(&cluster, of, &sessions, &view, &to_loop);
        match thread.spawn(write) {
            Ok(_) => self.taking = Some(Taking { meta, blocks }),
            Err(error) => storage.end_snapshot(Err(format!("no thread: {error}"))),
        }
    }

    fn restore<D: Disk>(&mut self, storage: &mut Storage<D>, id: SnapshotId, meta: SnapshotMeta) {
        let (pieces, coming) = sync_channel(WAITING);
        let (answer, built) = channel();
        let cluster = storage.cluster().clone();
        let to_loop = ToLoop { channel: answer, wake: WakesAtEnd(self.wake.clone()) };
        let build = move || build(&cluster, &coming, &to_loop);
        // Without a thread the answer's other end is gone, which is found at once.
        let _ = std::thread::Builder::new().name("raft-restore".to_owned()).spawn(build);
        self.restoring = Some(Restoring { id, meta, pieces: Some(pieces), held: None, offset: 0, built });
        storage.read_snapshot(ReadFor::Restore, id, 0, PIECE);
    }

    fn restoring(&self) -> Option<SnapshotId> {
        self.restoring.as_ref().map(|restoring| restoring.id)
    }

    fn piece(&mut self, snapshot: SnapshotId, offset: u64, data: Option<Bytes>) {
        let awaits = |restoring: &&mut Restoring<M>| restoring.id == snapshot && restoring.offset == offset;
        let Some(restoring) = self.restoring.as_mut().filter(awaits) else { return };
        match data {
            Some(data) => restoring.held = Some(data),
            // The thread finds the file cut, and says so.
            None => restoring.pieces = None,
        }
    }

    fn carry<D: Disk>(&mut self, storage: &mut Storage<D>) -> bool {
        let taken = self.carry_blocks(storage);
        self.carry_piece(storage) || taken
    }

    fn restored(&mut self) -> Option<Restored<M>> {
        let built = match self.restoring.as_ref()?.built.try_recv() {
            Ok(built) => built,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the state machine panicked reading it".to_owned()),
        };
        let Restoring { id, meta, .. } = self.restoring.take()?;
        Some(match built {
            Ok((sessions, machine)) => Ok(Installed { id, meta, sessions, machine }),
            Err(why) => Err((id, why)),
        })
    }
}

impl<M: StateMachine> Threads<M> {
    pub(super) fn new(wake: Arc<Notify>) -> Threads<M> {
        Threads { wake, taking: None, restoring: None }
    }

    fn carry_blocks<D: Disk>(&mut self, storage: &mut Storage<D>) -> bool {
        let mut carried = false;
        while let Some(taking) = self.taking.as_ref().filter(|_| storage.may_feed_snapshot()) {
            let end = match taking.blocks.try_recv() {
                Ok(Block::Data(block)) => {
                    storage.feed_snapshot(block);
                    carried = true;
                    continue;
                }
                Ok(Block::End(end)) => end.map(|id| (id, taking.meta.clone())),
                Err(TryRecvError::Empty) => return carried,
                Err(TryRecvError::Disconnected) => {
                    Err("the state machine panicked writing itself".to_owned())
                }
            };
            storage.end_snapshot(end);
            self.taking = None;
            carried = true;
        }
        carried
    }

    fn carry_piece<D: Disk>(&mut self, storage: &mut Storage<D>) -> bool {
        let Some(restoring) = &mut self.restoring else { return false };
        let Some((piece, pieces)) = restoring.held.take().zip(restoring.pieces.as_ref()) else {
            return false;
        };
        let length = piece.len() as u64;
        if let Err(TrySendError::Full(piece)) = pieces.try_send(piece) {
            restoring.held = Some(piece);
            return false;
        }
        restoring.offset += length;
        if restoring.offset < restoring.id.length {
            storage.read_snapshot(ReadFor::Restore, restoring.id, restoring.offset, PIECE);
        } else {
            restoring.pieces = None;
        }
        true
    }
}

/// What a thread has of the loop. When it ends, also where the state machine panics, the channel goes first, and
/// then the loop is woken: hence the order of the fields.
struct ToLoop<S> {
    channel: S,
    wake: WakesAtEnd,
}

struct WakesAtEnd(Arc<Notify>);

impl Drop for WakesAtEnd {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// What the writing thread does.
fn write(
    cluster: &ClusterId,
    meta: SnapshotMeta,
    sessions: &[u8],
    view: &impl Snapshot,
    to_loop: &ToLoop<SyncSender<Block>>,
) {
    let send = |block| {
        let sent = to_loop.channel.send(block).map_err(|_| io::Error::other("the node has ended"));
        to_loop.wake.0.notify_one();
        sent
    };
    let written = body::write(cluster, meta, sessions, view, |data| send(Block::Data(data)));
    // Of a node that has ended nobody listens.
    let _ = send(Block::End(written.map_err(|error| error.to_string())));
}

/// What the building thread does.
fn build<M: StateMachine>(
    cluster: &ClusterId,
    pieces: &Receiver<Bytes>,
    to_loop: &ToLoop<Sender<Result<(Sessions, M), String>>>,
) {
    let next = || {
        let piece = pieces.recv().ok();
        to_loop.wake.0.notify_one();
        Ok(piece)
    };
    let built = build_from(&mut Reader::new(cluster, next));
    // Of a node that has ended nobody listens.
    let _ = to_loop.channel.send(built.map_err(|error| error.to_string()));
}

#[cfg(test)]
mod tests;
