//! Sentences for people: which operation cannot be explained, what makes it impossible, at which lines.

use crate::engine::search::{Difficulty, Frontier};
use crate::engine::unique::{Clash, Extreme, Extremes, Obstacle};
use crate::history::{Mark, Operation};
use crate::models::{RegisterOp, ValueId};
use crate::register_history::RegisterHistory;
use crate::report::{Unexplained, Violation};
use crate::shrink::{Core, OtherWriters};

/// Of a circle, so many operations are told.
const TOLD: usize = 20;

/// Puts what an engine found about one register into words.
pub(crate) struct Explainer<'a> {
    register: &'a RegisterHistory<'a>,
}

impl<'a> Explainer<'a> {
    pub(crate) fn new(register: &'a RegisterHistory<'a>) -> Explainer<'a> {
        Explainer { register }
    }

    /// Why zones are not exact for this register.
    pub(crate) fn obstacle(&self, obstacle: Obstacle) -> String {
        match obstacle {
            Obstacle::TwoWriters { value, first, second } => {
                let value = self.register.value(value);
                let second = self.operation(second).invoked.line;
                match first {
                    Some(first) => {
                        let first = self.operation(first).invoked.line;
                        format!("{value} is observed and written twice, at lines {first} and {second}")
                    }
                    None => {
                        format!("the initial value {value} is observed and written again at line {second}")
                    }
                }
            }
            Obstacle::ObservedDifference { entry } => {
                let line = self.operation(entry).invoked.line;
                format!("the cas of line {line} only says what the register did not hold")
            }
        }
    }

    /// Why the zones of this register exclude each other.
    pub(crate) fn clash(&self, clash: &Clash, core: Core) -> Violation {
        match clash {
            Clash::Absurd { entry } => {
                let sentence = format!("{}: that is what it expected.", self.operation(*entry));
                self.violation(sentence, &[*entry], core)
            }
            Clash::NeverWritten { observer, value } => {
                let (operation, value) = (self.operation(*observer), self.register.value(*value));
                let sentence = format!("{operation} depends on {value}, which nobody wrote.");
                self.violation(sentence, &[*observer], core)
            }
            Clash::FromTheFuture { reader, writer } => {
                let (read, write) = (self.operation(*reader), self.operation(*writer));
                let sentence = format!(
                    "{read} was over before anybody asked to write this value; the first was {write}."
                );
                self.violation(sentence, &[*reader, *writer], core)
            }
            Clash::ReplacedTwice { writer, swaps: [one, other] } => {
                let (first, second) = (self.operation(*one), self.operation(*other));
                let replaced = self.writer(*writer);
                let sentence =
                    format!("{first} and {second} both replaced one and the same value: {replaced}.");
                self.violation(sentence, &[Some(*one), Some(*other), *writer], core)
            }
            Clash::Circle { swaps } => {
                let mut all: Vec<String> =
                    swaps.iter().take(TOLD).map(|&swap| self.operation(swap).to_string()).collect();
                if swaps.len() > TOLD {
                    all.push(format!("… and {} more", swaps.len() - TOLD));
                }
                let sentence = format!(
                    "Each of these expects a value that only the others lead to: {}.",
                    all.join("; ")
                );
                self.violation(sentence, swaps, core)
            }
            Clash::LateInChain { early, swap, late, value } => {
                self.late_in_chain([*early, *swap, *late], *value, core)
            }
            Clash::Entangled { chains } => self.entangled(chains, core),
        }
    }

    /// Why nobody can have written what was observed. `since`: the write that hides what was before.
    pub(crate) fn unwritten(
        &self,
        observer: usize,
        value: ValueId,
        since: Option<usize>,
        others: &OtherWriters,
        core: Core,
    ) -> Violation {
        let (operation, value) = (self.operation(observer), self.register.value(value));
        let nobody = format!("{operation} depends on {value}, which nobody wrote");
        let sentence = match (since, others.before, others.after) {
            (None, _, None) => format!("{nobody}."),
            (None, _, Some(after)) => {
                format!("{nobody} by then; the first to ask for it was {}.", self.operation(after))
            }
            (Some(since), Some(before), _) => format!(
                "{nobody} after {}; the last to write it before that was {}.",
                self.operation(since),
                self.operation(before)
            ),
            (Some(since), None, Some(after)) => format!(
                "{nobody} from {} on until then; the next to ask for it was {}.",
                self.operation(since),
                self.operation(after)
            ),
            (Some(since), None, None) => format!("{nobody} from {} on.", self.operation(since)),
        };
        let involved = [Some(observer), since, others.before.or(others.after)];
        self.violation(sentence, &involved, core)
    }

    /// What the search ran into.
    pub(crate) fn dead_end(&self, frontier: &Frontier<ValueId>, core: Core) -> Violation {
        let stuck = self.operation(frontier.entry);
        if !frontier.exact {
            let sentence = format!(
                "no order explains all of this. What returned before {stuck} can be explained; the budget did not \
                 suffice to find the first operation that cannot."
            );
            return self.violation(sentence, &[frontier.entry], core);
        }
        let mut states: Vec<String> = Vec::new();
        let mut involved = vec![frontier.entry];
        for &(value, writer) in &frontier.states {
            states.push(format!("{} (from {})", self.register.value(value), self.writer(writer)));
            involved.extend(writer);
        }
        if states.len() == Frontier::<ValueId>::STATES {
            states.push("some other value".to_owned());
        }
        let before = self.writers_of_what_is_needed(frontier.entry);
        let needed = match before.last() {
            Some(&last) => format!(" The last write of what it needs was {}.", self.operation(last)),
            None => String::new(),
        };
        involved.extend(before.last());
        let sentence = format!(
            "{stuck} fits nowhere: every order that explains what returned before it leaves the register at {}.{needed}",
            states.join(" or ")
        );
        self.violation(sentence, &involved, core)
    }

    /// How far a search came with its budget.
    pub(crate) fn spent(
        &self,
        frontier: &Frontier<ValueId>,
        configurations: u64,
        difficulty: &Difficulty,
    ) -> Unexplained {
        let (explained, total) = (frontier.explained, self.register.timeline.completed());
        let sentence = format!(
            "gave up after {configurations} configurations: {explained} of {total} completed operations are explained, but not yet {} ({difficulty})",
            self.operation(frontier.entry)
        );
        Unexplained { sentence, explained, next: Some(self.register.source(frontier.entry)) }
    }

    fn late_in_chain(&self, [early, swap, late]: [usize; 3], value: ValueId, core: Core) -> Violation {
        let (value, cas) = (self.register.value(value), self.operation(swap));
        let over = match early == swap {
            true => format!("{cas} was over"),
            false => format!("{} comes after {cas} and was over", self.operation(early)),
        };
        let sentence = format!(
            "{} depends on {value}, but {cas} had replaced that: {over} (line {}) before it was invoked (line {}).",
            self.operation(late),
            self.returned(early),
            self.operation(late).invoked.line,
        );
        self.violation(sentence, &[early, swap, late], core)
    }

    /// The chain that goes on the longest is the one that should have been over.
    fn entangled(&self, chains: &[Extremes; 2], core: Core) -> Violation {
        let goes_on =
            |chain: &Extremes| chain.latest_invocation.entry.map(|entry| self.operation(entry).invoked.line);
        let [old, new] = match goes_on(&chains[0]) >= goes_on(&chains[1]) {
            true => [chains[0], chains[1]],
            false => [chains[1], chains[0]],
        };
        let (late, too_late) = self.follows(new.earliest_return, old.latest_invocation);
        let (_, converse) = self.follows(old.earliest_return, new.latest_invocation);
        let mut sentence = format!("{late} cannot be explained: {too_late}; but {converse}.");
        for chain in [old, new] {
            let (one, other) = (chain.earliest_return, chain.latest_invocation);
            if one.writer != other.writer {
                let (one, other) = (self.writer(one.writer), self.writer(other.writer));
                sentence += &format!(" ({one} and {other} are tied by compare-and-sets.)");
            }
        }
        let ends = [old.earliest_return, old.latest_invocation, new.earliest_return, new.latest_invocation];
        let involved: Vec<Option<usize>> = ends.iter().flat_map(|end| [end.entry, end.writer]).collect();
        self.violation(sentence, &involved, core)
    }

    /// The later operation, and that its value must follow the earlier one's because that was over before.
    fn follows(&self, before: Extreme, after: Extreme) -> (String, String) {
        let late = after.entry.map_or_else(|| self.writer(None), |entry| self.operation(entry).to_string());
        let invoked = after.entry.map_or(0, |entry| self.operation(entry).invoked.line);
        let order =
            format!("so {} comes after {}", self.value_of(after.writer), self.value_of(before.writer));
        let reason = match before.entry {
            Some(entry) => format!(
                "{} was over (line {}) before {} was invoked (line {invoked}), {order}",
                self.operation(entry),
                self.returned(entry),
                after.entry.map_or_else(|| late.clone(), |entry| self.short(entry)),
            ),
            None => format!("{} was there before everything, {order}", self.writer(None)),
        };
        (late, reason)
    }

    /// The writes of the value that an entry needs, as far as they could have come before its return.
    fn writers_of_what_is_needed(&self, entry: usize) -> Vec<usize> {
        let entries = self.register.timeline.entries();
        let (RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. }) = entries[entry].op else {
            return Vec::new();
        };
        let writes =
            |op: RegisterOp| matches!(op, RegisterOp::Put(to) | RegisterOp::Swap { to, .. } if to == value);
        let limit = entries[entry].returned;
        (0..entries.len())
            .filter(|&other| other != entry && writes(entries[other].op))
            .filter(|&other| limit.is_none_or(|limit| entries[other].invoked < limit))
            .collect()
    }

    fn operation(&self, entry: usize) -> &'a Operation {
        self.register.operation(entry)
    }

    fn returned(&self, entry: usize) -> usize {
        self.operation(entry).completed_at().map_or(0, |Mark { line, .. }| line)
    }

    /// An operation that was named before.
    fn short(&self, entry: usize) -> String {
        let operation = self.operation(entry);
        format!("process {}'s {}", operation.process, operation.action)
    }

    fn writer(&self, writer: Option<usize>) -> String {
        match writer {
            Some(entry) => self.operation(entry).to_string(),
            None => format!("the initial value {}", self.register.value(self.register.model.initial)),
        }
    }

    fn value_of(&self, writer: Option<usize>) -> String {
        let op = writer.map(|entry| self.register.timeline.entries()[entry].op);
        let value = match op {
            Some(RegisterOp::Put(value) | RegisterOp::Swap { to: value, .. }) => value,
            _ => self.register.model.initial,
        };
        self.register.value(value).to_string()
    }

    fn violation<E: Copy + Into<Option<usize>>>(
        &self,
        sentence: String,
        involved: &[E],
        core: Core,
    ) -> Violation {
        let mut operations: Vec<usize> = involved
            .iter()
            .filter_map(|&entry| entry.into())
            .map(|entry| self.register.source(entry))
            .collect();
        operations.sort_unstable();
        operations.dedup();
        Violation { sentence, operations, core, dead_end: None }
    }
}
