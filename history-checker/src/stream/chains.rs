//! The chains of one register, and which of them clash.
//!
//! `F` is a chain's first return and `S` its last invocation; A comes before B if F(A) < S(B). A chain is *forward* if
//! F < S. Of chains that do not clash, two forward ones do not overlap and no backward one lies within a forward one, so
//! a clash is found among neighbours: this is the bookkeeping of [`unique`](crate::engine::unique), kept up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::cluster::Chain;
use crate::timeline::Moment;

#[derive(Debug, Default)]
pub(super) struct Chains {
    all: BTreeMap<u64, Chain>,
    /// Forward ones, by F.
    forward: BTreeMap<Moment, u64>,
    /// The others, by S.
    backward: BTreeSet<(Moment, u64)>,
}

impl Chains {
    pub(super) fn get(&self, id: u64) -> Option<&Chain> {
        self.all.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Chain)> {
        self.all.iter().map(|(id, chain)| (*id, chain))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn insert(&mut self, id: u64, chain: Chain) {
        self.enter(id, &chain);
        self.all.insert(id, chain);
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Chain> {
        let chain = self.all.remove(&id)?;
        self.leave(id, &chain);
        Some(chain)
    }

    /// Changes a chain, if it is there.
    pub(super) fn change(&mut self, id: u64, change: impl FnOnce(&mut Chain)) {
        if let Some(mut chain) = self.remove(id) {
            change(&mut chain);
            self.insert(id, chain);
        }
    }

    /// Every chain's clusters; when it returned and was invoked stays as it is.
    pub(super) fn clusters_mut(&mut self) -> impl Iterator<Item = &mut std::collections::VecDeque<u64>> {
        self.all.values_mut().map(|chain| &mut chain.clusters)
    }

    /// Whether this chain, the only one that has changed since no two clashed, clashes with another.
    pub(super) fn any_clashes_with(&self, id: u64) -> bool {
        let Some(this) = self.all.get(&id) else { return false };
        let (first, last) = (this.first_return.0, this.last_invocation.0);
        let clashes = |other: u64| {
            other != id
                && self.all.get(&other).is_some_and(|other| this.precedes(other) && other.precedes(this))
        };
        // Of the forward ones with F < S(this), the last has the greatest S.
        let before = self.forward.range(..last).rev().map(|(_, other)| *other).find(|other| *other != id);
        if before.is_some_and(clashes) {
            return true;
        }
        // Of the backward ones that begin within this one, each that does not clash reaches beyond its end: they
        // are as many as operations were under way then.
        first < last
            && self
                .backward
                .range((Excluded((first, u64::MAX)), Unbounded))
                .take_while(|(begins, _)| *begins < last)
                .any(|(_, other)| clashes(*other))
    }

    fn enter(&mut self, id: u64, chain: &Chain) {
        let (first, last) = (chain.first_return.0, chain.last_invocation.0);
        if first < last {
            self.forward.insert(first, id);
        } else {
            self.backward.insert((last, id));
        }
    }

    fn leave(&mut self, id: u64, chain: &Chain) {
        let (first, last) = (chain.first_return.0, chain.last_invocation.0);
        if first < last {
            self.forward.remove(&first);
        } else {
            self.backward.remove(&(last, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A chain's moments, as they become known, among chains of which no two clash.
    #[test]
    fn a_clash_is_found_where_comparing_with_all_finds_one() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut found, mut kept) = (0, 0);
        for _ in 0..2_000 {
            let mut chains = Chains::default();
            for step in 0..30_u64 {
                let id = random.u64(0..8);
                // No two events share a line.
                let mut line = |event| random.u64(0..60) * 64 + 2 * step + event;
                let (first, last) = (line(0), line(1));
                let first = if random.bool() { first } else { Moment::MAX };
                if chains.get(id).is_none() {
                    let clusters = VecDeque::from([id]);
                    chains.insert(
                        id,
                        Chain { clusters, first_return: (first, None), last_invocation: (last, None) },
                    );
                } else {
                    chains.change(id, |chain| chain.returns(first, &None));
                    chains.change(id, |chain| chain.is_invoked(last, &None));
                }
                let this = chains.get(id).unwrap();
                let clash = |(other, chain): (u64, &Chain)| {
                    other != id && this.precedes(chain) && chain.precedes(this)
                };
                let clashes = chains.iter().any(clash);
                assert_eq!(chains.any_clashes_with(id), clashes);
                if clashes {
                    found += 1;
                    chains.remove(id);
                } else {
                    kept += 1;
                }
            }
        }
        assert!(found > 5_000 && kept > 5_000, "{found} and {kept}");
    }
}
