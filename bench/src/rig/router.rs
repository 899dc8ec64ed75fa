//! The proxy's thread: takes datagrams in, and sends them on, later, or not at all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::network::Rules;
use super::proxy::{Port, Shared};

/// Datagrams that may be held back at once; what comes then is dropped, as a real queue does.
const QUEUE: usize = 1 << 16;
/// Taken from one socket before the next is looked at.
const BURST: usize = 64;
/// The longest sleep, so that an end is noticed.
const NAP: Duration = Duration::from_millis(50);
/// No datagram is larger.
const LARGEST: usize = 1 << 16;

pub(super) struct Router {
    ports: Vec<Port>,
    /// By port: the one by which the other side of the pair knows this side.
    opposite: Vec<usize>,
    shared: Arc<Shared>,
    rng: fastrand::Rng,
    held: BinaryHeap<Reverse<Held>>,
    next: u64,
}

/// A datagram that is held back; they leave in the order of these.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    number: u64,
    port: usize,
    data: Vec<u8>,
}

impl Router {
    pub(super) fn new(ports: Vec<Port>, shared: Arc<Shared>, seed: u64) -> Router {
        let facing =
            |port: &Port| ports.iter().position(|other| (other.from, other.to) == (port.to, port.from));
        // Ports are made for both orders of each pair.
        let opposite = ports.iter().map(|port| facing(port).unwrap_or(0)).collect();
        let rng = fastrand::Rng::with_seed(seed);
        Router { ports, opposite, shared, rng, held: BinaryHeap::new(), next: 0 }
    }

    /// Until its owner says stop.
    pub(super) fn run(mut self) {
        let mut buffer = vec![0; LARGEST];
        while !self.shared.stop.load(Relaxed) {
            let readable = self.wait();
            let rules = self.shared.rules();
            for port in readable {
                self.take(port, &rules, &mut buffer);
            }
            self.release();
        }
    }

    /// The ports with datagrams; none when something that is held back is due.
    fn wait(&self) -> Vec<usize> {
        let due = self.held.peek().map(|Reverse(held)| held.due.saturating_duration_since(Instant::now()));
        let sleep = due.map_or(NAP, |due| due.min(NAP));
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(sleep.subsec_nanos()) };
        let mut fds: Vec<_> =
            self.ports.iter().map(|port| PollFd::new(&port.socket, PollFlags::IN)).collect();
        // Interrupted by a signal it is as if nothing had come.
        let _ = poll(&mut fds, Some(&timeout));
        let readable = |(at, fd): (usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(at);
        fds.iter().enumerate().filter_map(readable).collect()
    }

    fn take(&mut self, port: usize, rules: &Rules, buffer: &mut [u8]) {
        for _ in 0..BURST {
            // Nothing there, or news of an earlier datagram that found nobody: neither is to be sent on.
            let Ok((length, sender)) = self.ports[port].socket.recv_from(buffer) else { return };
            let Port { from, to, from_addr, .. } = self.ports[port];
            let counters = &self.shared.counters;
            if sender != from_addr {
                continue;
            }
            if rules.cuts.contains(&(from, to)) {
                count(&counters.cut);
            } else if rules.loss > 0.0 && self.rng.f64() < rules.loss {
                count(&counters.lost);
            } else if rules.delay.is_zero() && self.held.is_empty() {
                self.send(port, &buffer[..length]);
            } else if self.held.len() >= QUEUE {
                count(&counters.overflowed);
            } else {
                count(&counters.delayed);
                let (due, number) = (Instant::now() + rules.delay, self.next);
                self.next += 1;
                self.held.push(Reverse(Held { due, number, port, data: buffer[..length].to_vec() }));
            }
        }
    }

    /// Sends what has waited long enough.
    fn release(&mut self) {
        let now = Instant::now();
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            if let Some(Reverse(held)) = self.held.pop() {
                self.send(held.port, &held.data);
            }
        }
    }

    fn send(&self, port: usize, data: &[u8]) {
        let sent = self.ports[self.opposite[port]].socket.send_to(data, self.ports[port].to_addr);
        let counters = &self.shared.counters;
        count(if sent.is_ok() { &counters.forwarded } else { &counters.overflowed });
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
