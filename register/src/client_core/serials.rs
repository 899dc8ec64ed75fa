//! The serial numbers of one session: which are in use, and up to where the client is satisfied.

use std::collections::VecDeque;

use raft::SessionId;
use raft::session::SessionTag;

/// Serials above the floor that may be in use: below the servers' `MAX_OUTSTANDING`, so that no
/// serial of ours is ever refused as too far ahead.
const WINDOW: u64 = raft::session::MAX_OUTSTANDING / 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Serials {
    session: SessionId,
    /// Every serial up to here is resolved.
    floor: u64,
    /// Of those after the floor, in order: whether each is resolved. The first is not.
    resolved: VecDeque<bool>,
}

impl Serials {
    pub(super) fn new(session: SessionId) -> Serials {
        Serials { session, floor: 0, resolved: VecDeque::new() }
    }

    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// The next serial, unless too many above the floor are in use.
    pub(super) fn assign(&mut self) -> Option<u64> {
        let above = self.resolved.len() as u64;
        if above >= WINDOW {
            return None;
        }
        self.resolved.push_back(false);
        Some(self.floor + above + 1)
    }

    /// The serial will not be sent again.
    pub(super) fn resolve(&mut self, serial: u64) {
        let place = serial.checked_sub(self.floor + 1).and_then(|place| usize::try_from(place).ok());
        if let Some(resolved) = place.and_then(|place| self.resolved.get_mut(place)) {
            *resolved = true;
        }
        while self.resolved.pop_front_if(|resolved| *resolved).is_some() {
            self.floor += 1;
        }
    }

    pub(super) fn tag(&self, serial: u64) -> SessionTag {
        SessionTag { session: self.session, serial, floor: self.floor }
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
