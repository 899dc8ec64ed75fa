//! `bench`: a cluster that runs, under load.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::session::{connect, not_done, with_access};
use super::{Ended, Global, Output, output, status};
use crate::load::{self, Ending, KEY_PREFIX, LoadArgs, Measured, Target};
use crate::outcome::{MAX_VALUE, WriteError};
use crate::service::client::{Client, ClientConfig};
use crate::service::exit::Exit;
use crate::status::NodeStatus;

pub(super) fn bench(global: &Global, args: &LoadArgs) -> Result<Exit, Ended> {
    if args.value_bytes > MAX_VALUE {
        let why = format!("--value-bytes: {} is more than a value may have, {MAX_VALUE}", args.value_bytes);
        return Err(Ended::new(Exit::Usage, why));
    }
    let measured = with_access(global, |access| run(global, args, access))?;
    if measured.done > 0 {
        return Ok(Exit::Done);
    }
    let Measured { not_applied, unknown, unfinished, .. } = measured;
    let exit = if unknown > 0 { Exit::Unknown } else { Exit::Unavailable };
    let why = format!(
        "nothing was answered: {not_applied} operations not applied, {unknown} unknown, {unfinished} under way at the end"
    );
    Err(Ended::new(exit, why))
}

async fn run(global: &Global, args: &LoadArgs, access: ClientConfig) -> Result<Measured, Ended> {
    let mut sessions = Vec::new();
    for _ in 0..args.connections() {
        let client = connect(access.clone()).await?;
        // What is wrong with all operations is told of the first, and in its own words.
        let tried = client.get(KEY_PREFIX, global.timeout).await;
        tried.map_err(|error| not_done(&client, error.into()))?;
        sessions.push(Session { client, timeout: global.timeout });
    }
    match global.output {
        Output::Json => {
            let subject = concat!("raft-register ", env!("CARGO_PKG_VERSION"));
            load::run_and_tell(subject, &sessions, args).await.map_err(|error| Ended::new(Exit::Error, error))
        }
        Output::Table => {
            let observer = connect(access).await?;
            output::line(&intention(args));
            let before = statuses(&observer, global).await;
            let measured = load::run(&sessions, args, || output::line("warmed up")).await;
            table(args, &measured);
            output::line(&cluster(&before, &statuses(&observer, global).await));
            Ok(measured)
        }
    }
}

/// One of the clients that the load shares.
#[derive(Clone, Debug)]
struct Session {
    client: Client,
    timeout: Duration,
}

impl Target for Session {
    async fn put(&self, key: Bytes, value: Bytes) -> Ending {
        match self.client.put(key, value, self.timeout).await {
            Ok(_) => Ending::Done,
            Err(WriteError::NotApplied(_)) => Ending::NotApplied,
            Err(WriteError::Unknown(_)) => Ending::Unknown,
        }
    }

    async fn get(&self, key: Bytes) -> Ending {
        // A read changes nothing, so one without an answer has certainly had no effect.
        self.client.get(key, self.timeout).await.map_or(Ending::NotApplied, |_| Ending::Done)
    }
}

/// By node: those that answer.
async fn statuses(client: &Client, global: &Global) -> BTreeMap<u64, NodeStatus> {
    let rows = status::all(client, global).await.unwrap_or_default();
    rows.into_iter().filter_map(|(_, row)| row.ok()).map(|status| (status.node, status)).collect()
}

fn intention(args: &LoadArgs) -> String {
    let what = match args.reads {
        0 => format!("puts of {} B", args.value_bytes),
        100 => format!("linearizable gets of {} B", args.value_bytes),
        reads => format!("{reads} % linearizable gets, the others puts of {} B", args.value_bytes),
    };
    let how = match args.rate {
        None => format!("{} clients, each with one operation under way (closed loop)", args.clients),
        Some(rate) => format!("{rate} begin per second, {} at most under way (open loop)", args.clients),
    };
    let keys = format!("keys {KEY_PREFIX}0 to {KEY_PREFIX}{}", args.keys - 1);
    format!("{what}; {keys}; {how}; {} connections", args.connections())
}

fn table(args: &LoadArgs, measured: &Measured) {
    let seconds = Duration::from_nanos(measured.nanos).as_secs_f64();
    output::line(&format!("{:<10} {:.0} /s in {seconds:.1} s", "rate", measured.rate()));
    let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
    let latencies = quantiles.iter().filter_map(|(name, share)| {
        Some(format!("{name} {:.3} ms", measured.quantile(*share)?.as_secs_f64() * 1000.0))
    });
    output::line(&format!("{:<10} {}", "latency", latencies.collect::<Vec<_>>().join("  ")));
    let Measured { done, not_applied, unknown, unfinished, late, .. } = measured;
    let mut outcomes = format!("{done} done, {not_applied} not applied, {unknown} unknown");
    if args.rate.is_some() {
        outcomes += &format!("; {late} began late, {unfinished} were due and not answered at the end");
    }
    output::line(&format!("{:<10} {outcomes}", "outcomes"));
    let series: Vec<String> = measured.whole_seconds().iter().map(ToString::to_string).collect();
    output::line(&format!("{:<10} {}", "by second", series.join(" ")));
    if let Some(each) = measured.cpu_nanos.checked_div(*done) {
        let micros = Duration::from_nanos(each).as_secs_f64() * 1e6;
        output::line(&format!("{:<10} {micros:.1} µs of processor time per operation", "client"));
    }
}

/// What the nodes counted meanwhile, warming up included. A node that was not asked both times, or was started anew,
/// is left out.
fn cluster(before: &BTreeMap<u64, NodeStatus>, after: &BTreeMap<u64, NodeStatus>) -> String {
    let pairs: Vec<(&NodeStatus, &NodeStatus)> = after
        .iter()
        .filter_map(|(node, now)| Some((before.get(node)?, now)))
        .filter(|(then, now)| then.boot == now.boot)
        .collect();
    let highest =
        |all: &BTreeMap<u64, NodeStatus>| all.values().map(|status| status.commit_index).max().unwrap_or(0);
    let commits = highest(after).saturating_sub(highest(before));
    let counted = |count: fn(&NodeStatus) -> u64| -> u64 {
        pairs.iter().map(|(then, now)| count(now).saturating_sub(count(then))).sum()
    };
    #[allow(clippy::cast_precision_loss, reason = "for people, to two or three digits")]
    let per_commit = |count| counted(count) as f64 / commits.max(1) as f64;
    let newest = after.values().max_by_key(|status| status.term);
    let leader = newest.and_then(|status| status.leader).map_or("none".into(), |leader| leader.to_string());
    let mut text = format!(
        "{:<10} leader {leader}; {} requests refused; {commits} commits",
        "cluster",
        counted(|status| status.counters.refused)
    );
    if commits > 0 {
        text += &format!(
            ", each {:.3} RPCs, {:.0} bytes between nodes, {:.3} syncs",
            per_commit(NodeStatus::rpcs_sent),
            per_commit(|status| status.peer_port.bytes_sent),
            per_commit(|status| status.counters.syncs),
        );
    }
    if pairs.len() < after.len().max(before.len()) {
        text += "; not every node answered both times";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Counters, PortTraffic};

    fn status(node: u64, boot: &str, commit_index: u64, bytes_sent: u64, syncs: u64) -> (u64, NodeStatus) {
        let counters = Counters { syncs, ..Counters::default() };
        let peer_port = PortTraffic { bytes_sent, ..PortTraffic::default() };
        let boot = boot.into();
        (node, NodeStatus { node, boot, commit_index, counters, peer_port, ..NodeStatus::default() })
    }

    #[test]
    fn counts_are_per_commit_and_of_nodes_that_stayed() {
        let before = BTreeMap::from([status(1, "a", 100, 1000, 10), status(2, "b", 100, 0, 10)]);
        let after = BTreeMap::from([status(1, "a", 300, 5000, 60), status(2, "c", 300, 77, 77)]);
        let text = cluster(&before, &after);
        assert!(text.contains("200 commits, each 0.000 RPCs, 20 bytes between nodes, 0.250 syncs"), "{text}");
        assert!(text.contains("not every node"), "{text}");
        assert!(cluster(&before, &before).contains("0 commits"));
    }
}
