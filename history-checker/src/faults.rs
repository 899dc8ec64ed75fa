//! Which end belongs to which begin.

use std::collections::{HashMap, VecDeque};

use crate::history::{FaultEdge, History, Mark};

/// A fault, from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpan<'a> {
    /// What was done, for people.
    pub name: &'a str,
    /// `None`: it ends, and never began.
    pub begin: Option<Mark>,
    /// `None`: it was not healed.
    pub end: Option<Mark>,
}

impl History {
    /// The faults, each with its begin and its end, in the order of their first lines. An end belongs to the earliest
    /// begin of its name that has none yet.
    #[must_use]
    pub fn fault_bands(&self) -> Vec<FaultSpan<'_>> {
        let mut bands: Vec<FaultSpan<'_>> = Vec::new();
        let mut in_force: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for fault in self.faults() {
            let (name, same) = (fault.name.as_str(), in_force.entry(&fault.name).or_default());
            match fault.edge {
                FaultEdge::Begin => {
                    same.push_back(bands.len());
                    bands.push(FaultSpan { name, begin: Some(fault.at), end: None });
                }
                FaultEdge::End => match same.pop_front().and_then(|index| bands.get_mut(index)) {
                    Some(band) => band.end = Some(fault.at),
                    None => bands.push(FaultSpan { name, begin: None, end: Some(fault.at) }),
                },
            }
        }
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FaultEdge::{Begin, End};

    #[test]
    fn an_end_heals_what_began_first() {
        let mut history = History::default();
        let faults = [("a", Begin), ("b", Begin), ("a", Begin), ("a", End), ("c", End), ("b", End)];
        for (line, (name, edge)) in (1..).zip(faults) {
            history.add_fault(name.to_owned(), edge, Mark { line, time: 0 });
        }
        let line = |mark: Option<Mark>| mark.map(|mark| mark.line);
        let bands = history.fault_bands();
        let bands: Vec<_> = bands.iter().map(|band| (band.name, line(band.begin), line(band.end))).collect();
        assert_eq!(
            bands,
            [("a", Some(1), Some(4)), ("b", Some(2), Some(6)), ("a", Some(3), None), ("c", None, Some(5))]
        );
    }
}
