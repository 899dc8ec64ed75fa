//! What `check` and `shrink` must be told to give a verdict.

use clap::ValueEnum;
use history_checker::{Budget, CheckError, FailedCas, Method, ModelKind, Options, Value};

/// How to check.
#[derive(clap::Args)]
pub(super) struct Checking {
    /// What the history is of.
    #[arg(long, value_enum)]
    pub(super) model: ModelArg,
    /// What a register or counter holds at first: a JSON scalar, strings in quotes; null unless given.
    #[arg(long, value_parser = scalar)]
    initial: Option<Value>,
    /// Whether a cas recorded as `fail` says that the register did not hold what it expected; drop unless given.
    #[arg(long, value_enum)]
    failed_cas: Option<FailedCasArg>,
    /// Configurations that the search may try for each key, as 5000000, 5_000_000, 5e6 or 5M.
    #[arg(long, default_value_t = Budget::default().configurations, value_parser = configurations)]
    budget: u64,
    /// Bytes in which all searches together may remember them, as 2000000000, 2e9, 2GB or 2GiB: equal shares for the
    /// keys that are searched at once, and all of it for one that needs more.
    #[arg(long, default_value_t = Budget::default().bytes, value_parser = bytes)]
    budget_bytes: u64,
    /// Which engines may be used.
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    pub(super) engine: EngineArg,
}

/// What a history is of.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ModelArg {
    /// One register: read, write.
    Register,
    /// One register: read, write, cas.
    CasRegister,
    /// A register for each key: read, write, cas.
    Map,
    /// A counter for each key: add, read.
    Counter,
    /// A set for each key: add, remove, read.
    Set,
    /// A first-in-first-out queue for each key: enqueue, dequeue.
    Queue,
}

/// What a cas that is recorded as `fail` says.
#[derive(Clone, Copy, ValueEnum)]
enum FailedCasArg {
    /// The register did not hold what was expected.
    Observe,
    /// Nothing.
    Drop,
}

/// Which engines may be used.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum EngineArg {
    /// Zones where they are exact, the search elsewhere.
    Auto,
    /// Zones only: fast always, and unknown where they are not exact.
    Zones,
    /// The search only, as a second opinion.
    Search,
}

impl Checking {
    /// # Errors
    /// When something was asked that the model has no use for.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let model = ModelKind::from(self.model);
        anyhow::ensure!(
            self.initial.is_none() || !matches!(model, ModelKind::Set | ModelKind::Queue),
            "--initial: a {model} is empty at first"
        );
        anyhow::ensure!(
            self.failed_cas.is_none() || matches!(model, ModelKind::CasRegister | ModelKind::Map),
            "--failed-cas: the {model} model has no cas"
        );
        Ok(Options {
            initial: self.initial.clone().unwrap_or_default(),
            failed_cas: match self.failed_cas {
                Some(FailedCasArg::Observe) => FailedCas::Observe,
                Some(FailedCasArg::Drop) | None => FailedCas::Drop,
            },
            budget: Budget { configurations: self.budget, bytes: self.budget_bytes },
            method: match self.engine {
                EngineArg::Auto => Method::Auto,
                EngineArg::Zones => Method::ZonesOnly,
                EngineArg::Search => Method::SearchOnly,
            },
        })
    }
}

impl EngineArg {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            EngineArg::Auto => "auto",
            EngineArg::Zones => "zones",
            EngineArg::Search => "search",
        }
    }
}

/// The error with what to do about it on a command line.
pub(super) fn advised(error: CheckError) -> anyhow::Error {
    let cas = matches!(&error, CheckError::WrongOp { model: ModelKind::Register, op, .. } if op.contains("'s cas "));
    match cas {
        true => anyhow::anyhow!("{error}; use --model cas-register"),
        false => error.into(),
    }
}

/// A value on the command line.
pub(super) fn scalar(text: &str) -> Result<Value, String> {
    Value::from_json(text).map_err(|_| {
        "not a JSON scalar: null, true, a number, or a string with its quotes, as '\"a\"'".to_owned()
    })
}

fn configurations(text: &str) -> Result<u64, String> {
    amount(text, &[("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)])
}

fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    amount(text, &UNITS)
}

/// A whole number: digits, perhaps with `_` between them, an exponent, a unit.
fn amount(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let unit = units.iter().find_map(|&(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (digits, size) = unit.unwrap_or((text, 1));
    let digits = digits.trim_end().replace('_', "");
    let (digits, zeros) = match digits.split_once(['e', 'E']) {
        Some((digits, zeros)) => (digits.to_owned(), zeros.parse::<u32>().ok()),
        None => (digits, Some(0)),
    };
    let number = digits.parse::<u64>().ok();
    let number = number.zip(zeros).and_then(|(number, zeros)| number.checked_mul(10_u64.checked_pow(zeros)?));
    number.and_then(|number| number.checked_mul(size)).ok_or_else(|| {
        let units: Vec<&str> = units.iter().map(|&(unit, _)| unit).collect();
        format!("not a whole number of 64 bits, as 1000, 1_000, 1e3 or with a unit ({})", units.join(", "))
    })
}

impl From<ModelArg> for ModelKind {
    fn from(model: ModelArg) -> ModelKind {
        match model {
            ModelArg::Register => ModelKind::Register,
            ModelArg::CasRegister => ModelKind::CasRegister,
            ModelArg::Map => ModelKind::Map,
            ModelArg::Counter => ModelKind::Counter,
            ModelArg::Set => ModelKind::Set,
            ModelArg::Queue => ModelKind::Queue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, count) in [("1000", 1_000), ("1_000", 1_000), ("1e6", 1_000_000), ("5M", 5_000_000)] {
            assert_eq!(configurations(text), Ok(count), "{text}");
        }
        for (text, count) in [("2GB", 2_000_000_000), ("2GiB", 2 << 30), ("10", 10), ("1e3KB", 1_000_000)] {
            assert_eq!(bytes(text), Ok(count), "{text}");
        }
        for text in ["", "-1", "1.5", "1e99", "1e", "GB", "99999999999GiB", "2 apples"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
