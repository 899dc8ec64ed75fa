//! Deletions that keep a linearizable timeline linearizable. So where the rest is not, the whole is not either.
//!
//! Each rule says why: of any order that explains the whole, what it leaves explains what it leaves. So rules may
//! follow each other.
//!
//! Deleting a lone write is not among them: a read of its value would hang in the air, and prove nothing.

use super::part::Part;
use crate::model::Model;
use crate::timeline::Timeline;

/// What may be left out, for one kind of object. Every method takes the whole timeline and what is left of it.
pub trait Rules<Op> {
    /// Entries that may be left out one by one, and together.
    fn observers(&self, whole: &Timeline<Op>, part: &Part) -> Vec<usize>;

    /// Values that may be left out one by one, and together; none where that would be unsound.
    fn values(&self, _whole: &Timeline<Op>, _part: &Part) -> Vec<usize> {
        Vec::new()
    }

    /// Leaves `values` out, and whatever must go with them.
    fn without_values(&self, _whole: &Timeline<Op>, part: &Part, _values: &[usize]) -> Part {
        part.clone()
    }

    /// Entries that hide the past, the latest first.
    fn resets(&self, _whole: &Timeline<Op>, _part: &Part) -> Vec<usize> {
        Vec::new()
    }

    /// Leaves out what was over before `reset`, one of [`Rules::resets`].
    fn since(&self, _whole: &Timeline<Op>, part: &Part, _reset: usize) -> Part {
        part.clone()
    }

    /// What may remain if only `named` entries are to blame: sound parts, the smallest first.
    fn around(&self, _whole: &Timeline<Op>, _part: &Part, _named: &[usize]) -> Vec<Part> {
        Vec::new()
    }

    /// The operation when its answer is forgotten.
    fn forgotten(&self, op: &Op) -> Op;

    /// Whether `part` holds every entry without which it would prove nothing of the whole. It is asked last, of what
    /// came out, and follows from no rule above.
    fn is_complete(&self, whole: &Timeline<Op>, part: &Part) -> bool;
}

/// What is sound for any model.
pub struct AnyModel<'a, M>(pub &'a M);

impl<M: Model> Rules<M::Op> for AnyModel<'_, M> {
    /// What changes no state in which it is legal can be taken out of any order: every state stays the same.
    /// Nothing else can, open operations least of all: the order may need their effect.
    fn observers(&self, whole: &Timeline<M::Op>, part: &Part) -> Vec<usize> {
        let entries = part.kept.iter().map(|kept| kept.entry);
        entries.filter(|&entry| self.0.only_observes(&whole.entries()[entry].op)).collect()
    }

    fn forgotten(&self, op: &M::Op) -> M::Op {
        op.clone()
    }

    /// Everything that can have an effect by the part's end is there.
    fn is_complete(&self, whole: &Timeline<M::Op>, part: &Part) -> bool {
        let (end, kept) = (part.end(), kept(whole, part));
        whole
            .entries()
            .iter()
            .zip(kept)
            .all(|(entry, kept)| kept || entry.invoked > end || self.0.only_observes(&entry.op))
    }
}

/// By entry: whether it is kept.
pub(super) fn kept<Op>(whole: &Timeline<Op>, part: &Part) -> Vec<bool> {
    let mut kept = vec![false; whole.entries().len()];
    for one in &part.kept {
        kept[one.entry] = true;
    }
    kept
}
