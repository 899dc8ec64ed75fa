//! Making certificates, keeping them in a directory, loading them, and reading identities.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use raft::{ClusterId, NodeId};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};
use transport_quic::identity::{IdentityError, identify};
use transport_quic::pki::{self, Authority, PkiError, PkiFileError, client_params, node_params};
use transport_quic::{Credentials, Identity, Pki, Refusal, Refused, TrustAnchors, Validity};

fn cluster() -> ClusterId {
    ClusterId::new("prod").unwrap()
}

#[test]
fn a_directory_gets_authorities_nodes_and_clients_with_private_keys() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("pki");
    pki::init(&dir, &cluster()).unwrap();
    let names = ["db1.example.org".to_owned(), "10.0.0.1".to_owned()];
    let node = pki::create_node(&dir, NodeId(1), &names, Validity::default()).unwrap();
    let client = pki::create_client(&dir, "alice", Validity::default()).unwrap();
    assert_eq!((node, client), (dir.join("n1.pem"), dir.join("client-alice.pem")));

    for name in ["peer-ca", "client-ca", "n1", "client-alice"] {
        let mode =
            |ext: &str| fs::metadata(dir.join(format!("{name}.{ext}"))).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("key"), mode("pem") & 0o600), (0o600, 0o600), "{name}");
    }
    let load = |name: &str| {
        Credentials::load(&dir.join(format!("{name}.pem")), &dir.join(format!("{name}.key"))).unwrap()
    };
    let who = |name: &str| identify(&load(name).chain()[0], &cluster());
    assert_eq!(who("n1"), Ok(Identity::Peer { node: NodeId(1) }));
    assert_eq!(who("client-alice"), Ok(Identity::Client { name: "alice".into() }));
    assert_eq!(TrustAnchors::load(&dir.join("peer-ca.pem")).unwrap().certificates().len(), 1);
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    pki::init(dir, &cluster()).unwrap();
    pki::create_node(dir, NodeId(1), &[], Validity::default()).unwrap();
    let files = || -> Vec<_> {
        let mut all: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all.into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect()
    };
    let before = files();
    for error in [
        pki::init(dir, &cluster()).unwrap_err(),
        pki::create_node(dir, NodeId(1), &[], Validity::default()).unwrap_err(),
    ] {
        assert!(matches!(error, PkiFileError::Exists(_)), "{error}");
        assert!(error.to_string().contains("exists already"), "{error}");
    }
    assert_eq!(files(), before);
}

#[test]
fn a_lost_certificate_does_not_endanger_its_key() {
    let dir = tempfile::tempdir().unwrap();
    pki::init(dir.path(), &cluster()).unwrap();
    fs::remove_file(dir.path().join("peer-ca.pem")).unwrap();
    assert!(matches!(pki::init(dir.path(), &cluster()), Err(PkiFileError::Exists(_))));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    pki::init(dir.path(), &cluster()).unwrap();
    pki::create_node(dir.path(), NodeId(1), &[], Validity::default()).unwrap();
    let (cert, key) = (dir.path().join("n1.pem"), dir.path().join("n1.key"));
    Credentials::load(&cert, &key).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = Credentials::load(&cert, &key).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod 600 {}", key.display())), "{error}");
    }
    // Nor is a certificate signed with such a key.
    fs::set_permissions(dir.path().join("peer-ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = pki::create_node(dir.path(), NodeId(2), &[], Validity::default()).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    pki::init(dir.path(), &cluster()).unwrap();
    for name in ["", "../evil", "a b", "a\nb", "é", &"x".repeat(64)] {
        let error = pki::create_client(dir.path(), name, Validity::default()).unwrap_err();
        assert!(matches!(error, PkiFileError::Pki(PkiError::ClientName(_))), "{error}");
    }
    for name in ["a b", "", "-", "a..b"] {
        let result = node_params(&cluster(), NodeId(1), &[name.to_owned()], Validity::default());
        assert!(matches!(result, Err(PkiError::AlternativeName(_))), "{name}");
    }
}

#[test]
fn bundles_hold_several_authorities_and_nothing_else() {
    let (old, new) = (Pki::generate(&cluster()).unwrap(), Pki::generate(&cluster()).unwrap());
    let bundle = old.peer_ca.cert_pem() + &new.peer_ca.cert_pem();
    let trust = TrustAnchors::from_pem(bundle.as_bytes()).unwrap();
    assert_eq!(trust, old.peer_ca.trust().unwrap().and(&new.peer_ca.trust().unwrap()));
    for bad in ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(TrustAnchors::from_pem(bad.as_bytes()).is_err(), "{bad}");
    }
}

fn judge(params: &CertificateParams) -> Result<Identity, IdentityError> {
    let issued = Authority::new(&cluster(), "peer").unwrap().sign(params).unwrap();
    identify(&issued.credentials().unwrap().chain()[0], &cluster())
}

fn node() -> CertificateParams {
    node_params(&cluster(), NodeId(7), &[], Validity::default()).unwrap()
}

fn with_uri(uri: &str) -> CertificateParams {
    let mut params = node();
    params.subject_alt_names[0] = SanType::URI(uri.try_into().unwrap());
    params
}

#[test]
fn identities_have_one_spelling() {
    assert_eq!(judge(&node()), Ok(Identity::Peer { node: NodeId(7) }));
    let max = format!("spiffe://prod/peer/{}", u64::MAX);
    assert_eq!(judge(&with_uri(&max)), Ok(Identity::Peer { node: NodeId(u64::MAX) }));
    for uri in [
        "spiffe://prod/peer/07",
        "spiffe://prod/peer/+7",
        "spiffe://prod/peer/",
        "spiffe://prod/peer/7/",
        "spiffe://prod/peer/18446744073709551616",
        "spiffe://prod/peer",
        "spiffe://prod//7",
        "spiffe://prod/admin/7",
        "spiffe://prod/client/a%20b",
        "https://prod/peer/7",
        "SPIFFE://prod/peer/7",
    ] {
        assert!(matches!(judge(&with_uri(uri)), Err(IdentityError::UnknownForm { .. })), "{uri}");
    }
    for uri in ["spiffe://prod2/peer/7", "spiffe:///peer/7", "spiffe://PROD/peer/7"] {
        assert!(matches!(judge(&with_uri(uri)), Err(IdentityError::OtherCluster { .. })), "{uri}");
    }
}

#[test]
fn the_key_usage_must_be_there_and_fit_the_role() {
    let mut none = node();
    none.extended_key_usages.clear();
    assert_eq!(judge(&none), Err(IdentityError::NoKeyUsage));
    for (usage, missing) in [
        (ExtendedKeyUsagePurpose::ClientAuth, "server authentication"),
        (ExtendedKeyUsagePurpose::ServerAuth, "client authentication"),
        (ExtendedKeyUsagePurpose::Any, "client authentication"),
    ] {
        let mut one = node();
        one.extended_key_usages = vec![usage];
        assert_eq!(judge(&one), Err(IdentityError::WrongKeyUsage(missing)));
    }
    let mut client = client_params(&cluster(), "bob", Validity::default()).unwrap();
    assert_eq!(judge(&client), Ok(Identity::Client { name: "bob".into() }));
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(judge(&client), Err(IdentityError::WrongKeyUsage("client authentication")));
}

#[test]
fn exactly_one_uri_counts() {
    let mut none = node();
    none.subject_alt_names.remove(0);
    assert_eq!(judge(&none), Err(IdentityError::NoUri));
    let mut two = node();
    two.subject_alt_names.push(SanType::URI("spiffe://prod/peer/8".try_into().unwrap()));
    assert_eq!(judge(&two), Err(IdentityError::SeveralUris(2)));
    let mut no_names = node();
    no_names.subject_alt_names.clear();
    assert_eq!(judge(&no_names), Err(IdentityError::NoUri));
    assert_eq!(identify(&vec![1, 2, 3].into(), &cluster()), Err(IdentityError::Malformed));
}

#[test]
fn what_a_peer_says_reaches_no_log_unescaped() {
    let error = judge(&with_uri("spiffe://prod/peer/\u{1b}[31m\r\nlevel=ERROR")).unwrap_err();
    assert!(!error.to_string().chars().any(char::is_control), "{error}");
    let refused = Refused::new(Refusal::Disconnected, format!("a\nb\u{7}{}", "x".repeat(10_000)));
    let text = refused.to_string();
    assert!(text.starts_with("a\\nb\\u{7}xxx") && text.len() < 1000, "{text}");
}
