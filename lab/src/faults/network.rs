//! The state of all links, and what becomes of a frame: lost, late, or neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raft::wire::Kind;

/// A request on the unreliable network waits less than this many milliseconds.
const SHORT_DELAY: u64 = 27;
/// How many of 1000 requests, and of 1000 replies, the unreliable network loses.
const LOSS: u64 = 100;
/// The least milliseconds that a reordered reply waits.
const LONG_DELAY: u64 = 200;
/// What is added to it is drawn below a bound that is itself drawn below this.
const LONG_SPREAD: u64 = 2000;

/// The links between nodes `0..size`. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Lost,
    /// It goes on at once. Whatever carries it may take time of its own, and look again then.
    Passes(Ticket),
    /// It goes on after a while, if its link is then as it was: see [`Network::still_up`].
    Waits(Duration, Ticket),
}

/// The state of a link at the time when a frame was put on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Debug)]
struct State {
    size: usize,
    /// One for each ordered pair.
    links: Vec<Link>,
    unreliable: bool,
    long_reordering: bool,
    random: fastrand::Rng,
}

#[derive(Clone, Debug, Default)]
struct Link {
    up: bool,
    /// Times that it was cut: what was on its way then is lost, even if it is up again.
    cuts: u64,
}

impl Network {
    /// A reliable network with every link up.
    #[must_use]
    pub fn new(size: usize, seed: u64) -> Network {
        let links = vec![Link { up: true, cuts: 0 }; size * size];
        let random = fastrand::Rng::with_seed(seed);
        let state = State { size, links, unreliable: false, long_reordering: false, random };
        Network { state: Arc::new(Mutex::new(state)) }
    }

    /// Cuts or restores the link from one node to another.
    pub fn set_link(&self, from: usize, to: usize, up: bool) {
        let mut state = self.state();
        let place = state.place(from, to);
        let link = &mut state.links[place];
        if link.up && !up {
            link.cuts += 1;
        }
        link.up = up;
    }

    /// Sets all links of a node, both ways: up to those that are connected, if it is.
    pub fn set_links(&self, node: usize, connected: &[bool]) {
        for (other, other_connected) in connected.iter().enumerate().filter(|(other, _)| *other != node) {
            let up = connected[node] && *other_connected;
            self.set_link(node, other, up);
            self.set_link(other, node, up);
        }
    }

    /// Turns loss and short delays on or off.
    pub fn set_unreliable(&self, on: bool) {
        self.state().unreliable = on;
    }

    /// Turns long delays of replies on or off.
    pub fn set_long_reordering(&self, on: bool) {
        self.state().long_reordering = on;
    }

    /// Decides about a frame of this kind.
    #[must_use]
    pub fn fate(&self, from: usize, to: usize, kind: Kind) -> Fate {
        let mut state = self.state();
        let link = &state.links[state.place(from, to)];
        let ticket = Ticket(link.cuts);
        if !link.up {
            return Fate::Lost;
        }
        let (unreliable, reordering) = (state.unreliable, state.long_reordering);
        let random = &mut state.random;
        if unreliable && random.u64(0..1000) < LOSS {
            return Fate::Lost;
        }
        let wait = if kind.is_request() {
            if unreliable { random.u64(0..SHORT_DELAY) } else { 0 }
        } else if reordering && random.u64(0..900) < 600 {
            let bound = 1 + random.u64(0..LONG_SPREAD);
            LONG_DELAY + random.u64(0..bound)
        } else {
            0
        };
        if wait == 0 { Fate::Passes(ticket) } else { Fate::Waits(Duration::from_millis(wait), ticket) }
    }

    /// Whether the link is up and was not cut since the ticket was given.
    #[must_use]
    pub fn still_up(&self, from: usize, to: usize, ticket: Ticket) -> bool {
        let state = self.state();
        let link = &state.links[state.place(from, to)];
        link.up && link.cuts == ticket.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn place(&self, from: usize, to: usize) -> usize {
        from * self.size + to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 20_000;

    /// Lost frames and the delays in milliseconds of those that wait, of many.
    fn fates(network: &Network, kind: Kind) -> (u64, Vec<u64>) {
        let mut lost = 0;
        let mut waits = Vec::new();
        for _ in 0..MANY {
            match network.fate(0, 1, kind) {
                Fate::Lost => lost += 1,
                Fate::Passes(_) => {}
                Fate::Waits(time, _) => waits.push(crate::lab::millis(time)),
            }
        }
        (lost, waits)
    }

    #[test]
    fn a_reliable_network_passes_all() {
        let network = Network::new(2, 1);
        for kind in Kind::ALL {
            assert_eq!(fates(&network, *kind), (0, vec![]));
        }
    }

    #[test]
    fn an_unreliable_network_loses_a_tenth_and_delays_requests() {
        let network = Network::new(2, 2);
        network.set_unreliable(true);
        let (lost, waits) = fates(&network, Kind::AppendEntries);
        assert!((MANY / 11..MANY / 9).contains(&lost), "{lost}");
        assert!(waits.iter().all(|ms| (1..=26).contains(ms)));
        assert!(waits.contains(&26) && waits.contains(&1));
        let (lost, waits) = fates(&network, Kind::AppendEntriesReply);
        assert!((MANY / 11..MANY / 9).contains(&lost), "{lost}");
        assert_eq!(waits, [0; 0]);
    }

    #[test]
    fn long_reordering_delays_two_thirds_of_the_replies() {
        let network = Network::new(2, 3);
        network.set_long_reordering(true);
        assert_eq!(fates(&network, Kind::Heartbeat), (0, vec![]));
        let (_, waits) = fates(&network, Kind::HeartbeatReply);
        let share = waits.len() as u64;
        assert!((MANY * 64 / 100..MANY * 69 / 100).contains(&share), "{share}");
        assert!(waits.iter().all(|ms| (200..=2199).contains(ms)));
        assert!(waits.iter().any(|ms| *ms > 1500));
    }

    #[test]
    fn a_cut_loses_what_is_on_its_way_even_if_the_link_returns() {
        let network = Network::new(2, 4);
        network.set_unreliable(true);
        let ticket = loop {
            if let Fate::Waits(_, ticket) = network.fate(0, 1, Kind::RequestVote) {
                break ticket;
            }
        };
        assert!(network.still_up(0, 1, ticket));
        network.set_link(0, 1, false);
        assert_eq!(network.fate(0, 1, Kind::RequestVote), Fate::Lost);
        assert!(!network.still_up(0, 1, ticket));
        network.set_link(0, 1, true);
        assert!(!network.still_up(0, 1, ticket));
    }
}
