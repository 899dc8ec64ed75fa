//! The checker: from a file to a verdict, the whole process, against the size of the history.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use history_checker::generate::{Lines, Plant, Rng, Shape, stream};
use tokio::process::Command;

use super::context::{Context, Level};
use super::figure::Better;
use super::results::Row;

/// Each size good and with a stale read, which has to be found.
pub async fn run(context: &Context) -> Result<Vec<Row>> {
    let dir = tempfile::tempdir_in(&context.dir).context("making a directory for histories")?;
    let file = dir.path().join("history.jsonl");
    let mut rows = Vec::new();
    for operations in sizes(context.level) {
        for (what, plants) in
            [("good history", Vec::new()), ("history with a stale read", vec![Plant::StaleRead])]
        {
            let linearizable = plants.is_empty();
            write(&file, &Shape { open: 30, plants, ..Shape::plain(10, operations) })?;
            let mut row = Row {
                group: "checker".to_owned(),
                what: what.to_owned(),
                subject: format!("history-checker {}", env!("CARGO_PKG_VERSION")),
                notes: vec![
                    "register, unique writes, 10 clients, 30 operations without an answer".to_owned(),
                ],
                ..Row::default()
            };
            row.parameters.insert("operations".to_owned(), operations as f64);
            for _ in 0..context.level.rounds() {
                let seconds = check(&context.checker, &file, linearizable).await?;
                row.sample("time", "ms", Better::Lower, seconds * 1e3);
                row.sample("time per operation", "µs", Better::Lower, seconds * 1e6 / operations as f64);
            }
            rows.push(row);
        }
        context.say(&format!("checker: {operations} operations"));
    }
    Ok(rows)
}

fn sizes(level: Level) -> Vec<usize> {
    level.pick(
        vec![1_000, 10_000, 100_000],
        vec![1_000, 10_000, 100_000, 1_000_000],
        vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000],
    )
}

fn write(file: &Path, shape: &Shape) -> Result<()> {
    let mut lines = Lines(BufWriter::new(File::create(file).context("creating a file for a history")?));
    stream(shape, &mut Rng::with_seed(1), &mut lines).context("writing a history")?;
    lines.0.flush().context("writing a history")
}

/// How long it took, in seconds. Its status is the verdict.
async fn check(program: &Path, file: &Path, linearizable: bool) -> Result<f64> {
    let mut command = Command::new(program);
    command.args(["check", "--model", "register"]).arg(file).kill_on_drop(true);
    let begun = Instant::now();
    let output = command.output().await.with_context(|| format!("starting {}", program.display()))?;
    let took = begun.elapsed().as_secs_f64();
    let wanted = if linearizable { 0 } else { 1 };
    ensure!(
        output.status.code() == Some(wanted),
        "{} check {}: {}, but {wanted} is right",
        program.display(),
        file.display(),
        output.status
    );
    Ok(took)
}
