//! Who and what is refused: certificates, directories, addresses, configurations. In each case the
//! cluster goes on.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Cluster, LIMIT, SOON, in_dir, runtime, wait_for};
use raft::{ClusterId, NodeId};
use register::{Failure, StatusError};
use transport_quic::pki::client_params;
use transport_quic::{ALPN_PEER, ConnectionSettings, Credentials, Pki, TrustAnchors, Validity, tls};

/// Connection refusals that the client port of node 1 has counted for one reason.
fn refused(cluster: &Cluster, reason: &str) -> u64 {
    let counts = cluster.statuses().into_iter().find(|s| s.node == 1).unwrap().client_port.refused;
    counts.into_iter().find(|(name, _)| name == reason).map_or(0, |(_, count)| count)
}

fn is_refused_as(cluster: &Cluster, name: &str, reason: &str) {
    let before = refused(cluster, reason);
    runtime().block_on(async {
        let client = cluster.client_with(in_dir(&cluster.certs(), name)).await;
        assert_eq!(client.get("k", SOON).await, Err(Failure::NotAuthorised), "{name}");
        let status = client.status(&cluster.endpoints()[0], SOON).await;
        assert!(matches!(status, Err(StatusError::NotAuthorised { .. })), "{name}: {status:?}");
    });
    wait_for("the refusal to be counted", || (refused(cluster, reason) > before).then_some(()));
    cluster.put_works();
}

#[test]
fn certificates_that_are_no_clients_of_this_cluster() {
    let cluster = Cluster::started(1);
    let foreign = Pki::generate(&cluster.pki.cluster).unwrap();
    cluster.store("foreign", &foreign.issue_client("test", Validity::default()).unwrap());
    is_refused_as(&cluster, "foreign", "bad_certificate");

    // A node's certificate, which the client CA has not signed.
    is_refused_as(&cluster, "n1", "bad_certificate");
    // A node's certificate, were the client CA to sign one.
    let params = transport_quic::pki::node_params(&cluster.pki.cluster, NodeId(1), &[], Validity::default());
    cluster.store("peer-of-client-ca", &cluster.pki.client_ca.sign(&params.unwrap()).unwrap());
    is_refused_as(&cluster, "peer-of-client-ca", "not_a_client");
    // A client of another cluster, of the same authority.
    let other = ClusterId::new("other").unwrap();
    let params = client_params(&other, "test", Validity::default()).unwrap();
    cluster.store("other", &cluster.pki.client_ca.sign(&params).unwrap());
    is_refused_as(&cluster, "other", "not_a_client");

    cluster.store("client-test", &foreign.issue_client("test", Validity::default()).unwrap());
    assert_eq!(cluster.cli(&["get", "k"]).code, Some(4));
    assert_eq!(cluster.cli(&["status"]).code, Some(4));
}

#[test]
fn a_node_that_is_not_to_be_trusted_is_not_talked_to() {
    let cluster = Cluster::started(1);
    let foreign = Pki::generate(&cluster.pki.cluster).unwrap();
    std::fs::write(cluster.certs().join("peer-ca.pem"), foreign.peer_ca.cert_pem()).unwrap();
    assert_eq!(cluster.cli(&["put", "k", "v"]).code, Some(4));
}

/// Dials with quinn; whatever ends the connection ends this.
async fn dial(config: quinn::ClientConfig, port: u16) -> quinn::ConnectionError {
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    match endpoint.connect_with(config, address, "127.0.0.1").unwrap().await {
        Ok(connection) => tokio::time::timeout(LIMIT, connection.closed()).await.unwrap(),
        Err(error) => error,
    }
}

#[test]
fn a_clients_certificate_does_not_open_the_peer_port() {
    let cluster = Cluster::started(3);
    let certs = in_dir(&cluster.certs(), "client-test");
    let trust = TrustAnchors::load(&certs.peer_ca).unwrap();
    let credentials = Credentials::load(&certs.cert, &certs.key).unwrap();
    let settings = ConnectionSettings::lan_peers();
    let config = tls::client_config(ALPN_PEER, &trust, &credentials, &settings).unwrap();
    let error = runtime().block_on(dial(config, cluster.ports[0].peer));
    assert!(matches!(error, quinn::ConnectionError::ConnectionClosed(_)), "{error}");
    cluster.put_works();
}

#[test]
fn without_a_certificate_there_is_no_connection() {
    let cluster = Cluster::started(1);
    let before = refused(&cluster, "bad_certificate");
    let trust = TrustAnchors::load(&cluster.certs().join("peer-ca.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trust.certificates()[0].clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"raft-register/1".to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let error = runtime().block_on(dial(config, cluster.ports[0].client));
    assert!(matches!(error, quinn::ConnectionError::ConnectionClosed(_)), "{error}");
    wait_for("the refusal to be counted", || (refused(&cluster, "bad_certificate") > before).then_some(()));
    cluster.put_works();
}

#[test]
fn the_directory_of_another_node() {
    let mut cluster = Cluster::started(3);
    cluster.kill(2);
    cluster.kill(1);
    cluster.write_config(2, "data_dir = \"data1\"");
    let ended = cluster.start_and_end(2);
    assert_eq!(ended.code, Some(11), "{ended:?}");
    assert!(ended.stderr.contains("belongs to node 1"), "{ended:?}");
    cluster.start(1);
    cluster.leader();
    cluster.put_works();
}

#[test]
fn a_directory_in_use() {
    let cluster = Cluster::started(1);
    let ended = cluster.start_and_end(1);
    assert_eq!(ended.code, Some(11), "{ended:?}");
    assert!(ended.stderr.contains("in use"), "{ended:?}");
    cluster.put_works();
}

#[test]
fn busy_ports() {
    let cluster = Cluster::started(3);
    for key in ["listen_peers", "listen_clients"] {
        let taken = if key == "listen_peers" { cluster.ports[0].peer } else { cluster.ports[0].client };
        let (ours, extra) = (Cluster::new(1), format!("{key} = \"127.0.0.1:{taken}\""));
        ours.write_config(1, &extra);
        let ended = ours.start_and_end(1);
        assert_eq!(ended.code, Some(13), "{ended:?}");
        assert!(ended.stderr.contains(&taken.to_string()), "{ended:?}");
    }
    cluster.put_works();
}

#[test]
fn a_wiped_directory_never_comes_back_as_the_old_member() {
    let mut cluster = Cluster::started(3);
    cluster.put_works();
    let leader = cluster.leader();
    for _ in 0..2 {
        cluster.kill(leader);
        std::fs::remove_dir_all(cluster.data(leader)).unwrap();
        let ended = cluster.start_and_end(leader);
        assert_eq!(ended.code, Some(12), "{ended:?}");
        assert!(ended.stderr.contains("bootstrap refused"), "{ended:?}");
        cluster.leader();
        assert_eq!(cluster.cli(&["get", "canary"]).stdout, "sings\n");
        cluster.put_works();
    }
}

#[test]
fn a_configuration_with_an_unknown_key() {
    let cluster = Cluster::new(1);
    cluster.write_config(1, "verbose = true");
    let ended = cluster.start_and_end(1);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("verbose"), "{ended:?}");
}

#[test]
fn a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let cluster = Cluster::new(1);
    let key = cluster.certs().join("n1.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = cluster.start_and_end(1);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("n1.key"), "{ended:?}");
}
