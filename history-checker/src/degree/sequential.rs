//! Sequential consistency of one register: is there an order that keeps each process's own?
//!
//! In general that is NP-hard. With one writer for each observed value it is not (Cantin, Lipasti and Smith, *The
//! Complexity of Verifying Memory Coherence and Consistency*, 2005): a write and its observations form a cluster that
//! must stand together, a CAS ties its cluster behind the one it expected, and all that is left to see is whether the
//! chains can be put in a row. Open writes that nobody needs are left out. Elsewhere there is a search.

use std::collections::BTreeMap;

use super::Holds;
use super::accesses::{Access, Accesses};
use super::sequential_search;
use crate::engine::search::Budget;
use crate::models::RegisterOp;

pub(super) fn decide(accesses: &Accesses, budget: Budget) -> Holds {
    if accesses.absurd() {
        return Holds::No;
    }
    let needed = Needed::new(accesses);
    if needed.never_written {
        return Holds::No;
    }
    if needed.ambiguous || accesses.differences().next().is_some() {
        return sequential_search::decide(accesses, budget);
    }
    let clusters = clusters(accesses, &needed);
    match Chains::new(&clusters).and_then(|chains| chains.can_be_put_in_a_row(accesses, &clusters)) {
        Some(()) => Holds::Yes,
        None => Holds::No,
    }
}

/// Which values somebody depends on: completed operations, and open CAS whose own value is needed.
struct Needed {
    value: Vec<bool>,
    never_written: bool,
    ambiguous: bool,
}

impl Needed {
    fn new(accesses: &Accesses) -> Needed {
        let mut needed =
            Needed { value: vec![false; accesses.values()], never_written: false, ambiguous: false };
        for access in &accesses.list {
            let mut next = access.observed();
            while let Some(value) = next.filter(|&value| !std::mem::replace(&mut needed.value[value], true)) {
                let writers = accesses.writers(value);
                needed.never_written |= writers.count == 0;
                needed.ambiguous |= writers.count > 1;
                let writer = writers.only.map(|writer| &accesses.list[writer]);
                next = writer.filter(|writer| writer.returned.is_none()).and_then(Access::expected);
            }
        }
        needed
    }
}

/// A write and its observations. Number 0 is the initial value's.
#[derive(Default)]
struct Cluster {
    /// The cluster that must come right before, as the writer is a CAS.
    parent: Option<usize>,
}

struct Clusters {
    list: Vec<Cluster>,
    /// Of every access that counts: its cluster, and whether it observes (or writes).
    of_access: Vec<Option<(usize, bool)>>,
}

fn clusters(accesses: &Accesses, needed: &Needed) -> Clusters {
    let mut clusters =
        Clusters { list: vec![Cluster::default()], of_access: vec![None; accesses.list.len()] };
    for (number, access) in accesses.list.iter().enumerate() {
        let counts = access.returned.is_some() || access.written().is_some_and(|value| needed.value[value]);
        if access.written().is_some() && counts {
            clusters.of_access[number] = Some((clusters.list.len(), false));
            clusters.list.push(Cluster::default());
        }
    }
    for (number, access) in accesses.list.iter().enumerate() {
        let Some(value) = access.expected() else { continue };
        let of_writer =
            |writer: Option<usize>| writer.map_or(Some((0, false)), |writer| clusters.of_access[writer]);
        let Some((cluster, _)) = of_writer(accesses.writers(value).only) else { continue };
        match (access.op, clusters.of_access[number]) {
            (RegisterOp::Swap { .. }, Some((own, _))) => clusters.list[own].parent = Some(cluster),
            (RegisterOp::Observe(_), _) if access.returned.is_some() => {
                clusters.of_access[number] = Some((cluster, true));
            }
            _ => {}
        }
    }
    clusters
}

/// Clusters tied by CAS.
struct Chains {
    /// Of every cluster: its chain, named by the first cluster, and its place there.
    of_cluster: Vec<(usize, usize)>,
}

impl Chains {
    /// `None` if two CAS replaced one value, or some replaced each other's in a circle.
    fn new(clusters: &Clusters) -> Option<Chains> {
        let mut child: Vec<Option<usize>> = vec![None; clusters.list.len()];
        for (number, cluster) in clusters.list.iter().enumerate() {
            if let Some(parent) = cluster.parent {
                // Of two CAS that replaced one value, the first now stands in no chain.
                child[parent] = Some(number);
            }
        }
        let mut of_cluster = vec![None; clusters.list.len()];
        for (first, _) in clusters.list.iter().enumerate().filter(|(_, cluster)| cluster.parent.is_none()) {
            let mut next = Some(first);
            for place in 0.. {
                let Some(cluster) = next else { break };
                of_cluster[cluster] = Some((first, place));
                next = child[cluster];
            }
        }
        let of_cluster = of_cluster.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Chains { of_cluster })
    }

    /// Program order must run forward in each chain, and without a circle between them. An open access comes after
    /// what its process had completed, and before nothing.
    fn can_be_put_in_a_row(&self, accesses: &Accesses, clusters: &Clusters) -> Option<()> {
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); clusters.list.len()];
        let mut last_of: BTreeMap<u64, (usize, (usize, bool))> = BTreeMap::new();
        for (number, access) in accesses.list.iter().enumerate() {
            let Some((cluster, observes)) = clusters.of_access[number] else { continue };
            let (chain, place) = self.of_cluster[cluster];
            let here = (chain, (place, observes));
            if let Some(&(before, place_before)) = last_of.get(&access.process) {
                if before == chain && place_before > here.1 {
                    return None;
                }
                if before != chain {
                    // The initial value was there before everything.
                    if chain == 0 {
                        return None;
                    }
                    after[before].push(chain);
                }
            }
            if access.returned.is_some() {
                last_of.insert(access.process, here);
            }
        }
        acyclic(&after).then_some(())
    }
}

/// Takes away what has nothing before it, until nothing is left.
fn acyclic(after: &[Vec<usize>]) -> bool {
    let mut before = vec![0_usize; after.len()];
    for &next in after.iter().flatten() {
        before[next] += 1;
    }
    let mut free: Vec<usize> = (0..after.len()).filter(|&node| before[node] == 0).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        for &next in &after[node] {
            before[next] -= 1;
            if before[next] == 0 {
                free.push(next);
            }
        }
    }
    taken == after.len()
}
