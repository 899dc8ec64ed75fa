//! The crate's generator, as the tests use it: shapes that fit, and runs that go on in a recorder.

use std::collections::HashMap;
use std::io;

use fastrand::Rng;
use history_checker::generate::{self, Sink};
use history_checker::recorder::{Cas, Open, Read, Written};
use history_checker::{Action, Answer, History, Operation, Outcome, Process, Recorder};

pub(crate) use history_checker::generate::{FailedAnswer, Shape};

/// Runs one register's clients and returns what was recorded.
pub(crate) fn generate(shape: &Shape, rng: &mut Rng) -> History {
    generate::generate(shape, rng).unwrap()
}

/// Clients whose operations go into a recorder.
pub(crate) struct World<'a> {
    shape: &'a Shape,
    rng: &'a mut Rng,
    recorder: &'a Recorder,
    idle: HashMap<u64, Process>,
    open: HashMap<usize, Pending>,
}

enum Pending {
    Read(Open<Read>),
    Write(Open<Written>),
    Cas(Open<Cas>),
}

impl<'a> World<'a> {
    pub(crate) fn new(shape: &'a Shape, rng: &'a mut Rng, recorder: &'a Recorder) -> World<'a> {
        World { shape, rng, recorder, idle: HashMap::new(), open: HashMap::new() }
    }

    pub(crate) fn run(mut self) {
        let mut rng = self.rng.clone();
        generate::stream(self.shape, &mut rng, &mut self).unwrap();
        *self.rng = rng;
    }
}

impl Sink for World<'_> {
    fn invoked(&mut self, number: usize, operation: &Operation) -> io::Result<()> {
        let process = self.idle.remove(&operation.process).unwrap_or_else(|| self.recorder.process());
        let (key, time) = (operation.key.clone(), operation.invoked.time);
        let open = match operation.action.clone() {
            Action::Read => Pending::Read(process.read(key, time)),
            Action::Write(value) => Pending::Write(process.write(key, value, time)),
            Action::Cas { from, to } => Pending::Cas(process.cas(key, from, to, time)),
            other => unreachable!("{other} of a register"),
        };
        self.open.insert(number, open);
        Ok(())
    }

    fn completed(&mut self, number: usize, operation: &Operation) -> io::Result<()> {
        let time = operation.completed_at().unwrap().time;
        let open = self.open.remove(&number).unwrap();
        let process = match (&operation.outcome, open) {
            (Outcome::Unknown { .. }, open) => {
                open.unknown(time);
                return Ok(());
            }
            (Outcome::NotApplied { .. }, open) => open.not_applied(time),
            (Outcome::Ok { answer: Answer::Read(value), .. }, Pending::Read(open)) => {
                open.ok(value.clone(), time)
            }
            (Outcome::Ok { answer: Answer::Done, .. }, Pending::Write(open)) => open.ok(time),
            (Outcome::Ok { answer: Answer::Swapped, .. }, Pending::Cas(open)) => open.swapped(time),
            (Outcome::Ok { answer: Answer::NotSwapped { seen }, .. }, Pending::Cas(open)) => {
                open.not_swapped(seen.clone(), time)
            }
            (other, _) => unreachable!("{other:?}"),
        };
        self.idle.insert(operation.process, process);
        Ok(())
    }
}

impl Pending {
    fn unknown(self, time: u64) {
        match self {
            Pending::Read(open) => open.unknown(time),
            Pending::Write(open) => open.unknown(time),
            Pending::Cas(open) => open.unknown(time),
        }
    }

    fn not_applied(self, time: u64) -> Process {
        match self {
            Pending::Read(open) => open.not_applied(time),
            Pending::Write(open) => open.not_applied(time),
            Pending::Cas(open) => open.not_applied(time),
        }
    }
}
