//! A cluster's certificates in a directory: `peer-ca.pem/.key`, `client-ca.pem/.key`,
//! `n<ID>.pem/.key`, `client-<NAME>.pem/.key`. Nothing that exists is ever overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use raft::{ClusterId, NodeId};
use rcgen::CertificateParams;

use super::{Authority, Issued, Pki, PkiError, Validity, client_params, node_params};
use crate::credentials::{self, LoadError, TrustAnchors};
use crate::identity;

/// The name of the peer CA's files, without extension.
pub const PEER_CA: &str = "peer-ca";
/// The name of the client CA's files, without extension.
pub const CLIENT_CA: &str = "client-ca";

/// Why a directory of certificates cannot be made or added to.
#[derive(Debug, thiserror::Error)]
pub enum PkiFileError {
    /// Nothing is overwritten: a key that is lost cannot be made again.
    #[error("{0} exists already; it is not overwritten")]
    Exists(PathBuf),
    /// A file or directory cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The authority's certificate does not say which cluster it is for.
    #[error("{0}: not an authority that this program made: its subject names no cluster")]
    NoCluster(PathBuf),
    /// The authority's files cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The certificate cannot be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// The name of a node's files, without extension.
#[must_use]
pub fn node_file(node: NodeId) -> String {
    format!("n{node}")
}

/// The name of a client's files, without extension.
#[must_use]
pub fn client_file(name: &str) -> String {
    format!("client-{name}")
}

/// Makes both authorities of a new cluster in `dir`, which is created if need be.
pub fn init(dir: &Path, cluster: &ClusterId) -> Result<(), PkiFileError> {
    for ca in [PEER_CA, CLIENT_CA] {
        absent(dir, ca)?;
    }
    let pki = Pki::generate(cluster)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| io_error(dir, e))?;
    for (ca, authority) in [(PEER_CA, &pki.peer_ca), (CLIENT_CA, &pki.client_ca)] {
        let issued = Issued { cert_pem: authority.cert_pem(), key_pem: authority.key_pem() };
        write_pair(dir, ca, &issued)?;
    }
    Ok(())
}

/// Makes a node's certificate and key, signed by the peer CA in `dir`. `names` are additional DNS
/// names and IP addresses. Returns the path of the certificate; the key is beside it.
pub fn create_node(
    dir: &Path,
    node: NodeId,
    names: &[String],
    validity: Validity,
) -> Result<PathBuf, PkiFileError> {
    create(dir, PEER_CA, &node_file(node), |cluster| node_params(cluster, node, names, validity))
}

/// Makes a client's certificate and key, signed by the client CA in `dir`. Returns the path of the
/// certificate; the key is beside it.
pub fn create_client(dir: &Path, name: &str, validity: Validity) -> Result<PathBuf, PkiFileError> {
    // The name becomes part of a path.
    if !identity::is_client_name(name) {
        return Err(PkiError::ClientName(name.chars().take(64).collect()).into());
    }
    create(dir, CLIENT_CA, &client_file(name), |cluster| client_params(cluster, name, validity))
}

fn create(
    dir: &Path,
    ca: &str,
    name: &str,
    params: impl FnOnce(&ClusterId) -> Result<CertificateParams, PkiError>,
) -> Result<PathBuf, PkiFileError> {
    absent(dir, name)?;
    let cert_path = path(dir, ca, "pem");
    let ca_pem = fs::read(&cert_path).map_err(|e| io_error(&cert_path, e))?;
    let trust = TrustAnchors::from_pem(&ca_pem).map_err(|e| e.at(&cert_path))?;
    let ca_cert = trust.certificates().first().ok_or_else(|| PkiFileError::NoCluster(cert_path.clone()))?;
    let cluster = identity::cluster_of_authority(ca_cert).ok_or(PkiFileError::NoCluster(cert_path))?;
    let key_pem = credentials::read_key_file(&path(dir, ca, "key"))?;
    let (ca_pem, key_pem) = (String::from_utf8_lossy(&ca_pem), String::from_utf8_lossy(&key_pem));
    let issued = Authority::from_pem(&ca_pem, &key_pem)?.sign(&params(&cluster)?)?;
    write_pair(dir, name, &issued)?;
    Ok(path(dir, name, "pem"))
}

fn path(dir: &Path, name: &str, extension: &str) -> PathBuf {
    dir.join(format!("{name}.{extension}"))
}

fn absent(dir: &Path, name: &str) -> Result<(), PkiFileError> {
    for extension in ["key", "pem"] {
        let path = path(dir, name, extension);
        if path.symlink_metadata().is_ok() {
            return Err(PkiFileError::Exists(path));
        }
    }
    Ok(())
}

fn write_pair(dir: &Path, name: &str, issued: &Issued) -> Result<(), PkiFileError> {
    write_new(&path(dir, name, "key"), 0o600, &issued.key_pem)?;
    write_new(&path(dir, name, "pem"), 0o644, &issued.cert_pem)
}

/// `create_new` is what holds against two that run at the same time.
fn write_new(path: &Path, mode: u32, content: &str) -> Result<(), PkiFileError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = match file {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(PkiFileError::Exists(path.into())),
        other => other.map_err(|e| io_error(path, e))?,
    };
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| io_error(path, e))
}

fn io_error(path: &Path, source: io::Error) -> PkiFileError {
    PkiFileError::Io { path: path.into(), source }
}
