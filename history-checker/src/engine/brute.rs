//! Every order, tried one by one: the definition itself, for timelines that are small enough. It certifies what the
//! engines say, so it shares no code with them, remembers nothing and skips nothing.

use crate::model::Model;
use crate::timeline::{Entry, Moment, Timeline};

/// Larger timelines are not begun: completed entries.
pub const COMPLETED: usize = 12;
/// Larger timelines are not begun: entries that may take effect or not.
pub const OPEN: usize = 12;
/// Steps after which it stops: a tenth of a second or so.
pub const STEPS: u64 = 500_000;

/// What trying every order showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brute {
    /// This order explains the timeline.
    Linearizable {
        /// Entries in the order of their effects.
        order: Vec<usize>,
    },
    /// None does: all were tried.
    NotLinearizable,
    /// Too many entries, or too many orders: nothing is known.
    TooLarge,
}

/// Tries every order of the completed entries, with every choice of open ones, within the limits of this module.
#[must_use]
pub fn try_every_order<M: Model>(model: &M, timeline: &Timeline<M::Op>) -> Brute {
    let entries = timeline.entries();
    let completed = timeline.completed();
    if completed > COMPLETED || entries.len() - completed > OPEN {
        return Brute::TooLarge;
    }
    let mut attempt = Attempt { model, entries, order: Vec::new(), steps: STEPS };
    match attempt.extend(&model.initial()) {
        _ if attempt.steps == 0 => Brute::TooLarge,
        true => Brute::Linearizable { order: attempt.order },
        false => Brute::NotLinearizable,
    }
}

struct Attempt<'a, M: Model> {
    model: &'a M,
    entries: &'a [Entry<M::Op>],
    order: Vec<usize>,
    steps: u64,
}

impl<M: Model> Attempt<'_, M> {
    /// Whether the order so far, which leads to `state`, can be completed.
    fn extend(&mut self, state: &M::State) -> bool {
        let left: Vec<usize> = (0..self.entries.len()).filter(|index| !self.order.contains(index)).collect();
        let Some(first_return) = left.iter().filter_map(|&index| self.entries[index].returned).min() else {
            return true;
        };
        left.into_iter().any(|index| self.take(index, first_return, state))
    }

    /// Nothing may be taken that was invoked after something left had returned.
    fn take(&mut self, index: usize, first_return: Moment, state: &M::State) -> bool {
        if self.steps == 0 || self.entries[index].invoked > first_return {
            return false;
        }
        self.steps -= 1;
        let Some(next) = self.model.step(state, &self.entries[index].op) else { return false };
        self.order.push(index);
        let found = self.extend(&next);
        if !found {
            self.order.pop();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{CasRegister, RegisterOp};

    fn entry(op: RegisterOp, invoked: Moment, returned: Option<Moment>) -> Entry<RegisterOp> {
        Entry { op, invoked, returned }
    }

    fn tried(entries: Vec<Entry<RegisterOp>>) -> Brute {
        try_every_order(&CasRegister { initial: 0 }, &Timeline::new(entries))
    }

    #[test]
    fn an_order_is_found_or_there_is_none() {
        let put = entry(RegisterOp::Put(1), 1, Some(4));
        let (early, late) =
            (entry(RegisterOp::Observe(0), 2, Some(3)), entry(RegisterOp::Observe(0), 5, Some(6)));
        assert_eq!(tried(vec![put.clone(), early]), Brute::Linearizable { order: vec![1, 0] });
        assert_eq!(tried(vec![put, late.clone()]), Brute::NotLinearizable);
        let open = entry(RegisterOp::Put(0), 3, None);
        let put = entry(RegisterOp::Put(1), 1, Some(2));
        assert_eq!(tried(vec![put, late, open]), Brute::Linearizable { order: vec![0, 2, 1] });
    }

    #[test]
    fn it_always_ends() {
        let overlapping = |count: usize| {
            (0..count).map(|number| {
                entry(RegisterOp::Put(number), 1 + number as Moment, Some(100 + number as Moment))
            })
        };
        let many: Vec<_> = overlapping(COMPLETED + 1).collect();
        assert_eq!(tried(many), Brute::TooLarge);
        let impossible = entry(RegisterOp::Observe(99), 200, Some(201));
        let orders: Vec<_> = overlapping(COMPLETED - 1).chain([impossible]).collect();
        assert_eq!(tried(orders), Brute::TooLarge, "{COMPLETED} of them have more orders than steps");
        let open: Vec<_> =
            (0..=OPEN).map(|number| entry(RegisterOp::Put(number), 1 + number as Moment, None)).collect();
        assert_eq!(tried(open), Brute::TooLarge);
    }
}
