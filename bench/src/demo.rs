//! One run from an empty directory to a verdict: three nodes, clients, faults, healing, reading
//! back, checking, and a page that says what happened.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use history_checker::{ModelKind, Options, Recorder, Summary};
use register::ClientConfig;
use register::outcome::MAX_VALUE;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::conditions::Conditions;
use crate::measure::{Clock, Kind, KindMeasure, Measured};
use crate::nemesis::{self, Injected, Nemesis};
use crate::observer::Observer;
use crate::page;
use crate::report::{self, Checked, FaultRow, Load, OperationRow, Report, TrafficTable};
use crate::setup::Layout;
use crate::stage::{self, Background};
use crate::workload::{self, Loop, Plan, Shared};

/// How the demo runs.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// How long the clients run, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    pub seconds: u64,
    /// Concurrent clients
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub clients: u64,
    /// Keys that they share
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub keys: u64,
    /// Operations per second that all clients together aim at
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 256)]
    pub value_bytes: usize,
    /// Repeats the same choices of clients and faults; drawn at random unless given
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where certificates, configurations, data, logs, history and report go
    #[arg(long, default_value = "target/demo")]
    pub dir: PathBuf,
}

const NODES: u64 = 3;
const CLUSTER: &str = "demo";
/// An operation that takes longer has an unknown outcome.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);
/// A node that owes an answer for so long is suspected: a little more than the time in which a new
/// leader is elected.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(300);

/// Runs the demo, prints its page, and returns the verdict.
pub async fn run(args: &DemoArgs) -> Result<Summary> {
    if args.value_bytes > MAX_VALUE {
        bail!("--value-bytes {}: a value has {MAX_VALUE} bytes at most", args.value_bytes);
    }
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000));
    let layout = Layout::create(&args.dir, CLUSTER, NODES).context("preparing the run")?;
    println!("{NODES} nodes in {}, seed {seed}", args.dir.display());

    let mut cluster = Cluster::new(&layout);
    cluster.start_all()?;
    let access = ClientConfig { attempt_timeout: ATTEMPT_TIMEOUT, ..stage::access(&layout)? };
    let observer = Arc::new(stage::observe(&layout, &access).await?);
    let (took, leader) = stage::started(&mut cluster, &observer).await?;
    println!("{NODES} nodes up after {:.1} s, n{leader} leads", took.as_secs_f64());

    let history_path = args.dir.join("history.jsonl");
    let history =
        File::create(&history_path).with_context(|| format!("creating {}", history_path.display()))?;
    let recorder = Recorder::new(BufWriter::new(history));
    let plan = Plan {
        clients: args.clients,
        keys: args.keys,
        loops: Loop::Closed,
        rate: args.rate,
        value_bytes: args.value_bytes,
        timeout: OPERATION_TIMEOUT,
        seed,
    };
    let shared = Arc::new(Shared::new(plan, access, recorder.clone(), Clock::start()));

    let (measured, injected, load_ends) = under_load(args, seed, &mut cluster, &observer, &shared).await?;
    println!("{:6.1} s  clients have ended, reading every key back", shared.clock.elapsed().as_secs_f64());
    let read_back = stage::read_back(&mut cluster, &observer, &shared).await?;
    let traffic = observer.tally(|tally| tally.traffic());
    cluster.stop_all().await.context("stopping the nodes")?;
    recorder.flush().with_context(|| format!("writing {}", history_path.display()))?;

    println!("{:6.1} s  nodes have ended, checking the history", shared.clock.elapsed().as_secs_f64());
    let checked = Instant::now();
    let history = recorder.history();
    let found = history_checker::check(&history, ModelKind::Map, &Options::default())
        .with_context(|| format!("checking {}", history_path.display()))?;
    let checked = checked.elapsed();

    let report = Report {
        conditions: Conditions::here(),
        load: Load {
            nodes: layout.nodes.len(),
            clients: args.clients,
            keys: args.keys,
            value_bytes: args.value_bytes,
            aimed_rate: args.rate,
            seconds: Duration::from_nanos(load_ends).as_secs_f64(),
            seed,
        },
        operations: OperationRow::all(&measured),
        throughput: per_second(measured.sum(KindMeasure::answered), load_ends),
        faults: injected.iter().map(|fault| FaultRow::new(fault, &measured)).collect(),
        calm_gap_ms: report::calm_gap_ms(&injected, &measured, 0, load_ends),
        traffic: TrafficTable::from(&traffic),
        read_back,
        verdict: found.summary().to_string(),
        checker: Checked::new(&found, checked),
        history: history_path.display().to_string(),
        acknowledged_per_100_ms: measured.acknowledged_per(100_000_000),
    };
    publish(args, &report, &page::html(&report, &history, &found))?;
    Ok(found.summary())
}

/// Clients and faults at once, until the time is up and every fault is healed.
async fn under_load(
    args: &DemoArgs,
    seed: u64,
    cluster: &mut Cluster,
    observer: &Arc<Observer>,
    shared: &Arc<Shared>,
) -> Result<(Measured, Vec<Injected>, u64)> {
    observer.look().await;
    observer.tally(crate::tally::Tally::set_baseline);
    let mut clients = workload::start(shared)?;
    let background = [Background(show_progress(shared.clone())), stage::keep_tally(observer.clone())];

    let length = Duration::from_secs(args.seconds);
    let mut nemesis = Nemesis::of_processes(cluster, observer, &shared.recorder, shared.clock);
    let injected = nemesis.run(&nemesis::plan(length, seed), length).await?;

    shared.stop();
    let load_ends = shared.clock.now();
    let mut measured = Measured::default();
    while let Some(client) = clients.join_next().await {
        measured.add(&client.context("a client panicked")??);
    }
    drop(background);
    let writes = measured.sum(|kind| kind.done) - measured.kind(Kind::Get).done;
    if writes == 0 || measured.kind(Kind::Get).done == 0 {
        bail!(
            "no write or no read was answered in {length:?}, so there is nothing to judge; see the nodes' logs in {}",
            args.dir.display()
        );
    }
    Ok((measured, injected, load_ends))
}

fn show_progress(shared: Arc<Shared>) -> JoinHandle<()> {
    const EVERY: Duration = Duration::from_secs(2);
    tokio::spawn(async move {
        let mut before = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            let progress = &shared.progress;
            let answered = progress.answered.load(Relaxed);
            println!(
                "{:6.1} s  {answered} answered ({}/s), {} not applied, {} unknown",
                shared.clock.elapsed().as_secs_f64(),
                (answered - before) / EVERY.as_secs(),
                progress.not_applied.load(Relaxed),
                progress.unknown.load(Relaxed),
            );
            before = answered;
        }
    })
}

fn publish(args: &DemoArgs, report: &Report, html: &str) -> Result<()> {
    let page = report.page();
    let json = serde_json::to_string_pretty(report).context("writing the report as JSON")?;
    for (name, text) in [("report.txt", page.as_str()), ("report.json", &json), ("report.html", html)] {
        let path = args.dir.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    println!("\n{page}");
    println!("the same with every operation: {}", args.dir.join("report.html").display());
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, nanos: u64) -> f64 {
    count as f64 / Duration::from_nanos(nanos).as_secs_f64()
}
