//! Who is turned away before a byte reaches Raft, and under which name that is counted. After each,
//! two good nodes still talk, and nothing but their own messages was delivered.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::{Certs, HandMade, Node, assert_pair_works, closed, closed_with, eventually, refusals, socket};
use raft::transport::Inbox;
use raft::{ClusterId, NodeId};
use rcgen::{CertificateParams, SanType};
use transport_quic::hello::{self, HELLO};
use transport_quic::pki::{client_params, node_params};
use transport_quic::{
    ALPN_PEER, ALPN_REGISTER, Bind, ConnectionSettings, Credentials, QuicTransport, Refusal, StartError,
    Validity, identity, tls,
};

/// Node 1 with the peers 2, which is away, and 3; and node 3.
struct Scene {
    certs: Certs,
    node: Node,
    good: Node,
}

impl Scene {
    async fn new() -> Scene {
        let away = socket();
        Scene::with_second(&Certs::new(), away.local_addr().unwrap()).await
    }

    async fn with_second(certs: &Certs, second: SocketAddr) -> Scene {
        let (one, three) = (socket(), socket());
        let (a1, a3) = (one.local_addr().unwrap(), three.local_addr().unwrap());
        let mut config = certs.config(1, one, &[(2, second), (3, a3)]);
        config.limits.hello = std::time::Duration::from_millis(500);
        let node = Node::start(config).await;
        let good = Node::start(certs.config(3, three, &[(1, a1)])).await;
        let (cluster, peer_ca, client_ca) =
            (certs.pki.cluster.clone(), clone(&certs.pki.peer_ca), clone(&certs.pki.client_ca));
        let certs = Certs { pki: transport_quic::Pki { cluster, peer_ca, client_ca } };
        Scene { certs, node, good }
    }

    async fn refuses(mut self, why: Refusal) {
        eventually(why.name(), || self.node.stats().refused(why) > 0).await;
        assert_pair_works(&mut self.node, &mut self.good).await;
        let counted = refusals(&self.node);
        assert_eq!(counted.keys().collect::<Vec<_>>(), [&why.name()], "{counted:?}");
    }

    /// Somebody with such a certificate dials and says Hello as node 2.
    async fn refuses_certificate(self, credentials: &Credentials, why: Refusal) {
        let peer = HandMade::new(2, credentials, &self.certs.trust());
        if let Ok(connection) = peer.try_dial(&self.node).await
            && let Ok((mut control, _)) = connection.open_bi().await
        {
            let _ = control.write_all(&hello::encode(HELLO, &peer.hello(self.node.id))).await;
            closed(&connection).await;
        }
        self.refuses(why).await;
    }

    async fn refuses_params(self, params: CertificateParams, why: Refusal) {
        let credentials = self.certs.pki.peer_ca.sign(&params).unwrap().credentials().unwrap();
        self.refuses_certificate(&credentials, why).await;
    }

    fn params(&self, id: u64) -> CertificateParams {
        node_params(&self.certs.pki.cluster, NodeId(id), &[], Validity::default()).unwrap()
    }
}

fn clone(authority: &transport_quic::pki::Authority) -> transport_quic::pki::Authority {
    transport_quic::pki::Authority::from_pem(&authority.cert_pem(), &authority.key_pem()).unwrap()
}

#[tokio::test]
async fn no_certificate() {
    let scene = Scene::new().await;
    let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let config = common::anonymous_client(&scene.certs.trust());
    let name = identity::server_name(&scene.certs.pki.cluster, scene.node.id);
    let connecting = endpoint.connect_with(config, scene.node.address, &name).unwrap();
    if let Ok(connection) = connecting.await {
        closed(&connection).await;
    }
    scene.refuses(Refusal::NoCertificate).await;
}

#[tokio::test]
async fn certificate_of_another_authority() {
    let stranger = Certs::new().node(2);
    Scene::new().await.refuses_certificate(&stranger, Refusal::UntrustedAuthority).await;
}

#[tokio::test]
async fn client_certificate() {
    let scene = Scene::new().await;
    let client = scene.certs.pki.issue_client("alice", Validity::default()).unwrap();
    scene.refuses_certificate(&client.credentials().unwrap(), Refusal::UntrustedAuthority).await;
}

#[tokio::test]
async fn client_certificate_that_the_peer_authority_signed() {
    let scene = Scene::new().await;
    let params = client_params(&scene.certs.pki.cluster, "alice", Validity::default()).unwrap();
    scene.refuses_params(params, Refusal::NotAPeer).await;
}

#[tokio::test]
async fn expired_certificate() {
    let scene = Scene::new().await;
    let mut params = scene.params(2);
    params.not_before -= time::Duration::days(3);
    params.not_after = params.not_before + time::Duration::days(2);
    scene.refuses_params(params, Refusal::Expired).await;
}

#[tokio::test]
async fn certificate_of_another_cluster() {
    let other = ClusterId::new("other").unwrap();
    let params = node_params(&other, NodeId(2), &[], Validity::default()).unwrap();
    Scene::new().await.refuses_params(params, Refusal::WrongCluster).await;
}

#[tokio::test]
async fn certificate_without_key_usage() {
    let scene = Scene::new().await;
    let mut params = scene.params(2);
    params.extended_key_usages.clear();
    scene.refuses_params(params, Refusal::BadIdentity).await;
}

#[tokio::test]
async fn certificate_with_two_identities() {
    let scene = Scene::new().await;
    let mut params = scene.params(2);
    params.subject_alt_names.push(SanType::URI("spiffe://test/peer/3".try_into().unwrap()));
    scene.refuses_params(params, Refusal::BadIdentity).await;
}

#[tokio::test]
async fn unknown_member() {
    let scene = Scene::new().await;
    let params = scene.params(9);
    scene.refuses_params(params, Refusal::UnknownMember).await;
}

#[tokio::test]
async fn the_nodes_own_certificate() {
    let scene = Scene::new().await;
    let params = scene.params(1);
    scene.refuses_params(params, Refusal::Myself).await;
}

#[tokio::test]
async fn hello_in_the_name_of_another_node() {
    // The certificate is node 3's, the Hello says 2: both are members.
    let scene = Scene::new().await;
    let params = scene.params(3);
    scene.refuses_params(params, Refusal::Impostor).await;
}

#[tokio::test]
async fn another_protocol() {
    let scene = Scene::new().await;
    let peer = HandMade::new(2, &scene.certs.node(2), &scene.certs.trust());
    let (trust, credentials) = (scene.certs.trust(), scene.certs.node(2));
    let config =
        tls::client_config(ALPN_REGISTER, &trust, &credentials, &ConnectionSettings::default()).unwrap();
    let name = identity::server_name(&scene.certs.pki.cluster, scene.node.id);
    let connecting = peer.endpoint.connect_with(config, scene.node.address, &name).unwrap();
    assert!(connecting.await.is_err());
    scene.refuses(Refusal::Handshake).await;
}

#[tokio::test]
async fn removed_node_is_told_why_and_counts_it() {
    // Node 2 runs and knows node 1, which does not know it.
    let certs = Certs::new();
    let (one, two) = (socket(), socket());
    let a1 = one.local_addr().unwrap();
    let node = Node::start(certs.config(1, one, &[])).await;
    let stranger = Node::start(certs.config(2, two, &[(1, a1)])).await;
    eventually("node 2 learns that it is refused", || stranger.stats().refused_by_peer > 1).await;
    assert!(node.stats().refused(Refusal::UnknownMember) > 1);
    assert_eq!((stranger.stats().connects, node.stats().accepts), (0, 0));
}

// What a node finds where it dials node 2.

async fn dialling(credentials: impl FnOnce(&Certs) -> Credentials, why: Refusal) {
    let certs = Certs::new();
    let server = HandMade::new(2, &credentials(&certs), &certs.trust());
    let address = server.address();
    tokio::spawn(async move {
        // Completes handshakes, and never answers Hello.
        let mut connections = Vec::new();
        while let Some(incoming) = server.endpoint.accept().await {
            connections.push(incoming.await);
        }
    });
    Scene::with_second(&certs, address).await.refuses(why).await;
}

#[tokio::test]
async fn another_node_where_one_dials() {
    dialling(|certs| certs.node(3), Refusal::BadCertificate).await;
}

#[tokio::test]
async fn another_authority_where_one_dials() {
    dialling(|_| Certs::new().node(2), Refusal::UntrustedAuthority).await;
}

#[tokio::test]
async fn another_identity_under_the_right_name_where_one_dials() {
    let credentials = |certs: &Certs| {
        let mut params = node_params(&certs.pki.cluster, NodeId(3), &[], Validity::default()).unwrap();
        let name = identity::server_name(&certs.pki.cluster, NodeId(2));
        params.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
        certs.pki.peer_ca.sign(&params).unwrap().credentials().unwrap()
    };
    dialling(credentials, Refusal::WrongNode).await;
}

#[tokio::test]
async fn no_answer_to_hello() {
    dialling(|certs| certs.node(2), Refusal::HelloTimeout).await;
}

// What a node will not even start with.

#[tokio::test]
async fn a_node_does_not_start_with_the_certificate_of_another() {
    let certs = Certs::new();
    let mut config = certs.config(1, socket(), &[]);
    config.credentials = certs.node(2);
    let error = QuicTransport::start(config, Inbox::new().0).await.err().unwrap();
    assert!(matches!(error, StartError::NotMine { me: NodeId(1), .. }), "{error}");
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let certs = Certs::new();
    let taken = socket();
    let address = taken.local_addr().unwrap();
    let mut config = certs.config(1, socket(), &[]);
    config.bind = Bind::Address(address);
    let error = QuicTransport::start(config, Inbox::new().0).await.err().unwrap();
    assert!(error.to_string().contains(&format!("cannot listen on {address}")), "{error}");
}

#[tokio::test]
async fn the_reason_travels_in_the_close_frame() {
    let scene = Scene::new().await;
    let credentials = scene.certs.node(9);
    let peer = HandMade::new(9, &credentials, &scene.certs.trust());
    let connection = peer.dial(&scene.node).await;
    let (code, reason) = closed_with(&connection).await;
    assert_eq!((code, reason.as_str()), (Refusal::UnknownMember as u64, "node 9 is no member"));
    assert_eq!(
        connection
            .handshake_data()
            .unwrap()
            .downcast::<quinn::crypto::rustls::HandshakeData>()
            .unwrap()
            .protocol
            .unwrap(),
        ALPN_PEER
    );
}
