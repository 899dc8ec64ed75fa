//! What is done at which level.

use std::num::NonZeroU32;
use std::time::Duration;

use register::load::LoadArgs;

use crate::suite::context::Level;

/// A cluster, and what is done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// How many nodes.
    pub nodes: u64,
    /// One after the other.
    pub loads: Vec<Load>,
    /// How often, each time with a fresh cluster.
    pub rounds: u32,
    /// Whether others do it too.
    pub compared: bool,
}

/// A load, and what its row is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// `put`, `get`, and what the curves are called.
    pub what: &'static str,
    /// Operations of the loads before it on the same cluster, where those are counted.
    pub before: u64,
    /// The rest.
    pub args: LoadArgs,
}

/// Puts by the number of clients.
pub const PUT: &str = "put";
/// Linearizable gets by the number of clients.
pub const GET: &str = "get";
/// Puts that begin when their time has come.
pub const PUT_AT_RATE: &str = "put at a rate";
/// Puts by the size of the value.
pub const PUT_BY_PAYLOAD: &str = "put by payload";
/// Puts by the number of keys.
pub const PUT_BY_KEYS: &str = "put by keys";
/// Puts by the number of nodes.
pub const PUT_BY_NODES: &str = "put by nodes";
/// Puts by how many the cluster has taken, these included: the log grows, is compacted, and grows.
pub const PUT_BY_LOG: &str = "put by log";
/// What is resident after many puts.
pub const MEMORY: &str = "memory";

/// Keys hold no more than so many bytes of values together: three nodes keep them in memory, on one machine.
const MOST_BYTES: u64 = 64 << 20;
/// So that a load of so many operations ends even where they take long.
const LONGEST: Duration = Duration::from_secs(600);

impl Load {
    /// For a progress line.
    #[must_use]
    pub fn in_words(&self) -> String {
        let LoadArgs { clients, value_bytes, keys, rate, operations, .. } = &self.args;
        let mut words = format!("{}, {clients} clients, {value_bytes} B, {keys} keys", self.what);
        if let Some(rate) = rate {
            words += &format!(", {rate} /s");
        }
        if let Some(operations) = operations {
            words += &format!(", {operations} in all");
        }
        words
    }
}

/// Puts after which a node's memory is measured.
const PUTS: u64 = 1_000_000;

/// All of them, in order.
#[must_use]
pub fn settings(level: Level) -> Vec<Setting> {
    let load = |what, args: LoadArgs| Load { what, before: 0, args };
    let warm_up = Duration::from_millis(level.pick(500, 1000, 2000));
    let args = |clients| LoadArgs { clients, warm_up, seconds: level.window(), ..LoadArgs::default() };
    let setting = |loads, rounds| Setting { nodes: 3, loads, rounds, compared: true };
    let alone = |load| Setting { compared: false, ..setting(vec![load], level.pick(1, 2, level.rounds())) };

    let mut all = Vec::new();
    let clients: &[u32] = level.pick(&[1, 64, 256, 1000], &[1, 64, 256, 1000], &[1, 64, 256, 1000, 4096]);
    for clients in clients {
        let (put, get) = (args(*clients), LoadArgs { reads: 100, ..args(*clients) });
        all.push(setting(vec![load(PUT, put), load(GET, get)], level.rounds()));
    }
    let rates: &[u32] = level.pick(&[5_000], &[1_000, 5_000, 20_000], &[1_000, 5_000, 20_000, 50_000]);
    for rate in rates {
        // As many may be under way as come in a second, and some more.
        let args = LoadArgs { rate: NonZeroU32::new(*rate), ..args(rate + 1000) };
        all.push(setting(vec![load(PUT_AT_RATE, args)], level.pick(1, 2, level.rounds())));
    }
    let payloads: &[u32] = level.pick(
        &[16, 1 << 12, 1 << 16, 1 << 20],
        &[16, 256, 1 << 12, 1 << 14, 1 << 16, 1 << 20],
        &[16, 64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20],
    );
    for payload in payloads {
        let keys = (MOST_BYTES / u64::from(*payload)).min(10_000);
        let value_bytes = usize::try_from(*payload).unwrap_or(usize::MAX);
        all.push(alone(load(PUT_BY_PAYLOAD, LoadArgs { keys, value_bytes, ..args(64) })));
    }
    let keys: &[u64] =
        level.pick(&[1, 1_000_000], &[1, 10_000, 1_000_000], &[1, 100, 10_000, 100_000, 1_000_000]);
    for keys in keys {
        all.push(alone(load(PUT_BY_KEYS, LoadArgs { keys: *keys, ..args(256) })));
    }
    for nodes in level.pick(&[1, 5][..], &[1, 3, 5], &[1, 3, 5, 7]) {
        all.push(Setting { nodes: *nodes, ..alone(load(PUT_BY_NODES, args(256))) });
    }
    let many = |operations| LoadArgs {
        operations: Some(operations),
        warm_up: Duration::ZERO,
        seconds: LONGEST,
        ..args(256)
    };
    let entries: &[u64] = level.pick(
        &[150_000, 300_000, 600_000],
        &[1_000_000, 2_000_000, 4_000_000],
        &[1_000_000, 3_000_000, 10_000_000, 20_000_000],
    );
    let befores = std::iter::once(&0).chain(entries);
    let by_log = befores
        .zip(entries)
        .map(|(before, end)| Load { before: *before, ..load(PUT_BY_LOG, many(end - before)) });
    all.push(Setting { compared: false, ..setting(by_log.collect(), 1) });
    // A peer would take minutes.
    let compared = level.pick(false, true, true);
    all.push(Setting { compared, ..setting(vec![load(MEMORY, many(PUTS))], level.pick(1, 1, 3)) });
    all
}

/// What may be measured.
#[must_use]
pub fn names() -> Vec<&'static str> {
    settings(Level::Quick).iter().flat_map(|setting| &setting.loads).map(|load| load.what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_aims_ask_for_is_measured_at_every_level() {
        for level in [Level::Quick, Level::Normal, Level::Full] {
            let all = settings(level);
            for what in [PUT, GET] {
                for clients in [1, 256, 1000] {
                    let compared = all.iter().filter(|setting| setting.compared && setting.nodes == 3);
                    let mut loads = compared.flat_map(|setting| &setting.loads);
                    assert!(loads.any(|load| load.what == what && load.args.clients == clients), "{what}");
                }
            }
            assert!(all.iter().any(|setting| setting.loads[0].what == MEMORY));
        }
    }

    #[test]
    fn values_fit_into_memory() {
        for load in settings(Level::Full).iter().flat_map(|setting| &setting.loads) {
            let bytes = load.args.keys * u64::try_from(load.args.value_bytes).unwrap();
            assert!(bytes <= 256 << 20, "{load:?}");
        }
    }
}
