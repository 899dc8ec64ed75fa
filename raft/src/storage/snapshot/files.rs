//! Which snapshots there are, and who writes and reads them.

use bytes::Bytes;

use super::decoder::Decoder;
use super::landing::Landing;
use super::walk::Walk;
use super::{DIRECTORY, file_of};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::{ClusterId, LogId, NodeId};
use crate::marks::mark;
use crate::storage::disk::{Completion, Disk, DiskError, Op, OpId, Outcome, look, run};
use crate::storage::salvage::opens;

/// Snapshots that stay: the newest, and the one before it.
const KEPT: usize = 2;
/// Blocks of a node's own snapshot that may wait for the disk.
const QUEUED: usize = 2;
/// Bytes read at once when a directory is opened.
const PIECE: u64 = 1 << 20;

/// How the name of a file that is being written ends.
pub(super) const UNFINISHED: &str = ".part";

/// Whom a piece is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadFor {
    /// It is sent to this peer.
    Peer(NodeId),
    /// A state is built here.
    Restore,
}

/// Something has come to an end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// This node's own snapshot is durable and was read back.
    Stored {
        /// Which.
        id: SnapshotId,
        /// What it says of itself.
        meta: SnapshotMeta,
    },
    /// This node's own snapshot came to nothing, for this reason.
    Failed(String),
    /// Bytes of a snapshot from the leader are with the file system.
    Written {
        /// Which.
        snapshot: SnapshotId,
        /// Up to here.
        end: u64,
    },
    /// A snapshot from the leader is whole and durable.
    Received {
        /// Which.
        id: SnapshotId,
        /// What it says of itself.
        meta: SnapshotMeta,
    },
    /// A snapshot from the leader came to nothing, for this reason.
    Refused {
        /// Which.
        snapshot: SnapshotId,
        /// Why.
        why: String,
    },
    /// What [`Snapshots::read`] asked for.
    Piece {
        /// As it was asked for.
        reader: ReadFor,
        /// Of which.
        snapshot: SnapshotId,
        /// Where it stands.
        offset: u64,
        /// None if there is no such file, or it cannot be read.
        data: Option<Bytes>,
    },
}

/// A snapshot that is there, as it was found when the directory was opened.
pub(in crate::storage) type Found = (SnapshotId, SnapshotMeta);

/// A file that is no snapshot, and why.
pub(in crate::storage) type BadFile = (String, String);

/// The snapshots of one node.
#[derive(Clone, Hash)]
pub struct Snapshots {
    cluster: ClusterId,
    /// Oldest first.
    known: Vec<SnapshotId>,
    /// Files of earlier lives, and what could not be removed: they go with the next one that is stored.
    stale: Vec<String>,
    own: Option<Landing>,
    /// The newest of this node's own, of this life.
    stored: Option<LogId>,
    theirs: Option<Receiving>,
    /// Given up, and not gone yet.
    leaving: Vec<Landing>,
    reading: Vec<(OpId, ReadFor, SnapshotId, u64)>,
    walk: Walk,
    begun: u64,
}

#[derive(Clone, Hash)]
struct Receiving {
    snapshot: SnapshotId,
    landing: Landing,
    decoder: Option<Decoder>,
}

impl Snapshots {
    /// Opens the directory, or makes it; [`Snapshots::sweep`] is due before anything is written. Blocks.
    /// Hands out the newest snapshot that is whole, and what was wrong with newer ones.
    pub(in crate::storage) fn open<D: Disk>(
        disk: &mut D,
        cluster: &ClusterId,
    ) -> Result<(Snapshots, Option<Found>, Vec<BadFile>), DiskError> {
        run(disk, Op::CreateDir { dir: DIRECTORY.to_owned() })?;
        run(disk, Op::SyncDir { dir: String::new() })?;
        let (newest, damage) = newest(disk, cluster)?;
        let known: Vec<_> = newest.iter().map(|(id, _)| *id).collect();
        let files = names(disk)?.into_iter().filter(|name| !name.ends_with(UNFINISHED));
        let files = files.map(|name| format!("{DIRECTORY}/{name}"));
        let stale = files.filter(|file| known.iter().all(|id| file_of(id.last) != *file)).collect();
        Ok((Snapshots { known, stale, ..Snapshots::new(cluster) }, newest, damage))
    }

    /// Removes what is left of files that were not finished. Blocks.
    pub(in crate::storage) fn sweep<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
        for name in names(disk)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            mark!("unfinished-snapshot-swept");
            run(disk, Op::Remove { file: format!("{DIRECTORY}/{name}") })?;
        }
        Ok(())
    }

    fn new(cluster: &ClusterId) -> Snapshots {
        Snapshots {
            cluster: cluster.clone(),
            known: Vec::new(),
            stale: Vec::new(),
            own: None,
            stored: None,
            theirs: None,
            leaving: Vec::new(),
            reading: Vec::new(),
            walk: Walk::default(),
            begun: 0,
        }
    }

    /// Begins a snapshot of this node's own; there is one at a time.
    pub fn begin(&mut self) {
        self.begun += 1;
        self.own = Some(Landing::new(&format!("own-{}", self.begun), true));
    }

    /// Whether the next block of it may come.
    #[must_use]
    pub fn may_feed(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.queued() < QUEUED)
    }

    /// The next block of it.
    pub fn feed(&mut self, disk: &mut impl Disk, block: Bytes) {
        if let Some(own) = &mut self.own {
            own.feed(disk, block);
        }
    }

    /// All of it has come; or it came to nothing.
    pub fn end(&mut self, disk: &mut impl Disk, result: Result<(SnapshotId, SnapshotMeta), String>) {
        match (&mut self.own, result) {
            (Some(own), Ok((id, meta))) => own.end(disk, id, meta),
            (Some(own), Err(why)) => own.give_up(disk, why),
            (None, _) => {}
        }
    }

    /// The next piece of a snapshot from the leader. One at `offset` 0 begins it anew.
    pub fn receive(&mut self, disk: &mut impl Disk, snapshot: SnapshotId, offset: u64, data: &Bytes) {
        if offset == 0 {
            self.begun += 1;
            let landing = Landing::new(&format!("received-{}", self.begun), false);
            let decoder = Some(Decoder::new(&self.cluster));
            let fresh = Receiving { snapshot, landing, decoder };
            if let Some(mut old) = self.theirs.replace(fresh) {
                old.landing.give_up(disk, "another took its place".to_owned());
                self.leaving.push(old.landing);
            }
        }
        let Some(theirs) = self.theirs.as_mut().filter(|theirs| theirs.snapshot == snapshot) else { return };
        theirs.take(disk, offset, data);
    }

    /// Reads a piece, for a transfer or to build a state from; answered by [`Event::Piece`].
    pub fn read(
        &mut self,
        disk: &mut impl Disk,
        reader: ReadFor,
        snapshot: SnapshotId,
        offset: u64,
        length: u64,
    ) {
        let known = self.known.contains(&snapshot);
        let file = if known { file_of(snapshot.last) } else { format!("{DIRECTORY}/none") };
        let op = disk.submit_aside(Op::ReadBack { file, offset, length });
        self.reading.push((op, reader, snapshot, offset));
    }

    /// Removes what is neither new nor in use.
    pub fn prune(&mut self, disk: &mut impl Disk, in_use: &[SnapshotId]) {
        let old = self.known.len().saturating_sub(KEPT);
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.known.iter().enumerate().partition(|(at, id)| *at < old && !in_use.contains(id));
        let gone = gone.iter().map(|(_, id)| file_of(id.last));
        // A new one may have the name of one that was damaged.
        let stale = std::mem::take(&mut self.stale).into_iter();
        let stale = stale.filter(|file| self.known.iter().all(|id| file_of(id.last) != *file));
        for file in gone.chain(stale) {
            mark!("old-snapshot-removed");
            disk.submit_aside(Op::Remove { file });
        }
        self.known = kept.into_iter().map(|(_, id)| *id).collect();
    }

    /// Begins to read so many bytes of the newest again, or goes on with it.
    pub(in crate::storage) fn walk(&mut self, disk: &mut impl Disk, bytes: u64) {
        self.walk.step(disk, &self.cluster, self.known.last().copied(), bytes);
    }

    /// One that was found to be no more what was written.
    pub(in crate::storage) fn rotten(&self) -> Option<SnapshotId> {
        self.walk.rotten()
    }

    /// Whether a file is one of these, or on its way to be one, or to go.
    pub(in crate::storage) fn knows(&self, file: &str) -> bool {
        let theirs = self.theirs.as_ref().map(|theirs| &theirs.landing);
        self.known.iter().any(|id| file_of(id.last) == file)
            || self.stale.iter().any(|stale| stale == file)
            || self.own.iter().chain(theirs).chain(&self.leaving).any(|landing| landing.stands_under(file))
    }

    /// Whether an operation was begun here.
    pub(in crate::storage) fn owns(&self, op: OpId) -> bool {
        let theirs = self.theirs.as_ref().map(|theirs| &theirs.landing);
        self.walk.owns(op)
            || self.reading.iter().any(|(reading, ..)| *reading == op)
            || self.own.iter().chain(theirs).chain(&self.leaving).any(|landing| landing.owns(op))
    }

    /// Takes the end of an operation; completions of others mean nothing here.
    pub(in crate::storage) fn complete(
        &mut self,
        disk: &mut impl Disk,
        completion: &Completion,
    ) -> Result<Option<Event>, DiskError> {
        if self.walk.owns(completion.id) {
            self.walk.complete(disk, completion);
            return Ok(None);
        }
        if let Some(at) = self.reading.iter().position(|(op, ..)| *op == completion.id) {
            let (_, reader, snapshot, offset) = self.reading.swap_remove(at);
            let data = match &completion.result {
                Ok(Outcome::Data(data)) if !data.is_empty() => Some(data.clone()),
                _ => None,
            };
            return Ok(Some(Event::Piece { reader, snapshot, offset, data }));
        }
        if let Some(event) = self.complete_own(disk, completion)? {
            return Ok(Some(event));
        }
        if let Some(event) = self.complete_theirs(disk, completion)? {
            return Ok(Some(event));
        }
        self.complete_leaving(disk, completion)?;
        Ok(None)
    }
}

impl Receiving {
    fn take(&mut self, disk: &mut impl Disk, offset: u64, data: &Bytes) {
        let Some(decoder) = &mut self.decoder else { return };
        if let Err(bad) = decoder.check(data) {
            return self.refuse(disk, bad.to_string());
        }
        self.landing.feed(disk, data.clone());
        if offset + (data.len() as u64) < self.snapshot.length {
            return;
        }
        match self.decoder.take().map(Decoder::finish) {
            Some(Ok((id, meta))) if id == self.snapshot => self.landing.end(disk, id, meta),
            Some(Ok(_)) => self.refuse(disk, "it is another than was announced".to_owned()),
            Some(Err(bad)) => self.refuse(disk, bad.to_string()),
            None => {}
        }
    }

    fn refuse(&mut self, disk: &mut impl Disk, why: String) {
        self.decoder = None;
        self.landing.give_up(disk, why);
    }
}

/// The newest snapshot that is whole, and what was wrong with newer ones. Changes nothing.
pub(in crate::storage) fn newest<D: Disk>(
    disk: &mut D,
    cluster: &ClusterId,
) -> Result<(Option<Found>, Vec<BadFile>), DiskError> {
    let mut damage = Vec::new();
    for name in names(disk)?.iter().rev().filter(|name| name.ends_with(".snap")) {
        let file = format!("{DIRECTORY}/{name}");
        match verify(disk, cluster, &file)? {
            Ok((id, meta)) if file == file_of(id.last) => return Ok((Some((id, meta)), damage)),
            Ok(_) => damage.push((file, "its name is another snapshot's".to_owned())),
            Err(why) => damage.push((file, why)),
        }
    }
    Ok((None, damage))
}

/// The names in the directory, in order; none if there is no directory.
pub(super) fn names<D: Disk>(disk: &mut D) -> Result<Vec<String>, DiskError> {
    match run(disk, Op::List { dir: DIRECTORY.to_owned() }) {
        Ok(Outcome::Names(names)) => Ok(names),
        Ok(Outcome::Done | Outcome::Data(_)) => Ok(Vec::new()),
        Err(error) if error.kind == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What a whole file says of itself, if it is a good one of this cluster.
pub(in crate::storage) fn whole(cluster: &ClusterId, bytes: &[u8]) -> Option<Found> {
    let mut decoder = Decoder::new(cluster);
    decoder.check(bytes).ok()?;
    decoder.finish().ok()
}

/// Reads a whole file from the medium, a piece at a time: one that only a cache holds would be gone with it, and what
/// it stands for with both.
fn verify<D: Disk>(
    disk: &mut D,
    cluster: &ClusterId,
    file: &str,
) -> Result<Result<Found, String>, DiskError> {
    let (mut decoder, mut offset) = (Decoder::new(cluster), 0);
    loop {
        let data = match look(disk, Op::ReadBack { file: file.to_owned(), offset, length: PIECE }) {
            Ok(Outcome::Data(data)) => data,
            Ok(Outcome::Done | Outcome::Names(_)) => break,
            Err(error) if opens(disk, file) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        if data.is_empty() {
            break;
        }
        offset += data.len() as u64;
        if let Err(bad) = decoder.check(&data) {
            return Ok(Err(bad.to_string()));
        }
    }
    Ok(decoder.finish().map_err(|bad| bad.to_string()))
}

mod landings;
#[cfg(test)]
mod tests;
