//! From the steps of files that are written to which snapshots there are. Of two that end with the same entry
//! one has the name, and its bytes stand under it.

use super::super::landing::{Landed, Landing};
use super::{Event, Snapshots};
use crate::consensus::snapshot::SnapshotId;
use crate::marks::mark;
use crate::seeded_bug;
use crate::storage::disk::{Completion, Disk, DiskError};

/// Why a snapshot from the leader is of no use.
const AS_NEW: &str = "this node's own is as new";

impl Snapshots {
    pub(super) fn complete_own(
        &mut self,
        disk: &mut impl Disk,
        completion: &Completion,
    ) -> Result<Option<Event>, DiskError> {
        let Some(own) = &mut self.own else { return Ok(None) };
        Ok(match own.complete(disk, &self.cluster, completion)? {
            None | Some(Landed::Written(_)) => None,
            Some(Landed::Whole(id)) => {
                // Of two under one name, whose bytes would stand there?
                let theirs = self.theirs.as_ref().map(|theirs| &theirs.landing);
                if theirs.into_iter().chain(&self.leaving).any(|other| other.named() == Some(id.last)) {
                    own.give_up(disk, "the leader's is there already".to_owned());
                } else {
                    own.name(disk);
                }
                None
            }
            Some(Landed::Gone { why, left }) => {
                self.own = None;
                self.stale.extend(left);
                Some(Event::Failed(why))
            }
            Some(Landed::Durable(id, meta)) => {
                self.own = None;
                self.stored = Some(id.last);
                self.add(id);
                self.give_up_older(disk, id);
                Some(Event::Stored { id, meta })
            }
        })
    }

    pub(super) fn complete_theirs(
        &mut self,
        disk: &mut impl Disk,
        completion: &Completion,
    ) -> Result<Option<Event>, DiskError> {
        let Some(theirs) = &mut self.theirs else { return Ok(None) };
        let snapshot = theirs.snapshot;
        Ok(match theirs.landing.complete(disk, &self.cluster, completion)? {
            None => None,
            Some(Landed::Written(end)) => Some(Event::Written { snapshot, end }),
            Some(Landed::Whole(id)) => {
                let own = self.own.as_ref().and_then(Landing::named).max(self.stored);
                let as_new = own.is_some_and(|own| own.index >= id.last.index);
                if as_new && !seeded_bug!("snapshot-named-over-another") {
                    mark!("received-snapshot-given-up");
                    theirs.landing.give_up(disk, AS_NEW.to_owned());
                } else {
                    theirs.landing.name(disk);
                }
                None
            }
            Some(Landed::Gone { why, left }) => {
                self.theirs = None;
                self.stale.extend(left);
                Some(Event::Refused { snapshot, why })
            }
            Some(Landed::Durable(id, meta)) => {
                self.theirs = None;
                self.add(id);
                Some(Event::Received { id, meta })
            }
        })
    }

    pub(super) fn complete_leaving(
        &mut self,
        disk: &mut impl Disk,
        completion: &Completion,
    ) -> Result<(), DiskError> {
        let mut named = Vec::new();
        for landing in &mut self.leaving {
            match landing.complete(disk, &self.cluster, completion)? {
                Some(Landed::Durable(id, _)) => named.push(id),
                Some(Landed::Gone { left, .. }) => self.stale.extend(left),
                Some(Landed::Written(_) | Landed::Whole(_)) | None => {}
            }
        }
        self.leaving.retain(|landing| landing.queued() > 0);
        named.into_iter().for_each(|id| self.add(id));
        Ok(())
    }

    /// What comes from the leader and holds no more than this node's own is of no use.
    fn give_up_older(&mut self, disk: &mut impl Disk, own: SnapshotId) {
        if let Some(mut theirs) = self.theirs.take_if(|theirs| theirs.snapshot.last.index <= own.last.index) {
            mark!("received-snapshot-given-up");
            theirs.landing.give_up(disk, AS_NEW.to_owned());
            self.leaving.push(theirs.landing);
        }
    }

    fn add(&mut self, id: SnapshotId) {
        self.walk.forget(id);
        self.known.retain(|known| known.last != id.last);
        self.known.push(id);
        self.known.sort_by_key(|known| known.last.index);
    }
}
