//! What the operations that may come next lack in the current state: an open operation is worth taking only if it
//! leads to that.

use super::super::layout::{NONE, Step, small};
use super::{Choice, Searcher};
use crate::model::Model;

/// The operations that may come next and are illegal now. They are collected once for each configuration, as there may
/// be many of them and many open operations that could help.
pub(super) struct Asked<'a, Op> {
    /// Those that are legal in one state only, with that state; in its order.
    in_one: Vec<(u32, &'a Step<'a, Op>)>,
    /// The others, each to be asked.
    in_some: Vec<&'a Step<'a, Op>>,
}

impl<'a, M: Model> Searcher<'a, M> {
    /// Whether some operation that may come next would be illegal now and legal in `next`.
    pub(super) fn is_asked_for(&mut self, next: u32) -> bool {
        let asked = self.asked.take().unwrap_or_else(|| self.asked_for());
        let is_legal = |step: &&Step<'_, M::Op>| self.is_legal(next, step);
        let start = asked.in_one.partition_point(|&(state, _)| state < next);
        let there = asked.in_one[start..].iter().take_while(|&&(state, _)| state == next);
        let found = there.map(|(_, step)| step).chain(&asked.in_some).any(is_legal);
        self.asked = Some(asked);
        found
    }

    fn asked_for(&self) -> Asked<'a, M::Op> {
        let layout = self.layout;
        let completed = layout.candidates(self.now.first).iter().map(|&rank| Choice::Completed(rank));
        let open = (0..layout.open.len())
            .map(|class| Choice::Open { class: small(class), member: self.now.used(layout, class) });
        let (mut in_one, mut in_some) = (Vec::new(), Vec::new());
        for choice in completed.chain(open) {
            match self.available(choice).filter(|step| self.proves(choice, step, self.now.state)) {
                Some(step) if step.requires == NONE => in_some.push(step),
                Some(step) => in_one.push((step.requires, step)),
                None => {}
            }
        }
        in_one.sort_unstable_by_key(|&(state, _)| state);
        Asked { in_one, in_some }
    }
}
