//! One node of a simulated cluster: its disk, and whatever life it leads on it.

use std::time::Duration;

use raft::consensus::io::RoleName;
use raft::consensus::snapshot::Base;
use raft::pump::{AtOnce, Parts, Pump, StopCause, first_write, raft_of, serve};
use raft::session::ReplyBounds;
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::{Failures, Queue, SimDisk};
use raft::storage::{Identity, OpenError, Storage};
use raft::{BootId, ClusterId, Config, Incarnation, Membership, NodeId, StateMachine, Timestamp};

use super::clock::Clock;
use super::lent::Lent;

/// What all nodes of a cluster are made with.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Settings {
    /// The cluster.
    pub(in crate::sim) cluster: ClusterId,
    /// The protocol's settings.
    pub(in crate::sim) config: Config,
    /// Bytes of a segment of the log.
    pub(in crate::sim) segment_bytes: u64,
    /// What sessions keep.
    pub(in crate::sim) replies: ReplyBounds,
    /// The first members.
    pub(in crate::sim) membership: Membership,
}

/// A node has acted on what it was given after so long: it may stand still meanwhile.
const TO_ACT: Duration = Duration::from_secs(7);

/// A node that runs.
pub(in crate::sim) type Running<M> = Pump<M, SimDisk, AtOnce>;

/// A node.
#[derive(Clone, Hash)]
pub(in crate::sim) struct Node<M: StateMachine> {
    pub(in crate::sim) id: NodeId,
    pub(in crate::sim) incarnation: Incarnation,
    /// Counts its starts: what was planned for an earlier life means nothing to this one.
    pub(in crate::sim) life: u64,
    pub(in crate::sim) state: State<M>,
    /// What its disk had failed to do before it last looked, or tried to begin a life.
    failures: Failures,
    /// See `pausing`.
    pub(in crate::sim) paused: bool,
    /// Its memory is bad: the next entry that is durable and not applied meets it.
    pub(in crate::sim) spoils: Option<usize>,
    /// It has met one, in this life.
    pub(in crate::sim) spoilt: bool,
    /// What it sent in a life that met one is on its way until then.
    pub(in crate::sim) spoilt_until: Option<Timestamp>,
    pub(in crate::sim) clock: Clock,
    /// When it is to be woken.
    pub(in crate::sim) armed: Option<Timestamp>,
    /// When it acts on what it was given, if that is not at once.
    pub(in crate::sim) turn: Option<Timestamp>,
    /// When the next operation of the log's queue, and of the other, has run.
    pub(in crate::sim) busy: [Option<Timestamp>; 2],
    /// Whether they stand still, whatever they have to do.
    pub(in crate::sim) held: [bool; 2],
}

#[derive(Clone, Hash)]
pub(in crate::sim) enum State<M: StateMachine> {
    Up(Box<Running<M>>),
    Down(Box<SimDisk>),
    /// While its state changes.
    Between,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub(in crate::sim) enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Stopped(#[from] StopCause),
}

impl<M: StateMachine> Node<M> {
    pub(in crate::sim) fn new(id: NodeId, incarnation: Incarnation) -> Node<M> {
        let mut disk = SimDisk::new();
        disk.prepare();
        Node {
            id,
            incarnation,
            life: 0,
            state: State::Down(Box::new(disk)),
            failures: Failures::default(),
            paused: false,
            spoils: None,
            spoilt: false,
            spoilt_until: None,
            clock: Clock::default(),
            armed: None,
            turn: None,
            busy: [None; 2],
            held: [false; 2],
        }
    }

    pub(in crate::sim) fn identity(&self, cluster: &ClusterId) -> Identity {
        Identity { cluster: cluster.clone(), node: self.id, incarnation: self.incarnation }
    }

    pub(in crate::sim) fn running(&self) -> Option<&Running<M>> {
        if let State::Up(pump) = &self.state { Some(pump) } else { None }
    }

    pub(in crate::sim) fn disk(&self) -> Option<&SimDisk> {
        match &self.state {
            State::Up(pump) => Some(pump.storage().disk()),
            State::Down(disk) => Some(disk),
            State::Between => None,
        }
    }

    pub(in crate::sim) fn disk_mut(&mut self) -> Option<&mut SimDisk> {
        match &mut self.state {
            State::Up(pump) => Some(pump.storage_mut().disk_mut()),
            State::Down(disk) => Some(disk),
            State::Between => None,
        }
    }

    /// Whether there is nothing on its disk that is not synced.
    pub(in crate::sim) fn is_settled(&self) -> bool {
        let asked = |disk: &SimDisk| disk.pending(Queue::Log) + disk.pending(Queue::Aside);
        // After a sync that failed a cache may hold for clean what is on no disk.
        let cached = |disk: &SimDisk| {
            let differs = |file: &String| disk.content(file).as_deref() != disk.durable(file);
            disk.failures() != Failures::default() && disk.files().iter().any(differs)
        };
        self.disk().is_none_or(|disk| asked(disk) == 0 && disk.unsynced() == 0 && !cached(disk))
    }

    fn disk_failures(&self) -> Failures {
        self.disk().map(SimDisk::failures).unwrap_or_default()
    }

    /// It has looked at all that its disk did, and goes on.
    pub(in crate::sim) fn has_looked(&mut self) {
        self.failures = self.disk_failures();
    }

    /// Whether its disk has failed it since it last looked, by more than that it is full.
    pub(in crate::sim) fn was_failed(&self) -> bool {
        self.disk_failures().other > self.failures.other
    }

    /// The same, or that it is full.
    pub(in crate::sim) fn was_refused(&self) -> bool {
        self.disk_failures() != self.failures
    }

    /// Begins a life on what the disk holds, as the service does: open, bootstrap if it is blank, recover.
    pub(in crate::sim) fn start(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        machine: M,
        seed: u64,
        drift_ppm: i32,
    ) -> Result<(), StartError> {
        self.failures = self.disk_failures();
        let disk = match std::mem::replace(&mut self.state, State::Between) {
            State::Down(disk) => Lent::new(*disk),
            other => {
                self.state = other;
                return Ok(());
            }
        };
        let opened = open(disk.clone(), settings, self.id, self.incarnation, machine, seed, self.life);
        match opened {
            Ok(parts) => {
                let Parts { storage, identity, boot, server, workshop, seed } = parts;
                drop(disk);
                let storage = storage.map_disk(Lent::take_back);
                let parts = Parts { storage, identity, boot, server, workshop, seed };
                self.state = State::Up(Box::new(Pump::new(parts)));
            }
            Err(error) => {
                let mut disk = disk.take_back();
                disk.end_process();
                self.state = State::Down(Box::new(disk));
                return Err(error);
            }
        }
        self.life += 1;
        self.clock = Clock::started(now, drift_ppm);
        (self.paused, self.spoils, self.spoilt) = (false, None, false);
        (self.armed, self.turn, self.busy, self.held) = (None, None, [None; 2], [false; 2]);
        Ok(())
    }

    /// Ends its life; the disk is as `end` leaves it.
    pub(in crate::sim) fn end(&mut self, end: impl FnOnce(&mut SimDisk)) {
        let mut disk = match std::mem::replace(&mut self.state, State::Between) {
            State::Up(pump) => pump.end().into_disk(),
            State::Down(disk) => *disk,
            State::Between => SimDisk::new(),
        };
        end(&mut disk);
        self.state = State::Down(Box::new(disk));
        (self.paused, self.spoils, self.spoilt) = (false, None, false);
        (self.armed, self.turn, self.busy, self.held) = (None, None, [None; 2], [false; 2]);
    }

    /// Bad memory meets an entry, if there is one for it. A leader's would go to others, who refuse it: its part is
    /// played by nobody for as long as it leads. Answers the episode that it was.
    pub(in crate::sim) fn spoil(&mut self) -> Option<usize> {
        let State::Up(pump) = &mut self.state else { return None };
        let server = pump.server();
        let next = server.last_applied().next();
        let waits = server.raft().role() != RoleName::Leader && next <= server.raft().durable_index();
        let spoilt = self.spoils.take_if(|_| waits && pump.spoil(next));
        self.spoilt |= spoilt.is_some();
        spoilt
    }

    /// Something that it sent, in this life or an earlier one, arrives then.
    pub(in crate::sim) fn is_heard_at(&mut self, at: Timestamp) {
        if self.spoilt || self.spoilt_until.is_some() {
            self.spoilt_until = self.spoilt_until.max(Some(at));
        }
    }

    /// Whether entries that it sent may be spoilt.
    pub(in crate::sim) fn may_have_sent_spoilt(&self, now: Timestamp) -> bool {
        self.spoilt || self.spoilt_until.is_some_and(|until| now <= until + TO_ACT)
    }

    pub(in crate::sim) fn durable(&self, cluster: &ClusterId) -> Option<DurableLog> {
        self.disk().map(|disk| DurableLog::as_told(disk, &self.identity(cluster)))
    }
}

fn open<M: StateMachine>(
    disk: Lent,
    settings: &Settings,
    id: NodeId,
    incarnation: Incarnation,
    machine: M,
    seed: u64,
    life: u64,
) -> Result<Parts<M, Lent, AtOnce>, StartError> {
    let Settings { cluster, config, segment_bytes, replies, membership } = settings;
    let (mut storage, identity, mut recovered) =
        Storage::open_with(disk, cluster, id, incarnation, *segment_bytes)?;
    let blank = recovered.entries.is_empty() && recovered.base == Base::default();
    if blank && recovered.repair.is_none() {
        storage.append(&first_write(membership, &identity, &mut recovered)?);
        storage.flush().map_err(StopCause::from)?;
    }
    let raft = raft_of(&identity, config.clone(), seed, Timestamp::default(), recovered)?;
    let server = serve(&mut storage, raft, machine)?.with_reply_bounds(*replies);
    Ok(Parts { storage, identity, boot: BootId(life), server, workshop: AtOnce::default(), seed })
}
