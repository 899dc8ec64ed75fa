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
