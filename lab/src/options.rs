//! The arguments of a lab test target. A handful, read by hand: the targets are run by `cargo test`,
//! which adds arguments of its own.

/// What the arguments may be.
pub const USAGE: &str = "\
usage: [--repeat N] [--jobs J] [--seed S] [--compare] [--verbose] [--list] [NAME...]
  NAME       run the tests whose names contain it (any of several)
  --repeat   run each so many times and print medians
  --jobs     run so many at once
  --seed     repeat a run: tests draw from this (the runtime's own timing still differs)
  --compare  print medians beside the reference
  --verbose  print how near each limit came";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Parts of names; all tests if empty.
    pub names: Vec<String>,
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
            let mut number = || {
                let value = inline.clone().or_else(|| arguments.next());
                let value = value.ok_or_else(|| format!("{name} wants a number"))?;
                value.parse::<u64>().map_err(|_| format!("{name} wants a number, not {value:?}"))
            };
            match name {
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
        Ok(options)
    }

    /// Whether a test of this name is to run.
    #[must_use]
    pub fn selects(&self, test: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| test.contains(name.as_str()))
    }
}

fn jobs(number: u64) -> usize {
    usize::try_from(number).unwrap_or(1).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Options, String> {
        Options::parse(arguments.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        let options = parse("--repeat 5 --jobs=3 --seed 9 --compare Figure churn --nocapture").unwrap();
        assert_eq!((options.repeat, options.jobs, options.seed), (5, Some(3), Some(9)));
        assert!(options.compare && !options.verbose);
        assert!(options.selects("unreliable churn") && !options.selects("rejoin"));
        assert!(parse("").unwrap().selects("rejoin"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse("--repeat many").unwrap_err(), "--repeat wants a number, not \"many\"");
        assert_eq!(parse("--seed").unwrap_err(), "--seed wants a number");
        assert_eq!(parse("--fast").unwrap_err(), "unknown argument --fast");
    }
}
