//! Group 1: what this machine can do at all, so that the other figures can be judged.
//!
//! | file | what |
//! |---|---|
//! | `disk` | durable writes, on one file and on three at once |
//! | `network` | round trips between two processes on loopback |
//! | `processor` | sealing packets, copying memory, counting |
//! | `measured` | latencies, and rows of them |
//! | [`echo`] | the other process of the round trips |

mod disk;
pub mod echo;
mod measured;
mod network;
mod processor;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::CipherSuite;

use super::context::Context;
use super::figure::Better;
use super::results::{Row, figures};
use crate::bare::Storage;
use measured::{Measured, add_round, row, speed};
use network::Over;

/// What the rows of this group are of.
pub const GROUP: &str = "limits";
/// What the rows of a commit's floor say, before the name of the storage.
pub const FLOOR: &str = "floor of a durable commit";

/// Bytes of a write: a batch of a few entries, and what a direct write is padded to.
const WRITE: usize = 4096;
/// Nodes that share the disk.
const NODES: usize = 3;
/// As QUIC uses them. The first must be there for its first packets, the second is what rustls prefers after that.
const SUITES: [(CipherSuite, &str); 2] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "AES-128-GCM"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "AES-256-GCM"),
];

/// A few limits within four seconds, to tell whether the machine was the same before and after.
pub async fn machine(context: &Context) -> Result<BTreeMap<String, f64>> {
    let limits = Limits::new(context, Duration::from_secs(1))?;
    blocking(move || limits.few()).await
}

/// Measures all of them, in turns.
pub async fn run(context: &Context) -> Result<Vec<Row>> {
    let limits = Limits::new(context, Duration::from_secs(context.level.pick(1, 2, 3)))?;
    let (mut rows, rounds) = (Vec::new(), context.level.rounds());
    for round in 1..=rounds {
        context.say(&format!("the machine's limits, round {round} of {rounds}"));
        let limits = limits.clone();
        add_round(&mut rows, blocking(move || limits.round()).await?);
    }
    Ok(rows)
}

/// What is measured here waits in system calls, away from the tasks of the suite.
async fn blocking<T: Send + 'static>(what: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(what).await.context("measuring the machine's limits")?
}

#[derive(Clone, Debug)]
struct Limits {
    bench: PathBuf,
    dir: PathBuf,
    /// How long each disk and network is measured.
    window: Duration,
    /// The same for what varies less.
    short: Duration,
}

impl Limits {
    fn new(context: &Context, window: Duration) -> Result<Limits> {
        let dir = context.dir.join(GROUP);
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(Limits { bench: context.bench.clone(), dir, window, short: window / 4 })
    }

    fn few(&self) -> Result<BTreeMap<String, f64>> {
        let syncs = disk::syncs(&self.dir, Storage::Prewritten, 1, self.window)?;
        let udp = network::round_trips(&self.bench, &self.dir, Over::Udp, self.window)?;
        Ok(BTreeMap::from([
            ("integer loop, M/s".to_owned(), processor::counting(self.short)),
            ("fdatasync p50, ms".to_owned(), syncs.quantile_ms(0.5)),
            ("UDP round trip p50, ms".to_owned(), udp.quantile_ms(0.5)),
        ]))
    }

    /// Each of them once.
    fn round(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut of_three = Vec::new();
        for storage in Storage::ALL {
            for files in [1, NODES] {
                let syncs = disk::syncs(&self.dir, storage, files, self.window)?;
                rows.push(sync_row(storage, files, &syncs));
                if files == NODES {
                    of_three.push((storage, syncs.quantile_ms(0.5)));
                }
            }
        }
        let udp = network::round_trips(&self.bench, &self.dir, Over::Udp, self.window)?;
        rows.push(round_trip_row("UDP", "none", &udp));
        let quic = network::round_trips(&self.bench, &self.dir, Over::Quic, self.window)?;
        rows.push(round_trip_row("QUIC", "mutual TLS", &quic));
        let hop = quic.quantile_ms(0.5);
        rows.extend(of_three.into_iter().map(|(storage, sync)| floor_row(storage, sync + 2.0 * hop)));
        rows.extend(self.processor()?);
        Ok(rows)
    }

    fn processor(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (suite, name) in SUITES {
            let mut sealing =
                speed(&format!("seal packets, {name}"), "MB/s", processor::sealing(suite, self.short)?);
            sealing.parameters.insert("payload".to_owned(), f64::from(processor::PACKET));
            sealing.notes.push("one core, aws-lc-rs, through rustls as QUIC uses it".to_owned());
            rows.push(sealing);
        }
        let mut copying = speed("copy memory", "MB/s", processor::copying(self.short));
        copying.notes.push("one core, 1 MiB at a time between buffers of 64 MiB".to_owned());
        rows.push(copying);
        rows.push(speed("integer loop", "M/s", processor::counting(self.short)));
        Ok(rows)
    }
}

fn sync_row(storage: Storage, files: usize, syncs: &Measured) -> Row {
    let mut row = syncs.row(&format!("sync, {}", storage.name()));
    storage.in_words().clone_into(&mut row.durability);
    row.parameters = BTreeMap::from([
        ("files".to_owned(), u32::try_from(files).map_or(f64::NAN, f64::from)),
        ("payload".to_owned(), WRITE as f64),
    ]);
    row.notes.push("a thread for each file, each writes again as soon as its write is durable".to_owned());
    row
}

fn round_trip_row(over: &str, tls: &str, trips: &Measured) -> Row {
    let mut row = trips.row(&format!("round trip, {over}"));
    tls.clone_into(&mut row.tls);
    row.parameters.insert("payload".to_owned(), network::MESSAGE as f64);
    row.notes.push("two processes on loopback, one message under way".to_owned());
    row
}

fn floor_row(storage: Storage, milliseconds: f64) -> Row {
    let mut row = row(&format!("{FLOOR}, {}", storage.name()));
    storage.in_words().clone_into(&mut row.durability);
    "mutual TLS".clone_into(&mut row.tls);
    row.sample(figures::P50, "ms", Better::Lower, milliseconds);
    row.notes.push(
        "computed in each round: p50 of a sync while three files are synced at once + 2 × p50 of a QUIC round trip \
         (client to leader and leader to follower; the leader's own sync runs beside the follower's)"
            .to_owned(),
    );
    row
}
