//! From the global flags to a client, and a runtime for one command.

use std::path::Path;

use raft::ClusterId;
use transport_quic::Credentials;
use transport_quic::identity::{self, IdentityError};

use super::{Ended, Global};
use crate::outcome::{Failure, WriteError};
use crate::service::client::{Client, ClientCerts, ClientConfig, ConnectError};
use crate::service::exit::Exit;

/// Connects, and runs one command to its end.
pub(super) fn with_client<T, F: Future<Output = Result<T, Ended>>>(
    global: &Global,
    command: impl FnOnce(Client) -> F,
) -> Result<T, Ended> {
    with_access(global, |access| async move { command(connect(access).await?).await })
}

/// Runs one command that knows how to connect.
pub(super) fn with_access<T, F: Future<Output = Result<T, Ended>>>(
    global: &Global,
    command: impl FnOnce(ClientConfig) -> F,
) -> Result<T, Ended> {
    if global.endpoints.is_empty() {
        return Err(Ended::new(Exit::Usage, "no --endpoints given"));
    }
    let name = match &global.client {
        Some(name) => name.clone(),
        None => only_client(&global.certs_dir)?,
    };
    let certs = ClientCerts::in_dir(&global.certs_dir, &name);
    let access = ClientConfig::new(cluster_of(&certs)?, global.endpoints.clone(), certs);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Ended::new(Exit::Error, error))?;
    runtime.block_on(command(access))
}

pub(super) async fn connect(access: ClientConfig) -> Result<Client, Ended> {
    Client::connect(access).await.map_err(|error| match error {
        ConnectError::Certs(_) | ConnectError::NoEndpoints => Ended::new(Exit::Usage, error),
        ConnectError::Socket(_) => Ended::new(Exit::Error, error),
    })
}

/// The name of the one client in the directory.
fn only_client(dir: &Path) -> Result<String, Ended> {
    let usage = |why: String| Ended::new(Exit::Usage, why);
    let files = std::fs::read_dir(dir).map_err(|e| usage(format!("{}: {e}", dir.display())))?;
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_prefix("client-")?.strip_suffix(".pem")?.to_owned()))
        .filter(|name| name != "ca")
        .collect();
    match (names.pop(), names.pop()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(usage(format!("no client's certificate in {}", dir.display()))),
        _ => {
            Err(usage(format!("several clients' certificates in {}: say which with --client", dir.display())))
        }
    }
}

/// The cluster that the client's own certificate is for: asked about a cluster that has another
/// name, the certificate says what its own is.
fn cluster_of(certs: &ClientCerts) -> Result<ClusterId, Ended> {
    let usage = |why: String| Ended::new(Exit::Usage, why);
    let credentials = Credentials::load(&certs.cert, &certs.key).map_err(|e| usage(e.to_string()))?;
    let certificate = credentials.chain().first().ok_or_else(|| usage("no certificate".into()))?;
    let guess = ClusterId::new("a").map_err(|e| usage(e.to_string()))?;
    match identity::identify(certificate, &guess) {
        Ok(_) => Ok(guess),
        Err(IdentityError::OtherCluster { theirs, .. }) => {
            ClusterId::new(theirs).map_err(|e| usage(e.to_string()))
        }
        Err(error) => Err(usage(format!("{}: {error}", certs.cert.display()))),
    }
}

/// The code and sentence of a read or write that was not done.
pub(super) fn not_done(client: &Client, error: WriteError) -> Ended {
    let exit = match error {
        WriteError::Unknown(_) => Exit::Unknown,
        WriteError::NotApplied(
            Failure::Unavailable | Failure::Overloaded | Failure::DiskFull | Failure::Closed,
        ) => Exit::Unavailable,
        WriteError::NotApplied(Failure::NotAuthorised) => Exit::NotAuthorised,
        WriteError::NotApplied(Failure::Invalid(_)) => Exit::Usage,
    };
    let detail = match exit {
        Exit::Unavailable | Exit::NotAuthorised | Exit::Unknown => client.last_connection_failure(),
        _ => None,
    };
    let detail = detail.map(|detail| format!(" (last connection: {detail})")).unwrap_or_default();
    Ended::new(exit, format!("{error}{detail}"))
}
