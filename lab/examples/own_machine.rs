//! A state machine of your own under the simulator's faults: `cargo run --release -p lab --example own_machine`.

use std::io;
use std::process::ExitCode;

use bytes::Bytes;
use lab::sim::clients::plain_client::PlainClient;
use lab::sim::clients::transcript::{Operation, Told, Transcript};
use lab::sim::clients::workload::{Summary, Workload};
use lab::sim::random::Random;
use lab::sim::sweep::own::try_seeds;
use raft::{LogIndex, StateMachine};

/// Each command takes the next number; a query tells the last.
#[derive(Clone, Default)]
struct Numbers(u64);

impl StateMachine for Numbers {
    type Snapshot = Bytes;

    fn apply(&mut self, _: LogIndex, _: &Bytes) -> Bytes {
        self.0 += 1;
        self.snapshot()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        self.snapshot()
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_be_bytes())
    }

    fn restore(from: &mut dyn io::Read) -> io::Result<Numbers> {
        let mut number = [0; 8];
        from.read_exact(&mut number)?;
        Ok(Numbers(u64::from_be_bytes(number)))
    }
}

/// What its clients ask, and what must be true of what they were told.
#[derive(Clone)]
struct Taking;

impl Workload for Taking {
    type Machine = Numbers;
    type Record = Transcript;
    type Client = PlainClient;

    fn machine(&self) -> Numbers {
        Numbers::default()
    }

    fn client(&self, number: usize, nodes: usize, random: Random) -> PlainClient {
        PlainClient::new(number, nodes, random, |_, _, turn| match turn % 4 {
            0 => Operation::Read(Bytes::new()),
            _ => Operation::Write(Bytes::from_static(b"take")),
        })
    }

    /// No number is given twice, and none is told after a greater one was.
    fn judge(&self, said: &Transcript) -> Result<Summary, String> {
        let is_write = |told: &Told| matches!(told.operation, Operation::Write(_));
        let answered: Vec<&Told> = said.told().iter().filter(|told| told.answer().is_some()).collect();
        for (place, second) in answered.iter().enumerate() {
            for first in &answered[..place] {
                let (a, b) = (first.answer(), second.answer());
                if (is_write(first) && is_write(second) && a == b) || (first.is_before(second) && a > b) {
                    return Err(format!(
                        "{a:?} for client {}, then {b:?} for {}",
                        first.client, second.client
                    ));
                }
            }
        }
        Ok(said.summary())
    }
}

fn main() -> ExitCode {
    let (tally, first) = try_seeds(0..100, 2, &Taking);
    for (seed, failure) in &tally.failures {
        println!("seed {seed}: {}", failure.what);
    }
    println!("{}", first.unwrap_or_default());
    println!("{} operations in {} events, {} seeds failed", tally.done, tally.events, tally.failures.len());
    if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use lab::sim::clients::transcript::Outcome;

    use super::*;

    #[test]
    fn seeds_run_and_nothing_is_wrong() {
        let (tally, _) = try_seeds(0..5, 2, &Taking);
        assert!(tally.failures.is_empty() && tally.done > 500, "{tally}");
    }

    #[test]
    fn a_number_that_is_given_twice_is_found() {
        let said = |numbers: [u64; 2]| {
            let mut said = Transcript::default();
            for number in numbers {
                let place = said.begin(raft::Timestamp::default(), 1, Operation::Write(Bytes::new()));
                said.end(place, Outcome::Done(Numbers(number).snapshot()));
            }
            said
        };
        assert!(Taking.judge(&said([1, 2])).is_ok());
        assert!(Taking.judge(&said([1, 1])).is_err() && Taking.judge(&said([2, 1])).is_err());
    }
}
