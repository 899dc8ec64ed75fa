//! One measurement: this program again, as a child that decides the files it is given.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use history_checker::format::jsonl;
use history_checker::report::Engine;
use history_checker::{ModelKind, Options, Summary, check};

/// The argument that makes a process a child.
pub(crate) const CHILD: &str = "--decide";

const SUMMARIES: [Summary; 3] = [Summary::Linearizable, Summary::Unknown, Summary::NotLinearizable];

/// What is known after several runs.
pub(crate) struct Measured {
    /// The median, in seconds.
    pub(crate) seconds: f64,
    /// The same run's time on processors, in seconds, all threads together: what is left of the figure where others
    /// use the machine too. Coarse below a few milliseconds; 0 where the system does not tell.
    pub(crate) cpu_seconds: f64,
    /// The largest, in bytes; 0 where the system does not tell.
    pub(crate) bytes: u64,
    /// The worst verdict of the files.
    pub(crate) summary: Summary,
    /// How many keys zones decided, and how many configurations the search tried for the others.
    pub(crate) zones: u64,
    pub(crate) configurations: u64,
}

/// Decides `files` as often as asked for.
pub(crate) fn run(files: &[PathBuf], model: ModelKind, times: usize) -> Measured {
    let mut runs: Vec<(f64, Vec<u64>)> = (0..times).map(|_| once(files, model)).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let bytes = runs.iter().map(|run| run.1[0]).max().unwrap_or(0);
    let (seconds, said) = &runs[times / 2];
    Measured {
        seconds: *seconds,
        bytes,
        summary: SUMMARIES.into_iter().zip(0..).find(|&(_, number)| number == said[1]).expect("a verdict").0,
        zones: said[2],
        cpu_seconds: said[4] as f64 / 1e9,
        configurations: said[3],
    }
}

fn once(files: &[PathBuf], model: ModelKind) -> (f64, Vec<u64>) {
    let mut command = Command::new(std::env::current_exe().expect("the name of this program"));
    command.arg(CHILD).arg(model.to_string()).args(files);
    let start = Instant::now();
    let output = command.output().expect("a child");
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("numbers");
    (seconds, said.split_whitespace().map(|number| number.parse().expect("a number")).collect())
}

/// What the child does: its memory, the verdict and who decided, as numbers.
pub(crate) fn child(arguments: &[String]) -> ExitCode {
    let (model, files) = arguments.split_first().expect("a model");
    let models = [ModelKind::Register, ModelKind::CasRegister, ModelKind::Map];
    let model = models.into_iter().find(|known| known.to_string() == *model).expect("a known model");
    let (mut worst, mut zones, mut tried) = (Summary::Linearizable, 0, 0);
    for file in files {
        let history = jsonl::read_file(file).expect("a history");
        let report = check(&history, model, &Options::default()).expect("a history of the model");
        worst = worst.max(report.summary());
        for key in &report.keys {
            match &key.engine {
                Engine::Zones => zones += 1,
                Engine::Search { configurations, .. } => tried += configurations,
                Engine::ZonesOnly { .. } => {}
            }
        }
    }
    let worst = SUMMARIES.iter().position(|&summary| summary == worst).expect("a verdict");
    println!("{} {worst} {zones} {tried} {}", peak_memory(), time_on_processors());
    ExitCode::SUCCESS
}

/// The largest resident set of this process so far, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kilobytes = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0_u64);
    kilobytes * 1024
}

/// Of all threads of this process, in nanoseconds.
fn time_on_processors() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_one = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0_u64)
    };
    threads.map(of_one).sum()
}
