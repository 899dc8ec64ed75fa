//! The clients against a server that is honest, and against one that lies: what is accepted, what is
//! refused, and in which words.

use std::time::Duration;

use bytes::Bytes;
use raft::{LogIndex, StateMachine};

use crate::sim::clients::load::Load;
use crate::sim::clients::plain_client::PlainClient;
use crate::sim::clients::register_workload::RegisterWorkload;
use crate::sim::clients::transcript::{Operation, Transcript};
use crate::sim::clients::workload::{Summary, Workload};
use crate::sim::random::{Random, Stream};
use crate::sim::testing::{Lie, Tiny};

fn busy() -> RegisterWorkload {
    let load = Load {
        deletes: 1,
        in_flight: 4,
        burst_ppm: 50_000,
        large_ppm: 5_000,
        oversized_ppm: 5_000,
        abandon_ppm: 20_000,
        attempt_timeout: Duration::from_millis(100),
        ..Load::default()
    };
    RegisterWorkload { load }
}

fn run(lie: Lie, seed: u64) -> Result<Summary, String> {
    Tiny::new(busy(), 4, lie, seed).run(Duration::from_secs(10))
}

/// How many of the seeds are refused with one of these words.
fn refused(lie: Lie, words: &[&str]) -> usize {
    let refused = (0..10).filter_map(|seed| run(lie, seed).err());
    let refused: Vec<String> = refused.inspect(|why| println!("{why}\n")).collect();
    let other = refused.iter().find(|why| !words.iter().any(|word| why.contains(word)));
    assert_eq!(other, None, "refused for another reason");
    refused.len()
}

#[test]
fn an_honest_server_is_accepted() {
    for seed in 0..20 {
        let summary = run(Lie::Never, seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        println!("{summary:?}");
        assert!(summary.done > 500 && summary.unknown > 0 && summary.not_applied > 0, "{summary:?}");
    }
}

#[test]
fn every_drawn_load_ends_and_is_accepted() {
    for seed in 0..60 {
        let load = Load::drawn(Random::new(seed));
        let workload = RegisterWorkload { load: load.clone() };
        let summary = Tiny::new(workload, 3, Lie::Never, seed).run(Duration::from_secs(3));
        let summary = summary.unwrap_or_else(|why| panic!("seed {seed}, {load:?}: {why}"));
        assert!(summary.done > 10, "seed {seed}, {load:?}: {summary:?}");
    }
}

#[test]
fn a_stale_read_is_refused() {
    assert!(refused(Lie::StaleRead, &["had been told before it began", "NOT linearizable"]) >= 9);
}

#[test]
fn a_lost_write_is_refused() {
    assert!(refused(Lie::LostWrite, &["had been told before it began", "NOT linearizable"]) >= 9);
}

#[test]
fn a_command_that_takes_effect_twice_is_refused() {
    assert!(refused(Lie::DoubleApply, &["took effect twice", "NOT linearizable"]) >= 9);
}

#[test]
fn a_write_that_is_refused_and_seen_is_refused() {
    assert!(refused(Lie::RefusedWrite, &["was told that it was not applied", "NOT linearizable"]) >= 9);
}

#[test]
fn a_value_that_nobody_wrote_is_refused() {
    let words = ["that nobody wrote", "which nobody wrote", "was answered", "had been told before it began"];
    assert!(refused(Lie::WrongByte, &words) >= 9);
}

#[test]
fn the_same_seed_gives_the_same_actions() {
    let trace = |seed| {
        let mut tiny = Tiny::new(busy(), 4, Lie::Never, seed);
        tiny.run(Duration::from_secs(3)).expect("accepted");
        tiny.trace
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

/// Counts commands; each answer is the new count.
#[derive(Clone, Default)]
struct Counter(u64);

impl StateMachine for Counter {
    type Snapshot = Bytes;

    fn apply(&mut self, _: LogIndex, _: &Bytes) -> Bytes {
        self.0 += 1;
        self.query(&Bytes::new())
    }

    fn query(&self, _: &Bytes) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_le_bytes())
    }

    fn snapshot(&self) -> Bytes {
        self.query(&Bytes::new())
    }

    fn restore(source: &mut dyn std::io::Read) -> std::io::Result<Counter> {
        let mut count = [0; 8];
        source.read_exact(&mut count)?;
        Ok(Counter(u64::from_le_bytes(count)))
    }
}

#[derive(Clone)]
struct Counting;

impl Workload for Counting {
    type Machine = Counter;
    type Record = Transcript;
    type Client = PlainClient;

    fn machine(&self) -> Counter {
        Counter::default()
    }

    fn client(&self, number: usize, nodes: usize, random: Random) -> PlainClient {
        const ASK: Stream = Stream::named("counting.ask");
        let asks = |random: Random, client, turn| match random.chance(ASK, client, turn, 500_000) {
            true => Operation::Write(Bytes::from_static(b"+")),
            false => Operation::Read(Bytes::new()),
        };
        PlainClient::new(number, nodes, random, asks).reading_back(Bytes::new())
    }

    fn judge(&self, said: &Transcript) -> Result<Summary, String> {
        let mut counts = std::collections::BTreeSet::new();
        let adds = said.told().iter().filter(|told| matches!(told.operation, Operation::Write(_)));
        let (mut asked, mut greatest) = (0, 0);
        for told in adds {
            asked += 1;
            if let Some(count) = told.answer()
                && !counts.insert(count.clone())
            {
                return Err(format!("client {} counted {count:?}, as another did", told.client));
            }
        }
        for answer in said.told().iter().filter_map(|told| told.answer()) {
            greatest = greatest.max(answer.first_chunk().map_or(0, |count| u64::from_le_bytes(*count)));
        }
        if greatest > asked {
            return Err(format!("{asked} times one is {greatest}"));
        }
        Ok(said.summary())
    }
}

#[test]
fn a_state_machine_of_ones_own_is_judged_by_ones_own_rule() {
    let run = |lie, seed| Tiny::new(Counting, 4, lie, seed).run(Duration::from_secs(10));
    for seed in 0..10 {
        let summary = run(Lie::Never, seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        println!("{summary:?}");
        assert!(summary.done > 300, "{summary:?}");
    }
    let refused = |lie| (0..10).filter(|seed| run(lie, *seed).is_err()).count();
    assert!(refused(Lie::LostWrite) >= 9);
    assert!(refused(Lie::DoubleApply) >= 9);
}
