//! Objects other than registers: counters, sets and queues, each decided by the search.

use std::collections::BTreeSet;

use crate::check::{ModelKind, Options, judged};
use crate::engine::search::{Budget, Difficulty, Frontier, Search, linearize};
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::model::Model;
use crate::models::{Counter, CounterOp, Queue, QueueOp, Set, SetOp, ValueId};
use crate::report::{Engine, Unexplained, Verdict, Violation};
use crate::shrink::{self, AnyModel, Core, Part, QueueRules, Rules};
use crate::timeline::{Entry, Moment, Timeline};
use crate::value::{Interner, Value};

/// Decides the operations of one object.
pub(crate) fn decide(
    history: &History,
    indices: &[usize],
    kind: ModelKind,
    options: &Options,
) -> (Engine, Verdict) {
    match kind {
        ModelKind::Queue => {
            let object = Object::new(history, indices, queue_op);
            object
                .decide(&Queue, &QueueRules, options, |state, values| list(state.iter(), values, ["<", ">"]))
        }
        ModelKind::Set => {
            let object = Object::new(history, indices, set_op);
            object.decide(&Set, &AnyModel(&Set), options, |state, values| {
                list(state.iter(), values, ["{", "}"])
            })
        }
        _ => {
            let object = Object::new(history, indices, counter_op);
            // `check` refuses what is neither an integer nor null.
            let initial = integer(&options.initial).unwrap_or(0);
            let model = Counter { initial };
            object.decide(&model, &AnyModel(&model), options, |state, _| state.to_string())
        }
    }
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
        op: impl Fn(&'a Action, Option<&'a Answer>, &mut Interner<'a>) -> Option<Op>,
    ) -> Self {
        let mut interner = Interner::new(indices.len());
        let (mut entries, mut sources) = (Vec::new(), Vec::new());
        for &index in indices {
            let operation = &history.operations()[index];
            let (answer, returned) = match &operation.outcome {
                Outcome::Ok { returned, answer, .. } => (Some(answer), Some(returned.line as Moment)),
                Outcome::NotApplied { .. } => continue,
                Outcome::Unknown { .. } => (None, None),
            };
            if let Some(op) = op(&operation.action, answer, &mut interner) {
                entries.push(Entry { op, invoked: operation.invoked.line as Moment, returned });
                sources.push(index);
            }
        }
        Object { history, timeline: Timeline::new(entries), sources, values: interner.into_values() }
    }

    fn decide<M: Model<Op = Op>>(
        &self,
        model: &M,
        rules: &impl Rules<Op>,
        options: &Options,
        show: impl Fn(&M::State, &[&Value]) -> String,
    ) -> (Engine, Verdict) {
        let (verdict, configurations) = match linearize(model, &self.timeline, options.budget) {
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
        (Engine::Search { because: "the model is not a register".to_owned(), configurations }, verdict)
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

fn list<'a>(state: impl Iterator<Item = &'a ValueId>, values: &[&Value], [open, close]: [&str; 2]) -> String {
    let values: Vec<String> = state.map(|&id| values[id].to_string()).collect();
    format!("{open}{}{close}", values.join(", "))
}

/// What an operation says about a counter; `None` if nothing.
fn counter_op(action: &Action, answer: Option<&Answer>, _: &mut Interner<'_>) -> Option<CounterOp> {
    match (action, answer) {
        (Action::Add(amount), _) => integer(amount).map(CounterOp::Add),
        (_, Some(Answer::Read(value))) => integer(value).map(CounterOp::Observe),
        _ => None,
    }
}

fn set_op<'a>(action: &'a Action, answer: Option<&'a Answer>, values: &mut Interner<'a>) -> Option<SetOp> {
    match (action, answer) {
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

fn queue_op<'a>(
    action: &'a Action,
    answer: Option<&'a Answer>,
    values: &mut Interner<'a>,
) -> Option<QueueOp> {
    Some(match (action, answer) {
        (Action::Enqueue(value), _) => QueueOp::Enqueue(values.id(value)),
        (_, Some(Answer::Read(Value::Null))) => QueueOp::FoundEmpty,
        (_, Some(Answer::Read(value))) => QueueOp::Took(values.id(value)),
        _ => QueueOp::TookUnseen,
    })
}
