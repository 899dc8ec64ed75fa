//! Concurrent clients: each a network client of its own, one operation at a time, at a steady pace,
//! every operation written into the history before it is sent and after it is answered.
//!
//! Values are unique, so that every value read names the one write that it comes from. Latency is
//! from sending to answer in a closed loop: a client that waits sends nothing meanwhile, so what is
//! said of a stall is in the gaps without an acknowledged write, not in the percentiles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use history_checker::{Key, Process, Recorder, Value};
use register::{Client, ClientConfig, Expect, Swap, Version, Versioned, WriteError};
use tokio::time::{Instant, sleep_until};

use crate::measure::{Clock, Ending, Kind, Measured};

/// What the clients do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Clients at the same time.
    pub clients: u64,
    /// Keys that they share.
    pub keys: u64,
    /// Operations per second that all of them together aim at.
    pub rate: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// How long an operation may take before its outcome counts as unknown.
    pub timeout: Duration,
    /// Repeats the same choices.
    pub seed: u64,
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

    fn fresh_value(&self) -> u64 {
        self.next_value.fetch_add(1, Relaxed)
    }
}

/// Runs client `number` until [`Shared::stop`].
pub async fn run_client(shared: Arc<Shared>, number: u64) -> Result<Measured> {
    let connected = Client::connect(shared.access.clone()).await;
    let client = connected.with_context(|| format!("starting client {number}"))?;
    let plan = &shared.plan;
    let mut rng = fastrand::Rng::with_seed(plan.seed.wrapping_mul(1_000_003).wrapping_add(number));
    let pace = Duration::from_secs(plan.clients) / u32::try_from(plan.rate.max(1)).unwrap_or(u32::MAX);
    let mut turn = Instant::now() + pace.mul_f64(rng.f64());

    let mut actor = Actor::new(shared.clone(), client);
    while !shared.stop.load(Relaxed) {
        sleep_until(turn).await;
        actor.act(&mut rng).await;
        // Late is late: a stall is not made up for by a burst.
        turn = (turn + pace).max(Instant::now());
    }
    Ok(actor.measured)
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
    measured: Measured,
}

impl Actor {
    /// With a fresh process in the history.
    #[must_use]
    pub fn new(shared: Arc<Shared>, client: Client) -> Actor {
        let keys: Vec<String> = shared.keys().collect();
        let process = Some(shared.recorder.process());
        let (seen, measured) = (vec![None; keys.len()], Measured::default());
        Actor { shared, client, process, keys, seen, last_key: 0, measured }
    }

    /// One operation, drawn at random.
    async fn act(&mut self, rng: &mut fastrand::Rng) {
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
        self.measured.note(kind, ending, sent, now);
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
