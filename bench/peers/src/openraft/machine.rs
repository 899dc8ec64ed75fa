//! A state machine without state: it remembers how far it has applied, and its snapshots hold nothing else.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, TryStreamExt};
use openraft::OptionalSend;
use openraft::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};

use super::types::Types;

/// A node's state machine, and the builder of its snapshots.
#[derive(Clone, Default)]
pub struct Machine {
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
    snapshot: Arc<Mutex<Option<SnapshotMetaOf<Types>>>>,
}

impl Machine {
    fn keep(&self, meta: SnapshotMetaOf<Types>) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta);
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        let meta =
            SnapshotMetaOf::<Types> { last_log_id: self.applied, last_membership: self.membership.clone() };
        self.keep(meta.clone());
        Ok(SnapshotOf::<Types, ()> { meta, snapshot: () })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = ();
    type SnapshotBuilder = Machine;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.applied = Some(entry.log_id());
            if let Some(membership) = entry.get_membership() {
                self.membership = StoredMembershipOf::<Types>::new(self.applied, membership);
            }
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Machine {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMetaOf<Types>, (): ()) -> Result<(), io::Error> {
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.keep(meta.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        let meta = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(meta.map(|meta| SnapshotOf::<Types, ()> { meta, snapshot: () }))
    }
}
