//! What goes wrong with disks. What was durable may be lost on one node of a run, the victim, and on no other: of
//! every entry that was acknowledged the copies on all others are good.

use super::draws::{DETAIL, Draw, GAP, LASTS, ON, usize_of};
use super::fault::{Action, Aim, Episode, Fault, Moment, Target, Written};

/// Kinds of damage, by which their draws are told apart.
const DAMAGE: u64 = 50;
const WITHOUT_COPY: u64 = 61;
const AT_REST: u64 = 62;
const SCRUB: u64 = 63;

/// Met when its disk comes to something.
pub(super) fn ambush(target: Target, detail: u64) -> Fault {
    let of = |shift: u32, count: usize| usize_of(detail >> shift & 0xff) % count;
    let actions = [Action::Kill, Action::Power, Action::Stall, Action::StallThenPower];
    let action = actions[of(8, actions.len())];
    let depose_leader = of(16, 2) == 0;
    let (moment, action, depose_leader) = match of(0, 8) {
        0 => (Moment::SnapshotNamed, action, depose_leader),
        // What is not built from yet may be lost on any node. Another leader has another snapshot to send.
        1..=3 => match of(24, 8) {
            0..=2 => (Moment::ReceivedNamed, Action::Flip, false),
            3..=6 => (Moment::ReceivedNamed, Action::Stall, true),
            _ => (Moment::ReceivedNamed, action, depose_leader),
        },
        4 => (Moment::SegmentNamed, action, depose_leader),
        5 => (Moment::Synced, action, depose_leader),
        // While nothing of it is durable, what stood before must not go.
        _ => (Moment::SegmentBegins, Action::StallThenPower, depose_leader),
    };
    Fault::Ambush { target, moment, action, depose_leader }
}

impl Draw {
    /// Whose disk is damaged in this run.
    fn victim(&self) -> Option<usize> {
        let damaged = self.nodes >= 3 && self.random.chance(ON, DAMAGE, 0, 500_000);
        damaged.then(|| usize_of(self.random.below(DETAIL, DAMAGE, 0, self.nodes)))
    }

    fn is_wiped(&self) -> bool {
        self.random.chance(ON, DAMAGE, 1, 120_000)
    }

    /// Of one node, or none.
    pub(super) fn damage(&self) -> Vec<Episode> {
        let Some(node) = self.victim() else { return Vec::new() };
        if self.is_wiped() {
            return vec![self.episode(0, Fault::Wipe(node))];
        }
        let on = |kind: u64| self.random.chance(ON, DAMAGE, 2 + kind, 500_000);
        let kinds = (0..5).filter(|kind| on(*kind));
        let times = kinds.flat_map(|kind| (0..3).map(move |time| (kind, 1 + kind * 8 + time)));
        let mut episodes: Vec<Episode> =
            times.map(|(kind, number)| self.episode(number, self.damage_of(node, kind, number))).collect();
        episodes.extend(self.quorum_without_copy(node));
        episodes
    }

    fn episode(&self, number: u64, fault: Fault) -> Episode {
        Episode {
            at: self.log_uniform(GAP, DAMAGE, number, (300_000_000, 10_000_000_000)),
            lasts: self.log_uniform(LASTS, DAMAGE, number, (1_000_000, 1_000_000_000)),
            fault,
        }
    }

    fn damage_of(&self, node: usize, kind: u64, number: u64) -> Fault {
        let detail = |what: u64| self.random.below(DETAIL, DAMAGE + 1 + what, number, 1_000_000);
        let place_ppm = u32::try_from(detail(0)).unwrap_or(0);
        let of = if detail(1).is_multiple_of(2) { Written::Log } else { Written::Snapshot };
        let aims = [Aim::Oldest, Aim::Recent, Aim::Recent, Aim::Replacement, Aim::Snapshot];
        let aim = aims[usize_of(detail(2)) % aims.len()];
        match kind {
            0 => Fault::Rot { node, place_ppm, aim },
            1 => Fault::Decay { node, place_ppm, aim },
            2 => Fault::Unreadable {
                node,
                place_ppm,
                aim: if detail(3).is_multiple_of(2) { Aim::End } else { aim },
            },
            3 => Fault::LostWrite { node, of },
            _ => Fault::StrayWrite { node, of, place_ppm },
        }
    }

    /// What a majority had committed without some others, one of it loses; and now these others and the victim are a
    /// majority, which holds no whole copy. They must not go on without one of those who do.
    fn quorum_without_copy(&self, victim: usize) -> Vec<Episode> {
        if !self.random.chance(ON, WITHOUT_COPY, 0, 500_000) {
            return Vec::new();
        }
        let behind = (1..=usize_of(self.nodes / 2)).map(|step| (victim + step) % usize_of(self.nodes));
        let behind = behind.fold(0, |side, node| side | 1 << node);
        let mut at = self.random.between(GAP, WITHOUT_COPY, 0, (500_000_000, 4_000_000_000));
        let mut episodes = Vec::new();
        for number in 0..3 {
            let apart = self.log_uniform(LASTS, WITHOUT_COPY, 3 * number, (200_000_000, 2_000_000_000));
            let together =
                self.random.between(LASTS, WITHOUT_COPY, 3 * number + 1, (1_000_000_000, 4_000_000_000));
            let place_ppm =
                u32::try_from(self.random.below(DETAIL, WITHOUT_COPY, number, 1_000_000)).unwrap_or(0);
            episodes.push(Episode { at, lasts: apart, fault: Fault::Split(behind) });
            at += apart;
            episodes.push(Episode { at, lasts: together, fault: Fault::Split(behind | 1 << victim) });
            let fault = Fault::Rot { node: victim, place_ppm, aim: Aim::Recent };
            episodes.push(Episode { at: at + 1, lasts: 1_000_000, fault });
            at += together + self.random.between(GAP, WITHOUT_COPY, number + 1, (100_000_000, 2_000_000_000));
        }
        episodes
    }

    /// Nobody asks for anything any more: what a node lost or forgot must come back without.
    pub(super) fn at_rest(&self) -> Option<Fault> {
        if !self.random.chance(ON, AT_REST, 0, 500_000) {
            return None;
        }
        let node = usize_of(self.random.below(DETAIL, AT_REST, 0, self.nodes));
        let Some(victim) = self.victim().filter(|_| !self.is_wiped()) else {
            return Some(Fault::Kill(Target::Node(node)));
        };
        let place_ppm = u32::try_from(self.random.below(DETAIL, AT_REST, 1, 1_000_000)).unwrap_or(0);
        let aim = self.one_of(DETAIL, AT_REST + 100, &[Aim::Recent, Aim::Replacement, Aim::Oldest]);
        Some(Fault::Rot { node: victim, place_ppm, aim })
    }

    /// So often that a short run holds whole rounds, or as a node does by itself.
    pub(super) fn scrub_every(&self) -> Option<u64> {
        let short = self.random.chance(ON, SCRUB, 0, 600_000);
        short.then(|| self.log_uniform(DETAIL, SCRUB, 0, (30_000_000, 300_000_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::swarm::Plan;
    use super::*;

    #[test]
    fn no_two_disks_are_damaged_in_one_run() {
        let mut aims = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let plan = Plan::drawn(seed);
            let faults = plan.episodes.iter().map(|episode| &episode.fault).chain(&plan.at_rest);
            let victims: std::collections::BTreeSet<usize> = faults
                .filter_map(|fault| match fault {
                    Fault::Rot { node, aim, .. }
                    | Fault::Decay { node, aim, .. }
                    | Fault::Unreadable { node, aim, .. } => {
                        aims.insert(format!("{aim:?}"));
                        Some(*node)
                    }
                    Fault::LostWrite { node, .. } | Fault::StrayWrite { node, .. } | Fault::Wipe(node) => {
                        Some(*node)
                    }
                    _ => None,
                })
                .collect();
            assert!(victims.len() <= 1 && (plan.nodes >= 3 || victims.is_empty()), "{seed}: {victims:?}");
            let damage = plan.episodes.iter().any(|episode| episode.fault.damages());
            let wiped = plan.episodes.iter().any(|episode| matches!(episode.fault, Fault::Wipe(_)));
            assert!(!(damage && wiped), "{seed}");
        }
        assert_eq!(aims.len(), 5, "{aims:?}");
    }
}
