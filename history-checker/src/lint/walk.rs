//! One walk through the history in the order of its lines: clocks, processes, faults, and what is in flight.

use std::collections::HashMap;

use super::power::FaultBand;
use super::rules::{Findings, Rule};
use crate::history::{FaultEdge, History, Operation, Outcome};
use crate::lines::{Line, lines};

/// What the walk counts.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Operations in flight at an invocation, itself included: summed over all invocations, and at most.
    pub(super) in_flight_sum: usize,
    pub(super) in_flight_peak: usize,
    pub(super) processes: usize,
    /// Nanoseconds between the earliest and the latest time.
    pub(super) duration_ns: u64,
    pub(super) bands: Vec<FaultBand>,
}

#[derive(Default)]
struct Walker<'a> {
    walk: Walk,
    /// The last operation of each process.
    last_of: HashMap<u64, &'a Operation>,
    /// By the line of a fault's end: that of its begin.
    begun: HashMap<usize, usize>,
    invoked: usize,
    ended: usize,
    answered: usize,
    /// The line and time before.
    before: Option<(usize, u64)>,
    earliest: Option<u64>,
    latest: u64,
    /// Bands in force, with how many operations had been invoked and answered when they began.
    in_force: Vec<(usize, usize, usize)>,
    /// Ended bands, and until which time what follows counts as theirs.
    following: Vec<(usize, u64)>,
}

pub(super) fn walk(history: &History, findings: &mut Findings) -> Walk {
    let bands = history.fault_bands();
    let begun = bands.iter().filter_map(|band| Some((band.end?.line, band.begin?.line)));
    let mut walker = Walker { begun: begun.collect(), ..Walker::default() };
    for (line, what) in lines(history) {
        match what {
            Line::Invocation(operation) => {
                walker.tick(line, operation.invoked.time, findings);
                walker.invoke(operation, findings);
            }
            Line::Completion(operation, mark) => {
                walker.tick(line, mark.time, findings);
                walker.ended += 1;
                walker.answered += usize::from(matches!(operation.outcome, Outcome::Ok { .. }));
            }
            Line::Fault(fault) => {
                walker.tick(line, fault.at.time, findings);
                match fault.edge {
                    FaultEdge::Begin => walker.begin(&fault.name, line, fault.at.time),
                    FaultEdge::End => walker.end(&fault.name, line, fault.at.time, findings),
                }
            }
        }
    }
    walker.finish(findings)
}

impl<'a> Walker<'a> {
    fn tick(&mut self, line: usize, time: u64, findings: &mut Findings) {
        if let Some((before, earlier)) = self.before {
            if time < earlier {
                findings.add(Rule::ClockBackwards, &[before, line], || {
                    format!("from {earlier} ns (line {before}) to {time} ns (line {line})")
                });
            } else if time == earlier {
                findings.add(Rule::ClockTie, &[before, line], || {
                    format!("{time} ns at lines {before} and {line}")
                });
            }
        }
        self.before = Some((line, time));
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
        self.latest = self.latest.max(time);
        let bands = &mut self.walk.bands;
        self.following.retain(|&(band, until)| {
            let follows = time <= until;
            if follows {
                bands[band].followed_until = line;
            }
            follows
        });
    }

    fn invoke(&mut self, operation: &'a Operation, findings: &mut Findings) {
        if let Some(before) = self.last_of.insert(operation.process, operation)
            && matches!(before.outcome, Outcome::Unknown { .. })
        {
            let lines = [before.invoked.line, operation.invoked.line];
            findings.add(Rule::ProcessReused, &lines, || format!("{before}, then {}", operation.action));
        }
        // What has no completion is in flight at its own invocation only: nobody knows for how long.
        let silent = operation.completed_at().is_none();
        let in_flight = self.invoked + 1 - self.ended;
        self.invoked += usize::from(!silent);
        self.walk.in_flight_sum += in_flight;
        self.walk.in_flight_peak = self.walk.in_flight_peak.max(in_flight);
        for &(band, ..) in self.in_force.iter().filter(|_| silent) {
            self.walk.bands[band].operations += 1;
        }
    }

    fn begin(&mut self, name: &str, line: usize, time: u64) {
        self.following.clear();
        self.in_force.push((self.walk.bands.len(), self.invoked, self.answered));
        self.walk.bands.push(FaultBand {
            name: name.to_owned(),
            lines: [line, line],
            times: [time, time],
            followed_until: line,
            // In flight when it begins; the others are added when it ends.
            operations: self.invoked - self.ended,
            answered: 0,
            reads: 0,
        });
    }

    fn end(&mut self, name: &str, line: usize, time: u64, findings: &mut Findings) {
        let began = self.begun.get(&line).copied();
        let place =
            self.in_force.iter().position(|&(band, ..)| Some(self.walk.bands[band].lines[0]) == began);
        let Some(place) = place else {
            findings
                .add(Rule::FaultUnpaired, &[line], || format!("{name} ends at line {line} and never began"));
            return;
        };
        let (band, ..) = self.in_force[place];
        self.close(place, line, time);
        let FaultBand { times: [began, ended], .. } = self.walk.bands[band];
        self.following.push((band, ended.saturating_add(ended.saturating_sub(began))));
    }

    fn close(&mut self, place: usize, line: usize, time: u64) {
        let (band, invoked, answered) = self.in_force.remove(place);
        let band = &mut self.walk.bands[band];
        (band.lines[1], band.times[1], band.followed_until) = (line, time, line);
        band.operations += self.invoked - invoked;
        band.answered = self.answered - answered;
    }

    fn finish(mut self, findings: &mut Findings) -> Walk {
        let (line, time) = self.before.unwrap_or_default();
        while let Some(&(band, ..)) = self.in_force.first() {
            let FaultBand { name, lines: [began, _], .. } = &self.walk.bands[band];
            findings.add(Rule::FaultUnpaired, &[*began], || {
                format!("{name} begins at line {began} and never ends")
            });
            self.close(0, line + 1, time);
        }
        self.walk.processes = self.last_of.len();
        self.walk.duration_ns = self.latest - self.earliest.unwrap_or(self.latest);
        self.walk
    }
}
