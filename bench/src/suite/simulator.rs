//! The simulator: events per second and core, all checks on. It is a program of its own: the build of `raft` that it
//! needs is not the one that is measured elsewhere.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::context::Context;
use super::figure::Better;
use super::results::{Row, figures};

/// None where there is no simulator to run.
pub async fn run(context: &Context) -> Result<Vec<Row>> {
    let Some(program) = &context.simulator else { return Ok(Vec::new()) };
    let dir = tempfile::tempdir_in(&context.dir).context("making a directory for results")?;
    let (file, seeds) = (dir.path().join("sim.json"), context.level.pick(60, 200, 500));
    let mut row = Row {
        group: "simulator".to_owned(),
        what: "hostile clusters".to_owned(),
        subject: format!("lab {}", env!("CARGO_PKG_VERSION")),
        durability: "simulated disks".to_owned(),
        tls: "none".to_owned(),
        client: "simulated".to_owned(),
        notes: vec!["every invariant checked after every step; one core".to_owned()],
        ..Row::default()
    };
    row.parameters.insert("seeds".to_owned(), f64::from(seeds));
    for _ in 0..context.level.rounds() {
        let mut command = Command::new(program);
        command.args(["--seeds", &seeds.to_string(), "--jobs", "1", "--json"]).arg(&file).kill_on_drop(true);
        let output = command.output().await.with_context(|| format!("starting {}", program.display()))?;
        ensure!(
            output.status.success(),
            "{} failed ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let told: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        let of =
            |name: &str| told[name].as_f64().with_context(|| format!("{} has no {name}", file.display()));
        row.sample(
            figures::RATE,
            "events/s",
            Better::Higher,
            of("events")? * 1e9 / of("busy_nanos")?.max(1.0),
        );
        row.sample("times real time", "", Better::Higher, of("virtual_nanos")? / of("busy_nanos")?.max(1.0));
    }
    context.say("simulator");
    Ok(vec![row])
}
