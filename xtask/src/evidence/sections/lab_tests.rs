//! Lab tests on virtual time: what `cargo xtask test-4a|test-4b --sim --json` writes.

use serde::Deserialize;

use super::{Section, number, time};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LabTests {
    tests: Vec<Test>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Test {
    name: String,
    seeds: u64,
    failed: u64,
    seconds: f64,
    rpcs: u64,
    commits: u64,
}

pub(super) fn section(name: &str, LabTests { tests }: &LabTests) -> Section {
    let mut section = Section::default();
    let runs: u64 = tests.iter().map(|test| test.seeds).sum();
    section.wrong = tests.is_empty() || tests.iter().any(|test| test.failed > 0);
    let failed = match tests.iter().map(|test| test.failed).sum() {
        0 => "none failed".to_owned(),
        failed => format!("{} FAILED", number(failed)),
    };
    section
        .row(format!("{name}, simulated"), format!("{} tests, {} runs, {failed}", tests.len(), number(runs)));
    let rows = tests.iter().map(|test| {
        let Test { name, seeds, failed, seconds, rpcs, commits } = test;
        let numbers = [seeds, failed].map(|count| number(*count));
        let [seeds, failed] = numbers;
        vec![name.clone(), seeds, failed, time(*seconds), number(*rpcs), number(*commits)]
    });
    section.table(&["test", "seeds", "failed", "virtual time", "RPCs", "commits"], &[], rows);
    section
}
