//! `generate`: histories by shape and seed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use history_checker::generate::{FailedAnswer, GenerateError, Lines, Plant, Rng, Shape, stream};
use history_checker::{Key, Value};

use super::{Exit, ModelArg};

/// Arguments of `generate`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to write; standard output unless given.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The same seed and the same shape give the same history.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What the history is of.
    #[arg(long, value_enum, default_value = "cas-register")]
    model: ModelArg,
    /// How many ask at the same time.
    #[arg(long, default_value_t = 10)]
    clients: usize,
    /// What they ask in all; open and planted ones come on top.
    #[arg(long, default_value_t = 1_000)]
    operations: usize,
    /// How many objects.
    #[arg(long, default_value_t = 1)]
    keys: usize,
    /// The name of a single object's key; several are called k0, k1, ….
    #[arg(long)]
    key: Option<String>,
    /// Values are drawn from so many (and null); all different unless given.
    #[arg(long)]
    values: Option<i64>,
    /// What a register holds at first: a JSON scalar, strings in quotes.
    #[arg(long, default_value = "null", value_parser = Value::from_json)]
    initial: Value,
    /// Percent that change the object: write, add or remove, enqueue.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(..=100))]
    writes: u32,
    /// Percent that are compare-and-sets. The rest reads, or dequeues.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    cas: u32,
    /// Operations that change the object and are never answered: invoked first; every second one takes effect later.
    #[arg(long, default_value_t = 0)]
    open: usize,
    /// Percent of answers that get lost on their way.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    lost: u32,
    /// Percent of requests that are refused.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    refused: u32,
    /// Percent of answers that are replaced by others, which may be right by chance.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    corrupted: u32,
    /// What a client learns of a cas that did not swap.
    #[arg(long, value_enum, default_value = "seen")]
    failed_cas: AnswerArg,
    /// A violation that no order explains; may be given several times.
    #[arg(long, value_enum)]
    plant: Vec<PlantArg>,
}

/// What a client learns of a CAS that did not swap.
#[derive(Clone, Copy, ValueEnum)]
enum AnswerArg {
    /// The value that was there.
    Seen,
    /// That it did not swap.
    NotSeen,
    /// That it failed.
    Fail,
}

/// What goes wrong.
#[derive(Clone, Copy, ValueEnum)]
enum PlantArg {
    /// A read returns a value that had been overwritten before it began.
    StaleRead,
    /// Two cas both replace one write.
    LostUpdate,
    /// Each side serves the value of its own write.
    SplitBrain,
    /// Two replicas apply two concurrent writes in different orders.
    ReorderedCommit,
}

/// Writes the history.
pub(super) fn run(args: &Args) -> Exit {
    match write(args) {
        Ok(()) => Exit::Linearizable,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::BadFile
        }
    }
}

fn write(args: &Args) -> anyhow::Result<()> {
    let (shape, mut rng) = (args.shape(), Rng::with_seed(args.seed));
    match &args.output {
        Some(path) => {
            let name = || path.display().to_string();
            let mut lines = Lines(BufWriter::new(File::create(path).with_context(name)?));
            stream(&shape, &mut rng, &mut lines)?;
            lines.0.flush().with_context(name)
        }
        None => {
            let mut lines = Lines(BufWriter::new(io::stdout().lock()));
            let written = stream(&shape, &mut rng, &mut lines);
            match written.and_then(|()| Ok(lines.0.flush()?)) {
                // Whoever reads has seen enough.
                Err(GenerateError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => Ok(other?),
            }
        }
    }
}

impl Args {
    fn shape(&self) -> Shape {
        Shape {
            model: self.model.into(),
            clients: self.clients,
            operations: self.operations,
            keys: self.keys,
            key: self.key.as_deref().map(Key::from),
            values: self.values,
            writes: self.writes,
            cas: self.cas,
            lost: self.lost,
            refused: self.refused,
            corrupted: self.corrupted,
            failed_cas: match self.failed_cas {
                AnswerArg::Seen => FailedAnswer::Seen,
                AnswerArg::NotSeen => FailedAnswer::NotSeen,
                AnswerArg::Fail => FailedAnswer::Fail,
            },
            initial: self.initial.clone(),
            open: self.open,
            plants: self.plant.iter().map(|&plant| plant.into()).collect(),
        }
    }
}

impl From<PlantArg> for Plant {
    fn from(plant: PlantArg) -> Plant {
        match plant {
            PlantArg::StaleRead => Plant::StaleRead,
            PlantArg::LostUpdate => Plant::LostUpdate,
            PlantArg::SplitBrain => Plant::SplitBrain,
            PlantArg::ReorderedCommit => Plant::ReorderedCommit,
        }
    }
}
