//! A register under crashes, partitions and a bad network, whose clients' history must be
//! linearizable.
//!
//! | file | what |
//! |---|---|
//! | `client` | a client with a session that retries, and writes down what it saw |
//! | `nemesis` | what goes wrong meanwhile |

mod client;
mod nemesis;

use std::cell::Cell;
use std::time::Duration;

use history_checker::{ModelKind, Options, Recorder, Report, check};
use raft::Config;
use register::machine::Register;

use crate::carrier::Carrier;
use crate::cluster::Cluster;
use crate::crew::Crew;
use crate::fail;
use crate::lab::{Lab, millis};
use crate::world::{Failure, Verdict};

use client::Client;
use nemesis::Disturbance;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Nodes.
    pub nodes: usize,
    /// Clients, each with one operation at a time.
    pub clients: usize,
    /// How long faults go on.
    pub faults: Duration,
    /// What is drawn from.
    pub seed: u64,
}

/// What happened.
#[derive(Debug)]
pub struct Summary {
    /// The judgement.
    pub report: Report,
    /// Operations with a known outcome.
    pub completed: usize,
    /// Operations whose outcome nobody knows.
    pub unknown: usize,
    /// Faults that landed.
    pub disturbance: Disturbance,
}

/// A world of registers.
type Registers<C> = Lab<Cluster<C, Register>>;

/// Runs clients against a cluster under faults, heals it, reads everything back, and judges the
/// history. Fails if it is not linearizable, if a safety property was seen broken, if the healed
/// cluster does not answer, or if too little happened to prove anything.
pub async fn run<C: Carrier>(plan: Plan) -> Verdict<Summary> {
    let config = Config::lan();
    let lab = Lab::new(Cluster::<C, Register>::start(plan.nodes, plan.seed, config).await?);
    tokio::select! {
        summary = run_in(&lab, plan) => summary,
        () = lab.world.watch() => fail!("the watch ended"),
    }
    .map_err(|Failure(why)| Failure(format!("seed {}: {why}", plan.seed)))
}

async fn run_in<C: Carrier>(lab: &Registers<C>, plan: Plan) -> Verdict<Summary> {
    let recorder = Recorder::in_memory();
    let (ended, values) = (Cell::new(false), Cell::new(0));
    let crew = Crew::default();
    for _ in 0..plan.clients {
        let client = Client::new(lab, &recorder, &values);
        crew.start(client.work(&ended));
    }
    let disturbance = crew.during(nemesis::disturb(lab, plan.faults)).await?;
    ended.set(true);
    crew.finish().await;
    lab.check_safety()?;

    if !Client::new(lab, &recorder, &values).read_everything().await {
        fail!("the healed cluster did not answer\n{}", lab.world.diagnosis().await);
    }
    let history = recorder.history();
    let report = check(&history, ModelKind::Map, &Options::default()).map_err(|e| Failure(e.to_string()))?;
    if !report.is_linearizable() {
        fail!("the history is not linearizable:\n{report}");
    }
    let unknown = history.operations().iter().filter(|op| !client::is_known(op)).count();
    // What was refused proves nothing.
    let completed = report.counts().completed;
    if completed < 100 || disturbance.crashes == 0 || disturbance.cuts == 0 {
        fail!("too little happened: {completed} operations, {disturbance:?} in {} ms", millis(plan.faults));
    }
    Ok(Summary { report, completed, unknown, disturbance })
}
