//! Clusters for the tests of what is in this folder.

use std::time::Duration;

use raft::consensus::io::RoleName;
use raft::{ClusterId, Config, Incarnation, Membership};
use register::machine::Register;

use super::links::{Net, Weather};
use super::node::Settings;
use super::{Cluster, Pace};
use crate::carrier::id_of;
use crate::sim::random::Random;

pub(super) type Nodes = Cluster<Register, Net, ()>;

/// Nodes on good disks and a good network, one of which leads.
pub(super) fn started(size: usize) -> Nodes {
    let voters = (0..size).map(|node| (id_of(node), Incarnation(1 + node as u128)));
    let settings = Settings {
        cluster: ClusterId::new("test").unwrap(),
        config: Config::lan(),
        segment_bytes: 64 << 10,
        membership: Membership { voters: voters.collect() },
    };
    let random = Random::new(1);
    let net = Net::new(random, size, Weather::FAIR);
    let mut cluster = Cluster::new(settings, Pace::STEADY, net, random);
    for node in 0..size {
        cluster.start(node, Register::new()).unwrap();
    }
    pass(&mut cluster, Duration::from_secs(2));
    cluster
}

/// So much time passes.
pub(super) fn pass(cluster: &mut Nodes, time: Duration) {
    let end = cluster.now() + time;
    cluster.plan_at(end, ());
    while cluster.step().unwrap().is_none() {}
    assert_eq!((cluster.now(), cluster.violation()), (end, None));
}

/// The node that leads.
pub(super) fn leader(cluster: &Nodes) -> usize {
    let leads = |node: &usize| cluster.running(*node).unwrap().server().raft().role() == RoleName::Leader;
    (0..cluster.nodes.len()).find(leads).unwrap()
}
