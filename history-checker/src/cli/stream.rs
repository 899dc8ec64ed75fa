//! `check --stream`: a history is checked while it is read, with memory for what is in flight.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use history_checker::format::{End, Event, ReadError};
use history_checker::stream::{Checker, StreamReport};
use history_checker::{Action, Answer, CheckError, Key, ModelKind, Summary};

use super::checking::advised;
use super::input::{self, Input, Source};
use super::interrupt::{end, when_interrupted};
use super::known::Output;
use super::out::{Out, complain};
use super::{Exit, json};

/// Checks the files one after the other, and prints each violation as soon as it is certain.
pub(super) fn run(
    files: &[PathBuf],
    how: &Input,
    model: ModelKind,
    output: Output,
    checker: &dyn Fn() -> Checker,
) -> anyhow::Result<Exit> {
    let registers = matches!(model, ModelKind::Register | ModelKind::CasRegister | ModelKind::Map);
    anyhow::ensure!(registers, "--stream checks registers only, not a {model}");
    let names: Vec<String> = files.iter().map(|file| input::name(file)).collect();
    let run = Run {
        names,
        output,
        model,
        out: Out::default(),
        ended: Vec::new(),
        checker: checker(),
        exit: None,
        printed: false,
    };
    let run = Arc::new(Mutex::new(run));
    let interrupted = Arc::clone(&run);
    when_interrupted(move || {
        let mut run = lock(&interrupted);
        if !run.printed {
            end(run.finish(true));
        }
    });
    for file in files {
        let checked = stream_file(file, how, &run);
        lock(&run).file(checked, checker());
    }
    let mut run = lock(&run);
    Ok(run.finish(false))
}

/// The lock is not held while the next line is waited for.
fn stream_file(file: &Path, how: &Input, run: &Mutex<Run>) -> anyhow::Result<()> {
    let source = Source::open(file, how)?;
    let name = source.name.clone();
    let mut fits = Fits { model: lock(run).model, first: None };
    for event in source.events() {
        let (line, event) = event.with_context(|| name.clone())?;
        fits.check(line, &event).map_err(advised).with_context(|| name.clone())?;
        lock(run).observe(line, event).with_context(|| name.clone())?;
    }
    Ok(())
}

fn lock(run: &Mutex<Run>) -> MutexGuard<'_, Run> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Run {
    names: Vec<String>,
    output: Output,
    model: ModelKind,
    out: Out,
    /// The first files, for the document.
    ended: Vec<json::File>,
    /// Of the next file.
    checker: Checker,
    /// The worst of the first files.
    exit: Option<Exit>,
    printed: bool,
}

impl Run {
    fn observe(&mut self, line: usize, event: Event) -> anyhow::Result<()> {
        let violation =
            self.checker.observe(line, event).map_err(|reason| ReadError::Line { line, reason })?;
        if let Some(violation) = violation
            && self.output == Output::Text
        {
            let several = self.names.len() > 1;
            let name = self.names.get(self.ended.len()).filter(|_| several);
            let name = name.map_or_else(String::new, |name| format!("{name}: "));
            let key = violation.key.as_ref().map_or_else(String::new, |key| format!("key {key}, "));
            self.out.say(format_args!("{name}{key}line {line}: {}", violation.sentence));
        }
        Ok(())
    }

    /// The next file is at its end, or wrong.
    fn file(&mut self, checked: anyhow::Result<()>, next: Checker) {
        let name = self.names.get(self.ended.len()).cloned().unwrap_or_default();
        let report = std::mem::replace(&mut self.checker, next).report();
        let exit = match checked {
            Ok(()) => self.told(&name, &report, ""),
            Err(error) => {
                complain(format_args!("error: {error:#}"));
                self.ended.push(json::File::bad(&name, &error));
                Exit::BadFile
            }
        };
        self.exit = self.exit.max(Some(exit));
    }

    fn told(&mut self, name: &str, report: &StreamReport, until_now: &str) -> Exit {
        let (exit, summary) = verdict(report);
        if self.output == Output::Text {
            self.out.say(format_args!("{name}: {until_now}{}", Told(report, summary)));
        }
        self.ended.push(json::File::streamed(name, self.model.to_string(), exit, report));
        exit
    }

    fn finish(&mut self, interrupted: bool) -> Exit {
        self.printed = true;
        if let Some(name) = self.names.get(self.ended.len()).filter(|_| interrupted).cloned() {
            let report = self.checker.report();
            let exit = self.told(&name, &report, "interrupted, until now ");
            self.exit = self.exit.max(Some(exit.max(Exit::Unknown)));
        }
        let rest = self.names.iter().skip(self.ended.len());
        let rest: Vec<json::File> = rest.map(|name| json::File::undecided(name)).collect();
        self.ended.extend(rest);
        let exit = self.exit.unwrap_or(Exit::BadFile);
        if self.output == Output::Json {
            match json::document(exit, interrupted, std::mem::take(&mut self.ended)) {
                Ok(text) => self.out.say(text),
                Err(error) => complain(format_args!("error: {error}")),
            }
        }
        self.out.exit(exit)
    }
}

fn verdict(report: &StreamReport) -> (Exit, Summary) {
    match (report.violations.is_empty(), report.undecided.is_empty()) {
        (false, _) => (Exit::NotLinearizable, Summary::NotLinearizable),
        (true, false) => (Exit::Unknown, Summary::Unknown),
        (true, true) => (Exit::Linearizable, Summary::Linearizable),
    }
}

/// What is left to be said at the end: violations were told when they were found.
struct Told<'a>(&'a StreamReport, Summary);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Told(StreamReport { keys, counts, most_remembered, violations, undecided }, verdict) = self;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{verdict}: {counts}, {keys} key{}; checked while read, \
             at most {most_remembered} write{} of a key remembered",
            plural(*keys),
            plural(*most_remembered),
        )?;
        if violations.len() > 1 {
            write!(f, "; {} keys are not linearizable", violations.len())?;
        }
        undecided.iter().try_for_each(|undecided| {
            let key = undecided.key.as_ref().map_or_else(String::new, |key| format!("key {key}, "));
            let (line, why) = (undecided.line, &undecided.sentence);
            write!(f, "\n  {key}line {line}: not decided: {why}; check it without --stream")
        })
    }
}

/// Whether events are of the model, as [`check`](history_checker::check()) asks of a whole history.
struct Fits {
    model: ModelKind,
    /// The key of the first operation.
    first: Option<Option<Key>>,
}

impl Fits {
    fn check(&mut self, line: usize, event: &Event) -> Result<(), CheckError> {
        let model = self.model;
        match event {
            Event::Invoke { process, key, action, .. } => {
                if model == ModelKind::Register && matches!(action, Action::Cas { .. }) {
                    let op = format!("process {process}'s {action}");
                    return Err(CheckError::WrongOp { line, op, model });
                }
                let first = self.first.get_or_insert_with(|| key.clone());
                if model != ModelKind::Map && first != key {
                    let (key, earlier) = (in_words(key.as_ref()), in_words(first.as_ref()));
                    return Err(CheckError::SeveralKeys { line, key, earlier, model });
                }
            }
            Event::Complete(completion) => {
                if let End::Ok { answer: answer @ Answer::Elements(_), .. } = &completion.end {
                    let op = format!("process {}'s {}{answer}", completion.process, completion.op);
                    return Err(CheckError::WrongOp { line, op, model });
                }
            }
            Event::Fault { .. } => {}
        }
        Ok(())
    }
}

fn in_words(key: Option<&Key>) -> String {
    key.map_or_else(|| "no key".to_owned(), |key| format!("key `{key}`"))
}
