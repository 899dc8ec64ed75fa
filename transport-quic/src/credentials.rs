//! Loading certificates, keys and bundles of trusted authorities from PEM (RFC 7468).

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Files larger than this hold no certificates.
const MAX_FILE: u64 = 1 << 20;

/// Why a certificate, a key or a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Whoever can read the key can be the node.
    #[error("{path}: this private key can be read by others (mode {mode:04o}); run: chmod 600 {path}")]
    KeyReadableByOthers {
        /// The key.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Far too large for what it should hold.
    #[error("{path}: {len} bytes, the limit is {MAX_FILE}")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
    /// Not PEM, or without the section that is wanted.
    #[error("{what}: {why}")]
    Pem {
        /// What was looked for, and where if it was a file.
        what: String,
        /// What was found.
        why: String,
    },
}

impl LoadError {
    /// The same error, naming the file that the text came from.
    #[must_use]
    pub(crate) fn at(self, path: &Path) -> LoadError {
        match self {
            LoadError::Pem { what, why } => {
                LoadError::Pem { what: format!("{}: {what}", path.display()), why }
            }
            other => other,
        }
    }
}

/// A certificate chain and its private key: what a node or client proves itself with.
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Credentials {
    fn clone(&self) -> Credentials {
        Credentials { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// From a chain, the holder's own certificate first, and a key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Credentials, LoadError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| pem_error("private key", &e))?;
        Ok(Credentials { chain: certificates(chain)?, key })
    }

    /// From files. A key that its group or others can read is refused.
    pub fn load(chain: &Path, key: &Path) -> Result<Credentials, LoadError> {
        let key_pem = read_key_file(key)?;
        let chain_pem = read(chain)?;
        let chain = certificates(&chain_pem).map_err(|e| e.at(chain))?;
        let found =
            PrivateKeyDer::from_pem_slice(&key_pem).map_err(|e| pem_error("private key", &e).at(key))?;
        Ok(Credentials { chain, key: found })
    }

    /// The certificates, the holder's own first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }
}

/// The authorities whose word is taken: a bundle of one or more, so that one can replace another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchors {
    certificates: Vec<CertificateDer<'static>>,
}

impl TrustAnchors {
    /// From PEM with at least one certificate.
    pub fn from_pem(pem: &[u8]) -> Result<TrustAnchors, LoadError> {
        let anchors = TrustAnchors { certificates: certificates(pem)? };
        anchors.root_store()?;
        Ok(anchors)
    }

    /// From a file.
    pub fn load(path: &Path) -> Result<TrustAnchors, LoadError> {
        TrustAnchors::from_pem(&read(path)?).map_err(|e| e.at(path))
    }

    /// Trusts the authorities of both.
    #[must_use]
    pub fn and(mut self, other: &TrustAnchors) -> TrustAnchors {
        self.certificates.extend(other.certificates.iter().cloned());
        self
    }

    /// The authorities.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// As rustls wants them. One that cannot be an anchor is an error: leaving it out would refuse
    /// good peers later, far from the cause.
    pub(crate) fn root_store(&self) -> Result<RootCertStore, LoadError> {
        let mut store = RootCertStore::empty();
        for (i, certificate) in self.certificates.iter().enumerate() {
            store.add(certificate.clone()).map_err(|e| LoadError::Pem {
                what: format!("certificate {} of the bundle", i + 1),
                why: format!("cannot be an authority: {e}"),
            })?;
        }
        Ok(store)
    }
}

/// Reads a private key's file, if only its owner can.
pub(crate) fn read_key_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let meta = fs::metadata(path).map_err(|source| LoadError::Io { path: path.into(), source })?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(LoadError::KeyReadableByOthers { path: path.into(), mode });
    }
    read(path)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let io = |source| LoadError::Io { path: path.into(), source };
    let len = fs::metadata(path).map_err(io)?.len();
    if len > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.into(), len });
    }
    fs::read(path).map_err(io)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|e| pem_error("certificate", &e))?;
    if all.is_empty() {
        return Err(LoadError::Pem { what: "certificate".into(), why: "none found".into() });
    }
    Ok(all)
}

fn pem_error(what: &str, error: &rustls_pki_types::pem::Error) -> LoadError {
    LoadError::Pem { what: what.into(), why: error.to_string() }
}
