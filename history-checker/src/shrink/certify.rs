//! The judge over cores: nothing that matters is missing, and what is there has no order.

use super::Certifier;
use super::part::Part;
use super::reduce::timeline;
use super::rules::Rules;
use crate::engine::brute::{Brute, try_every_order};
use crate::model::Model;
use crate::timeline::Timeline;

/// Why a core is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It is no part of the whole.
    #[error("it holds what the history does not")]
    Foreign,
    /// Something is missing that might explain it.
    #[error("it lacks what might explain it")]
    Incomplete,
    /// An order explains it.
    #[error("an order explains it")]
    Linearizable,
}

/// Checks a core: by brute force when it is small, else by `other`, which says whether the timeline has an order.
pub(super) fn certify<M: Model>(
    model: &M,
    rules: &impl Rules<M::Op>,
    whole: &Timeline<M::Op>,
    part: &Part,
    other: impl FnOnce(&Timeline<M::Op>) -> Option<(Certifier, bool)>,
) -> Result<Certifier, Doubt> {
    if !is_part(whole, part) {
        return Err(Doubt::Foreign);
    }
    if !rules.is_complete(whole, part) {
        return Err(Doubt::Incomplete);
    }
    let core = timeline(rules, whole, part);
    match try_every_order(model, &core) {
        Brute::NotLinearizable => Ok(Certifier::BruteForce),
        Brute::Linearizable { .. } => Err(Doubt::Linearizable),
        Brute::TooLarge => match other(&core) {
            None => Ok(Certifier::SameEngine),
            Some((certifier, false)) => Ok(certifier),
            Some((_, true)) => Err(Doubt::Linearizable),
        },
    }
}

/// Every entry at most once, with its own return or none.
fn is_part<Op>(whole: &Timeline<Op>, part: &Part) -> bool {
    let ascending = part.kept.windows(2).all(|pair| pair[0].entry < pair[1].entry);
    let as_it_was = part.kept.iter().all(|kept| {
        whole
            .entries()
            .get(kept.entry)
            .is_some_and(|entry| kept.returned.is_none() || kept.returned == entry.returned)
    });
    ascending && as_it_was
}

#[cfg(test)]
mod tests {
    use super::super::{Kept, RegisterRules};
    use super::*;
    use crate::models::{CasRegister, RegisterOp};
    use crate::timeline::Entry;

    /// Writes of 1 and 2, then a read of 1: stale. The write of 3 does not matter.
    fn whole() -> Timeline<RegisterOp> {
        let ops = [RegisterOp::Put(1), RegisterOp::Put(3), RegisterOp::Put(2), RegisterOp::Observe(1)];
        let entry = |(place, op)| {
            let invoked = 2 * place as u64 + 1;
            Entry { op, invoked, returned: Some(invoked + 1) }
        };
        Timeline::new(ops.into_iter().enumerate().map(entry).collect())
    }

    fn judged(kept: Vec<Kept>, whole: &Timeline<RegisterOp>) -> Result<Certifier, Doubt> {
        let part = Part { kept, since: None };
        certify(&CasRegister { initial: 0 }, &RegisterRules, whole, &part, |_| None)
    }

    fn without(entry: usize) -> Vec<Kept> {
        Part::whole(&whole()).kept.into_iter().filter(|kept| kept.entry != entry).collect()
    }

    #[test]
    fn only_a_proof_is_certified() {
        assert_eq!(judged(without(1), &whole()), Ok(Certifier::BruteForce));
        assert_eq!(judged(without(2), &whole()), Ok(Certifier::BruteForce), "3 hides 1 as well");
        assert_eq!(judged(without(0), &whole()), Err(Doubt::Incomplete), "1 was written");
        assert_eq!(judged(without(3), &whole()), Err(Doubt::Linearizable));
        let mut foreign = without(1);
        foreign[0].returned = Some(99);
        assert_eq!(judged(foreign, &whole()), Err(Doubt::Foreign));
        let twice = without(1).into_iter().chain(without(1)).collect();
        assert_eq!(judged(twice, &whole()), Err(Doubt::Foreign));
    }

    #[test]
    fn where_brute_force_gives_up_the_other_engine_is_asked() {
        let puts = (0..20).map(|place| Entry {
            op: RegisterOp::Put(1),
            invoked: place + 1,
            returned: Some(place + 100),
        });
        let stale = Entry { op: RegisterOp::Observe(0), invoked: 200, returned: Some(201) };
        let whole = Timeline::new(puts.chain([stale]).collect());
        let part = Part::whole(&whole);
        let certified =
            |other| certify(&CasRegister { initial: 0 }, &RegisterRules, &whole, &part, |_| other);
        assert_eq!(certified(None), Ok(Certifier::SameEngine));
        assert_eq!(certified(Some((Certifier::Zones, false))), Ok(Certifier::Zones));
        assert_eq!(certified(Some((Certifier::Zones, true))), Err(Doubt::Linearizable));
    }
}
