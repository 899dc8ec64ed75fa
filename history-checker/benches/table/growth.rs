//! How the cost grows with the history: n log n, so that a line's share hardly changes.

use std::path::Path;

use history_checker::ModelKind;
use history_checker::generate::Shape;

use crate::measure::run;
use crate::rows::generate;

/// Prints the curve, up to ten million operations where that is asked for.
pub(crate) fn print(directory: &Path, long: bool) {
    println!("\nUnique writes, 30 open, good: what an operation costs, from file to verdict.\n");
    println!(
        "| {:>10} | {:>10} | {:>10} | {:>16} | {:>15} |",
        "operations", "time", "cpu", "cpu ns/operation", "bytes/operation"
    );
    println!("|---:|---:|---:|---:|---:|");
    let sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    for operations in sizes.into_iter().filter(|&size| long || size <= 1_000_000) {
        let file = directory.join("history.jsonl");
        generate(&Shape { open: 30, ..Shape::plain(10, operations) }, &file);
        let times = if operations > 1_000_000 { 3 } else { 7 };
        let measured = run(&[file], ModelKind::CasRegister, times);
        let share = |whole: f64| whole / operations as f64;
        println!(
            "| {operations:>10} | {:>7.1} ms | {:>7.1} ms | {:>16.0} | {:>15.0} |",
            measured.seconds * 1e3,
            measured.cpu_seconds * 1e3,
            share(measured.cpu_seconds * 1e9),
            share(measured.bytes as f64)
        );
    }
    if !long {
        println!("\nTen million operations: cargo bench -p history-checker -- --long");
    }
}
