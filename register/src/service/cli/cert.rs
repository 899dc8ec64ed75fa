//! `cert`: authorities and certificates in a directory.

use std::path::Path;

use raft::{ClusterId, NodeId};
use transport_quic::pki::{self, PkiFileError};
use transport_quic::{Validity, pki::PkiError};

use super::{CertCommand, Ended};
use crate::service::exit::Exit;

pub(super) fn cert(dir: &Path, command: CertCommand) -> Result<Exit, Ended> {
    match command {
        CertCommand::Init { cluster } => {
            let cluster = ClusterId::new(cluster).map_err(|e| Ended::new(Exit::Usage, e))?;
            pki::init(dir, &cluster).map_err(ended)?;
            super::output::line(&format!("authorities of cluster {cluster} are in {}", dir.display()));
        }
        CertCommand::CreateNode { id, san } => {
            let made = pki::create_node(dir, NodeId(id), &san, Validity::default()).map_err(ended)?;
            super::output::line(&format!("{}", made.display()));
        }
        CertCommand::CreateClient { name } => {
            let made = pki::create_client(dir, &name, Validity::default()).map_err(ended)?;
            super::output::line(&format!("{}", made.display()));
        }
    }
    Ok(Exit::Done)
}

fn ended(error: PkiFileError) -> Ended {
    let exit = match &error {
        PkiFileError::Pki(PkiError::ClientName(_) | PkiError::AlternativeName(_)) => Exit::Usage,
        _ => Exit::Error,
    };
    Ended::new(exit, error)
}
