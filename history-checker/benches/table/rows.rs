//! The bar: every row of it with its aim.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use history_checker::generate::{Lines, Plant, Rng, Shape, stream};
use history_checker::{ModelKind, Summary};

use crate::measure::{Measured, run};

struct Row {
    name: &'static str,
    shape: Shape,
    expected: Summary,
    seconds: f64,
    megabytes: Option<f64>,
    times: usize,
}

/// Generates every history into `directory` and prints what it cost.
pub(crate) fn print(directory: &Path) {
    println!(
        "From file to verdict, parsing included; 10 clients, half reads; median time, the same\nrun's time on processors, largest memory.\n"
    );
    println!(
        "| {:<54} | {:<16} | {:<8} | {:>10} | {:>10} | {:>10} | {:>18} | {:<11} |",
        "history", "verdict", "decided", "time", "cpu", "memory", "aim", "aim reached"
    );
    println!("|---|---|---|---:|---:|---:|---:|---|");
    recorded();
    for row in rows() {
        let file = directory.join("history.jsonl");
        generate(&row.shape, &file);
        let measured = run(&[file], row.shape.model, row.times);
        line(row.name, &measured, row.seconds, row.megabytes, measured.summary == row.expected);
    }
}

/// Writes a history of this shape.
pub(crate) fn generate(shape: &Shape, file: &Path) {
    let mut lines = Lines(BufWriter::new(File::create(file).expect("a file")));
    stream(shape, &mut Rng::with_seed(1), &mut lines).expect("a history");
    lines.0.flush().expect("a file");
}

fn rows() -> Vec<Row> {
    let plain = |operations, open| Shape { open, ..Shape::plain(10, operations) };
    let stale = |shape| Shape { plants: vec![Plant::StaleRead], ..shape };
    let (good, bad) = (Summary::Linearizable, Summary::NotLinearizable);
    let row =
        |name, shape, expected, seconds| Row { name, shape, expected, seconds, megabytes: None, times: 15 };
    let swaps = Shape { values: Some(5), writes: 25, cas: 25, ..plain(10_000, 30) };
    let keys = Shape { model: ModelKind::Map, keys: 1_000, ..plain(100_000, 100) };
    vec![
        row("unique writes, 1 000 operations, 10 open, a stale read", stale(plain(1_000, 10)), bad, 0.01),
        row("the same, 30 open", stale(plain(1_000, 30)), bad, 0.01),
        row("unique writes, 10 000 operations, none open", plain(10_000, 0), good, 0.02),
        row("the same, 10 open, a stale read", stale(plain(10_000, 10)), bad, 0.02),
        row("unique writes, 100 000 operations, 30 open", plain(100_000, 30), good, 0.1),
        Row {
            megabytes: Some(500.0),
            times: 7,
            ..row("unique writes, 1 000 000 operations, 30 open", plain(1_000_000, 30), good, 1.0)
        },
        Row {
            megabytes: Some(2_000.0),
            times: 1,
            ..row("cas over 5 values, 10 000 operations, 30 open, bad", stale(swaps), bad, 60.0)
        },
        row("1 000 keys, 100 000 operations, 100 open", keys, good, 0.1),
    ]
}

/// The one row that is not generated.
fn recorded() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/histories");
    let directory =
        std::env::var_os("HISTORIES_DIR").map_or_else(|| PathBuf::from(default), PathBuf::from).join("etcd");
    let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect();
    files.sort();
    let name = format!("{} Jepsen etcd logs, all together", files.len());
    if files.is_empty() {
        println!("| {:<54} | skipped: there are none in {} |", "Jepsen etcd logs", directory.display());
    } else {
        let measured = run(&files, ModelKind::CasRegister, 15);
        line(&name, &measured, 0.1, None, measured.summary != Summary::Unknown);
    }
}

fn line(name: &str, measured: &Measured, seconds: f64, megabytes: Option<f64>, right: bool) {
    let used = measured.bytes as f64 / 1e6;
    let reached = right && measured.seconds < seconds && megabytes.is_none_or(|limit| used < limit);
    let aim = match megabytes {
        Some(limit) => format!("< {}, < {limit} MB", time(seconds)),
        None => format!("< {}", time(seconds)),
    };
    let by = match (measured.zones, measured.configurations) {
        (_, 0) => "zones",
        (0, _) => "search",
        _ => "both",
    };
    let verdict = match measured.summary {
        Summary::Unknown => "unknown".to_owned(),
        summary if right => summary.to_string(),
        summary => format!("WRONG: {summary}"),
    };
    println!(
        "| {name:<54} | {verdict:<16} | {by:<8} | {:>10} | {:>10} | {:>7.0} MB | {aim:>18} | {:<11} |",
        time(measured.seconds),
        time(measured.cpu_seconds),
        used,
        if reached { "yes" } else { "NO" }
    );
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}
