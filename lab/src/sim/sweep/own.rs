//! Seeds for a state machine and clients of one's own.

use std::ops::Range;

use super::sweep;
use super::tally::Tally;
use crate::sim::clients::workload::Workload;
use crate::sim::plan::case::{keep_panics, run};
use crate::sim::plan::swarm::Plan;
use crate::sim::report::diagram;
use crate::sim::world::World;

/// Runs these seeds, each a cluster, its faults and clients of this kind, on so many threads. Answers what they came to,
/// and how the first that fails goes wrong: its last lines, drawn. A panic is a failure like any other.
pub fn try_seeds<W: Workload + Clone + Sync>(
    seeds: Range<u64>,
    jobs: usize,
    workload: &W,
) -> (Tally, Option<String>) {
    keep_panics();
    let world = |seed| World::new(Plan::drawn(seed), workload.clone());
    let (tally, _) = sweep(seeds, jobs, |_| false, |seed| run(&mut world(seed), World::run), |_| {});
    let first = tally.failures.keys().next().copied();
    let drawn = first.and_then(|seed| {
        let mut world = world(seed);
        world.keep_lines();
        let violation = run(&mut world, World::run).violation?;
        Some(diagram::draw(Plan::drawn(seed).nodes, world.lines(), &violation))
    });
    (tally, drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clients::plain_client::PlainClient;
    use crate::sim::clients::transcript::{Operation, Transcript};
    use crate::sim::clients::workload::Summary;
    use crate::sim::random::Random;
    use register::machine::Register;

    /// One whose judge is never content, or panics.
    #[derive(Clone)]
    struct Unjust {
        panics: bool,
    }

    impl Workload for Unjust {
        type Machine = Register;
        type Record = Transcript;
        type Client = PlainClient;

        fn machine(&self) -> Register {
            Register::new()
        }

        fn client(&self, number: usize, nodes: usize, random: Random) -> PlainClient {
            PlainClient::new(number, nodes, random, |_, _, _| Operation::Write(bytes::Bytes::new()))
        }

        fn judge(&self, _: &Transcript) -> Result<Summary, String> {
            assert!(!self.panics, "no mood for it");
            Err("guilty".to_owned())
        }
    }

    #[test]
    fn a_failure_names_its_seed_and_is_drawn_whether_it_is_said_or_panics() {
        for (panics, what) in [(false, "guilty"), (true, "no mood for it")] {
            let (tally, drawn) = try_seeds(4..5, 1, &Unjust { panics });
            assert_eq!(tally.failures.keys().copied().collect::<Vec<_>>(), [4]);
            assert!(drawn.is_some_and(|drawn| drawn.contains(what)), "{what}");
        }
    }
}
