//! Objects other than registers: counters, sets and queues, each decided by the search.

use std::collections::BTreeSet;

use crate::check::{Method, ModelKind, Options};
use crate::check_keys::{Decided, judged, undecided};
use crate::engine::search::{
    Budget, Difficulty, Frontier, Search, SearchOptions, Searching, linearize, linearize_watched,
};
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::model::Model;
use crate::models::{Counter, CounterOp, Queue, QueueOp, Set, SetOp, ValueId};
use crate::report::{Engine, Unexplained, Verdict, Violation};
use crate::shrink::{self, AnyModel, Core, Part, QueueRules, Rules};
use crate::timeline::{Entry, Moment, Timeline};
use crate::value::{Interner, Short, Value};

/// Decides the operations of one object.
pub(crate) fn decide(
    history: &History,
    indices: &[usize],
    kind: ModelKind,
    options: &Options,
    watch: &(dyn Fn(Searching) + Sync),
) -> Decided {
    match kind {
        ModelKind::Queue => {
            let object = Object::of_values(history, indices, queue_op);
            object.decide(&Queue, &QueueRules, options, watch, |state, values| {
                list(state.iter(), values, ["<", ">"])
            })
        }
        ModelKind::Set => {
            let object = Object::of_values(history, indices, set_op);
            object.decide(&Set, &AnyModel(&Set), options, watch, |state, values| {
                list(state.iter(), values, ["{", "}"])
            })
        }
        _ => {
            // `check` refuses what is neither an integer nor null.
            let initial = integer(&options.initial).unwrap_or(0);
            decide_by(history, indices, &Counter { initial }, &counter_op, options, watch)
        }
    }
}

/// Decides the operations of one object by any model; `op` is as in [`check_model`](crate::check_model).
pub(crate) fn decide_by<M: Model>(
    history: &History,
    indices: &[usize],
    model: &M,
    op: &impl Fn(&Operation) -> Option<M::Op>,
    options: &Options,
    watch: &(dyn Fn(Searching) + Sync),
) -> Decided {
    let object = Object::new(history, indices, op);
    object.decide(model, &AnyModel(model), options, watch, |state, _| format!("{state:?}"))
}

/// The number that a counter holds or is given; `Null` is none.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

struct Object<'a, Op> {
    history: &'a History,
    timeline: Timeline<Op>,
    /// The operation of each entry.
    sources: Vec<usize>,
    values: Vec<&'a Value>,
}

impl<'a, Op: Clone + Eq + std::hash::Hash> Object<'a, Op> {
    fn new(
        history: &'a History,
        indices: &[usize],
        mut op: impl FnMut(&'a Operation) -> Option<Op>,
    ) -> Object<'a, Op> {
        let (mut entries, mut sources) = (Vec::new(), Vec::new());
        for &index in indices {
            let operation = &history.operations()[index];
            let returned = match &operation.outcome {
                Outcome::Ok { returned, .. } => Some(returned.line as Moment),
                Outcome::NotApplied { .. } => continue,
                Outcome::Unknown { .. } => None,
            };
            if let Some(op) = op(operation) {
                entries.push(Entry { op, invoked: operation.invoked.line as Moment, returned });
                sources.push(index);
            }
        }
        Object { history, timeline: Timeline::new(entries), sources, values: Vec::new() }
    }

    /// With values that are told by their numbers.
    fn of_values(
        history: &'a History,
        indices: &[usize],
        op: impl Fn(&'a Operation, &mut Interner<'a>) -> Option<Op>,
    ) -> Object<'a, Op> {
        let mut interner = Interner::new(indices.len());
        let object = Object::new(history, indices, |operation| op(operation, &mut interner));
        Object { values: interner.into_values(), ..object }
    }

    fn decide<M: Model<Op = Op>>(
        &self,
        model: &M,
        rules: &impl Rules<Op>,
        options: &Options,
        watch: &(dyn Fn(Searching) + Sync),
        show: impl Fn(&M::State, &[&Value]) -> String,
    ) -> Decided {
        let because = "the model is not a register".to_owned();
        if options.method == Method::ZonesOnly {
            let (engine, verdict) = undecided(because);
            return Decided { engine, verdict, degree: None };
        }
        let search = SearchOptions { budget: options.budget, ..SearchOptions::default() };
        let (verdict, configurations) = match linearize_watched(model, &self.timeline, &search, watch) {
            Search::Found { order, configurations } => {
                let source = |entry: usize| self.sources[entry];
                (judged(model, &self.timeline, source, order), configurations)
            }
            Search::Impossible { frontier, configurations } => {
                (self.violated(model, rules, &frontier, configurations, show), configurations)
            }
            Search::GaveUp { frontier, configurations, difficulty } => {
                (Verdict::Unknown(self.spent(&frontier, configurations, &difficulty)), configurations)
            }
        };
        Decided { engine: Engine::Search { because, configurations }, verdict, degree: None }
    }

    /// The violation with its core, told on the core.
    fn violated<M: Model<Op = Op>>(
        &self,
        model: &M,
        rules: &impl Rules<Op>,
        frontier: &Frontier<M::State>,
        configurations: u64,
        show: impl Fn(&M::State, &[&Value]) -> String,
    ) -> Verdict {
        let entries = self.timeline.entries();
        let end = entries[frontier.entry].returned.filter(|_| frontier.exact);
        let (part, certifier) = match shrink::by_search(model, rules, &self.timeline, end, configurations) {
            Ok(shrunk) => shrunk,
            Err(doubt) => return shrink::distrusted(doubt),
        };
        let open = |entry: usize| !entries[entry].is_completed();
        let core = Core::new(&part, open, |entry| self.sources[entry], certifier);
        let small = self.part(&part, shrink::timeline(rules, &self.timeline, &part));
        let budget = Budget { configurations: configurations.saturating_mul(2), ..Budget::default() };
        let violation = match linearize(model, &small.timeline, budget) {
            Search::Impossible { frontier, .. } => small.dead_end(&frontier, core, show),
            Search::Found { .. } | Search::GaveUp { .. } => self.dead_end(frontier, core, show),
        };
        let dead_end = frontier.exact.then(|| self.sources[frontier.entry]);
        Verdict::NotLinearizable(Violation { dead_end, ..violation })
    }

    fn part(&self, part: &Part, timeline: Timeline<Op>) -> Object<'a, Op> {
        let sources = part.kept.iter().map(|kept| self.sources[kept.entry]).collect();
        Object { history: self.history, timeline, sources, values: self.values.clone() }
    }

    fn dead_end<S>(
        &self,
        frontier: &Frontier<S>,
        core: Core,
        show: impl Fn(&S, &[&Value]) -> String,
    ) -> Violation {
        let mut states: Vec<String> =
            frontier.states.iter().map(|(state, _)| show(state, &self.values)).collect();
        if states.len() == Frontier::<S>::STATES {
            states.push("something else".to_owned());
        }
        let sentence = format!(
            "{} fits nowhere: every order that explains what returned before it leaves {}.",
            self.operation(frontier.entry),
            states.join(" or ")
        );
        let writers = frontier.states.iter().filter_map(|(_, by)| *by);
        let mut operations: Vec<usize> =
            writers.chain([frontier.entry]).map(|entry| self.sources[entry]).collect();
        operations.sort_unstable();
        operations.dedup();
        Violation { sentence, operations, core, dead_end: None }
    }

    fn spent<S>(&self, frontier: &Frontier<S>, configurations: u64, difficulty: &Difficulty) -> Unexplained {
        let (explained, total) = (frontier.explained, self.timeline.completed());
        let sentence = format!(
            "gave up after {configurations} configurations: {explained} of {total} completed operations are explained, but not yet {} ({difficulty})",
            self.operation(frontier.entry)
        );
        Unexplained { sentence, explained, next: Some(self.sources[frontier.entry]) }
    }

    fn operation(&self, entry: usize) -> &'a Operation {
        &self.history.operations()[self.sources[entry]]
    }
}

/// Values of a state that a sentence names.
const LISTED_VALUES: usize = 20;

fn list<'a>(state: impl Iterator<Item = &'a ValueId>, values: &[&Value], [open, close]: [&str; 2]) -> String {
    let all: Vec<usize> = state.copied().collect();
    let mut values: Vec<String> =
        all.iter().take(LISTED_VALUES).map(|&id| Short(values[id]).to_string()).collect();
    if all.len() > LISTED_VALUES {
        values.push(format!("… {} in all", all.len()));
    }
    format!("{open}{}{close}", values.join(", "))
}

/// What an operation says about a counter; `None` if nothing.
fn counter_op(operation: &Operation) -> Option<CounterOp> {
    match (&operation.action, answer(operation)) {
        (Action::Add(amount), _) => integer(amount).map(CounterOp::Add),
        (_, Some(Answer::Read(value))) => integer(value).map(CounterOp::Observe),
        _ => None,
    }
}

fn set_op<'a>(operation: &'a Operation, values: &mut Interner<'a>) -> Option<SetOp> {
    match (&operation.action, answer(operation)) {
        (Action::Add(value), _) => Some(SetOp::Add(values.id(value))),
        (Action::Remove(value), _) => Some(SetOp::Remove(values.id(value))),
        (_, Some(Answer::Elements(elements))) => {
            let distinct: BTreeSet<ValueId> = elements.iter().map(|value| values.id(value)).collect();
            let absurd = distinct.len() < elements.len();
            Some(if absurd { SetOp::Absurd } else { SetOp::Observe(distinct) })
        }
        (_, Some(Answer::Read(Value::Null))) => Some(SetOp::Observe(Default::default())),
        _ => None,
    }
}

fn queue_op<'a>(operation: &'a Operation, values: &mut Interner<'a>) -> Option<QueueOp> {
    Some(match (&operation.action, answer(operation)) {
        (Action::Enqueue(value), _) => QueueOp::Enqueue(values.id(value)),
        (_, Some(Answer::Read(Value::Null))) => QueueOp::FoundEmpty,
        (_, Some(Answer::Read(value))) => QueueOp::Took(values.id(value)),
        _ => QueueOp::TookUnseen,
    })
}

fn answer(operation: &Operation) -> Option<&Answer> {
    match &operation.outcome {
        Outcome::Ok { answer, .. } => Some(answer),
        Outcome::NotApplied { .. } | Outcome::Unknown { .. } => None,
    }
}
