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
use super::results::{Results, Row};
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
    "snapshot to a follower with an empty disk: a member's disk cannot be replaced by an empty one, so the follower was \
     away until the log that it needs was gone",
];

/// What may be measured.
#[must_use]
pub fn names() -> Vec<&'static str> {
    Scenario::all(Level::Quick).into_iter().map(|scenario| scenario.what).collect()
}

/// A row for each scenario and kind of loop. One that this machine cannot do has a row without figures, whose note says
/// why.
pub async fn run(context: &Context, results: &mut Results) {
    let wanted = |scenario: &Scenario| context.wants(scenario.what);
    for scenario in Scenario::all(context.level).into_iter().filter(wanted) {
        for loops in loops(context.level, &scenario) {
            let what = format!("{GROUP}: {}, {}", scenario.what, row::name(loops));
            context.say(&what);
            results.take(&what, measure(context, &scenario, loops).await.map(|row| vec![row]));
        }
    }
}

async fn measure(context: &Context, scenario: &Scenario, loops: Loop) -> Result<Row> {
    let dir = context.dir.join(GROUP);
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let mut trials = Vec::new();
    for round in 0..context.level.pick(1, 2, 4) {
        let name = format!("{}, {}, {round}", scenario.what, row::name(loops));
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let trial = trial::run(context, &dir.join(&name), scenario, loops).await;
        match trial.with_context(|| format!("round {round}"))? {
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
