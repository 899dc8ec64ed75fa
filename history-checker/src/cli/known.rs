//! What a run knows so far: shown at its end, or when somebody is tired of waiting.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use history_checker::lint::Finding;
use history_checker::{History, Key, Progress as Heard, Report, Searching, Summary};

use super::interrupt::{end, when_interrupted};
use super::out::{Out, complain};
use super::progress::Progress;
use super::{Exit, input, json, table};

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
    /// How many keys it has; `None` while it is read.
    keys: Option<usize>,
    decided: usize,
    /// The worst of the keys that are decided, and those that are not linearizable.
    worst: Option<Summary>,
    notable: Vec<String>,
    /// The keys that have been searched for a while.
    searched: BTreeMap<Option<Key>, Searching>,
}

/// What became of a file.
pub(super) struct Outcome {
    pub(super) report: anyhow::Result<Report>,
    /// The same as JSON, made while the history is at hand, if it is wanted.
    json: Option<json::File>,
    /// Below the report: pictures.
    below: String,
    /// Findings that a reader of the report must know.
    serious: Vec<String>,
}

/// A history with all that was found.
pub(super) struct Checked {
    pub(super) history: History,
    pub(super) report: Report,
    /// `None` where nobody looked.
    pub(super) findings: Option<Vec<Finding>>,
    pub(super) below: String,
}

impl Known {
    pub(super) fn new<P: AsRef<Path>>(files: &[P], output: Output) -> Known {
        let names: Vec<String> = files.iter().map(|file| input::name(file.as_ref())).collect();
        let progress = Progress::new(names.clone());
        let (outcomes, next) = (Vec::new(), Next::default());
        let state = State { output, names, outcomes, next, progress, printed: false };
        Known { state: Arc::new(Mutex::new(state)) }
    }

    /// From now on an interrupt prints what is known and ends the program with the code of the worst of it; what is
    /// not decided counts as unknown.
    pub(super) fn print_when_interrupted(&self) {
        let known = self.clone();
        when_interrupted(move || {
            let mut state = known.lock();
            if !state.printed {
                end(state.print(true));
            }
        });
    }

    /// The same for a command that prints no verdicts: they go to standard error.
    pub(super) fn tell_when_interrupted(&self) {
        let known = self.clone();
        when_interrupted(move || {
            let mut state = known.lock();
            state.progress.clear();
            complain(state.undecided());
            end(state.exit(true));
        });
    }

    /// The next file is read.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        let file = state.outcomes.len();
        state.progress.file(file);
    }

    /// How the check of the next file goes.
    pub(super) fn hear(&self, heard: Heard<'_>) {
        let mut state = self.lock();
        let State { outcomes, next, progress, .. } = &mut *state;
        let file = outcomes.len();
        match heard {
            Heard::Keys(all) => {
                next.keys = Some(all);
                progress.searching(file, &format!("0 of {all} keys"));
            }
            Heard::Searching(key, searching) => {
                next.searched.insert(key.cloned(), searching);
                let (decided, all) = (next.decided, next.keys.unwrap_or(0));
                let how_far = how_far(searching);
                progress.searching(file, &format!("{decided} of {all} keys, searching: {how_far}"));
            }
            Heard::Decided(report) => {
                let summary = report.verdict.summary();
                next.searched.remove(&report.key);
                next.decided += 1;
                next.worst = next.worst.max(Some(summary));
                if summary != Summary::Linearizable {
                    next.notable.push(report.to_string());
                }
                progress.keys(file, next.decided, next.keys.unwrap_or(0));
            }
        }
    }

    /// Nothing more is shown while the command says what it found.
    pub(super) fn clear(&self) {
        self.lock().progress.clear();
    }

    /// The next file is decided.
    pub(super) fn file(&self, checked: anyhow::Result<Checked>, how: &json::How<'_>) {
        let mut state = self.lock();
        let name = state.names.get(state.outcomes.len()).cloned().unwrap_or_default();
        let json = (state.output == Output::Json).then(|| json::File::new(&name, checked.as_ref(), how));
        let outcome = match checked {
            Err(error) => Outcome { report: Err(error), json, below: String::new(), serious: Vec::new() },
            Ok(Checked { report, findings, below, .. }) => {
                let serious = findings.iter().flatten().filter(|finding| super::lint::is_serious(finding));
                let serious = serious.map(|finding| format!("{name}: {finding}")).collect();
                Outcome { report: Ok(report), json, below, serious }
            }
        };
        state.outcomes.push(outcome);
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

fn how_far(Searching { explained, completed, configurations }: Searching) -> String {
    format!("{explained} of {completed} operations explained, {configurations} configurations tried")
}

impl State {
    fn print(&mut self, interrupted: bool) -> Exit {
        self.printed = true;
        self.progress.clear();
        self.outcomes.iter().flat_map(|outcome| &outcome.serious).for_each(complain);
        let exit = self.exit(interrupted);
        let mut out = Out::default();
        match self.output {
            Output::Text => self.print_text(interrupted, &mut out),
            Output::Json => self.print_json(exit, interrupted, &mut out),
        }
        for error in self.outcomes.iter().filter_map(|outcome| outcome.report.as_ref().err()) {
            complain(format_args!("error: {error:#}"));
        }
        out.exit(exit)
    }

    fn print_text(&self, interrupted: bool, out: &mut Out) {
        match &self.outcomes[..] {
            [Outcome { report: Ok(report), .. }] if !interrupted => out.say(report),
            [] => {}
            [_] if !interrupted => {}
            outcomes => out.say(table::table(&self.names, outcomes)),
        }
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.below.is_empty()) {
            out.say(outcome.below.trim_end_matches('\n'));
        }
        if interrupted {
            out.say(self.undecided());
        }
    }

    /// What is known of the files that are not decided.
    fn undecided(&self) -> String {
        let decided = self.outcomes.len();
        let mut text = format!("interrupted: {decided} of {} files decided", self.names.len());
        let Some(name) = self.names.get(decided) else { return text };
        let Next { keys, decided, notable, searched, .. } = &self.next;
        let _infallible = match keys {
            None => write!(text, "\n{name}: still being read"),
            Some(all) => write!(text, "\n{name}: {decided} of {all} keys decided"),
        };
        for key in notable {
            let _infallible = write!(text, "\n  {key}");
        }
        for (key, searching) in searched {
            let of = key.as_ref().map_or_else(String::new, |key| format!("key {key}: "));
            let _infallible = write!(text, "\n  {of}searching: {}", how_far(*searching));
        }
        text
    }

    fn print_json(&mut self, exit: Exit, interrupted: bool, out: &mut Out) {
        let mut files: Vec<json::File> =
            self.outcomes.iter_mut().filter_map(|outcome| outcome.json.take()).collect();
        let rest = self.names.iter().skip(files.len());
        files.extend(rest.map(|name| json::File::undecided(name)));
        match json::document(exit, interrupted, files) {
            Ok(text) => out.say(text),
            Err(error) => complain(format_args!("error: {error}")),
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
