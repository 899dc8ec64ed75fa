//! What may be left out of a register's timeline.

use std::collections::{BTreeMap, BTreeSet};

use super::part::{Kept, Part};
use super::rules::{Rules, kept};
use crate::models::{RegisterOp, ValueId};
use crate::timeline::Timeline;

/// The rules for [`CasRegister`](crate::models::CasRegister).
#[derive(Debug, Clone, Copy, Default)]
pub struct RegisterRules;

impl Rules<RegisterOp> for RegisterRules {
    /// Observations change nothing, and an absurd answer is in no order at all.
    fn observers(&self, whole: &Timeline<RegisterOp>, part: &Part) -> Vec<usize> {
        let entries = part.kept.iter().map(|kept| kept.entry);
        entries.filter(|&entry| observes(whole.entries()[entry].op)).collect()
    }

    /// None while something only says what the register did *not* hold: with a value gone, the value before it shows.
    fn values(&self, whole: &Timeline<RegisterOp>, part: &Part) -> Vec<usize> {
        let ops = || part.kept.iter().map(|kept| whole.entries()[kept.entry].op);
        if ops().any(|op| matches!(op, RegisterOp::ObserveNot(_))) {
            return Vec::new();
        }
        let values: BTreeSet<ValueId> = ops().flat_map(|op| [expected(op), written(op)]).flatten().collect();
        values.into_iter().collect()
    }

    /// With a value go its writes, its observations, and every value that a CAS made of it (a chain's suffix). What
    /// is left is legal: the last write before an observation wrote what it saw, so it is left too, and still last.
    /// The write that hides the past stays in any case: it comes before whatever depends on anything.
    fn without_values(&self, whole: &Timeline<RegisterOp>, part: &Part, values: &[usize]) -> Part {
        let swaps = swaps(whole, part, |from, to| (from, to));
        let gone = closure(values, &swaps);
        let touches =
            |op| [expected(op), written(op)].into_iter().flatten().any(|value| gone.contains(&value));
        part.retain(|kept| Some(kept.entry) == part.since || !touches(whole.entries()[kept.entry].op))
    }

    /// Completed writes.
    fn resets(&self, whole: &Timeline<RegisterOp>, part: &Part) -> Vec<usize> {
        let entries = whole.entries();
        let puts = part
            .kept
            .iter()
            .filter(|kept| kept.returned.is_some() && matches!(entries[kept.entry].op, RegisterOp::Put(_)));
        let mut resets: Vec<usize> = puts.map(|kept| kept.entry).collect();
        resets.sort_by_key(|&entry| std::cmp::Reverse(entries[entry].invoked));
        resets
    }

    /// A write hides the past (what is left of an order of the *whole* timeline is meant here and above). What was over before it goes; of what overlaps it, writes stay, observations go, and a
    /// CAS becomes open. From an order of the whole take what follows the write, and before it the overlapping writes
    /// that it held before, which are legal in any state: that is an order of the rest.
    fn since(&self, whole: &Timeline<RegisterOp>, part: &Part, reset: usize) -> Part {
        let entries = whole.entries();
        let (begin, end) = (entries[reset].invoked, entries[reset].returned);
        let keep = |kept: &Kept| {
            let entry = &entries[kept.entry];
            let overlaps = end.is_none_or(|end| entry.invoked < end);
            let over = entry.returned.is_some_and(|returned| returned < begin);
            match entry.op {
                _ if over => None,
                RegisterOp::Put(_) => Some(*kept),
                RegisterOp::Swap { .. } if overlaps => Some(Kept { returned: None, ..*kept }),
                _ if overlaps => None,
                _ => Some(*kept),
            }
        };
        Part { kept: part.kept.iter().filter_map(keep).collect(), since: Some(reset) }
    }

    /// The named entries' values and what a CAS made them of; all others go, being the values of chains' suffixes.
    /// First without the observations that are not named.
    fn around(&self, whole: &Timeline<RegisterOp>, part: &Part, named: &[usize]) -> Vec<Part> {
        let named: BTreeSet<usize> = named.iter().copied().collect();
        let ops = named.iter().map(|&entry| whole.entries()[entry].op);
        let wanted: Vec<ValueId> = ops.flat_map(|op| [expected(op), written(op)]).flatten().collect();
        let wanted = closure(&wanted, &swaps(whole, part, |from, to| (to, from)));
        let mut others = self.values(whole, part);
        others.retain(|value| !wanted.contains(value));
        let wide = self.without_values(whole, part, &others);
        let narrow =
            wide.retain(|kept| named.contains(&kept.entry) || !observes(whole.entries()[kept.entry].op));
        vec![narrow, wide]
    }

    fn forgotten(&self, op: &RegisterOp) -> RegisterOp {
        *op
    }

    /// Every writer of a value that the part depends on is there (all writers, if it depends on differences), except
    /// those that were over before `since`, and what depends on anything comes after that write. From an order of the
    /// whole take what is there: writes up to that one, everything from it on. The last write before an observation is
    /// among them, and still the last.
    fn is_complete(&self, whole: &Timeline<RegisterOp>, part: &Part) -> bool {
        let entries = whole.entries();
        let end = part.end();
        let hidden = match part.since.map(|write| &entries[write]) {
            None => [0, 0],
            Some(write) => match (write.op, write.returned) {
                (RegisterOp::Put(_), Some(returned)) => [write.invoked, returned],
                _ => return false,
            },
        };
        let mut depends: BTreeSet<ValueId> = BTreeSet::new();
        let mut on_differences = false;
        for one in part.kept.iter().filter(|one| entries[one.entry].invoked < end) {
            let entry = &entries[one.entry];
            let well_placed = match entry.op {
                RegisterOp::Put(_) => true,
                _ => one.returned.is_none() || entry.invoked >= hidden[1],
            };
            if !well_placed {
                return false;
            }
            depends.extend(expected(entry.op));
            on_differences |= matches!(entry.op, RegisterOp::ObserveNot(_));
        }
        entries.iter().zip(kept(whole, part)).all(|(entry, kept)| {
            let irrelevant =
                entry.invoked > end || entry.returned.is_some_and(|returned| returned < hidden[0]);
            let needed = |value| on_differences || depends.contains(&value);
            kept || irrelevant || !written(entry.op).is_some_and(needed)
        })
    }
}

/// Everything that can be reached from `start`.
fn closure(start: &[ValueId], steps: &BTreeMap<ValueId, Vec<ValueId>>) -> BTreeSet<ValueId> {
    let mut reached: BTreeSet<ValueId> = start.iter().copied().collect();
    let mut ahead: Vec<ValueId> = start.to_vec();
    while let Some(value) = ahead.pop() {
        let next = steps.get(&value).into_iter().flatten();
        ahead.extend(next.filter(|&&next| reached.insert(next)));
    }
    reached
}

fn swaps(
    whole: &Timeline<RegisterOp>,
    part: &Part,
    step: impl Fn(ValueId, ValueId) -> (ValueId, ValueId),
) -> BTreeMap<ValueId, Vec<ValueId>> {
    let mut steps: BTreeMap<ValueId, Vec<ValueId>> = BTreeMap::new();
    for kept in &part.kept {
        if let RegisterOp::Swap { from, to } = whole.entries()[kept.entry].op {
            let (one, next) = step(from, to);
            steps.entry(one).or_default().push(next);
        }
    }
    steps
}

fn observes(op: RegisterOp) -> bool {
    matches!(op, RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd)
}

fn expected(op: RegisterOp) -> Option<ValueId> {
    match op {
        RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. } => Some(value),
        RegisterOp::Put(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
    }
}

/// The value that an operation leaves behind.
pub(super) fn written(op: RegisterOp) -> Option<ValueId> {
    match op {
        RegisterOp::Put(value) | RegisterOp::Swap { to: value, .. } => Some(value),
        RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
    }
}
