//! Deleting by the rules for as long as the rest is not linearizable: coarse steps first, every step decided anew.

use super::part::{Kept, Part};
use super::rules::Rules;
use crate::timeline::{Entry, Moment, Timeline};

/// What an engine makes of a part.
pub(super) struct Tried {
    /// Whether it is known not to be linearizable.
    pub(super) bad: bool,
    /// How many configurations that took.
    pub(super) configurations: u64,
    /// Entries of the part that are to blame, if the engine knows.
    pub(super) named: Vec<usize>,
}

/// Parts of this many entries are small enough to look at: the past is not cut off any more.
const SMALL: usize = 3;
/// Parts of more entries than this are first cut down coarsely.
const LARGE: usize = 64;

/// A timeline that is not linearizable, on its way to a small one.
pub(super) struct Reducer<'a, Op, R, D> {
    pub(super) whole: &'a Timeline<Op>,
    pub(super) rules: &'a R,
    /// Decides a part within so many configurations.
    pub(super) decide: D,
    /// What may still be spent, in entries looked at and configurations tried.
    pub(super) effort: u64,
    /// Entries that are to blame for the last bad part, if known.
    pub(super) named: Vec<usize>,
}

impl<Op: Clone, R: Rules<Op>, D: FnMut(&Timeline<Op>, u64) -> Tried> Reducer<'_, Op, R, D> {
    /// Shrinks the whole timeline. `end`: where its shortest bad prefix probably ends.
    pub(super) fn run(&mut self, end: Option<Moment>) -> Part {
        let mut part = Part::whole(self.whole);
        self.jump(&mut part);
        self.cut(&mut part, end);
        if part.len() > LARGE {
            self.forget_the_past(&mut part);
        }
        self.jump(&mut part);
        loop {
            let before = part.len();
            let values = self.rules.values(self.whole, &part);
            self.delete(&mut part, values, R::without_values);
            let observers = self.rules.observers(self.whole, &part);
            self.delete(&mut part, observers, without_entries);
            if part.len() > SMALL {
                self.forget_the_past(&mut part);
            }
            if part.len() == before {
                return part;
            }
        }
    }

    /// Straight to the entries that are to blame.
    fn jump(&mut self, part: &mut Part) {
        if self.named.is_empty() {
            return;
        }
        for candidate in self.rules.around(self.whole, part, &self.named) {
            if candidate.len() < part.len() && self.is_bad(&candidate) {
                *part = candidate;
                return;
            }
        }
    }

    /// To the shortest bad prefix. Prefixes of bad length stay bad as they grow, so halving finds it.
    fn cut(&mut self, part: &mut Part, end: Option<Moment>) {
        if let Some(end) = end {
            let candidate = self.without_unanswered_observers(&part.until(self.whole, end));
            if self.is_bad(&candidate) {
                *part = candidate;
                return;
            }
        }
        let mut ends: Vec<Moment> = part.kept.iter().filter_map(|kept| kept.returned).collect();
        ends.sort_unstable();
        let (mut good, mut bad) = (0, ends.len());
        while good < bad {
            let middle = good + (bad - good) / 2;
            let candidate = self.without_unanswered_observers(&part.until(self.whole, ends[middle]));
            match self.is_bad(&candidate) {
                true => (*part, bad) = (candidate, middle),
                false => good = middle + 1,
            }
        }
    }

    fn without_unanswered_observers(&self, part: &Part) -> Part {
        let mut observers = self.rules.observers(self.whole, part);
        let open: Vec<usize> =
            part.kept.iter().filter(|kept| kept.returned.is_none()).map(|kept| kept.entry).collect();
        observers.retain(|entry| open.binary_search(entry).is_ok());
        without_entries(self.rules, self.whole, part, &observers)
    }

    /// Behind the latest write that hides enough: by strides from the end, then by halves.
    fn forget_the_past(&mut self, part: &mut Part) {
        let resets = self.rules.resets(self.whole, part);
        let (mut near, mut stride) = (0, 1);
        let mut found = None;
        while let Some(&reset) = resets.get(near + stride - 1) {
            if let Some(smaller) = self.behind(part, reset) {
                found = Some((smaller, near + stride - 1));
                break;
            }
            near += stride;
            stride *= 2;
        }
        let Some((mut best, mut far)) = found else { return };
        while near < far {
            let middle = near + (far - near) / 2;
            match self.behind(part, resets[middle]) {
                Some(smaller) => (best, far) = (smaller, middle),
                None => near = middle + 1,
            }
        }
        *part = best;
    }

    fn behind(&mut self, part: &Part, reset: usize) -> Option<Part> {
        let candidate = self.rules.since(self.whole, part, reset);
        (candidate.len() < part.len() && self.is_bad(&candidate)).then_some(candidate)
    }

    /// Deletes what it can of `seeds`, in chunks that get smaller.
    fn delete(
        &mut self,
        part: &mut Part,
        seeds: Vec<usize>,
        without: impl Fn(&R, &Timeline<Op>, &Part, &[usize]) -> Part,
    ) {
        let (mut left, mut size) = (seeds, usize::MAX);
        while size > 1 && !left.is_empty() {
            size = size.min(left.len()).div_ceil(2);
            let mut needed = Vec::new();
            for chunk in left.chunks(size) {
                // Looking for what to try goes through the part, whatever comes of it.
                let Some(rest) = self.effort.checked_sub(part.len() as u64) else { return };
                self.effort = rest;
                let candidate = without(self.rules, self.whole, part, chunk);
                // Where nothing is left to delete, an earlier chunk took it along.
                let gone = candidate.len() == part.len();
                if !gone && self.is_bad(&candidate) {
                    *part = candidate;
                } else if !gone {
                    needed.extend_from_slice(chunk);
                }
            }
            left = needed;
        }
    }

    fn is_bad(&mut self, part: &Part) -> bool {
        let cost = part.len() as u64;
        if self.effort <= cost {
            return false;
        }
        self.effort -= cost;
        let tried = (self.decide)(&timeline(self.rules, self.whole, part), self.effort / 2);
        self.effort = self.effort.saturating_sub(tried.configurations);
        if tried.bad {
            self.named = tried.named.into_iter().map(|place| part.kept[place].entry).collect();
        }
        tried.bad
    }
}

/// A part as a timeline of its own.
pub(crate) fn timeline<Op: Clone, R: Rules<Op>>(
    rules: &R,
    whole: &Timeline<Op>,
    part: &Part,
) -> Timeline<Op> {
    let entry = |kept: &Kept| {
        let Entry { op, invoked, returned } = &whole.entries()[kept.entry];
        let forgotten = returned.is_some() && kept.returned.is_none();
        let op = if forgotten { rules.forgotten(op) } else { op.clone() };
        Entry { op, invoked: *invoked, returned: kept.returned }
    };
    Timeline::new(part.kept.iter().map(entry).collect())
}

fn without_entries<Op, R>(_: &R, _: &Timeline<Op>, part: &Part, gone: &[usize]) -> Part {
    // Chunks are in the order of the entries, as the observers were.
    part.retain(|kept| gone.binary_search(&kept.entry).is_err())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::RegisterRules;
    use super::*;
    use crate::models::RegisterOp;

    /// The rules of registers, and how many entries were gone through to leave values out.
    struct Counting(Cell<u64>);

    impl Rules<RegisterOp> for Counting {
        fn observers(&self, whole: &Timeline<RegisterOp>, part: &Part) -> Vec<usize> {
            RegisterRules.observers(whole, part)
        }

        fn values(&self, whole: &Timeline<RegisterOp>, part: &Part) -> Vec<usize> {
            RegisterRules.values(whole, part)
        }

        fn without_values(&self, whole: &Timeline<RegisterOp>, part: &Part, values: &[usize]) -> Part {
            self.0.set(self.0.get() + part.len() as u64);
            RegisterRules.without_values(whole, part, values)
        }

        fn forgotten(&self, op: &RegisterOp) -> RegisterOp {
            RegisterRules.forgotten(op)
        }

        fn is_complete(&self, whole: &Timeline<RegisterOp>, part: &Part) -> bool {
            RegisterRules.is_complete(whole, part)
        }
    }

    /// Whatever is left out of a ring of CAS takes all of it along. Each such candidate is quickly decided, but not
    /// quickly built.
    #[test]
    fn looking_for_what_to_leave_out_costs_effort_whatever_is_left() {
        let size: usize = 500;
        let swap = |from: usize| Entry {
            op: RegisterOp::Swap { from: from + 1, to: (from + 1) % size + 1 },
            invoked: from as u64 + 1,
            returned: Some((size + from) as u64 + 1),
        };
        let whole = Timeline::new((0..size).map(swap).collect());
        let (rules, effort) = (Counting(Cell::new(0)), 20_000);
        let decide = |part: &Timeline<RegisterOp>, _| Tried {
            bad: part.entries().len() == size,
            configurations: 0,
            named: Vec::new(),
        };
        let mut reducer = Reducer { whole: &whole, rules: &rules, decide, effort, named: Vec::new() };
        assert_eq!(reducer.run(None).len(), size);
        assert!(rules.0.get() <= effort, "{} entries", rules.0.get());
    }
}
