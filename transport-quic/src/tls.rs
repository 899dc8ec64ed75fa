//! TLS configurations for QUIC (RFC 9001): version 1.3 only, both sides show a certificate that is
//! verified against given authorities, no tickets, no resumption and no early data, since each of
//! them would skip that verification.
//!
//! Key exchange prefers X25519MLKEM768. Revocation lists are not loaded yet.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;

use crate::credentials::{Credentials, LoadError, TrustAnchors};
use crate::settings::ConnectionSettings;

/// The application protocol (RFC 7301) of the peer port. The number is the major version.
pub const ALPN_PEER: &[u8] = b"raft-peer/1";
/// The application protocol of the client port.
pub const ALPN_REGISTER: &[u8] = b"raft-register/1";

/// Why a TLS configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The trusted authorities are unusable.
    #[error(transparent)]
    Trust(#[from] LoadError),
    /// No verifier can be made from the trusted authorities.
    #[error("trusted authorities: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    /// Certificate and key are unusable or do not belong together.
    #[error("certificate and private key: {0}")]
    Credentials(#[from] rustls::Error),
    /// The provider lacks the cipher suite that QUIC's first packets need (RFC 9001 §5.2).
    #[error("the cryptography provider lacks TLS13_AES_128_GCM_SHA256, which QUIC needs")]
    NoInitialCipherSuite,
}

/// For a port that is dialled: shows `credentials`, and accepts only who shows a certificate from
/// one of `trust`. Who that is, [`crate::identity::of_connection`] tells.
pub fn server_config(
    alpn: &[u8],
    trust: &TrustAnchors,
    credentials: &Credentials,
    settings: &ConnectionSettings,
) -> Result<quinn::ServerConfig, TlsError> {
    let provider = provider();
    let roots = Arc::new(trust.root_store()?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(credentials.chain().to_vec(), credentials.key().clone_key())?;
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.max_early_data_size = 0;
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| TlsError::NoInitialCipherSuite)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(settings.transport()));
    config.migration(false);
    Ok(config)
}

/// For dialling: shows `credentials`, and accepts only a server with a certificate from one of
/// `trust` that has the name that is dialled.
pub fn client_config(
    alpn: &[u8],
    trust: &TrustAnchors,
    credentials: &Credentials,
    settings: &ConnectionSettings,
) -> Result<quinn::ClientConfig, TlsError> {
    let provider = provider();
    let roots = Arc::new(trust.root_store()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build()?;
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(credentials.chain().to_vec(), credentials.key().clone_key())?;
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.enable_early_data = false;
    tls.resumption = Resumption::disabled();
    let crypto = QuicClientConfig::try_from(tls).map_err(|_| TlsError::NoInitialCipherSuite)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(settings.transport()));
    // Retry tokens and NEW_TOKEN are about addresses, not identities, but nothing needs them here.
    config.token_store(Arc::new(quinn::NoneTokenStore));
    Ok(config)
}

/// aws-lc-rs, named rather than taken from the process-wide default, which another library could
/// have set.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
