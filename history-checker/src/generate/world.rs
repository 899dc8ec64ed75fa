//! The clients, the objects, and chance between them.

use std::collections::VecDeque;
use std::io;

use fastrand::Rng;

use super::object::Object;
use super::plant::Plant;
use super::shape::{FailedAnswer, Shape};
use super::sink::Sink;
use crate::check::ModelKind;
use crate::history::{Action, Answer, Mark, Operation, Outcome};
use crate::objects::integer;
use crate::value::{Key, Value};

/// Between two things that happen, in nanoseconds: with ten clients an operation takes a millisecond or two.
const STEP: u64 = 50_000;
/// So many values are kept to be expected and to be answered wrongly.
const KNOWN: usize = 4_096;

pub(super) struct World<'a, S> {
    shape: &'a Shape,
    rng: &'a mut Rng,
    sink: &'a mut S,
    objects: Vec<(Option<Key>, Object)>,
    known: Vec<Value>,
    next_value: i64,
    /// Lost requests that may still take effect at any time.
    lingering: Vec<(usize, Action)>,
    /// What happens when so many operations were asked for, in that order.
    planned: VecDeque<(usize, Planned)>,
    asked: usize,
    processes: u64,
    numbers: usize,
    line: usize,
    time: u64,
}

enum Planned {
    Effect(usize, Action),
    Plant(i64, Plant),
}

enum Client {
    Idle(u64),
    Busy(Request),
}

/// An operation under way; the answer is there as soon as it has taken effect.
struct Request {
    number: usize,
    object: usize,
    operation: Operation,
    answer: Option<Answer>,
}

impl<'a, S: Sink> World<'a, S> {
    pub(super) fn new(shape: &'a Shape, rng: &'a mut Rng, sink: &'a mut S) -> World<'a, S> {
        let key = |number| match shape.keys {
            0 | 1 => shape.key.clone(),
            _ => Some(Key::from(format!("k{number}"))),
        };
        let object = |number| (key(number), Object::new(shape.model, &shape.initial));
        World {
            shape,
            rng,
            sink,
            objects: (0..shape.keys.max(1)).map(object).collect(),
            known: vec![shape.initial.clone()],
            next_value: 0,
            lingering: Vec::new(),
            planned: VecDeque::new(),
            asked: 0,
            processes: 0,
            numbers: 0,
            line: 0,
            time: 0,
        }
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        self.plan()?;
        let mut clients: Vec<Client> =
            (0..self.shape.clients).map(|_| Client::Idle(self.process())).collect();
        let mut busy = 0;
        while self.asked < self.shape.operations || busy > 0 {
            self.do_planned()?;
            if !self.lingering.is_empty() && self.rng.u32(..4) == 0 {
                let (object, action) = self.lingering.swap_remove(self.rng.usize(..self.lingering.len()));
                self.objects[object].1.apply(&action);
            }
            let client = clients.swap_remove(self.rng.usize(..clients.len()));
            busy -= usize::from(matches!(client, Client::Busy(_)));
            self.time += STEP;
            let client = self.act(client)?;
            busy += usize::from(matches!(client, Client::Busy(_)));
            clients.push(client);
        }
        self.do_planned()
    }

    /// Asks for everything that will stay open, and decides what happens when.
    fn plan(&mut self) -> io::Result<()> {
        let (operations, open, plants) = (self.shape.operations, self.shape.open, self.shape.plants.len());
        let mut planned = Vec::new();
        for number in 0..open {
            let object = number % self.objects.len();
            let (process, action) = (self.process(), self.change(object));
            if number % 2 == 0 {
                let at = share(operations, number + 1, open + 1);
                planned.push((at, Planned::Effect(object, action.clone())));
            }
            self.invoke(process, object, action)?;
        }
        for (planted, (number, &plant)) in (0_i64..).zip(&self.shape.plants).enumerate() {
            let at = share(operations, planted + 1, plants + 1);
            planned.push((at, Planned::Plant(number, plant)));
        }
        planned.sort_by_key(|&(at, _)| at);
        self.planned = planned.into();
        Ok(())
    }

    fn do_planned(&mut self) -> io::Result<()> {
        while let Some((_, planned)) = self.planned.pop_front_if(|&mut (at, _)| at <= self.asked) {
            match planned {
                Planned::Effect(object, action) => {
                    self.objects[object].1.apply(&action);
                }
                Planned::Plant(number, plant) => self.plant(number, plant)?,
            }
        }
        Ok(())
    }

    fn plant(&mut self, number: i64, plant: Plant) -> io::Result<()> {
        let object = usize::try_from(number).unwrap_or(0) % self.objects.len();
        let script = plant.script(number);
        let mut requests: Vec<Option<Request>> = script.operations.iter().map(|_| None).collect();
        for &end in script.ends {
            self.time += STEP;
            let (action, answer) = &script.operations[end];
            match requests[end].take() {
                None => {
                    let process = self.process();
                    requests[end] = Some(self.invoke(process, object, action.clone())?);
                }
                Some(request) => {
                    self.answer(request, answer.clone())?;
                }
            }
        }
        self.objects[object].1.apply(&Action::Write(script.last));
        Ok(())
    }

    fn act(&mut self, client: Client) -> io::Result<Client> {
        let mut request = match client {
            Client::Idle(process) => return self.ask(process),
            Client::Busy(request) => request,
        };
        if self.chance(self.shape.lost / 3) {
            return self.lose(request);
        }
        match request.answer.take() {
            None if self.rng.bool() => {
                request.answer = Some(self.objects[request.object].1.apply(&request.operation.action));
            }
            None if self.chance(self.shape.refused / 3) => return self.refuse(request),
            None => {}
            Some(answer) => {
                let answer = self.disturbed(answer);
                return match (&answer, self.shape.failed_cas) {
                    (Answer::NotSwapped { .. }, FailedAnswer::Fail) => self.refuse(request),
                    _ => self.answer(request, answer),
                };
            }
        }
        Ok(Client::Busy(request))
    }

    fn ask(&mut self, process: u64) -> io::Result<Client> {
        if self.asked == self.shape.operations {
            return Ok(Client::Idle(process));
        }
        self.asked += 1;
        let objects = self.objects.len();
        let object = if objects == 1 { 0 } else { self.rng.usize(..objects) };
        let dice = self.rng.u32(..100);
        let action = if dice < self.shape.writes {
            self.write()
        } else if dice < self.shape.writes.saturating_add(self.shape.cas) {
            self.cas(object)
        } else if self.shape.model == ModelKind::Queue {
            Action::Dequeue
        } else {
            Action::Read
        };
        self.invoke(process, object, action).map(Client::Busy)
    }

    /// An action that is not only a look, with the kinds' shares.
    fn change(&mut self, object: usize) -> Action {
        let all = self.shape.writes.saturating_add(self.shape.cas).max(1);
        match self.rng.u32(..all) < self.shape.writes.max(u32::from(self.shape.cas == 0)) {
            true => self.write(),
            false => self.cas(object),
        }
    }

    fn write(&mut self) -> Action {
        match self.shape.model {
            ModelKind::Register | ModelKind::CasRegister | ModelKind::Map => Action::Write(self.fresh()),
            ModelKind::Counter => Action::Add(Value::from(self.rng.i64(1..=5))),
            ModelKind::Set if self.rng.u32(..3) == 0 => Action::Remove(self.some_known()),
            ModelKind::Set => Action::Add(self.fresh()),
            ModelKind::Queue => Action::Enqueue(self.fresh()),
        }
    }

    fn cas(&mut self, object: usize) -> Action {
        let from = if self.rng.bool() { self.objects[object].1.value() } else { self.some_known() };
        let to = if self.rng.u32(..10) == 0 { from.clone() } else { self.fresh() };
        Action::Cas { from, to }
    }

    /// The answer is lost. What was not applied yet may be, later or never.
    fn lose(&mut self, mut request: Request) -> io::Result<Client> {
        let silent = self.rng.bool();
        if !silent {
            let gave_up = Some(self.mark());
            request.operation.outcome = Outcome::Unknown { gave_up };
            self.sink.completed(request.number, &request.operation)?;
        }
        if request.answer.is_none() && !matches!(request.operation.action, Action::Read) {
            self.lingering.push((request.object, request.operation.action));
        }
        Ok(Client::Idle(self.process()))
    }

    fn refuse(&mut self, mut request: Request) -> io::Result<Client> {
        request.operation.outcome = Outcome::NotApplied { returned: self.mark() };
        self.sink.completed(request.number, &request.operation)?;
        Ok(Client::Idle(request.operation.process))
    }

    fn answer(&mut self, mut request: Request, answer: Answer) -> io::Result<Client> {
        request.operation.outcome = Outcome::Ok { returned: self.mark(), answer, version: None };
        self.sink.completed(request.number, &request.operation)?;
        Ok(Client::Idle(request.operation.process))
    }

    fn invoke(&mut self, process: u64, object: usize, action: Action) -> io::Result<Request> {
        let (invoked, key) = (self.mark(), self.objects[object].0.clone());
        let outcome = Outcome::Unknown { gave_up: None };
        let operation = Operation { process, key, action, invoked, outcome };
        let number = self.numbers;
        self.numbers += 1;
        self.sink.invoked(number, &operation)?;
        Ok(Request { number, object, operation, answer: None })
    }

    /// What the client is told.
    fn disturbed(&mut self, answer: Answer) -> Answer {
        let corrupted = self.shape.corrupted;
        match answer {
            Answer::Read(_) if self.chance(corrupted) => Answer::Read(self.wrong()),
            Answer::Elements(_) if self.chance(corrupted) => Answer::Elements(vec![self.wrong()]),
            Answer::Swapped if self.chance(corrupted / 4) => self.not_swapped(Some(Value::Null)),
            Answer::NotSwapped { .. } if self.chance(corrupted / 4) => Answer::Swapped,
            Answer::NotSwapped { seen } => self.not_swapped(seen),
            answer => answer,
        }
    }

    fn not_swapped(&mut self, seen: Option<Value>) -> Answer {
        let seen = if self.chance(self.shape.corrupted) { Some(self.some_known()) } else { seen };
        Answer::NotSwapped { seen: seen.filter(|_| self.shape.failed_cas == FailedAnswer::Seen) }
    }

    /// An answer that is likely wrong, of a kind that the model may give.
    fn wrong(&mut self) -> Value {
        match (self.shape.model, self.some_known()) {
            (ModelKind::Counter, value) if integer(&value).is_none() => Value::from(1_i64),
            (_, value) => value,
        }
    }

    fn fresh(&mut self) -> Value {
        self.next_value += 1;
        let value = match self.shape.values {
            None => Value::from(self.next_value),
            // A queue answers null where it is empty, so nobody enqueues it.
            Some(_) if self.shape.model != ModelKind::Queue && self.rng.u32(..10) == 0 => Value::Null,
            Some(count) => Value::from(self.rng.i64(0..count)),
        };
        match self.known.len() {
            KNOWN => {
                let oldest = usize::try_from(self.next_value).unwrap_or(0) % KNOWN;
                self.known[oldest] = value.clone();
            }
            _ => self.known.push(value.clone()),
        }
        value
    }

    fn some_known(&mut self) -> Value {
        self.known[self.rng.usize(..self.known.len())].clone()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    fn process(&mut self) -> u64 {
        self.processes += 1;
        self.processes - 1
    }

    fn mark(&mut self) -> Mark {
        self.line += 1;
        Mark { line: self.line, time: self.time }
    }
}

/// So much of the whole, without overflow on the way.
fn share(whole: usize, part: usize, parts: usize) -> usize {
    usize::try_from(whole as u128 * part as u128 / parts.max(1) as u128).unwrap_or(whole)
}
