//! A way through a scope, told as it happens in a cluster as every other: its nodes have their own names, and what
//! they do is worked out again and judged at once.

use raft::Timestamp;

use super::scopes::Scope;
use super::setting::{Applied, Nodes, nodes};
use super::state::Choice;
use super::steps::give;
use crate::sim::cluster::Encoded;
use crate::sim::report::diagram;
use crate::sim::report::trace::Line;

/// The diagram of a way that breaks a rule; its seconds count events. None if it breaks none.
pub(super) fn retell(scope: &Scope, way: &[Choice], contents: &[Encoded]) -> Option<String> {
    let mut cluster = begin(scope);
    let mut lines = Vec::new();
    for (number, choice) in way.iter().enumerate() {
        let told = cluster.trace.lines().len();
        follow(scope, &mut cluster, *choice, contents);
        let at = Timestamp::from_millis(1000 * (number as u64 + 1));
        lines.extend(cluster.trace.lines()[told..].iter().cloned().map(|line| Line { at, ..line }));
    }
    let mut violation = cluster.take_violation()?;
    violation.at = Timestamp::from_millis(1000 * way.len() as u64);
    let drawn = diagram::draw(scope.nodes, &lines, &violation);
    Some(format!("{}: {}\n{drawn}", violation.rule, violation.what))
}

/// All nodes were started.
pub(super) fn begin(scope: &Scope) -> Nodes {
    let mut cluster = nodes(scope);
    cluster.trace.keep_lines();
    for node in 0..scope.nodes {
        // Nothing is wrong with a fresh disk.
        let _ = cluster.start(node, Applied::default());
        cluster.settle(node, scope.disks.at_once());
    }
    cluster
}

pub(super) fn follow(scope: &Scope, cluster: &mut Nodes, choice: Choice, contents: &[Encoded]) {
    let node = match choice {
        Choice::Arrive { from, to, content, again } => {
            let content = &contents[content as usize];
            if again {
                cluster.arrive_from_outside(from, to, content.clone());
            } else {
                cluster.arrive(from, to, content);
            }
            to
        }
        Choice::Do(node, input) => {
            give(cluster, scope, node, input);
            node
        }
    };
    cluster.settle(node, scope.disks.at_once());
}

#[cfg(test)]
mod tests {
    use super::super::scopes::SCOPES;
    use super::super::state::{Kept, Next, Parts, State};
    use super::*;

    /// Any way through a scope.
    fn walk(scope: &Scope, seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut parts = Parts::new(scope, scope.bounds, true);
        let Next::State(mut state, _) = parts.start() else { panic!() };
        let (mut cluster, mut choices) = (begin(scope), Vec::new());
        for _ in 0..60 {
            parts.choices(&state, &mut choices);
            let Some(choice) = rng.choice(&choices) else { break };
            match parts.take(&state, *choice, Kept::default()) {
                Next::State(next, _) => state = next,
                Next::Nothing => continue,
                Next::Broken(broken) => panic!("{broken:?}"),
            }
            follow(scope, &mut cluster, *choice, &parts.steps.contents);
            compare(&parts, &state, &cluster);
        }
        assert_eq!(cluster.violation(), None);
    }

    fn compare(parts: &Parts<'_>, state: &State, cluster: &Nodes) {
        for (node, facts) in parts.glance(state).nodes().enumerate() {
            let raft = cluster.running(node).map(|pump| pump.server().raft());
            assert_eq!(facts.role, raft.map(raft::consensus::Raft::role));
            assert_eq!(facts.term, raft.map_or(0, |raft| raft.term().0));
            assert_eq!(facts.commit, raft.map(raft::consensus::Raft::commit_index).unwrap_or_default());
            assert_eq!(facts.life, cluster.node(node).life);
        }
        assert_eq!(parts.glance(state).committed, cluster.committed());
    }

    #[test]
    fn what_is_worked_out_once_is_what_happens_in_a_cluster() {
        for scope in SCOPES {
            (0..20).for_each(|seed| walk(scope, seed));
        }
    }
}
