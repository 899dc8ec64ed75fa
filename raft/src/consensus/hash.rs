//! Two states with one hash go on alike: for whoever visits all that can be reached.

use std::hash::{Hash, Hasher};

use super::state::Raft;

/// All but the settings, which never change, and the generator: it says only how long the next wait is, and who
/// explores lets clocks run as they like.
impl Hash for Raft {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Raft {
            id,
            config: _,
            rng: _,
            hard_state,
            log,
            membership,
            base_membership,
            snapshot,
            snapshot_doubts,
            receiving,
            repair,
            just_repaired,
            room,
            durability,
            commit_index,
            role,
            leader,
            leader_contact,
            election_due,
            held,
            outputs,
        } = self;
        (id, hard_state, log, membership, base_membership).hash(hasher);
        (snapshot, snapshot_doubts, receiving, repair, just_repaired, room).hash(hasher);
        (durability, commit_index, role, leader, leader_contact, election_due).hash(hasher);
        (held, outputs).hash(hasher);
    }
}
