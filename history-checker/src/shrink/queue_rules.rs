//! What may be left out of a queue's timeline.

use std::collections::BTreeSet;

use super::part::{Kept, Part};
use super::rules::{Rules, kept};
use crate::models::{QueueOp, ValueId};
use crate::timeline::Timeline;

/// The rules for [`Queue`](crate::models::Queue).
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueRules;

impl Rules<QueueOp> for QueueRules {
    /// Finding it empty changes nothing.
    fn observers(&self, whole: &Timeline<QueueOp>, part: &Part) -> Vec<usize> {
        let entries = part.kept.iter().map(|kept| kept.entry);
        entries.filter(|&entry| whole.entries()[entry].op == QueueOp::FoundEmpty).collect()
    }

    /// None if a dequeue took place of which nobody knows what it took: with that gone it would take another.
    fn values(&self, whole: &Timeline<QueueOp>, part: &Part) -> Vec<usize> {
        if part.kept.iter().any(|kept| took_unseen(whole, kept)) {
            return Vec::new();
        }
        let values: BTreeSet<ValueId> =
            part.kept.iter().filter_map(|kept| value(&whole.entries()[kept.entry].op)).collect();
        values.into_iter().collect()
    }

    /// Every enqueue of a value and every dequeue that gave it. Without it the others stand in the same order, so the
    /// same ones come to the front, and an empty queue stays empty. An open dequeue that took it is left out.
    fn without_values(&self, whole: &Timeline<QueueOp>, part: &Part, values: &[usize]) -> Part {
        let gone: BTreeSet<ValueId> = values.iter().copied().collect();
        part.retain(|kept| !value(&whole.entries()[kept.entry].op).is_some_and(|value| gone.contains(&value)))
    }

    /// A dequeue without its answer may have taken anything.
    fn forgotten(&self, op: &QueueOp) -> QueueOp {
        match op {
            QueueOp::Took(_) | QueueOp::FoundEmpty => QueueOp::TookUnseen,
            QueueOp::Enqueue(_) | QueueOp::TookUnseen => *op,
        }
    }

    /// All or nothing of each value, and every dequeue that may have taken any; all values if one surely did.
    fn is_complete(&self, whole: &Timeline<QueueOp>, part: &Part) -> bool {
        let (end, there) = (part.end(), kept(whole, part));
        let all = part.kept.iter().any(|kept| took_unseen(whole, kept));
        let entries = || whole.entries().iter().zip(&there).filter(|(entry, _)| entry.invoked <= end);
        let held: BTreeSet<ValueId> =
            entries().filter(|(_, kept)| **kept).filter_map(|(entry, _)| value(&entry.op)).collect();
        part.since.is_none()
            && entries().all(|(entry, kept)| {
                let needed = match value(&entry.op) {
                    Some(value) => all || held.contains(&value),
                    None => entry.op == QueueOp::TookUnseen,
                };
                *kept || !needed
            })
    }
}

fn took_unseen(whole: &Timeline<QueueOp>, kept: &Kept) -> bool {
    kept.returned.is_some() && whole.entries()[kept.entry].op == QueueOp::TookUnseen
}

fn value(op: &QueueOp) -> Option<ValueId> {
    match *op {
        QueueOp::Enqueue(value) | QueueOp::Took(value) => Some(value),
        QueueOp::FoundEmpty | QueueOp::TookUnseen => None,
    }
}
