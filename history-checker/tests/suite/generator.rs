//! Histories by seed: clients of a correct register, recorded through the public recorder, then disturbed.

use std::collections::VecDeque;

use fastrand::Rng;
use history_checker::{Cas, History, Key, Open, Process, Read, Recorder, Value, Written};

/// What a generated history looks like. Chances are in percent.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    pub(crate) operations: usize,
    /// Written values: all different, or drawn from this many.
    pub(crate) values: Option<i64>,
    pub(crate) writes: u32,
    pub(crate) cas: u32,
    /// Answers that get lost. Whether the operation takes effect, and when, is open.
    pub(crate) lost: u32,
    /// Requests that are refused.
    pub(crate) refused: u32,
    /// Answers that are replaced: another value, another outcome of a CAS.
    pub(crate) corrupted: u32,
    pub(crate) failed_cas: FailedAnswer,
    pub(crate) initial: Value,
    pub(crate) key: Option<Key>,
}

/// What clients learn of a CAS that did not swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailedAnswer {
    Seen,
    NotSeen,
    Fail,
}

impl Shape {
    /// A correct register, unique writes, half reads.
    pub(crate) fn plain(clients: usize, operations: usize) -> Shape {
        Shape {
            clients,
            operations,
            values: None,
            writes: 50,
            cas: 0,
            lost: 0,
            refused: 0,
            corrupted: 0,
            failed_cas: FailedAnswer::Seen,
            initial: Value::Null,
            key: None,
        }
    }

    /// Any small shape.
    pub(crate) fn random(rng: &mut Rng) -> Shape {
        let chance = |rng: &mut Rng, most: u32| if rng.bool() { 0 } else { rng.u32(..=most) };
        Shape {
            clients: rng.usize(2..=5),
            operations: rng.usize(3..=9),
            values: rng.bool().then(|| rng.i64(1..=4)),
            writes: rng.u32(20..=70),
            cas: chance(rng, 50),
            lost: chance(rng, 40),
            refused: chance(rng, 20),
            corrupted: [0, 30, 60, 100][rng.usize(..4)],
            failed_cas: [FailedAnswer::Seen, FailedAnswer::NotSeen, FailedAnswer::Fail][rng.usize(..3)],
            initial: if rng.bool() { Value::Null } else { Value::from(0_i64) },
            key: None,
        }
    }
}

/// A client and its request, if one is under way.
enum Client {
    Idle(Process),
    Reading(Open<Read>, Option<Value>),
    Writing(Open<Written>, Option<Value>),
    Swapping(Open<Cas>, Value, Value, Option<Result<(), Value>>),
}

pub(crate) struct World<'a> {
    shape: &'a Shape,
    rng: &'a mut Rng,
    recorder: &'a Recorder,
    state: Value,
    /// Values written so far, to expect and to corrupt with.
    known: Vec<Value>,
    next_value: i64,
    /// Lost requests that may still take effect.
    lingering: Vec<Effect>,
    left: usize,
    time: u64,
}

enum Effect {
    Write(Value),
    Cas(Value, Value),
}

/// Runs one register's clients and returns what was recorded.
pub(crate) fn generate(shape: &Shape, rng: &mut Rng) -> History {
    let recorder = Recorder::in_memory();
    World::new(shape, rng, &recorder).run();
    recorder.history()
}

impl<'a> World<'a> {
    pub(crate) fn new(shape: &'a Shape, rng: &'a mut Rng, recorder: &'a Recorder) -> World<'a> {
        let known = vec![shape.initial.clone()];
        let (state, left) = (shape.initial.clone(), shape.operations);
        World { shape, rng, recorder, state, known, next_value: 0, lingering: Vec::new(), left, time: 0 }
    }

    pub(crate) fn run(mut self) {
        let mut clients: VecDeque<Client> =
            (0..self.shape.clients).map(|_| Client::Idle(self.recorder.process())).collect();
        while self.left > 0 || clients.iter().any(|client| !matches!(client, Client::Idle(_))) {
            if !self.lingering.is_empty() && self.rng.u32(..4) == 0 {
                let late = self.lingering.swap_remove(self.rng.usize(..self.lingering.len()));
                self.apply(late);
            }
            let client = clients.swap_remove_back(self.rng.usize(..clients.len())).unwrap();
            self.time += 1;
            clients.push_back(self.act(client));
        }
    }

    fn act(&mut self, client: Client) -> Client {
        match client {
            Client::Idle(process) => self.ask(process),
            busy if self.chance(self.shape.lost / 3) => self.lose(busy),
            Client::Reading(open, None) if self.rng.bool() => Client::Reading(open, Some(self.state.clone())),
            Client::Writing(open, Some(value)) if self.rng.bool() => {
                self.state = value;
                Client::Writing(open, None)
            }
            Client::Swapping(open, from, to, None) if self.rng.bool() => {
                let answer = if self.state == from { Ok(()) } else { Err(self.state.clone()) };
                self.apply(Effect::Cas(from.clone(), to.clone()));
                Client::Swapping(open, from, to, Some(answer))
            }
            Client::Reading(open, Some(value)) => {
                let value = if self.chance(self.shape.corrupted) { self.some_known() } else { value };
                Client::Idle(open.ok(value, self.time))
            }
            Client::Writing(open, None) => Client::Idle(open.ok(self.time)),
            Client::Swapping(open, _, _, Some(answer)) if self.chance(self.shape.corrupted / 4) => {
                Client::Idle(if answer.is_ok() {
                    self.not_swapped(open, Value::Null)
                } else {
                    open.swapped(self.time)
                })
            }
            Client::Swapping(open, _, _, Some(Ok(()))) => Client::Idle(open.swapped(self.time)),
            Client::Swapping(open, _, _, Some(Err(seen))) => Client::Idle(self.not_swapped(open, seen)),
            waiting if self.chance(self.shape.refused / 3) => Client::Idle(self.refuse(waiting)),
            waiting => waiting,
        }
    }

    fn ask(&mut self, process: Process) -> Client {
        if self.left == 0 {
            return Client::Idle(process);
        }
        self.left -= 1;
        let (key, dice) = (self.shape.key.clone(), self.rng.u32(..100));
        if dice < self.shape.writes {
            let value = self.fresh();
            Client::Writing(process.write(key, value.clone(), self.time), Some(value))
        } else if dice < self.shape.writes + self.shape.cas {
            let from = if self.rng.bool() { self.state.clone() } else { self.some_known() };
            let to = if self.rng.u32(..10) == 0 { from.clone() } else { self.fresh() };
            Client::Swapping(process.cas(key, from.clone(), to.clone(), self.time), from, to, None)
        } else {
            Client::Reading(process.read(key, self.time), None)
        }
    }

    /// The answer is lost. What was not applied yet may be, later or never.
    fn lose(&mut self, client: Client) -> Client {
        let silent = self.rng.bool();
        match client {
            Client::Idle(process) => return Client::Idle(process),
            Client::Reading(open, _) => close(open, silent, self.time),
            Client::Writing(open, effect) => {
                self.lingering.extend(effect.map(Effect::Write));
                close(open, silent, self.time);
            }
            Client::Swapping(open, from, to, answer) => {
                self.lingering.extend(answer.is_none().then_some(Effect::Cas(from, to)));
                close(open, silent, self.time);
            }
        }
        Client::Idle(self.recorder.process())
    }

    fn refuse(&mut self, client: Client) -> Process {
        match client {
            Client::Idle(process) => process,
            Client::Reading(open, _) => open.not_applied(self.time),
            Client::Writing(open, _) => open.not_applied(self.time),
            Client::Swapping(open, ..) => open.not_applied(self.time),
        }
    }

    fn not_swapped(&mut self, open: Open<Cas>, seen: Value) -> Process {
        let seen = if self.chance(self.shape.corrupted) { self.some_known() } else { seen };
        match self.shape.failed_cas {
            FailedAnswer::Seen => open.not_swapped(Some(seen), self.time),
            FailedAnswer::NotSeen => open.not_swapped(None, self.time),
            FailedAnswer::Fail => open.not_applied(self.time),
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Write(value) => self.state = value,
            Effect::Cas(from, to) if self.state == from => self.state = to,
            Effect::Cas(..) => {}
        }
    }

    fn fresh(&mut self) -> Value {
        self.next_value += 1;
        let value = match self.shape.values {
            None => Value::from(self.next_value),
            Some(_) if self.rng.u32(..10) == 0 => Value::Null,
            Some(count) => Value::from(self.rng.i64(..count)),
        };
        self.known.push(value.clone());
        value
    }

    fn some_known(&mut self) -> Value {
        self.known[self.rng.usize(..self.known.len())].clone()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }
}

fn close<A>(open: Open<A>, silent: bool, time: u64) {
    match silent {
        true => drop(open),
        false => open.unknown(time),
    }
}
