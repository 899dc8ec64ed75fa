//! The lab tests' links on virtual time: the rules are [`Network`]'s, and a frame that passes takes a
//! moment of its own, during which its link can be cut.

use std::time::Duration;

use raft::Timestamp;
use raft::consensus::message::Message;
use raft::wire::{Kind, WireStats};

use crate::faults::network::{Fate, Network, Ticket};
use crate::ledger::SharedLedger;
use crate::sim::cluster::links::Links;
use crate::sim::random::{Random, Stream};
use crate::witness;

const LATENCY: Stream = Stream::named("lab.latency");
/// What a link takes besides, in nanoseconds, from and to: always the same on one link, so that the
/// order of frames changes only where the network's rules change it.
const LATENCIES: (u64, u64) = (100_000, 300_000);

/// See the module.
pub(super) struct LabLinks {
    random: Random,
    network: Network,
    ledger: SharedLedger,
    /// What all lives of all nodes have sent.
    pub(super) wire: WireStats,
}

impl LabLinks {
    /// Every link up. What nodes claim is told to the ledger.
    pub(super) fn new(random: Random, network: Network, ledger: SharedLedger) -> LabLinks {
        LabLinks { random, network, ledger, wire: WireStats::default() }
    }

    fn latency(&self, from: usize, to: usize) -> Duration {
        let nanos = self.random.between(LATENCY, from as u64, to as u64, LATENCIES);
        Duration::from_nanos(nanos)
    }
}

impl Links for LabLinks {
    type Pass = Ticket;

    fn send(&mut self, _: Timestamp, from: usize, to: usize, kind: Kind) -> Vec<(Duration, Ticket)> {
        let (wait, ticket) = match self.network.fate(from, to, kind) {
            Fate::Lost => return Vec::new(),
            Fate::Passes(ticket) => (Duration::ZERO, ticket),
            Fate::Waits(wait, ticket) => (wait, ticket),
        };
        vec![(wait + self.latency(from, to), ticket)]
    }

    fn lets_in(&self, from: usize, to: usize, ticket: &Ticket) -> bool {
        self.network.still_up(from, to, *ticket)
    }

    fn leaves(&mut self, from: usize, to: usize, message: &Message, (kind, bytes): (Kind, usize)) {
        self.wire.count(kind, bytes);
        witness::hear(&mut self.ledger.lock(), from, to, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(network: &Network) -> LabLinks {
        LabLinks::new(Random::new(1), network.clone(), SharedLedger::new(3))
    }

    #[test]
    fn a_frame_on_its_way_is_lost_when_its_link_is_cut() {
        let network = Network::new(3, 1);
        let mut links = links(&network);
        let sent = links.send(Timestamp::default(), 0, 1, Kind::Heartbeat);
        let (delay, ticket) = sent[0];
        assert!(delay >= Duration::from_micros(100) && delay <= Duration::from_micros(300));
        assert!(links.lets_in(0, 1, &ticket));
        network.set_links(1, &[true, false, true]);
        assert!(links.send(Timestamp::default(), 0, 1, Kind::Heartbeat).is_empty());
        network.set_links(1, &[true, true, true]);
        assert!(!links.lets_in(0, 1, &ticket), "the link is back, but was cut meanwhile");
        assert!(links.lets_in(0, 2, &links_ticket(&network)));
    }

    fn links_ticket(network: &Network) -> Ticket {
        let Fate::Passes(ticket) = network.fate(0, 2, Kind::Heartbeat) else { panic!("a reliable network") };
        ticket
    }

    #[test]
    fn the_networks_delay_comes_on_top() {
        let network = Network::new(3, 1);
        network.set_unreliable(true);
        let mut links = links(&network);
        let sent: Vec<_> =
            (0..1000).flat_map(|_| links.send(Timestamp::default(), 0, 1, Kind::AppendEntries)).collect();
        let lost = 1000 - sent.len();
        assert!((70..130).contains(&lost), "{lost}");
        let longest = sent.iter().map(|(delay, _)| *delay).max().unwrap();
        assert!(longest > Duration::from_millis(26) && longest < Duration::from_millis(27));
    }
}
