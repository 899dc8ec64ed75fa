//! A measurement, for `docs/performance.md`: a state of 1 GiB reaches a follower that was away. Without a
//! limit on the rate, how fast; with the default one, what it costs those who write meanwhile.
//! `cargo test --release -p register --test gibibyte -- --ignored --nocapture`
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Cluster, LIMIT, runtime, wait_for};

const KEYS: u32 = 1024;

#[test]
#[ignore = "a measurement"]
fn a_gibibyte_reaches_a_follower() {
    for _ in 0..3 {
        let (mut cluster, away) = a_gibibyte_behind(0);
        let begun = Instant::now();

        cluster.start(away);
        let arrival = watch(&cluster.data(away), begun);
        let rate = 1073.7 / arrival.durable.as_secs_f64();
        println!("no limit, nobody writes: {rate:.0} MB/s until durable; {arrival:.2?}");
    }
}

#[test]
#[ignore = "a measurement"]
fn those_who_write_while_a_gibibyte_is_sent_wait_little_longer() {
    for _ in 0..3 {
        let (mut cluster, away) = a_gibibyte_behind(64 << 20);
        let quiet = Latencies::until(&cluster, || true);
        let begun = Instant::now();
        cluster.start(away);
        let data = cluster.data(away);
        let watcher = std::thread::spawn(move || watch(&data, begun));
        let busy = Latencies::until(&cluster, || watcher.is_finished());
        let arrival = watcher.join().unwrap();
        println!("64 MiB/s: {arrival:.2?}; put: before {quiet}; during {busy}");
    }
}

/// Three nodes with a state of 1 GiB in a snapshot, and one of them stopped before it was written.
fn a_gibibyte_behind(bytes_per_second: u64) -> (Cluster, u64) {
    let mut cluster = Cluster::new(3);
    cluster.snapshot_every = Some(64 << 20);
    cluster.snapshot_rate = Some(bytes_per_second);
    for node in cluster.nodes() {
        cluster.write_config(node, "");
    }
    cluster.start_all();
    cluster.put_works();
    let away = cluster.nodes().find(|node| *node != cluster.leader()).unwrap();
    wait_for("all to have applied it", || {
        let all = cluster.statuses();
        (all.len() == 3 && all.iter().all(|s| s.last_applied == all[0].last_applied)).then_some(())
    });
    cluster.kill(away);
    let megabyte = |key: u32| vec![key.to_le_bytes()[0]; (1 << 20) - 16];
    runtime().block_on(async {
        let client = cluster.client().await;
        for key in 0..KEYS {
            client.put(format!("big{key}"), megabyte(key), LIMIT).await.unwrap();
        }
    });
    wait_for("a snapshot of it all", || {
        // The log since the last must weigh as much as that one.
        runtime().block_on(async {
            let client = cluster.client().await;
            for key in 0..KEYS / 8 {
                client.put(format!("big{key}"), megabyte(key), LIMIT).await.unwrap();
            }
        });
        cluster.statuses().iter().all(|s| s.first_log_index > u64::from(KEYS)).then_some(())
    });
    (cluster, away)
}

/// When the first byte of a snapshot had come, and when all of it was durable.
#[derive(Debug)]
struct Arrival {
    #[allow(dead_code, reason = "printed")]
    first_byte: Duration,
    durable: Duration,
}

fn watch(data: &Path, begun: Instant) -> Arrival {
    let mut first_byte = None;
    loop {
        let (mut part, mut whole) = (0, false);
        for file in fs::read_dir(data.join("snapshots")).into_iter().flatten().flatten() {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            match file.path().extension().and_then(|extension| extension.to_str()) {
                Some("part") => part = length,
                Some("snap") => whole |= length > 1 << 30,
                _ => {}
            }
        }
        if part > 0 {
            first_byte.get_or_insert(begun.elapsed());
        }
        if whole {
            let durable = begun.elapsed();
            return Arrival { first_byte: first_byte.unwrap_or(durable), durable };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How long puts took, one after another, sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    /// For three seconds at least, and until `done`.
    fn until(cluster: &Cluster, done: impl Fn() -> bool) -> Latencies {
        let mut all = Vec::new();
        let begun = Instant::now();
        runtime().block_on(async {
            let client = cluster.client().await;
            client.put("small", "value", LIMIT).await.unwrap();
            while begun.elapsed() < Duration::from_secs(3) || !done() {
                let asked = Instant::now();
                client.put("small", "value", LIMIT).await.unwrap();
                all.push(asked.elapsed());
            }
        });
        all.sort();
        Latencies(all)
    }

    fn quantile(&self, hundredths: usize) -> Duration {
        self.0[self.0.len() * hundredths / 100]
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p50, p99) = (self.quantile(50), self.quantile(99));
        write!(f, "{} puts, p50 {p50:.0?}, p99 {p99:.0?}", self.0.len())
    }
}
