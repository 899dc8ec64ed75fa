//! Clusters to chains, and chains to one row, or the reason why there is none.

use super::clusters::{Cluster, Clusters};
use super::{Clash, Extreme, Extremes, Stop};
use crate::models::{RegisterOp, ValueId};
use crate::seeded_bug;
use crate::timeline::{Moment, Timeline};

/// Clusters that follow each other with nothing in between. The row of chains is sorted by these.
struct Chain {
    /// From the first value on.
    clusters: Vec<usize>,
    /// The earliest return in it: it has begun by then. And the cluster where that is.
    first_return: (Moment, usize),
    /// The latest invocation in it: it goes on after that. And the cluster where that is.
    last_invocation: (Moment, usize),
}

pub(super) fn arrange(timeline: &Timeline<RegisterOp>, clusters: &Clusters) -> Result<Vec<usize>, Stop> {
    let children = children(clusters)?;
    let mut chains = chains(&children, clusters)?;
    for chain in &chains {
        keep_contiguous(timeline, &clusters.list, chain)?;
    }
    sort(&mut chains, &clusters.list)?;
    Ok(order(timeline, clusters, &chains))
}

fn children(clusters: &Clusters) -> Result<Vec<Option<usize>>, Stop> {
    let list = &clusters.list;
    let mut children: Vec<Option<usize>> = vec![None; list.len()];
    for (number, cluster) in list.iter().enumerate() {
        let Some(parent) = cluster.parent else { continue };
        if let Some(sibling) = children[parent].replace(number) {
            let swaps = [list[sibling].writer, cluster.writer].map(Option::unwrap_or_default);
            return Err(Clash::ReplacedTwice { writer: list[parent].writer, swaps }.into());
        }
    }
    Ok(children)
}

fn chains(children: &[Option<usize>], clusters: &Clusters) -> Result<Vec<Chain>, Stop> {
    let list = &clusters.list;
    let mut reached = vec![false; list.len()];
    let mut chains = Vec::new();
    for root in (0..list.len()).filter(|&number| list[number].parent.is_none()) {
        let links: Vec<usize> = std::iter::successors(Some(root), |&number| children[number]).collect();
        let mut chain =
            Chain { clusters: Vec::new(), first_return: (Moment::MAX, root), last_invocation: (0, root) };
        for &link in &links {
            reached[link] = true;
            chain.first_return = chain.first_return.min((list[link].first_return.0, link));
            chain.last_invocation = chain.last_invocation.max((list[link].last_invocation.0, link));
        }
        chain.clusters = links;
        chains.push(chain);
    }
    match reached.iter().position(|reached| !reached) {
        Some(number) => Err(circle(number, list).into()),
        None => Ok(chains),
    }
}

/// `start` has ancestors for ever, and every cluster has one child at most: so it is on the circle itself.
fn circle(start: usize, list: &[Cluster]) -> Clash {
    let ancestors = std::iter::successors(list[start].parent, |&number| list[number].parent);
    let mut swaps: Vec<usize> = ancestors
        .take_while(|&number| number != start)
        .chain([start])
        .filter_map(|number| list[number].writer)
        .collect();
    swaps.reverse();
    Clash::Circle { swaps }
}

/// Everything in a cluster must be able to come after everything in the clusters before it.
fn keep_contiguous(timeline: &Timeline<RegisterOp>, list: &[Cluster], chain: &Chain) -> Result<(), Stop> {
    let mut latest = chain.clusters[0];
    for &link in &chain.clusters[1..] {
        let torn = list[link].first_return.0 < list[latest].last_invocation.0;
        if torn && !seeded_bug!("zones-chain-torn") {
            return Err(late_in_chain(timeline, list, chain, latest, link).into());
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
    chain: &Chain,
    latest: usize,
    link: usize,
) -> Clash {
    // The CAS right after the late one's cluster is what replaced its value. Only the initial value's virtual
    // operations have no entry, and they are neither late nor after anything.
    let next = chain.clusters.iter().skip_while(|&&number| number != latest).nth(1);
    let swap = next.and_then(|&number| list[number].writer).unwrap_or_default();
    let value = match timeline.entries()[swap].op {
        RegisterOp::Swap { from, .. } => from,
        _ => ValueId::default(),
    };
    let early = list[link].first_return.1.unwrap_or_default();
    let late = list[latest].last_invocation.1.unwrap_or_default();
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
        earliest_return: Extreme { entry: first.first_return.1, writer: first.writer },
        latest_invocation: Extreme { entry: last.last_invocation.1, writer: last.writer },
    }
}

/// Chain by chain, cluster by cluster: the writer, then its readers as they were invoked.
fn order(timeline: &Timeline<RegisterOp>, clusters: &Clusters, chains: &[Chain]) -> Vec<usize> {
    let mut place = vec![0; clusters.list.len()];
    for (rank, &cluster) in chains.iter().flat_map(|chain| &chain.clusters).enumerate() {
        place[cluster] = rank;
    }
    let entries = timeline.entries();
    let mut order: Vec<(usize, bool, Moment, usize)> = (clusters.of_entry.iter().enumerate())
        .filter_map(|(index, cluster)| cluster.map(|cluster| (index, cluster)))
        .map(|(index, cluster)| {
            let reads = clusters.list[cluster].writer != Some(index);
            (place[cluster], reads, entries[index].invoked, index)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(.., index)| index).collect()
}
