//! Values to clusters: each with its one writer, its readers, and the two moments that bound it.

use super::maybe::Maybe;
use super::{Clash, Obstacle, Stop};
use crate::models::{RegisterOp, ValueId};
use crate::seeded_bug;
use crate::timeline::{Entry, Moment, Timeline};

/// A write and the observations of its value. Number 0 is the initial value's.
pub(super) struct Cluster {
    /// None: the virtual writer of the initial value, at moment 0.
    pub(super) writer: Maybe,
    /// The cluster whose value the writer, a CAS, replaced.
    pub(super) parent: Maybe,
    /// The earliest return in the cluster, and whose it is. `Moment::MAX`: nothing has returned.
    pub(super) first_return: (Moment, Maybe),
    /// The latest invocation in the cluster, and whose it is.
    pub(super) last_invocation: (Moment, Maybe),
}

pub(super) struct Clusters {
    pub(super) list: Vec<Cluster>,
    /// The cluster of every entry that counts, as writer or reader; none for open entries that nobody needs.
    pub(super) of_entry: Vec<Maybe>,
    /// The cluster of every value with one writer, the initial value being one.
    of_value: Vec<Maybe>,
}

/// Who writes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writers {
    None,
    Initial,
    One(usize),
    Several,
}

pub(super) fn build(timeline: &Timeline<RegisterOp>, initial: ValueId) -> Result<Clusters, Stop> {
    let entries = timeline.entries();
    let values = survey(entries, initial)?;
    let writers = writers(entries, initial, values);
    let observed = observed(entries, &writers, initial)?;
    let mut clusters = gather_writers(entries, &writers, &observed, initial);
    gather_readers(entries, &mut clusters)?;
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

/// How many values there are, where every completed operation has one. An absurd answer settles the matter whatever
/// else there is, so it goes first.
fn survey(entries: &[Entry<RegisterOp>], initial: ValueId) -> Result<usize, Stop> {
    let mut highest = initial;
    let mut difference = None;
    for (index, entry) in entries.iter().enumerate() {
        match entry.op {
            RegisterOp::Observe(value) | RegisterOp::Put(value) => highest = highest.max(value),
            RegisterOp::Swap { from, to } => highest = highest.max(from).max(to),
            RegisterOp::Absurd if entry.is_completed() => return Err(Clash::Absurd { entry: index }.into()),
            RegisterOp::ObserveNot(_) if entry.is_completed() => difference = difference.or(Some(index)),
            RegisterOp::Absurd | RegisterOp::ObserveNot(_) => {}
        }
    }
    difference.map_or(Ok(highest + 1), |entry| Err(Obstacle::ObservedDifference { entry }.into()))
}

fn writers(entries: &[Entry<RegisterOp>], initial: ValueId, values: usize) -> Vec<Writers> {
    let mut writers = vec![Writers::None; values];
    writers[initial] = Writers::Initial;
    for (index, entry) in entries.iter().enumerate() {
        let Some(value) = written(&entry.op) else { continue };
        writers[value] = match writers[value] {
            Writers::None => Writers::One(index),
            Writers::Initial | Writers::One(_) | Writers::Several => Writers::Several,
        };
    }
    writers
}

/// Which values matter: what completed operations observed, and what the open CAS that must have happened expected.
fn observed(entries: &[Entry<RegisterOp>], writers: &[Writers], initial: ValueId) -> Result<Vec<bool>, Stop> {
    let mut observed = vec![false; writers.len()];
    let mut ambiguous = None;
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_completed()) {
        let (mut observer, mut next) = (index, expected(&entry.op));
        while let Some(value) = next.filter(|&value| !std::mem::replace(&mut observed[value], true)) {
            next = None;
            match writers[value] {
                Writers::None => return Err(Clash::NeverWritten { observer, value }.into()),
                Writers::Several => ambiguous = ambiguous.or(Some(value)),
                Writers::One(writer) if !entries[writer].is_completed() => {
                    (observer, next) = (writer, expected(&entries[writer].op));
                }
                Writers::One(_) | Writers::Initial => {}
            }
        }
    }
    ambiguous.map_or(Ok(observed), |value| Err(two_writers(entries, value, initial).into()))
}

/// The first two writers of a value that has several.
fn two_writers(entries: &[Entry<RegisterOp>], value: ValueId, initial: ValueId) -> Obstacle {
    let mut writers = (0..entries.len()).filter(|&index| written(&entries[index].op) == Some(value));
    let first = if value == initial { None } else { writers.next() };
    Obstacle::TwoWriters { value, first, second: writers.next().unwrap_or_default() }
}

/// A cluster for the initial value, for each completed write, and for each open one that somebody observed. The other
/// open ones are dropped: leaving them out cannot make anything illegal when nobody observes differences.
fn gather_writers(
    entries: &[Entry<RegisterOp>],
    writers: &[Writers],
    observed: &[bool],
    initial: ValueId,
) -> Clusters {
    let nobody = (0, Maybe::NONE);
    let first =
        Cluster { writer: Maybe::NONE, parent: Maybe::NONE, first_return: nobody, last_invocation: nobody };
    let mut list = Vec::with_capacity(writers.len() + 1);
    list.push(first);
    let (mut of_entry, mut of_value) = (vec![Maybe::NONE; entries.len()], vec![Maybe::NONE; writers.len()]);
    if writers[initial] == Writers::Initial {
        of_value[initial] = Maybe::some(0);
    }
    let mut swaps = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(value) = written(&entry.op) else { continue };
        let alone = matches!(writers[value], Writers::One(_));
        let needed = observed[value] && alone && !seeded_bug!("zones-observed-open-write-dropped");
        if entry.is_completed() || needed {
            let number = Maybe::some(list.len());
            of_entry[index] = number;
            if alone {
                of_value[value] = number;
            }
            if let Some(from) = expected(&entry.op) {
                swaps.push((list.len(), from));
            }
            let writer = Maybe::some(index);
            let first_return = (entry.returned.unwrap_or(Moment::MAX), writer);
            let last_invocation = (entry.invoked, writer);
            list.push(Cluster { writer, parent: Maybe::NONE, first_return, last_invocation });
        }
    }
    for (number, from) in swaps {
        list[number].parent = of_value[from];
    }
    Clusters { list, of_entry, of_value }
}

fn gather_readers(entries: &[Entry<RegisterOp>], clusters: &mut Clusters) -> Result<(), Stop> {
    let Clusters { list, of_entry, of_value } = clusters;
    for (reader, entry) in entries.iter().enumerate() {
        let (RegisterOp::Observe(value), Some(returned)) = (entry.op, entry.returned) else { continue };
        let Some(number) = of_value[value].get() else { continue };
        of_entry[reader] = of_value[value];
        let cluster = &mut list[number];
        if let Some(writer) = cluster.writer.get().filter(|&writer| returned < entries[writer].invoked) {
            return Err(Clash::FromTheFuture { reader, writer }.into());
        }
        cluster.first_return = cluster.first_return.min((returned, Maybe::some(reader)));
        cluster.last_invocation = cluster.last_invocation.max((entry.invoked, Maybe::some(reader)));
    }
    Ok(())
}
