//! What is left of the service while something is broken: latency and throughput during a fault beside those before it,
//! and how long no write is acknowledged.
//!
//! | file | what |
//! |---|---|
//! | `scenario` | what is done to whom, how often |
//! | `trial` | one run: a cluster, clients, faults, reading back, the checker's verdict |
//! | `snapshot` | the fault that is none: a follower that comes back and needs a snapshot |
//! | `row` | figures from runs |
//!
//! Every run's history is checked, and every key is read back; a run that is not linearizable, or that cannot be
//! decided, ends the suite with an error that names the history.

mod row;
mod scenario;
mod snapshot;
mod trial;

use anyhow::{Context as _, Result};

use super::context::{Context, Level};
use super::results::Row;
use crate::workload::Loop;
use scenario::Scenario;

pub(super) use row::window;
pub use row::{UNDISTURBED, undisturbed};
pub(super) use trial::{ATTEMPT_TIMEOUT, judge, plan};

/// The name of this group.
pub const GROUP: &str = "faults";

/// What of this group is not measured, and why.
pub const LEFT_OUT: &[&str] = &[
    "leadership transfer: not there yet",
    "membership change: not there yet",
    "faults by network namespaces and nftables: links are disturbed by a UDP proxy between the nodes instead",
    "snapshot to a follower with an empty disk: a member's disk cannot be replaced by an empty one, so the follower was \
     away until the log that it needs was gone",
];

/// A row for each scenario and kind of loop. One that this machine cannot do has a row without figures, whose note says
/// why.
pub async fn run(context: &Context) -> Result<Vec<Row>> {
    run_some(context, |_| true).await
}

/// As [`run`], of the scenarios with a name that is wanted.
pub async fn run_some(context: &Context, wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    let dir = context.dir.join(GROUP);
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let mut rows = Vec::new();
    for scenario in Scenario::all(context.level).into_iter().filter(|scenario| wanted(scenario.what)) {
        for loops in loops(context.level, &scenario) {
            context.say(&format!("{GROUP}: {}, {}", scenario.what, row::name(loops)));
            rows.push(measure(context, &dir, &scenario, loops).await?);
        }
    }
    Ok(rows)
}

async fn measure(context: &Context, dir: &std::path::Path, scenario: &Scenario, loops: Loop) -> Result<Row> {
    let mut trials = Vec::new();
    for round in 0..context.level.pick(1, 2, 4) {
        let name = format!("{}, {}, {round}", scenario.what, row::name(loops));
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let trial = trial::run(context, &dir.join(&name), scenario, loops).await;
        match trial.with_context(|| format!("{}, {}, round {round}", scenario.what, row::name(loops)))? {
            trial::Outcome::Done(trial) => trials.push(*trial),
            trial::Outcome::LeftOut(why) => {
                context.say(&format!("{GROUP}: {} is left out: {why}", scenario.what));
                return Ok(row::left_out(scenario, loops, &why));
            }
        }
    }
    Ok(row::of(scenario, loops, &trials))
}

/// In an open loop who wants something during a stall waits for its end, in a closed one nobody asks: so latencies are of
/// the open loop, and throughput of the closed one.
fn loops(level: Level, scenario: &Scenario) -> Vec<Loop> {
    match level {
        Level::Quick if !scenario.both => vec![Loop::Open],
        Level::Quick | Level::Normal | Level::Full => vec![Loop::Open, Loop::Closed],
    }
}
