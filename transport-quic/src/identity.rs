//! Who a certificate says its holder is. The chain has been verified by TLS before; this reads the
//! one URI in it that names a role in a cluster (the shape is SPIFFE's), and demands that the
//! extended key usage (RFC 5280 §4.2.1.12) is present and right: webpki only checks one that is.

use raft::{ClusterId, NodeId};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::prelude::FromDer;

/// The holder of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A node of the cluster.
    Peer {
        /// Its id.
        node: NodeId,
    },
    /// A client of the cluster.
    Client {
        /// Its name.
        name: String,
    },
}

/// What is wrong with a certificate. Peer-supplied text is escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The peer showed none.
    #[error("no certificate")]
    NoCertificate,
    /// It cannot be parsed.
    #[error("the certificate is malformed")]
    Malformed,
    /// No URI at all.
    #[error("the certificate names no identity: it has no URI among its alternative names")]
    NoUri,
    /// Two identities in one certificate: which one counts must not be a matter of order.
    #[error("the certificate has {0} URIs, exactly one is wanted")]
    SeveralUris(usize),
    /// The URI has another form.
    #[error("{uri} is not spiffe://<cluster>/peer/<id> or spiffe://<cluster>/client/<name>")]
    UnknownForm {
        /// What it says.
        uri: String,
    },
    /// Good, but for another cluster.
    #[error("the certificate is for cluster {theirs}, this is cluster {ours}")]
    OtherCluster {
        /// The certificate's.
        theirs: String,
        /// The one expected.
        ours: ClusterId,
    },
    /// It may be used for anything, or nothing that is said.
    #[error("the certificate does not say what it may be used for (extended key usage)")]
    NoKeyUsage,
    /// It may not be used for this.
    #[error("the certificate may not be used for {0} (extended key usage)")]
    WrongKeyUsage(&'static str),
}

/// The name under which a peer dials a node; TLS checks that the node's certificate has it.
#[must_use]
pub fn server_name(cluster: &ClusterId, node: NodeId) -> String {
    format!("n{node}.{cluster}.raft.internal")
}

/// The URI in a node's certificate.
#[must_use]
pub fn peer_uri(cluster: &ClusterId, node: NodeId) -> String {
    format!("spiffe://{cluster}/peer/{node}")
}

/// The URI in a client's certificate.
#[must_use]
pub fn client_uri(cluster: &ClusterId, name: &str) -> String {
    format!("spiffe://{cluster}/client/{name}")
}

/// Whether a client may be called so: the name stands in a URI, a file name and in logs.
#[must_use]
pub fn is_client_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=63).contains(&name.len()) && name.chars().all(legal)
}

/// Who is at the other end of a connection whose handshake has ended.
pub fn of_connection(connection: &quinn::Connection, cluster: &ClusterId) -> Result<Identity, IdentityError> {
    let chain = connection
        .peer_identity()
        .and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or(IdentityError::NoCertificate)?;
    identify(chain.first().ok_or(IdentityError::NoCertificate)?, cluster)
}

/// Reads the identity from a verified certificate.
pub fn identify(certificate: &CertificateDer<'_>, cluster: &ClusterId) -> Result<Identity, IdentityError> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| IdentityError::Malformed)?;
    let identity = parse_uri(single_uri(&certificate)?, cluster)?;
    let usage = certificate.extended_key_usage().map_err(|_| IdentityError::Malformed)?;
    check_usage(&identity, usage.ok_or(IdentityError::NoKeyUsage)?.value)?;
    Ok(identity)
}

/// The cluster in the subject of an authority that [`crate::pki`] made.
pub(crate) fn cluster_of_authority(certificate: &CertificateDer<'_>) -> Option<ClusterId> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let organization = certificate.subject().iter_organization().next()?;
    ClusterId::new(organization.as_str().ok()?).ok()
}

fn single_uri<'a>(certificate: &'a X509Certificate<'a>) -> Result<&'a str, IdentityError> {
    let names = certificate.subject_alternative_name().map_err(|_| IdentityError::Malformed)?;
    let names = names.ok_or(IdentityError::NoUri)?;
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let uri = uris.next().ok_or(IdentityError::NoUri)?;
    match uris.count() {
        0 => Ok(uri),
        more => Err(IdentityError::SeveralUris(more + 1)),
    }
}

fn parse_uri(uri: &str, cluster: &ClusterId) -> Result<Identity, IdentityError> {
    let unknown = || IdentityError::UnknownForm { uri: escape(uri) };
    let rest = uri.strip_prefix("spiffe://").ok_or_else(unknown)?;
    let mut parts = rest.split('/');
    let (Some(theirs), Some(role), Some(name), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    if theirs != cluster.as_str() {
        return Err(IdentityError::OtherCluster { theirs: escape(theirs), ours: cluster.clone() });
    }
    match role {
        "peer" => Ok(Identity::Peer { node: parse_node(name).ok_or_else(unknown)? }),
        "client" if is_client_name(name) => Ok(Identity::Client { name: name.into() }),
        _ => Err(unknown()),
    }
}

/// Canonical decimal only: `007` or `+7` would be second spellings of the same node.
fn parse_node(digits: &str) -> Option<NodeId> {
    let id: u64 = digits.parse().ok()?;
    (id.to_string() == digits).then_some(NodeId(id))
}

fn check_usage(identity: &Identity, usage: &ExtendedKeyUsage<'_>) -> Result<(), IdentityError> {
    if !usage.client_auth {
        return Err(IdentityError::WrongKeyUsage("client authentication"));
    }
    if matches!(identity, Identity::Peer { .. }) && !usage.server_auth {
        return Err(IdentityError::WrongKeyUsage("server authentication"));
    }
    Ok(())
}

/// Text from a peer, fit for a log: printable ASCII, not long. Doing it twice changes nothing.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().take(200) {
        if c == ' ' || c.is_ascii_graphic() {
            escaped.push(c);
        } else {
            escaped.extend(c.escape_default());
        }
    }
    escaped
}
