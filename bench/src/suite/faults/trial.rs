//! One run: a cluster from nothing, clients, faults, healing, reading back, the checker's verdict.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use history_checker::{ModelKind, Options, Recorder, Summary};
use register::ClientConfig;

use super::scenario::{Deed, Scenario, WARM, Wanted, calm};
use super::snapshot;
use crate::measure::{Clock, KindMeasure, Measured};
use crate::nemesis::{Injected, Nemesis};
use crate::rig::{disk, namespaces};
use crate::stage::{self, Between, Stage, Wishes};
use crate::suite::behind;
use crate::suite::context::Context;
use crate::tally::{Tally, Traffic};
use crate::usage;
use crate::workload::{self, Loop, Plan, Shared};

/// What came of a run.
pub(super) enum Outcome {
    Done(Box<Trial>),
    /// This machine cannot do it, and why.
    LeftOut(String),
}

/// What a run was, all of it linearizable.
pub(super) struct Trial {
    pub(super) measured: Measured,
    pub(super) injected: Vec<Injected>,
    /// Undisturbed, from when to when.
    pub(super) calm: (u64, u64),
    pub(super) traffic: Traffic,
    /// Bytes of the node that has most, at the end.
    pub(super) resident: Option<u64>,
    /// Of all nodes, where none was started again meanwhile.
    pub(super) processor: Option<Duration>,
    /// The verdict, and what was read back.
    pub(super) notes: Vec<String>,
}

/// A node that owes a client an answer for so long is suspected. Less than the time of an election: the client is to
/// wait for the cluster, and not the other way round.
pub(in crate::suite) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(100);
/// Longer than any outage, so that who waited through it is in the percentiles.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// After the last fault.
const TAIL: Duration = Duration::from_millis(700);
/// Of a node's own file system.
const DISK: u64 = 512 << 20;

/// What the clients do.
pub(in crate::suite) fn plan(loops: Loop) -> Plan {
    let (clients, rate) = match loops {
        Loop::Open => (4, 1000),
        Loop::Closed => (32, u64::MAX),
    };
    Plan { clients, keys: 256, loops, rate, value_bytes: 256, timeout: OPERATION_TIMEOUT, seed: 1 }
}

/// How long a node may owe a client an answer before it is suspected. Where every answer is slow, as long as a client has
/// it by itself.
pub(super) fn attempt_timeout(scenario: &Scenario) -> Duration {
    match scenario.links {
        Some(Wanted::Delaying) => ClientConfig::ATTEMPT_TIMEOUT,
        Some(Wanted::Dropping) | None => ATTEMPT_TIMEOUT,
    }
}

/// In a directory of its own, which goes with a good end; else the history and the nodes' logs stay there.
pub(super) async fn run(context: &Context, dir: &Path, scenario: &Scenario, loops: Loop) -> Result<Outcome> {
    if scenario.disks
        && let Err(why) = context.dir.canonicalize().map_err(Into::into).and_then(|dir| disk::check(&dir))
    {
        return Ok(Outcome::LeftOut(format!("{why:#}")));
    }
    let snapshots = match scenario.deed {
        Deed::Snapshot(bytes) => Some(behind::snapshots(bytes)),
        Deed::Faults(_) => None,
    };
    let (between, how) = scenario.links.map(means).unzip();
    let (program, disks) = (context.register.clone(), scenario.disks.then_some(DISK));
    let wishes = Wishes { program, between, disks, snapshots };
    let mut stage = Stage::set(dir, &wishes, attempt_timeout(scenario)).await?;

    let history = dir.join("history.jsonl");
    let file = File::create(&history).with_context(|| format!("creating {}", history.display()))?;
    let recorder = Recorder::new(BufWriter::new(file));
    let shared = Shared::new(plan(loops), stage.access.clone(), recorder.clone(), Clock::start());
    let shared = Arc::new(shared);
    let done = under_load(context, &mut stage, scenario, &shared).await;
    let mut trial = done.with_context(|| format!("the nodes' logs stay in {}", dir.display()))?;
    recorder.flush().with_context(|| format!("writing {}", history.display()))?;
    trial.notes.insert(0, judge(recorder, &history).await?);
    trial.notes.extend(how);
    drop(stage);
    fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    Ok(Outcome::Done(Box::new(trial)))
}

/// By what this machine disturbs links, and what is to be known of that.
fn means(wanted: Wanted) -> (Between, String) {
    let proxy = "between nodes a UDP proxy, undisturbed too: one more hop";
    match (wanted, namespaces::check()) {
        (Wanted::Delaying, _) => (Between::Proxy, proxy.to_owned()),
        (Wanted::Dropping, Err(why)) => (Between::Proxy, format!("{proxy} (no network namespaces: {why:#})")),
        (Wanted::Dropping, Ok(())) => {
            let what =
                "each node in a network namespace of its own, wired to a bridge; packets dropped by nftables";
            (Between::Namespaces, what.to_owned())
        }
    }
}

async fn under_load(
    context: &Context,
    stage: &mut Stage,
    scenario: &Scenario,
    shared: &Arc<Shared>,
) -> Result<Trial> {
    let clock = shared.clock;
    stage.observer.look().await;
    stage.observer.tally(Tally::set_baseline);
    let mut clients = workload::start(shared)?;
    let tally = stage::keep_tally(stage.observer.clone());
    let before = Processes::of(stage)?;

    let injected = match &scenario.deed {
        Deed::Faults(faults) => {
            let Stage { disks, cluster, network, observer, .. } = &mut *stage;
            let mut nemesis = Nemesis::of_processes(cluster, observer, &shared.recorder, clock);
            nemesis.network = network.as_mut();
            nemesis.disks = Some(disks);
            nemesis.run(faults, Duration::ZERO).await?
        }
        Deed::Snapshot(bytes) => {
            tokio::time::sleep((WARM + calm(context.level)).saturating_sub(clock.elapsed())).await;
            vec![snapshot::under_load(stage, shared, *bytes).await?]
        }
    };
    tokio::time::sleep(TAIL).await;
    let after = Processes::of(stage)?;
    shared.stop();
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.push(client.context("a client panicked")??);
    }
    drop(tally);
    let mut measured = Measured::default();
    measured.add_all(&all);
    if measured.sum(KindMeasure::answered) == 0 {
        bail!("no operation was answered, so there is nothing to judge");
    }
    let read_back = stage::read_back(&mut stage.cluster, &stage.observer, shared).await?;
    let traffic = stage.observer.tally(|tally| tally.traffic());
    stage.cluster.stop_all().await.context("stopping the nodes")?;

    let begin = injected.first().map_or(u64::MAX, |first| first.begin);
    let calm = (nanos(WARM), begin.min(nanos(WARM + calm(context.level))));
    let (resident, processor) = (after.resident, after.since(&before));
    let mut notes = vec![format!("read back: {read_back}")];
    notes.extend(injected.iter().map(|fault| format!("{}: {}", fault.what, fault.evidence.join(", "))));
    if traffic.alarms > 0 {
        notes.push(format!("{} messages that no correct peer sends", traffic.alarms));
    }
    Ok(Trial { measured, injected, calm, traffic, resident, processor, notes })
}

/// The verdict in words, if it is a good one.
pub(in crate::suite) async fn judge(recorder: Recorder, file: &Path) -> Result<String> {
    let begun = Instant::now();
    let checking = tokio::task::spawn_blocking(move || {
        let history = recorder.history();
        let operations = history.operations().len();
        history_checker::check(&history, ModelKind::Map, &Options::default()).map(|found| (found, operations))
    });
    let (found, operations) =
        checking.await.context("the checker panicked")?.context("checking the history")?;
    match found.summary() {
        Summary::Linearizable => Ok(format!(
            "linearizable: {operations} operations on {} keys, checked in {:.1} s",
            found.keys.len(),
            begun.elapsed().as_secs_f64()
        )),
        other @ (Summary::NotLinearizable | Summary::Unknown) => {
            bail!("the history in {} is {other}: look at it with `history-checker`", file.display())
        }
    }
}

/// What the nodes' processes took so far.
struct Processes {
    pids: Vec<u32>,
    processor: Option<Duration>,
    resident: Option<u64>,
}

impl Processes {
    fn of(stage: &mut Stage) -> Result<Processes> {
        let mut pids = Vec::new();
        for id in stage.cluster.ids() {
            pids.extend(stage.cluster.node(id)?.pid());
        }
        let processor = pids.iter().map(|pid| usage::processor_time(*pid)).sum();
        let resident = pids.iter().filter_map(|pid| usage::resident(*pid)).max();
        Ok(Processes { pids, processor, resident })
    }

    /// Nothing if a process has another's place: what that one took is not known.
    fn since(&self, before: &Processes) -> Option<Duration> {
        let same = self.pids == before.pids;
        Some(self.processor?.saturating_sub(before.processor?)).filter(|_| same)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use history_checker::{Key, Value};

    use super::*;
    use crate::nemesis::Fault;
    use crate::suite::context::Level;

    /// Else it measures how clients treat nodes that they suspect.
    #[test]
    fn a_client_waits_for_answers_that_a_fault_makes_slow() {
        let mut slow = 0;
        for scenario in Scenario::all(Level::Quick) {
            let Deed::Faults(faults) = &scenario.deed else { continue };
            for planned in faults {
                let Fault::Delay(each_way) = planned.fault else { continue };
                assert!(attempt_timeout(&scenario) > each_way * 4, "{}", scenario.what);
                slow += 1;
            }
        }
        assert!(slow > 0);
    }

    #[tokio::test]
    async fn a_bad_history_fails_the_run_and_is_named() {
        let recorder = Recorder::in_memory();
        let key = || Some(Key::from("k"));
        let client = recorder.process().write(key(), Value::from(1), 1).ok(2);
        let client = client.read(key(), 3).ok(Value::from(1), 4);
        assert!(judge(recorder.clone(), Path::new("h.jsonl")).await.unwrap().contains("2 operations"));
        let _client = client.read(key(), 5).ok(Value::Null, 6);
        let error = judge(recorder, Path::new("h.jsonl")).await.unwrap_err().to_string();
        assert!(error.contains("h.jsonl") && error.contains("NOT linearizable"), "{error}");
    }
}
