//! A history of one register, in memory, to a verdict: our checker beside others that are published.
//!
//! Ten clients, half reads, all written values different, every operation answered: what each of them can take. A stale
//! read may be planted, which has to be found.

mod stateright;
mod todc;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use history_checker::generate::{Plant, Rng, Shape, generate};
use history_checker::{Action, Answer, History, ModelKind, Options, Outcome, Value, check};

use crate::Ran;

/// What is checked, by whom.
#[derive(Args)]
pub struct Checker {
    /// Which library
    library: Library,
    /// Operations of the history
    #[arg(long, default_value_t = 1000)]
    operations: usize,
    /// The history is not linearizable: one read of it is stale
    #[arg(long)]
    stale: bool,
    /// Checked again for so long, after once for warming up
    #[arg(long, default_value_t = 0.2)]
    seconds: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    HistoryChecker,
    Stateright,
    TodcUtils,
}

/// One end of an operation of a client.
#[derive(Clone, Copy)]
struct Event {
    client: usize,
    operation: Operation,
    /// Whether it ends here, not begins.
    returns: bool,
}

/// Nothing was ever written: none.
type Content = Option<i64>;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Read(Content),
    Write(Content),
}

/// Measures one library.
pub fn run(checker: &Checker) -> Result<Ran> {
    ensure!(checker.operations > 0, "--operations must be at least 1");
    let plants = if checker.stale { vec![Plant::StaleRead] } else { Vec::new() };
    let shape = Shape { plants, ..Shape::plain(10, checker.operations) };
    let history = generate(&shape, &mut Rng::with_seed(1))?;
    let events = events(&history)?;
    let (subject, verdict): (_, Box<dyn Fn() -> Result<bool>>) = match checker.library {
        Library::HistoryChecker => ("history-checker 0.1.0", Box::new(|| ours(&history))),
        Library::Stateright => ("stateright 0.31.0", Box::new(|| stateright::verdict(&events))),
        Library::TodcUtils => ("todc-utils 0.1.1", Box::new(|| Ok(todc::verdict(&events)))),
    };
    let wanted = !checker.stale;
    let (length, mut times, mut took) = (Duration::try_from_secs_f64(checker.seconds)?, 0, Duration::ZERO);
    ensure!(verdict()? == wanted, "{subject} says that the history is linearizable: {}", !wanted);
    while took < length {
        let begun = Instant::now();
        black_box(verdict()?);
        took += begun.elapsed();
        times += 1;
    }
    Ok(Ran {
        subject,
        commands: u64::try_from(history.operations().len())? * times,
        nanos: u64::try_from(took.as_nanos())?,
        settings: "one thread, the history in memory".to_owned(),
    })
}

fn ours(history: &History) -> Result<bool> {
    Ok(check(history, ModelKind::Register, &Options::default()).context("checking")?.is_linearizable())
}

/// In the order in which they were seen.
fn events(history: &History) -> Result<Vec<Event>> {
    let mut all = Vec::new();
    for operation in history.operations() {
        let Outcome::Ok { returned, answer, .. } = &operation.outcome else {
            anyhow::bail!("not every operation was answered");
        };
        let what = match (&operation.action, answer) {
            (Action::Write(value), _) => Operation::Write(content(value)),
            (Action::Read, Answer::Read(value)) => Operation::Read(content(value)),
            (other, _) => anyhow::bail!("{other}: a register is read and written"),
        };
        let client = usize::try_from(operation.process)?;
        let event = |returns| Event { client, operation: what, returns };
        all.push((operation.invoked.line, event(false)));
        all.push((returned.line, event(true)));
    }
    all.sort_by_key(|(line, _)| *line);
    Ok(all.into_iter().map(|(_, event)| event).collect())
}

fn content(value: &Value) -> Content {
    if let Value::Number(number) = value { number.as_i64() } else { None }
}
