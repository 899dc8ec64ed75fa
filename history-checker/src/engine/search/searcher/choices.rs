//! What may be taken next, and is worth it.

use super::super::layout::{self, NONE, small};
use super::{Choice, Searcher};
use crate::model::Model;
use crate::seeded_bug;

impl<'a, M: Model> Searcher<'a, M> {
    /// Takes the first choice that is legal and worth it, from number `next` on; false if there is none.
    pub(super) fn take_from(&mut self, next: u32) -> bool {
        (next..self.choices()).any(|number| self.take(number))
    }

    /// Choices are numbered: completed entries that may come next, then classes of open ones.
    pub(super) fn choices(&self) -> u32 {
        small(self.layout.candidates(self.now.first).len() + self.layout.open.len())
    }

    /// Takes this choice if it is legal and worth it.
    pub(super) fn take(&mut self, number: u32) -> bool {
        let layout = self.layout;
        let candidates = layout.candidates(self.now.first);
        let choice = match candidates.get(number as usize) {
            Some(&rank) => Choice::Completed(rank),
            None => {
                let class = number as usize - candidates.len();
                Choice::Open { class: small(class), member: self.now.used(layout, class) }
            }
        };
        let Some(state) = self.outcome(choice) else { return false };
        self.step(choice, state, Some(number + 1));
        true
    }

    /// The state after `choice`, if it may be taken now and is worth it.
    fn outcome(&mut self, choice: Choice) -> Option<u32> {
        let step = self.available(choice)?;
        let next = self.after(self.now.state, step)?;
        if self.now.unproven != NONE && !self.proves(choice, step, self.now.unproven) {
            return None;
        }
        let open = matches!(choice, Choice::Open { .. });
        // An open operation that changes nothing now is better kept for later.
        if open && next == self.now.state && self.options.prunings.dominance {
            return None;
        }
        if open && self.waits() && !self.is_asked_for(next) {
            return None;
        }
        if next != self.now.state && self.strands(choice) {
            return None;
        }
        Some(next)
    }

    /// What `choice` does, if nothing that is not taken precedes it.
    pub(super) fn available(&self, choice: Choice) -> Option<&'a layout::Step<'a, M::Op>> {
        let layout = self.layout;
        match choice {
            Choice::Completed(rank) => {
                let ranked = &layout.completed[rank as usize];
                (!self.now.is_ahead(ranked.slot)).then_some(&ranked.step)
            }
            Choice::Open { class, member } => {
                let class = &layout.open[class as usize];
                let (invoked, _) = class.member(member)?;
                (invoked <= layout.completed[self.now.first].returned).then_some(&class.step)
            }
        }
    }

    /// The state after an operation in `state`, if it is legal there.
    fn after(&mut self, state: u32, step: &layout::Step<'_, M::Op>) -> Option<u32> {
        let next = self.model.step(self.states.get(state), step.op)?;
        Some(match step {
            _ if step.only_observes => state,
            _ if step.leaves != NONE => step.leaves,
            _ => self.states.number(self.model, &next),
        })
    }

    pub(super) fn is_legal(&self, state: u32, step: &layout::Step<'_, M::Op>) -> bool {
        self.model.step(self.states.get(state), step.op).is_some()
    }

    pub(super) fn waits(&self) -> bool {
        self.options.prunings.lazy_opens && self.model.open_can_wait()
    }

    /// Whether an operation shows that an open one was needed: without that, in the state `before`, it is illegal.
    pub(super) fn proves(&self, choice: Choice, step: &layout::Step<'_, M::Op>, before: u32) -> bool {
        if seeded_bug!("lazy-ignores-differences") && step.only_observes && step.requires == NONE {
            return false;
        }
        if seeded_bug!("lazy-cuts-chains") && matches!(choice, Choice::Open { .. }) {
            return false;
        }
        !self.is_legal(before, step)
    }

    fn strands(&mut self, choice: Choice) -> bool {
        let taken = match choice {
            Choice::Completed(rank) => Some(rank as usize),
            Choice::Open { .. } => None,
        };
        self.stranding.as_mut().is_some_and(|stranding| stranding.strands(self.layout, &self.now, taken))
    }
}
