//! Makes a failing case smaller: fewer events, fewer faults, fewer clients and nodes, then plainer settings, for as
//! long as it breaks the same rule. Because all randomness is keyed, what is taken out leaves the rest as it was.

use crate::sim::clients::load::Load;
use crate::sim::cluster::Pace;
use crate::sim::cluster::links::Weather;
use crate::sim::plan::case::Case;
use crate::sim::plan::fault::{Episode, Fault, Target};
use crate::sim::plan::swarm::{Limits, Plan};

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The smallest that was found.
    pub case: Case,
    /// Runs that it took.
    pub runs: u32,
}

/// Looks for the smallest case that `fails` as this one does, in at most `budget` runs.
pub fn shrink(case: &Case, budget: u32, fails: impl FnMut(&Case) -> bool) -> Shrunk {
    let mut search = Search { best: case.clone(), left: budget, fails };
    loop {
        let before = search.best.clone();
        search.events();
        search.episodes();
        search.clients();
        search.nodes();
        search.settings();
        search.loads();
        search.lasts();
        // What was removed may have kept something else from being removed.
        if search.best == before || search.left == 0 {
            return Shrunk { case: search.best, runs: budget - search.left };
        }
    }
}

struct Search<F> {
    best: Case,
    left: u32,
    fails: F,
}

impl<F: FnMut(&Case) -> bool> Search<F> {
    /// Keeps what this makes of the best case, if that still fails.
    fn try_with(&mut self, change: impl FnOnce(&mut Case)) -> bool {
        let mut case = self.best.clone();
        change(&mut case);
        if case == self.best || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let fails = (self.fails)(&case);
        if fails {
            self.best = case;
        }
        fails
    }

    /// Failing with fewer events is taken to mean failing with more; where it is not so, the result is less small.
    fn events(&mut self) {
        let mut too_few = 0;
        if self.try_with(|case| case.plan.events = 0) {
            return;
        }
        while self.best.plan.events - too_few > 1 + too_few / 50 && self.left > 0 {
            let middle = too_few.midpoint(self.best.plan.events);
            if !self.try_with(|case| case.plan.events = middle) {
                too_few = middle;
            }
        }
    }

    /// Delta debugging (Zeller, Hildebrandt 2002), of complements: halves, quarters, at last single ones.
    fn episodes(&mut self) {
        let mut size = self.best.plan.episodes.len();
        while size > 0 && self.left > 0 {
            // From the end: what comes late is the least likely to matter.
            let mut end = self.best.plan.episodes.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                self.try_with(|case| drop(case.plan.episodes.drain(start..end)));
                end = start;
            }
            size /= 2;
        }
    }

    fn clients(&mut self) {
        for clients in 0..self.best.plan.clients {
            if self.try_with(|case| case.plan.clients = clients) {
                return;
            }
        }
    }

    fn nodes(&mut self) {
        for nodes in 1..self.best.plan.nodes {
            if self.try_with(|case| with_nodes(&mut case.plan, nodes)) {
                return;
            }
        }
    }

    fn settings(&mut self) {
        self.try_with(|case| case.plan.at_rest = None);
        self.try_with(|case| case.plan.scrub_every = None);
        self.try_with(|case| case.plan.drift_ppm = 0);
        self.try_with(|case| case.plan.late_requests_ppm = 0);
        self.try_with(|case| case.plan.weather = Weather::FAIR);
        self.try_with(|case| case.plan.pace = Pace::STEADY);
        let usual = Limits::usual();
        if self.try_with(|case| case.plan.limits = usual) {
            return;
        }
        let one: [fn(&mut Limits, &Limits); 10] = [
            |limits, usual| limits.segment_bytes = usual.segment_bytes,
            |limits, usual| limits.max_append_entries = usual.max_append_entries,
            |limits, usual| limits.max_append_bytes = usual.max_append_bytes,
            |limits, usual| limits.max_in_flight = usual.max_in_flight,
            |limits, usual| limits.max_uncommitted_bytes = usual.max_uncommitted_bytes,
            |limits, usual| limits.max_kept_log_bytes = usual.max_kept_log_bytes,
            |limits, usual| limits.snapshot_chunk_bytes = usual.snapshot_chunk_bytes,
            |limits, usual| limits.snapshot_window_bytes = usual.snapshot_window_bytes,
            |limits, usual| limits.snapshot_min_log_bytes = usual.snapshot_min_log_bytes,
            |limits, usual| limits.session_reply_bytes = usual.session_reply_bytes,
        ];
        for set in one {
            self.try_with(|case| set(&mut case.plan.limits, &usual));
        }
    }

    fn loads(&mut self) {
        let plain = Load { keys: 1, pause: self.best.load.pause, ..Load::default() };
        if self.try_with(|case| case.load = plain) {
            return;
        }
        let one: [fn(&mut Load); 6] = [
            |load| load.abandon_ppm = 0,
            |load| load.oversized_ppm = 0,
            |load| load.large_ppm = 0,
            |load| load.burst_ppm = 0,
            |load| load.in_flight = 1,
            |load| (load.keys, load.hot_ppm) = (1, 0),
        ];
        for set in one {
            self.try_with(|case| set(&mut case.load));
        }
    }

    fn lasts(&mut self) {
        for number in 0..self.best.plan.episodes.len() {
            self.try_with(|case| plainer(&mut case.plan.episodes[number]));
        }
    }
}

/// A cluster of fewer nodes, without what concerns the others.
fn with_nodes(plan: &mut Plan, nodes: usize) {
    plan.nodes = nodes;
    plan.episodes.retain(|episode| is_within(&episode.fault, nodes));
    plan.at_rest.take_if(|fault| !is_within(fault, nodes));
}

fn is_within(fault: &Fault, nodes: usize) -> bool {
    match fault {
        Fault::Kill(target)
        | Fault::Stop(target)
        | Fault::Power(target)
        | Fault::Pause(target)
        | Fault::Mute(target)
        | Fault::Deafen(target)
        | Fault::SlowDisk(target, _)
        | Fault::FullDisk(target)
        | Fault::FailedSync { target, .. }
        | Fault::Spoil(target)
        | Fault::Ambush { target, .. }
        | Fault::Foreign(target)
        | Fault::Drift(target, _) => match target {
            Target::Node(node) => *node < nodes,
            Target::Leader => true,
        },
        Fault::Cut { from, to } => *from.max(to) < nodes,
        Fault::Rot { node, .. }
        | Fault::Decay { node, .. }
        | Fault::Unreadable { node, .. }
        | Fault::LostWrite { node, .. }
        | Fault::StrayWrite { node, .. }
        | Fault::Wipe(node) => *node < nodes && nodes >= 3,
        Fault::Split(_) | Fault::Weather(_) | Fault::Blackout => true,
    }
}

/// A tenth of a second, if that is shorter: a sharp fault is easier to follow than a long one.
fn plainer(episode: &mut Episode) {
    episode.lasts = episode.lasts.min(100_000_000);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed with many episodes.
    fn large() -> Case {
        let rich = (0..100).map(Case::drawn).max_by_key(|case| case.plan.episodes.len());
        rich.unwrap()
    }

    #[test]
    fn what_a_failure_does_not_need_goes() {
        let case = large();
        let needed = [case.plan.episodes[3].clone(), case.plan.episodes[40].clone()];
        let fails = |case: &Case| {
            case.plan.events >= 7_000
                && case.plan.clients >= 2
                && case.plan.nodes >= 2
                && needed.iter().all(|needed| {
                    case.plan
                        .episodes
                        .iter()
                        .any(|episode| (episode.at, &episode.fault) == (needed.at, &needed.fault))
                })
        };
        // All of it must be within the cluster that is left.
        let within = needed.iter().all(|episode| is_within(&episode.fault, 2));
        let Shrunk { case: small, runs } = shrink(&case, 1000, fails);
        assert!((7_000..7_200).contains(&small.plan.events), "{}", small.plan.events);
        assert_eq!(small.plan.episodes.len(), 2);
        assert_eq!(small.plan.clients, 2);
        assert!(!within || small.plan.nodes == 2);
        assert_eq!((small.plan.weather, small.plan.pace), (Weather::FAIR, Pace::STEADY));
        assert_eq!((small.plan.limits, small.plan.drift_ppm), (Limits::usual(), 0));
        assert!(runs < 400, "{runs} runs");
    }

    #[test]
    fn one_limit_that_matters_stays_and_the_others_go() {
        let mut case = large();
        case.plan.limits.max_append_entries = 1;
        let small = shrink(&case, 1000, |case| case.plan.limits.max_append_entries == 1).case;
        assert_eq!(small.plan.limits, Limits { max_append_entries: 1, ..Limits::usual() });
        assert_eq!((small.plan.events, small.plan.clients, small.plan.nodes), (0, 0, 1));
    }

    #[test]
    fn the_budget_is_kept_and_what_does_not_fail_is_not_taken() {
        let mut runs = 0;
        let shrunk = shrink(&large(), 17, |_| {
            runs += 1;
            false
        });
        assert_eq!((shrunk.case, shrunk.runs, runs), (large(), 17, 17));
    }

    #[test]
    fn what_concerns_a_node_goes_with_it() {
        let mut case = large();
        let fault = Fault::Cut { from: 0, to: case.plan.nodes - 1 };
        case.plan.episodes = vec![Episode { at: 1, lasts: 1, fault }];
        with_nodes(&mut case.plan, 2);
        assert_eq!(case.plan.episodes, []);
    }
}
