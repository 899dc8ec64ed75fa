//! Carries the frames of the lab's clusters over QUIC with mutual TLS: real UDP on loopback.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lab::carrier::{Carrier, Seat, id_of};
use raft::transport::Inbox;
use raft::{ClusterId, NodeId};
use transport_quic::{Credentials, PeerAddr, PeerConfig, Pki, QuicTransport, TrustAnchors, Validity};

/// Half of the lab profile's shortest election timeout.
const RECONNECT_CAP: Duration = Duration::from_millis(375);

/// Certificates and addresses of one cluster's nodes; they keep both over all their lives.
pub(crate) struct Quic {
    trust: TrustAnchors,
    nodes: BTreeMap<NodeId, (SocketAddr, Credentials)>,
}

impl Carrier for Quic {
    type Transport = QuicTransport;

    fn new(cluster: &ClusterId, size: usize) -> Result<Quic, String> {
        let pki = Pki::generate(cluster).map_err(|e| e.to_string())?;
        let trust = pki.peer_ca.trust().map_err(|e| e.to_string())?;
        let host = own_host();
        let mut nodes = BTreeMap::new();
        for id in (0..size).map(id_of) {
            let issued = pki.issue_node(id, &[], Validity::default()).map_err(|e| e.to_string())?;
            let credentials = issued.credentials().map_err(|e| e.to_string())?;
            nodes.insert(id, (free_address(host)?, credentials));
        }
        Ok(Quic { trust, nodes })
    }

    async fn join(&self, seat: &Seat, inbox: Inbox) -> Result<QuicTransport, String> {
        let (address, credentials) = self.nodes.get(&seat.node).ok_or("no such node")?;
        let mut config = PeerConfig::new(
            seat.cluster.clone(),
            seat.node,
            seat.incarnation,
            seat.boot,
            *address,
            credentials.clone(),
            self.trust.clone(),
        );
        config.peers = self.nodes.iter().map(|(id, (address, _))| (*id, PeerAddr::from(*address))).collect();
        config.reconnect_cap = RECONNECT_CAP;
        QuicTransport::start(config, inbox).await.map_err(|e| e.to_string())
    }
}

/// An address of the loopback network for this cluster alone, so that no other cluster, in this
/// process or another, can take a node's port while the node is down.
fn own_host() -> IpAddr {
    static CLUSTERS: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(0x9e37_79b9).wrapping_add(CLUSTERS.fetch_add(1, Relaxed));
    let [a, b, _, _] = number.reverse_bits().to_be_bytes();
    let [_, _, _, d] = number.to_be_bytes();
    // Never 127.0.0.x, which others use; never .0 or .255.
    IpAddr::V4(Ipv4Addr::new(127, a.max(1), b, 1 + d % 254))
}

fn free_address(host: IpAddr) -> Result<SocketAddr, String> {
    let socket = UdpSocket::bind((host, 0)).map_err(|e| format!("no port on {host}: {e}"))?;
    socket.local_addr().map_err(|e| e.to_string())
}
