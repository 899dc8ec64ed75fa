//! The serial numbers of one session: which are in use, and up to where the client is satisfied.

use std::collections::BTreeSet;

use raft::SessionId;
use raft::session::SessionTag;

/// Serials above the floor that may be in use: below the servers' `MAX_OUTSTANDING`, so that no
/// serial of ours is ever refused as too far ahead.
const WINDOW: u64 = raft::session::MAX_OUTSTANDING / 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Serials {
    session: SessionId,
    next: u64,
    unresolved: BTreeSet<u64>,
}

impl Serials {
    pub(super) fn new(session: SessionId) -> Serials {
        Serials { session, next: 1, unresolved: BTreeSet::new() }
    }

    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// The next serial, unless too many above the floor are in use.
    pub(super) fn assign(&mut self) -> Option<u64> {
        if self.next - self.floor() > WINDOW {
            return None;
        }
        let serial = self.next;
        self.next += 1;
        self.unresolved.insert(serial);
        Some(serial)
    }

    /// The serial will not be sent again.
    pub(super) fn resolve(&mut self, serial: u64) {
        self.unresolved.remove(&serial);
    }

    pub(super) fn tag(&self, serial: u64) -> SessionTag {
        SessionTag { session: self.session, serial, floor: self.floor() }
    }

    fn floor(&self) -> u64 {
        self.unresolved.first().copied().unwrap_or(self.next) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_stays_below_the_oldest_unresolved_serial() {
        let mut s = Serials::new(SessionId(7));
        for serial in 1..=3 {
            assert_eq!(s.assign(), Some(serial));
        }
        s.resolve(1);
        s.resolve(3);
        assert_eq!(s.tag(2), SessionTag { session: SessionId(7), serial: 2, floor: 1 });
        s.resolve(2);
        assert_eq!(s.assign(), Some(4));
        assert_eq!(s.tag(4).floor, 3);
    }

    #[test]
    fn an_old_unresolved_serial_holds_back_new_ones() {
        let mut s = Serials::new(SessionId(7));
        assert_eq!((0..=WINDOW).filter_map(|_| s.assign()).last(), Some(WINDOW));
        s.resolve(2);
        assert_eq!(s.assign(), None);
        s.resolve(1);
        assert_eq!(s.assign(), Some(WINDOW + 1));
    }
}
