//! Which format a file is read or written in.

use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use history_checker::History;
use history_checker::format::{Format, edn, jsonl};

/// How to read the histories.
#[derive(clap::Args)]
pub(super) struct Input {
    /// The format of the histories; by default a file named `.edn` is EDN, any other JSON lines.
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

impl Input {
    /// Reads a whole history.
    pub(super) fn read(&self, file: &Path) -> anyhow::Result<History> {
        let history = match self.format_of(file) {
            Format::Edn => edn::read_file(file, self.edn()),
            Format::Jsonl => jsonl::read_file(file),
        };
        history.with_context(|| file.display().to_string())
    }

    pub(super) fn format_of(&self, file: &Path) -> Format {
        self.format.map_or_else(|| Format::of(file), Format::from)
    }

    pub(super) fn edn(&self) -> edn::Options {
        edn::Options { keyed: self.keyed }
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
