//! What QUIC alone moves on this machine, beside which the sending of snapshots is judged: one stream
//! between two endpoints on loopback, TLS 1.3 with both certificates checked, nothing behind it.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quinn::{Connection, Endpoint, TransportConfig};
use raft::{ClusterId, NodeId};
use tokio::runtime::Runtime;
use transport_quic::{ALPN_PEER, ConnectionSettings, Pki, Validity, tls};

const BYTES: usize = 256 << 20;
const PIECE: usize = 64 << 10;
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn one_stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("raw QUIC, one stream on loopback");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Bytes(BYTES as u64));
    for (name, transport) in
        [("as between peers", None), ("quinn's defaults", Some(TransportConfig::default()))]
    {
        let runtime = Runtime::new().unwrap();
        let (connection, _endpoints) = runtime.block_on(connect(transport));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                runtime.block_on(async {
                    for _ in 0..times {
                        send(&connection).await;
                    }
                });
                begun.elapsed()
            });
        });
    }
    group.finish();
}

/// Sends, and waits until the other side has read all.
async fn send(connection: &Connection) {
    let (mut stream, mut answer) = connection.open_bi().await.unwrap();
    let piece = bytes::Bytes::from(vec![7; PIECE]);
    for _ in 0..BYTES / PIECE {
        stream.write_chunk(piece.clone()).await.unwrap();
    }
    stream.finish().unwrap();
    answer.read_to_end(1).await.unwrap();
}

/// Reads whatever comes.
async fn receive(connection: Connection) {
    while let Ok((mut answer, mut stream)) = connection.accept_bi().await {
        while stream.read_chunk(usize::MAX, true).await.unwrap().is_some() {}
        answer.finish().unwrap();
    }
}

async fn connect(transport: Option<TransportConfig>) -> (Connection, [Endpoint; 2]) {
    let pki = Pki::generate(&ClusterId::new("bench").unwrap()).unwrap();
    let trust = pki.peer_ca.trust().unwrap();
    let of = |id| pki.issue_node(NodeId(id), &[], Validity::default()).unwrap().credentials().unwrap();
    let settings = ConnectionSettings::lan_peers();
    let mut accepting = tls::server_config(ALPN_PEER, &trust, &of(1), &settings).unwrap();
    let mut dialling = tls::client_config(ALPN_PEER, &trust, &of(2), &settings).unwrap();
    if let Some(transport) = transport {
        let transport = std::sync::Arc::new(transport);
        accepting.transport_config(transport.clone());
        dialling.transport_config(transport);
    }
    let accepting = Endpoint::server(accepting, HERE).unwrap();
    let from = Endpoint::client(HERE).unwrap();
    let name = transport_quic::identity::server_name(&pki.cluster, NodeId(1));
    let connecting = from.connect_with(dialling, accepting.local_addr().unwrap(), &name).unwrap();
    let listening = accepting.clone();
    tokio::spawn(async move {
        let incoming = listening.accept().await.unwrap();
        receive(incoming.await.unwrap()).await;
    });
    (connecting.await.unwrap(), [accepting, from])
}

criterion_group!(benches, one_stream);
criterion_main!(benches);
