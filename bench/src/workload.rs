//! Concurrent clients, every operation written into the history before it is sent and after it is answered.
//!
//! Values are unique, so that every value read names the one write that it comes from.
//!
//! In a closed loop each client has one operation under way, and latency is from sending to answer: a client that waits
//! sends nothing meanwhile, so what is said of a stall is in the gaps without an acknowledged write, not in the
//! percentiles. In an open loop operations begin when their time has come, however many are unanswered, and latency is
//! from that time on: a stall is in the percentiles of all who wanted something meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use history_checker::{Key, Process, Recorder, Value};
use register::{Client, ClientConfig, Expect, Swap, Version, Versioned, WriteError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::measure::{Clock, Ending, Kind, Measured};

/// What the clients do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Clients at the same time.
    pub clients: u64,
    /// Keys that they share.
    pub keys: u64,
    /// Whether a client waits for its answer before it goes on.
    pub loops: Loop,
    /// Operations per second that all of them together aim at.
    pub rate: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// How long an operation may take before its outcome counts as unknown.
    pub timeout: Duration,
    /// Repeats the same choices.
    pub seed: u64,
}

/// When an operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// When the one before is answered, and its time has come.
    Closed,
    /// When its time has come.
    Open,
}

/// What the clients of one run share.
#[derive(Debug)]
pub struct Shared {
    /// What to do.
    pub plan: Plan,
    /// How to reach the cluster.
    pub access: ClientConfig,
    /// Where every operation is written down.
    pub recorder: Recorder,
    /// The run's clock.
    pub clock: Clock,
    /// For the progress line.
    pub progress: Progress,
    next_value: AtomicU64,
    stop: AtomicBool,
}

/// Counts while the run goes on.
#[derive(Debug, Default)]
pub struct Progress {
    /// Answered.
    pub answered: AtomicU64,
    /// Certainly without effect.
    pub not_applied: AtomicU64,
    /// Nobody knows.
    pub unknown: AtomicU64,
}

impl Shared {
    /// For one run.
    #[must_use]
    pub fn new(plan: Plan, access: ClientConfig, recorder: Recorder, clock: Clock) -> Shared {
        let (progress, next_value, stop) = (Progress::default(), AtomicU64::new(1), AtomicBool::new(false));
        Shared { plan, access, recorder, clock, progress, next_value, stop }
    }

    /// Every client ends after the operation that it is at.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// The keys' names.
    pub fn keys(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.plan.keys).map(|n| format!("key-{n}"))
    }

    /// Whether clients are to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn fresh_value(&self) -> u64 {
        self.next_value.fetch_add(1, Relaxed)
    }
}

/// Starts all clients; each ends after [`Shared::stop`] with what it measured. Dropped, they end at once.
pub fn start(shared: &Arc<Shared>) -> Result<JoinSet<Result<Measured>>> {
    let mut clients = JoinSet::new();
    match shared.plan.loops {
        Loop::Closed => {
            for number in 0..shared.plan.clients {
                clients.spawn(run_client(shared.clone(), number));
            }
        }
        Loop::Open => {
            let mut ticks = Vec::new();
            for number in 0..shared.plan.clients {
                let (tick, wanted) = unbounded_channel();
                ticks.push(tick);
                clients.spawn(run_open(shared.clone(), number, wanted));
            }
            metronome(shared.clone(), ticks)?;
        }
    }
    Ok(clients)
}

/// Runs client `number` until [`Shared::stop`].
async fn run_client(shared: Arc<Shared>, number: u64) -> Result<Measured> {
    let (client, mut rng) = connect(&shared, number).await?;
    let plan = &shared.plan;
    let pace = Duration::from_secs(plan.clients) / u32::try_from(plan.rate.max(1)).unwrap_or(u32::MAX);
    let mut turn = Instant::now() + pace.mul_f64(rng.f64());

    let mut actor = Actor::new(shared.clone(), client);
    while !shared.is_stopped() {
        // A timer is of a millisecond: who aims at more than it can do is not to wait for one.
        if turn > Instant::now() {
            sleep_until(turn).await;
        }
        actor.act(&mut rng, None).await;
        // Late is late: a stall is not made up for by a burst.
        turn = (turn + pace).max(Instant::now());
    }
    Ok(actor.measured)
}

async fn connect(shared: &Shared, number: u64) -> Result<(Client, fastrand::Rng)> {
    let connected = Client::connect(shared.access.clone()).await;
    let client = connected.with_context(|| format!("starting client {number}"))?;
    Ok((client, fastrand::Rng::with_seed(shared.plan.seed.wrapping_mul(1_000_003).wrapping_add(number))))
}

/// Says to clients in turn when the next operation is wanted, on a thread of its own: the runtime's timers are of a
/// millisecond. Ends with the clients.
fn metronome(shared: Arc<Shared>, ticks: Vec<UnboundedSender<u64>>) -> Result<()> {
    let beat = move || {
        let pace = Duration::from_secs(1) / u32::try_from(shared.plan.rate.max(1)).unwrap_or(u32::MAX);
        let mut wanted = shared.clock.elapsed() + pace;
        for tick in ticks.iter().cycle() {
            thread::sleep(wanted.saturating_sub(shared.clock.elapsed()));
            let nanos = u64::try_from(wanted.as_nanos()).unwrap_or(u64::MAX);
            if shared.is_stopped() || tick.send(nanos).is_err() {
                return;
            }
            wanted += pace;
        }
    };
    let thread = thread::Builder::new().name("metronome".to_owned()).spawn(beat);
    thread.map(drop).context("starting the thread that says when operations begin")
}

/// Runs open-loop client `number` until nobody wants anything more. One connection; for each operation under way an
/// actor, and so a process in the history.
async fn run_open(shared: Arc<Shared>, number: u64, mut wanted: UnboundedReceiver<u64>) -> Result<Measured> {
    let (client, mut rng) = connect(&shared, number).await?;
    let mut idle: Vec<Actor> = Vec::new();
    let mut acting: JoinSet<Actor> = JoinSet::new();
    while let Some(since) = wanted.recv().await {
        while let Some(done) = acting.try_join_next() {
            idle.push(done.context("an operation panicked")?);
        }
        let mut actor = idle.pop().unwrap_or_else(|| Actor::new(shared.clone(), client.clone()));
        let mut rng = rng.fork();
        acting.spawn(async move {
            actor.act(&mut rng, Some(since)).await;
            actor
        });
    }
    let mut measured = Measured::default();
    while let Some(done) = acting.join_next().await {
        idle.push(done.context("an operation panicked")?);
    }
    measured.add_all(idle.iter().map(|actor| &actor.measured));
    Ok(measured)
}

/// One client at work.
pub struct Actor {
    shared: Arc<Shared>,
    client: Client,
    /// None only while an operation is under way.
    process: Option<Process>,
    keys: Vec<String>,
    /// By key: what this client last saw there.
    seen: Vec<Option<(Version, u64)>>,
    /// The key of the last operation: the one where `seen` is most likely still true.
    last_key: usize,
    /// Since when the operation under way is wanted, if that was before it was sent.
    wanted: Option<u64>,
    measured: Measured,
}

impl Actor {
    /// With a fresh process in the history.
    #[must_use]
    pub fn new(shared: Arc<Shared>, client: Client) -> Actor {
        let keys: Vec<String> = shared.keys().collect();
        let process = Some(shared.recorder.process());
        let (seen, measured) = (vec![None; keys.len()], Measured::default());
        Actor { shared, client, process, keys, seen, last_key: 0, wanted: None, measured }
    }

    /// One operation, drawn at random; wanted since then, if that is not now.
    async fn act(&mut self, rng: &mut fastrand::Rng, wanted: Option<u64>) {
        self.wanted = wanted;
        let key = rng.usize(..self.keys.len());
        match rng.u32(..100) {
            0..40 => {
                self.get(key).await;
            }
            40..70 => self.put(key).await,
            // Where others are quick, it finds another value and does not swap; both are wanted.
            70..95 => self.cas(self.last_key, rng).await,
            _ => self.delete(key).await,
        }
        self.last_key = key;
    }

    /// Reads a key; whether it was answered.
    pub async fn get(&mut self, key: usize) -> bool {
        let (process, sent) = self.begin();
        let open = process.read(self.key(key), sent);
        let answer = self.client.get(self.keys[key].clone(), self.shared.plan.timeout).await;
        let now = self.shared.clock.now();
        let (process, ending) = match answer {
            Ok(None) => {
                self.seen[key] = None;
                (open.ok(Value::Null, now), Ending::Done)
            }
            Ok(Some(Versioned { version, value })) => {
                let number = self.number(&value);
                self.seen[key] = number.map(|number| (version, number));
                (open.at_version(version.0).ok(in_history(number, &value), now), Ending::Done)
            }
            // A read changes nothing, so one without an answer has certainly had no effect.
            Err(_) => (open.not_applied(now), Ending::NotApplied),
        };
        self.end(Kind::Get, ending, sent, now, Some(process));
        ending == Ending::Done
    }

    async fn put(&mut self, key: usize) {
        let number = self.shared.fresh_value();
        let (process, sent) = self.begin();
        let open = process.write(self.key(key), Value::from(number), sent);
        let answer =
            self.client.put(self.keys[key].clone(), self.value(number), self.shared.plan.timeout).await;
        let now = self.shared.clock.now();
        let (process, ending) = match answer {
            Ok(version) => {
                self.seen[key] = Some((version, number));
                (Some(open.at_version(version.0).ok(now)), Ending::Done)
            }
            Err(WriteError::NotApplied(_)) => (Some(open.not_applied(now)), Ending::NotApplied),
            Err(WriteError::Unknown(_)) => {
                open.unknown(now);
                (None, Ending::Unknown)
            }
        };
        self.end(Kind::Put, ending, sent, now, process);
    }

    async fn cas(&mut self, key: usize, rng: &mut fastrand::Rng) {
        let number = self.shared.fresh_value();
        // Values are unique, so expecting a version and expecting its value say the same thing.
        let (from, expect) = match self.seen[key] {
            None => (Value::Null, Expect::Missing),
            Some((version, from)) if rng.bool() => (Value::from(from), Expect::Version(version)),
            Some((_, from)) => (Value::from(from), Expect::Value(self.value(from))),
        };
        let (process, sent) = self.begin();
        let open = process.cas(self.key(key), from, Value::from(number), sent);
        let value = self.value(number);
        let answer = self.client.cas(self.keys[key].clone(), expect, value, self.shared.plan.timeout).await;
        let now = self.shared.clock.now();
        let (process, ending) = match answer {
            Ok(Swap::Swapped { version }) => {
                self.seen[key] = Some((version, number));
                (Some(open.at_version(version.0).swapped(now)), Ending::Done)
            }
            Ok(Swap::NotSwapped { seen: None }) => {
                self.seen[key] = None;
                (Some(open.not_swapped(Some(Value::Null), now)), Ending::NotSwapped)
            }
            Ok(Swap::NotSwapped { seen: Some(Versioned { version, value }) }) => {
                let number = self.number(&value);
                self.seen[key] = number.map(|number| (version, number));
                let open = open.at_version(version.0);
                (Some(open.not_swapped(Some(in_history(number, &value)), now)), Ending::NotSwapped)
            }
            Err(WriteError::NotApplied(_)) => (Some(open.not_applied(now)), Ending::NotApplied),
            Err(WriteError::Unknown(_)) => {
                open.unknown(now);
                (None, Ending::Unknown)
            }
        };
        self.end(Kind::Cas, ending, sent, now, process);
    }

    async fn delete(&mut self, key: usize) {
        let (process, sent) = self.begin();
        let open = process.write(self.key(key), Value::Null, sent);
        let answer = self.client.delete(self.keys[key].clone(), self.shared.plan.timeout).await;
        let now = self.shared.clock.now();
        let (process, ending) = match answer {
            Ok(_) => {
                self.seen[key] = None;
                (Some(open.ok(now)), Ending::Done)
            }
            Err(WriteError::NotApplied(_)) => (Some(open.not_applied(now)), Ending::NotApplied),
            Err(WriteError::Unknown(_)) => {
                open.unknown(now);
                (None, Ending::Unknown)
            }
        };
        self.end(Kind::Delete, ending, sent, now, process);
    }

    fn key(&self, key: usize) -> Option<Key> {
        Some(Key::from(self.keys[key].as_str()))
    }

    /// The process that acts, and the time just before it does.
    fn begin(&mut self) -> (Process, u64) {
        let process = self.process.take().unwrap_or_else(|| self.shared.recorder.process());
        (process, self.shared.clock.now())
    }

    /// `process` is none when the outcome is unknown: the next operation is another process's.
    fn end(&mut self, kind: Kind, ending: Ending, sent: u64, now: u64, process: Option<Process>) {
        self.process = process;
        self.measured.note(kind, ending, self.wanted.take().unwrap_or(sent), now);
        let progress = &self.shared.progress;
        let count = match ending {
            Ending::Done | Ending::NotSwapped => &progress.answered,
            Ending::NotApplied => &progress.not_applied,
            Ending::Unknown => &progress.unknown,
        };
        count.fetch_add(1, Relaxed);
    }

    /// The bytes that stand for a number: its digits, filled up to the planned size.
    fn value(&self, number: u64) -> Bytes {
        let mut value = number.to_string().into_bytes();
        value.resize(value.len().max(self.shared.plan.value_bytes), b'.');
        Bytes::from(value)
    }

    /// The number that the bytes stand for, if they are one of ours down to the last byte.
    fn number(&self, value: &Bytes) -> Option<u64> {
        let text = std::str::from_utf8(value).ok()?;
        let number = text.trim_end_matches('.').parse().ok()?;
        (self.value(number) == *value).then_some(number)
    }
}

/// A value that nobody wrote goes into the history as it is: no order explains it.
fn in_history(number: Option<u64>, value: &Bytes) -> Value {
    match number {
        Some(number) => Value::from(number),
        None => Value::from(String::from_utf8_lossy(value).into_owned()),
    }
}
