//! Nodes that end, come back, are disconnected or move.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::{
    Certs, HandMade, Node, accept_hello, assert_pair_works, assert_reaches, closed_with, eventually,
    heartbeat, socket,
};
use raft::NodeId;
use raft::transport::Transport;
use transport_quic::{PeerAddr, PeerConfig, Refusal};

/// So long that no test can be saved by a connection that times out.
const NEVER: Duration = Duration::from_secs(3600);

fn patient(mut config: PeerConfig) -> PeerConfig {
    config.settings.max_idle_timeout = NEVER;
    config
}

async fn pair(certs: &Certs) -> (Node, Node) {
    let (one, two) = (socket(), socket());
    let (a1, a2) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    let first = Node::start(patient(certs.config(1, one, &[(2, a2)]))).await;
    let second = Node::start(patient(certs.config(2, two, &[(1, a1)]))).await;
    (first, second)
}

fn rebind(address: SocketAddr) -> UdpSocket {
    UdpSocket::bind(address).expect("the port is free at once")
}

#[tokio::test]
async fn the_port_is_free_as_soon_as_the_transport_is_dropped() {
    let certs = Certs::new();
    let (mut first, mut second) = pair(&certs).await;
    assert_pair_works(&mut first, &mut second).await;
    let address = second.address;
    drop(second);
    drop(rebind(address));
    first.transport.shutdown().await;
    drop(rebind(first.address));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_is_free_at_once_with_several_threads_too() {
    let certs = Certs::new();
    let (mut first, mut second) = pair(&certs).await;
    for _ in 0..10 {
        assert_pair_works(&mut first, &mut second).await;
        let address = second.address;
        // Traffic under way while it goes.
        let rounds: Vec<_> = (0..100).map(heartbeat).collect();
        first.send(2, &rounds);
        second.send(1, &rounds);
        drop(second);
        let config = certs.config(2, rebind(address), &[(1, first.address)]);
        while first.received.try_recv().is_ok() {}
        second = Node::start(patient(config)).await;
        eventually("both connected", || second.stats().connects == 1 && second.stats().accepts == 1).await;
        while tokio::time::timeout(Duration::from_millis(20), first.received.recv()).await.is_ok() {}
        while second.received.try_recv().is_ok() {}
    }
}

#[tokio::test]
async fn a_peers_new_life_ends_the_connection_to_its_old_one() {
    let certs = Certs::new();
    let (mut first, mut second) = pair(&certs).await;
    assert_pair_works(&mut first, &mut second).await;
    let address = second.address;
    drop(second);
    // No timeout can tell node 1 that its connection is dead; only the Hello of the new life can.
    let mut second = Node::start(patient(certs.config(2, rebind(address), &[(1, first.address)]))).await;
    assert_pair_works(&mut first, &mut second).await;
    let stats = first.stats();
    assert_eq!((stats.connects, stats.reconnects, stats.accepts), (2, 1, 2));
    assert!(stats.refusals.is_empty(), "{stats:?}");
}

#[tokio::test]
async fn only_a_hello_under_another_boot_id_ends_our_connection() {
    let certs = Certs::new();
    let peer = HandMade::new(2, &certs.node(2), &certs.trust());
    let config = certs.config(1, socket(), &[(2, peer.address())]);
    let node = Node::start(patient(config)).await;
    let ours = accept_hello(&peer, 7).await;
    eventually("node 1 is connected", || node.stats().connects == 1).await;
    for _ in 0..3 {
        let _same = peer.accepted_as(&node, 7).await;
    }
    assert!(ours.close_reason().is_none());
    let _other = peer.accepted_as(&node, 8).await;
    assert_eq!(closed_with(&ours).await, (0, String::new()));
    let _again = accept_hello(&peer, 8).await;
    eventually("node 1 has dialled again", || node.stats().reconnects == 1).await;
}

#[tokio::test]
async fn a_newer_connection_of_a_peer_replaces_its_older_one() {
    let certs = Certs::new();
    let peer = HandMade::new(2, &certs.node(2), &certs.trust());
    let mut config = certs.config(1, socket(), &[]);
    config.peers.insert(NodeId(2), socket().local_addr().unwrap().into());
    let node = Node::start(config).await;
    let (older, _control) = peer.accepted(&node).await;
    let (newer, _control) = peer.accepted(&node).await;
    assert_eq!(closed_with(&older).await, (0, "replaced by a newer connection".into()));
    assert!(newer.close_reason().is_none());
    assert!(node.stats().refusals.is_empty());
}

#[tokio::test]
async fn disconnect_closes_both_ways_and_the_peer_may_dial_again() {
    let certs = Certs::new();
    let (mut first, mut second) = pair(&certs).await;
    assert_pair_works(&mut first, &mut second).await;
    first.transport.disconnect(NodeId(2), "it asked to truncate\na committed entry");
    assert_eq!(first.stats().refused(Refusal::Disconnected), 1);
    eventually("node 2 is told on both connections", || second.stats().refused_by_peer == 2).await;
    eventually("both dial again", || first.stats().reconnects == 1 && second.stats().reconnects == 1).await;
    assert_pair_works(&mut first, &mut second).await;
}

#[tokio::test]
async fn shutdown_tells_the_peers() {
    let certs = Certs::new();
    let (mut first, mut second) = pair(&certs).await;
    assert_pair_works(&mut first, &mut second).await;
    second.transport.shutdown().await;
    eventually("node 1 tries to dial again", || first.stats().failed_dials > 0).await;
    assert_eq!(first.stats().refused_by_peer, 0);
}

#[tokio::test]
async fn a_node_that_ends_above_the_transport_stops_reading() {
    let certs = Certs::new();
    let peer = HandMade::new(2, &certs.node(2), &certs.trust());
    let mut config = certs.config(1, socket(), &[]);
    config.peers.insert(NodeId(2), socket().local_addr().unwrap().into());
    let mut node = Node::start(config).await;
    let (connection, mut control) = peer.accepted(&node).await;
    node.received.close();
    control.write_all(&raft::wire::encode(&heartbeat(1)).to_vec()).await.unwrap();
    assert_eq!(closed_with(&connection).await, (0, "the node has ended".into()));
}

#[tokio::test]
async fn a_peer_that_is_added_later_is_dialled_and_accepted() {
    let certs = Certs::new();
    let mut first = Node::start(certs.config(1, socket(), &[])).await;
    let mut second = Node::start(certs.config(2, socket(), &[(1, first.address)])).await;
    eventually("node 2 is a stranger", || first.stats().refused(Refusal::UnknownMember) > 0).await;
    first.transport.set_peer(NodeId(2), second.address);
    assert_pair_works(&mut first, &mut second).await;
}

#[tokio::test]
async fn a_peer_that_moves_is_found_at_its_new_address() {
    let certs = Certs::new();
    let mut first = Node::start(certs.config(1, socket(), &[(2, socket().local_addr().unwrap())])).await;
    let mut second = Node::start(certs.config(2, socket(), &[])).await;
    first.transport.set_peer(NodeId(2), second.address);
    second.transport.set_peer(NodeId(1), "127.0.0.1:1");
    assert_reaches(&mut first, &mut second).await;
}

#[tokio::test]
async fn a_host_name_is_resolved() {
    let certs = Certs::new();
    let mut second = Node::start(certs.config(2, socket(), &[(1, socket().local_addr().unwrap())])).await;
    let mut first = Node::start(certs.config(1, socket(), &[])).await;
    let name = PeerAddr::from(format!("localhost:{}", second.address.port()));
    assert!(matches!(name, PeerAddr::Named(_)));
    first.transport.set_peer(NodeId(2), name);
    assert_reaches(&mut first, &mut second).await;
}
