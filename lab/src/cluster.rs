//! The lab's world in real time: `raft` nodes in one process, on the current tokio runtime, over
//! disks in memory and whatever [`Carrier`] carries their frames.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::RoleName;
use raft::driver::{Bootstrap, Handle, Node, Options, ProposeError};
use raft::storage::{MemoryDisk, Storage};
use raft::transport::Inbox;
use raft::wire::{Kind, WireStats};
use raft::{BootId, ClusterId, Config, Incarnation, LogId, Membership, StateMachine};
use tokio::time::Instant;

use crate::carrier::{Carrier, Seat, id_of, seat_of};
use crate::faults::{Faulty, Network};
use crate::ledger::{Ledger, SharedLedger};
use crate::recorder::{Recorder, Stateless};
use crate::witness::Witness;
use crate::world::{Failure, Standing, Traffic, Verdict, World};

/// How often every node is asked for its standing, besides what the test itself asks.
const WATCH: Duration = Duration::from_millis(50);

/// See the module. Every node runs a state machine `M`.
#[derive(Debug)]
pub struct Cluster<C, M = Stateless> {
    id: ClusterId,
    config: Config,
    carrier: C,
    network: Network,
    ledger: SharedLedger,
    random: RefCell<fastrand::Rng>,
    membership: Membership,
    members: RefCell<Vec<Member>>,
    /// What every life of every node has sent.
    wires: RefCell<Vec<Arc<WireStats>>>,
    began: Instant,
    machine: PhantomData<fn() -> M>,
}

#[derive(Debug)]
struct Member {
    disk: MemoryDisk,
    connected: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    life: u64,
    node: Node,
}

impl<C: Carrier, M: StateMachine + Default> Cluster<C, M> {
    /// Starts `size` nodes, connected. What is random follows from `seed`, but for the runtime's
    /// and the network's own timing.
    pub async fn start(size: usize, seed: u64, config: Config) -> Verdict<Cluster<C, M>> {
        let id = ClusterId::new("lab").map_err(|e| Failure(e.to_string()))?;
        let mut random = fastrand::Rng::with_seed(seed);
        let voters: BTreeMap<_, _> =
            (0..size).map(|node| (id_of(node), Incarnation(random.u128(..)))).collect();
        let member = || Member { disk: MemoryDisk::new(), connected: false, running: None };
        let cluster = Cluster {
            carrier: C::new(&id, size).map_err(Failure)?,
            id,
            config,
            network: Network::new(size, random.u64(..)),
            ledger: SharedLedger::new(size),
            random: RefCell::new(random),
            membership: Membership { voters },
            members: RefCell::new((0..size).map(|_| member()).collect()),
            wires: RefCell::default(),
            began: Instant::now(),
            machine: PhantomData,
        };
        for node in 0..size {
            cluster.launch(node).await?;
            cluster.connect(node);
        }
        Ok(cluster)
    }

    /// The links.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Asks every node for its standing again and again, so that a second leader or a lost term is
    /// seen even while the test does not look. Never ends.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(WATCH).await;
            for node in 0..self.size() {
                self.standing(node).await;
            }
        }
    }

    /// Frames sent by all lives of all nodes, by kind.
    pub fn kinds(&self) -> Vec<(Kind, u64)> {
        let wires = self.wires.borrow();
        let frames = |kind: &Kind| (*kind, wires.iter().map(|wire| wire.get(*kind).frames).sum());
        Kind::ALL.iter().map(frames).filter(|(_, frames)| *frames > 0).collect()
    }

    /// Every node's own account of itself, one a line, for a failure's report.
    pub async fn diagnosis(&self) -> String {
        let mut lines = vec![self.observe(Ledger::summary)];
        for node in 0..self.size() {
            let line = match self.handle(node) {
                None => "down".to_owned(),
                Some(handle) => match handle.status().await {
                    Ok(s) => format!(
                        "{:?} of term {}, leader {:?}, log ends at {}, durable {}, commit {}, applied {}",
                        s.role, s.term, s.leader, s.last_log, s.durable_index, s.commit_index, s.last_applied
                    ),
                    Err(stopped) => stopped.to_string(),
                },
            };
            let link = if self.is_connected(node) { "connected" } else { "cut off" };
            lines.push(format!("node {node} ({link}): {line}"));
        }
        lines.join("\n")
    }

    async fn launch(&self, node: usize) -> Verdict {
        let id = id_of(node);
        let failed = |what: &str, why: String| Failure(format!("node {node} cannot {what}: {why}"));
        let Some(incarnation) = self.membership.voters.get(&id).copied() else {
            return Err(failed("start", "it is no member".to_owned()));
        };
        let disk = self.members.borrow()[node].disk.clone();
        let opened = Storage::open(disk, &self.id, id, incarnation)
            .map_err(|e| failed("open its log", e.to_string()))?;
        let (_, _, recovered) = &opened;
        let life = {
            let mut ledger = self.ledger.lock();
            let last = recovered.entries.last().map(|entry| entry.id.index).unwrap_or_default();
            let hard = recovered.hard_state;
            ledger.recovered(node, hard.current_term, hard.voted_for.map(seat_of), last);
            ledger.born(node)
        };

        let (boot, seed) = (BootId(self.draw()), self.draw());
        let seat = Seat { cluster: self.id.clone(), node: id, incarnation, boot };
        let (inbox, received) = Inbox::new();
        let carried = self.carrier.join(&seat, inbox).await.map_err(|e| failed("join", e))?;
        let faulty = Faulty::new(node, self.network.clone(), carried, tokio::runtime::Handle::current());
        let transport = Witness::new(node, self.ledger.clone(), faulty);
        let bootstrap = Bootstrap::Membership(self.membership.clone());
        let options = Options { config: self.config.clone(), bootstrap, boot, seed };
        let machine = Recorder::<M>::new(node, life, self.ledger.clone());
        let started = Node::spawn(options, opened, machine, transport, received)
            .map_err(|e| failed("start", e.to_string()))?;
        self.wires.borrow_mut().push(started.wire());
        self.members.borrow_mut()[node].running = Some(Running { life, node: started });
        Ok(())
    }

    /// The handle of a node that is up.
    pub fn handle(&self, node: usize) -> Option<Handle> {
        self.living(node).map(|(_, handle)| handle)
    }

    /// The life and the handle of a node that is up.
    fn living(&self, node: usize) -> Option<(u64, Handle)> {
        let members = self.members.borrow();
        members[node].running.as_ref().map(|running| (running.life, running.node.handle()))
    }

    /// Whether this life has not been ended by the test.
    fn is_alive(&self, node: usize, life: u64) -> bool {
        self.members.borrow()[node].running.as_ref().is_some_and(|running| running.life == life)
    }

    /// A node ended. If the test did not end it, it ended itself, which no test allows.
    fn ended(&self, node: usize, life: u64, why: &str) {
        if self.is_alive(node, life) {
            self.ledger.lock().broken(format!("node {node} ended by itself: {why}"));
        }
    }

    fn set_links(&self, node: usize, connected: bool) {
        let mut members = self.members.borrow_mut();
        members[node].connected = connected;
        let connected: Vec<bool> = members.iter().map(|member| member.connected).collect();
        self.network.set_links(node, &connected);
    }

    fn draw(&self) -> u64 {
        self.random.borrow_mut().u64(..)
    }
}

impl<C: Carrier, M: StateMachine + Default> World for Cluster<C, M> {
    fn size(&self) -> usize {
        self.membership.voters.len()
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn random(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.random.borrow_mut().u64(..bound) }
    }

    async fn propose(&self, node: usize, command: Bytes) -> Option<LogId> {
        let (life, handle) = self.living(node)?;
        match handle.propose(command).await {
            Ok(accepted) => {
                self.ledger.lock().leads(node, accepted.id.term);
                Some(accepted.id)
            }
            Err(ProposeError::Refused(_)) => None,
            Err(ProposeError::Stopped(stopped)) => {
                self.ended(node, life, &stopped.to_string());
                None
            }
        }
    }

    async fn standing(&self, node: usize) -> Option<Standing> {
        let (life, handle) = self.living(node)?;
        let known = self.observe(|ledger| ledger.newest_term(node));
        match handle.status().await {
            Ok(status) if self.is_alive(node, life) => {
                let standing = Standing { term: status.term, leads: status.role == RoleName::Leader };
                self.ledger.lock().standing(node, standing, known);
                Some(standing)
            }
            Ok(_) => None,
            Err(stopped) => {
                self.ended(node, life, &stopped.to_string());
                None
            }
        }
    }

    fn is_up(&self, node: usize) -> bool {
        self.members.borrow()[node].running.is_some()
    }

    fn is_connected(&self, node: usize) -> bool {
        self.members.borrow()[node].connected
    }

    fn cut(&self, node: usize) {
        self.set_links(node, false);
    }

    fn connect(&self, node: usize) {
        self.set_links(node, true);
    }

    async fn crash(&self, node: usize) {
        self.cut(node);
        let running = self.members.borrow_mut()[node].running.take();
        if let Some(running) = running {
            running.node.crash().await;
        }
        self.members.borrow()[node].disk.lose_power();
    }

    async fn restart(&self, node: usize) -> Verdict {
        self.crash(node).await;
        self.launch(node).await
    }

    fn set_unreliable(&self, on: bool) {
        self.network.set_unreliable(on);
    }

    fn set_long_reordering(&self, on: bool) {
        self.network.set_long_reordering(on);
    }

    fn traffic(&self) -> Traffic {
        let wires = self.wires.borrow();
        Traffic {
            requests: wires.iter().map(|wire| wire.requests()).sum(),
            bytes: wires.iter().map(|wire| wire.total_bytes()).sum(),
        }
    }

    fn observe<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        look(&self.ledger.lock())
    }
}
