//! What a run found: one page for people, JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use history_checker::Summary;
use register::status::KindTraffic;
use serde::Serialize;

use crate::conditions::Conditions;
use crate::measure::{Kind, KindMeasure, Measured};
use crate::nemesis::Injected;
use crate::tally::Traffic;

/// Everything that is said of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What a figure means nothing without.
    pub conditions: Conditions,
    /// What the clients were told to do.
    pub load: Load,
    /// By kind of operation.
    pub operations: Vec<OperationRow>,
    /// Answered operations per second.
    pub throughput: f64,
    /// The faults, with the unavailability that each caused.
    pub faults: Vec<FaultRow>,
    /// The longest gap without an acknowledged write outside of faults, in milliseconds.
    pub calm_gap_ms: f64,
    /// What the nodes sent each other.
    pub traffic: TrafficTable,
    /// Reading every key back after the last fault.
    pub read_back: String,
    /// `linearizable`, `NOT linearizable` or `unknown`.
    pub verdict: String,
    /// What the checker says.
    pub checker: Checked,
    /// Where the history is.
    pub history: String,
    /// Acknowledged writes in each tenth of a second.
    pub acknowledged_per_100_ms: Vec<u64>,
}

/// What the clients were told to do.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Load {
    pub nodes: usize,
    pub clients: u64,
    pub keys: u64,
    pub value_bytes: usize,
    pub aimed_rate: u64,
    pub seconds: f64,
    pub seed: u64,
}

/// The operations of one kind. Latencies are of answered operations, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct OperationRow {
    pub kind: &'static str,
    pub count: u64,
    pub ok: u64,
    pub not_swapped: u64,
    pub not_applied: u64,
    pub unknown: u64,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// A fault and what it cost.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct FaultRow {
    pub at_s: f64,
    pub for_s: f64,
    pub what: String,
    pub evidence: Vec<String>,
    /// The longest time without an acknowledged write, from the fault's begin to a second after
    /// its end.
    pub unavailable_ms: f64,
}

/// What the nodes sent each other, in all and per committed entry.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct TrafficTable {
    pub commits: u64,
    pub kinds: Vec<KindTraffic>,
    pub rpcs: u64,
    pub frames: u64,
    pub encoded_bytes: u64,
    pub wire_bytes: u64,
    pub datagrams: u64,
    pub syncs: u64,
    pub elections_won: u64,
    pub alarms: u64,
}

/// What the checker says.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// How much was checked, how long that took, and what is wrong if something is.
    pub gist: String,
    /// Key by key.
    pub in_full: String,
}

impl Checked {
    /// From the checker's own report.
    #[must_use]
    pub fn new(found: &history_checker::Report, took: Duration) -> Checked {
        let keys = found.keys.len();
        let mut gist = format!("{}, {keys} keys, model map, in {:.2} s", found.counts(), took.as_secs_f64());
        for key in found.keys.iter().filter(|key| key.verdict.summary() != Summary::Linearizable) {
            let _ = write!(gist, "\n{key}");
        }
        Checked { gist, in_full: found.to_string() }
    }
}

/// How long after a fault's end what happens still counts as its doing.
const AFTERMATH: u64 = 1_000_000_000;

impl OperationRow {
    /// One row per kind.
    #[must_use]
    pub fn all(measured: &Measured) -> Vec<OperationRow> {
        Kind::ALL.iter().map(|kind| OperationRow::new(*kind, measured.kind(*kind))).collect()
    }

    fn new(kind: Kind, measure: &KindMeasure) -> OperationRow {
        OperationRow {
            kind: kind.name(),
            count: measure.count(),
            ok: measure.done,
            not_swapped: measure.not_swapped,
            not_applied: measure.not_applied,
            unknown: measure.unknown,
            p50_ms: measure.quantile_ms(0.5),
            p90_ms: measure.quantile_ms(0.9),
            p99_ms: measure.quantile_ms(0.99),
            max_ms: measure.max_ms(),
        }
    }
}

impl FaultRow {
    /// A fault, with what the clients saw of it.
    #[must_use]
    pub fn new(fault: &Injected, measured: &Measured) -> FaultRow {
        FaultRow {
            at_s: seconds(fault.begin),
            for_s: seconds(fault.end - fault.begin),
            what: fault.what.clone(),
            evidence: fault.evidence.clone(),
            unavailable_ms: seconds(measured.longest_gap(fault.begin, fault.end + AFTERMATH)) * 1000.0,
        }
    }
}

/// The longest gap without an acknowledged write while no fault was in force, in milliseconds.
#[must_use]
pub fn calm_gap_ms(faults: &[Injected], measured: &Measured, from: u64, to: u64) -> f64 {
    let mut calm_from = from;
    let mut longest = 0;
    for fault in faults {
        if fault.begin > calm_from {
            longest = longest.max(measured.gap_within(calm_from, fault.begin));
        }
        calm_from = calm_from.max(fault.end + AFTERMATH);
    }
    if to > calm_from {
        longest = longest.max(measured.gap_within(calm_from, to));
    }
    seconds(longest) * 1000.0
}

impl From<&Traffic> for TrafficTable {
    fn from(traffic: &Traffic) -> TrafficTable {
        TrafficTable {
            commits: traffic.commits,
            kinds: traffic.kinds.clone(),
            rpcs: traffic.rpcs(),
            frames: traffic.frames(),
            encoded_bytes: traffic.bytes(),
            wire_bytes: traffic.wire_bytes,
            datagrams: traffic.datagrams,
            syncs: traffic.syncs,
            elections_won: traffic.elections_won,
            alarms: traffic.alarms,
        }
    }
}

impl Report {
    /// The page: at most 100 columns where names are not unusually long.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::new();
        // Writing into a string does not fail.
        let _ = self.write_conditions(&mut page);
        let _ = self.write_operations(&mut page);
        let _ = self.write_faults(&mut page);
        let _ = self.write_traffic(&mut page);
        let _ = self.write_verdict(&mut page);
        page
    }

    fn write_conditions(&self, page: &mut String) -> std::fmt::Result {
        let Conditions { durability, tls, client, machine, commit } = &self.conditions;
        let Load { nodes, clients, keys, value_bytes, aimed_rate, seconds, seed } = &self.load;
        writeln!(
            page,
            "replicated register, {nodes} nodes: {seconds:.1} s of load under faults, seed {seed}"
        )?;
        writeln!(page)?;
        writeln!(page, "durability   {durability}")?;
        writeln!(page, "network      {tls}; {client}")?;
        writeln!(page, "load         {clients} clients on {keys} keys, values of {value_bytes} B,")?;
        writeln!(page, "             aiming at {aimed_rate} operations/s in all, each client one at a time")?;
        writeln!(page, "machine      {machine}")?;
        writeln!(page, "commit       {commit} (checked out where this was run)")
    }

    fn write_operations(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page)?;
        writeln!(
            page,
            "operations        ok  not swapped  not applied  unknown    p50 ms   p90 ms   p99 ms   max ms"
        )?;
        for row in &self.operations {
            let OperationRow { kind, ok, not_swapped, not_applied, unknown, .. } = row;
            let swaps = if *kind == Kind::Cas.name() { not_swapped.to_string() } else { String::new() };
            write!(page, "{kind:<10}  {ok:>8}  {swaps:>11}  {not_applied:>11}  {unknown:>7}  ")?;
            for latency in [row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms] {
                write!(page, "{:>8} ", latency.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}")))?;
            }
            page.truncate(page.trim_end().len());
            writeln!(page)?;
        }
        writeln!(page, "{:.0} answered per second", self.throughput)
    }

    fn write_faults(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page)?;
        writeln!(page, "faults at s   for s  longest gap without an acknowledged write")?;
        for FaultRow { at_s, for_s, what, evidence, unavailable_ms } in &self.faults {
            write!(page, "    {at_s:>7.1}  {for_s:>6.1}  {unavailable_ms:>6.0} ms   {what}: ")?;
            writeln!(page, "{}", evidence.join(", "))?;
        }
        writeln!(page, "{:19}  {:>6.0} ms   outside of faults", "", self.calm_gap_ms)
    }

    fn write_traffic(&self, page: &mut String) -> std::fmt::Result {
        let traffic = &self.traffic;
        let per = |n: u64| if traffic.commits == 0 { 0.0 } else { ratio(n, traffic.commits) };
        writeln!(page)?;
        writeln!(
            page,
            "between nodes             messages  per commit         bytes  per commit   ({} entries committed)",
            traffic.commits
        )?;
        let mut row = |name: &str, frames: u64, bytes: u64| {
            let (frames_per, bytes_per) = (per(frames), per(bytes));
            writeln!(page, "{name:<22}  {frames:>10}  {frames_per:>10.2}  {bytes:>12}  {bytes_per:>10.1}")
        };
        for kind in traffic.kinds.iter().filter(|kind| kind.frames > 0) {
            row(&kind.kind, kind.frames, kind.bytes)?;
        }
        row("all, as encoded", traffic.frames, traffic.encoded_bytes)?;
        row("datagrams on the wire", traffic.datagrams, traffic.wire_bytes)?;
        writeln!(
            page,
            "{} RPCs ({:.2} per commit), {} log syncs on all nodes, {} elections won, {} alarms",
            traffic.rpcs,
            per(traffic.rpcs),
            traffic.syncs,
            traffic.elections_won,
            traffic.alarms
        )
    }

    fn write_verdict(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page)?;
        writeln!(page, "read back    {}", self.read_back)?;
        writeln!(page, "history      {}", self.history)?;
        writeln!(page, "checker      {}", self.checker.gist.replace('\n', "\n             "))?;
        writeln!(page)?;
        writeln!(page, "verdict: {}", self.verdict)
    }
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(n: u64, d: u64) -> f64 {
    n as f64 / d as f64
}

/// A made-up run.
#[cfg(test)]
pub(crate) fn sample() -> Report {
    use crate::measure::Ending;
    const MS: u64 = 1_000_000;
    let mut measured = Measured::default();
    for n in 1..=100 {
        measured.note(Kind::Put, Ending::Done, n * 10 * MS, (n * 10 + 3) * MS);
    }
    measured.note(Kind::Cas, Ending::NotSwapped, 0, 2 * MS);
    let fault = Injected {
        what: "kill n1 (leader)".to_owned(),
        begin: 200 * MS,
        end: 300 * MS,
        back: 380 * MS,
        evidence: vec!["exited by signal 9".to_owned(), "caught up in 80 ms".to_owned()],
    };
    let kind = |name: &str, frames| KindTraffic {
        kind: name.to_owned(),
        request: true,
        frames,
        bytes: frames * 300,
    };
    let traffic = Traffic {
        commits: 100,
        kinds: vec![kind("AppendEntries", 210), kind("PreVote", 0)],
        wire_bytes: 100_000,
        datagrams: 500,
        ..Traffic::default()
    };
    Report {
        conditions: Conditions::here(),
        load: Load {
            nodes: 3,
            clients: 8,
            keys: 5,
            value_bytes: 256,
            aimed_rate: 400,
            seconds: 1.0,
            seed: 7,
        },
        operations: OperationRow::all(&measured),
        throughput: 100.0,
        faults: vec![FaultRow::new(&fault, &measured)],
        calm_gap_ms: calm_gap_ms(&[fault], &measured, 0, 1500 * MS),
        traffic: TrafficTable::from(&traffic),
        read_back: "all 5 keys".to_owned(),
        verdict: "linearizable".to_owned(),
        checker: Checked { gist: "101 operations".to_owned(), in_full: String::new() },
        history: "history.jsonl".to_owned(),
        acknowledged_per_100_ms: measured.acknowledged_per(100 * MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_fits_100_columns_and_ends_with_the_verdict() {
        let page = sample().page();
        let facts = page.lines().filter(|line| !line.starts_with("machine"));
        for line in facts {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(page.ends_with("\nverdict: linearizable\n"), "{page}");
        assert!(page.contains("fsync") && page.contains("mutual TLS") && page.contains("same machine"));
        // The last write was at 1003 ms, the aftermath ends at 1300 ms.
        assert!(page.contains("297 ms   kill n1 (leader): exited by signal 9, caught up in 80 ms"), "{page}");
        assert!(
            page.contains("AppendEntries                  210        2.10         63000       630.0"),
            "{page}"
        );
        assert!(!page.contains("PreVote"), "kinds that nobody sent are left out");
    }

    #[test]
    fn the_aftermath_of_a_fault_is_not_calm() {
        // From 300 ms to 1300 ms is aftermath; what follows has no write at all.
        let report = sample();
        assert!((report.calm_gap_ms - 200.0).abs() < 1e-9, "{}", report.calm_gap_ms);
    }

    #[test]
    fn the_json_has_what_the_page_has() {
        let json = serde_json::to_value(sample()).unwrap();
        assert_eq!(json["operations"][1]["kind"], "put");
        assert_eq!(json["operations"][1]["ok"], 100);
        assert_eq!(json["verdict"], "linearizable");
    }
}
