//! Our checker beside others that are published: the same histories, in memory, in a process for each run. Reading and
//! parsing is no part of it, as the others have no format; and every operation is answered, as one of them wants it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::timeout;

use super::context::{Context, Level};
use super::figure::Better;
use super::ran;
use super::results::{Results, Row, figures, parameters};

/// As `bench/peers` calls them; the first is ours.
const LIBRARIES: [&str; 3] = ["history-checker", "stateright", "todc-utils"];

/// Who has not decided by then is not measured at this size, nor at larger ones: most try every order.
fn patience(level: Level) -> Duration {
    Duration::from_secs(level.pick(3, 10, 60))
}

fn sizes(level: Level) -> Vec<u64> {
    level.pick(vec![100, 1_000], vec![100, 1_000, 10_000], vec![100, 1_000, 10_000])
}

/// A row for each library, size and kind of history; one that was not decided in time has no figures, and says so.
pub(super) async fn run(context: &Context, results: &mut Results) {
    let Some(program) = &context.peers else { return };
    for stale in [false, true] {
        for library in LIBRARIES {
            for operations in sizes(context.level) {
                let what =
                    if stale { "history with a stale read, in memory" } else { "good history, in memory" };
                let row = Row {
                    group: "checker".to_owned(),
                    what: what.to_owned(),
                    subject: library.to_owned(),
                    parameters: parameters([("operations", operations)]),
                    ..Row::default()
                };
                let words = ["checker", library, "--operations"].map(str::to_owned);
                let stale = stale.then(|| "--stale".to_owned());
                let args: Vec<_> = words.into_iter().chain([operations.to_string()]).chain(stale).collect();
                let in_time = measure(context, program, &args, row).await;
                let decided = in_time.as_ref().is_ok_and(|row| !row.figures.is_empty());
                results.take(
                    &format!("checker: {library}, {operations} operations"),
                    in_time.map(|row| vec![row]),
                );
                if !decided {
                    break;
                }
            }
        }
    }
    context.say("checker: beside others");
}

async fn measure(context: &Context, program: &Path, args: &[String], mut row: Row) -> Result<Row> {
    let patience = patience(context.level);
    for _ in 0..context.level.rounds() {
        let Ok(ran) = timeout(patience, ran::run(program, args)).await else {
            row.figures.clear();
            row.notes = vec![format!("not decided in {} s", patience.as_secs())];
            return Ok(row);
        };
        let ran = ran?;
        row.sample(figures::RATE, "/s", Better::Higher, ran.rate());
        row.subject = ran.subject;
        row.notes = vec![ran.settings, "unique writes, half reads, 10 clients".to_owned()];
    }
    Ok(row)
}
