//! The options that every load program has.

use std::time::Duration;

use crate::outcome::MAX_VALUE;

/// Each of them takes memory before anything is measured.
const MAX_CLIENTS: i64 = 100_000;
/// Each has a socket.
const MAX_CONNECTIONS: i64 = 1_000;

/// What to do to a service, and for how long.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct LoadArgs {
    /// Operations under way at the same time: exactly so many in a closed loop, at most in an open one
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=MAX_CLIENTS))]
    pub clients: u32,
    /// Connections that the clients share, each with a session of its own; never more than clients
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=MAX_CONNECTIONS))]
    pub connections: u32,
    /// How many of 100 operations are linearizable reads; the others are puts
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    pub reads: u32,
    /// Keys, each as likely as any other. If any are to be read, all are put once before the warming up
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 256, value_parser = value_bytes)]
    pub value_bytes: usize,
    /// Seconds that are not measured, before those that are
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub warm_up: Duration,
    /// Seconds that are measured
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
    /// Open loop: so many operations per second begin, evenly, whether earlier ones are answered or not
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<std::num::NonZeroU32>,
    /// Ends before its time when so many operations were begun, warming up included
    #[arg(long)]
    pub operations: Option<u64>,
    /// Repeats the same choices of keys
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl LoadArgs {
    /// How many connections to make.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.min(self.clients)
    }

    /// As a load program is given them.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        add("clients", self.clients.to_string());
        add("connections", self.connections.to_string());
        add("reads", self.reads.to_string());
        add("keys", self.keys.to_string());
        add("value-bytes", self.value_bytes.to_string());
        add("warm-up", self.warm_up.as_secs_f64().to_string());
        add("seconds", self.seconds.as_secs_f64().to_string());
        if let Some(rate) = self.rate {
            add("rate", rate.to_string());
        }
        if let Some(operations) = self.operations {
            add("operations", operations.to_string());
        }
        add("seed", self.seed.to_string());
        arguments
    }
}

/// What is usual, as on the command line.
impl Default for LoadArgs {
    fn default() -> LoadArgs {
        LoadArgs {
            clients: 64,
            connections: 4,
            reads: 0,
            keys: 10_000,
            value_bytes: 256,
            warm_up: Duration::from_secs(1),
            seconds: Duration::from_secs(5),
            rate: None,
            operations: None,
            seed: 0,
        }
    }
}

fn value_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().map_err(|_| format!("{text:?} is not a number of bytes"))?;
    if bytes > MAX_VALUE { Err(format!("a value has at most {MAX_VALUE} bytes")) } else { Ok(bytes) }
}

/// A number of seconds, perhaps with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|error| format!("{text:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn parse(args: &[&str]) -> Result<LoadArgs, clap::Error> {
        Program::try_parse_from([&["load"], args].concat()).map(|program| program.load)
    }

    #[test]
    fn what_is_not_said_is_usual() {
        assert_eq!(parse(&[]).unwrap(), LoadArgs::default());
    }

    #[test]
    fn what_is_told_to_a_program_is_what_it_reads() {
        let args = LoadArgs {
            clients: 7,
            connections: 3,
            reads: 50,
            keys: 11,
            value_bytes: 16,
            warm_up: Duration::from_millis(125),
            seconds: Duration::from_millis(2500),
            rate: std::num::NonZeroU32::new(900),
            operations: Some(1_000_000),
            seed: 5,
        };
        let told = args.to_arguments();
        assert_eq!(parse(&told.iter().map(String::as_str).collect::<Vec<_>>()).unwrap(), args);
    }

    #[test]
    fn there_are_no_more_connections_than_clients() {
        assert_eq!(parse(&["--clients", "1"]).unwrap().connections(), 1);
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(parse(&["--seconds", "0.25"]).unwrap().seconds, Duration::from_millis(250));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for args in [
            ["--clients", "0"],
            ["--connections", "0"],
            ["--reads", "101"],
            ["--keys", "0"],
            ["--seconds", "-1"],
            ["--seconds", "inf"],
            ["--rate", "0"],
            ["--clients", "100001"],
            ["--connections", "1001"],
            ["--value-bytes", "99999999999"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }
}
