//! The lab tests' world on virtual time: what [`crate::cluster`] is in real time. Beside the ledger,
//! every step of every node is held against the [`crate::sim::invariants`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::{RoleName, Ticket};
use raft::pump::{Ask, Told};
use raft::session::ReplyBounds;
use raft::wire::Kind;
use raft::{ClusterId, Config, Incarnation, LogId, Membership, Timestamp};

use super::links::LabLinks;
use crate::carrier::{id_of, seat_of};
use crate::faults::Network;
use crate::ledger::{Ledger, SharedLedger};
use crate::recorder::{Recorder, Stateless};
use crate::sim::cluster::node::Settings;
use crate::sim::cluster::{Cluster, Pace};
use crate::sim::random::{Random, Stream};
use crate::world::{Failure, Standing, Traffic, Verdict, World};

/// How often every node is asked for its standing, besides what the test itself asks.
const WATCH: Duration = Duration::from_millis(50);
/// More than this at one moment is without end.
const AT_ONCE: u64 = 1_000_000;
/// Small enough that a log of a few thousand commands has several segments.
const SEGMENT_BYTES: u64 = 64 << 10;

const NETWORK: Stream = Stream::named("lab.network");
const TEST: Stream = Stream::named("lab.test");

type Nodes = Cluster<Recorder<Stateless>, LabLinks, Own>;

/// What the world plans for itself.
#[derive(Clone, Copy)]
enum Own {
    /// The test slept until now.
    Wake,
    /// All nodes are asked for their standing.
    Watch,
}

/// A proposal, by the node, its life and the ticket.
type Asked = (usize, u64, Ticket);

/// See the module. Whoever runs the test's future calls [`SimWorld::go_on`] whenever it is pending.
pub struct SimWorld {
    random: Random,
    drawn: Cell<u64>,
    /// The time, and how much has happened at it.
    moment: Cell<(Duration, u64)>,
    network: Network,
    ledger: SharedLedger,
    state: RefCell<State>,
}

struct State {
    cluster: Nodes,
    connected: Vec<bool>,
    /// Proposals that the test waits for, and what came of them.
    asked: BTreeMap<Asked, Option<Option<LogId>>>,
    /// Something came of one.
    answered: bool,
}

impl SimWorld {
    /// Starts `size` nodes, connected. All that follows is decided by `seed` and by what the test does.
    ///
    /// # Errors
    /// A node does not start.
    pub fn start(size: usize, seed: u64, config: Config) -> Verdict<SimWorld> {
        let random = Random::new(seed);
        let cluster = ClusterId::new("lab").map_err(|e| Failure(e.to_string()))?;
        let voters = (0..size).map(|node| (id_of(node), Incarnation(1 + node as u128)));
        let membership = Membership { voters: voters.collect() };
        let replies = ReplyBounds::default();
        let settings = Settings { cluster, config, segment_bytes: SEGMENT_BYTES, replies, membership };
        let network = Network::new(size, random.draw(NETWORK, 0, 0));
        let ledger = SharedLedger::new(size);
        let links = LabLinks::new(random, network.clone(), ledger.clone());
        let mut cluster = Cluster::new(settings, Pace::STEADY, links, random);
        cluster.plan(WATCH, Own::Watch);
        let (asked, answered) = (BTreeMap::new(), false);
        let state = State { cluster, connected: vec![true; size], asked, answered };
        let state = RefCell::new(state);
        let (drawn, moment) = (Cell::new(0), Cell::default());
        let world = SimWorld { random, drawn, moment, network, ledger, state };
        for node in 0..size {
            world.launch(node)?;
        }
        Ok(world)
    }

    /// Lets the world's time pass until something happens that the test may wait for.
    ///
    /// # Errors
    /// Something happened that must not; or time stands still.
    pub fn go_on(&self) -> Verdict {
        self.go_on_within(AT_ONCE)
    }

    /// The same, with so many events at one moment at most.
    fn go_on_within(&self, at_once: u64) -> Verdict {
        loop {
            let Some(own) = self.state.borrow_mut().step() else {
                return Err(Failure("nothing is left to happen".to_owned()));
            };
            self.check()?;
            let now = self.now();
            let (since, events) = self.moment.get();
            let events = if since == now { events + 1 } else { 1 };
            self.moment.set((now, events));
            if events > at_once {
                return Err(Failure(format!("time stands still: {events} events at {now:?}")));
            }
            match own {
                Some(Own::Wake) => return Ok(()),
                // So that whoever runs the test sees the time even where it waits for nothing.
                Some(Own::Watch) => {
                    self.watch();
                    return Ok(());
                }
                None if std::mem::take(&mut self.state.borrow_mut().answered) => return Ok(()),
                None => {}
            }
        }
    }

    /// Fails if something happened that must not.
    ///
    /// # Errors
    /// In the words of the invariant.
    pub fn check(&self) -> Verdict {
        match self.state.borrow().cluster.violation() {
            Some(violation) => Err(Failure(format!("invariant broken: {violation}"))),
            None => Ok(()),
        }
    }

    /// Keeps lines of what happens, for people.
    pub fn keep_lines(&self) {
        self.state.borrow_mut().cluster.trace.keep_lines();
    }

    /// What was kept.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.state.borrow().cluster.trace.lines().iter().map(ToString::to_string).collect()
    }

    /// Two runs of one test and seed must have the same.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.state.borrow().cluster.trace.hash()
    }

    /// Frames sent by all lives of all nodes, by kind.
    #[must_use]
    pub fn kinds(&self) -> Vec<(Kind, u64)> {
        let state = self.state.borrow();
        let frames = |kind: &Kind| (*kind, state.cluster.links.wire.get(*kind).frames);
        Kind::ALL.iter().map(frames).filter(|(_, frames)| *frames > 0).collect()
    }

    /// What is known of every node, one a line, for a failure's report.
    #[must_use]
    pub fn diagnosis(&self) -> String {
        let mut lines = vec![self.observe(Ledger::summary)];
        for node in 0..self.size() {
            let link = if self.is_connected(node) { "connected" } else { "cut off" };
            let line = self.state.borrow().cluster.describe(node);
            lines.push(format!("node {line} ({link})"));
        }
        lines.join("\n")
    }

    fn watch(&self) {
        for node in 0..self.size() {
            self.look(node);
        }
        self.state.borrow_mut().cluster.plan(WATCH, Own::Watch);
    }

    /// A node's standing, which the ledger hears of.
    fn look(&self, node: usize) -> Option<Standing> {
        let state = self.state.borrow();
        let raft = state.cluster.running(node)?.server().raft();
        let standing = Standing { term: raft.term(), leads: raft.role() == RoleName::Leader };
        let mut ledger = self.ledger.lock();
        let known = ledger.newest_term(node);
        ledger.standing(node, standing, known);
        Some(standing)
    }

    fn launch(&self, node: usize) -> Verdict {
        let life = self.ledger.lock().born(node);
        let machine = Recorder::new(node, life, self.ledger.clone());
        let cluster = &mut self.state.borrow_mut().cluster;
        cluster.start(node, machine).map_err(|e| Failure(format!("node {node} does not start: {e}")))?;
        if let Some(pump) = cluster.running(node) {
            let (hard, last) = (pump.server().raft().hard_state(), pump.server().raft().last_log());
            let vote = hard.voted_for.map(seat_of);
            self.ledger.lock().recovered(node, hard.current_term, vote, last.index);
        }
        Ok(())
    }

    fn set_links(&self, node: usize, connected: bool) {
        let connected_all = &mut self.state.borrow_mut().connected;
        connected_all[node] = connected;
        self.network.set_links(node, connected_all);
    }
}

impl State {
    /// Takes the next event; see [`Cluster::step`].
    fn step(&mut self) -> Option<Option<Own>> {
        let own = self.cluster.step()?;
        for said in std::mem::take(&mut self.cluster.said) {
            let Some(answer @ None) = self.asked.get_mut(&(said.node, said.life, said.ticket)) else {
                continue;
            };
            *answer = Some(match said.told {
                Told::Accepted(id) => Some(id),
                Told::Reply(_) => None,
            });
            self.answered = true;
        }
        for node in std::mem::take(&mut self.cluster.ended) {
            self.cluster.broken("a node goes on", format!("node {node} ended by itself"));
        }
        Some(own)
    }

    /// What came of a proposal; nothing will, once the life that was asked has ended.
    fn answer(&mut self, asked: Asked) -> Poll<Option<LogId>> {
        let (node, life, _) = asked;
        let lives = self.cluster.running(node).is_some() && self.cluster.node(node).life == life;
        if lives && self.asked.get(&asked) == Some(&None) {
            return Poll::Pending;
        }
        Poll::Ready(self.asked.remove(&asked).flatten().flatten())
    }
}

impl World for SimWorld {
    fn size(&self) -> usize {
        self.state.borrow().connected.len()
    }

    fn now(&self) -> Duration {
        self.state.borrow().cluster.now() - Timestamp::default()
    }

    async fn sleep(&self, time: Duration) {
        let until = self.now() + time;
        self.state.borrow_mut().cluster.plan(time, Own::Wake);
        let mut slept = false;
        poll_fn(|_| {
            // However short, it lets other things happen that happen now.
            let over = std::mem::replace(&mut slept, true) && self.now() >= until;
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn random(&self, bound: u64) -> u64 {
        let number = self.drawn.get();
        self.drawn.set(number + 1);
        self.random.below(TEST, 0, number, bound)
    }

    async fn propose(&self, node: usize, command: Bytes) -> Option<LogId> {
        let asked = {
            let mut state = self.state.borrow_mut();
            let (life, ticket) = state.cluster.ask_together(node, Ask::Propose { tag: None, command })?;
            state.asked.insert((node, life, ticket), None);
            (node, life, ticket)
        };
        let id = poll_fn(|_| self.state.borrow_mut().answer(asked)).await?;
        self.ledger.lock().leads(node, id.term);
        Some(id)
    }

    async fn standing(&self, node: usize) -> Option<Standing> {
        self.look(node)
    }

    fn is_up(&self, node: usize) -> bool {
        self.state.borrow().cluster.running(node).is_some()
    }

    fn is_connected(&self, node: usize) -> bool {
        self.state.borrow().connected[node]
    }

    fn cut(&self, node: usize) {
        self.set_links(node, false);
    }

    fn connect(&self, node: usize) {
        self.set_links(node, true);
    }

    async fn crash(&self, node: usize) {
        self.cut(node);
        self.state.borrow_mut().cluster.lose_all_unsynced(node);
    }

    async fn restart(&self, node: usize) -> Verdict {
        self.crash(node).await;
        self.launch(node)
    }

    fn set_unreliable(&self, on: bool) {
        self.network.set_unreliable(on);
    }

    fn set_long_reordering(&self, on: bool) {
        self.network.set_long_reordering(on);
    }

    fn traffic(&self) -> Traffic {
        let wire = &self.state.borrow().cluster.links.wire;
        Traffic { requests: wire.requests(), bytes: wire.total_bytes() }
    }

    fn observe<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        look(&self.ledger.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_whose_time_stands_still_fails() {
        let world = SimWorld::start(3, 1, Config::lab()).unwrap();
        let result = (0..100).try_for_each(|_| {
            world.state.borrow_mut().cluster.plan(Duration::ZERO, Own::Wake);
            world.go_on_within(50)
        });
        assert!(result.unwrap_err().0.starts_with("time stands still: 51 events at"));
    }
}
