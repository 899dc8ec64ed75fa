//! A busy cluster against real time: what `cargo xtask sim pace --json` writes.

use serde::Deserialize;

use super::{Section, number, time};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pace {
    nodes: u64,
    virtual_nanos: u64,
    busy_nanos: u64,
    events: u64,
    operations: u64,
    failure: Option<String>,
}

pub(super) fn section(pace: &Pace) -> Section {
    let mut section = Section { wrong: pace.failure.is_some(), ..Section::default() };
    let (virtual_time, busy) = (pace.virtual_nanos as f64 / 1e9, pace.busy_nanos as f64 / 1e9);
    let per_second = pace.operations as f64 / virtual_time.max(1e-9);
    let ratio = virtual_time / busy.max(1e-9);
    let failed = pace.failure.as_ref().map(|why| format!(", FAILED: {why}")).unwrap_or_default();
    section.row(
        "against real time",
        format!("{ratio:.0} times as fast: {} nodes, {per_second:.0} operations/s{failed}", pace.nodes),
    );
    let rows = [
        ("nodes", number(pace.nodes)),
        ("virtual time", time(virtual_time)),
        ("processor time", time(busy)),
        ("events", number(pace.events)),
        ("operations", number(pace.operations)),
        ("operations per virtual second", format!("{per_second:.1}")),
        ("virtual over processor time", format!("{ratio:.1}")),
    ];
    section.table(&["", "came to"], &["came to"], rows.map(|(what, figure)| vec![what.to_owned(), figure]));
    section
}
