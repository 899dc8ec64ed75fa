//! The judge: whether an order really explains a timeline. Linear time, and shares no code with the engines.

use crate::model::Model;
use crate::timeline::{Moment, Timeline};

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An index that names no entry.
    #[error("there is no entry {0}")]
    NoSuchEntry(usize),
    /// An entry stands there twice.
    #[error("entry {0} is taken twice")]
    Twice(usize),
    /// A completed entry is not there.
    #[error("entry {0} is completed and left out")]
    LeftOut(usize),
    /// An entry comes after one that was invoked only after it had returned.
    #[error("entry {0} comes after an entry that was invoked after its return")]
    AgainstRealTime(usize),
    /// The model does not allow this entry at its place.
    #[error("entry {0} is not legal where it stands")]
    Illegal(usize),
}

/// Checks that `order` holds every completed entry once and open ones at most once, that it respects real time, and
/// that every step is legal.
///
/// # Errors
/// The first flaw found.
pub fn replay<M: Model>(model: &M, timeline: &Timeline<M::Op>, order: &[usize]) -> Result<(), Flaw> {
    let entries = timeline.entries();
    let mut taken = vec![false; entries.len()];
    let mut state = model.initial();
    let mut latest_invocation: Moment = 0;
    for &index in order {
        let entry = entries.get(index).ok_or(Flaw::NoSuchEntry(index))?;
        if std::mem::replace(&mut taken[index], true) {
            return Err(Flaw::Twice(index));
        }
        if entry.returned.is_some_and(|returned| returned < latest_invocation) {
            return Err(Flaw::AgainstRealTime(index));
        }
        latest_invocation = latest_invocation.max(entry.invoked);
        state = model.step(&state, &entry.op).ok_or(Flaw::Illegal(index))?;
    }
    match entries.iter().zip(&taken).position(|(entry, taken)| entry.is_completed() && !taken) {
        Some(index) => Err(Flaw::LeftOut(index)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{CasRegister, RegisterOp};
    use crate::timeline::Entry;

    /// Put 1 in [1,2], observe 1 in [3,5], open put 2 from 4.
    fn timeline() -> Timeline<RegisterOp> {
        Timeline::new(vec![
            Entry { op: RegisterOp::Put(1), invoked: 1, returned: Some(2) },
            Entry { op: RegisterOp::Observe(1), invoked: 3, returned: Some(5) },
            Entry { op: RegisterOp::Put(2), invoked: 4, returned: None },
        ])
    }

    fn judge(order: &[usize]) -> Result<(), Flaw> {
        replay(&CasRegister { initial: 0 }, &timeline(), order)
    }

    #[test]
    fn open_entries_may_be_taken_or_left() {
        assert_eq!(judge(&[0, 1]), Ok(()));
        assert_eq!(judge(&[0, 1, 2]), Ok(()));
    }

    #[test]
    fn every_flaw_is_found() {
        assert_eq!(judge(&[0, 7]), Err(Flaw::NoSuchEntry(7)));
        assert_eq!(judge(&[0, 0]), Err(Flaw::Twice(0)));
        assert_eq!(judge(&[0]), Err(Flaw::LeftOut(1)));
        assert_eq!(judge(&[2, 0, 1]), Err(Flaw::AgainstRealTime(0)));
        assert_eq!(judge(&[0, 2, 1]), Err(Flaw::Illegal(1)));
    }
}
