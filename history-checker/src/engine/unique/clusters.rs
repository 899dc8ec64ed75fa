//! Values to clusters: each with its one writer, its readers, and the two moments that bound it.

use super::{Clash, Obstacle, Stop};
use crate::models::{RegisterOp, ValueId};
use crate::seeded_bug;
use crate::timeline::{Entry, Moment, Timeline};

/// A write and the observations of its value. Number 0 is the initial value's.
pub(super) struct Cluster {
    /// `None`: the virtual writer of the initial value, at moment 0.
    pub(super) writer: Option<usize>,
    /// The cluster whose value the writer, a CAS, replaced.
    pub(super) parent: Option<usize>,
    /// The earliest return in the cluster, and whose it is. `Moment::MAX`: nothing has returned.
    pub(super) first_return: (Moment, Option<usize>),
    /// The latest invocation in the cluster, and whose it is.
    pub(super) last_invocation: (Moment, Option<usize>),
}

pub(super) struct Clusters {
    pub(super) list: Vec<Cluster>,
    /// The cluster of every entry that counts, as writer or reader; `None` for open entries that nobody needs.
    pub(super) of_entry: Vec<Option<usize>>,
}

/// Who writes a value.
#[derive(Clone, Copy)]
enum Writers {
    None,
    Initial,
    One(usize),
    Several(Option<usize>, usize),
}

pub(super) fn build(timeline: &Timeline<RegisterOp>, initial: ValueId) -> Result<Clusters, Stop> {
    let entries = timeline.entries();
    refuse_what_has_no_value(entries)?;
    let writers = writers(entries, initial);
    let observed = observed(entries, &writers)?;
    let mut clusters = gather_writers(entries, &writers, &observed);
    tie_chains(entries, &writers, &mut clusters);
    gather_readers(entries, &writers, &mut clusters)?;
    Ok(clusters)
}

/// The value that an operation depends on.
fn expected(op: &RegisterOp) -> Option<ValueId> {
    match *op {
        RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. } => Some(value),
        RegisterOp::Put(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
    }
}

fn written(op: &RegisterOp) -> Option<ValueId> {
    match *op {
        RegisterOp::Put(value) | RegisterOp::Swap { to: value, .. } => Some(value),
        RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
    }
}

/// An absurd answer settles the matter whatever else there is, so it goes first.
fn refuse_what_has_no_value(entries: &[Entry<RegisterOp>]) -> Result<(), Stop> {
    let completed =
        |op: fn(&RegisterOp) -> bool| entries.iter().position(|entry| entry.is_completed() && op(&entry.op));
    if let Some(entry) = completed(|op| matches!(op, RegisterOp::Absurd)) {
        return Err(Clash::Absurd { entry }.into());
    }
    match completed(|op| matches!(op, RegisterOp::ObserveNot(_))) {
        Some(entry) => Err(Obstacle::ObservedDifference { entry }.into()),
        None => Ok(()),
    }
}

fn writers(entries: &[Entry<RegisterOp>], initial: ValueId) -> Vec<Writers> {
    let values = entries.iter().flat_map(|entry| [expected(&entry.op), written(&entry.op)]).flatten();
    let mut writers = vec![Writers::None; values.chain([initial]).max().unwrap_or(initial) + 1];
    writers[initial] = Writers::Initial;
    for (index, entry) in entries.iter().enumerate() {
        let Some(value) = written(&entry.op) else { continue };
        writers[value] = match writers[value] {
            Writers::None => Writers::One(index),
            Writers::Initial => Writers::Several(None, index),
            Writers::One(other) => Writers::Several(Some(other), index),
            Writers::Several(..) => continue,
        };
    }
    writers
}

/// Which values matter: what completed operations observed, and what the open CAS that must have happened expected.
fn observed(entries: &[Entry<RegisterOp>], writers: &[Writers]) -> Result<Vec<bool>, Stop> {
    let mut observed = vec![false; writers.len()];
    let mut ambiguous = None;
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_completed()) {
        let (mut observer, mut next) = (index, expected(&entry.op));
        while let Some(value) = next.filter(|&value| !std::mem::replace(&mut observed[value], true)) {
            next = None;
            match writers[value] {
                Writers::None => return Err(Clash::NeverWritten { observer, value }.into()),
                Writers::Several(first, second) => {
                    ambiguous.get_or_insert(Obstacle::TwoWriters { value, first, second });
                }
                Writers::One(writer) if !entries[writer].is_completed() => {
                    (observer, next) = (writer, expected(&entries[writer].op));
                }
                Writers::One(_) | Writers::Initial => {}
            }
        }
    }
    ambiguous.map_or(Ok(observed), |obstacle| Err(obstacle.into()))
}

/// A cluster for the initial value, for each completed write, and for each open one that somebody observed. The other
/// open ones are dropped: leaving them out cannot make anything illegal when nobody observes differences.
fn gather_writers(entries: &[Entry<RegisterOp>], writers: &[Writers], observed: &[bool]) -> Clusters {
    let initial = Cluster { writer: None, parent: None, first_return: (0, None), last_invocation: (0, None) };
    let mut list = vec![initial];
    let mut of_entry = vec![None; entries.len()];
    for (index, entry) in entries.iter().enumerate() {
        let Some(value) = written(&entry.op) else { continue };
        let needed = observed[value]
            && matches!(writers[value], Writers::One(_))
            && !seeded_bug!("zones-observed-open-write-dropped");
        if entry.is_completed() || needed {
            of_entry[index] = Some(list.len());
            let first_return = (entry.returned.unwrap_or(Moment::MAX), Some(index));
            let last_invocation = (entry.invoked, Some(index));
            list.push(Cluster { writer: Some(index), parent: None, first_return, last_invocation });
        }
    }
    Clusters { list, of_entry }
}

fn cluster_of(value: ValueId, writers: &[Writers], clusters: &Clusters) -> Option<usize> {
    match writers[value] {
        Writers::Initial => Some(0),
        Writers::One(writer) => clusters.of_entry[writer],
        Writers::None | Writers::Several(..) => None,
    }
}

fn tie_chains(entries: &[Entry<RegisterOp>], writers: &[Writers], clusters: &mut Clusters) {
    for number in 1..clusters.list.len() {
        let expects = clusters.list[number].writer.and_then(|writer| expected(&entries[writer].op));
        clusters.list[number].parent = expects.and_then(|value| cluster_of(value, writers, clusters));
    }
}

fn gather_readers(
    entries: &[Entry<RegisterOp>],
    writers: &[Writers],
    clusters: &mut Clusters,
) -> Result<(), Stop> {
    for (reader, entry) in entries.iter().enumerate() {
        let (RegisterOp::Observe(value), Some(returned)) = (entry.op, entry.returned) else { continue };
        let Some(number) = cluster_of(value, writers, clusters) else { continue };
        clusters.of_entry[reader] = Some(number);
        let cluster = &mut clusters.list[number];
        if let Some(writer) = cluster.writer.filter(|&writer| returned < entries[writer].invoked) {
            return Err(Clash::FromTheFuture { reader, writer }.into());
        }
        cluster.first_return = cluster.first_return.min((returned, Some(reader)));
        cluster.last_invocation = cluster.last_invocation.max((entry.invoked, Some(reader)));
    }
    Ok(())
}
