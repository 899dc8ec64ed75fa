//! Clusters to chains, and chains to one row, or the reason why there is none.

use super::clusters::{Cluster, Clusters};
use super::maybe::Maybe;
use super::{Clash, Extreme, Extremes, Stop};
use crate::models::{RegisterOp, ValueId};
use crate::seeded_bug;
use crate::timeline::{Moment, Timeline};

/// Clusters that follow each other with nothing in between. The row of chains is sorted by the two moments.
struct Chain {
    /// The cluster of the first value; the others are its only child, that one's only child and so on.
    root: usize,
    /// The earliest return in it: it has begun by then. And the cluster where that is.
    first_return: (Moment, usize),
    /// The latest invocation in it: it goes on after that. And the cluster where that is.
    last_invocation: (Moment, usize),
}

/// The cluster that replaced each cluster's value by a CAS; none where nothing did, or a write.
struct Children(Vec<Maybe>);

pub(super) fn arrange(timeline: &Timeline<RegisterOp>, clusters: &Clusters) -> Result<Vec<usize>, Stop> {
    let children = Children::of(&clusters.list)?;
    let mut chains = chains(&children, &clusters.list)?;
    for chain in &chains {
        keep_contiguous(timeline, &clusters.list, chain, &children)?;
    }
    sort(&mut chains, &clusters.list)?;
    Ok(order(timeline, clusters, &chains, &children))
}

impl Children {
    fn of(list: &[Cluster]) -> Result<Children, Stop> {
        let mut children = vec![Maybe::NONE; list.len()];
        for (number, cluster) in list.iter().enumerate() {
            let Some(parent) = cluster.parent.get() else { continue };
            let sibling = std::mem::replace(&mut children[parent], Maybe::some(number));
            if let Some(sibling) = sibling.get() {
                let swaps = [list[sibling].writer, cluster.writer].map(|swap| swap.get().unwrap_or_default());
                return Err(Clash::ReplacedTwice { writer: list[parent].writer.get(), swaps }.into());
            }
        }
        Ok(Children(children))
    }

    fn of_one(&self, cluster: usize) -> Option<usize> {
        self.0[cluster].get()
    }

    fn chain(&self, root: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(root), |&cluster| self.of_one(cluster))
    }
}

fn chains(children: &Children, list: &[Cluster]) -> Result<Vec<Chain>, Stop> {
    let mut reached = vec![false; list.len()];
    let mut chains = Vec::with_capacity(list.len());
    for root in (0..list.len()).filter(|&number| list[number].parent == Maybe::NONE) {
        let mut chain = Chain { root, first_return: (Moment::MAX, root), last_invocation: (0, root) };
        for link in children.chain(root) {
            reached[link] = true;
            chain.first_return = chain.first_return.min((list[link].first_return.0, link));
            chain.last_invocation = chain.last_invocation.max((list[link].last_invocation.0, link));
        }
        chains.push(chain);
    }
    match reached.iter().position(|reached| !reached) {
        Some(number) => Err(circle(number, list).into()),
        None => Ok(chains),
    }
}

/// `start` has ancestors for ever, and every cluster has one child at most: so it is on the circle itself.
fn circle(start: usize, list: &[Cluster]) -> Clash {
    let ancestors = std::iter::successors(list[start].parent.get(), |&number| list[number].parent.get());
    let mut swaps: Vec<usize> = ancestors
        .take_while(|&number| number != start)
        .chain([start])
        .filter_map(|number| list[number].writer.get())
        .collect();
    swaps.reverse();
    Clash::Circle { swaps }
}

/// Everything in a cluster must be able to come after everything in the clusters before it.
fn keep_contiguous(
    timeline: &Timeline<RegisterOp>,
    list: &[Cluster],
    chain: &Chain,
    children: &Children,
) -> Result<(), Stop> {
    let mut latest = chain.root;
    for link in children.chain(chain.root).skip(1) {
        let torn = list[link].first_return.0 < list[latest].last_invocation.0;
        if torn && !seeded_bug!("zones-chain-torn") {
            return Err(late_in_chain(timeline, list, children, latest, link).into());
        }
        if list[link].last_invocation.0 > list[latest].last_invocation.0 {
            latest = link;
        }
    }
    Ok(())
}

fn late_in_chain(
    timeline: &Timeline<RegisterOp>,
    list: &[Cluster],
    children: &Children,
    latest: usize,
    link: usize,
) -> Clash {
    // The CAS right after the late one's cluster is what replaced its value. Only the initial value's virtual
    // operations have no entry, and they are neither late nor after anything.
    let swap = children.of_one(latest).and_then(|next| list[next].writer.get()).unwrap_or_default();
    let value = match timeline.entries()[swap].op {
        RegisterOp::Swap { from, .. } => from,
        _ => ValueId::default(),
    };
    let early = list[link].first_return.1.get().unwrap_or_default();
    let late = list[latest].last_invocation.1.get().unwrap_or_default();
    Clash::LateInChain { early, swap, late, value }
}

/// Puts the chains in a row. Chain A must come before chain B exactly when A's first return is before B's last
/// invocation. If that holds one way only, then F_A < S_B and S_A ≤ F_B, so F_A + S_A < F_B + S_B: sorting by the sum
/// respects every constraint, unless two chains must each come before the other. And such a pair shows itself: where
/// a later chain must come before an earlier one, the order of their sums makes the converse hold too. (So no longer
/// circles need be looked for.)
fn sort(chains: &mut [Chain], list: &[Cluster]) -> Result<(), Stop> {
    chains.sort_by_key(|chain| chain.first_return.0.saturating_add(chain.last_invocation.0));
    let mut latest = 0;
    for number in 1..chains.len() {
        let (returned, invoked) = (chains[number].first_return.0, chains[latest].last_invocation.0);
        if returned < invoked || seeded_bug!("zones-precedence-not-strict") && returned == invoked {
            let chains = Box::new([latest, number].map(|number| extremes(&chains[number], list)));
            return Err(Clash::Entangled { chains }.into());
        }
        if chains[number].last_invocation.0 > chains[latest].last_invocation.0 {
            latest = number;
        }
    }
    Ok(())
}

fn extremes(chain: &Chain, list: &[Cluster]) -> Extremes {
    let (first, last) = (&list[chain.first_return.1], &list[chain.last_invocation.1]);
    Extremes {
        earliest_return: Extreme { entry: first.first_return.1.get(), writer: first.writer.get() },
        latest_invocation: Extreme { entry: last.last_invocation.1.get(), writer: last.writer.get() },
    }
}

/// Chain by chain, cluster by cluster: the writer, then its readers as they were invoked.
fn order(
    timeline: &Timeline<RegisterOp>,
    clusters: &Clusters,
    chains: &[Chain],
    children: &Children,
) -> Vec<usize> {
    // By cluster: how many entries it has, then the place of its next reader.
    let mut places = vec![0; clusters.list.len()];
    for cluster in clusters.of_entry.iter().filter_map(|cluster| cluster.get()) {
        places[cluster] += 1;
    }
    let mut order = vec![0; places.iter().sum()];
    let mut filled = 0;
    for cluster in chains.iter().flat_map(|chain| children.chain(chain.root)) {
        let size = std::mem::replace(&mut places[cluster], filled);
        if let Some(writer) = clusters.list[cluster].writer.get() {
            order[filled] = writer;
            places[cluster] += 1;
        }
        filled += size;
    }
    for reader in by_invocation(timeline) {
        let Some(cluster) = clusters.of_entry[reader].get() else { continue };
        if clusters.list[cluster].writer != Maybe::some(reader) {
            order[places[cluster]] = reader;
            places[cluster] += 1;
        }
    }
    order
}

/// Recorded histories are sorted already.
fn by_invocation(timeline: &Timeline<RegisterOp>) -> Vec<usize> {
    let entries = timeline.entries();
    let mut indices: Vec<usize> = (0..entries.len()).collect();
    if !entries.is_sorted_by_key(|entry| entry.invoked) {
        indices.sort_unstable_by_key(|&index| entries[index].invoked);
    }
    indices
}
