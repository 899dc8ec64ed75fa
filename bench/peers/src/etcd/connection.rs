//! One HTTP/2 connection with one member of an etcd cluster, as a target of the load.

use anyhow::{Context, Result};
use bytes::Bytes;
use register::load::{Ending, Target};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::messages::{PutRequest, PutResponse, RangeRequest, RangeResponse, StatusRequest, StatusResponse};

/// Clones share the connection.
#[derive(Clone)]
pub struct Connection {
    grpc: Grpc<Channel>,
}

impl Connection {
    /// Connects, and fails if nobody answers or the certificates are refused.
    pub async fn open(endpoint: &str, tls: Option<&ClientTlsConfig>) -> Result<Connection> {
        let mut to = Endpoint::from_shared(endpoint.to_owned())
            .with_context(|| format!("{endpoint}: not an address like https://127.0.0.1:2379"))?
            .tcp_nodelay(true);
        if let Some(tls) = tls {
            to = to.tls_config(tls.clone()).context("using the certificates")?;
        }
        let channel = to.connect().await.with_context(|| format!("connecting with {endpoint}"))?;
        Ok(Connection { grpc: Grpc::new(channel) })
    }

    /// Who this member is, and whom it takes for the leader.
    pub async fn status(&self) -> Result<StatusResponse, Status> {
        self.ask("/etcdserverpb.Maintenance/Status", StatusRequest {}).await
    }

    async fn ask<Q, A>(&self, method: &'static str, question: Q) -> Result<A, Status>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<Q, A>::default();
        let answer = grpc.unary(Request::new(question), PathAndQuery::from_static(method), codec).await?;
        Ok(answer.into_inner())
    }
}

impl Target for Connection {
    async fn put(&self, key: Bytes, value: Bytes) -> Ending {
        match self.ask::<_, PutResponse>("/etcdserverpb.KV/Put", PutRequest { key, value }).await {
            Ok(_) => Ending::Done,
            Err(status) => of_put(status.code()),
        }
    }

    async fn get(&self, key: Bytes) -> Ending {
        let range = RangeRequest { key, serializable: false };
        match self.ask::<_, RangeResponse>("/etcdserverpb.KV/Range", range).await {
            Ok(_) => Ending::Done,
            // A read has no effect, whatever became of it.
            Err(_) => Ending::NotApplied,
        }
    }
}

/// What a refused put may have done. Too many requests and no space left are said before anything is written; a
/// leader that was lost meanwhile may have committed it.
fn of_put(code: Code) -> Ending {
    match code {
        Code::ResourceExhausted | Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated => {
            Ending::NotApplied
        }
        _ => Ending::Unknown,
    }
}
