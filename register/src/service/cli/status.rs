//! `status`: every endpoint, asked at the same time.

use serde::Serialize;

use super::session::with_client;
use super::{Ended, Global, Output, output};
use crate::service::client::{Client, StatusError};
use crate::service::exit::Exit;
use crate::status::NodeStatus;

/// An endpoint, and what it said.
pub(super) type Row = (String, Result<NodeStatus, StatusError>);

pub(super) fn status(global: &Global) -> Result<Exit, Ended> {
    let rows = with_client(global, |client| async move { all(&client, global).await })?;
    match global.output {
        Output::Table => table(&rows),
        Output::Json => output::json(&rows.iter().map(as_json).collect::<Vec<_>>()),
    }
    let refused = |(_, row): &Row| matches!(row, Err(StatusError::NotAuthorised { .. }));
    Ok(match rows.iter().find(|(_, row)| row.is_err()) {
        None => Exit::Done,
        Some(_) if rows.iter().any(refused) => Exit::NotAuthorised,
        Some(_) => Exit::Unavailable,
    })
}

/// What every endpoint says.
pub(super) async fn all(client: &Client, global: &Global) -> Result<Vec<Row>, Ended> {
    let mut asked = Vec::new();
    for endpoint in global.endpoints.clone() {
        let (client, timeout) = (client.clone(), global.timeout);
        asked.push(tokio::spawn(async move {
            let status = client.status(&endpoint, timeout).await;
            (endpoint, status)
        }));
    }
    let mut rows: Vec<Row> = Vec::new();
    for answer in asked {
        rows.push(answer.await.map_err(|error| Ended::new(Exit::Error, error))?);
    }
    Ok(rows)
}

#[derive(Serialize)]
struct JsonRow<'a> {
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a NodeStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn as_json((endpoint, status): &Row) -> JsonRow<'_> {
    let error = status.as_ref().err().map(ToString::to_string);
    JsonRow { endpoint, status: status.as_ref().ok(), error }
}

fn table(rows: &[Row]) {
    output::line(&format!(
        "{:<24} {:>4} {:<13} {:>6} {:>6} {:>10} {:>10} {:<9} {:>9} {:>12} {:>12}  BOOT",
        "ENDPOINT",
        "NODE",
        "ROLE",
        "TERM",
        "LEADER",
        "COMMIT",
        "APPLIED",
        "DISK",
        "RPCS",
        "BYTES",
        "ON-THE-WIRE"
    ));
    for (endpoint, status) in rows {
        match status {
            Ok(s) => output::line(&format!(
                "{endpoint:<24} {:>4} {:<13} {:>6} {:>6} {:>10} {:>10} {:<9} {:>9} {:>12} {:>12}  {}",
                s.node,
                s.role,
                s.term,
                s.leader.map_or("-".into(), |leader| leader.to_string()),
                s.commit_index,
                s.last_applied,
                s.disk.state,
                s.rpcs_sent(),
                s.encoded_bytes_sent(),
                s.peer_port.bytes_sent,
                s.boot
            )),
            Err(error) => output::line(&error.to_string()),
        }
    }
}
