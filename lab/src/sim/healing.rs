//! The second phase: a quorum is healed, the rest stays as it is for good. There must be a leader and a commit in
//! time, clients must end what they began, and whoever has applied the same must be in the same state.

use std::time::Duration;

use raft::StateMachine;
use raft::consensus::io::RoleName;
use raft::state_machine::Snapshot;

use crate::sim::clients::client::{Ask, Client, ClientEvent};
use crate::sim::clients::workload::Workload;
use crate::sim::world::{Own, Phase, World};

/// A healed cluster commits within ten of the longest election timeouts.
const TIMEOUTS: u32 = 10;
/// Meanwhile it is given something to commit this often.
const PROBES: Duration = Duration::from_millis(50);
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
        let leaders = self.healed().filter_map(|node| {
            let raft = self.cluster.running(node)?.server().raft();
            (raft.role() == RoleName::Leader).then_some((raft.term(), node))
        });
        leaders.max().map(|(_, node)| node)
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
            self.phase = Phase::Ended;
            self.compare_states();
        }
    }

    fn have_applied_the_same(&self) -> bool {
        let committed = self.cluster.committed();
        let applied = |node: usize| self.cluster.running(node).map(|pump| pump.server().last_applied());
        self.healed().all(|node| applied(node) == Some(committed))
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
