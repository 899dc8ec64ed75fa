//! The referee of degrees: each definition written out, with every order tried. It shares no code with the crate beyond
//! the history types.

use history_checker::{Action, Answer, FailedCas, History, Operation, Outcome, Value};

/// One operation of a register, as far as it says anything.
pub(crate) struct Step<'a> {
    pub(crate) index: usize,
    process: u64,
    invoked: usize,
    /// `None`: unknown.
    returned: Option<usize>,
    sees: Sees<'a>,
    writes: Option<&'a Value>,
    times: (u64, u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees<'a> {
    Nothing,
    This(&'a Value),
    NotThis(&'a Value),
    Impossible,
}

pub(crate) fn steps(history: &History, failed_cas: FailedCas) -> Vec<Step<'_>> {
    let operations = history.operations().iter().enumerate();
    operations.filter_map(|(index, operation)| step(index, operation, failed_cas)).collect()
}

fn step(index: usize, operation: &Operation, failed_cas: FailedCas) -> Option<Step<'_>> {
    let Operation { process, action, invoked, outcome, .. } = operation;
    let (sees, writes) = match (action, outcome) {
        (Action::Read, Outcome::Ok { answer: Answer::Read(value), .. }) => (Sees::This(value), None),
        (Action::Write(value), Outcome::Ok { .. } | Outcome::Unknown { .. }) => (Sees::Nothing, Some(value)),
        (Action::Cas { from, .. }, Outcome::Ok { answer: Answer::NotSwapped { seen }, .. }) => match seen {
            Some(seen) if seen == from => (Sees::Impossible, None),
            Some(seen) => (Sees::This(seen), None),
            None => (Sees::NotThis(from), None),
        },
        (Action::Cas { from, .. }, Outcome::NotApplied { .. }) if failed_cas == FailedCas::Observe => {
            (Sees::NotThis(from), None)
        }
        (Action::Cas { from, to }, Outcome::Ok { .. } | Outcome::Unknown { .. }) => {
            (Sees::This(from), Some(to).filter(|&to| to != from))
        }
        _ => return None,
    };
    let returned = match outcome {
        Outcome::Unknown { .. } => None,
        _ => operation.completed_at().map(|mark| mark.line),
    };
    // What changes nothing and may not have happened says nothing.
    (returned.is_some() || writes.is_some()).then_some(())?;
    let times = (invoked.time, operation.completed_at().map_or(0, |mark| mark.time));
    Some(Step { index, process: *process, invoked: invoked.line, returned, sees, writes, times })
}

impl Sees<'_> {
    fn allows(self, state: &Value) -> bool {
        match self {
            Sees::Nothing => true,
            Sees::This(value) => value == state,
            Sees::NotThis(value) => value != state,
            Sees::Impossible => false,
        }
    }
}

/// Whether some order that keeps each process's explains everything.
pub(crate) fn is_sequentially_consistent(steps: &[Step<'_>], initial: &Value) -> bool {
    fn search(steps: &[Step<'_>], taken: &mut [bool], state: &Value) -> bool {
        let left: Vec<usize> = (0..steps.len()).filter(|&number| !taken[number]).collect();
        if left.iter().all(|&number| steps[number].returned.is_none()) {
            return true;
        }
        left.iter().any(|&number| {
            let step = &steps[number];
            let waits = left.iter().any(|&other| {
                let other = &steps[other];
                other.process == step.process && other.returned.is_some() && other.invoked < step.invoked
            });
            if waits || !step.sees.allows(state) {
                return false;
            }
            taken[number] = true;
            let found = search(steps, taken, step.writes.unwrap_or(state));
            taken[number] = false;
            found
        })
    }
    search(steps, &mut vec![false; steps.len()], initial)
}

/// Whether each observation can be explained together with all writes.
pub(crate) fn is_regular(steps: &[Step<'_>], initial: &Value) -> bool {
    fn search(steps: &[(&Step<'_>, bool)], taken: &mut [bool], state: &Value) -> bool {
        (0..steps.len()).filter(|&number| !taken[number]).collect::<Vec<_>>().into_iter().any(|number| {
            let (step, observes) = steps[number];
            let waits = (0..steps.len())
                .any(|other| !taken[other] && steps[other].0.returned.is_some_and(|end| end < step.invoked));
            if waits {
                return false;
            }
            if observes {
                // What is left are writes, and they fit in the order of their invocations.
                return step.sees.allows(state);
            }
            taken[number] = true;
            let found = search(steps, taken, step.writes.unwrap_or(state));
            taken[number] = false;
            found
        })
    }
    let writes = steps.iter().filter(|step| step.writes.is_some()).map(|step| (step, false));
    let writes: Vec<(&Step<'_>, bool)> = writes.collect();
    let observations = steps.iter().filter(|step| step.returned.is_some() && step.sees != Sees::Nothing);
    observations.into_iter().all(|observation| {
        let mut all = writes.clone();
        all.push((observation, true));
        search(&all, &mut vec![false; all.len()], initial)
    })
}

/// What [`Staleness`](history_checker::degree::Staleness) counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) observations: usize,
    pub(crate) from_the_future: usize,
    pub(crate) never_written: usize,
    /// Versions, age, and index of each stale observation.
    pub(crate) stale: Vec<(usize, u64, usize)>,
}

/// The initial value's writer is `None`.
type Writer = Option<usize>;

struct Facts<'a> {
    steps: &'a [Step<'a>],
    initial: &'a Value,
    trusted: Vec<bool>,
}

pub(crate) fn staleness(steps: &[Step<'_>], initial: &Value) -> Counts {
    let mut facts = Facts { steps, initial, trusted: vec![false; steps.len()] };
    let mut counts = Counts::default();
    for (number, step) in steps.iter().enumerate() {
        let (Sees::This(value), Some(returned)) = (step.sees, step.returned) else { continue };
        counts.observations += 1;
        let writers = facts.writers(value);
        let possible: Vec<Writer> = (writers.iter().copied())
            .filter(|writer| writer.is_none_or(|writer| steps[writer].invoked < returned))
            .collect();
        if writers.is_empty() {
            counts.never_written += 1;
        } else if possible.is_empty() {
            counts.from_the_future += 1;
        } else {
            let least = possible.into_iter().map(|writer| facts.replaced(writer, step)).min().unwrap();
            match least {
                (0, _) => facts.trusted[number] = true,
                (versions, age) => counts.stale.push((versions, age, step.index)),
            }
        }
    }
    counts.stale.sort_by_key(|&(versions, age, index)| (std::cmp::Reverse((versions, age)), index));
    counts
}

impl<'a> Facts<'a> {
    fn writers(&self, value: &Value) -> Vec<Writer> {
        let written = (0..self.steps.len()).filter(|&number| self.steps[number].writes == Some(value));
        let initial = (value == self.initial).then_some(None);
        initial.into_iter().chain(written.map(Some)).collect()
    }

    fn value(&self, writer: Writer) -> &'a Value {
        writer.map_or(self.initial, |writer| self.steps[writer].writes.unwrap())
    }

    /// The write itself, and the trusted observations that can only be of it.
    fn evidence(&self, writer: Writer) -> Vec<&'a Step<'a>> {
        let value = self.value(writer);
        let sole = self.writers(value).len() == 1;
        let observers = (0..self.steps.len())
            .filter(|&number| sole && self.trusted[number] && self.steps[number].sees == Sees::This(value));
        writer.into_iter().chain(observers).map(|number| &self.steps[number]).collect()
    }

    /// Line and time since when a write was in effect, if it was before `line`.
    fn effect(&self, writer: Writer, line: usize) -> Option<(usize, u64)> {
        if writer.is_none() {
            return Some((0, 0));
        }
        let ends = self.evidence(writer).into_iter().filter_map(|step| Some((step.returned?, step.times.1)));
        ends.filter(|&(end, _)| end < line).min()
    }

    /// How many writes had replaced this one when `reader` was invoked, and since how long the first.
    fn replaced(&self, writer: Writer, reader: &Step<'_>) -> (usize, u64) {
        let Some((since, _)) = self.effect(writer, reader.invoked) else { return (0, 0) };
        let writes = (0..self.steps.len()).filter(|&number| self.steps[number].writes.is_some());
        let others = writes.map(Some).filter(|&other| other != writer);
        let followers: Vec<(usize, u64)> = others
            .filter(|&other| {
                let evidence = self.evidence(other);
                evidence.iter().any(|step| step.invoked < reader.invoked && step.invoked > since)
            })
            .filter_map(|other| self.effect(other, reader.invoked))
            .collect();
        let first = followers.iter().min();
        (followers.len(), first.map_or(0, |&(_, time)| reader.times.0.saturating_sub(time)))
    }
}
