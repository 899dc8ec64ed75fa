//! `generate`: histories by shape and seed.

use std::path::PathBuf;

use clap::ValueEnum;
use history_checker::format::Format;
use history_checker::generate::{FailedAnswer, Plant, Rng, Shape, Written, stream};
use history_checker::{Key, Value};

use super::Exit;
use super::checking::{ModelArg, scalar};
use super::input::FormatArg;
use super::interrupt::nothing_when_interrupted;
use super::out::refuse;
use super::target::{Target, format_of};

/// Arguments of `generate`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to write; standard output unless given. A file named `.edn` is written in EDN, any other in JSON lines.
    #[arg(short, long, default_value = "-", hide_default_value = true)]
    output: PathBuf,
    /// The format to write.
    #[arg(long, value_enum)]
    to: Option<FormatArg>,
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
    #[arg(long, default_value = "null", value_parser = scalar)]
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
    cas_answer: AnswerArg,
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
        Err(error) => refuse(&error),
    }
}

fn write(args: &Args) -> anyhow::Result<()> {
    nothing_when_interrupted();
    let format = format_of(&args.output, args.to.map(Format::from));
    let target = Target::open::<PathBuf>(&args.output, &[])?;
    target.write(|to| {
        let mut written = Written { to, format };
        Ok(stream(&args.shape(), &mut Rng::with_seed(args.seed), &mut written)?)
    })
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
            failed_cas: match self.cas_answer {
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
