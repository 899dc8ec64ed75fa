//! The second phase: a quorum is healed, the rest stays as it is for good. There must be a leader and a commit in
//! time, clients must end what they began, and whoever has applied the same must be in the same state.

use std::time::Duration;

use raft::StateMachine;
use raft::state_machine::Snapshot;

use crate::sim::clients::client::{Ask, Client, ClientEvent};
use crate::sim::clients::workload::Workload;
use crate::sim::world::{Own, Phase, World};

/// A healed cluster commits within ten of the longest election timeouts.
const TIMEOUTS: u32 = 10;
/// Meanwhile it is given something to commit this often.
const PROBES: Duration = Duration::from_millis(50);
/// A process is away for so long, in what goes wrong at rest.
const SHORT: Duration = Duration::from_millis(20);
/// And its clients end within this, whatever they had begun.
const PATIENCE: Duration = Duration::from_secs(60);

impl<W: Workload> World<W> {
    /// The second phase begins.
    pub(super) fn heal(&mut self) {
        let committed = self.cluster.committed();
        self.phase = Phase::Healed { committed };
        self.heal_quorum();
        let longest = self.cluster.settings.config.election_max;
        self.cluster.plan(Duration::ZERO, Own::Probe);
        self.cluster.plan(longest * TIMEOUTS, Own::Live);
        self.cluster.plan(PATIENCE, Own::Over);
        for client in 0..self.clients.len() {
            self.step_client(client, ClientEvent::Drain);
        }
    }

    /// The healed node that leads the newest term.
    fn healed_leader(&self) -> Option<usize> {
        self.cluster.newest_leader(self.healed())
    }

    /// Looks whether all is done. Clients may have nothing more to ask: until there was a commit the cluster is given
    /// something, a session, which any state machine's cluster commits.
    pub(super) fn probe(&mut self) {
        if self.is_live() {
            self.converge();
        } else if let Some(leader) = self.healed_leader() {
            // What is answered is looked at by nobody: that it commits is seen.
            let _ = self.cluster.ask(leader, Ask::OpenSession);
        }
        self.cluster.plan(PROBES, Own::Probe);
    }

    pub(super) fn check_live(&mut self) {
        if self.phase == Phase::Ended || self.is_live() {
            return;
        }
        let text = format!("ten election timeouts after they were healed: {}", self.describe_healed());
        self.cluster.broken("a healed quorum commits", text);
    }

    pub(super) fn check_over(&mut self) {
        // Whoever rests has as much time again.
        if self.rested.is_some_and(|at| self.cluster.now() < at + PATIENCE) {
            return;
        }
        self.converge();
        if self.phase == Phase::Ended {
            return;
        }
        let late: Vec<usize> =
            (0..self.clients.len()).filter(|client| !self.clients[*client].is_done()).collect();
        if !late.is_empty() {
            let text = format!("clients {late:?} have not ended after {PATIENCE:?} with a healed quorum");
            self.cluster.broken("clients end", text);
        }
        if !self.have_applied_the_same() {
            let text = format!("after {PATIENCE:?}: {}", self.describe_healed());
            self.cluster.broken("healed nodes apply what is committed", text);
        }
        self.phase = Phase::Ended;
    }

    /// Once all clients have ended and the healed nodes have applied the same, their states must be equal.
    fn converge(&mut self) {
        if self.phase != Phase::Ended
            && self.clients.iter().all(Client::is_done)
            && self.have_applied_the_same()
        {
            let Some(rested) = self.rested else { return self.rest() };
            if self.cluster.now() < rested + self.rounds() {
                return;
            }
            self.phase = Phase::Ended;
            if let Some(what) = Some(self.rounds())
                .filter(|long| *long > Duration::ZERO)
                .and_then(|_| self.cluster.any_unseen_blemish())
            {
                self.cluster.broken("damage is found while the node runs", what);
            }
            self.compare_states();
        }
    }

    /// All is done, and nobody will ask for anything. What goes wrong now must be made good without.
    fn rest(&mut self) {
        self.rested = Some(self.cluster.now());
        self.cluster.plan(PATIENCE, Own::Over);
        if let Some(fault) = self.plan.at_rest.clone()
            && self.inflict(self.plan.episodes.len(), &fault, SHORT).is_some()
        {
            *self.landed.entry("at rest").or_default() += 1;
        }
    }

    /// How long a node takes to read all again that it wrote long ago, and to say what it found; nothing where that
    /// is longer than a run.
    fn rounds(&self) -> Duration {
        let every = self.cluster.scrub_every.filter(|_| self.cluster.has_blemishes());
        let rounds = 2 * self.cluster.longest_round() + 3;
        every.map_or(Duration::ZERO, |every| every * u32::try_from(rounds).unwrap_or(1))
    }

    fn have_applied_the_same(&self) -> bool {
        let committed = self.cluster.committed();
        let applied = |node: usize| self.cluster.running(node).map(|pump| pump.server().last_applied());
        let repairs = |node: usize| self.cluster.running(node).and_then(|pump| pump.server().raft().repair());
        self.healed().all(|node| applied(node) == Some(committed) && repairs(node).is_none())
    }

    fn healed(&self) -> impl Iterator<Item = usize> {
        (0..self.plan.nodes).filter(|node| self.quorum[*node])
    }

    fn describe_healed(&self) -> String {
        let states: Vec<String> = self.healed().map(|node| self.cluster.describe(node)).collect();
        states.join("; ")
    }

    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Healed { committed } if self.cluster.committed() > committed)
    }

    fn compare_states(&mut self) {
        let states: Vec<(usize, Vec<u8>)> =
            self.healed().filter_map(|node| Some((node, self.state(node)?))).collect();
        if let [(first, state), others @ ..] = &states[..]
            && let Some((other, _)) = others.iter().find(|(_, other)| other != state)
        {
            let text = format!("nodes {first} and {other} have applied the same and differ");
            self.cluster.broken("equal logs make equal states", text);
        }
    }

    /// A node's state machine and sessions, as a snapshot would hold them.
    fn state(&self, node: usize) -> Option<Vec<u8>> {
        let server = self.cluster.running(node)?.server();
        let mut state = written(server.machine());
        state.extend_from_slice(&server.sessions().encode());
        Some(state)
    }
}

fn written(machine: &impl StateMachine) -> Vec<u8> {
    let mut state = Vec::new();
    // Into memory it has no way to fail.
    let _ = machine.snapshot().write_to(&mut state);
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clients::load::Load;
    use crate::sim::clients::register_workload::RegisterWorkload;
    use crate::sim::plan::swarm::Plan;

    fn world(seed: u64) -> World<RegisterWorkload> {
        let plan = Plan { nodes: 3, events: 3_000, episodes: Vec::new(), ..Plan::drawn(seed) };
        World::new(plan, RegisterWorkload { load: Load::default() })
    }

    /// The world at the beginning of its second phase, and who leads.
    fn healed(seed: u64) -> (World<RegisterWorkload>, usize) {
        let mut world = world(seed);
        loop {
            assert!(world.step());
            if let (Phase::Healed { .. }, Some(leader)) = (world.phase, world.healed_leader()) {
                return (world, leader);
            }
        }
    }

    #[test]
    fn a_healed_node_that_applies_no_more_breaks_a_rule() {
        let (mut world, leader) = (0..20).map(healed).find(|(world, _)| world.healed().count() == 3).unwrap();
        assert_eq!(world.clone().run().violation, None);
        let lost = (leader + 1) % 3;
        for other in [leader, (leader + 2) % 3] {
            world.cluster.links.cut(other, lost);
            world.cluster.links.cut(lost, other);
        }
        let rule = world.run().violation.map(|violation| violation.rule);
        assert_eq!(rule, Some("healed nodes apply what is committed"));
    }

    #[test]
    fn whoever_is_left_is_down_or_deaf_or_mute() {
        let mut seen = [0; 3];
        for seed in 0..40 {
            let (world, _) = healed(seed);
            let links = &world.cluster.links;
            for node in (0..3).filter(|node| !world.quorum[*node]) {
                let others = [(node + 1) % 3, (node + 2) % 3];
                let is_down = world.cluster.running(node).is_none();
                let is_deaf = others.iter().all(|other| links.is_cut(*other, node));
                let is_mute = others.iter().all(|other| links.is_cut(node, *other));
                assert_eq!([is_down, is_deaf, is_mute].iter().filter(|way| **way).count(), 1, "seed {seed}");
                for (count, way) in seen.iter_mut().zip([is_down, is_deaf, is_mute]) {
                    *count += u32::from(way);
                }
            }
        }
        assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
    }

    #[test]
    fn a_cluster_that_is_even_stays_so_when_it_is_healed() {
        let mut world = world(1);
        world.plan.is_even = true;
        world.heal();
        assert!(
            (0..3).all(
                |node| !world.quorum[node] || world.cluster.pace[node] == crate::sim::cluster::Pace::EVEN
            )
        );
    }
}
