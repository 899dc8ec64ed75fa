//! Checking while it happens: registers, with memory for what is in flight, and for writes of unknown outcome: until one
//! is observed it may take effect at any later time, so each stays to the end.
//! A read or CAS that never ends, without an `info` that says so, keeps all that comes after it.
//!
//! Engine B, event by event (`register`). What can only lead to a contradiction if it is seen again is forgotten
//! (`settle`), so that a value that turns up again later is one that nobody could have read. Values need not be
//! unique: a verdict is exact as long as everything that was observed had one possible writer at that time. Where it
//! had two the key is [undecided](Undecided), from there on; checking the recorded history may still decide it.

mod chaining;
mod chains;
mod cluster;
mod register;
mod settle;

use std::collections::HashMap;
use std::fmt;

use register::{Ended, Register};

use crate::check::FailedCas;
use crate::format::{Completion, End, Event, InFlight, LineError};
use crate::history::{Action, Answer, Mark, Operation, Outcome};
use crate::report::{Counts, Summary};
use crate::value::{Key, Value};

/// Checks registers, one for each key, while they are used, or while their history is read.
///
/// ```
/// use history_checker::format::jsonl;
/// use history_checker::stream::Checker;
///
/// let lines = [
///     r#"{"process":0,"kind":"invoke","op":"write","value":1,"time":1}"#,
///     r#"{"process":0,"kind":"ok","op":"write","time":2}"#,
///     r#"{"process":1,"kind":"invoke","op":"read","time":3}"#,
///     r#"{"process":1,"kind":"ok","op":"read","value":null,"time":4}"#,
/// ];
/// let mut checker = Checker::default();
/// let found = lines.iter().zip(1..).find_map(|(text, line)| {
///     let event = jsonl::parse(text.as_bytes()).unwrap();
///     checker.observe(line, event).unwrap().cloned()
/// });
/// assert!(found.unwrap().sentence.contains("read that saw null"));
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    initial: Value,
    failed_cas: FailedCas,
    /// By process. One that never completes, and of which no `info` says so, keeps all that comes after it.
    in_flight: InFlight<Open>,
    keys: HashMap<Option<Key>, State>,
    /// Of what has ended.
    counts: Counts,
    most_remembered: usize,
}

/// In one line for each key of which there is something to say.
impl fmt::Display for StreamReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.violations.is_empty(), self.undecided.is_empty()) {
            (false, _) => Summary::NotLinearizable,
            (true, false) => Summary::Unknown,
            (true, true) => Summary::Linearizable,
        };
        let StreamReport { keys, counts, most_remembered, .. } = self;
        write!(
            f,
            "{verdict}: {counts}, {keys} keys; checked while read, \
             at most {most_remembered} writes of a key remembered"
        )?;
        let key = |key: &Option<Key>| key.as_ref().map_or_else(String::new, |key| format!("key {key}, "));
        for Contradiction { key: of, line, sentence } in &self.violations {
            write!(f, "\n  {}line {line}: {sentence}", key(of))?;
        }
        for Undecided { key: of, line, sentence } in &self.undecided {
            write!(f, "\n  {}line {line}: not decided: {sentence}; check it without --stream", key(of))?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Open {
    operation: Operation,
    /// What it writes, in its register.
    cluster: Option<u64>,
}

#[derive(Debug)]
enum State {
    Fine(Register),
    Violated(Contradiction),
    Undecided(Undecided),
}

/// A contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Of which register.
    pub key: Option<Key>,
    /// Where it became certain.
    pub line: usize,
    /// Which operation cannot be explained, and what makes it impossible, with line numbers.
    pub sentence: String,
}

/// Something that only the whole history may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Of which register.
    pub key: Option<Key>,
    /// Where.
    pub line: usize,
    /// Why.
    pub sentence: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamReport {
    /// The first contradiction of each key that has one, in the order of lines.
    pub violations: Vec<Contradiction>,
    /// Keys that were not checked to the end, in the order of lines.
    pub undecided: Vec<Undecided>,
    /// How many keys there were.
    pub keys: usize,
    /// How many operations ended how, as [`check()`](crate::check()) counts them. Those in flight are open.
    pub counts: Counts,
    /// The most writes that any one key had to remember at once.
    pub most_remembered: usize,
}

impl Checker {
    /// Registers that hold `initial` at first.
    #[must_use]
    pub fn new(initial: Value, failed_cas: FailedCas) -> Checker {
        Checker { initial, failed_cas, ..Checker::default() }
    }

    /// Takes the next line. Says so where it makes a contradiction certain: the first of its key, once.
    ///
    /// # Errors
    /// It does not fit what came before, or is of no register; the line counts for nothing.
    pub fn observe(&mut self, line: usize, event: Event) -> Result<Option<&Contradiction>, LineError> {
        match event {
            Event::Fault { .. } => Ok(None),
            Event::Invoke { process, key, action, time } => {
                self.invoke(Mark { line, time }, process, key, action)?;
                Ok(None)
            }
            Event::Complete(completion) => self.complete(line, completion),
        }
    }

    /// What was found until now.
    #[must_use]
    pub fn report(&self) -> StreamReport {
        let mut report = StreamReport {
            keys: self.keys.len(),
            counts: Counts { open: self.counts.open + self.in_flight.len(), ..self.counts },
            most_remembered: self.most_remembered,
            ..StreamReport::default()
        };
        for state in self.keys.values() {
            match state {
                State::Fine(_) => {}
                State::Violated(violation) => report.violations.push(violation.clone()),
                State::Undecided(undecided) => report.undecided.push(undecided.clone()),
            }
        }
        report.violations.sort_by_key(|violation| violation.line);
        report.undecided.sort_by_key(|undecided| undecided.line);
        report
    }

    fn invoke(
        &mut self,
        invoked: Mark,
        process: u64,
        key: Option<Key>,
        action: Action,
    ) -> Result<(), LineError> {
        self.in_flight.begin(process, |earlier| earlier.operation.invoked.line)?;
        if !matches!(action, Action::Read | Action::Write(_) | Action::Cas { .. }) {
            return Err(LineError::NoRegister { op: action.name() });
        }
        let operation =
            Operation { process, key, action, invoked, outcome: Outcome::Unknown { gave_up: None } };
        let initial = &self.initial;
        let state = self.keys.entry(operation.key.clone());
        let cluster = match state.or_insert_with(|| State::Fine(Register::new(initial.clone()))) {
            State::Fine(register) => register.invoke(&operation),
            State::Violated(_) | State::Undecided(_) => None,
        };
        self.in_flight.insert(process, Open { operation, cluster });
        Ok(())
    }

    fn complete(&mut self, line: usize, completion: Completion) -> Result<Option<&Contradiction>, LineError> {
        let fits = |open: &Open| {
            completion.fits(&open.operation)?;
            match completion.end {
                End::Ok { answer: Answer::Elements(_), .. } => {
                    Err(LineError::NoRegister { op: "read that saw several elements" })
                }
                _ => Ok(()),
            }
        };
        let Open { mut operation, cluster } = self.in_flight.end(completion.process, fits)?;
        let returned = Mark { line, time: completion.time };
        operation.outcome = completion.end.outcome(returned);
        self.counts.add(&operation.outcome);
        let key = operation.key.clone();
        let Some(state) = self.keys.get_mut(&key) else { return Ok(None) };
        let State::Fine(register) = state else { return Ok(None) };
        let ended = register.complete(operation, cluster, self.failed_cas);
        self.most_remembered = self.most_remembered.max(register.remembered());
        match ended {
            Ok(()) => return Ok(None),
            Err(Ended::Impossible(sentence)) => {
                *state = State::Violated(Contradiction { key, line, sentence });
            }
            Err(Ended::Undecided(sentence)) => *state = State::Undecided(Undecided { key, line, sentence }),
        }
        Ok(match state {
            State::Violated(violation) => Some(violation),
            _ => None,
        })
    }
}
