//! The arguments of a lab test target. A handful, read by hand: the targets are run by `cargo test`,
//! which adds arguments of its own.

/// What the arguments may be.
pub const USAGE: &str = "\
usage: [--part 4a|4b] [--repeat N] [--jobs J] [--seed S] [--compare] [--verbose] [--list] [NAME...]
       --sim [--seeds N] [--jobs J] [--seed S] [--compare] [--verbose] [--lines] [--json FILE] [NAME...]
  NAME       run the tests whose names contain it (any of several)
  --part     only the tests of this part
  --sim      on virtual time, where a seed decides everything
  --seeds    so many seeds of each, from --seed on (or from 0)
  --lines    print what happens on virtual time, event by event
  --json     write to this file what the seeds came to
  --repeat   run each so many times and print medians
  --jobs     run so many at once
  --seed     repeat a run: tests draw from this (the runtime's own timing still differs)
  --compare  print medians beside the reference
  --verbose  print how near each limit came";

use std::path::PathBuf;

use crate::suite::{Part, Test};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Parts of names; all tests if empty.
    pub names: Vec<String>,
    /// Only the tests of this part, if given.
    pub part: Option<Part>,
    /// On virtual time.
    pub sim: bool,
    /// Seeds of each test on virtual time.
    pub seeds: u64,
    /// Print every event on virtual time.
    pub lines: bool,
    /// Where the result on virtual time is written.
    pub json: Option<PathBuf>,
    /// Runs of each test.
    pub repeat: u64,
    /// Tests at once, if given.
    pub jobs: Option<usize>,
    /// The first run's seed, if given.
    pub seed: Option<u64>,
    /// Print medians beside the reference.
    pub compare: bool,
    /// Print margins.
    pub verbose: bool,
    /// Only list the tests.
    pub list: bool,
}

impl Options {
    /// Reads the arguments that follow the program's name.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            names: Vec::new(),
            part: None,
            sim: false,
            seeds: 1,
            lines: false,
            json: None,
            repeat: 1,
            jobs: None,
            seed: None,
            compare: false,
            verbose: false,
            list: false,
        };
        while let Some(argument) = arguments.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let mut value = |what| {
                inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name} wants {what}"))
            };
            let mut number = || {
                let value = value("a number")?;
                value.parse::<u64>().map_err(|_| format!("{name} wants a number, not {value:?}"))
            };
            match name {
                "--part" => options.part = Some(part(&value("4a or 4b")?)?),
                "--sim" => options.sim = true,
                "--seeds" => options.seeds = number()?.max(1),
                "--lines" => options.lines = true,
                "--json" => options.json = Some(value("a file")?.into()),
                "--repeat" => options.repeat = number()?.max(1),
                "--jobs" | "--test-threads" => options.jobs = Some(jobs(number()?)),
                "--seed" => options.seed = Some(number()?),
                "--compare" => options.compare = true,
                "--verbose" => options.verbose = true,
                "--list" => options.list = true,
                // What cargo and its users pass to any test target.
                "--nocapture" | "--no-capture" | "--quiet" | "-q" | "--exact" => {}
                _ if name.starts_with('-') => return Err(format!("unknown argument {argument}")),
                _ => options.names.push(argument),
            }
        }
        match options.sim {
            false if options.seeds > 1 => {
                Err("--seeds is for --sim; in real time there is --repeat".to_owned())
            }
            false if options.json.is_some() => Err("--json is for --sim".to_owned()),
            false if options.lines => Err("--lines is for --sim".to_owned()),
            true if options.repeat > 1 => {
                Err("--repeat is for real time; with --sim there is --seeds".to_owned())
            }
            _ => Ok(options),
        }
    }

    /// Whether a test is to run.
    #[must_use]
    pub fn selects(&self, test: &Test) -> bool {
        let named = self.names.is_empty() || self.names.iter().any(|name| test.name.contains(name.as_str()));
        named && self.part.is_none_or(|part| part == test.part)
    }
}

fn part(name: &str) -> Result<Part, String> {
    match name.to_ascii_lowercase().as_str() {
        "4a" => Ok(Part::A),
        "4b" => Ok(Part::B),
        _ => Err(format!("there is no part {name:?}")),
    }
}

fn jobs(number: u64) -> usize {
    usize::try_from(number).unwrap_or(1).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::TESTS;

    fn parse(arguments: &str) -> Result<Options, String> {
        Options::parse(arguments.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        let options = parse("--repeat 5 --jobs=3 --seed 9 --compare Figure churn --nocapture").unwrap();
        assert_eq!((options.repeat, options.jobs, options.seed), (5, Some(3), Some(9)));
        assert!(options.compare && !options.verbose);
        assert_eq!(selected(&options), ["Figure 8", "Figure 8 (unreliable)", "churn", "unreliable churn"]);
        assert_eq!(selected(&parse("").unwrap()).len(), 18);
        let options = parse("--sim --seeds 1000 --part 4a").unwrap();
        assert_eq!((options.sim, options.seeds), (true, 1000));
        assert_eq!(selected(&options), ["initial election", "election after network failure"]);
    }

    fn selected(options: &Options) -> Vec<&'static str> {
        TESTS.iter().filter(|test| options.selects(test)).map(|test| test.name).collect()
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse("--repeat many").unwrap_err(), "--repeat wants a number, not \"many\"");
        assert_eq!(parse("--seed").unwrap_err(), "--seed wants a number");
        assert_eq!(parse("--fast").unwrap_err(), "unknown argument --fast");
        assert_eq!(parse("--part 4c").unwrap_err(), "there is no part \"4c\"");
        assert!(parse("--seeds 5").is_err() && parse("--sim --repeat 5").is_err());
        assert!(parse("--json file").is_err() && parse("--sim --json file").is_ok());
    }
}
