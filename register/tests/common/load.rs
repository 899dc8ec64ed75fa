//! Clients that put and get while something happens to their cluster. Every operation stands in a history,
//! and at the end the history is linearizable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use history_checker::recorder::{Open, Read};
use history_checker::{Key, ModelKind, Options, Process, Recorder, Summary, Value};
use register::{Client, ClientCerts, Versioned, WriteError};

use super::{Cluster, LIMIT, SOON, runtime, wait_for};

const CLIENTS: u64 = 8;
const KEYS: u64 = 4;

/// What the clients share, and what they did.
pub struct Load {
    recorder: Recorder,
    began: Instant,
    stop: AtomicBool,
    next_value: AtomicU64,
    acknowledged: AtomicU64,
}

/// Puts and gets on several keys while `disturb` runs.
pub fn under_load(cluster: &mut Cluster, disturb: impl FnOnce(&mut Cluster, &Load)) -> Arc<Load> {
    let load = Arc::new(Load {
        recorder: Recorder::in_memory(),
        began: Instant::now(),
        stop: AtomicBool::new(false),
        next_value: AtomicU64::new(1),
        acknowledged: AtomicU64::new(0),
    });
    let config = cluster.client_config(ClientCerts::in_dir(&cluster.certs(), "test"));
    let shared = load.clone();
    let clients = std::thread::spawn(move || {
        runtime().block_on(async {
            let client = Client::connect(config).await.unwrap();
            let clients: Vec<_> =
                (0..CLIENTS).map(|seed| tokio::spawn(work(shared.clone(), client.clone(), seed))).collect();
            for client in clients {
                client.await.unwrap();
            }
        });
    });
    disturb(cluster, &load);
    load.stop.store(true, SeqCst);
    clients.join().unwrap();
    load
}

async fn work(load: Arc<Load>, client: Client, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut process = load.recorder.process();
    while !load.stop.load(SeqCst) {
        let key = key(rng.u64(..KEYS));
        process = if rng.u8(..4) == 0 {
            load.get(&client, process, &key).await
        } else {
            load.put(&client, process, &key).await
        };
    }
}

fn key(number: u64) -> String {
    format!("key-{number}")
}

impl Load {
    /// Waits until more was acknowledged.
    pub fn goes_on(&self) {
        let target = self.acknowledged.load(SeqCst) + 50;
        wait_for("more writes", || (self.acknowledged.load(SeqCst) >= target).then_some(()));
    }

    /// Reads every key back: with that, what was done is linearizable, and nothing acknowledged is lost.
    pub fn is_linearizable(&self, cluster: &Cluster) -> u64 {
        runtime().block_on(async {
            let client = cluster.client().await;
            for number in 0..KEYS {
                let key = key(number);
                let open = self.recorder.process().read(Some(Key::from(key.as_str())), self.now());
                let held = client.get(key, LIMIT).await.unwrap();
                said(open, held, self.now());
            }
        });
        let report =
            history_checker::check(&self.recorder.history(), ModelKind::Map, &Options::default()).unwrap();
        assert_eq!(report.summary(), Summary::Linearizable, "{report}");
        self.acknowledged.load(SeqCst)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
    }

    async fn get(&self, client: &Client, process: Process, key: &str) -> Process {
        let open = process.read(Some(Key::from(key)), self.now());
        match client.get(key.to_owned(), SOON).await {
            Ok(held) => said(open, held, self.now()),
            // What only looks has no effect.
            Err(_) => open.not_applied(self.now()),
        }
    }

    async fn put(&self, client: &Client, process: Process, key: &str) -> Process {
        let value = self.next_value.fetch_add(1, SeqCst);
        let open = process.write(Some(Key::from(key)), Value::from(value), self.now());
        match client.put(key.to_owned(), value.to_string(), SOON).await {
            Ok(version) => {
                self.acknowledged.fetch_add(1, SeqCst);
                open.at_version(version.0).ok(self.now())
            }
            Err(WriteError::NotApplied(_)) => open.not_applied(self.now()),
            Err(WriteError::Unknown(_)) => {
                open.unknown(self.now());
                self.recorder.process()
            }
        }
    }
}

fn said(open: Open<Read>, held: Option<Versioned>, now: u64) -> Process {
    match held {
        None => open.ok(Value::Null, now),
        Some(Versioned { version, value }) => {
            let number: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
            open.at_version(version.0).ok(Value::from(number), now)
        }
    }
}
