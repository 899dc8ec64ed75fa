//! The options that every load program has.

use std::time::Duration;

/// What to do to a service, and for how long.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct LoadArgs {
    /// Operations under way at the same time: exactly so many in a closed loop, at most in an open one
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Connections that the clients share, each with a session of its own; never more than clients
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// How many of 100 operations are linearizable reads; the others are puts
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    pub reads: u32,
    /// Keys, each as likely as any other. If any are to be read, all are put once before the warming up
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 256)]
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
        let args = parse(&[]).unwrap();
        assert_eq!((args.clients, args.connections(), args.keys, args.value_bytes), (64, 4, 10_000, 256));
        assert_eq!((args.rate, args.operations, args.reads), (None, None, 0));
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
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }
}
