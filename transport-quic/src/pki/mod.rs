//! Making certificates. Two authorities that know nothing of each other: the peer CA vouches for
//! nodes, the client CA for clients, so that no client certificate can ever open the peer port.

mod files;

use std::net::IpAddr;

use raft::{ClusterId, NodeId};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

pub use files::{CLIENT_CA, PEER_CA, PkiFileError, client_file, create_client, create_node, init, node_file};

use crate::credentials::{Credentials, LoadError, TrustAnchors};
use crate::identity;

/// How long an authority is valid, in days.
const CA_DAYS: i64 = 3650;
/// How long a node's or client's certificate is valid unless told otherwise, in days.
const LEAF_DAYS: i64 = 730;

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The name of a client has other characters than the identity in its certificate allows.
    #[error("client name {0:?}: must be 1-63 characters of a-z, A-Z, 0-9, '-', '_' and '.'")]
    ClientName(String),
    /// An additional DNS name or address is not one.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    AlternativeName(String),
    /// The certificate library refused.
    #[error("cannot make the certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What was made cannot be read back.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub not_before: OffsetDateTime,
    /// Not after this.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// From an hour ago (the clocks of two hosts differ) for so many days.
    #[must_use]
    pub fn days(days: i64) -> Validity {
        let now = OffsetDateTime::now_utc();
        Validity { not_before: now - Duration::hours(1), not_after: now + Duration::days(days) }
    }
}

impl Default for Validity {
    /// Two years.
    fn default() -> Validity {
        Validity::days(LEAF_DAYS)
    }
}

/// A certificate and its key, as PEM.
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

impl Issued {
    /// Ready to be used in a connection.
    pub fn credentials(&self) -> Result<Credentials, LoadError> {
        Credentials::from_pem(self.cert_pem.as_bytes(), self.key_pem.as_bytes())
    }
}

/// A certificate authority with its private key.
pub struct Authority {
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority, valid ten years. The cluster, `role` and a part of its key's hash make up its
    /// name: two of one cluster, while one replaces the other, must not be taken for each other.
    pub fn new(cluster: &ClusterId, role: &str) -> Result<Authority, PkiError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        apply(Validity::days(CA_DAYS), &mut params);
        let key = KeyPair::generate()?;
        let hash: String = params.key_identifier(&key).iter().take(4).map(|b| format!("{b:02x}")).collect();
        params.distinguished_name = name(&format!("{cluster} {role} CA {hash}"), cluster);
        let cert_pem = params.self_signed(&key)?.pem();
        Ok(Authority { cert_pem, issuer: Issuer::new(params, key) })
    }

    /// An authority that exists.
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Authority, PkiError> {
        let issuer = Issuer::from_ca_cert_pem(cert_pem, KeyPair::from_pem(key_pem)?)?;
        Ok(Authority { cert_pem: cert_pem.to_owned(), issuer })
    }

    /// The authority's own certificate, as PEM.
    #[must_use]
    pub fn cert_pem(&self) -> String {
        self.cert_pem.clone()
    }

    /// The authority's private key, as PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A bundle that trusts just this authority.
    pub fn trust(&self) -> Result<TrustAnchors, LoadError> {
        TrustAnchors::from_pem(self.cert_pem().as_bytes())
    }

    /// Signs any certificate. [`Pki`] has the shapes that a cluster accepts.
    pub fn sign(&self, params: &CertificateParams) -> Result<Issued, PkiError> {
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }
}

/// The two authorities of a cluster, in memory.
pub struct Pki {
    /// The cluster that certificates are for.
    pub cluster: ClusterId,
    /// Vouches for nodes.
    pub peer_ca: Authority,
    /// Vouches for clients.
    pub client_ca: Authority,
}

impl Pki {
    /// Two new authorities.
    pub fn generate(cluster: &ClusterId) -> Result<Pki, PkiError> {
        Ok(Pki {
            cluster: cluster.clone(),
            peer_ca: Authority::new(cluster, "peer")?,
            client_ca: Authority::new(cluster, "client")?,
        })
    }

    /// A node's certificate; see [`node_params`].
    pub fn issue_node(&self, node: NodeId, names: &[String], validity: Validity) -> Result<Issued, PkiError> {
        self.peer_ca.sign(&node_params(&self.cluster, node, names, validity)?)
    }

    /// A client's certificate; see [`client_params`].
    pub fn issue_client(&self, name: &str, validity: Validity) -> Result<Issued, PkiError> {
        self.client_ca.sign(&client_params(&self.cluster, name, validity)?)
    }
}

/// What a node's certificate says: DNS name `n<ID>.<cluster>.raft.internal` (what its peers dial),
/// URI `spiffe://<cluster>/peer/<ID>` (who it is), both extended key usages since a node dials and
/// is dialled, and `names`: DNS names or IP addresses under which clients reach it.
pub fn node_params(
    cluster: &ClusterId,
    node: NodeId,
    names: &[String],
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    let mut params = leaf(cluster, &format!("node {node}"), &identity::peer_uri(cluster, node), validity)?;
    params.subject_alt_names.push(dns(&identity::server_name(cluster, node))?);
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => dns(name)?,
        });
    }
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// What a client's certificate says: URI `spiffe://<cluster>/client/<name>`, for client
/// authentication only.
pub fn client_params(
    cluster: &ClusterId,
    name: &str,
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    if !identity::is_client_name(name) {
        return Err(PkiError::ClientName(name.chars().take(64).collect()));
    }
    let uri = identity::client_uri(cluster, name);
    let mut params = leaf(cluster, &format!("client {name}"), &uri, validity)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn leaf(
    cluster: &ClusterId,
    common_name: &str,
    uri: &str,
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name, cluster);
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    apply(validity, &mut params);
    Ok(params)
}

fn name(common_name: &str, cluster: &ClusterId) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, cluster.as_str());
    name.push(DnType::CommonName, common_name);
    name
}

fn dns(name: &str) -> Result<SanType, PkiError> {
    // webpki matches against these names: what it would not parse must not get into a certificate.
    let legal = rustls_pki_types::DnsName::try_from(name).is_ok();
    let name = legal.then(|| name.try_into().ok()).flatten().ok_or(PkiError::AlternativeName(name.into()))?;
    Ok(SanType::DnsName(name))
}

fn apply(validity: Validity, params: &mut CertificateParams) {
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
}
