//! Independent parts of a timeline, as the model sees them.

use std::collections::BTreeMap;

use crate::model::Model;
use crate::timeline::{Entry, Timeline};

/// Splits a timeline by [`Model::partition`], in the order of the parts' numbers. Whole if any operation has no part.
/// Linearizability is local: the timeline is linearizable exactly when every part is.
#[must_use]
pub fn split<M: Model>(model: &M, timeline: &Timeline<M::Op>) -> Vec<Timeline<M::Op>> {
    let mut parts: BTreeMap<usize, Vec<Entry<M::Op>>> = BTreeMap::new();
    for entry in timeline.entries() {
        let Some(part) = model.partition(&entry.op) else { return vec![timeline.clone()] };
        parts.entry(part).or_default().push(entry.clone());
    }
    parts.into_values().map(Timeline::new).collect()
}
