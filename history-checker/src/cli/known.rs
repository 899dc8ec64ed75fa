//! What a run knows so far: shown at its end, or when somebody is tired of waiting.

use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use history_checker::{History, KeyReport, Report, Summary};

use super::progress::Progress;
use super::{Exit, json, table};

/// How the verdicts are printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people: the report of one file, a table of several.
    Text,
    /// One JSON document.
    Json,
}

/// What is known, shared with whoever handles an interrupt.
#[derive(Clone)]
pub(super) struct Known {
    state: Arc<Mutex<State>>,
}

struct State {
    output: Output,
    names: Vec<String>,
    /// Of the first files.
    outcomes: Vec<Outcome>,
    next: Next,
    progress: Progress,
    printed: bool,
}

/// The file that is being checked.
#[derive(Default)]
struct Next {
    /// How many keys it has; 0 while it is read.
    keys: usize,
    decided: usize,
    /// The worst of the keys that are decided, and those that are not linearizable.
    worst: Option<Summary>,
    notable: Vec<String>,
}

/// What became of a file.
pub(super) struct Outcome {
    pub(super) report: anyhow::Result<Report>,
    /// The same as JSON, made while the history is at hand, if it is wanted.
    json: Option<json::File>,
}

impl Known {
    pub(super) fn new<P: AsRef<Path>>(files: &[P], output: Output) -> Known {
        let names: Vec<String> = files.iter().map(|file| file.as_ref().display().to_string()).collect();
        let progress = Progress::new(names.clone());
        let (outcomes, next) = (Vec::new(), Next::default());
        let state = State { output, names, outcomes, next, progress, printed: false };
        Known { state: Arc::new(Mutex::new(state)) }
    }

    /// From now on an interrupt prints what is known and ends the program with the code of the worst of it; what is
    /// not decided counts as unknown.
    pub(super) fn print_when_interrupted(&self) {
        let known = self.clone();
        let interrupted = move || {
            let mut state = known.lock();
            if !state.printed {
                process::exit(i32::from(state.print(true).number()));
            }
        };
        if let Err(error) = ctrlc::set_handler(interrupted) {
            eprintln!("warning: an interrupt will lose what is known: {error}");
        }
    }

    /// The next file is read.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        let file = state.outcomes.len();
        state.progress.file(file);
    }

    /// A key of the next file is decided.
    pub(super) fn key(&self, report: &KeyReport, keys_in_all: usize) {
        let mut state = self.lock();
        let summary = report.verdict.summary();
        let next = &mut state.next;
        next.keys = keys_in_all;
        next.decided += 1;
        next.worst = next.worst.max(Some(summary));
        if summary != Summary::Linearizable {
            next.notable.push(report.to_string());
        }
        let (file, decided) = (state.outcomes.len(), state.next.decided);
        state.progress.keys(file, decided, keys_in_all);
    }

    /// The next file is decided.
    pub(super) fn file(&self, checked: anyhow::Result<(History, Report)>) {
        let mut state = self.lock();
        let json = (state.output == Output::Json).then(|| {
            let name = &state.names[state.outcomes.len()];
            json::File::new(name, checked.as_ref())
        });
        state.outcomes.push(Outcome { report: checked.map(|(_, report)| report), json });
        state.next = Next::default();
    }

    /// Prints everything.
    pub(super) fn finish(&self) -> Exit {
        self.lock().print(false)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn print(&mut self, interrupted: bool) -> Exit {
        self.printed = true;
        self.progress.clear();
        let exit = self.exit(interrupted);
        match self.output {
            Output::Text => self.print_text(interrupted),
            Output::Json => self.print_json(exit, interrupted),
        }
        for error in self.outcomes.iter().filter_map(|outcome| outcome.report.as_ref().err()) {
            eprintln!("error: {error:#}");
        }
        exit
    }

    fn print_text(&self, interrupted: bool) {
        match &self.outcomes[..] {
            [Outcome { report: Ok(report), .. }] if !interrupted => println!("{report}"),
            [] => {}
            [_] if !interrupted => {}
            outcomes => table::print(&self.names, outcomes),
        }
        if interrupted {
            let decided = self.outcomes.len();
            println!("interrupted: {decided} of {} files decided", self.names.len());
            if let Some(name) = self.names.get(decided) {
                println!("{name}: {} of {} keys decided", self.next.decided, self.next.keys);
            }
            for key in &self.next.notable {
                println!("  {key}");
            }
        }
    }

    fn print_json(&mut self, exit: Exit, interrupted: bool) {
        let mut files: Vec<json::File> =
            self.outcomes.iter_mut().filter_map(|outcome| outcome.json.take()).collect();
        let rest = self.names.iter().skip(files.len());
        files.extend(rest.map(|name| json::File::undecided(name)));
        match json::document(exit, interrupted, files) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("error: {error}"),
        }
    }

    fn exit(&self, interrupted: bool) -> Exit {
        let files = self.outcomes.iter().map(|outcome| match &outcome.report {
            Ok(report) => Exit::from(report.summary()),
            Err(_) => Exit::BadFile,
        });
        let keys = self.next.worst.map(Exit::from);
        let rest = interrupted.then_some(Exit::Unknown);
        files.chain(keys).chain(rest).max().unwrap_or(Exit::BadFile)
    }
}
