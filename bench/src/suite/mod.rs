//! The suite: what is measured, against what, under which conditions.
//!
//! | file | what |
//! |---|---|
//! | [`context`] | what every group is given |
//! | [`figure`] | a quantity measured several times; ratios of interleaved rounds |
//! | [`results`] | rows of figures, as they are written and read again |
//! | [`limits`] | group 1: what the machine can do at all |
//! | [`core`] | group 2: three nodes stepped in one thread |
//! | [`driver`] | group 3: three nodes in one process |
//! | [`service`] | group 4: the service as deployed |
//! | [`faults`] | group 5: what is left of it while something is broken |
//! | [`recovery`] | group 6: starting with a long log, catching up, installing a snapshot |
//! | [`checker`] | group 7: verdicts against sizes |
//! | `checker_peers` | the same group: beside other checkers |
//! | [`simulator`] | group 8: simulated events per second |
//! | [`subject`] | a key-value service that can be put under load |
//! | [`bare`] | the bare pipeline as a subject |
//! | [`etcd`] | etcd as a subject |
//! | [`load_child`] | a load as a process of its own |
//! | [`ran`] | a run of ours or of a peer in a process of its own |
//! | [`plain_disk`] | a log in memory, for what is measured without a disk |
//! | [`processes`] | processor time, memory and context switches of a process |
//! | [`steal`] | what the host took of the processors' time |
//! | `behind` | a follower that was away until it needs a snapshot |
//! | [`aims`] | what is to be reached, and whether it is |
//! | [`table`] | the run in the terminal |
//! | [`page`] | the run in the browser |
//! | [`compare`] | two runs beside each other |

pub mod aims;
pub mod bare;
mod behind;
pub mod checker;
mod checker_peers;
pub mod compare;
pub mod context;
pub mod core;
pub mod driver;
pub mod etcd;
pub mod faults;
pub mod figure;
pub mod limits;
pub mod load_child;
pub mod page;
pub mod plain_disk;
pub mod processes;
pub mod ran;
pub mod recovery;
pub mod results;
pub mod service;
pub mod simulator;
pub mod steal;
pub mod subject;
pub mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};

use crate::conditions::Conditions;
use bare::Bare;
use context::{Context, Level};
use etcd::Etcd;
use results::{Drift, FORMAT, Results, Row};
use steal::Watch;
use subject::{Ours, Subject};

/// What the suite is told.
#[derive(Debug, clap::Args)]
pub struct SuiteArgs {
    /// Only these groups
    #[arg(value_enum)]
    groups: Vec<Group>,
    /// Of `service` and `faults` only the rows whose name contains this: "kill", "memory"
    #[arg(long)]
    only: Option<String>,
    /// Everything in ten minutes: few rounds, short runs
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// What needs hundreds of faults, and every point of the curves; takes hours
    #[arg(long)]
    full: bool,
    /// Where results.json and report.html go, and the nodes' data: on the disk that is to be measured
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The program of bench/peers; without it no library is measured beside ours
    #[arg(long)]
    peers: Option<PathBuf>,
    /// `history-checker`; else the one beside this program
    #[arg(long)]
    checker: Option<PathBuf>,
    /// `sim` of the lab; without it the simulator is not measured
    #[arg(long)]
    simulator: Option<PathBuf>,
}

impl SuiteArgs {
    /// The page for the browser.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.out.join("report.html")
    }
}

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// What the machine can do at all
    Limits,
    /// Three nodes stepped in one thread
    Core,
    /// Three nodes in one process, with their driver
    Driver,
    /// Three processes, mutual TLS, synced logs
    Service,
    /// The same while something is broken
    Faults,
    /// Starting with a long log, catching up, installing a snapshot
    Recovery,
    /// From a history to a verdict
    Checker,
    /// Simulated events per second
    Simulator,
}

impl Group {
    const ALL: [Group; 8] = [
        Group::Limits,
        Group::Core,
        Group::Driver,
        Group::Service,
        Group::Faults,
        Group::Recovery,
        Group::Checker,
        Group::Simulator,
    ];
}

/// Runs the groups, writes what they came to, and returns it.
pub async fn run(args: &SuiteArgs) -> Result<Results> {
    let began = Instant::now();
    let context = context(args, began)?;
    let mut results = Results {
        format: FORMAT,
        commit: Conditions::here().commit,
        machine: Conditions::here().machine,
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        level: context.level.name().to_owned(),
        ..Results::default()
    };
    results.left_out.extend(missing(&context));
    let watch = Watch::begin();
    let before = limits::machine(&context).await.context("measuring the machine before the run")?;
    let wanted = |group: &Group| args.groups.is_empty() || args.groups.contains(group);
    for group in Group::ALL.into_iter().filter(wanted) {
        match group {
            Group::Limits => results.take("limits", limits::run(&context).await),
            Group::Core => core::run(&context, &mut results).await,
            Group::Driver => driver::run(&context, &mut results).await,
            Group::Service => results.take("service", service(&context).await),
            Group::Faults => faults::run(&context, &mut results).await,
            Group::Recovery => recovery::run(&context, &mut results).await,
            Group::Checker => {
                results.take("checker", checker::run(&context).await);
                checker_peers::run(&context, &mut results).await;
            }
            Group::Simulator => results.take("simulator", simulator::run(&context).await),
        }
    }
    match limits::machine(&context).await {
        Ok(after) => {
            let pair = |(name, before): (String, f64)| {
                after.get(&name).map(|after| (name.clone(), (before, *after)))
            };
            results.drift = Drift { limits: before.into_iter().filter_map(pair).collect() };
        }
        Err(error) => results.take("the machine after the run", Err(error)),
    }
    results.stolen = watch.percent();
    results.seconds = began.elapsed().as_secs_f64();
    let text = serde_json::to_string_pretty(&results).context("writing the results as JSON")?;
    write(&args.out.join("results.json"), &text)?;
    write(&args.report(), &page::html(&results))?;
    Ok(results)
}

/// Beside the yardstick, and whatever else is there, in turn.
async fn service(context: &Context) -> Result<Vec<Row>> {
    let (ours, bare) = (Ours::new(context), Bare::new(context));
    let etcd = Etcd::find(context).ok();
    let mut subjects: Vec<&dyn Subject> = vec![&ours, &bare];
    subjects.extend(etcd.iter().map(|etcd| etcd as &dyn Subject));
    let settings = service::settings::settings(context.level);
    let wanted =
        settings.into_iter().filter(|setting| setting.loads.iter().any(|load| context.wants(load.what)));
    Ok(service::measure(context, &subjects, &wanted.collect::<Vec<_>>()).await)
}

/// A word that names no row would measure nothing, minutes long.
fn check_only(part: &str) -> Result<()> {
    let names: BTreeSet<_> = service::settings::names().into_iter().chain(faults::names()).collect();
    let known = || names.iter().copied().collect::<Vec<_>>().join(", ");
    ensure!(
        names.iter().any(|name| name.contains(part)),
        "--only {part:?}: no row of service or faults has that in its name; there are: {}",
        known()
    );
    Ok(())
}

fn context(args: &SuiteArgs, began: Instant) -> Result<Context> {
    args.only.as_deref().map_or(Ok(()), check_only)?;
    let bench = std::env::current_exe().context("finding this program's own path")?;
    let level = match (args.quick, args.full) {
        (true, _) => Level::Quick,
        (_, true) => Level::Full,
        _ => Level::Normal,
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("creating {}", args.out.display()))?;
    let dir = args.out.canonicalize().with_context(|| format!("finding {}", args.out.display()))?;
    let etcd = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|dir| dir.join("etcd")).find(|file| file.is_file())
    });
    let beside = |name: &str| bench.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    Ok(Context {
        level,
        only: args.only.clone(),
        dir,
        register: beside("raft-register"),
        checker: args.checker.clone().unwrap_or_else(|| beside("history-checker")),
        simulator: args.simulator.clone(),
        peers: args.peers.clone(),
        etcd,
        began,
        bench,
    })
}

fn missing(context: &Context) -> Vec<String> {
    let peers = context
        .peers
        .is_none()
        .then_some("raft-rs, omnipaxos, openraft, other checkers: no program of bench/peers was given");
    let simulator = context.simulator.is_none().then_some("the simulator: no program was given");
    let known = [peers, simulator].into_iter().flatten().chain(faults::LEFT_OUT.iter().copied());
    known.map(str::to_owned).chain(Etcd::find(context).err().map(|why| why.to_string())).collect()
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_names_no_row_is_refused_with_those_that_there_are() {
        assert!(["put", "memory", "kill", "1 %"].into_iter().all(|part| check_only(part).is_ok()));
        let said = check_only("klil").unwrap_err().to_string();
        assert!(said.contains("kill the leader") && said.contains("put by payload"), "{said}");
    }
}
