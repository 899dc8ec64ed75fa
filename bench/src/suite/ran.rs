//! One run of a library in a process of its own: as a command line, and as the line that it prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::context::Context;
use super::figure::Better;
use super::results::{Row, figures};
use super::steal::Watch;

/// What one run came to, as ours and the peers' programs print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Library and version.
    pub subject: String,
    /// Commands committed (core), applied and answered (driver), or operations checked (checker).
    pub commands: u64,
    /// In what time.
    pub nanos: u64,
    /// Settings that are not the defaults.
    pub settings: String,
}

impl Ran {
    /// Commands per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.commands as f64 / Duration::from_nanos(self.nanos.max(1)).as_secs_f64()
    }
}

/// Runs a program that prints a [`Ran`] as its last line.
pub async fn run(program: &Path, args: &[String]) -> Result<Ran> {
    let named = || format!("{} {}", program.display(), args.join(" "));
    let mut command = Command::new(program);
    let output = command.args(args).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("starting {}", named()))?;
    if !output.status.success() {
        bail!("{} failed ({}): {}", named(), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{} said {line:?}, which is no result", named()))
}

/// A row for each program, from rounds in which they take turns with the same arguments behind their own words.
pub async fn in_turn(
    context: &Context,
    subjects: &[(PathBuf, Vec<&str>)],
    args: &[String],
    conditions: &Row,
) -> Result<Vec<Row>> {
    let mut rows = vec![conditions.clone(); subjects.len()];
    for _ in 0..context.level.rounds() {
        for ((program, words), row) in subjects.iter().zip(&mut rows) {
            let words: Vec<_> = words.iter().map(ToString::to_string).chain(args.iter().cloned()).collect();
            let watch = Watch::begin();
            let ran = run(program, &words).await?;
            row.stolen(watch.percent());
            row.sample(figures::RATE, "/s", Better::Higher, ran.rate());
            row.subject = ran.subject;
            row.notes = vec![ran.settings];
        }
    }
    Ok(rows)
}
