//! Where a history is read from, and in which format.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use history_checker::History;
use history_checker::format::{Events, Format, edn};

use super::target::is_standard;

/// How to read the histories.
#[derive(clap::Args)]
pub(super) struct Input {
    /// The format of the histories; by default a file named `.edn` is EDN, any other (and `-`) JSON lines.
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// In EDN every value is a pair of a key and the key's value, as jepsen.independent writes it.
    #[arg(long)]
    keyed: bool,
}

/// A format of histories.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum FormatArg {
    /// JSON lines.
    Jsonl,
    /// Jepsen's EDN.
    Edn,
}

/// A history that is about to be read.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) format: Format,
    input: Box<dyn BufRead>,
    edn: edn::Options,
}

impl Source {
    /// Of a file; `-` is standard input.
    pub(super) fn open(path: &Path, how: &Input) -> anyhow::Result<Source> {
        let name = name(path);
        let format = how.format.map_or_else(|| Format::of(path), Format::from);
        anyhow::ensure!(
            !how.keyed || format == Format::Edn,
            "{name}: --keyed is for EDN, and this is read as JSON lines, which name the key beside the value"
        );
        let input: Box<dyn BufRead> = match is_standard(path) {
            true => Box::new(io::stdin().lock()),
            false => {
                Box::new(BufReader::new(File::open(path).with_context(|| format!("{name}: cannot read"))?))
            }
        };
        Ok(Source { name, format, input, edn: edn::Options { keyed: how.keyed } })
    }

    /// All of it.
    pub(super) fn history(self) -> anyhow::Result<History> {
        self.format.read(self.input, self.edn).context(self.name)
    }

    /// One event after the other.
    pub(super) fn events(self) -> Events<Box<dyn BufRead>> {
        self.format.events(self.input, self.edn)
    }
}

/// How messages call a file that is read.
pub(super) fn name(path: &Path) -> String {
    match is_standard(path) {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Format {
        match format {
            FormatArg::Jsonl => Format::Jsonl,
            FormatArg::Edn => Format::Edn,
        }
    }
}
