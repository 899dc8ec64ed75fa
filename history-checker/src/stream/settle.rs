//! Forgetting what nothing can depend on any more.
//!
//! Let `m` be the earliest invocation of what may still observe something: every later observation is invoked at `m`
//! or after it. `F` is a chain's first return and `S` its last invocation; A comes before B if F(A) < S(B), and two
//! chains must not each come before the other.
//!
//! 1. In a chain, a cluster goes if something after it has returned before `m`: an observation of it would come too late.
//! 2. Chain A goes if F(A) < S(B) and F(B) < `m` for some other B: an observation of A would put B before A as well.
//!
//! What goes clashes with nothing that stays: were F(X) < S(A) for an A that goes, X would go by rule 2 as well, with
//! A as its B if F(A) < `m`. Otherwise with A's own B: B is not before A, so F(X) < S(A) ≤ F(B) < `m` ≤ F(A) < S(B).
//! And what opens a chain or joins one later returns later still. An open CAS whose `info` was seen does not hold `m`
//! back: it matters only when what it wrote is observed, at `m` or later.

use super::register::Register;
use crate::seeded_bug;
use crate::timeline::Moment;

/// Looking for what can go costs as much as is there, so it is done when that has doubled.
/// What is in no chain does not count: chains would grow long beside writes of unknown outcome, which stay.
pub(super) const FEWEST: usize = 4;

impl Register {
    /// Forgets what can go.
    pub(super) fn settle(&mut self) {
        let earliest = self.observers.first().copied().unwrap_or(Moment::MAX);
        self.settle_within_chains(earliest);
        self.settle_chains(earliest);
        self.settle_at = FEWEST.max(self.placed * 2);
    }

    /// Rule 1.
    fn settle_within_chains(&mut self, earliest: Moment) {
        let mut gone = Vec::new();
        for chain in self.chains.clusters_mut() {
            let over =
                |id: &u64| self.clusters.get(id).is_some_and(|cluster| cluster.first_return < earliest);
            let last_over = chain.iter().rposition(over).unwrap_or(0);
            gone.extend(chain.drain(..last_over));
        }
        gone.into_iter().for_each(|id| self.forget_cluster(id));
    }

    /// Rule 2.
    fn settle_chains(&mut self, earliest: Moment) {
        let begun = |first_return: Moment| {
            first_return < earliest || seeded_bug!("stream-settles-too-early") && first_return < Moment::MAX
        };
        // The latest last invocation of those that have begun, and the next latest, for that one itself.
        let mut latest = [(0, None); 2];
        for (id, chain) in self.chains.iter() {
            let this = (chain.last_invocation.0, Some(id));
            if begun(chain.first_return.0) && this > latest[0] {
                latest = [this, latest[0]];
            } else if begun(chain.first_return.0) && this > latest[1] {
                latest[1] = this;
            }
        }
        let of_others = |id: u64| if latest[0].1 == Some(id) { latest[1].0 } else { latest[0].0 };
        let gone = self.chains.iter().filter(|(id, chain)| chain.first_return.0 < of_others(*id));
        let gone: Vec<u64> = gone.map(|(id, _)| id).collect();
        for id in gone {
            let Some(chain) = self.chains.remove(id) else { continue };
            chain.clusters.into_iter().for_each(|cluster| self.forget_cluster(cluster));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Register;
    use crate::check::FailedCas;
    use crate::history::{Action, Answer, Mark, Operation, Outcome};
    use crate::value::Value;

    /// Every completion is compared with every chain, so what piles up outside them must not let them pile up too.
    #[test]
    fn writes_of_unknown_outcome_do_not_keep_chains() {
        let mut register = Register::new(Value::Null);
        for number in 0..2_000_usize {
            let mark = |part| Mark { line: 4 * number + part, time: 0 };
            let unknown = Outcome::Unknown { gave_up: None };
            let operation = |part, outcome| Operation {
                process: 0,
                key: None,
                action: Action::Write(Value::from((4 * number + part) as u64)),
                invoked: mark(part),
                outcome,
            };
            let lost = register.invoke(&operation(1, unknown.clone()));
            register.complete(operation(1, unknown.clone()), lost, FailedCas::Drop).unwrap();
            let written = register.invoke(&operation(2, unknown));
            let done = Outcome::Ok { returned: mark(3), answer: Answer::Done, version: None };
            register.complete(operation(2, done), written, FailedCas::Drop).unwrap();
            assert!(register.chains.len() <= 8, "{} chains after {number} writes", register.chains.len());
        }
        assert!(register.remembered() >= 2_000, "somebody may still see them");
    }
}
